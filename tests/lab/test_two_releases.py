"""One estate, one fate: what Debian 12 makes of a message, a login or a command, 13 makes as well.

What both take arrives octet by octet the same, and what is refused is refused in the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.life.session import Lab
from lab.mail import shop
from tests.lab import fates
from tests.lab.fates import HOSTS, plain, said
from tests.strange import messages as generated

FROM = "From: Shop <orders@shop.example>\r\n"
COMMON = (
    "To: alice@bigmail.example\r\nSubject: Fate\r\n"
    "Date: Mon, 30 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@shop.example>\r\n"
)
MIME = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
EIGHT = MIME + "Content-Transfer-Encoding: 8bit\r\n"


def _message(fields: str, body: str, common: str = COMMON) -> bytes:
    return f"{FROM}{common}{fields}\r\n{body}".encode()


def _signed(encoding: str, text: str, line: str = "\r\n") -> bytes:
    """A part that the application has signed, as S/MIME and PGP/MIME write it (RFC 1847)."""
    return _message(
        "MIME-Version: 1.0\r\nContent-Type: multipart/signed; micalg=sha-256;\r\n"
        ' protocol="application/pkcs7-signature"; boundary=b\r\n',
        "This is signed.\r\n\r\n--b\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        f"{text}{line}--b\r\nContent-Type: application/pkcs7-signature\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n",
    )


def _nested(levels: int) -> bytes:
    opened = "".join(
        f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in range(levels)
    )
    fields = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b0\r\n"
    return _message(fields, f"{opened}--b{levels}\r\n\r\nText\r\n--b{levels}--\r\n")


MESSAGES = {
    "plain": _message("", "Hello.\r\n"),
    "8-bit": _message(EIGHT, "Größe: 42 €\r\n"),
    "8-bit, undeclared": _message("", "Größe: 42 €\r\n"),
    "8-bit, declared in capitals": _message(EIGHT.replace("8bit", "8BIT"), "Größe\r\n"),
    "8-bit, a line of 998": _message(EIGHT, "é" * 499 + "\r\n"),
    "8-bit, a line of 1000": _message(EIGHT, "é" * 500 + "\r\n"),
    "8-bit, undeclared, a line of 1000": _message("", "é" * 500 + "\r\n"),
    "8-bit, a line of 3000": _message(EIGHT, "é" * 1500 + "\r\n"),
    "7-bit, a line of 998": _message(MIME, "x" * 998 + "\r\n"),
    "7-bit, a line of 999": _message(MIME, "x" * 999 + "\r\n"),
    "7-bit, a line of 2048": _message(MIME, "x" * 2048 + "\r\n"),
    "7-bit, a line of 70000": _message(MIME, "x" * 70000 + "\r\n"),
    "binary": _message(EIGHT.replace("8bit", "binary"), "Größe\r\n" + "é" * 600 + "\r\n"),
    "quoted-printable with 8 bits": _message(
        EIGHT.replace("8bit", "quoted-printable"), "Gr=C3=B6ße =\r\n.\r\n"
    ),
    "base64 with 8 bits": _message(EIGHT.replace("8bit", "base64"), "R3LDtsOf\r\né\r\n"),
    "an encoding that nobody knows": _message(EIGHT.replace("8bit", "x-own"), "Größe\r\n"),
    "signed, 8-bit": _signed("8bit", "Größe: 42 €  \r\n\r\n"),
    "signed, 7-bit": _signed("7bit", "From here \t\r\n.\r\n-- \r\n"),
    "signed, quoted-printable": _signed("quoted-printable", "Gr=C3=B6=C3=9Fe =20\r\n"),
    "signed, a long line": _signed("8bit", "é" * 600),
    "signed, lines end in LF": _signed("8bit", "Größe\nzwei", "\n"),
    "a message within, 8-bit": _message(
        "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n",
        "From: else@elsewhere.example\r\nSubject: Größe\r\nBcc: x@y.example\r\n"
        f"{EIGHT}\r\nGröße\r\n",
    ),
    "a message within, in base64": _message(
        "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n"
        "Content-Transfer-Encoding: base64\r\n",
        "RnJvbTogeEB5LmV4YW1wbGUKCkhlbGxvLgo=\r\n",
    ),
    "a part of a message": _message(
        "MIME-Version: 1.0\r\nContent-Type: message/partial; id=a; number=1; total=2\r\n",
        "Größe\r\n",
    ),
    "a multipart that does not end": _message(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n",
        f"--b\r\n{EIGHT.partition(chr(10))[2]}\r\nGröße\r\n",
    ),
    "a multipart in quoted-printable": _message(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n",
        "--b\r\n\r\nText\r\n--b--\r\n",
    ),
    "a long boundary": _message(
        f'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="{"b" * 900}"\r\n',
        f"--{'b' * 900}\r\n\r\nText\r\n--{'b' * 900}--\r\n",
    ),
    "99 levels": _nested(99),
    "120 levels": _nested(120),
    "bare LF": _message("", "one\ntwo\n\nthree\r\n"),
    "bare LF throughout": _message("", "one\r\n.two\r\n").replace(b"\r\n", b"\n"),
    "bare LF around a full stop": _message("", "one\n.\ntwo\r\n"),
    "bare CR": _message("", "one\rtwo\r\rthree\r\n"),
    "bare CR in the header": _message("X-Odd: one\rtwo\r\n", "Hello.\r\n"),
    "CR CR LF": _message("", "one\r\r\ntwo\r\n"),
    "CR before a full stop": _message("", "one\r.\rtwo\r\n"),
    "an octet 0": _message("", "one\0two\r\n"),
    "control octets": _message("", "".join(map(chr, range(1, 32))).replace("\n", "") + "\x7f\r\n"),
    "full stops": _message("", ".\r\n..\r\n...\r\n.x\r\n"),
    "no end of line": _message("", "no newline"),
    "no body": _message("", ""),
    "empty lines": _message("", "\r\n\r\n\r\n"),
    "white space at ends": _message("", "a \t \r\n \r\n\t\r\n"),
    "From at a line's start": _message("", "From here\r\n>From there\r\n"),
    "no Date, no Message-ID": _message("", "x\r\n", "To: alice@bigmail.example\r\n"),
    "no To": _message("", "x\r\n", "Subject: Fate\r\n"),
    "no From": _message("", "x\r\n").replace(FROM.encode(), b""),
    "two Subject fields": _message("Subject: again\r\n", "x\r\n"),
    "raw UTF-8 fields": _message("X-Name: Größe €\r\n", "x\r\n", COMMON.replace("Fate", "Größe")),
    "raw Latin-1 fields": _message("X-Name: Gr\xf6\xdfe\r\n", "x\r\n").decode().encode("latin-1"),
    "raw UTF-8 name": _message("", "x\r\n").replace(b"Shop", "Süßes".encode()),
    "a folded field of white space": _message("X-Odd: a\r\n \r\n b\r\n", "x\r\n"),
    "a field without a colon": _message("X-Odd\r\n", "x\r\n"),
    "a space before a colon": _message("X-Odd : x\r\n", "x\r\n"),
    "a header line of 998": _message(f"X-Long: {'x' * 990}\r\n", "x\r\n"),
    "a header line of 999": _message(f"X-Long: {'x' * 991}\r\n", "x\r\n"),
    "a folded field of 50 kB": _message("X-Long:" + "\r\n " * 500 + "x" * 90 + "\r\n", "x\r\n"),
    "a header of 60 kB": _message("X-Long: " + ("x" * 90 + "\r\n ") * 640 + "x\r\n", "x\r\n"),
    "a header of 110 kB": _message(f"X-Long: {'x' * 900}\r\n" * 120, "x\r\n"),
    "a folded field of 59 kB within": _message(
        "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n",
        "Subject: within\r\nTo: " + "jane@x.example,\r\n " * 3400 + "j@x.example\r\n\r\nx\r\n",
    ),
    "a folded field of 62 kB within": _message(
        "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n",
        "Subject: within\r\nTo: " + "jane@x.example,\r\n " * 3700 + "j@x.example\r\n\r\nx\r\n",
    ),
    "Sender is the return path": _message("Sender: bounce@bounce.shop.example\r\n", "x\r\n"),
    "many recipients named": _message(
        "Cc: " + ",\r\n ".join(f"c{n}@x.example" for n in range(500)) + "\r\n", "x\r\n"
    ),
    # The receiver counts as well (hopcount_limit: 50).
    "40 Received fields": _message("Received: by x; DATE\r\n" * 40, "x\r\n"),
    "51 Received fields": _message("Received: by x; DATE\r\n" * 51, "x\r\n"),
    "Delivered-To": _message("Delivered-To: alice@bigmail.example\r\n", "x\r\n"),
    "Return-Path, Bcc, Content-Length": _message(
        "Return-Path: <x@y.example>\r\nBcc: h@x.example\r\nContent-Length: 3\r\n", "x\r\n"
    ),
    "Resent-Bcc": _message("Resent-Bcc: h@x.example\r\n", "x\r\n"),
    "Errors-To, Return-Receipt-To": _message(
        "Errors-To: x@y.example\r\nReturn-Receipt-To: x@y.example\r\n", "x\r\n"
    ),
    "Disposition-Notification-To": _message(
        "Disposition-Notification-To: x@y.example\r\n", "x\r\n"
    ),
    "TLS-Required": _message("TLS-Required: no\r\n", "x\r\n"),
    "REQUIRETLS": _message("Require-TLS: yes\r\nREQUIRETLS: yes\r\n", "x\r\n"),
    "DKIM of its own": _message(
        "DKIM-Signature: v=1; a=rsa-sha256; d=shop.example; s=x; h=from;\r\n bh=AAAA; b=AAAA\r\n",
        "x\r\n",
    ),
    "ARC, results": _message(
        "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=x.example; s=x; b=AAAA\r\n"
        "Authentication-Results: x.example; spf=pass\r\n",
        "x\r\n",
    ),
    "X-Originating-IP": _message("X-Originating-IP: [192.0.2.1]\r\nX-PHP-Script: a\r\n", "x\r\n"),
    "Apparently-To": _message("Apparently-To: x@y.example\r\n", "x\r\n", "Subject: Fate\r\n"),
    "a Unix mailbox's line first": b"From x@y.example Mon Nov 30 10:00:00 2026\r\n"
    + _message("", "x\r\n"),
    "addresses without domains": _message(
        "Cc: bob, carol@localhost\r\nReply-To: help\r\n", "x\r\n"
    ),
    "old forms of addresses": _message(
        "Cc: a!b!c, d%e@f.example, <@x.example:y@z.example>\r\nReply-To: Help: a@b.example;\r\n",
        "x\r\n",
    ),
}
GENERATED = {
    **{f"honest {n}": m for n, m in enumerate(generated.some(generated.honest(13), 40))},
    **{f"hostile {n}": m for n, m in enumerate(generated.some(generated.hostile(13), 40))},
}


@pytest.mark.parametrize("messages", [MESSAGES, GENERATED], ids=["of each kind", "generated"])
def test_a_message_has_one_fate(messages: dict[str, bytes], deployed: Lab) -> None:
    one, other = (fates.of_messages(deployed, host, messages) for host in HOSTS)
    differ = {name: (fate, other[name]) for name, fate in one.items() if fate != other[name]}
    assert differ == {}
    # Nothing is lost, and what the application has signed itself is what arrives.
    taken = {name: fate.arrived for name, fate in one.items() if fate.reply.startswith("250")}
    assert [name for name, arrived in taken.items() if not arrived] == []
    signed = {name: taken[name] for name in taken if name.startswith("signed, ")}
    assert [name for name, arrived in signed.items() if _body(messages[name]) not in arrived] == []


def _body(message: bytes) -> str:
    """The octets behind the header as ``Fate.arrived`` has them."""
    return message.partition(b"\r\n\r\n")[2].replace(b"\r\n", b"\n").decode("latin-1")


SHOP = shop.USERS["transactional"]


def logins(right: str) -> dict[str, list[bytes]]:
    """What applications say, and what nobody should: each a session of its own."""
    long = "p" * 1000
    return {
        "right": [b"AUTH PLAIN " + plain(SHOP, right)],
        "right, in two steps": [b"AUTH PLAIN", plain(SHOP, right)],
        "right, by LOGIN": [b"AUTH LOGIN", said(SHOP), said(right)],
        "right, by LOGIN with the name": [b"AUTH LOGIN " + said(SHOP), said(right)],
        "mechanism in small letters": [b"auth plain " + plain(SHOP, right)],
        "for itself": [b"AUTH PLAIN " + plain(SHOP, right, SHOP)],
        "for another": [b"AUTH PLAIN " + plain(SHOP, right, "campaigns")],
        "in capitals": [b"AUTH PLAIN " + plain(SHOP.upper(), right)],
        "in capitals, by LOGIN": [b"AUTH LOGIN", said(SHOP.title()), said(right)],
        "white space around": [b"AUTH PLAIN " + plain(f" {SHOP} ", right)],
        "a domain behind": [b"AUTH PLAIN " + plain(f"{SHOP}@shop.example", right)],
        "a domain before": [b"AUTH PLAIN " + plain(f"SHOP\\{SHOP}", right)],
        "wrong": [b"AUTH PLAIN " + plain(SHOP, "wrong")],
        "wrong, by LOGIN": [b"AUTH LOGIN", said(SHOP), said("wrong")],
        "the other stream's": [b"AUTH PLAIN " + plain("campaigns", right)],
        "nobody's": [b"AUTH PLAIN " + plain("nobody", right)],
        "an empty name": [b"AUTH PLAIN " + plain("", right)],
        "an empty password": [b"AUTH PLAIN " + plain(SHOP, "")],
        "an empty password, by LOGIN": [b"AUTH LOGIN", said(SHOP), b""],
        "a name beyond ASCII": [b"AUTH PLAIN " + plain("größe", right)],
        "a password beyond ASCII": [b"AUTH PLAIN " + plain(SHOP, "Größe €")],
        "a pattern": [b"AUTH PLAIN " + plain("s*", right)],
        "a variable": [b"AUTH PLAIN " + plain("%u", right)],
        "a colon": [b"AUTH PLAIN " + plain(f"{SHOP}:x", right)],
        "a long name": [b"AUTH PLAIN " + plain("s" * 300, right)],
        "a long password": [b"AUTH PLAIN " + plain(SHOP, long)],
        "a longer password, in two steps": [b"AUTH PLAIN", plain(SHOP, long * 4)],
        "no base64": [b"AUTH PLAIN ***"],
        "no base64, in two steps": [b"AUTH PLAIN", b"***"],
        "no base64, by LOGIN": [b"AUTH LOGIN", b"***"],
        "too few fields": [b"AUTH PLAIN " + said("shop")],
        "an empty answer": [b"AUTH PLAIN ="],
        "given up": [b"AUTH PLAIN", b"*"],
        "given up, by LOGIN": [b"AUTH LOGIN", said(SHOP), b"*"],
        "no mechanism": [b"AUTH"],
        "a mechanism that is not offered": [b"AUTH CRAM-MD5"],
        "XOAUTH2": [b"AUTH XOAUTH2 " + said("user=shop\1auth=Bearer x\1\1")],
        "SCRAM": [b"AUTH SCRAM-SHA-256 " + said("n,,n=shop,r=x")],
        "ANONYMOUS": [b"AUTH ANONYMOUS " + said("x")],
        "EXTERNAL": [b"AUTH EXTERNAL ="],
        "twice": [b"AUTH PLAIN " + plain(SHOP, right)] * 2,
        "wrong, then right": [
            b"AUTH PLAIN " + plain(SHOP, "wrong"),
            b"AUTH PLAIN " + plain(SHOP, right),
        ],
        "none": [b"MAIL FROM:<bounce@bounce.shop.example>", b"RCPT TO:<alice@bigmail.example>"],
    }


# Each a session of its own, of the shop's application.
MAIL = b"MAIL FROM:<bounce@bounce.shop.example>"
COMMANDS: dict[str, list[bytes]] = {
    "EHLO": [b"EHLO app.lab.example"],
    "HELO": [b"HELO app.lab.example", b"HELO [192.0.2.1]", b"HELO a_b", b"HELO", b"EHLO -", MAIL],
    "a name beyond ASCII": ["EHLO größe.example".encode(), MAIL],
    "words of MAIL": [
        MAIL + b" BODY=8BITMIME",
        b"RSET",
        MAIL + b" BODY=7BIT SIZE=1000",
        b"RSET",
        MAIL + b" BODY=BINARYMIME",
        MAIL + b" SIZE=99999999999",
        MAIL + b" SIZE=-1",
    ],
    "more words of MAIL": [
        MAIL + b" SMTPUTF8",
        MAIL + b" REQUIRETLS",
        MAIL + b" RET=HDRS ENVID=x",
        MAIL + b" AUTH=<>",
        b"RSET",
        MAIL + b" MT-PRIORITY=3",
    ],
    "forms of MAIL": [
        b"MAIL FROM: <bounce@bounce.shop.example>",
        b"RSET",
        b"MAIL FROM:bounce@bounce.shop.example",
        b"RSET",
        b"mail from:<Bounce@Bounce.Shop.Example>",
        b"RSET",
        b"MAIL FROM:<bounce+a=b@bounce.shop.example>",
        b"RSET",
        b"MAIL bounce@bounce.shop.example",
    ],
    # Asked when there is a recipient (smtpd_delay_reject).
    "others' MAIL": [
        step
        for sender in (
            "",
            "orders@shop.example",
            "bounce@bounce.news.shop.example",
            "bounce",
            "größe@bounce.shop.example",
            '"bounce"@bounce.shop.example',
            "@x.example:bounce@bounce.shop.example",
        )
        for step in (f"MAIL FROM:<{sender}>".encode(), b"RCPT TO:<alice@bigmail.example>", b"RSET")
    ],
    "forms of RCPT": [
        MAIL,
        b"RCPT TO:alice@bigmail.example",
        b"RCPT TO: <alice@bigmail.example>",
        b"RCPT TO:<Alice@BigMail.Example>",
        b'RCPT TO:<"alice b"@bigmail.example>',
        b"RCPT TO:<@bigmail.example:alice@bigmail.example>",
        b"RCPT TO:<alice@bigmail.example> NOTIFY=NEVER",
    ],
    "odd recipients": [
        MAIL,
        b"RCPT TO:<alice%bigmail.example@bigmail.example>",
        b"RCPT TO:<bigmail.example!alice@bigmail.example>",
        b"RCPT TO:<alice@bigmail.example.>",
        b"RCPT TO:<alice.@bigmail.example>",
        b"RCPT TO:<a..b@bigmail.example>",
    ],
    "recipients nowhere": [
        MAIL,
        b"RCPT TO:<>",
        b"RCPT TO:<alice>",
        b"RCPT TO:<postmaster>",
        b"RCPT TO:<alice@localhost>",
        b"RCPT TO:<alice@[127.0.0.1]>",
    ],
    "long recipients": [
        MAIL,
        b"RCPT TO:<" + b"a" * 65 + b"@bigmail.example>",
        b"RCPT TO:<" + b"a" * 255 + b"@bigmail.example>",
        b"RCPT TO:<alice@" + b"a" * 64 + b".example>",
        b"RCPT TO:<alice@" + b"a." * 130 + b"example>",
        b"RCPT TO:<" + b"a" * 1500 + b"@bigmail.example>",
    ],
    "recipients beyond ASCII": [
        MAIL,
        "RCPT TO:<jörg@bigmail.example>".encode(),
        "RCPT TO:<alice@größe.example>".encode(),
        b"RCPT TO:<j\xf6rg@bigmail.example>",
        b"RCPT TO:<alice@xn--gre-6ka8i.example>",
    ],
    "many recipients": [
        MAIL,
        *(b"RCPT TO:<c%d@bigmail.example>" % n for n in range(60)),
    ],
    "out of turn": [b"DATA", b"RCPT TO:<alice@bigmail.example>", MAIL, MAIL, b"DATA"],
    "a word behind DATA": [MAIL, b"RCPT TO:<alice@bigmail.example>", b"DATA x", b"RSET x"],
    "others' commands": [b"NOOP x", b"VRFY alice", b"EXPN alice", b"ETRN x", b"TURN"],
    "more of others": [b"BDAT 5 LAST", b"SEND FROM:<x@y.example>", b"XCLIENT NAME=x", b"STARTTLS"],
    "a browser's": [b"GET / HTTP/1.1"],
    "nothing": [b"", b" ", b"\xff\xfe", b"MAIL\0FROM:<x@y.example>"],
    "a long command": [b"NOOP " + b"x" * 2100, b"NOOP"],
    "bare LF": [b"NOOP\nNOOP"],
}
# Sessions at a time, of each host.
AT_ONCE = 4


def _sessions(
    ask: Callable[[Lab, str, Sequence[bytes]], list[str]],
    sessions: Mapping[str, Sequence[bytes]],
    lab: Lab,
) -> dict[str, tuple[list[str], list[str]]]:
    """The answers of both hosts to each of the sessions."""

    def both(steps: Sequence[bytes]) -> tuple[list[str], list[str]]:
        lines = [step + b"\r\n" for step in steps]
        one, other = (ask(lab, host, lines) for host in HOSTS)
        return one, other

    with ThreadPoolExecutor(AT_ONCE) as crew:
        return dict(zip(sessions, crew.map(both, sessions.values()), strict=True))


def test_a_login_has_one_fate(deployed: Lab) -> None:
    said_by = _sessions(fates.of_logins, logins(shop.password(SHOP)), deployed)
    assert {name: pair for name, pair in said_by.items() if pair[0] != pair[1]} == {}
    # A name is one in any case, and whoever acts for another is refused.
    for name, code in (("right", "235"), ("in capitals", "235"), ("for another", "535")):
        assert said_by[name][0][0].startswith(code), (name, said_by[name])


def test_a_command_has_one_fate(deployed: Lab) -> None:
    said_by = _sessions(fates.of_commands, COMMANDS, deployed)
    assert {name: pair for name, pair in said_by.items() if pair[0] != pair[1]} == {}


# Each a session of its own, at port 25.
STRANGERS: dict[str, list[bytes]] = {
    "EHLO": [b"EHLO x.example", b"HELO", b"VRFY postmaster", b"ETRN x"],
    "a report": [
        b"MAIL FROM:<> BODY=8BITMIME",
        b"RCPT TO:<bounce+fate@bounce.shop.example>",
        b"DATA",
        "Subject: Größe\r\n\r\n".encode() + "é".encode() * 600 + b"\r\none\ntwo\rthree\r\n.",
    ],
    "others' addresses": [
        b"MAIL FROM:<x@y.example>",
        b"RCPT TO:<alice@bigmail.example>",
        b"RCPT TO:<orders@shop.example>",
        b"RCPT TO:<alice%bigmail.example@bounce.shop.example>",
    ],
    "odd ones": [
        b"MAIL FROM:<x@y.example> SMTPUTF8",
        b"MAIL FROM:<x@y.example> SIZE=999999999",
        b"MAIL FROM:x@y.example",
        b"RCPT TO:<bounce@bounce.shop.example>",
    ],
}


def test_a_stranger_has_one_fate(deployed: Lab) -> None:
    said_by = _sessions(fates.of_strangers, STRANGERS, deployed)
    assert {name: pair for name, pair in said_by.items() if pair[0] != pair[1]} == {}


# Of openssl-s_client(1): what old and careful clients have.
HANDSHAKES = {
    "as it is": (),
    "TLS 1.1": ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
    "TLS 1.2": ("-tls1_2",),
    "RSA key exchange": ("-tls1_2", "-cipher", "AES256-GCM-SHA384"),
    "Diffie-Hellman": ("-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"),
    "CBC": ("-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA384"),
    "CCM": ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-CCM"),
    "ChaCha20": ("-tls1_2", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-CHACHA20-POLY1305"),
    "AES-128": ("-ciphersuites", "TLS_AES_128_GCM_SHA256"),
    "P-256": ("-curves", "P-256"),
    "P-521": ("-curves", "P-521"),
    "X448": ("-curves", "X448"),
    "P-192": ("-tls1_2", "-curves", "P-192"),
    "SHA-1": ("-tls1_2", "-sigalgs", "RSA+SHA1:ECDSA+SHA1", "-cipher", "ALL:@SECLEVEL=0"),
    "another name": ("-servername", "elsewhere.example"),
    "no name": ("-noservername",),
}


def test_a_handshake_has_one_fate(deployed: Lab) -> None:
    def both(options: Sequence[str]) -> tuple[str, str]:
        one, other = (fates.of_handshakes(deployed, host, options) for host in HOSTS)
        return one, other

    with ThreadPoolExecutor(AT_ONCE) as crew:
        said_by = dict(zip(HANDSHAKES, crew.map(both, HANDSHAKES.values()), strict=True))
    assert {name: pair for name, pair in said_by.items() if pair[0] != pair[1]} == {}
    assert said_by["as it is"][0].startswith("Protocol version: TLSv1.3")
    assert said_by["TLS 1.1"][0] == said_by["RSA key exchange"][0] == ""


@pytest.fixture
def converting(deployed: Lab) -> Iterator[None]:
    """Debian 13 as its Postfix could be: 8-bit text becomes quoted-printable on its way in."""
    guest, place = deployed.targets["mail2"], f"/etc/postfix-{fates.STREAM}"
    reload = f"systemctl reload postroad-postfix@{fates.STREAM}"
    guest.run(f"cp -p {place}/main.cf /run/main.cf.kept")
    guest.run(f"postconf -c {place} force_mime_input_conversion=yes && {reload}")
    yield
    guest.run(f"mv /run/main.cf.kept {place}/main.cf && {reload}")


@pytest.mark.usefixtures("converting")
def test_another_fate_is_seen(deployed: Lab) -> None:
    """The mend taken away: what the application has signed would no longer be what arrives."""
    names = ("signed, 7-bit", "signed, 8-bit", "8-bit, a line of 1000")
    some = {name: MESSAGES[name] for name in names}
    one, other = (fates.of_messages(deployed, host, some) for host in HOSTS)
    assert [name for name in names if one[name] != other[name]] == list(names[1:])
