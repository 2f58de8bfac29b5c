"""A lone box: its streams open unseen, nothing of it is the world's, and all of that is told."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from postroad.audit import asking
from postroad.audit.report import Result, nagios_line, nagios_status
from postroad.audit.suites import firewall, listeners, postfix
from postroad.dns.dkim import LiveKey
from postroad.host.found import FileState
from postroad.host.paths import opened_path
from postroad.mail import lone
from postroad.mail.before.listeners import Listener
from postroad.mail.certificate import CertificateState
from postroad.mail.parts import resolv_conf
from postroad.mail.parts.order import rows
from postroad.mail.preflight import refusals
from postroad.mail.standing import LONE, latch
from postroad.onhost.asked import signing
from postroad.roles.report import last_words
from postroad.roles.run import made
from postroad.settings.faults import EstateFaults
from postroad.settings.model import Estate
from postroad.settings.ports import SINK_PORT
from postroad.settings.read import read
from tests.unit import estates
from tests.unit.declarations import Declaration, Path, declaration, put
from tests.unit.healthy import POSTFIX_UID, audited
from tests.unit.machine import bare
from tests.unit.states import altered
from tests.unit.test_dns.estates import public_key
from tests.unit.test_site_opening import Answering, why

BOX: Declaration = {**declaration(), "tls": {"source": "none"}, "lone": True}
ZONE = {"shop.example": {"server": "192.0.2.53", "key_name": "k", "key": {"env": "TSIG"}}}


def box() -> Estate:
    return estates.estate(BOX)


def text(estate: Estate, path: str) -> str:
    host = estate.hosts[0]
    (row,) = (row for row in rows(estate, host) if row.path == path)
    return estates.renderer().text(row, estate, host, estates.facts(estate, host))


def keyed(declared: Declaration) -> Answering:
    machine = Answering(declared)
    machine.answer("sh -s", "install -d /etc/postroad/x/keys/")
    return machine


def test_a_lone_box_probes_no_port_25() -> None:
    assert box().lone
    assert box().port25_probe is None
    assert not estates.estate(declaration()).lone


@pytest.mark.parametrize(
    ("path", "value", "where", "wrong"),
    [
        (("tls",), {"source": "acme"}, '["tls"]["source"]', "cannot see a lone box"),
        (("hosts", "mail1", "ipv4"), "9.9.9.9", '["hosts"]["mail1"]["ipv4"]', "public Internet"),
        (("dns",), {"zones": ZONE}, '["dns"]["zones"]', "would publish records"),
        (("mta_sts",), {"mode": "testing", "web_host": "w.example"}, '["mta_sts"]', "about"),
        (("port25_probe",), "mx.example", '["port25_probe"]', "about the world"),
        (("private_networks",), ["10.0.0.0/8"], '["private_networks"]', "its sink"),
        (("lone",), "yes", '["lone"]', "True or False"),
    ],
)
def test_what_looks_like_production_is_refused(
    path: Path, value: object, where: str, wrong: str
) -> None:
    with pytest.raises(EstateFaults) as caught:
        read(put(BOX, path, value), "group_data/test.py")
    found = [f for f in caught.value.faults if f.where == f"group_data/test.py: estate{where}"]
    assert any(wrong in f"{fault}" for fault in found), caught.value


@pytest.mark.parametrize("name", ["mta.test", "box.lan"])
def test_a_lone_box_may_have_a_name_of_two_labels(name: str) -> None:
    """As boxes are called; in the world it would be the apex of a zone."""
    declared = put(BOX, ("hosts", "mail1", "hostname"), name)
    declared = put(declared, ("admin", "email"), f"root@{name}")
    assert estates.estate(declared).hosts[0].hostname == name


def test_a_stream_opens_without_a_look_once_it_has_its_key() -> None:
    assert why(Answering(BOX)) == "it has no DKIM key yet"
    machine = keyed(BOX)
    assert why(machine) == ""
    assert machine.looked == []


def test_its_latch_opens_nothing_for_the_world() -> None:
    path = opened_path("marketing")
    (file,) = (f for f in keyed(BOX).component("marketing").files if f.path == path)
    assert file.content == latch([LONE])
    sending = keyed(declaration())
    there = FileState("file", "root", "root", 0o644, file.sha256)
    sending.state = replace(sending.state, files={**sending.state.files, path: there})
    why(sending)
    assert len(sending.looked) == 1


def test_every_stream_hands_all_of_its_mail_to_the_sink() -> None:
    line = f"\nrelayhost = [127.0.0.1]:{SINK_PORT}\n"
    for stream in ("transactional", "marketing"):
        assert line in text(box(), f"/etc/postfix-{stream}/main.cf")
        assert "relayhost" not in text(
            estates.estate(declaration()), f"/etc/postfix-{stream}/main.cf"
        )
    unit = text(box(), "/etc/systemd/system/postroad-sink.service")
    assert f" 127.0.0.1:{SINK_PORT} 100\n" in unit
    assert "\nUser=postroad-mail\n" in unit


@pytest.mark.parametrize("name", ["before.rules", "before6.rules"])
def test_not_even_postfix_gets_out_to_port_25(name: str) -> None:
    allowed = "--dport 25 -m owner --uid-owner postfix -j ACCEPT"
    assert allowed in text(estates.estate(declaration()), f"/etc/ufw/{name}")
    shut = text(box(), f"/etc/ufw/{name}")
    assert allowed not in shut
    assert "--dport 25 -j REJECT" in shut
    assert "{%" not in shut


def test_it_asks_whom_its_network_names() -> None:
    own = {"/etc/resolv.conf", "/etc/dhcp/dhclient-enter-hooks.d/postroad"}
    sending = estates.estate(declaration())
    assert own <= {row.path for row in rows(sending, sending.hosts[0])}
    assert not own & {row.path for row in rows(box(), box().hosts[0])}


def test_the_sink_is_there_before_any_stream() -> None:
    names = [part.name for part in made.components(keyed(BOX).site())]
    assert names.index("sink") < names.index("transactional")
    assert "sink" not in [part.name for part in made.components(keyed(declaration()).site())]
    assert made.component(keyed(BOX).site(), resolv_conf.PART).files == ()


def test_a_host_is_lone_from_its_first_run_on_or_never() -> None:
    def said(estate: Estate, *adopted: str) -> list[str]:
        host = estate.hosts[0]
        state = replace(bare(estate, host), adopted=frozenset(adopted))
        return list(refusals(estate, host, state, 0))

    sending = estates.estate(declaration())
    (reason,) = said(box(), "default", "marketing")
    assert "what waits in its queues would go to the sink" in reason
    (reason,) = said(sending, "sink")
    assert "begin with a bare host" in reason
    assert said(box(), "default") == said(box(), "sink", "marketing") == []
    assert said(sending, "marketing") == []


def test_another_program_on_the_sink_s_port_is_in_the_way() -> None:
    def said(program: str) -> list[str]:
        estate = box()
        there = (Listener("127.0.0.1", SINK_PORT, program),)
        state = altered(bare(estate, estate.hosts[0]), listeners=there)
        return list(refusals(estate, estate.hosts[0], state, 0))

    assert said("smtp-sink") == []
    (reason,) = said("amavisd")
    assert (
        f"amavisd listens on 127.0.0.1:{SINK_PORT}, where postroad needs the port for the sink"
        in reason
    )


def test_every_run_says_what_a_lone_box_is() -> None:
    supplied = {"source": "supplied", "chain_file": "c.pem", "key": {"env": "KEY"}}
    estate = estates.estate({**BOX, "tls": supplied})
    said = "\n".join(lone.told(estate.hosts[0]))
    assert "/var/mail/postroad/sink" in said
    assert said.count("Waived: ") == len(lone.RUN)
    words = last_words((Answering(BOX).site(),)).text
    assert "is a lone box" in words
    assert "Publish these records" not in words
    assert "port 587" not in words, "it has no certificate"


def test_a_lone_box_is_submitted_to_by_its_address() -> None:
    supplied = {"source": "supplied", "chain_file": "c.pem", "key": {"env": "KEY"}}
    machine = keyed({**BOX, "tls": supplied})
    made = CertificateState(frozenset(machine.host.certificate_names), 10**6)
    machine.state = altered(machine.state, certificate=made)
    words = last_words((machine.site(),))
    assert "\n|   port 587 (STARTTLS) or 465 (TLS) of 192.0.2.12\n" in words.text
    assert "\n|   login shop, MAIL FROM bounce@bounce.shop.example, From: at shop.example\n" in (
        words.text
    )
    assert words.is_all_open


def test_checks_are_waived_by_name_and_of_a_lone_box_alone() -> None:
    assert lone.waived(box(), "names.spf_passes_for_every_source")
    assert lone.waived(box(), "dns.the_world_can_verify")
    assert lone.waived(box(), "dns.streams_are_open") == ""
    assert lone.waived(box(), "signing.signatures_verify") == ""
    assert lone.waived(estates.estate(declaration()), "dns.the_world_can_verify") == ""


def test_a_waived_check_is_counted_and_harms_nobody() -> None:
    results = [Result("a.b", "mta", "ok", ""), Result("c.d", "mta", "waived", "why")]
    assert nagios_status(results) == 0
    assert "| ok=1 wrong=0 unknown=0 error=0 waived=1 " in nagios_line(results, 1)
    assert "why" not in nagios_line(results, 1)
    assert nagios_status(results[1:]) == 3


def test_the_audit_wants_a_closed_port_25_the_sink_and_the_way_to_it() -> None:
    sending = audited()
    alone = replace(sending, estate=replace(sending.estate, lone=True))
    assert "Postfix may connect" in " ".join(fault.wrong for fault in firewall.leaks(alone))
    shut = tuple(r for r in alone.system.rules4 if str(POSTFIX_UID) not in r)
    closed = replace(alone, system=replace(alone.system, rules4=shut, rules6=shut))
    assert list(firewall.leaks(closed)) == []
    assert [f.wrong for f in listeners.silent_places(alone)] == [
        f"nothing listens on 127.0.0.1 port {SINK_PORT} (the sink of a lone box)"
    ]
    wrong = [fault.wrong for fault in postfix.other_values(alone)]
    assert f"transactional: relayhost is empty, declared is [127.0.0.1]:{SINK_PORT}" in wrong


def test_a_signature_is_held_against_the_key_that_is_on_the_box() -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    own = LiveKey("mta", "transactional", "shop.example", "s", b64encode(der).decode())
    (probe,) = asking.without_dns([{"stream": "transactional"}], [own])
    letter = b"From: a@shop.example\r\nSubject: x\r\n\r\nbody\r\n"
    message = dkim.sign(letter, b"s", b"shop.example", pem) + letter
    assert signing.verdict(message, probe["records"]) == ("ok", "")
    assert signing.verdict(message.replace(b"body", b"bode"), probe["records"])[0] == "wrong"
    other = replace(own, public_key_base64=public_key(3))
    (strange,) = asking.without_dns([{}], [other])
    assert signing.verdict(message, strange["records"])[0] == "wrong"
    assert signing.verdict(message, {}) == ("wrong", "its key is not in the DNS")
