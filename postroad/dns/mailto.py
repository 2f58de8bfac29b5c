"""Mail addresses as the URIs of report records hold them."""

from __future__ import annotations

# A comma or an exclamation mark would end or limit the URI (RFC 9989 §4.8, RFC 8460 §3), and a
# semicolon would end the tag.
_ENCODED = str.maketrans({"%": "%25", ",": "%2C", "!": "%21", ";": "%3B"})


def mailto(address: str) -> str:
    """``address`` as a URI (RFC 6068), for the lists of DMARC and TLS-RPT records."""
    return f"mailto:{address.translate(_ENCODED)}"
