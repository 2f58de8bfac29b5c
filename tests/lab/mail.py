"""Mail through every host of the lab, as the shop sends it."""

from __future__ import annotations

from collections.abc import Iterable
from email.policy import SMTP

from lab import letters, shop
from lab.session import Lab

# Where each host takes the mail of each stream: its certificate's names, and its ports.
DOORS = {
    ("mail1", "transactional"): ("out1.shop.example", 587),
    ("mail1", "marketing"): ("news1.shop.example", 587),
    ("mail2", "transactional"): ("mail2.shop.example", 587),
    ("mail2", "marketing"): ("mail2.shop.example", 2587),
}
WRITTEN = {"transactional": letters.receipt, "marketing": letters.campaign}


def hand_in(lab: Lab, host: str, stream: str) -> letters.Letter:
    """Submit a letter of ``stream`` on ``host``; it must be taken."""
    letter = WRITTEN[stream](lab.providers["bigmail"].address("alice"))
    server, port = DOORS[host, stream]
    user = shop.USERS[stream]
    reply = lab.app.submit(
        server,
        port,
        mail_from=letters.ENVELOPE[stream],
        rcpts=[letter.recipient],
        message=letter.message.as_bytes(policy=SMTP),
        user=user,
        password=shop.password(user),
    )
    assert reply.is_accepted, f"{host}, {stream}: {reply}"
    return letter


def flows(lab: Lab, doors: Iterable[tuple[str, str]] = tuple(DOORS)) -> None:
    """Every door takes a letter, and a strict receiver has it, signed."""
    handed_in = [hand_in(lab, host, stream) for host, stream in doors]
    for letter in handed_in:
        arrived = lab.providers["bigmail"].wait_for(letter.subject)
        assert "dkim=pass" in " ".join(arrived.authentication_results)
