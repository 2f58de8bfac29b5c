"""Whole messages as an application hands them in, in octets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from random import Random

from tests.strange import fields
from tests.strange.fields import ADDRESS, BORROWED

TO = "x@bigmail.example"
Header = list[tuple[bytes, bytes]]


def honest(seed: int) -> Iterator[bytes]:
    """What shops send, without end: each form of body with each form of From:."""
    random = Random(seed)
    for number, field in zip(count(), fields.honest(seed)):
        body_form = _BODIES[number % len(_BODIES)]
        header = [(b"From", field), *_common(number), *_extra(random)]
        mime, body = body_form(random)
        yield _written([*header, *mime], body)


def hostile(seed: int) -> Iterator[bytes]:
    """What a stranger with a login would send, without end."""
    random = Random(seed)
    for number, field in zip(count(), fields.hostile(seed)):
        header = [(b"From", field), *_common(number)]
        form = _SPOILT[number % len(_SPOILT)]
        yield form(random, header)


def _common(number: int) -> Header:
    return [
        (b"To", TO.encode()),
        (b"Subject", b"Message %d" % number),
        (b"Date", b"Mon, 30 Nov 2026 10:00:00 +0000"),
        (b"Message-ID", b"<%d@shop.example>" % number),
    ]


def _written(header: Header, body: bytes) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in header) + b"\r\n" + body


def _extra(random: Random) -> Header:
    some: tuple[Header, ...] = (
        [],
        [(b"Sender", ADDRESS.encode())],
        [(b"Reply-To", b'"Help, please" <help@elsewhere.example>')],
        [(b"List-Unsubscribe", b"<https://shop.example/u>, <mailto:u@shop.example>")],
        [(b"References", b" ".join(b"<%d@shop.example>" % i for i in range(30)))],
        [(b"X-Mailer", b"PHPMailer 6.9"), (b"X-Priority", b"3 (Normal)")],
        [(b"Auto-Submitted", b"auto-generated"), (b"Cc", b"a@b.example,\r\n c@d.example")],
    )
    return random.choice(some)


# ---- bodies that shops write


def _text(random: Random) -> tuple[Header, bytes]:
    lines = [b"Thank you.", b"", b".", b"..", b"From the shop", b"\ttab ", b"trailing   "]
    chosen = random.choices(lines, k=random.randint(1, 30))
    return [(b"MIME-Version", b"1.0"), (b"Content-Type", b"text/plain")], b"\r\n".join(chosen)


def _eight_bit(random: Random) -> tuple[Header, bytes]:
    mime = [
        (b"MIME-Version", b"1.0"),
        (b"Content-Type", b"text/plain; charset=utf-8"),
        (b"Content-Transfer-Encoding", b"8bit"),
    ]
    return mime, ("Grüße aus dem Café\r\n" * random.randint(1, 20)).encode()


def _empty(random: Random) -> tuple[Header, bytes]:
    return [], random.choice((b"", b"\r\n", b"\r\n\r\n\r\n"))


def _quoted_printable(random: Random) -> tuple[Header, bytes]:
    mime = [
        (b"MIME-Version", b"1.0"),
        (b"Content-Type", b'text/html; charset="utf-8"'),
        (b"Content-Transfer-Encoding", b"quoted-printable"),
    ]
    return mime, b'<p>Gr=C3=BC=C3=9Fe</p>=\r\n<a href=3D"https://shop.example">x</a>\r\n'


def _attached(random: Random) -> tuple[Header, bytes]:
    """An attached message of somebody else's, as support desks send it, with whatever it holds."""
    mime = [(b"MIME-Version", b"1.0"), (b"Content-Type", b"multipart/mixed; boundary=b")]
    inner = (
        b"From: Somebody Else <somebody@elsewhere.example>\r\nSender: other@elsewhere.example\r\n"
        b"DKIM-Signature: v=1; d=elsewhere.example; b=x\r\nResent-From: third@elsewhere.example\r\n"
        b"Subject: hello\r\n\r\nhello\r\n"
    )
    parts = (
        b"--b\r\nContent-Type: text/plain\r\n\r\nsee below\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"--b--\r\n"
    )
    return mime, parts


def _alternative(random: Random) -> tuple[Header, bytes]:
    mime = [
        (b"MIME-Version", b"1.0"),
        (b"Content-Type", b'multipart/alternative;\r\n boundary="=_%d"' % random.randint(0, 9)),
    ]
    mark = mime[1][1].rpartition(b'"=_')[2].rstrip(b'"')
    part = b"--=_" + mark
    return mime, (
        part
        + b"\r\nContent-Type: text/plain\r\n\r\ntext\r\n"
        + part
        + b"\r\nContent-Type: text/html\r\n\r\n<p>text</p>\r\n"
        + part
        + b"--\r\n"
    )


_BODIES: tuple[Callable[[Random], tuple[Header, bytes]], ...] = (
    *(_text, _eight_bit, _empty, _quoted_printable, _attached, _alternative),
)


# ---- what a stranger does beside From:


def _as_it_is(random: Random, header: Header) -> bytes:
    return _written(header, b"hello\r\n")


def _second_from(random: Random, header: Header) -> bytes:
    name = random.choice(
        (b"From", b"from", b"FROM", b"From ", b"From\t", b"Fr\xc3\xb6m", b"From\x01")
    )
    second = (name, random.choice((BORROWED, ADDRESS, "")).encode())
    first = (b"From", ADDRESS.encode())
    both = [second, first] if random.random() < 0.5 else [first, second]
    return _written([*both, *header[1:]], b"hello\r\n")


_FORGED = (
    *(b"Sender", b"Resent-From", b"Resent-Sender", b"Return-Path", b"Authentication-Results"),
    *(b"DKIM-Signature", b"ARC-Seal", b"Reply-To", b"Resent-Date", b"X-Original-From", b"Received"),
)


def _forged_field(random: Random, header: Header) -> bytes:
    name = random.choice(_FORGED)
    value = {
        b"DKIM-Signature": b"v=1; a=rsa-sha256; c=relaxed/relaxed; d=shop.example; s=202611-mail1;"
        b" h=From:To; bh=" + b"A" * 43 + b"=; b=" + b"QUJD" * 86,
        b"Authentication-Results": b"mx.bigmail.example; dkim=pass header.d=shop.example",
    }.get(name, BORROWED.encode())
    own = (b"From", ADDRESS.encode()) if random.random() < 0.5 else header[0]
    space = random.choice((b"", b" ", b"\t"))
    place = random.choice((0, 1))
    wrong = [own, *header[1:]]
    wrong.insert(place, (name + space, value))
    return _written(wrong, b"hello\r\n")


def _odd_shape(random: Random, header: Header) -> bytes:
    whole = _written([(b"From", ADDRESS.encode()), *header[1:]], b"hello\r\n")
    shapes: tuple[Callable[[], bytes], ...] = (
        lambda: b"\r\n" + whole,
        lambda: b" \r\n" + whole,
        lambda: whole.replace(b"\r\n\r\n", b"\r\n", 1),
        lambda: b"no header at all\r\n" + whole,
        lambda: whole.replace(b"\r\n", b"\n"),
        lambda: whole.replace(b"Subject", b"\rSubject", 1),
        lambda: whole.replace(b"Subject", b"Sub\x00ject", 1),
        lambda: whole.replace(b"hello", b"he\x00llo", 1),
        lambda: whole.replace(b"hello", b"he\rllo", 1),
        lambda: b"From " + BORROWED.encode() + b" Mon Nov 30\r\n" + whole,
        lambda: whole.replace(b"To:", b"X-%s: y\r\nTo:" % (b"a" * 990), 1),
        lambda: b"".join(b"X-%d: y\r\n" % i for i in range(900)) + whole,
        lambda: whole.replace(b"From: ", b"From:\r\n ", 1),
        lambda: whole.replace(b"\r\nTo:", b"\r\n \r\nTo:", 1),
        lambda: whole.replace(b"Subject:", b"From:", 1),
        lambda: b"",
    )
    return random.choice(shapes)()


def _heavy(random: Random, header: Header) -> bytes:
    """What is to cost time: comments within comments, in lines of a legal length."""
    kind = random.choice((b"(", b"()", b'"', b"\\(", b"[", b"a ", b"=?utf-8?q?a?= "))
    line = (kind * 400)[:900]
    value = b"\r\n ".join([line] * random.choice((1, 20, 60))) + b" <" + ADDRESS.encode() + b">"
    return _written([(random.choice((b"From", b"Sender")), value), *header], b"hello\r\n")


_SPOILT: tuple[Callable[[Random, Header], bytes], ...] = (
    *(_as_it_is, _as_it_is, _as_it_is, _as_it_is, _second_from, _forged_field, _odd_shape, _heavy),
)


def some(made: Iterator[bytes], number: int) -> list[bytes]:
    """So many of them."""
    return list(islice(made, number))
