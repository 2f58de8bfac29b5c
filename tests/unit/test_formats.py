"""Values that formats read as something else: refused by the settings, or written as they are.

What Python can read is read here; `tests/lab/test_formats.py` asks the daemons' own readers.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from urllib.parse import unquote, urlsplit

import dns.rdata
import dns.zone
import lupa.lua54 as lupa
import pytest
import yaml
from dns.rdtypes.ANY.TXT import TXT

from postroad.dns.octodns import document
from postroad.dns.records import derive
from postroad.dns.zone import zone_text
from postroad.mail import formats
from postroad.mail.acme import request_script
from postroad.mail.certificate import _unquoted
from postroad.mail.formats import FormatError
from postroad.mail.parts.order import every_row, rows
from postroad.mail.render import TEMPLATES, Renderer
from postroad.settings import sections
from postroad.settings.faults import EstateFaults
from postroad.settings.model import AcmeTls, Estate
from tests import hostile
from tests.unit import estates
from tests.unit.declarations import HASH, Declaration, declaration, put

EVERY_LOCAL_PART = pytest.mark.parametrize("local", hostile.LOCAL_PARTS)


def read(declared: Declaration) -> Estate | None:
    """The estate; None where the settings refuse it."""
    try:
        return estates.estate(declared)
    except EstateFaults:
        return None


def rendered(estate: Estate) -> dict[str, str]:
    """The text of every row of the first host, by its path."""
    (host, *_) = estate.hosts
    found = estates.facts(estate, host)
    renderer = Renderer(lambda path: "# its text\n", lambda ref: hostile.SECRET)
    return {row.path: renderer.text(row, estate, host, found) for row in rows(estate, host)}


# ---- completeness ------------------------------------------------------------------------------


def test_every_setting_has_its_place_among_the_hostile_ones() -> None:
    assert set(hostile.PLACES) == set(sections.ALL)


def test_every_row_that_writes_a_value_has_a_reader() -> None:
    writing = {
        row.template
        for row in every_row()
        if row.template.endswith(".j2") and "{{" in (TEMPLATES / row.template).read_text()
    }
    assert writing == set(hostile.READERS)


def test_the_hostile_estates_have_every_row_between_them() -> None:
    there = set()
    for _, declared in hostile.declarations():
        estate = estates.estate(declared)
        there |= {row.path for host in estate.hosts for row in rows(estate, host)}
    assert there == {row.path for row in every_row()}


def test_no_template_quotes_a_value_by_itself() -> None:
    """A value between quotation marks of the template's is one that nobody has escaped."""
    for place in TEMPLATES.rglob("*.j2"):
        found = re.findall(r"""["']\{\{(?!.*paths\.).*""", place.read_text())
        assert not found, place


# ---- the settings ------------------------------------------------------------------------------


@pytest.mark.parametrize("section", sections.ALL)
def test_a_hostile_string_is_refused_or_stays_within_its_line(section: str) -> None:
    """A setting of which nobody has thought takes none of them."""
    place = hostile.PLACES[section]
    before = rendered(estates.estate(place.within()))
    for key in sections.ALL[section]:
        taken = [(value, read(place.written(key, value))) for value in hostile.STRINGS]
        assert any(estate for _, estate in taken) == ((section, key) in hostile.FREE), key
        for value, estate in taken:
            after = {} if estate is None else rendered(estate)
            for path in before.keys() & after.keys():
                # A second address, or domain, may have a line of its own.
                more = len(after[path].splitlines()) - len(before[path].splitlines())
                assert -2 <= more <= 2, (key, value, path)


@pytest.mark.parametrize("value", hostile.TEXTS)
@pytest.mark.parametrize(
    "path",
    [("hosts",), ("streams",), ("streams", "transactional", "users"), ("dns", "zones"),
     ("dmarc", "stages")],
)  # fmt: skip
def test_names_of_the_operators_choice_are_names(path: tuple[str, ...], value: str) -> None:
    declared = hostile.base()
    place = declared
    for key in path:
        place = place.setdefault(key, {})
    some = next(iter(place.values()), "none")
    estate = read(put(declared, path, {**place, value: some}))
    if path != ("hosts",) and estate is not None:
        assert re.fullmatch(r"[A-Za-z0-9.@_-]+", value)
    assert estate is None or value.isprintable()


# ---- the writers ------------------------------------------------------------------------------


@pytest.mark.parametrize("writer", formats.FILTERS.values(), ids=formats.FILTERS)
@pytest.mark.parametrize("text", ["x\ny", "x\ry", "x\x00", "x\x85y", "x\u2028y", "x\x1b[2J"])
def test_no_format_takes_several_lines(writer: formats.Writer, text: str) -> None:
    if writer is formats.lua:
        assert writer(text).isprintable()
        return
    with pytest.raises(FormatError) as refusal:
        writer(text)
    assert "x" not in str(refusal.value).split()


@EVERY_LOCAL_PART
def test_a_pattern_is_the_address_and_no_other(local: str) -> None:
    address = f"{local}@shop.example"
    pattern = f"^{formats.pcre(address)}$"
    assert not re.search(r"(?<!\\)/", pattern)
    fits = re.compile(pattern)
    assert fits.search(address)
    assert not fits.search(f"x{address}")
    assert not fits.search(f"{local}@shopxexample")


def test_a_comment_is_no_key() -> None:
    for key in ("#1@shop.example", "", "a b@shop.example"):
        with pytest.raises(FormatError):
            formats.table_key(key)


@pytest.mark.parametrize("text", [t for t in hostile.TEXTS if t.isprintable()])
def test_a_word_of_a_shell_is_one(text: str) -> None:
    assert shlex.split(f"x {formats.shell(text)} y") == ["x", text, "y"]


@pytest.mark.parametrize("text", [*hostile.TEXTS, *hostile.LOCAL_PARTS])
def test_lua_reads_its_strings(text: str) -> None:
    lua = lupa.LuaRuntime(encoding=None)
    assert lua.eval(formats.lua(text).encode()) == text.encode()


def test_a_refusal_names_the_file_and_not_the_secret() -> None:
    estate = estates.estate(hostile.base())
    (host,) = estate.hosts
    renderer = Renderer(lambda path: "", lambda ref: "key {\n  secret hunter2;\n}\n")
    row = next(r for r in rows(estate, host) if r.path.endswith("rfc2136.ini"))
    with pytest.raises(FormatError, match=r"/etc/postroad/tls/rfc2136\.ini cannot hold") as refusal:
        renderer.text(row, estate, host, estates.facts(estate, host))
    assert "hunter2" not in str(refusal.value)


DOVECOTS = {"2.3.19.1": "%Lu", "2.4.1": "%{user | lower}"}


@pytest.mark.parametrize("name", ["WooCommerce", "shop"])
@pytest.mark.parametrize(("dovecot", "lower"), DOVECOTS.items())
def test_a_login_is_looked_for_in_small_letters(name: str, dovecot: str, lower: str) -> None:
    """So that capitals mean the same to every release, and to every table."""
    users = ("streams", "transactional", "users")
    estate = estates.estate(put(declaration(), users, {name: {"passwords": [HASH] * 2}}))
    (host,) = estate.hosts
    facts = replace(estates.facts(estate, host), dovecot_version=dovecot)

    def said(path: str) -> str:
        return estates.text(path, estate, host, facts)

    assert f"\nauth_username_format = {lower}\n" in said("/etc/postroad/transactional/dovecot.conf")
    for file in ("users", "users.next"):
        assert said(f"/etc/postroad/transactional/{file}") == f"{name.lower()}:{HASH}\n"
    assert f'[ "{name.lower()}" ]' in said("/etc/postroad/transactional/policy.lua")
    assert said("/etc/postfix-transactional/sender_logins").count(f" {name.lower()}\n") == 2


@pytest.mark.parametrize(("local", "is_said"), [("a%b", True), ("a!b", True), ("ops", False)])
def test_an_admin_whose_address_looks_like_a_route_gets_mail(local: str, is_said: bool) -> None:
    estate = estates.estate(put(declaration(), ("admin", "email"), f"{local}@shop.example"))
    (host,) = estate.hosts
    said = estates.text(
        "/etc/postfix-transactional/master.cf", estate, host, estates.facts(estate, host)
    )
    assert ("    -o allow_untrusted_routing=yes\n" in said) == is_said


# ---- what Python reads ---------------------------------------------------------------------------


@EVERY_LOCAL_PART
def test_a_zone_and_its_yaml_hold_the_address_as_it_is(local: str) -> None:
    estate = estates.estate(hostile.estate_of(local))
    records = [r for r in derive(estate, ()) if r.owner.endswith("shop.example")]
    zone = dns.zone.from_text(zone_text(records), "shop.example", check_origin=False)
    held = {str(name): rdata for name, _, rdata in zone.iterate_rdatas("TXT")}
    (read,) = yaml.safe_load_all(document("shop.example", records))
    for name, text in (("_dmarc", "DMARC1"), ("_smtp._tls.bounce", "TLSRPTv1")):
        rdata = held[name]
        assert isinstance(rdata, TXT)
        said = b"".join(rdata.strings).decode()
        assert said.startswith(f"v={text};")
        entries = [entry for entry in read[name] if entry["type"] == "TXT"]
        assert [entry["value"].replace("\\;", ";") for entry in entries] == [said]
        (uri,) = said.partition("rua=")[2].split(",")
        parts = urlsplit(uri)
        assert (parts.query, parts.fragment) == ("", "")
        assert unquote(parts.path) == f"{local}@shop.example"


@EVERY_LOCAL_PART
def test_certbot_gets_an_address_and_no_option(local: str) -> None:
    estate = estates.estate(hostile.estate_of(local))
    assert isinstance(estate.tls, AcmeTls)
    words = shlex.split(request_script(estate.tls, estate.hosts[0]), comments=True)
    assert f"--email={local}@shop.example" in words


@pytest.mark.parametrize("url", ["https://../x", "https://.../x", "https://a..b/"])
def test_no_directory_of_an_authority_leads_out_of_its_folder(url: str) -> None:
    """Its host is a folder that is removed where the authority has forgotten the account."""
    assert read(put(hostile.base(), ("tls", "directory"), url)) is None


def test_what_certbot_remembers_is_read_as_certbot_reads_it() -> None:
    assert _unquoted('"https://ca.example/a,b"') == "https://ca.example/a,b"
    assert _unquoted("https://ca.example/a") == "https://ca.example/a"
    assert _unquoted('"') == '"'
