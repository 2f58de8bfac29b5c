"""TLS of a client that judges no certificate: whether there is a session at all is the question."""

from __future__ import annotations

import ssl


def any_certificate() -> ssl.SSLContext:
    """A context that takes whatever certificate is shown.

    Not create_default_context(): reading all of the system's authorities takes longer than a
    dialogue, and nobody is asked about them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
