"""When a stream opens: only once the host's resolver has verified every need of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest

from postroad.dns.tlsa import LiveCertificate
from postroad.host.component import File
from postroad.host.found import FileState
from postroad.host.paths import opened_path
from postroad.mail.certificate import CertificateState
from postroad.mail.parts.order import everything
from postroad.mail.questions import shape
from postroad.mail.signing.found import KEYS
from postroad.mail.standing import LATCHES, UNVERIFIED
from postroad.roles.run import names, streams
from postroad.roles.run.facts.world import Seen
from tests.unit.declarations import declaration, two_hosts
from tests.unit.machine import Machine
from tests.unit.states import altered
from tests.unit.test_dns.estates import public_key

OK = Seen("ok", "")


@dataclass
class Answering(Machine):
    """A host whose look at the world answers with these verdicts; None for one ok a need."""

    verdicts: list[Seen] | None = None
    looked: list[str] = field(default_factory=list)

    def seen(self, wanted: str) -> list[Seen]:
        self.looked.append(wanted)
        return [OK for _ in json.loads(wanted)] if self.verdicts is None else self.verdicts


def keyed(verdicts: list[Seen] | None = None) -> Answering:
    machine = Answering(declaration(), verdicts=verdicts)
    machine.answer("sh -s", "install -d /etc/postroad/x/keys/")
    return machine


def why(machine: Answering) -> str:
    return streams.closed_because(machine.site(), "marketing")


def test_without_its_key_a_stream_is_closed_and_nobody_looks() -> None:
    machine = Answering(declaration())
    assert why(machine) == "it has no DKIM key yet"
    assert machine.looked == []


def test_a_stream_opens_when_every_need_is_seen() -> None:
    machine = keyed()
    assert why(machine) == ""
    kinds = [need["kind"] for need in json.loads(machine.looked[0])]
    assert {"dkim", "spf", "fcrdns"} == set(kinds)


@pytest.mark.parametrize("verdict", ["wrong", "unknown", "perhaps"])
def test_any_other_verdict_keeps_it_closed_with_the_first_reason(verdict: str) -> None:
    machine = keyed(verdicts=[OK, Seen(verdict, "no SPF"), Seen(verdict, "no PTR")])
    assert why(machine) == "no SPF"


@pytest.mark.parametrize(
    "verdicts", [[], [OK], [Seen("wrong", "")], [Seen("wrong", " \n")], [Seen("unknown", "€")]]
)
def test_an_answer_that_says_little_never_opens_a_stream(verdicts: list[Seen]) -> None:
    assert why(keyed(verdicts=verdicts)) == UNVERIFIED


def test_a_reason_fits_an_smtp_reply_and_a_table_in_braces() -> None:
    odd = "the TXT record of\n\tnews.shop.example is “p={bad}$x\\” " + "x" * 400
    said = why(keyed(verdicts=[Seen("wrong", odd)]))
    assert said.startswith("the TXT record of news.shop.example is p=badx x")
    assert len(said) == 300
    assert said.isascii()
    assert not set("{}$\\\n\t") & set(said)


def test_the_world_is_asked_once_while_nothing_changes() -> None:
    machine = keyed()
    site = machine.site()
    for _ in range(3):
        assert streams.closed_because(site, "marketing") == ""
    assert len(machine.looked) == 1
    site.forget()
    streams.closed_because(site, "marketing")
    assert len(machine.looked) == 2


def latched(machine: Answering) -> Answering:
    """The same host after the run that opened its stream."""
    component = machine.component("marketing")
    path = opened_path("marketing")
    (latch,) = (f for f in component.files if f.path == path)
    return with_latch(machine, latch)


def with_latch(machine: Answering, latch: File) -> Answering:
    there = FileState("file", "root", "root", 0o644, latch.sha256)
    opened = {**machine.state[LATCHES], "marketing": tuple(latch.content.decode().splitlines())}
    files = {**machine.state.files, latch.path: there}
    machine.state = altered(machine.state, files=files, opened=opened)
    machine.looked.clear()
    return machine


def test_an_open_stream_stays_open_and_nobody_looks_again() -> None:
    machine = latched(keyed())
    machine.verdicts = [Seen("unknown", "the resolver does not answer")]
    assert why(machine) == ""
    assert machine.looked == []


def test_a_latch_of_other_needs_opens_nothing() -> None:
    machine = latched(keyed())
    with_latch(machine, File(opened_path("marketing"), b"0" * 64 + b"\n"))
    machine.verdicts = [Seen("wrong", "no SPF")]
    assert why(machine) == "no SPF"


def test_a_key_of_a_domain_no_longer_declared_is_not_live() -> None:
    machine = keyed()
    (first, *_) = machine.state[KEYS]
    sold = replace(first, domain="sold.example")
    machine.state = altered(machine.state, keys=(*machine.state[KEYS], sold))
    assert {key.domain for key in names.live_keys(machine.site())} == {
        "shop.example",
        "news.shop.example",
    }


def test_another_certificate_closes_no_open_stream() -> None:
    machine = latched(keyed())
    machine.verdicts = [Seen("unknown", "the resolver does not answer")]
    machine.state = altered(
        machine.state,
        certificate=CertificateState(frozenset(), 86_400, public_key=public_key(9)),
    )
    assert why(machine) == ""
    assert machine.looked == []


def test_the_live_certificate_is_the_one_that_the_host_serves() -> None:
    machine = keyed()
    machine.state = altered(machine.state, certificate=None)
    assert names.live_certificate(machine.site()) is None
    machine.state = altered(machine.state, certificate=CertificateState(frozenset(), 86_400))
    assert names.live_certificate(machine.site()) is None
    served = CertificateState(frozenset(), 86_400, public_key=public_key(9))
    machine.state = altered(machine.state, certificate=served)
    assert names.live_certificate(machine.site()) == LiveCertificate("mail1", served.spki_sha256)


def test_the_shape_of_a_host_needs_neither_files_nor_secrets() -> None:
    estate = Machine(two_hosts()).estate
    for host in estate.hosts:
        assert [part.name for part in everything(shape(estate, host))]


def test_a_site_is_about_the_host_of_its_name() -> None:
    both = two_hosts()
    assert [Machine(both, n).site().host.name for n in ("mail1", "mail2")] == ["mail1", "mail2"]
