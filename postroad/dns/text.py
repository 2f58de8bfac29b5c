"""TXT rdata: character-strings in presentation format (RFC 1035 §3.3, §5.1)."""

from __future__ import annotations

# RFC 1035 §3.3: one length octet in front of each character-string.
STRING_OCTETS = 255

_BACKSLASH, _QUOTE = ord("\\"), ord('"')


def txt(value: str) -> str:
    """``value`` as quoted character-strings of at most 255 octets each.

    Verifiers join the strings without a space (RFC 7208 §3.3, RFC 6376 §3.6.2.2), so the value is
    cut where the octets run out and every space stays inside a string. UnicodeEncodeError where
    the value is not ASCII: none of the records made here may hold anything else.
    """
    octets = value.encode("ascii")
    starts = range(0, max(len(octets), 1), STRING_OCTETS)
    return " ".join(_quoted(octets[start : start + STRING_OCTETS]) for start in starts)


def _quoted(octets: bytes) -> str:
    return '"' + "".join(_escaped(octet) for octet in octets) + '"'


def _escaped(octet: int) -> str:
    if octet in (_BACKSLASH, _QUOTE):
        return "\\" + chr(octet)
    if 0x20 <= octet < 0x7F:
        return chr(octet)
    return f"\\{octet:03d}"
