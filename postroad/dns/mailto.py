"""Mail addresses as the URIs of report records hold them."""

from __future__ import annotations

from urllib.parse import quote

# What RFC 6068 §2 lets stand in an address beside letters, digits and "-._~", less what ends or
# limits the URI in these lists, a comma and an exclamation mark (RFC 9989 §4.8, RFC 8460 §3), and
# what ends the tag, a semicolon. A "?" would begin headers, a "#" a fragment (RFC 3986 §3).
_PLAIN = "@$'*+"


def mailto(address: str) -> str:
    """``address`` as a URI (RFC 6068), for the lists of DMARC and TLS-RPT records."""
    return f"mailto:{quote(address, safe=_PLAIN)}"
