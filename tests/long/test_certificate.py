"""A certificate ends because nobody renewed it: who sees that, and what mends it."""

from __future__ import annotations

from email.policy import SMTP

from lab.faults import hosts
from lab.life.session import Lab
from lab.mail import letters, road, shop, traffic
from lab.world import ca
from lab.world.client import SmtpReply
from tests.lab import mail, plans
from tests.lab.test_audit import Audit, audit  # noqa: F401 - fixture
from tests.long.conftest import Record


def _roots(lab: Lab) -> str:
    """What the shop's application trusts: the authority before and after it was set up."""
    root = lab.app.guest.run(f"curl -sSfk https://{ca.NAME}:15000/roots/0").stdout
    return lab.acme_ca.read_text() + root


def _offer(lab: Lab, host: str, stream: str, roots: str) -> SmtpReply:
    """A letter from a client that verifies the certificate, as it should."""
    letter = mail.WRITTEN[stream](lab.providers["bigmail"].address("alice"))
    server, port = mail.DOORS[host, stream]
    user = shop.USERS[letter.stream]
    return lab.app.submit(
        server,
        port,
        mail_from=letters.ENVELOPE[letter.stream],
        rcpts=[letter.recipient],
        message=letter.message.as_bytes(policy=SMTP),
        user=user,
        password=shop.password(user),
        ca_pem=roots,
    )


def test_the_next_run_renews_what_is_over(
    deployed: Lab,
    audit: Audit,  # noqa: F811
    record: Record,
) -> None:
    roots = _roots(deployed)
    with traffic.flowing(deployed) as flow:
        flow.wait_for(2, "accepted")
        hosts.end_certificates(deployed)
        # Applications that verify hand in nothing; no message is half taken.
        for door in mail.DOORS:
            reply = _offer(deployed, *door, roots)
            assert reply.stage == "starttls", reply
            assert "certificate has expired" in reply.text
        # Those that do not verify go on, and so does all that leaves the hosts.
        flow.wait_for(2, "accepted")
        heard = audit()
        assert heard.status == 1
        assert "ended 1.0 days ago" in heard.of("wrong")["submission.certificates_are_good"]
        for host in deployed.targets:
            assert (host, "certificate has expired") in plans.named(road.plan())
        done = road.deploy()
        assert done.returncode == 0, done.stdout + done.stderr
        assert road.plan() == []
        for door in mail.DOORS:
            assert _offer(deployed, *door, roots).is_accepted
        assert audit().status == 0
        flow.wait_for(2, "accepted")
        found = flow.tally()
    record("certificate over, until the next run", 1, found)
    assert found.is_clean, found
