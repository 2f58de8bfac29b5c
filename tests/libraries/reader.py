"""What arrived, held against what was meant, by a reader that shares no line with postroad."""

from __future__ import annotations

import email
import re
from base64 import b64decode
from collections.abc import Iterator
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.policy import compat32, default
from email.utils import getaddresses

from tests.libraries.letters import File, Letter, Named, digest


def key_of(raw: bytes) -> str:
    """The key of the letter that a message is; empty where it is none."""
    found = re.search(rb"^X-Letter:\s+(\S+)", raw, re.MULTILINE | re.IGNORECASE)
    return found[1].decode() if found else ""


def faults(letter: Letter, raw: bytes) -> Iterator[str]:
    """What has come otherwise than it was meant."""
    mail = email.message_from_bytes(raw, policy=default)
    assert isinstance(mail, EmailMessage)
    yield from _differs("subject", _unspaced(letter.subject), _unspaced(str(mail["Subject"])))
    people: dict[str, tuple[Named, ...]] = {
        "From": (letter.sender,),
        "To": letter.to,
        "Cc": letter.cc,
        "Reply-To": letter.reply_to,
    }
    for name, meant in people.items():
        wanted = tuple((_unspaced(said), address) for said, address in meant)
        yield from _differs(name, wanted, _people(mail, name))
    yield from _differs("Bcc", None, mail["Bcc"])
    for name, value in letter.headers.items():
        yield from _differs(name, [value], [str(one) for one in mail.get_all(name, [])])
    yield from _differs("signatures", 1, len(mail.get_all("DKIM-Signature", [])))
    yield from _differs("text", _lines(letter.text), _body(mail, "plain"))
    if letter.html:
        yield from _differs("page", _unnamed(_lines(letter.html)), _unnamed(_body(mail, "html")))
    if letter.calendar:
        found = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
        said = [_lines(_octets(part).decode()) for part in found]
        if _lines(letter.calendar) not in said:
            yield f"invitation: {said!r}"
    if letter.forwarded:
        yield from _differs("forwarded", [_ended(letter.forwarded)], _forwarded(raw))
    yield from _missing(letter, mail)


def _differs(what: str, meant: object, found: object) -> Iterator[str]:
    if meant != found:
        yield f"{what}: {meant!r} came as {found!r}"


def _people(mail: EmailMessage, name: str) -> tuple[Named, ...]:
    """By Python's older reader: the newer leaves a space between encoded words (RFC 2047 6.2)."""
    fields = [
        re.sub(r"\r?\n", "", str(value))
        for field, value in mail.raw_items()
        if field.lower() == name.lower()
    ]
    return tuple(
        (_unspaced(_decoded(display_name)), address)
        for display_name, address in getaddresses(fields)
    )


def _decoded(text: str) -> str:
    return str(make_header(decode_header(text)))


def _body(mail: EmailMessage, kind: str) -> str:
    parts = [part for part in mail.walk() if part.get_content_type() == f"text/{kind}"]
    if not parts:
        return ""
    text = _octets(parts[0]).decode("utf-8")
    if parts[0].get_param("format") == "flowed":
        text = _unflowed(text)
    return _lines(text)


def _unflowed(text: str) -> str:
    """RFC 3676 4.1 and 4.4, for text without quotes."""
    lines = []
    joined = ""
    for line in text.splitlines():
        line = line.removeprefix(" ")
        if line.endswith(" ") and line != "-- ":
            joined += line
        else:
            lines.append(joined + line)
            joined = ""
    return "\n".join([*lines, joined])


def _missing(letter: Letter, mail: EmailMessage) -> Iterator[str]:
    there = [
        File(
            str(part.get_filename() or ""),
            part.get_content_type(),
            _octets(part),
            str(part["Content-ID"] or ""),
        )
        for part in mail.walk()
        if not part.is_multipart()
    ]
    for file in letter.attachments:
        # Text in a library's hands has the ends of lines of mail.
        wanted = _ended(file.content) if file.type.startswith("text/") else file.content
        if not any(
            (one.name, one.type) == (file.name, file.type)
            and wanted == (_ended(one.content) if file.type.startswith("text/") else one.content)
            for one in there
        ):
            seen = [(one.name, one.type, digest(one.content)) for one in there]
            yield f"{file.name}, {file.type}, {digest(file.content)}: not among {seen}"
    shown = re.findall(r"cid:([^\"]+)", _body(mail, "html"))
    for image, name in zip(letter.images, shown, strict=True):
        if not any(one.cid == f"<{name}>" and one.content == image.content for one in there):
            yield f"{image.name}: not there"


def _octets(part: EmailMessage) -> bytes:
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""


def _forwarded(raw: bytes) -> list[bytes]:
    """The octets of every message that is attached, lines ended by LF."""
    found = []
    for part in email.message_from_bytes(raw, policy=compat32).walk():
        if part.get_content_type() != "message/rfc822":
            continue
        inner = part.get_payload(0)
        assert isinstance(inner, Message)
        octets = inner.as_bytes(policy=compat32.clone(max_line_length=0))
        # Symfony says base64 of what it leaves as it is.
        if b":" not in octets:
            octets = b64decode(octets)
        found.append(_ended(octets))
    return found


def _ended(octets: bytes) -> bytes:
    return re.sub(rb"\r\n|\r|\n", b"\n", octets).rstrip(b"\n") + b"\n"


def _lines(text: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\n", text).rstrip("\n")


def _unnamed(page: str) -> str:
    """Symfony gives images names of its own."""
    return re.sub(r"cid:[^\"]+", "cid:", page)


def _unspaced(text: str) -> str:
    """White space aside: Python's own writer loses some where it folds a field."""
    return "".join(text.split())
