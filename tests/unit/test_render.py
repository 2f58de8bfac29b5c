"""Every row's text: it renders for every estate, and the lines invariants hang on are there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv6Address

import pytest
from jinja2 import UndefinedError

from postroad.dns.dkim import LiveKey
from postroad.host import paths
from postroad.host.found import blank
from postroad.mail import formats, render
from postroad.mail.certificate import CertificateState
from postroad.mail.parts.order import rows
from postroad.mail.parts.row import Row
from postroad.mail.render import TEMPLATES, facts_from, instances, system_stream
from postroad.mail.standing import Standing
from postroad.settings import defaults
from postroad.settings.model import STREAM_NAMES, Estate, Host, StreamName
from postroad.settings.ports import SYSTEM_MAIL_PORT
from tests.unit import estates
from tests.unit.declarations import HASH, declaration, put, two_hosts
from tests.unit.postfix_tables import logical, pcre
from tests.unit.states import altered

HOSTS = estates.hosts()
IDS = [name for name, _, _ in HOSTS]
EVERY_HOST = pytest.mark.parametrize(("estate", "host"), [(e, h) for _, e, h in HOSTS], ids=IDS)
EVERY_POSTFIX = pytest.mark.parametrize("postfix", estates.POSTFIX)
ESTATE = estates.estate(declaration())
MAIL1 = ESTATE.host("mail1")
FACTS = estates.facts(ESTATE, MAIL1)
TRANSACTIONAL: StreamName = "transactional"
SERVICE = re.compile(
    r"\S+ +(inet|unix|unix-dgram|fifo|pass) +[yn-] +[yn-] +[yn-] +[\d?-]+ +[\d-]+ +\w"
)


def test_only_security_upgrades_come_in_and_those_of_origins_that_are_declared() -> None:
    declared = put(declaration(), ("upgrades",), {"origins": ["origin=Shop,codename=x"]})
    estate = estates.estate(declared)
    upgrades = "/etc/apt/apt.conf.d/82postroad-upgrades"
    said = estates.text(upgrades, estate, estate.host("mail1"), FACTS)
    patterns = re.findall(r'^    "(.*)";$', said, re.MULTILINE)
    assert [p for p in patterns if "security" not in p] == ["origin=Shop,codename=x"]
    assert len(patterns) == 5


# What `postfix upgrade-configuration` adds to a master.cf that does not have it (post-install of
# Postfix 3.7 and 3.10).
ADDED = (
    r"^relay", r"^flush.*flush", r"trace.*bounce", r"^verify.*verify", r"^proxymap.*proxymap",
    r"^anvil.*anvil", r"^scache.*scache", r"^discard.*discard", r"^tlsmgr.*tlsmgr",
    r"^retry.*error", r"^proxywrite.*proxymap", r"^#*smtp.*postscreen", r"^#*smtpd.*smtpd",
    r"^#*dnsblog.*dnsblog", r"^#*tlsproxy.*tlsproxy", r"^postlog",
)  # fmt: skip


def test_an_upgrade_of_the_package_adds_nothing_to_the_null_client() -> None:
    master = text("/etc/postfix/master.cf")
    assert [p for p in ADDED if not re.search(p, master, re.MULTILINE)] == []


def text(path: str, postfix: str = "3.7.11") -> str:
    return estates.text(path, ESTATE, MAIL1, estates.facts(ESTATE, MAIL1, postfix))


def pairs(text: str) -> list[tuple[str, str]]:
    """Every ``name = value`` of a main.cf."""
    split = [line.partition("=") for line in logical(text)]
    assert all(equals for _, equals, _ in split)
    return [(name.strip(), value.strip()) for name, _, value in split]


def main_cf(instance: str, facts: render.HostFacts = FACTS, host: Host = MAIL1) -> dict[str, str]:
    return dict(pairs(estates.text(f"/etc/postfix{instance}/main.cf", ESTATE, host, facts)))


def services(text: str) -> dict[str, list[str]]:
    """Every service of a master.cf, as ``name type``, with its -o options."""
    found = {}
    for line in logical(text):
        assert SERVICE.match(line), line
        head, *options = line.split(" -o ")
        name, kind = head.split()[:2]
        assert f"{name} {kind}" not in found, f"{name} {kind} stands twice"
        found[f"{name} {kind}"] = [option.strip() for option in options]
    return found


def of_kind(estate: Estate, host: Host, name: str, postfix: str) -> Iterator[tuple[str, str]]:
    """Each row's path and text whose file has this name."""
    facts = estates.facts(estate, host, postfix)
    for row in rows(estate, host):
        if row.path.endswith(f"/{name}"):
            yield row.path, estates.renderer().text(row, estate, host, facts)


# ---- all of them ---------------------------------------------------------------------------------


@EVERY_POSTFIX
@EVERY_HOST
def test_every_row_renders_to_whole_lines(estate: Estate, host: Host, postfix: str) -> None:
    facts = estates.facts(estate, host, postfix)
    for row in rows(estate, host):
        if not row.template.endswith(".j2"):
            continue
        text = estates.renderer().text(row, estate, host, facts)
        assert not re.search(r"\{\{|\{%|%\}|\{#|\bNone\b|Undefined|IPv[46]Address|StreamName", text)
        assert text == "" or text.endswith("\n"), row.path
        assert not re.search(r"[ \t]$", text, re.MULTILINE) or row.path.endswith("/main.cf"), (
            row.path
        )


@pytest.mark.parametrize("dovecot", ["2.3.16", "2.3.19.1", "2.4.1"])
@EVERY_HOST
def test_dovecot_is_written_in_the_installed_version_s_words(
    estate: Estate, host: Host, dovecot: str
) -> None:
    facts = replace(estates.facts(estate, host), dovecot_version=dovecot)
    for stream in host.streams:
        written = estates.text(f"/etc/postroad/{stream}/dovecot.conf", estate, host, facts)
        lines = [line.strip() for line in written.splitlines()]
        assert written.count("{") == written.count("}")
        assert ("dovecot_config_version = 2.4.0" in lines) == dovecot.startswith("2.4")
        assert ("disable_plaintext_auth = yes" in lines) == dovecot.startswith("2.3")
        assert ("auth_allow_cleartext = no" in lines) == dovecot.startswith("2.4")
        assert written.count(f"/etc/postroad/{stream}/users") == 2
        assert "auth_verbose_passwords = no" in lines
        assert f"base_dir = /run/postroad-auth-{stream}/own" in lines


@EVERY_HOST
def test_a_host_of_which_nothing_is_known_renders_too(estate: Estate, host: Host) -> None:
    facts = facts_from(blank(), host, {})
    for row in rows(estate, host):
        estates.renderer().text(row, estate, host, facts)


def test_an_unknown_name_in_a_template_is_an_error(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("templates")
    (folder / "odd.j2").write_text("{{ host.nickname }}")
    monkeypatch.setattr(render, "TEMPLATES", folder)
    render._environment.cache_clear()
    try:
        with pytest.raises(UndefinedError, match="nickname"):
            estates.renderer().text(Row("odd.j2", "/odd"), ESTATE, MAIL1, FACTS)
    finally:
        render._environment.cache_clear()


def test_every_file_of_configuration_says_why_it_is_so() -> None:
    # What has no comment syntax, or is somebody else's text, is named here.
    bare = {"hostname.j2", "mailname.j2", "users.j2", "users.next.j2", "version.j2"}
    bare |= {"ca.crt.j2", "chain.pem.j2", "key.pem.j2", "root.hints.j2", "root.key.j2"}
    for template in TEMPLATES.rglob("*.j2"):
        first = template.read_text().splitlines()[0]
        assert (template.name in bare) != first.startswith(("#", "//", "--")), template


def test_no_template_writes_down_what_the_model_or_a_path_says() -> None:
    modelled = {*STREAM_NAMES, *map(str, defaults.SUBMISSION_PORTS)}
    modelled |= {*map(str, defaults.SECOND_SUBMISSION_PORTS), "example", defaults.ACME_DIRECTORY}
    placed = {paths.MAILBOXES, paths.ACME_LIVE, str(SYSTEM_MAIL_PORT), paths.TOOLS}
    for template in TEMPLATES.rglob("*.j2"):
        code = re.sub(r"^\s*(#|--|//).*$|\{#.*?#\}", "", template.read_text(), flags=re.MULTILINE)
        found = [word for word in modelled | placed if re.search(rf"\b{re.escape(word)}\b", code)]
        assert found == [], template


# ---- Postfix -------------------------------------------------------------------------------------


@EVERY_POSTFIX
@EVERY_HOST
def test_no_parameter_is_unknown_or_stands_twice(estate: Estate, host: Host, postfix: str) -> None:
    seen = 0
    for path, text in of_kind(estate, host, "main.cf", postfix):
        times = Counter(name for name, _ in pairs(text))
        assert [name for name, n in times.items() if n > 1] == [], path
        # What smtpd_restriction_classes names is a parameter of our own.
        assert set(times) - estates.POSTFIX[postfix] <= {"budget"}, path
        seen += 1
    assert seen == 1 + len(instances(host))


@EVERY_POSTFIX
@EVERY_HOST
def test_no_option_of_a_service_is_unknown_or_stands_twice(
    estate: Estate, host: Host, postfix: str
) -> None:
    for path, text in of_kind(estate, host, "master.cf", postfix):
        for options in services(text).values():
            names = [option.partition("=")[0] for option in options]
            assert sorted(set(names)) == sorted(names), path
            assert set(names) - estates.POSTFIX[postfix] == set(), path


@EVERY_POSTFIX
@EVERY_HOST
def test_a_reference_to_a_parameter_names_a_known_one(
    estate: Estate, host: Host, postfix: str
) -> None:
    for path, text in of_kind(estate, host, "main.cf", postfix):
        named = re.findall(r"\$\{?([a-z_]+)\}?", " ".join(value for _, value in pairs(text)))
        assert set(named) - {"config_directory"} - estates.POSTFIX[postfix] == set(), path


@pytest.mark.parametrize("stream", STREAM_NAMES)
@EVERY_POSTFIX
def test_a_stream_fails_closed_without_its_signer(stream: StreamName, postfix: str) -> None:
    said = main_cf(f"-{stream}", estates.facts(ESTATE, MAIL1, postfix))
    assert said["milter_default_action"] == "tempfail"
    assert "default_action=tempfail" in said["smtpd_milters"]
    assert f"unix:/run/postroad-dkim-{stream}/signer.sock," in said["smtpd_milters"]
    assert "accept" not in said["smtpd_milters"]


@pytest.mark.parametrize("stream", STREAM_NAMES)
def test_sendmail_has_no_way_past_the_signer(stream: StreamName) -> None:
    said = main_cf(f"-{stream}")
    pickup = "pickup unix" in services(text(f"/etc/postfix-{stream}/master.cf"))
    shut = said.get("authorized_submit_users") == ""
    assert shut or not pickup
    assert said["non_smtpd_milters"] == "$smtpd_milters"
    # What a smuggled option could undo: no service of a stream overrides a milter.
    for options in services(text(f"/etc/postfix-{stream}/master.cf")).values():
        assert not [option for option in options if "milter" in option]


def test_the_default_instance_listens_nowhere_and_only_hands_on() -> None:
    said = main_cf("")
    assert said["relayhost"] == f"[127.0.0.1]:{SYSTEM_MAIL_PORT}"
    assert said["sender_canonical_maps"] == "pcre:${config_directory}/sender_canonical"
    assert logical(text("/etc/postfix/sender_canonical")) == [f"/./ {ESTATE.system_sender}"]
    assert said["recipient_canonical_maps"] == "static:ops@shop.example"
    assert not [s for s in services(text("/etc/postfix/master.cf")) if s.endswith(" inet")]


@pytest.mark.parametrize("stream", STREAM_NAMES)
def test_an_open_stream_takes_mail_from_logins_only(stream: StreamName) -> None:
    said = main_cf(f"-{stream}")
    assert said["smtpd_relay_restrictions"] == "permit_sasl_authenticated, reject"
    assert said["smtpd_client_restrictions"] == "permit_sasl_authenticated, reject"
    assert said["mynetworks"] == ""
    assert said["smtpd_tls_auth_only"] == "yes"
    sender = [word.strip() for word in said["smtpd_sender_restrictions"].split(",")]
    assert sender[0].startswith("check_sender_access ")
    assert sender[-1] == "reject_sender_login_mismatch"
    assert not [word for word in sender if word.startswith("permit")]


def test_a_closed_stream_answers_with_the_reason_and_the_other_stays_open() -> None:
    facts = estates.closed(FACTS, marketing="news.shop.example has no SPF record")
    assert main_cf("-marketing", facts)["smtpd_relay_restrictions"] == (
        "check_client_access static:{451 4.7.1 marketing is closed: "
        "news.shop.example has no SPF record}, reject"
    )
    assert main_cf("-transactional", facts) == main_cf("-transactional")


WAITING = "there is no DKIM key at 202611-mail1._domainkey.toys.shop.example"


def with_toys() -> tuple[Estate, render.HostFacts]:
    """An open stream, one of whose domains the world cannot verify yet."""
    wide = estates.estate(
        put(
            declaration(),
            ("streams", "transactional", "from_domains"),
            ["shop.example", "toys.shop.example"],
        )
    )
    host = wide.host("mail1")
    now = Standing(host.way_out("transactional"), waiting={"toys.shop.example": WAITING})
    return wide, replace(estates.facts(wide, host), standings={"transactional": now})


@pytest.mark.parametrize(
    "written",
    [
        "orders@toys.shop.example",
        "Toys <orders@TOYS.Shop.Example>",
        '"Toys, Inc." <orders@toys.shop.example> (us)',
        "(us) orders@toys.shop.example",
    ],
)
def test_a_domain_that_waits_gets_its_reason_however_it_is_written(written: str) -> None:
    wide, facts = with_toys()
    checks = estates.text("/etc/postfix-transactional/header_checks", wide, MAIL1, facts)
    said = pcre(checks, f"From: {written}")
    assert said == f"REJECT 4.7.1 mail From: toys.shop.example waits: {WAITING}"


@pytest.mark.parametrize(
    "field",
    [
        "From: orders@shop.example",
        "Sender: orders@toys.shop.example",
        "From: toys.shop.example <a@shop.example>",
    ],
)
def test_all_else_flows_beside_a_domain_that_waits(field: str) -> None:
    wide, facts = with_toys()
    checks = estates.text("/etc/postfix-transactional/header_checks", wide, MAIL1, facts)
    assert pcre(checks, field) == "DUNNO"
    below = pcre(checks, "From: orders@old.toys.shop.example")
    assert below is not None
    assert below.startswith("REJECT 5.7.1 ")


def test_no_signer_has_the_key_of_a_domain_that_waits() -> None:
    wide, facts = with_toys()
    for name in ("key.table", "signing.table", "public.table"):
        written = estates.text(f"/etc/postroad/transactional/{name}", wide, MAIL1, facts)
        assert "\nshop.example" in written or "\n*@shop.example" in written
        assert "toys.shop.example" not in written


def test_the_key_that_signs_is_the_one_that_the_world_has_seen() -> None:
    kept = LiveKey("mail1", "transactional", "shop.example", "202601-old", "old")
    now = Standing(MAIL1.way_out("transactional"), keys={"shop.example": kept})
    facts = replace(FACTS, standings={"transactional": now})
    written = estates.text("/etc/postroad/transactional/key.table", ESTATE, MAIL1, facts)
    (row,) = [line for line in written.splitlines() if not line.startswith("#")]
    assert row == (
        "shop.example shop.example:202601-old:"
        "/etc/postroad/transactional/keys/shop.example/202601-old.pem"
    )


def test_mail_leaves_as_before_and_is_taken_as_declared() -> None:
    """Until the world knows the new name and address."""
    declared = MAIL1.way_out("transactional")
    assert declared.ipv4
    declared = replace(declared, ipv6=IPv6Address("2001:db8::12"))
    wide = replace(MAIL1, ways_out=(declared, *MAIL1.ways_out[1:]))
    before = replace(declared, helo="old.shop.example", ipv6=None)
    facts = replace(FACTS, standings={"transactional": Standing(before)})
    path = "/etc/postfix-transactional/main.cf"
    lines = logical(estates.text(path, ESTATE, wide, facts))
    said = {name.strip(): value.strip() for name, _, value in (x.partition("=") for x in lines)}
    assert said["smtp_helo_name"] == "old.shop.example"
    assert said["smtp_bind_address"] == str(declared.ipv4)
    assert said["smtp_bind_address6"] == ""
    assert said["inet_interfaces"] == ", ".join(map(str, declared.addresses))
    assert said["smtpd_banner"] == f"{declared.helo} ESMTP"
    written = estates.text("/etc/postfix-transactional/master.cf", ESTATE, wide, facts)
    assert f"[{declared.ipv6}]:587 inet" in written
    for name in ("smtp unix", "relay unix"):
        assert services(written)[name] == [
            "inet_protocols=ipv4",
            f"inet_interfaces={declared.ipv4}",
        ]


def test_a_certificate_that_lacks_a_new_name_serves_where_a_stream_is_open() -> None:
    held = CertificateState(frozenset({"mail1.shop.example"}), 86_400)
    bare = altered(blank(), certificate=held)
    assert not facts_from(bare, MAIL1, {}).certificate
    is_open = altered(bare, opened={"transactional": ("verified",)})
    assert facts_from(is_open, MAIL1, {}).certificate
    over = altered(is_open, certificate=replace(held, seconds_left=0))
    assert not facts_from(over, MAIL1, {}).certificate


def test_system_mail_waits_while_its_stream_is_closed() -> None:
    def restrictions(facts: render.HostFacts) -> str:
        written = estates.text("/etc/postfix-transactional/master.cf", ESTATE, MAIL1, facts)
        (options,) = (o for s, o in services(written).items() if s.startswith("127.0.0.1:"))
        return next(o for o in options if o.startswith("smtpd_relay_restrictions="))

    assert restrictions(estates.closed(FACTS, transactional="no key")).endswith("=defer")
    assert restrictions(FACTS).endswith(
        "=check_recipient_access,pcre:${config_directory}/system_recipient,reject"
    )


def test_system_mail_returns_to_the_stream_and_not_to_its_sender() -> None:
    written = text("/etc/postfix-transactional/system_command")
    assert pcre(written, f"MAIL FROM:<{ESTATE.system_sender}> SIZE=9") == (
        "MAIL FROM:<bounce@bounce.shop.example> SIZE=9"
    )
    assert pcre(written, "MAIL FROM:<rootXshop.example>") is None
    assert "bounce@bounce.shop.example OK" in text("/etc/postfix-transactional/system_sender")


@pytest.mark.parametrize("instance", ["", "-transactional", "-marketing", "-inbound"])
def test_no_instance_writes_notices_which_hold_transcripts(instance: str) -> None:
    assert main_cf(instance)["notify_classes"] == ""


def test_only_the_stream_that_signs_for_the_system_sender_carries_system_mail() -> None:
    listener = f"127.0.0.1:{SYSTEM_MAIL_PORT} inet"
    assert system_stream(ESTATE, MAIL1).name == "transactional"
    assert listener in services(text("/etc/postfix-transactional/master.cf"))
    assert listener not in services(text("/etc/postfix-marketing/master.cf"))
    other = estates.estate(put(declaration(), ("system_sender",), "root@news.shop.example"))
    assert system_stream(other, other.host("mail1")).name == "marketing"


def test_submission_listens_on_the_way_out_alone_and_demands_tls() -> None:
    found = services(text("/etc/postfix-marketing/master.cf"))
    inet = {name: options for name, options in found.items() if name.endswith(" inet")}
    assert list(inet) == [
        "192.0.2.13:587 inet",
        "192.0.2.13:465 inet",
        "[2001:db8::13]:587 inet",
        "[2001:db8::13]:465 inet",
    ]
    for name, options in inet.items():
        assert {"smtpd_tls_security_level=encrypt", "smtpd_sasl_auth_enable=yes"} <= set(options)
        assert ("smtpd_tls_wrappermode=yes" in options) == (":465" in name)


def test_streams_of_one_address_are_told_apart_by_port() -> None:
    estate = estates.estate(estates.DECLARED["one address for both"])
    (host,) = estate.hosts
    facts = estates.facts(estate, host)
    listens = [
        name.split()[0]
        for stream in host.streams
        for name in services(estates.text(f"/etc/postfix-{stream}/master.cf", estate, host, facts))
        if name.startswith("192.0.2.21:")
    ]
    assert listens == [f"192.0.2.21:{port}" for port in (587, 465, 2587, 2465)]


def test_without_a_certificate_submission_is_shut_and_inbound_stays_open() -> None:
    facts = replace(FACTS, certificate=False)
    for stream in STREAM_NAMES:
        master = estates.text(f"/etc/postfix-{stream}/master.cf", ESTATE, MAIL1, facts)
        assert not [s for s in services(master) if s.endswith("inet") and "127.0.0.1" not in s]
        assert "smtpd_tls_chain_files" not in main_cf(f"-{stream}", facts)
    assert main_cf("-inbound", facts)["smtpd_tls_security_level"] == "none"
    assert main_cf("-inbound")["smtpd_tls_security_level"] == "may"
    assert "smtp inet" in services(
        estates.text("/etc/postfix-inbound/master.cf", ESTATE, MAIL1, facts)
    )


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "sends_by"),
    [(True, True, "all"), (True, False, "ipv4"), (False, True, "ipv6")],
)
def test_mail_leaves_by_the_declared_addresses(ipv4: bool, ipv6: bool, sends_by: str) -> None:
    both = MAIL1.way_out("marketing")
    way = replace(both, ipv4=both.ipv4 if ipv4 else None, ipv6=both.ipv6 if ipv6 else None)
    host = replace(MAIL1, ways_out=(MAIL1.way_out("transactional"), way))
    said = main_cf("-marketing", host=host)
    assert said["smtp_bind_address"] == ("192.0.2.13" if ipv4 else "")
    assert said["smtp_bind_address6"] == ("2001:db8::13" if ipv6 else "")
    assert said["smtp_bind_address_enforce"] == "yes"
    assert said["smtp_helo_name"] == "news1.shop.example"
    written = services(estates.text("/etc/postfix-marketing/master.cf", ESTATE, host, FACTS))
    for transport in ("smtp unix", "relay unix"):
        assert f"inet_protocols={sends_by}" in written[transport]
    listens = [str(address) for address in way.addresses]
    # Never loopback: smtp(8) would take port 25 there for its own (bounces to our inbound).
    assert said["inet_interfaces"].split(", ") == listens
    assert (said["inet_protocols"] == "all") == ipv6


def test_only_a_postfix_that_can_enforce_the_address_is_told_to() -> None:
    facts = estates.facts(ESTATE, MAIL1, "3.6.4")
    assert "smtp_bind_address_enforce" not in main_cf("-marketing", facts)
    master = estates.text("/etc/postfix-marketing/master.cf", ESTATE, MAIL1, facts)
    assert "smtp_bind_address_enforce" not in master


@pytest.mark.parametrize(
    ("postfix", "smuggling"),
    [("3.6.4", None), ("3.6.13", "yes"), ("3.7.11", "normalize"), ("3.10.5", "normalize")],
)
@pytest.mark.parametrize("instance", ["transactional", "marketing", "inbound"])
def test_smuggling_is_refused_as_well_as_this_postfix_can(
    instance: str, postfix: str, smuggling: str | None
) -> None:
    said = main_cf(f"-{instance}", estates.facts(ESTATE, MAIL1, postfix))
    assert said.get("smtpd_forbid_bare_newline") == smuggling
    assert said.get("smtpd_forbid_bare_newline_exclusions", "") == ""
    assert ("smtpd_forbid_bare_newline_exclusions" in said) == (smuggling is not None)


@EVERY_POSTFIX
def test_nothing_is_re_encoded_behind_the_signer_s_back(postfix: str) -> None:
    said = main_cf("-marketing", estates.facts(ESTATE, MAIL1, postfix))
    assert said["disable_mime_output_conversion"] == "yes"
    # Nor before: what the application has signed itself would be another text.
    assert "force_mime_input_conversion" not in said


@EVERY_POSTFIX
def test_each_address_of_an_application_is_a_client(postfix: str) -> None:
    """Postfix 3.8 and later would count all that share 84 bits as one, others do not."""
    said = main_cf("-transactional", estates.facts(ESTATE, MAIL1, postfix))
    counts_networks = "smtpd_client_ipv6_prefix_length" in estates.POSTFIX[postfix]
    assert said.get("smtpd_client_ipv6_prefix_length") == ("128" if counts_networks else None)


@EVERY_POSTFIX
def test_no_message_says_itself_that_it_may_leave_in_the_clear(postfix: str) -> None:
    said = main_cf("-marketing", estates.facts(ESTATE, MAIL1, postfix))
    could = "tls_required_enable" in estates.POSTFIX[postfix]
    assert said.get("tls_required_enable") == ("no" if could else None)


def test_dane_is_declared_and_brings_its_dns() -> None:
    estate = estates.estate(estates.DECLARED["everything optional"])
    host = estate.hosts[0]
    facts = estates.facts(estate, host)
    said = {
        stream: dict(pairs(estates.text(f"/etc/postfix-{stream}/main.cf", estate, host, facts)))
        for stream in host.streams
    }
    assert said["transactional"]["smtp_tls_security_level"] == "dane"
    assert said["transactional"]["smtp_dns_support_level"] == "dnssec"
    assert said["marketing"]["smtp_tls_security_level"] == "may"


def test_no_two_instances_share_what_only_one_may_own() -> None:
    every = [main_cf(instance) for instance in ("", "-inbound", "-transactional", "-marketing")]
    for name in ("queue_directory", "data_directory", "maillog_file"):
        assert len({said[name] for said in every}) == len(every), name
    streams = every[1:]
    assert len({said["myhostname"] for said in streams}) == len(streams)


def test_limits_are_the_stream_s_own() -> None:
    changed = put(declaration(), ("streams", "marketing", "limits"), {"message_size": 4096})
    estate = estates.estate(changed)
    written = estates.text("/etc/postfix-marketing/main.cf", estate, estate.host("mail1"), FACTS)
    said = dict(pairs(written))
    assert said["message_size_limit"] == "4096"
    assert said["smtpd_recipient_limit"] == "1"
    assert int(said["queue_minfree"]) > int(main_cf("-transactional")["queue_minfree"])


def test_inbound_relays_nothing_signs_nothing_and_sends_nothing() -> None:
    said = main_cf("-inbound")
    # The table only refuses (test_return_paths).
    first, relay = said["smtpd_relay_restrictions"].split(", ")
    assert first == "check_recipient_access pcre:${config_directory}/given_up"
    assert relay == "reject_unauth_destination"
    assert said["smtpd_milters"] == said["non_smtpd_milters"] == said["mynetworks"] == ""
    assert said["relay_domains"] == said["mydestination"] == ""
    assert said["default_transport"].startswith("error:")
    assert said["relay_transport"].startswith("error:")
    found = services(text("/etc/postfix-inbound/master.cf"))
    assert not {"smtp unix", "relay unix", "lmtp unix", "pickup unix"} & set(found)
    assert said["virtual_mailbox_domains"].split(", ") == [
        "mail1.shop.example",
        "bounce.shop.example",
        "bounce.news.shop.example",
    ]
    assert said["virtual_uid_maps"] == "static:998"
    assert said["virtual_gid_maps"] == "static:997"
    assert said["inet_interfaces"] == "127.0.0.1, 192.0.2.11, 2001:db8::11"
    # Only so are return paths with % or ! taken (test_refusals in the lab: nothing is sent on).
    assert said["allow_untrusted_routing"] == "yes"
    assert said["allow_percent_hack"] == said["swap_bangpath"] == "no"


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("bounce@bounce.shop.example", "transactional/bounces/"),
        ("bounce+x=y@bounce.shop.example", "transactional/bounces/"),
        ("fbl@bounce.news.shop.example", "marketing/complaints/"),
        ("postmaster@mail1.shop.example", "postmaster/"),
        ("ABUSE@bounce.shop.example", "postmaster/"),
        ("bounce@bounceXshop.example", None),
        ("xbounce@bounce.shop.example", None),
        ("root@mail1.shop.example", None),
        ("bounce@bounce.shop.example.evil.example", None),
        ("bounce+jane%40a.example@bounce.shop.example", "transactional/bounces/"),
        ("bounce+a!b@bounce.shop.example", "transactional/bounces/"),
        ("jane%a.example@bounce.shop.example", None),
        ("postmaster%a.example@bounce.shop.example", None),
        # Without their quotes, as Postfix looks addresses up.
        ("postmaster@a.example@bounce.shop.example", None),
        ("bounce+jane@a.example@bounce.shop.example", None),
    ],
)
def test_inbound_knows_its_addresses_and_no_other(address: str, mailbox: str | None) -> None:
    assert pcre(text("/etc/postfix-inbound/mailboxes"), address) == mailbox


@pytest.mark.parametrize(
    ("header", "verdict"),
    [
        ("From: Shop <orders@shop.example>", "DUNNO"),
        ("From: orders@shop.example", "DUNNO"),
        ("From: orders@SHOP.example ", "DUNNO"),
        ("from: root@shop.example (Cron Daemon)", "DUNNO"),
        ("From: Shop\n <orders@shop.example>", "DUNNO"),
        ("From: orders@shopXexample", "REJECT"),
        ("From: orders@news.shop.example", "REJECT"),
        ("From: orders@shop.example.evil.example", "REJECT"),
        ("From: orders@evil.example", "REJECT"),
        ("From: orders@shop.example, <me@evil.example>", "REJECT"),
        ("Sender: Shop <bounce+7@bounce.shop.example>", "DUNNO"),
        ("Sender: bounce@bounce.news.shop.example", "REJECT"),
        ("From: bounce@bounce.shop.example", "REJECT"),
        ("Subject: me@evil.example", None),
        ("X-PHP-Originating-Script: 33:mail.php", "IGNORE"),
        ("X-Long: " + "x" * 990, None),
        ("X-Long: " + "x" * 991, "REJECT"),
        ("X-Folded: " + "x" * 900 + "\n " + "x" * 900, None),
    ],
)
def test_headers_are_checked_with_a_word_before_they_are_signed(
    header: str, verdict: str | None
) -> None:
    answer = pcre(text("/etc/postfix-transactional/header_checks"), header)
    assert (answer and answer.split()[0]) == verdict


def test_received_lines_hide_the_client_but_are_never_dropped() -> None:
    line = (
        "Received: from app.internal (unknown [10.0.0.7])\n\tby transactional.mail1.shop.example "
        "(Postfix) with ESMTPSA id 4X; Mon, 23 Nov 2026 10:00:00 +0000"
    )
    answer = pcre(text("/etc/postfix-transactional/header_checks"), line)
    assert answer == (
        "REPLACE Received: by transactional.mail1.shop.example (Postfix) id 4X; "
        "Mon, 23 Nov 2026 10:00:00 +0000"
    )
    assert pcre(text("/etc/postfix-transactional/header_checks", "3.10.5"), line) is None
    said = main_cf("-transactional", estates.facts(ESTATE, MAIL1, "3.10.5"))
    assert said["smtpd_hide_client_session"] == "yes"


def test_body_lines_over_998_octets_are_refused_wherever_they_stand() -> None:
    table = text("/etc/postfix-marketing/body_checks")
    assert (pcre(table, "x" * 999) or "").startswith("REJECT ")
    assert pcre(table, "x" * 998) is None
    # A header field of a part, with its folds: so much of it Postfix keeps.
    field = "To: " + ",\n ".join(["jane@a.example"] * 9000)
    assert pcre(table, field[:59_999]) is None
    assert (pcre(table, field[:60_000]) or "").startswith("REJECT 5.6.0 header field of a part")
    said = main_cf("-marketing")
    assert said["body_checks"].endswith("/body_checks")
    assert int(said["body_checks_size_limit"]) >= int(said["message_size_limit"])


def test_senders_are_bound_to_logins_and_nobody_may_send_as_nobody() -> None:
    users = {
        "shop": {"passwords": [HASH]},
        "erp": {"passwords": [HASH], "envelope": ["invoice@bounce.shop.example"]},
        "wms": {"passwords": [HASH]},
        "pos": {"passwords": [HASH], "envelope": ["Invoice@bounce.shop.example"]},
    }
    estate = estates.estate(put(declaration(), ("streams", "transactional", "users"), users))
    host = estate.host("mail1")
    table = logical(estates.text("/etc/postfix-transactional/sender_logins", estate, host, FACTS))
    at = r"@bounce\.shop\.example$/"
    assert table == [
        rf"/^bounce{at} shop, wms",
        rf"/^invoice{at} erp, pos",
        rf"/^bounce\+[^@]+{at} shop, wms",
    ]
    beyond, null, *known, rest = logical(text("/etc/postfix-transactional/sender_access"))
    assert beyond.startswith("/[^ -~]/ 553 5.6.7 ")
    assert null.startswith("/^<>$/ 550 ")
    assert all(row.endswith(" DUNNO") for row in known)
    assert rest.startswith("/^/ 550 ")


def test_what_submission_takes_as_a_return_path_inbound_takes_and_nothing_else() -> None:
    users = {
        "shop": {"passwords": [HASH]},
        "erp": {"passwords": [HASH], "envelope": ["Invoice@bounce.shop.example"]},
    }
    estate = estates.estate(put(declaration(), ("streams", "transactional", "users"), users))
    host = estate.host("mail1")
    assert estate.stream("transactional").return_paths == (
        "bounce@bounce.shop.example",
        "invoice@bounce.shop.example",
    )

    def patterns(path: str, answer: str) -> set[str]:
        table = logical(estates.text(path, estate, host, FACTS))
        return {row.split()[0] for row in table if row.endswith(answer)}

    submission = patterns("/etc/postfix-transactional/sender_access", " DUNNO")
    assert submission == patterns("/etc/postfix-inbound/mailboxes", " transactional/bounces/")
    assert len(submission) == 3
    said = main_cf("-transactional")
    assert said["smtpd_sender_login_maps"].endswith("/sender_logins")
    assert said["smtpd_null_access_lookup_key"] == "<>"


def test_own_bounces_go_to_the_inbound_instance_where_it_is() -> None:
    here = logical(text("/etc/postfix-marketing/transport"))
    assert "bounce.news.shop.example inbound:[127.0.0.1]:25" in here
    assert "bounce.shop.example inbound:[127.0.0.1]:25" in here
    estate = estates.estate(estates.DECLARED["inbound elsewhere"])
    host = estate.host("mail2")
    facts = estates.facts(estate, host)
    table = logical(estates.text("/etc/postfix-marketing/transport", estate, host, facts))
    assert table == ["bounce.shop.example smtp:", "bounce.news.shop.example smtp:"]


@pytest.mark.parametrize("stream", STREAM_NAMES)
def test_daemons_of_a_stream_write_to_our_own_bounce_addresses_alone(stream: StreamName) -> None:
    said = main_cf(f"-{stream}")
    assert said["notify_classes"] == ""
    assert said["delay_warning_time"] == "0h"
    assert not [name for name in said if name.endswith("_notice_recipient")]
    table = logical(text(f"/etc/postfix-{stream}/originated"))
    own = f"{said['double_bounce_sender']}@{said['myhostname']}"
    assert [line.split()[:2] for line in table] == [["<>", "error:5.7.1"], [own, "error:5.7.1"]]
    assert said["sender_dependent_default_transport_maps"].endswith("/originated")


# ---- the signer ----------------------------------------------------------------------------------


def opendkim(stream: str) -> dict[str, str]:
    lines = [line.split(None, 1) for line in logical(text(f"/etc/postroad/{stream}/opendkim.conf"))]
    assert len({words[0] for words in lines}) == len(lines)
    return {words[0]: words[1] for words in lines}


@pytest.mark.parametrize("stream", STREAM_NAMES)
def test_the_signer_defers_whatever_goes_wrong(stream: StreamName) -> None:
    said = opendkim(stream)
    assert said["Mode"] == "s"
    troubles = {name: value for name, value in said.items() if name.startswith("On-")}
    assert set(troubles.values()) == {"tempfail"}
    assert {"On-Default", "On-InternalError", "On-KeyNotFound", "On-SignatureError"} <= set(
        troubles
    )
    assert said["InternalHosts"] == said["ExternalIgnoreList"] == "0.0.0.0/0,::/0"
    assert said["Socket"] == f"local:/run/postroad-dkim-{stream}/signer.sock"
    assert said["MinimumKeyBits"] == "2048"


@pytest.mark.parametrize("stream", STREAM_NAMES)
def test_what_is_oversigned_is_signed(stream: StreamName) -> None:
    said = opendkim(stream)
    signed = said["SignHeaders"].lower().split(",")
    over = said["OversignHeaders"].lower().split(",")
    assert set(over) <= set(signed)
    # RFC 8058 section 4: both fields of one-click are covered; RFC 6376 section 5.4: From is.
    assert {"from", "list-unsubscribe", "list-unsubscribe-post"} <= set(signed) & set(over)


@pytest.mark.parametrize("keyed", [True, False])
def test_the_last_row_of_the_signing_table_matches_all_and_names_no_key(keyed: bool) -> None:
    facts = FACTS if keyed else replace(FACTS, keys=())
    folder = "/etc/postroad/transactional"
    signing = logical(estates.text(f"{folder}/signing.table", ESTATE, MAIL1, facts))
    keys = logical(estates.text(f"{folder}/key.table", ESTATE, MAIL1, facts))
    pattern, name = signing[-1].split()
    assert pattern == "*"
    assert name not in {line.split()[0] for line in keys}
    assert len(keys) == keyed
    if keyed:
        # Behind it what Postfix itself writes, for the policy to refuse.
        assert signing[:-1] == [
            "*@shop.example shop.example",
            "*@bounce.shop.example shop.example",
        ]
        assert keys == [
            "shop.example shop.example:202611-mail1:"
            "/etc/postroad/transactional/keys/shop.example/202611-mail1.pem"
        ]


def test_a_key_of_a_domain_no_longer_declared_signs_nothing() -> None:
    (key, *_) = FACTS.keys
    facts = replace(FACTS, keys=(*FACTS.keys, replace(key, domain="sold.example")))
    for table in ("key.table", "signing.table"):
        written = estates.text(f"/etc/postroad/transactional/{table}", ESTATE, MAIL1, facts)
        assert "sold.example" not in written


def test_a_login_may_write_what_was_declared_and_nothing_else() -> None:
    users = {
        "shop": {"passwords": [HASH]},
        "erp": {"passwords": [HASH], "from": ["Invoice@shop.example", "billing@shop.example"]},
    }
    estate = estates.estate(put(declaration(), ("streams", "transactional", "users"), users))
    written = estates.text(
        "/etc/postroad/transactional/policy.lua", estate, estate.host("mail1"), FACTS
    )
    begin, middle = written.index("local allowed"), written.index("local return_paths")
    table = written[begin : written.index("local function")]
    rows = [row.strip() for row in written[begin:middle].splitlines() if row.startswith("  [")]
    assert rows == [
        '[ "shop" ] = { [ "@shop.example" ] = true, },',
        '[ "erp" ] = { [ "invoice@shop.example" ] = true, [ "billing@shop.example" ] = true, },',
    ]
    assert f'local system_sender = "{estate.system_sender}"' in table


LUA_ESCAPE = re.compile(rb"\\(\d{1,3})|\\(.)", re.DOTALL)


def as_lua_reads(literal: str) -> str:
    """The value of a Lua string literal (manual section 3.1); an odd escape is an error here."""
    raw = literal.encode("ascii")
    assert raw[:1] == raw[-1:] == b'"'
    assert not re.search(rb'(?<!\\)(\\\\)*"', raw[1:-1]), "it ends too early"

    def value(escape: re.Match[bytes]) -> bytes:
        assert escape[1] is not None, f"{escape[0]!r} means something else in some version"
        return bytes([int(escape[1])])

    return LUA_ESCAPE.sub(value, raw[1:-1]).decode()


@pytest.mark.parametrize(
    "odd",
    [
        "plain@shop.example",
        'a"b',
        "a\\",
        '\\"] = true, ["',
        "tab\tand\nline",
        "é€\U0001f4e7",
        "\0001",
    ],
)
def test_nothing_breaks_out_of_a_lua_string(odd: str) -> None:
    assert as_lua_reads(formats.lua(odd)) == odd


def test_two_passwords_are_valid_while_one_is_being_changed() -> None:
    other = HASH[:-1] + "w"
    changed = put(
        declaration(), ("streams", "transactional", "users", "shop", "passwords"), [HASH, other]
    )
    estate = estates.estate(changed)
    host = estate.host("mail1")
    folder = "/etc/postroad/transactional"
    assert estates.text(f"{folder}/users", estate, host, FACTS) == f"shop:{HASH}\n"
    assert estates.text(f"{folder}/users.next", estate, host, FACTS) == f"shop:{other}\n"
    assert text(f"{folder}/users.next") == ""


# ---- host, resolver, certificate -----------------------------------------------------------------


def test_the_resolver_validates_and_uses_the_operator_s_root_where_there_is_one() -> None:
    whole = estates.estate(estates.DECLARED["everything optional"])
    facts = estates.facts(whole, whole.hosts[0])
    own = estates.text("/etc/unbound/unbound.conf", whole, whole.hosts[0], facts)
    packaged = text("/etc/unbound/unbound.conf")
    assert "root-hints: /etc/unbound/postroad-root.hints" in own
    assert "trust-anchor-file: /etc/unbound/postroad-root.key" in own
    assert "\n    auto-trust-anchor-file: /var/lib/unbound/root.key" in packaged
    assert "postroad-root" not in packaged
    assert estates.text("/etc/unbound/postroad-root.hints", whole, whole.hosts[0], facts) == (
        "# text of root.hints\n"
    )
    assert "do-ip6: yes" in packaged
    four = estates.estate(estates.DECLARED["IPv4 only"])
    assert "do-ip6: no" in estates.text(
        "/etc/unbound/unbound.conf", four, four.hosts[0], estates.facts(four, four.hosts[0])
    )


def test_names_of_the_host() -> None:
    assert text("/etc/hostname") == text("/etc/mailname") == "mail1.shop.example\n"
    assert "192.0.2.11 mail1.shop.example mail1\n" in text("/etc/hosts")
    assert "2001:db8::11 mail1.shop.example mail1\n" in text("/etc/hosts")


def test_a_renewed_certificate_reloads_every_instance_of_the_host() -> None:
    hook = text("/etc/letsencrypt/renewal-hooks/deploy/postroad")
    *_, command = hook.splitlines()
    assert command.startswith("exec systemctl try-reload-or-restart ")
    assert re.findall(r" postroad-postfix@(\w+)\.service", command) == list(instances(MAIL1))
    assert instances(MAIL1) == ("transactional", "marketing", "inbound")


def test_dns01_credentials_hold_the_key() -> None:
    estate = estates.estate(estates.DECLARED["dns-01"])
    host = estate.hosts[0]
    text = estates.text("/etc/postroad/tls/rfc2136.ini", estate, host, estates.facts(estate, host))
    assert f"dns_rfc2136_secret = {estates.SECRET}\n" in text
    assert "dns_rfc2136_algorithm = HMAC-SHA256\n" in text
    assert "dns_rfc2136_port = 53\n" in text


@pytest.mark.parametrize(
    ("names", "seconds", "good"),
    [
        (MAIL1.certificate_names, 10, True),
        ((*MAIL1.certificate_names, "more.shop.example"), 10, True),
        (MAIL1.certificate_names, 0, False),
        (MAIL1.certificate_names[:-1], 10, False),
    ],
)
def test_a_certificate_counts_with_every_name_while_it_lasts(
    names: tuple[str, ...], seconds: int, good: bool
) -> None:
    state = altered(blank(), certificate=CertificateState(frozenset(names), seconds))
    assert facts_from(state, MAIL1, {}).certificate is good


def test_every_parameter_that_a_template_asks_for_is_asked_of_the_host() -> None:
    asked = {
        name
        for template in TEMPLATES.rglob("*.j2")
        for name in re.findall(
            r"'(\w+)' (?:not )?in facts\.postfix_parameters", template.read_text()
        )
    }
    assert asked == set(render.POSTFIX_PARAMETERS)


def test_facts_are_an_extract_of_the_state() -> None:
    state = altered(
        blank(),
        postfix_parameters=frozenset({"a"}),
        dovecot_version="2.4.1",
        users={paths.MAILBOX_USER: 5},
        groups={paths.MAILBOX_USER: 6},
        keys=FACTS.keys,
    )
    facts = facts_from(state, MAIL1, {"marketing": "why"})
    assert (facts.postfix_parameters, facts.dovecot_version) == (frozenset({"a"}), "2.4.1")
    assert (facts.mailbox_uid, facts.mailbox_gid, facts.keys) == (5, 6, FACTS.keys)
    assert not facts.certificate
    assert (facts.closed_because("marketing"), facts.closed_because("transactional")) == ("why", "")


def test_each_host_of_an_estate_has_its_own_text() -> None:
    estate = estates.estate(two_hosts())
    texts = {
        host.name: estates.text(
            "/etc/postfix-transactional/main.cf", estate, host, estates.facts(estate, host)
        )
        for host in estate.hosts
    }
    assert "192.0.2.12" in texts["mail1"]
    assert "192.0.2.21" in texts["mail2"]
    assert "192.0.2.12" not in texts["mail2"]
