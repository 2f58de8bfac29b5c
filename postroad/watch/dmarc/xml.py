"""Looks at a report's XML before any parser that builds something from it does.

A parser's memory grows with the elements and attributes it finds, not with the bytes, so both are
limited. RFC 9990 (security considerations) names the XML bombs that this keeps out.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from xml.parsers import expat

from postroad.watch.dmarc.unpack import RefusedError

# A row of a report takes about 50 marks (25 elements): 20,000 rows, more than anybody reports.
MAX_MARKS = 1_000_000
# An attribute needs an equals sign; reports have a handful.
MAX_EQUALS = 100_000
# feedback/record/auth_results/dkim/domain is 5; extensions (RFC 9990) may go deeper.
MAX_DEPTH = 20

# RFC 3629, and the two that old mail systems declare; all the rest is not read by guess.
_CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "iso-8859-1": "latin-1",
    "windows-1252": "cp1252",
}
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_DECLARATION = re.compile(rb"<\?xml[ \t\r\n][^<>]{0,200}\?>")
_ENCODING = re.compile(rb"""encoding[ \t\r\n]*=[ \t\r\n]*["']([^"']{1,40})["']""")


@dataclass(frozen=True, slots=True)
class Xml:
    """A well-formed report without declaration; ``records`` is how many rows it has."""

    text: str
    records: int


def checked(content: bytes) -> Xml:
    """The report in ``content``.

    RefusedError where the charset is another than it says, or where it is not XML, too large to be
    a report, or declares a document type: entities and default attributes come that way, and
    reports have none.
    """
    body = _decoded(content)
    if body.count("<") > MAX_MARKS or body.count("=") > MAX_EQUALS:
        raise RefusedError("has more XML elements than any report")
    look = _Look()
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = look.doctype
    parser.StartElementHandler = look.start
    parser.EndElementHandler = look.end
    try:
        parser.Parse(body.encode(), True)
    except expat.ExpatError as error:
        raise RefusedError(f"is not well-formed XML: {error}") from error
    return Xml(body, look.records)


def _decoded(content: bytes) -> str:
    if content.startswith(_WIDE) or b"\0" in content[:64]:
        raise RefusedError("is not in UTF-8 but in UTF-16 or UTF-32, or no text at all")
    body = content.removeprefix(codecs.BOM_UTF8).strip()
    declaration = _DECLARATION.match(body)
    charset = "utf-8"
    if declaration:
        body = body[declaration.end() :]
        named = _ENCODING.search(declaration.group())
        charset = named[1].decode("ascii", "replace").lower() if named else charset
    if not body.lstrip().startswith(b"<"):
        raise RefusedError("is neither XML nor gzip nor zip")
    if charset not in _CHARSETS:
        raise RefusedError(f'says that its charset is "{charset}": reports are in UTF-8')
    try:
        return body.decode(_CHARSETS[charset])
    except UnicodeDecodeError as error:
        raise RefusedError(f"is not in {charset}: byte {error.start} is none of it") from error


class _Look:
    """expat's handlers: how deep it is, and how many rows there are."""

    def __init__(self) -> None:
        self.depth = 0
        self.records = 0

    def doctype(self, *_: object) -> None:
        raise RefusedError("declares a document type (DOCTYPE), which no report needs")

    def start(self, name: str, _: object) -> None:
        self.depth += 1
        if self.depth == 1 and name != "feedback":
            raise RefusedError(f"is XML of another kind: <{name[:40]}>, not <feedback>")
        if self.depth > MAX_DEPTH:
            raise RefusedError(f"is nested more than {MAX_DEPTH} deep")
        if self.depth == 2 and name == "record":
            self.records += 1

    def end(self, _: str) -> None:
        self.depth -= 1
