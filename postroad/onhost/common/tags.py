"""Lists of tag=value, as DKIM, DMARC, MTA-STS and TLS reporting write them (RFC 6376 §3.2)."""

from __future__ import annotations


def tag_list(text: str) -> dict[str, str] | None:
    """The tags in their order, or None where the list is malformed or has a tag twice."""
    tags: dict[str, str] = {}
    parts = text.split(";")
    if not parts[-1].strip():
        parts.pop()
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or not name or name in tags:
            return None
        tags[name] = value.strip()
    return tags


def members(value: str, separator: str = ":") -> list[str]:
    """The members of a separated value."""
    return [member.strip() for member in value.split(separator) if member.strip()]
