"""Runs checks side by side, in a bounded time, whatever the world does."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from postroad.dns.check.ask import exchange
from postroad.dns.check.asking import TOTAL_SECONDS, Asker, Exchange
from postroad.dns.check.crew import Crew
from postroad.dns.check.names import Names, Silence
from postroad.dns.check.said import Ask
from postroad.dns.check.verdict import Check, Verdict
from postroad.settings.model import Address

SIDE_BY_SIDE = 64


def look(checks: Sequence[Check], resolvers: Iterable[Address]) -> list[Verdict]:
    """The verdicts of all ``checks``, in their order, then one for each source without a say."""
    return judged(checks, resolvers, exchange)


def judged(
    checks: Sequence[Check], resolvers: Iterable[Address], exchange: Exchange
) -> list[Verdict]:
    """As `look`, with the edge in the hands of the caller."""
    deadline = time.monotonic() + TOTAL_SECONDS
    # Two crews: a check waits for questions, and a question never waits for a check.
    lines, desks = Crew(SIDE_BY_SIDE), Crew(SIDE_BY_SIDE)
    names = Names(Asker(exchange, lines, deadline, time.monotonic), resolvers)
    work = [desks.start(partial(_judge, check, names.ask)) for check in checks]
    found = [future.result() for future in work]
    told = [verdict for verdicts in found for verdict in verdicts]
    silent = [_of_silence(silence) for silence in names.silent()]
    return [*_nobody(names), *told, *silent]


def _nobody(names: Names) -> Iterator[Verdict]:
    """Said first where no resolver has a say: all else follows from that."""
    reasons = {one.server: one.reason for one in names.silent() if one.server.recursive}
    if reasons and set(reasons) == set(names.resolvers):
        addresses = ", ".join(str(server.address) for server in names.resolvers)
        yield Verdict(
            "resolvers",
            "resolvers",
            "unknown",
            "required",
            f"none of {addresses} can be asked from here ({next(iter(reasons.values()))}), so"
            " nothing of what the world sees is known",
            "let this machine ask them (UDP and TCP, port 53), or write others under"
            ' estate["dns"]["resolvers"]',
        )


def _judge(check: Check, ask: Ask) -> list[Verdict]:
    return list(check.verdicts(ask))


def _of_silence(silence: Silence) -> Verdict:
    about = silence.zone if not silence.server.recursive else "resolvers"
    return Verdict(
        f"{silence.server}",
        about,
        "unknown",
        "recommended",
        f"{silence.server} has no say in what is told here: {silence.reason}",
    )
