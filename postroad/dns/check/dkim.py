"""DKIM: the record at the selector against the key that the host signs with (RFC 6376 §3.6.1)."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.dns.check.said import Ask, strings
from postroad.dns.check.verdict import Fault
from postroad.dns.dkim import LiveKey
from postroad.onhost.common.key_record import key_record_fault


def key(ask: Ask, live: LiveKey, mend: str) -> Iterator[Fault]:
    """The one record must make rsa-sha256 signatures of the live key verify."""
    records = strings(ask(live.owner, "TXT"))
    if not records:
        yield Fault("required", f"there is no DKIM key at {live.owner}", mend)
        return
    if len(records) > 1:
        # RFC 6376 §3.6.2.2: the result of several records is undefined.
        reason = f"{live.owner} has {len(records)} TXT records, and may have only one"
        yield Fault("required", reason, f"{mend}, and remove every other TXT there")
        return
    fault = key_record_fault(records[0], live.public_key_base64)
    if fault:
        yield Fault("required", f"the DKIM record at {live.owner} {fault}", mend)
