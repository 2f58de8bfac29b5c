"""Mail through every host of the lab, as the shop sends it."""

from __future__ import annotations

from collections.abc import Iterable
from email.policy import SMTP

from lab.life.session import Lab
from lab.mail import letters, shop
from lab.world.client import SmtpReply

# Where each host takes the mail of each stream: its certificate's names, and its ports.
DOORS = {
    ("mail1", "transactional"): ("out1.shop.example", 587),
    ("mail1", "marketing"): ("news1.shop.example", 587),
    ("mail2", "transactional"): ("mail2.shop.example", 587),
    ("mail2", "marketing"): ("mail2.shop.example", 2587),
}
WRITTEN = {"transactional": letters.receipt, "marketing": letters.campaign}


def hand_in(lab: Lab, host: str, stream: str, to: str = "alice") -> letters.Letter:
    """Submit a letter of ``stream`` on ``host`` to a mailbox of bigmail; it must be taken."""
    letter = WRITTEN[stream](lab.providers["bigmail"].address(to))
    reply = offer(lab, host, letter, shop.password(shop.USERS[stream]))
    assert reply.is_accepted, f"{host}, {stream}: {reply}"
    return letter


def offer(lab: Lab, host: str, letter: letters.Letter, password: str) -> SmtpReply:
    """Submit ``letter`` on ``host``, with this password."""
    server, port = DOORS[host, letter.stream]
    return lab.app.submit(
        server,
        port,
        mail_from=letters.ENVELOPE[letter.stream],
        rcpts=[letter.recipient],
        message=letter.message.as_bytes(policy=SMTP),
        user=shop.USERS[letter.stream],
        password=password,
    )


def flows(lab: Lab, doors: Iterable[tuple[str, str]] = tuple(DOORS)) -> None:
    """Every door takes a letter, and a strict receiver has it, signed."""
    handed_in = [hand_in(lab, host, stream) for host, stream in doors]
    for letter in handed_in:
        arrived = lab.providers["bigmail"].wait_for(letter.subject)
        assert "dkim=pass" in " ".join(arrived.authentication_results)
