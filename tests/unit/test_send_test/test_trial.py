"""What a test does on one host: whom it trusts, what is shut, and what it follows."""

from __future__ import annotations

from tests.unit.states import altered

# First: see there.
from tests.unit.strange_host import StrangeHost  # isort: skip  # noqa: F401

import shlex
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

import pytest

from lab.world import certificates
from postroad.host.found import FileState
from postroad.host.paths import pause_path
from postroad.host.question import Question
from postroad.mail.certificate import CertificateState
from postroad.roles.run import trial as module
from postroad.roles.run.facts.followed import Followed
from postroad.roles.run.trial import UNCERTIFIED, TrustError, closed, send, trust
from postroad.settings.secrets import Secret
from postroad.watch.send_test.letter import Letter
from postroad.watch.send_test.plan import Meant, Trial, trials
from postroad.watch.send_test.session import Submitted
from postroad.watch.trace.story import Lines
from tests.unit import estates
from tests.unit.declarations import declaration
from tests.unit.machine import Machine, PaperSite
from tests.unit.test_trace.test_story import GONE, ID, SIGNED, TAKEN, attempt

T = TypeVar("T")

SUPPLIED = {"source": "supplied", "chain_file": "chain.pem", "key": {"env": "KEY"}}
LONE = {**declaration(), "tls": SUPPLIED, "lone": True}


def by_marketing(machine: Machine) -> Trial:
    (found,) = trials(machine.estate, Meant("jane@a.example", stream="marketing"))
    return found


# ---- trust ---------------------------------------------------------------------------------------


def trusted(context: ssl.SSLContext) -> int:
    return context.cert_store_stats()["x509"]


def test_a_private_authority_and_a_lone_box_are_trusted_besides_the_system_s(
    tmp_path: Path,
) -> None:
    pem = certificates.certificate(certificates.self_signed(["mta.shop.example"], "192.0.2.12"))
    for name in ("chain.pem", "ca.crt"):
        (tmp_path / name).write_text(pem)
    system = trusted(ssl.create_default_context())
    private = estates.with_tls({"source": "acme", "ca_file": "ca.crt"})
    assert trusted(trust(estates.estate(private), tmp_path)) == system + 1
    assert trusted(trust(estates.estate(LONE), tmp_path)) == system + 1
    # An application has no reason to believe what a server says of itself.
    supplied = estates.with_tls(SUPPLIED)
    assert trusted(trust(estates.estate(supplied), tmp_path)) == system


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_an_authority_that_cannot_be_read_is_told(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "ca.crt").write_text(text)
    private = estates.with_tls({"source": "acme", "ca_file": "ca.crt"})
    with pytest.raises(TrustError, match=r"ca\.crt: no certificates to trust: "):
        trust(estates.estate(private), tmp_path)


# ---- what is shut --------------------------------------------------------------------------------


def certified(machine: Machine) -> Machine:
    made = CertificateState(frozenset(machine.host.certificate_names), 10**6)
    machine.answer("sh -s", "install -d /etc/postroad/x/keys/")
    machine.state = altered(machine.state, certificate=made)
    return machine


def test_what_is_shut_is_known_before_anybody_is_asked_for_a_password() -> None:
    bare = Machine(LONE)
    assert closed(bare.site(), by_marketing(bare)) == UNCERTIFIED
    machine = certified(Machine(LONE))
    assert closed(machine.site(), by_marketing(machine)) == ""
    stopped = FileState("file", "root", "root", 0o644, "stop")
    files = {**machine.state.files, pause_path("marketing"): stopped}
    machine.state = replace(machine.state, files=files)
    said = closed(machine.site(), by_marketing(machine))
    assert said.startswith("stopped by its operator; to resume it: pyinfra -y INVENTORY deploys/")


# ---- what is followed ----------------------------------------------------------------------------


class Following(PaperSite):
    def ask(self, question: Question[T]) -> T:
        if not isinstance(question, Followed):
            return super().ask(question)
        assert question.queue_id == ID
        lines = (*TAKEN, SIGNED, attempt("05:15:09", "sent", "250 2.0.0 Ok: queued as 77"), GONE)
        found: Mapping[str, Lines] = {"marketing": Lines({ID: lines}, (), {}, 0, "")}
        return cast(T, found)


@pytest.fixture
def handed_in(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str, Letter]]:
    """What was handed in by the connection that is asked for: name, login, password, message."""
    given: list[tuple[str, str, str, Letter]] = []

    @contextmanager
    def connected(pyhost: object, address: object, port: int) -> Iterator[str]:
        if str(address) != "192.0.2.13" or port != 587:
            raise ConnectionRefusedError(f"nobody answers at {address} port {port}")
        yield "a socket"

    def submit(
        channel: str, name: str, trusted: object, login: str, password: str, letter: Letter
    ) -> Submitted:
        given.append((name, login, password, letter))
        return Submitted(ID, "message", "250 2.0.0 Ok: queued as it is")

    monkeypatch.setattr(module, "connected", connected)
    monkeypatch.setattr(module, "submit", submit)
    return given


def test_a_message_goes_to_the_way_out_and_is_followed(
    handed_in: list[tuple[str, str, str, Letter]],
) -> None:
    machine = Machine(LONE)
    paper = machine.site()
    site = Following(paper.pyhost, paper.estate, paper.base)
    context = ssl.create_default_context()
    found = send(site, by_marketing(machine), Secret("a secret"), context, 60)
    ((name, login, password, letter),) = handed_in
    assert (name, login, password) == ("news1.shop.example", "campaigns", "a secret")
    assert letter.recipient == "jane@a.example"
    assert (found.fate, found.words) == ("delivered", "250 2.0.0 Ok: queued as 77")
    assert found.relay == "mx.a.example[192.0.2.7]:25"
    assert (found.queue_id, found.subject) == (ID, letter.subject)
    assert found.selector == "202611-mail1._domainkey.news.shop.example"
    assert "a secret" not in repr(found)
    (receipt,) = trials(machine.estate, Meant("jane@a.example", stream="transactional"))
    refused = send(site, receipt, Secret("a secret"), context, 60)
    assert refused.fate == "refused"
    assert refused.words.startswith("connection: nobody answers at 192.0.2.12 port 587 (")


def test_the_host_waits_and_then_tells_by_one_question() -> None:
    question = Followed(ID, "marketing", 30)
    words = shlex.split(question.script())
    assert words[words.index("&&") - 3 : words.index("&&")] == [ID, "marketing", "30"]
    assert words[-2:] == [ID, "marketing"]
    assert question.seconds > 30
