"""The manifest: one row a file, every template used, no wide mode where a secret is."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from postroad.host.component import Component
from postroad.host.found import FileState
from postroad.mail.parts.order import every_row, everything, rows
from postroad.mail.parts.part import Builder
from postroad.mail.parts.row import Row
from postroad.mail.questions import shape
from postroad.mail.render import TEMPLATES
from postroad.settings.model import Estate, Host
from tests.unit import estates

HOSTS = estates.hosts()
EVERY_HOST = pytest.mark.parametrize(
    ("estate", "host"), [(e, h) for _, e, h in HOSTS], ids=[name for name, _, _ in HOSTS]
)


def components(estate: Estate, host: Host) -> list[Component]:
    """Every component of a host that has each folder a row may wait for."""
    folder = FileState("directory", "root", "root", 0o755)
    bare: Builder = shape(estate, host)
    folders = {row.only_where: folder for row in rows(estate, host) if row.only_where}
    return list(everything(replace(bare, state=replace(bare.state, files=folders))))


@EVERY_HOST
def test_no_path_stands_twice(estate: Estate, host: Host) -> None:
    times = Counter(row.path for row in rows(estate, host))
    assert [path for path, n in times.items() if n > 1] == []


@EVERY_HOST
def test_every_row_of_an_estate_is_one_that_a_host_may_have(estate: Estate, host: Host) -> None:
    assert set(rows(estate, host)) <= set(every_row())


def test_no_path_of_any_estate_stands_twice() -> None:
    times = Counter(row.path for row in every_row())
    assert [path for path, n in times.items() if n > 1] == []


def test_a_place_that_is_not_named_after_us_may_have_been_another_s() -> None:
    # Else a host that leaves would lose what was there before.
    ours = re.compile(r"postroad|/etc/postfix-")
    assert [
        r.path for r in every_row() if (r.before == "nothing") != bool(ours.search(r.path))
    ] == []


@EVERY_HOST
def test_every_row_is_a_file_of_exactly_one_component(estate: Estate, host: Host) -> None:
    applied = Counter(file.path for part in components(estate, host) for file in part.files)
    wanted = {row.path for row in rows(estate, host)}
    assert [path for path in wanted if applied[path] != 1] == []


@EVERY_HOST
def test_a_component_writes_only_rows_and_latches(estate: Estate, host: Host) -> None:
    wanted = {row.path for row in rows(estate, host)}
    beyond = {f.path for part in components(estate, host) for f in part.files} - wanted
    assert beyond == {f"/var/lib/postroad/opened/{stream}" for stream in host.streams}


@EVERY_HOST
def test_every_reader_is_a_unit_of_the_row_s_own_component(estate: Estate, host: Host) -> None:
    reads = {
        path: u.name for part in components(estate, host) for u in part.units for path in u.reads
    }
    named = {row.path: row.reader for row in rows(estate, host) if row.reader}
    assert named.items() <= reads.items()


@EVERY_HOST
def test_a_file_that_a_unit_reads_has_a_row_that_says_so(estate: Estate, host: Host) -> None:
    reads = {path for part in components(estate, host) for u in part.units for path in u.reads}
    assert reads == {row.path for row in rows(estate, host) if row.reader}


def test_every_template_is_used_by_a_row_and_every_row_has_a_template() -> None:
    used = {row.template for _, estate, host in HOSTS for row in rows(estate, host)}
    there = {str(p.relative_to(TEMPLATES)) for p in TEMPLATES.rglob("*") if p.is_file()}
    assert {name for name in used if name.endswith(".j2")} == there


def test_no_program_lies_among_the_templates() -> None:
    assert [path for path in TEMPLATES.rglob("*") if path.is_file() and path.suffix != ".j2"] == []


@EVERY_HOST
def test_a_secret_is_for_its_owner_and_one_group(estate: Estate, host: Host) -> None:
    secret = [row for row in rows(estate, host) if row.secret]
    assert {row.mode & 0o137 for row in secret} == {0}
    assert {row.group for row in secret if row.mode & 0o040} <= {"dovecot"}


@EVERY_HOST
def test_what_holds_a_secret_says_so(estate: Estate, host: Host) -> None:
    facts = estates.facts(estate, host)
    hashes = [h for stream in estate.streams for u in stream.users for h in u.password_hashes]
    for row in rows(estate, host):
        text = estates.renderer().text(row, estate, host, facts)
        tells = [secret for secret in (estates.SECRET, *hashes) if secret in text]
        assert row.secret or not tells, row.path


@EVERY_HOST
def test_nothing_is_writable_but_by_root(estate: Estate, host: Host) -> None:
    assert {row.owner for row in rows(estate, host)} == {"root"}
    assert [row.path for row in rows(estate, host) if row.mode & 0o022] == []


def test_rows_of_one_stream_name_it_everywhere() -> None:
    estate = estates.estate(estates.DECLARED["an address a stream"])
    host = estate.hosts[0]
    own = [row for row in rows(estate, host) if row.stream == "marketing"]
    for row in own:
        assert "{stream}" not in row.path + row.reader
        assert "marketing" in row.path
    both = [row for row in rows(estate, host) if row.stream]
    assert len(both) == 2 * len(own)


def test_only_the_declared_rows_are_wanted() -> None:
    def paths(name: str) -> set[str]:
        estate = estates.estate(estates.DECLARED[name])
        return {row.path for row in rows(estate, estate.hosts[0])}

    plain, whole = paths("an address a stream"), paths("everything optional")
    assert whole - plain == {
        "/etc/apt/apt.conf.d/80postroad-proxy",
        "/etc/unbound/postroad-root.hints",
        "/etc/unbound/postroad-root.key",
        "/usr/local/share/ca-certificates/postroad-acme.crt",
        "/etc/postroad/tls/rfc2136.ini",
    }
    assert paths("supplied certificate") - paths("no certificate") == {
        "/etc/postroad/tls/chain.pem",
        "/etc/postroad/tls/key.pem",
    }
    assert not any("/postfix-inbound/" in path for path in paths("inbound elsewhere"))


def test_a_row_of_a_stream_keeps_the_rest() -> None:
    row = Row("t.j2", "/etc/{stream}", mode=0o640, secret=True, reader="r@{stream}")
    assert row.of_stream("marketing") == Row(
        "t.j2",
        "/etc/marketing",
        mode=0o640,
        secret=True,
        reader="r@marketing",
        part="marketing",
        stream="marketing",
    )
