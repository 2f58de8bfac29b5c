"""DKIM keys change under a shop that never stops sending, and no receiver ever notices."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import dns.resolver
import pytest

from lab.hosts.guest import Guest
from lab.hosts.network import RESOLVER
from lab.life.session import Lab
from lab.mail import road
from lab.world.providers import Received
from tests.lab import mail

DAY = 86_400
KEYS = "/etc/postroad/*/keys"


@dataclass
class Sender(threading.Thread):
    """The shop, that hands in a letter at every door again and again."""

    lab: Lab
    subjects: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__()

    def run(self) -> None:
        while not self.stopped.is_set():
            for host, stream in mail.DOORS:
                try:
                    self.subjects.append(mail.hand_in(self.lab, host, stream).subject)
                except AssertionError as refusal:
                    self.refused.append(str(refusal))

    __hash__ = threading.Thread.__hash__


@pytest.fixture
def sender(deployed: Lab) -> Iterator[Sender]:
    thread = Sender(deployed)
    thread.start()
    yield thread
    thread.stopped.set()
    thread.join()


def marked(guest: Guest, names: str, mark: str, ago: float) -> None:
    """Have the keys ``names`` (DOMAIN/SELECTOR, a pattern) come to a stage ``ago`` seconds ago."""
    # A revoked key has no other file left.
    ending = "life" if mark == "revoked" else "pem"
    guest.run(
        f"now=$(date +%s); for key in {KEYS}/{names}.{ending}; do"
        f' life=${{key%.*}}.life; touch "$life"; sed -i /^{mark}/d "$life";'
        f' echo "{mark} $((now - {ago:.0f}))" >> "$life"; done'
    )


def rotated(*said: str) -> None:
    """One run, whose steps have these words, and no other."""
    done = road.rotate()
    assert done.returncode == 0, done.stdout + done.stderr
    steps = " ".join(
        line for line in (done.stdout + done.stderr).splitlines() if "Rotation" in line
    )
    for words in ("make", "the world sees", "sign with", "revoke", "withdraw", "forget"):
        assert (words in steps) == (words in said), f"{words}: {steps}"


def keys(guest: Guest, ending: str) -> set[str]:
    """The keys that have a file with this ending, as DOMAIN/SELECTOR."""
    listed = guest.run(f"ls {KEYS}/*/*.{ending} 2>/dev/null || :").stdout.split()
    return {path.partition("/keys/")[2].removesuffix(f".{ending}") for path in listed}


def record(key: str) -> str:
    """The name of its record."""
    domain, _, selector = key.partition("/")
    return f"{selector}._domainkey.{domain}."


def texts_in(lab: Lab) -> list[tuple[str, str]]:
    """The TXT records of the shop's zone, as its name server has them."""
    return [
        (owner, text) for owner, _, kind, text in lab.dns.dump("shop.example.") if kind == "TXT"
    ]


def names_in(lab: Lab) -> set[str]:
    return {owner for owner, _ in texts_in(lab)}


def shown(lab: Lab, names: set[str]) -> set[str]:
    """Those of ``names`` that the public resolver has a TXT record of."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [lab.network.ipv4(RESOLVER)]
    answers = {name: resolver.resolve(name, "TXT", raise_on_no_answer=False) for name in names}
    return {name for name, answer in answers.items() if answer.rrset is not None}


@contextmanager
def hidden(lab: Lab, names: set[str]) -> Iterator[None]:
    """The public resolver says that these names do not exist."""
    control = lab.dns.guest.run
    try:
        for name in names:
            control(["unbound-control", "-q", "local_zone", name, "always_nxdomain"])
        yield
    finally:
        for name in names:
            control(["unbound-control", "-q", "local_zone_remove", name])


def test_a_whole_life_loses_no_signature(deployed: Lab, sender: Sender) -> None:
    hosts = list(deployed.targets.values())
    rotated()
    before = {guest.name: keys(guest, "pem") for guest in hosts}
    for guest in hosts:
        marked(guest, "*/*", "active", 200 * DAY)
    rotated("make")
    made = {guest.name: keys(guest, "pem") - before[guest.name] for guest in hosts}
    assert all(len(names) == len(before[name]) for name, names in made.items())
    new = {record(key) for key in set.union(*made.values())}
    assert new <= names_in(deployed)  # The run that made them has published them.
    with hidden(deployed, new):
        rotated()  # A resolver does not see them.
    rotated("the world sees")
    for guest in hosts:
        for key in made[guest.name]:
            marked(guest, key, "visible", 0)
    rotated()  # The TTL is not over.
    for guest in hosts:
        for key in made[guest.name]:
            marked(guest, key, "visible", 61)
    rotated("sign with")
    assert road.plan() == []
    # Mail signed with each of the new keys arrives before the old ones go.
    for key in set.union(*made.values()):
        deployed.providers["bigmail"].wait_for(partial(_is_signed_with, key))
    for guest in hosts:
        for key in made[guest.name]:
            marked(guest, key, "active", 8 * DAY)
    rotated("revoke")
    assert {guest.name: keys(guest, "pem") for guest in hosts} == made
    old = {record(key) for key in set.union(*before.values())}
    void = {owner for owner, text in texts_in(deployed) if text == '"v=DKIM1; p="'}
    assert void == old
    for guest in hosts:
        for key in before[guest.name]:
            marked(guest, key, "revoked", 31 * DAY)
    deployed.dns.flush()
    assert shown(deployed, old) == old
    rotated("withdraw")
    assert not old & names_in(deployed)
    rotated()  # The resolver has just been asked, and keeps what it heard for the records' TTL.
    deployed.dns.flush()
    rotated("forget")
    assert {guest.name: keys(guest, "life") for guest in hosts} == made
    rotated()
    sender.stopped.set()
    sender.join()
    assert sender.refused == []
    _all_signed(deployed, sender.subjects)
    assert road.plan() == []


def _is_signed_with(key: str, message: Received) -> bool:
    domain, _, selector = key.partition("/")
    signature = " ".join(str(message.message["DKIM-Signature"]).split())
    return f"d={domain}; s={selector};" in signature


def _all_signed(lab: Lab, subjects: list[str]) -> None:
    provider = lab.providers["bigmail"]
    provider.wait_for_all(subjects, 60)
    arrived = {message.subject: message for message in provider.messages()}
    for subject in subjects:
        assert "dkim=pass" in " ".join(arrived[subject].authentication_results), subject


def test_a_part_of_the_hosts_is_refused(deployed: Lab) -> None:
    done = road.rotate("--limit", "mail1")
    assert done.returncode != 0
    assert "mail2 is not in this run" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
