"""DKIM by evaluation: what a host really signs verifies with the key that the world sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import dkim

from postroad.dns.check.said import Ask, strings
from postroad.dns.check.verdict import Fault
from postroad.onhost.common.words import quoted


@dataclass(frozen=True, slots=True)
class Probe:
    """What a host's signer made of a message from ``domain``.

    ``outcome`` is *signed*, or what it did instead; ``message`` is the whole message as signed.
    """

    host: str
    stream: str
    domain: str
    outcome: str
    message: bytes


def verifies(ask: Ask, probe: Probe) -> Iterator[Fault]:
    """The signature is good, by the record at its own selector (RFC 6376 §6.1)."""
    who = f"the {probe.stream} signer of {probe.host}"
    if probe.outcome != "signed":
        reason = f"{who}, given a message from {probe.domain}: {quoted(probe.outcome)}"
        why = f"journalctl -u postroad-dkim@{probe.stream} on {probe.host}"
        yield Fault("required", reason, f"run the deploy again; {why} says why")
        return
    fault = _fault(ask, probe.message)
    if fault:
        reason = f"what {who} signs for {probe.domain} does not verify: {fault}"
        yield Fault("required", reason, "publish what `postroad dns plan` shows for its selector")


def _fault(ask: Ask, message: bytes) -> str:
    """Why no receiver believes the signature; "" where it is good."""

    def key(name: bytes, timeout: int = 0) -> bytes:
        # The first of several, as a receiver may take any (§3.6.2.2).
        return next(iter(strings(ask(name.decode("ascii"), "TXT"))), b"")

    try:
        good = dkim.DKIM(message).verify(dnsfunc=key)
    except dkim.DKIMException as error:
        return quoted(str(error))
    return "" if good else "there is no such key at its selector, or another one"
