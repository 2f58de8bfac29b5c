"""Whether a message is signed as it has to be (RFC 6376)."""

from __future__ import annotations

from collections.abc import Callable

import dkim

#: What answers for the record of a key, as dkimpy asks it; empty where there is none.
Records = Callable[..., bytes]
#: dkimpy's own.
SMALLEST = 1024


def signature_fault(message: bytes, records: Records, otherwise: str, bits: int = SMALLEST) -> str:
    """Why the first signature does not verify, empty where it does; ``otherwise`` where all of it
    can be read. Keys of fewer than ``bits`` are none. What ``records`` raises is passed on."""
    try:
        verifies = dkim.DKIM(message, minkey=bits).verify(dnsfunc=records)
    except dkim.DKIMException as fault:
        return str(fault)
    return "" if verifies else otherwise
