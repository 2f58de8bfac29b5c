"""Judges who know nothing of postroad: what they find is met in the product, or answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from lab.faults import judges
from lab.faults.judges import Door
from lab.hosts.guest import Guest
from lab.life.session import Lab
from postroad.settings.model import Estate
from tests.judged import unanswered

# testssl.sh waits more than it computes.
AT_ONCE = 4
MARKETING = "/etc/postfix-marketing"


@pytest.fixture(scope="session")
def judged(deployed: Lab) -> Lab:
    """The deployed estate, and its judges on this machine."""
    judges.ensure()
    return deployed


@pytest.fixture
def guest(judged: Lab) -> Guest:
    return judged.targets["mail1"]


@pytest.fixture
def doors(judged: Lab, estate: Estate) -> list[Door]:
    """Two ports for each stream of each host, and port 25."""
    found = list(judges.doors(judged, estate))
    assert len(found) == sum(2 * len(host.ways_out) + host.inbound for host in estate.hosts)
    return found


@pytest.fixture
def patience(judged: Lab, estate: Estate) -> Iterator[None]:
    """A judge knocks at port 25 more often than a stranger may: for a while nobody counts it."""
    judge = str(judged.hosts["outsider"].ipv4[0])
    rule = f"ufw-before-input -s {judge} -p tcp --dport 25 --syn -j ACCEPT"
    inbound = [judged.targets[host.name] for host in estate.hosts if host.inbound]
    place = "/etc/postfix-inbound"
    uncounted = f"postconf -c {place} -h smtpd_client_event_limit_exceptions"
    for one in inbound:
        known = one.run(uncounted).stdout.strip()
        edit = f"smtpd_client_event_limit_exceptions = {known}, {judge}/32"
        one.run(f"cp -p {place}/main.cf /run/inbound.kept; iptables -I {rule}")
        one.run(["postconf", "-c", place, "-e", edit])
        one.run("systemctl reload postroad-postfix@inbound")
    yield
    for one in inbound:
        one.run(f"mv /run/inbound.kept {place}/main.cf; iptables -D {rule}")
        one.run("systemctl reload postroad-postfix@inbound")


@pytest.mark.usefixtures("patience")
def test_every_tls_door(judged: Lab, doors: list[Door]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as crew:
        found = list(crew.map(partial(judges.at_door, judged), doors))
    said = {str(door): unanswered(each) for door, each in zip(doors, found, strict=True)}
    assert {door: words for door, words in said.items() if words} == {}


@pytest.mark.parametrize("name", ["mail1", "mail2"])
def test_a_whole_host(name: str, judged: Lab) -> None:
    assert unanswered(judges.on_host(judged.targets[name])) == []


Seed = Callable[[str, str], None]


@pytest.fixture
def seed(guest: Guest) -> Iterator[Seed]:
    """Break mail1 by a command, and put it right with the other one afterwards."""
    mends = []

    def break_by(command: str, mend: str) -> None:
        mends.append(mend)
        guest.run(command)

    yield break_by
    for mend in mends:
        guest.run(mend)


def test_a_weak_cipher_is_seen(judged: Lab, doors: list[Door], seed: Seed) -> None:
    """Submission without its list of ciphers to leave out: a server that shows no certificate."""
    reload = f"postfix -c {MARKETING} reload"
    seed(
        f"cp -p {MARKETING}/main.cf /run/main.cf.kept"
        f" && postconf -c {MARKETING} smtpd_tls_mandatory_exclude_ciphers= && {reload}",
        f"mv /run/main.cf.kept {MARKETING}/main.cf && {reload}",
    )
    door = next(one for one in doors if one.name.startswith("news1.") and not one.starttls)
    said = unanswered(judges.at_door(judged, door, judges.CIPHERS))
    assert "testssl.sh on submission: cipherlist_aNULL: offered" in said


@pytest.mark.parametrize(
    ("tests", "command", "mend", "words"),
    [
        (
            "BOOT-5184",
            "chmod o+w /etc/init.d/postfix",
            "chmod o-w /etc/init.d/postfix",
            "BOOT-5184",
        ),
        (
            # The first finds out whether Postfix runs.
            "MAIL-8814 MAIL-8818",
            "cp -p /etc/postfix/main.cf /run/main.cf.kept"
            " && postconf -e 'smtpd_banner = $myhostname ESMTP $mail_name'",
            "mv /run/main.cf.kept /etc/postfix/main.cf",
            "MAIL-8818: Found some information disclosure in SMTP banner",
        ),
    ],
    ids=["a start script that all may write", "a greeting that names Postfix"],
)
def test_a_weak_host_is_seen(
    tests: str, command: str, mend: str, words: str, guest: Guest, seed: Seed
) -> None:
    seed(command, mend)
    said = unanswered(judges.on_host(guest, "--tests", tests))
    assert any(f"lynis on host: {words}" in one for one in said), said
