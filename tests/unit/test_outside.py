"""What is asked of hosts for the check of the names: each once, and all at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, cast

from pyinfra.api.host import Host as PyinfraHost

from postroad.audit import outside, questions
from postroad.audit.asking import NOBODYS_DOMAIN
from postroad.audit.evidence import Signed
from postroad.dns.check.checks import Facts
from postroad.dns.check.signature import Probe
from postroad.host.question import Question
from postroad.mail.signing.found import KeyState
from postroad.roles.run.facts.host import State
from postroad.roles.run.inventory import Loaded
from postroad.roles.run.live import Reached
from postroad.roles.run.site import Site
from tests.unit import estates
from tests.unit.declarations import declaration
from tests.unit.machine import bare
from tests.unit.states import altered
from tests.unit.test_dns.estates import public_key
from tests.unit.test_site import Phase

T = TypeVar("T")

ESTATE = estates.estate(declaration())
KEY = KeyState("transactional", "shop.example", "202601-mail1", public_key(1))
STATE = altered(bare(ESTATE, ESTATE.host("mail1")), keys=(KEY,))
SIGNED = Signed(
    "transactional", "probe@shop.example", "signed", "ok", "", "shop.example", (), "text"
)
NOBODY = replace(SIGNED, sender=f"probe@{NOBODYS_DOMAIN}", outcome="refused", message="")
SIGNERS = questions.signed(()).about
PROBE = Probe("mail1", "transactional", "shop.example", "signed", b"text")


@dataclass
class AskedHost:
    """What a Site needs of pyinfra's host; it remembers what it was asked."""

    name: str = "mail1"
    state: Phase = field(default_factory=Phase)
    asked: list[str] = field(default_factory=list)


class AskedSite(Site):
    def ask(self, question: Question[T]) -> T:
        cast(AskedHost, self.pyhost).asked.append(question.about)
        answers = {SIGNERS: (SIGNED,), State.about: STATE}
        return cast(T, answers.get(question.about, ()))


def site_of(host: AskedHost) -> Site:
    return AskedSite(cast(PyinfraHost, host), ESTATE, Path("/nowhere"))


def reached(*hosts: AskedHost) -> Reached:
    return Reached(cast(Loaded, None), [site_of(host) for host in hosts], ())


def probes(facts: object) -> tuple[Probe, ...]:
    assert isinstance(facts, Facts)
    return facts.probes


def test_signers_that_nobody_has_heard_are_asked() -> None:
    host = AskedHost()
    assert probes(outside._facts(reached(host), outside.NOTHING)) == (PROBE,)
    assert SIGNERS in host.asked


def test_signers_that_were_heard_are_not_asked_again() -> None:
    host = AskedHost()
    told = outside._facts(reached(host), {"mail1": (SIGNED, NOBODY)})
    assert probes(told) == (PROBE,)
    assert SIGNERS not in host.asked


def test_a_site_that_knows_its_host_does_not_ask_for_its_state() -> None:
    host = AskedHost()
    found = reached(host)
    found.sites[0].state()
    outside._facts(found, {"mail1": (SIGNED,)})
    assert host.asked.count(State.about) == 1
