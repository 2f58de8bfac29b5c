"""Who may submit what, as whom; and that everything else is refused while the client listens."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.policy import SMTP
from itertools import product
from uuid import uuid4

import pytest

from lab.hosts.guest import wait_until
from lab.life.session import Lab
from lab.mail import letters, shop, verify
from lab.world.client import SmtpReply, Tls
from lab.world.providers import Provider
from postroad.settings.model import Estate, StreamName, WayOut
from postroad.settings.ports import SYSTEM_MAIL_PORT
from tests.lab import host as inside

HOSTS = ("mail1", "mail2")
STREAMS: tuple[StreamName, ...] = ("transactional", "marketing")
OTHER: dict[StreamName, StreamName] = {
    "transactional": "marketing",
    "marketing": "transactional",
}
FROM = {"transactional": "orders@shop.example", "marketing": "news@news.shop.example"}


@dataclass(frozen=True)
class Entrance:
    """One stream's submission on one host, and how its own shop uses it."""

    lab: Lab
    host: str
    stream: StreamName
    way: WayOut

    @property
    def login(self) -> tuple[str, str]:
        user = shop.USERS[self.stream]
        return user, shop.password(user)

    @property
    def envelope(self) -> str:
        return letters.ENVELOPE[self.stream]

    def submit(
        self,
        message: bytes,
        *,
        login: tuple[str, str] | None,
        mail_from: str | None = None,
        rcpts: Sequence[str] = ("alice@bigmail.example",),
        tls: Tls = "starttls",
    ) -> SmtpReply:
        user, password = login or (None, None)
        return self.lab.app.submit(
            self.way.helo,
            self.way.tls_port if tls == "implicit" else self.way.starttls_port,
            mail_from=self.envelope if mail_from is None else mail_from,
            rcpts=rcpts,
            message=message,
            user=user,
            password=password,
            tls=tls,
        )

    def converse(self, steps: Sequence[bytes], *, logged_in: bool, tls: Tls) -> list[str]:
        user, password = self.login if logged_in else (None, None)
        return self.lab.app.converse(
            self.way.helo,
            self.way.tls_port if tls == "implicit" else self.way.starttls_port,
            steps,
            user=user,
            password=password,
            tls=tls,
        )

    def letter(self, subject: str = "", sender: str = "") -> bytes:
        return (
            f"From: {sender or FROM[self.stream]}\r\nTo: alice@bigmail.example\r\n"
            f"Subject: {subject or 'Never sent'}\r\nDate: Mon, 23 Nov 2026 12:00:00 +0000\r\n"
            f"Message-ID: <{uuid4()}@shop.example>\r\n\r\nHello.\r\n"
        ).encode()


@pytest.fixture(params=HOSTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=STREAMS)
def entrance(request: pytest.FixtureRequest, name: str, deployed: Lab, estate: Estate) -> Entrance:
    return Entrance(deployed, name, request.param, estate.host(name).way_out(request.param))


@pytest.fixture
def shops_entrance(name: str, deployed: Lab, estate: Estate) -> Entrance:
    return Entrance(deployed, name, "transactional", estate.host(name).way_out("transactional"))


@pytest.fixture
def bigmail(deployed: Lab) -> Provider:
    return deployed.providers["bigmail"]


def _said(reply: SmtpReply) -> str:
    return f"{reply.code} {reply.text}"


# ---- who, and as whom


def test_without_a_login_nothing_is_taken(entrance: Entrance) -> None:
    reply = entrance.submit(entrance.letter(), login=None)
    assert reply.stage == "rcpt"
    assert _said(reply).startswith("554 5.7.1 "), reply


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("written", ["postmaster", '"POST\\master"'])
def test_for_the_postmaster_without_a_domain_nothing_is_taken_either(
    entrance: Entrance, written: str, times: int
) -> None:
    """Of him Postfix asks nothing at RCPT (RFC 5321 §2.3.5)."""
    recipients = [f"RCPT TO:<{written}>\r\n".encode()] * times
    for sender, login in (("root@shop.example", False), ("other@shop.example", True)):
        mail = f"MAIL FROM:<{sender}>\r\n".encode()
        steps = [b"EHLO app\r\n", mail, *recipients, b"DATA\r\n"]
        *_, answer, _ = entrance.converse(steps, logged_in=login, tls="implicit")
        assert answer[:3] in ("553", "554"), (login, answer)


def test_without_tls_there_is_no_login(entrance: Entrance) -> None:
    """A password must never cross the network in the clear (RFC 4954 §4)."""
    user, password = entrance.login
    plain = base64.b64encode(f"\0{user}\0{password}".encode())
    hello, login, mail, *_ = entrance.converse(
        [b"EHLO app\r\n", b"AUTH PLAIN " + plain + b"\r\n", b"MAIL FROM:<a@b.example>\r\n"],
        logged_in=False,
        tls="none",
    )
    assert hello.startswith("250 ")
    assert "AUTH" not in hello
    assert re.match(r"5(30|38|03) ", login), login
    assert mail.startswith("530 5.7.0 Must issue a STARTTLS"), mail


def test_a_wrong_password_is_refused(entrance: Entrance) -> None:
    reply = entrance.submit(entrance.letter(), login=(entrance.login[0], "wrong"))
    assert reply.stage == "auth"
    assert _said(reply).startswith("535 5.7.8 "), reply


def test_a_login_of_the_other_stream_is_unknown(entrance: Entrance) -> None:
    user = shop.USERS[OTHER[entrance.stream]]
    reply = entrance.submit(entrance.letter(), login=(user, shop.password(user)))
    assert reply.stage == "auth"
    assert _said(reply).startswith("535 5.7.8 "), reply


@pytest.mark.parametrize(
    "sender",
    [
        "orders@shop.example",
        "bounce@bounce.evil.example",
        "x@sub.bounce.shop.example",
        "returns@{domain}",
        "bounce+@{domain}",
        "bouncer@{domain}",
        '"bounce+x@y"@{domain}',
        "fbl@{domain}",
        "postmaster@{domain}",
    ],
)
def test_the_envelope_sender_is_one_to_which_bounces_come_back(
    entrance: Entrance, sender: str
) -> None:
    """And the answer says which those are: inbound refuses bounces to all others."""
    domain = entrance.envelope.rpartition("@")[2]
    written = sender.format(domain=domain)
    reply = entrance.submit(entrance.letter(), login=entrance.login, mail_from=written)
    assert reply.stage == "rcpt"
    assert re.match(
        r"550 5\.7\.1 .*bounces to this address would be lost: MAIL FROM may be "
        + re.escape(f"{entrance.envelope} or bounce+anything@{domain}"),
        _said(reply),
    ), reply


def test_the_other_streams_envelope_sender_is_refused(entrance: Entrance) -> None:
    other = letters.ENVELOPE[OTHER[entrance.stream]]
    reply = entrance.submit(entrance.letter(), login=entrance.login, mail_from=other)
    assert _said(reply).startswith("550 5.7.1 "), reply


@pytest.mark.parametrize(
    "sender",
    [
        "bounce",
        "Bounce",
        "bounce+x=bigmail.example",
        "BOUNCE+1",
        "bounce+alice%40bigmail.example",
        "bounce+alice%bigmail.example",
        "bounce+bigmail.example!alice",
        "bounce+a%b!c%d",
        "bounce+{x}$y&'z/#",
    ],
)
def test_where_bounces_come_back_to_is_taken_on_both_sides(entrance: Entrance, sender: str) -> None:
    written = f"{sender}@{entrance.envelope.rpartition('@')[2]}"
    steps = [b"EHLO app\r\n", f"MAIL FROM:<{written}>\r\n".encode()]
    steps += [b"RCPT TO:<alice@bigmail.example>\r\n"]
    said = entrance.converse(steps, logged_in=True, tls="starttls")
    steps = [b"EHLO x.example\r\n", b"MAIL FROM:<>\r\n", f"RCPT TO:<{written}>\r\n".encode()]
    address = entrance.lab.targets[entrance.host].ipv4[0]
    back = entrance.lab.outsider.converse(address, 25, steps, tls="none")
    assert [said[2][:3], back[2][:3]] == ["250", "250"], (said, back)


def test_a_bounce_to_a_return_path_that_asks_to_be_sent_on_comes_home(
    shops_entrance: Entrance,
) -> None:
    """Of ours and of a stranger: it is taken for what it is, and nothing is sent on."""
    token = uuid4().hex
    back = f"bounce+{token}%bigmail.example@bounce.shop.example"
    guest = shops_entrance.lab.targets[shops_entrance.host]
    lines = len(inside.log(guest, "inbound"))
    reply = shops_entrance.submit(
        shops_entrance.letter(),
        login=shops_entrance.login,
        mail_from=back,
        rcpts=["unknown@bigmail.example"],
    )
    assert reply.is_accepted, reply
    stranger = shops_entrance.lab.outsider.submit(
        guest.ipv4[0],
        25,
        mail_from="",
        rcpts=[back],
        message=b"From: mailer-daemon@x.example\r\nSubject: back\r\n\r\nHello.\r\n",
        helo="outsider.lab.example",
        tls="none",
    )
    assert stranger.is_accepted, stranger
    local = f"to=<{re.escape(back)}>, relay=virtual, .*status=sent "

    def both() -> bool:
        return sum(bool(re.search(local, r)) for r in inside.log(guest, "inbound")[lines:]) == 2

    wait_until(both, 30, f"two reports to {back} in the Maildir")


def test_the_empty_sender_is_refused(entrance: Entrance) -> None:
    reply = entrance.submit(entrance.letter(), login=entrance.login, mail_from="")
    assert reply.stage == "rcpt"
    assert re.match(r"550 5\.7\.1 .*MAIL FROM:<> is refused", _said(reply)), reply


@pytest.mark.parametrize(
    "sender", ["alice@bigmail.example", "x@evil-shop.example", "x@shop.example.evil.example"]
)
def test_the_from_header_is_the_streams_own(entrance: Entrance, sender: str) -> None:
    reply = entrance.submit(entrance.letter(sender=sender), login=entrance.login)
    assert reply.stage == "data"
    assert _said(reply).startswith("550 5.7.1 "), reply


def test_the_other_streams_from_header_is_refused(entrance: Entrance) -> None:
    other = FROM[OTHER[entrance.stream]]
    reply = entrance.submit(entrance.letter(sender=other), login=entrance.login)
    assert _said(reply).startswith("550 5.7.1 "), reply


# ---- commands and limits


def test_only_the_own_commands_are_known(entrance: Entrance) -> None:
    replies = entrance.converse(
        [
            b"EHLO app\r\n",
            b"VRFY alice@bigmail.example\r\n",
            b"ETRN shop.example\r\n",
            b"EXPN all\r\n",
            b"XCLIENT ADDR=127.0.0.1 LOGIN=shop\r\n",
            b"XFORWARD ADDR=127.0.0.1\r\n",
        ],
        logged_in=True,
        tls="starttls",
    )
    offered, *refused, _ = replies
    for keyword in ("VRFY", "ETRN", "CHUNKING", "XCLIENT", "XFORWARD", "SMTPUTF8"):
        assert keyword not in offered
    assert [reply[0] for reply in refused] == ["5"] * 5, replies


def test_an_announced_size_above_the_limit_is_refused_at_once(
    entrance: Entrance, estate: Estate
) -> None:
    size = estate.stream(entrance.stream).limits.message_size + 1
    step = f"MAIL FROM:<{entrance.envelope}> SIZE={size}\r\n".encode()
    _, mail, *_ = entrance.converse([b"EHLO app\r\n", step], logged_in=True, tls="starttls")
    assert mail.startswith("552 5.3.4 "), mail


def test_too_many_recipients_are_refused(entrance: Entrance, estate: Estate) -> None:
    allowed = estate.stream(entrance.stream).limits.recipients_per_message
    steps = [b"EHLO app\r\n", f"MAIL FROM:<{entrance.envelope}>\r\n".encode()]
    steps += [f"RCPT TO:<user{n}@bigmail.example>\r\n".encode() for n in range(allowed + 1)]
    replies = entrance.converse(steps, logged_in=True, tls="starttls")
    assert [reply[:3] for reply in replies[2 : 2 + allowed]] == ["250"] * allowed
    assert replies[2 + allowed].startswith("452 4.5.3 "), replies[-2]


# ---- relaying: for a stranger on port 25, without a login, and on the loopback listener

PATHS = (
    "alice@bigmail.example",
    "alice%bigmail.example@bounce.shop.example",
    '"alice%bigmail.example"@bounce.shop.example',
    '"alice@bigmail.example"@bounce.shop.example',
    "bigmail.example!alice@bounce.shop.example",
    "bigmail.example!alice",
    "@bounce.shop.example:alice@bigmail.example",
    "alice%bigmail.example@[{address}]",
    "alice@bigmail.example@bounce.shop.example",
    "alice%bigmail.example",
    "alice@[{bigmail}]",
    '"postmaster@bigmail.example"@bounce.shop.example',
    '"bounce+alice@bigmail.example"@bounce.shop.example',
    "postmaster%bigmail.example@bounce.shop.example",
    "bigmail.example!bounce@bounce.shop.example",
    "bounce%bounce.shop.example@bigmail.example",
    "bounce+alice%bigmail.example@[{address}]",
    "bounce+alice%bigmail.example",
)

RELAY = """
import json, smtplib, sys
host, port, sender, *paths = json.load(sys.stdin)
said = {}
for path in paths:
    # On loopback so many messages a minute from one address.
    own = (f"127.0.1.{len(said) + 1}", 0) if host == "127.0.0.1" else None
    with smtplib.SMTP(host, port, timeout=10, source_address=own) as session:
        session.ehlo("relay.example")
        session.docmd(f"MAIL FROM:<{sender}>")
        code, text = session.docmd(f"RCPT TO:<{path}>")
        said[path] = f"{code} {text.decode()}"
json.dump(said, sys.stdout)
"""


def _paths(lab: Lab, name: str) -> list[str]:
    values = {"address": lab.targets[name].ipv4[0], "bigmail": lab.hosts["bigmail"].ipv4[0]}
    return [path.format(**values) for path in PATHS]


def test_no_path_leads_through_port_25(name: str, deployed: Lab) -> None:
    order = [deployed.targets[name].ipv4[0], 25, "eve@lab.example", *_paths(deployed, name)]
    said = deployed.hosts["outsider"].run(["python3", "-c", RELAY], input=json.dumps(order)).stdout
    assert _taken(said) == {}


def test_no_path_leads_through_the_loopback_listener(name: str, deployed: Lab) -> None:
    order = ["127.0.0.1", SYSTEM_MAIL_PORT, "root@shop.example", *_paths(deployed, name)]
    said = deployed.targets[name].run(["python3", "-c", RELAY], input=json.dumps(order)).stdout
    assert _taken(said) == {}


def test_no_path_leads_through_submission_without_a_login(entrance: Entrance) -> None:
    steps = [b"EHLO app\r\n", f"MAIL FROM:<{entrance.envelope}>\r\n".encode()]
    paths = _paths(entrance.lab, entrance.host)
    steps += [f"RCPT TO:<{path}>\r\n".encode() for path in paths]
    replies = entrance.converse(steps, logged_in=False, tls="starttls")
    assert [reply[0] for reply in replies[2:-1]] == ["5"] * len(paths), replies


def test_xclient_cannot_make_a_stranger_local(name: str, deployed: Lab) -> None:
    replies = deployed.outsider.converse(
        deployed.targets[name].ipv4[0],
        25,
        [
            b"EHLO outsider\r\n",
            b"XCLIENT ADDR=127.0.0.1 NAME=localhost\r\n",
            b"EHLO localhost\r\n",
            b"MAIL FROM:<root@shop.example>\r\n",
            b"RCPT TO:<alice@bigmail.example>\r\n",
        ],
        tls="none",
    )
    assert replies[1][0] == "5"
    assert replies[4].startswith("554 5.7.1 "), replies


def _taken(said: str) -> dict[str, str]:
    """Of {path: reply}, those that were not refused."""
    replies: dict[str, str] = json.loads(said)
    assert len(replies) == len(PATHS)
    return {path: reply for path, reply in replies.items() if reply[0] != "5"}


# ---- pipelining and smuggling


@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_commands_sent_ahead_of_login_are_not_obeyed(entrance: Entrance, tls: Tls) -> None:
    ahead = (
        f"EHLO app\r\nMAIL FROM:<{entrance.envelope}>\r\nRCPT TO:<alice@bigmail.example>\r\n"
        "DATA\r\n"
    ).encode()
    replies = entrance.converse([ahead], logged_in=False, tls=tls)
    assert not [reply for reply in replies if reply.startswith("354")], replies


def test_commands_behind_starttls_are_thrown_away(entrance: Entrance) -> None:
    """CVE-2011-0411: what came in the clear must not be obeyed after the handshake."""
    replies = entrance.converse(
        [b"EHLO app\r\n", b"STARTTLS\r\nRSET\r\nRSET\r\n"], logged_in=False, tls="none"
    )
    assert replies[1].startswith(("220", "5"))
    assert not [reply for reply in replies[2:] if reply.startswith("250")], replies


ENDS = {
    "LF.LF": b"\n.\n",
    "LF.CRLF": b"\n.\r\n",
    "CR.CR": b"\r.\r",
    "CR.CRLF": b"\r.\r\n",
    "CRLF.LF": b"\r\n.\n",
    "CRLF.CR": b"\r\n.\r",
    "LF.CR": b"\n.\r",
    "CRLF.NUL.CRLF": b"\r\n\0.\r\n",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_no_second_message_is_smuggled_through_submission(
    shops_entrance: Entrance, end: bytes, bigmail: Provider
) -> None:
    """CVE-2023-51764: only CRLF.CRLF ends a message (RFC 5321 §4.1.1.4)."""
    first, second = f"First {uuid4().hex}", f"Smuggled {uuid4().hex}"
    inner = shops_entrance.letter(second).replace(b"\r\n", b"\n" if b"\r\n" not in end else b"\r\n")
    hidden = (
        f"MAIL FROM:<{shops_entrance.envelope}>\r\nRCPT TO:<bob@bigmail.example>\r\nDATA\r\n"
    ).encode()
    payload = shops_entrance.letter(first) + b"..." + end + hidden + inner + b"\r\n.\r\n"
    replies = shops_entrance.converse(
        [
            b"EHLO app\r\n",
            f"MAIL FROM:<{shops_entrance.envelope}>\r\n".encode(),
            b"RCPT TO:<alice@bigmail.example>\r\n",
            b"DATA\r\n",
            payload,
        ],
        logged_in=True,
        tls="implicit",
    )
    taken = [reply for reply in replies if "queued as" in reply]
    assert len(taken) <= 1, replies
    if taken:
        whole = bigmail.wait_for(first)
        assert second.encode() in whole.raw
        assert verify.has_valid_signature(shops_entrance.lab, whole.raw)
    heads = [message.raw.partition(b"\n\n")[0] for message in bigmail.messages()]
    assert not [head for head in heads if second.encode() in head]


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_no_second_message_is_smuggled_into_a_mailbox(name: str, end: bytes, deployed: Lab) -> None:
    first, second = f"First {uuid4().hex}", f"Smuggled {uuid4().hex}"
    box = f"postmaster@{name}.shop.example"
    payload = (
        f"From: eve@lab.example\r\nSubject: {first}\r\n\r\nHello".encode()
        + end
        + f"MAIL FROM:<eve@lab.example>\r\nRCPT TO:<{box}>\r\nDATA\r\nFrom: eve@lab.example\r\n"
        f"Subject: {second}\r\n\r\nHello\r\n.\r\n".encode()
    )
    replies = deployed.outsider.converse(
        deployed.targets[name].ipv4[0],
        25,
        [
            b"EHLO outsider\r\n",
            b"MAIL FROM:<eve@lab.example>\r\n",
            f"RCPT TO:<{box}>\r\n".encode(),
            b"DATA\r\n",
            payload,
        ],
        tls="none",
    )
    assert len([reply for reply in replies if "queued as" in reply]) <= 1, replies


# ---- From: headers of every kind (what is taken must verify at the receiver)

LONG = "word " * 240


def _message(fields: str, body: str = "Hello.\r\n") -> bytes:
    return f"{fields}\r\nTo: alice@bigmail.example\r\nSubject: SUBJECT\r\n\r\n{body}".encode()


def attached(octets: int, part: str = "message/rfc822") -> bytes:
    """A message that has another one, or a part, within: a field of it has so many octets."""
    row = ",\r\n " + "jane@customer.example" * 3
    field = "To: jane@customer.example" + row * (octets // len(row))
    return _message(
        "From: orders@shop.example\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=b",
        f"--b\r\nContent-Type: {part}\r\n{'' if part == 'text/plain' else chr(13) + chr(10)}"
        f"{field}\r\nSubject: within\r\n\r\nHello.\r\n--b--\r\n",
    )


SENT = {
    "name and address": _message('From: "Shop, the" <orders@shop.example>'),
    "bare address": _message("From: orders@shop.example"),
    "folded": _message("From: Shop\r\n\t<orders@shop.example>"),
    "encoded word": _message("From: =?utf-8?B?TcO8bGxlcg==?= <orders@shop.example>"),
    "comment": _message("From: orders@shop.example (The Shop)"),
    "capitals": _message("From: Shop <Orders@Shop.Example>"),
    "8-bit body": _message(
        "From: orders@shop.example\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit",
        "Größe: 42 €\r\n",
    ),
    "8-bit body undeclared": _message("From: orders@shop.example", "Größe\r\n"),
    "998 octets": _message("From: orders@shop.example", "x" * 998 + "\r\n"),
    "no end of line": _message("From: orders@shop.example", "no newline"),
    "dots": _message("From: orders@shop.example", ".\r\n..\r\n.dot\r\n"),
    "empty body": _message("From: orders@shop.example", ""),
    "Sender is the return path": _message(
        "From: Shop <orders@shop.example>\r\nSender: bounce@bounce.shop.example"
    ),
    "Sender is a return path of its own": _message(
        "From: Shop <orders@shop.example>\r\n"
        "Sender: Shop <bounce+alice%40bigmail.example@bounce.shop.example>"
    ),
    "an address of 254 octets": _message(f"From: Shop <{'o' * 241}@shop.example>"),
    "a name of 900 octets": _message(f'From: "{"S" * 900}" <orders@shop.example>'),
    "a field of 59 kB in an attached message": attached(59_000),
    "a body of base64": _message(
        "From: orders@shop.example\r\nMIME-Version: 1.0\r\nContent-Type: application/pdf\r\n"
        "Content-Transfer-Encoding: base64",
        ("QUJD" * 19 + "\r\n") * 2600,
    ),
    "trailing space and empty lines": _message("From: orders@shop.example", "a \t b  \r\n\r\n\r\n"),
}
# Where it cannot find one sender's address, the signer itself stumbles before our policy is asked,
# and defers: 451. Either way nothing is signed and nothing leaves.
PLAIN, STUMBLED = r"550 5\.7\.[01] ", r"451 4\.7\.1 "
# Before that header_checks refuse whatever is not the one written out form, and say what to write.
UNWRITTEN = r"550 5\.6\.0 write From: as "
REFUSED = {
    "no From:": (_message("X-From: orders@shop.example"), PLAIN),
    "two From: fields": (
        _message("From: orders@shop.example\r\nFrom: boss@shop.example"),
        PLAIN,
    ),
    "two From: fields, one ours": (
        _message("From: orders@shop.example\r\nFrom: boss@evil.example"),
        PLAIN,
    ),
    "two addresses": (_message("From: boss@evil.example, orders@shop.example"), UNWRITTEN),
    "two own addresses": (_message("From: boss@shop.example, orders@shop.example"), UNWRITTEN),
    "group": (_message("From: Shop: orders@shop.example;"), UNWRITTEN),
    "group of another": (
        _message("From: Group: boss@evil.example;, orders@shop.example"),
        UNWRITTEN,
    ),
    "address in the name": (
        _message('From: "boss@evil.example" <boss@evil.example>, <orders@shop.example>'),
        UNWRITTEN,
    ),
    "two angles": (_message("From: <boss@evil.example> <orders@shop.example>"), UNWRITTEN),
    "route": (_message("From: <@evil.example:orders@shop.example>"), UNWRITTEN),
    "empty": (_message("From: <>"), UNWRITTEN),
    "folded to another": (_message("From: orders@shop.example,\r\n boss@evil.example"), UNWRITTEN),
    "from a return path": (_message("From: bounce@bounce.shop.example"), r"550 5\.7\.1 From: "),
    "another's return path": (
        _message("From: orders@shop.example\r\nSender: returns@bounce.shop.example"),
        PLAIN,
    ),
    "the other stream's return path": (
        _message("From: orders@shop.example\r\nSender: bounce@bounce.news.shop.example"),
        r"550 5\.7\.1 From: ",
    ),
    "an address of 255 octets": (
        _message(f"From: Shop <{'o' * 242}@shop.example>"),
        r"550 5\.6\.0 the address in From: .* 254 octets",
    ),
    "an address of 900 octets": (
        _message(f"From: {'o' * 900}@shop.example"),
        r"550 5\.6\.0 the address in From: .* 254 octets",
    ),
    "a domain beyond ASCII": (
        _message("From: Shop <orders@b\u00fccher.example>"),
        r"550 5\.6\.0 .*xn--",
    ),
    "a field of 62 kB in an attached message": (
        attached(62_000),
        r"550 5\.6\.0 header field of a part ",
    ),
    "a field of 120 kB of a part": (
        attached(120_000, "text/plain"),
        r"550 5\.6\.0 header field of a part ",
    ),
    # Of lines of the body Postfix tells 2048 octets at once: never the words about a field.
    "a body of base64 in one line": (
        _message("From: orders@shop.example", "QUJD" * 40_000 + "\r\n"),
        r"550 5\.6\.0 line longer than 998 octets",
    ),
    "body line over 998": (_message("From: orders@shop.example", LONG + "\r\n"), "550 5.6.0 "),
    "header line over 998": (
        _message(f"From: orders@shop.example\r\nX-Long: {LONG}"),
        "550 5.6.0 ",
    ),
}


def _unique(message: bytes) -> tuple[str, bytes]:
    subject = uuid4().hex
    return subject, message.replace(b"SUBJECT", subject.encode())


def _body(message: bytes) -> bytes:
    return message.replace(b"\r\n", b"\n").partition(b"\n\n")[2].rstrip()


@pytest.mark.parametrize("message", SENT.values(), ids=SENT.keys())
def test_what_is_taken_verifies_at_the_receiver(
    message: bytes, shops_entrance: Entrance, bigmail: Provider
) -> None:
    subject, own = _unique(message)
    reply = shops_entrance.submit(own, login=shops_entrance.login)
    assert reply.is_accepted, reply
    received = bigmail.wait_for(subject)
    # What is cut off before it is signed verifies as well.
    assert _body(received.raw) == _body(own)
    assert verify.has_valid_signature(shops_entrance.lab, received.raw)
    assert "dkim=pass" in " ".join(received.authentication_results)


@pytest.mark.parametrize(("message", "wanted"), REFUSED.values(), ids=REFUSED.keys())
def test_what_could_be_read_in_two_ways_is_refused(
    message: bytes, wanted: str, shops_entrance: Entrance
) -> None:
    _, own = _unique(message)
    reply = shops_entrance.submit(own, login=shops_entrance.login)
    assert reply.stage == "data"
    assert re.match(wanted, _said(reply)), reply


@pytest.fixture
def seven_bit(deployed: Lab) -> Iterator[None]:
    """bigmail as one of the last servers that do not take 8-bit mail (RFC 6152)."""
    guest = deployed.hosts["bigmail"]
    guest.run("postconf smtpd_discard_ehlo_keywords=8bitmime && postfix reload")
    yield
    guest.run("postconf -X smtpd_discard_ehlo_keywords && postfix reload")


@pytest.mark.usefixtures("seven_bit")
def test_a_receiver_without_8bitmime_still_finds_the_signature_whole(
    bigmail: Provider, deployed: Lab, estate: Estate
) -> None:
    """smtp(8) would re-encode the body after the signer has seen it."""
    for name, kind in product(HOSTS, ("8-bit body", "8-bit body undeclared")):
        subject, own = _unique(SENT[kind])
        entrance = Entrance(
            deployed, name, "transactional", estate.host(name).way_out("transactional")
        )
        assert entrance.submit(own, login=entrance.login).is_accepted
        received = bigmail.wait_for(subject)
        assert verify.has_valid_signature(deployed, received.raw), (name, kind)


def test_a_campaign_letter_is_refused_to_the_wrong_stream(deployed: Lab) -> None:
    """The mistake that a shop makes: one SMTP setting for both kinds of mail."""
    letter = letters.campaign("alice@bigmail.example")
    user = shop.USERS["transactional"]
    reply = deployed.app.submit(
        letters.SERVER["transactional"],
        587,
        mail_from=letters.ENVELOPE["transactional"],
        rcpts=[letter.recipient],
        message=letter.message.as_bytes(policy=SMTP),
        user=user,
        password=shop.password(user),
    )
    assert _said(reply).startswith("550 5.7.1 "), reply
