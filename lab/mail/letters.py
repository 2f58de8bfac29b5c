"""What a shop's application writes: a receipt, and a campaign mail with its way out (RFC 8058)."""

from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime
from uuid import uuid4

from lab.life.session import Lab
from lab.mail import shop
from lab.world.client import SmtpReply, Tls
from postroad.settings.model import WayOut

# The stream's login, its From:, its envelope sender, and where the application connects to.
ENVELOPE = {
    "transactional": "bounce@bounce.shop.example",
    "marketing": "bounce@bounce.news.shop.example",
}
SERVER = {"transactional": "out1.shop.example", "marketing": "news1.shop.example"}


@dataclass(frozen=True)
class Letter:
    """A message ready to be submitted: its stream, its recipient, and itself."""

    stream: str
    recipient: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        """The subject, unique to this letter, to find it by at the receiver."""
        return str(self.message["Subject"])


def receipt(recipient: str) -> Letter:
    """A receipt, as the shop's application writes one after a purchase."""
    message = _addressed("Shop <orders@shop.example>", recipient, "Your receipt")
    message.set_content("Thank you for your order.\n\nTotal: 42.00 €\n", cte="quoted-printable")
    return Letter("transactional", recipient, message)


def campaign(recipient: str) -> Letter:
    """A campaign mail with one-click unsubscription (RFC 8058 §3.1)."""
    message = _addressed("Shop News <news@news.shop.example>", recipient, "Autumn sale")
    token = uuid4().hex
    message["List-Id"] = "Shop News <news.shop.example>"
    message["List-Unsubscribe"] = f"<https://news.shop.example/unsubscribe/{token}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content("Everything for autumn.\n", cte="quoted-printable")
    message.add_alternative("<p>Everything for <b>autumn</b>.</p>\n", subtype="html")
    return Letter("marketing", recipient, message)


def post(
    lab: Lab,
    letter: Letter,
    *,
    tls: Tls = "starttls",
    way: WayOut | None = None,
    address: str | None = None,
) -> SmtpReply:
    """Hand ``letter`` in at its stream, logged in over TLS, as the shop does.

    On mail1, or at the stream's own place on another host; at one ``address`` of it if given.
    """
    server = way.helo if way else SERVER[letter.stream]
    starttls, implicit = (way.starttls_port, way.tls_port) if way else (587, 465)
    user = shop.USERS[letter.stream]
    return lab.app.submit(
        address or server,
        starttls if tls == "starttls" else implicit,
        mail_from=ENVELOPE[letter.stream],
        rcpts=[letter.recipient],
        message=letter.message.as_bytes(policy=SMTP),
        user=user,
        password=shop.password(user),
        tls=tls,
    )


def _addressed(sender: str, recipient: str, subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = f"{subject} {uuid4().hex[:12]}"
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = f"<{uuid4()}@{sender.rpartition('@')[2].rstrip('>')}>"
    return message
