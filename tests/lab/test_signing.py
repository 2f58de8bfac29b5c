"""Nothing leaves unsigned: whatever is wrong with the signer, mail waits or is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.mail import letters, verify
from lab.world.providers import Provider
from postroad.settings.model import Estate, StreamName
from tests.lab import host

STREAMS: tuple[StreamName, ...] = ("transactional", "marketing")
WRITE = {"transactional": letters.receipt, "marketing": letters.campaign}
FOLDERS = {
    "transactional": "/etc/postroad/transactional",
    "marketing": "/etc/postroad/marketing",
}


@pytest.fixture
def guest(deployed: Lab) -> Guest:
    return deployed.targets["mail1"]


@pytest.fixture
def bigmail(deployed: Lab) -> Provider:
    return deployed.providers["bigmail"]


def _dead(guest: Guest, stream: StreamName) -> None:
    """kill -9, and systemd kept from starting it again."""
    unit = f"postroad-dkim@{stream}.service"
    folder = f"/run/systemd/system/{unit}.d"
    guest.run(
        f"mkdir -p {folder} && printf '[Service]\\nRestart=no\\n' > {folder}/dead.conf"
        f" && systemctl daemon-reload && systemctl kill -s KILL {unit}"
    )
    wait_until(
        lambda: "failed" in guest.run(["systemctl", "is-active", unit], check=False).stdout,
        10,
        f"{unit}: dead",
    )


def _without_key(guest: Guest, stream: StreamName) -> None:
    guest.run(f"cd {FOLDERS[stream]} && mv keys keys.away && mkdir keys")


def _with_unreadable_key(guest: Guest, stream: StreamName) -> None:
    guest.run(f"chown root:root {FOLDERS[stream]}/keys/*/*.pem")


def _with_key_for_all_to_read(guest: Guest, stream: StreamName) -> None:
    guest.run(f"chmod 0755 {FOLDERS[stream]}/keys {FOLDERS[stream]}/keys/*")
    guest.run(f"chmod 0644 {FOLDERS[stream]}/keys/*/*.pem")


def _with_cut_off_signing_table(guest: Guest, stream: StreamName) -> None:
    guest.run(f"sed -i '$d' {FOLDERS[stream]}/signing.table")
    guest.run(["systemctl", "reload", f"postroad-dkim@{stream}"])


def _with_empty_signing_table(guest: Guest, stream: StreamName) -> None:
    guest.run(f": > {FOLDERS[stream]}/signing.table")
    guest.run(["systemctl", "reload", f"postroad-dkim@{stream}"])


def _with_empty_key_table(guest: Guest, stream: StreamName) -> None:
    guest.run(f": > {FOLDERS[stream]}/key.table")
    guest.run(["systemctl", "reload", f"postroad-dkim@{stream}"])


Break = Callable[[Guest, StreamName], None]
BREAKS: dict[str, Break] = {
    "killed": _dead,
    "no key": _without_key,
    "unreadable key": _with_unreadable_key,
    "key for all to read": _with_key_for_all_to_read,
    "empty signing table": _with_empty_signing_table,
    "cut off signing table": _with_cut_off_signing_table,
    "empty key table": _with_empty_key_table,
}


@dataclass
class Signer:
    """The signers of mail1, broken by hand and put right again."""

    guest: Guest
    broken: set[StreamName] = field(default_factory=set)

    def fail(self, how: Break, stream: StreamName) -> None:
        self.guest.run(f"cp -a {FOLDERS[stream]} {FOLDERS[stream]}.kept")
        self.broken.add(stream)
        how(self.guest, stream)

    def restore(self, stream: StreamName) -> None:
        folder, unit = FOLDERS[stream], f"postroad-dkim@{stream}.service"
        self.guest.run(
            f"rm -rf {folder}/* /run/systemd/system/{unit}.d && cp -a {folder}.kept/. {folder}"
            f" && rm -rf {folder}.kept"
            f" && systemctl daemon-reload && systemctl reload-or-restart {unit}"
        )
        self.broken.discard(stream)


@pytest.fixture
def signer(guest: Guest) -> Iterator[Signer]:
    made = Signer(guest)
    yield made
    for stream in tuple(made.broken):
        made.restore(stream)


@pytest.mark.parametrize(
    ("stream", "how"),
    [*(("transactional", how) for how in BREAKS), ("marketing", "killed")],
)
def test_without_a_working_signer_mail_is_deferred_and_later_sent_signed(
    stream: StreamName, how: str, signer: Signer, guest: Guest, bigmail: Provider, deployed: Lab
) -> None:
    wait_until(lambda: host.queued(guest, stream) == 0, 30, "an empty queue")
    signer.fail(BREAKS[how], stream)
    letter = WRITE[stream](bigmail.address("alice"))
    before = len(host.log(guest, stream))
    reply = letters.post(deployed, letter)
    assert reply.code // 100 == 4, reply
    assert host.queued(guest, stream) == 0
    assert not [line for line in host.log(guest, stream)[before:] if "status=sent" in line]
    signer.restore(stream)
    assert letters.post(deployed, letter).is_accepted
    received = bigmail.wait_for(letter.subject)
    assert verify.has_valid_signature(deployed, received.raw)
    copies = [message for message in bigmail.messages() if message.subject == letter.subject]
    assert len(copies) == 1


def test_the_hosts_own_mail_waits_for_the_signer(
    signer: Signer, guest: Guest, bigmail: Provider, deployed: Lab
) -> None:
    signer.fail(_dead, "transactional")
    subject = f"Waiting {uuid4().hex}"
    guest.run(["/usr/sbin/sendmail", "root"], input=f"From: root\nSubject: {subject}\n\nHello.\n")
    host.wait_for_log(guest, "default", "status=deferred")
    wait_until(lambda: host.queued(guest, "default", "deferred") > 0, 10, "deferred")
    assert not [message for message in bigmail.messages() if message.subject == subject]
    signer.restore("transactional")
    guest.run(["postqueue", "-f"])
    received = bigmail.wait_for(subject)
    assert verify.has_valid_signature(deployed, received.raw)


def test_a_signer_that_dies_is_up_again_at_once(
    guest: Guest, bigmail: Provider, deployed: Lab
) -> None:
    unit = "postroad-dkim@transactional.service"
    before = guest.run(["systemctl", "show", "-P", "MainPID", unit]).stdout
    guest.run(["systemctl", "kill", "-s", "KILL", unit])

    def is_back() -> bool:
        state = guest.run(["systemctl", "show", "-P", "MainPID,ActiveState", unit], check=False)
        return "active" in state.stdout.split() and before.strip() not in state.stdout.split()

    wait_until(is_back, 10, f"{unit}: started again")
    letter = letters.receipt(bigmail.address("alice"))
    assert letters.post(deployed, letter).is_accepted
    assert verify.has_valid_signature(deployed, bigmail.wait_for(letter.subject).raw)


@pytest.fixture
def without_milter(guest: Guest) -> Iterator[None]:
    place = "/etc/postfix-transactional"
    guest.run(f"cp -p {place}/main.cf /run/main.cf.kept")
    reload = "systemctl reload postroad-postfix@transactional"
    guest.run(f"postconf -c {place} smtpd_milters= non_smtpd_milters= && {reload}")
    yield
    guest.run(f"mv /run/main.cf.kept {place}/main.cf && {reload}")


@pytest.mark.usefixtures("without_milter")
@pytest.mark.parametrize(
    ("provider", "code"), [("bigmail", r"550 5\.7\.30"), ("strictmail", r"550 5\.7\.515")]
)
def test_without_the_milter_the_receiver_sees_it_unsigned(
    provider: str, code: str, guest: Guest, deployed: Lab
) -> None:
    """The mechanism taken away: these tests can fail, and a strict receiver tells."""
    letter = letters.receipt(deployed.providers[provider].address("alice"))
    before = len(host.log(guest, "transactional"))
    assert letters.post(deployed, letter).is_accepted
    host.wait_for_log(
        guest, "transactional", rf"to=<{letter.recipient}>.*status=bounced.*{code}", skip=before
    )


def test_each_stream_signs_with_its_own_key(
    guest: Guest, bigmail: Provider, deployed: Lab, estate: Estate
) -> None:
    """One stream's signer cannot open the other's socket, and its key is not the other's."""
    seen = set()
    for stream in STREAMS:
        letter = WRITE[stream](bigmail.address("alice"))
        assert letters.post(deployed, letter).is_accepted
        received = bigmail.wait_for(letter.subject)
        tags = verify.tags(str(received.message["DKIM-Signature"]))
        assert (tags["a"], tags["c"]) == ("rsa-sha256", "relaxed/relaxed")
        seen.add((tags["d"], tags["s"]))
        assert tags["d"] in estate.stream(stream).from_domains
    assert len(seen) == len(STREAMS)
