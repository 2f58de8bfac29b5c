"""What the signer cannot read: refused before it, kept back behind it, each without the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.mail import letters, shop
from tests.lab import host, mail, queues, strange
from tests.strange import messages

CONFIG = strange.CONFIG
UNIT = "postroad-milter@transactional.service"
RELOAD = "systemctl reload postroad-postfix@transactional"
CHECKS = "header_checks= milter_header_checks="
SIGNER_ALONE = "smtpd_milters=unix:/run/postroad-dkim-transactional/signer.sock"
# As a signature of the stream's own would look, but for its mathematics.
FORGED = (
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=shop.example; s=202611-mail1;"
    b" h=From:To; bh=" + b"A" * 43 + b"=; b=" + b"QUJD" * 86 + b"\r\n"
)
UNREADABLE = b'From: Mario"s Pizza <orders@shop.example>\r\n'
REST = b"To: x@bigmail.example\r\nSubject: x\r\n\r\nhello\r\n"
MESSAGES = {"unreadable": UNREADABLE + REST, "forged": FORGED + UNREADABLE + REST}
HONEST = b"From: orders@shop.example\r\n" + REST


@pytest.fixture(params=["mail1", "mail2"])
def guest(request: pytest.FixtureRequest, deployed: Lab) -> Iterator[Guest]:
    """A host whose stream may be changed by hand; what it takes stays in its queue."""
    found = deployed.targets[request.param]
    with strange.kept(found):
        yield found


def without(guest: Guest, settings: str) -> None:
    """Take something away from the stream."""
    guest.run(f"postconf -c {CONFIG} {settings} && {RELOAD}")


def test_without_the_checks_the_milter_keeps_it_back(guest: Guest, deployed: Lab) -> None:
    without(guest, CHECKS)
    answers = strange.hand_in(deployed, guest.name, list(MESSAGES.values()))
    assert [answer.code for answer in answers] == [451, 451], answers
    assert all("not signed by this stream" in answer.text for answer in answers)
    assert host.queued(guest, strange.STREAM) == 0


def test_what_the_milter_took_vouches_for_nothing_that_follows(guest: Guest, deployed: Lab) -> None:
    """It is done with a message at the end of its header; the next is another one."""
    without(guest, CHECKS)
    said = [HONEST, *MESSAGES.values(), HONEST, MESSAGES["forged"], HONEST]
    answers = strange.hand_in(deployed, guest.name, said)
    assert [answer.code for answer in answers] == [250, 451, 451, 250, 451, 250], answers
    assert host.queued(guest, strange.STREAM) == 3


def test_without_the_milter_the_checks_refuse_it(guest: Guest, deployed: Lab) -> None:
    without(guest, SIGNER_ALONE)
    answers = strange.hand_in(deployed, guest.name, list(MESSAGES.values()))
    assert [answer.code for answer in answers] == [550, 550], answers
    assert all("write From: as" in answer.text for answer in answers)


def test_what_the_signer_says_when_it_gives_up_is_heard(guest: Guest, deployed: Lab) -> None:
    without(guest, f"{SIGNER_ALONE} header_checks=")
    (answer,) = strange.hand_in(deployed, guest.name, [MESSAGES["unreadable"]])
    assert answer.code == 550, answer
    assert "the signer cannot read" in answer.text


def test_without_either_it_would_leave_unsigned(guest: Guest, deployed: Lab) -> None:
    """The mechanisms taken away: these tests can fail, and what looks into the queues sees it."""
    without(guest, f"{CHECKS} {SIGNER_ALONE}")
    (answer,) = strange.hand_in(deployed, guest.name, [MESSAGES["unreadable"]])
    assert answer.code == 250
    (said,) = queues.strange_mail(guest)
    assert said.endswith("from bounce@bounce.shop.example to x@bigmail.example")


def test_what_is_queued_anew_keeps_its_signature(guest: Guest, deployed: Lab) -> None:
    """postsuper(1) -r has the message go through pickup(8) and cleanup(8) again, past no milter."""
    (answer,) = strange.hand_in(deployed, guest.name, [HONEST])
    guest.run(f"postsuper -c {CONFIG} -r ALL && postqueue -c {CONFIG} -f")
    listed = f'postqueue -c {CONFIG} -j | sed -n \'s/.*"queue_id": "\\([^"]*\\)".*/\\1/p\''

    def ids() -> list[str]:
        return guest.run(listed).stdout.split()

    wait_until(lambda: len(ids()) == 1 and answer.queue_id not in ids(), 30, "queued anew")
    assert list(strange.faults(deployed, strange.queue_files(guest, ids()))) == []


@pytest.fixture
def dead(guest: Guest) -> Iterator[Guest]:
    """The milter killed, and systemd kept from starting it again."""
    folder = f"/run/systemd/system/{UNIT}.d"
    guest.run(
        f"mkdir -p {folder} && printf '[Service]\\nRestart=no\\n' > {folder}/dead.conf"
        f" && systemctl daemon-reload && systemctl kill -s KILL {UNIT}"
    )
    state = ["systemctl", "is-active", UNIT]
    wait_until(lambda: "failed" in guest.run(state, check=False).stdout, 10, f"{UNIT}: dead")
    yield guest
    guest.run(f"rm -rf {folder} && systemctl daemon-reload && systemctl restart {UNIT}")


def test_a_dead_milter_defers_mail(dead: Guest, deployed: Lab) -> None:
    letter = letters.receipt(messages.TO)
    reply = mail.offer(deployed, dead.name, letter, shop.password("shop"))
    assert reply.code // 100 == 4, reply
    assert host.queued(dead, strange.STREAM) == 0


def test_a_hung_milter_is_ended_and_started_again(guest: Guest, deployed: Lab) -> None:
    asked = ["systemctl", "show", "-P", "MainPID", UNIT]
    before = guest.run(asked).stdout.strip()
    guest.run(["kill", "-STOP", before])

    def is_another() -> bool:
        now = guest.run([*asked[:3], "MainPID,ActiveState", UNIT], check=False).stdout.split()
        return "active" in now and before not in now

    wait_until(is_another, 40, f"{UNIT}: ended by its watchdog")
    mail.flows(deployed, [(guest.name, "marketing")])
    (answer,) = strange.hand_in(deployed, guest.name, [HONEST])
    assert answer.code == 250, answer
