"""A stream takes mail when the world can verify what it signs, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import letters, road, verify
from lab.mail.letters import Letter
from lab.world.client import SmtpReply
from postroad.settings.model import Estate

KEYS = "/etc/postroad/marketing/keys/news.shop.example"
LATCH = "/var/lib/postroad/opened/marketing"


@dataclass(frozen=True)
class Withdrawn:
    """mail2, whose marketing key the world no longer sees."""

    lab: Lab
    estate: Estate
    record: str

    @property
    def guest(self) -> Guest:
        return self.lab.targets["mail2"]

    def told(self) -> str:
        """The key's record, as the host's own resolver tells it."""
        ask = "import dns.resolver, sys; print(*dns.resolver.resolve(sys.argv[1], 'TXT'))"
        return self.guest.run(["python3", "-c", ask, self.record]).stdout.strip()

    def post(self, letter: Letter) -> SmtpReply:
        way = self.estate.host("mail2").way_out("marketing")
        return letters.post(self.lab, letter, way=way)

    def campaign(self) -> Letter:
        return letters.campaign(self.lab.providers["bigmail"].address("alice"))


@pytest.fixture
def withdrawn(deployed: Lab, estate: Estate, mended: None) -> Iterator[Withdrawn]:
    guest = deployed.targets["mail2"]
    selector = guest.run(f"basename {KEYS}/*.pem .pem").stdout.strip()
    record = f"{selector}._domainkey.news.shop.example."
    deployed.dns.withdraw(record, "TXT")
    # The host's own resolver remembers the record for a while.
    road.forget_names(deployed)
    yield Withdrawn(deployed, estate, record)
    road.publish(deployed)


def test_a_stream_is_closed_until_its_key_is_seen_and_then_opens(withdrawn: Withdrawn) -> None:
    withdrawn.guest.run(["rm", LATCH])
    done = road.deploy("--limit", "mail2")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    reason = f"there is no DKIM key at {withdrawn.record.rstrip('.')}"
    assert f"The marketing stream is closed on mail2: {reason}" in said
    assert "Publish these records" in said
    assert withdrawn.record.rstrip(".") in said.partition("Publish these records")[2]

    letter = withdrawn.campaign()
    refused = withdrawn.post(letter)
    assert (refused.stage, refused.code) == ("rcpt", 451), refused
    assert f"marketing is closed: {reason}" in refused.text
    receipt = letters.receipt(letter.recipient)
    own = withdrawn.estate.host("mail2").way_out("transactional")
    assert letters.post(withdrawn.lab, receipt, way=own).is_accepted

    road.publish(withdrawn.lab)
    opened = road.deploy("--limit", "mail2")
    assert opened.returncode == 0, opened.stdout + opened.stderr
    assert "is closed" not in opened.stdout + opened.stderr
    assert withdrawn.post(letter).is_accepted
    received = withdrawn.lab.providers["bigmail"].wait_for(letter.subject)
    assert verify.has_valid_signature(withdrawn.lab, received.raw)


def test_a_stream_that_has_opened_stays_open(withdrawn: Withdrawn) -> None:
    """Trouble in the DNS must not stop a stream that the world could verify yesterday."""
    assert road.plan() == []
    assert withdrawn.post(withdrawn.campaign()).is_accepted


def test_a_host_believes_in_nothing_older_than_what_was_published(withdrawn: Withdrawn) -> None:
    """Its resolver would keep another key, which it has just been told, for the record's TTL."""
    lab, zone = withdrawn.lab, "shop.example."
    other = (withdrawn.record, 60, "TXT", '"v=DKIM1; p="')
    lab.dns.load_zones({zone: [*lab.dns.dump(zone), other]})
    road.forget_names(lab)
    assert withdrawn.told() == other[3]
    road.publish(lab)
    assert withdrawn.told().startswith('"v=DKIM1; k=rsa; h=sha256;')
