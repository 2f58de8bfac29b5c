"""Finds the reports that a mail carries (RFC 9990, "Email"): its attachments, decoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message

from postroad.watch.dmarc.unpack import MIB, RefusedError, too_large

# MAX_PACKED in base64, and some text around it.
MAX_MAIL = 15 * MIB
# The parser asks each open multipart about each line.
_MAX_MULTIPARTS = 20
_MAX_LINES = 500_000
_TYPES = frozenset(
    {
        "application/gzip",
        "application/x-gzip",
        "application/zip",
        "application/x-zip",
        "application/x-zip-compressed",
        "application/xml",
        "text/xml",
    }
)
_ENDINGS = (".xml", ".gz", ".gzip", ".zip")


@dataclass(frozen=True, slots=True)
class Attachment:
    """The name that the sender gave it, for showing only, and its bytes."""

    name: str
    data: bytes


def attachments(mail: bytes) -> tuple[Attachment, ...]:
    """Everything in ``mail`` that may be a report; RefusedError where there is nothing."""
    if len(mail) > MAX_MAIL:
        raise too_large(len(mail), MAX_MAIL)
    if mail.lower().count(b"boundary") > _MAX_MULTIPARTS or mail.count(b"\n") > _MAX_LINES:
        raise RefusedError("is a mail of too many parts or lines")
    try:
        found = tuple(_candidates(message_from_bytes(mail)))
    # The email package answers hostile mail with exceptions of many kinds, RecursionError among
    # them; one mail must not end the reading of all others.
    except Exception as error:
        raise RefusedError(f"is a mail that cannot be parsed: {type(error).__name__}") from error
    if not found:
        raise RefusedError("is a mail without a report attached (.xml, .xml.gz or .zip)")
    return found


def _candidates(mail: Message) -> Iterator[Attachment]:
    for part in mail.walk():
        name = part.get_filename() or ""
        wanted = part.get_content_type() in _TYPES or name.lower().endswith(_ENDINGS)
        if wanted and not part.is_multipart():
            data = part.get_payload(decode=True)
            if isinstance(data, bytes):
                yield Attachment(name or "attachment without a name", data)
