"""world-sees: can the world verify the mail that this host is about to send?

Reads needs from standard input, a JSON list of objects:

    {"kind": "dkim", "name": SELECTOR._domainkey.DOMAIN, "key": BASE64, "publish": [LINE, ...]}
    {"kind": "spf", "address": IP, "sender": ADDRESS or "", "helo": NAME, "publish": [...]}
    {"kind": "fcrdns", "address": IP, "name": NAME, "publish": [...]}

and writes to standard output, in the same order, a JSON list of

    {"need": the need without "publish", "verdict": "ok" | "wrong" | "unknown",
     "reason": one short sentence, "detail": the reason and what to publish}

"unknown" is for questions that nobody answered (time-out, SERVFAIL, REFUSED): never ok, and never
a reason to change a record. Exit status 0 when every need has a verdict, 2 when the input is not
such a list. Only the host's own resolver is asked, at most 15 s in all.

It evaluates as a receiver would and compares no record text.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TextIO

import dns.exception
import dns.name
import dns.resolver
import dns.reversename
import spf

from postroad.onhost.common.key_record import key_record_fault
from postroad.onhost.common.resolver import own_resolver
from postroad.onhost.common.words import quoted

USAGE = "usage: world-sees < NEEDS"
TOTAL_SECONDS = 15.0
QUESTION_SECONDS = 5.0
SIDE_BY_SIDE = 16
# A hostile zone may hold 64 kB in one record; a person reads a line.

Need = dict[str, str]
Outcome = tuple[str, str]
Verdict = dict[str, Any]


class UnansweredError(Exception):
    """Nobody answered the question, so nothing is known."""


class Resolver:
    """Asks one dnspython resolver until a deadline (a reading of ``clock``, in seconds)."""

    def __init__(
        self, stub: dns.resolver.Resolver, deadline: float, clock: Callable[[], float]
    ) -> None:
        self._stub = stub
        self._deadline = deadline
        self._clock = clock

    def ask(self, name: str, kind: str) -> list[Any]:
        """The answers to a question, [] where there is no such name or no such record.

        TXT gives a list of byte strings for each record, MX (preference, name), the others text;
        names come without the trailing dot. Raises UnansweredError.
        """
        left = self._deadline - self._clock()
        if left <= 0:
            raise UnansweredError(f"the time for all questions was over before {name} {kind}")
        try:
            question = dns.name.from_text(name)
        # A name that no zone can hold (RFC 1035 §2.3.4) has no records.
        except dns.exception.DNSException:
            return []
        try:
            answer = self._stub.resolve(
                question, kind, lifetime=min(left, QUESTION_SECONDS), search=False
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.Timeout:
            raise UnansweredError(f"no answer in time to {name} {kind}") from None
        except dns.exception.DNSException as fault:
            raise UnansweredError(
                f"{name} {kind} cannot be resolved ({type(fault).__name__}): "
                "the name server fails or refuses, or a DNSSEC signature is wrong"
            ) from None
        return [_value(rdata, kind) for rdata in answer]


def _value(rdata: Any, kind: str) -> Any:
    if kind == "TXT":
        return list(rdata.strings)
    if kind == "MX":
        return rdata.preference, rdata.exchange.to_text(omit_final_dot=True)
    if kind == "PTR":
        return rdata.target.to_text(omit_final_dot=True)
    return rdata.to_text()


def check_dkim(need: Need, resolver: Resolver) -> Outcome:
    """The key record at the selector holds our key, usable for rsa-sha256 (RFC 6376 §3.6.1)."""
    name = need["name"]
    records = [b"".join(strings) for strings in resolver.ask(name, "TXT")]
    if not records:
        return "wrong", f"there is no DKIM key at {name}"
    if len(records) > 1:
        # RFC 6376 §3.6.2.2: the result of several records is undefined.
        return "wrong", f"{name} has {len(records)} TXT records, and may have only one"
    fault = key_record_fault(records[0], need["key"])
    if fault:
        return "wrong", f"the DKIM record at {name} {fault}"
    return "ok", f"the DKIM key at {name} is the one this host signs with"


class SpfQuery(spf.query):  # type: ignore[misc]  # pyspf has no types
    """pyspf's evaluation (RFC 7208) with our questions in the place of its own."""

    def __init__(self, resolver: Resolver, address: str, sender: str, helo: str) -> None:
        super().__init__(i=address, s=sender, h=helo)
        self._resolver = resolver

    def dns(
        self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False
    ) -> list[Any]:
        """The answers to one question; counts the empty ones (RFC 7208 §4.6.4)."""
        try:
            answers = self._resolver.ask(str(name), qtype)
        except UnansweredError as fault:
            raise spf.TempError(str(fault)) from None
        if not answers and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError(f"more than {spf.MAX_VOID_LOOKUPS} empty answers")
        return answers


SPF_WORDS = {
    "none": "has no SPF record, which has to name",
    "neutral": "has an SPF record that does not name",
    "softfail": "has an SPF record that does not name",
    "fail": "has an SPF record that refuses",
}


def check_spf(need: Need, resolver: Resolver) -> Outcome:
    """SPF gives pass to the source address, for MAIL FROM or, with no sender, for HELO."""
    address, sender, helo = need["address"], need["sender"], need["helo"]
    who = "MAIL FROM domain " + sender.rpartition("@")[2] if sender else "HELO name " + helo
    result, _, explanation = SpfQuery(resolver, address, sender, helo).check()
    if result == "pass":
        return "ok", f"the {who} passes SPF for {address}"
    if result in SPF_WORDS:
        return "wrong", f"the {who} {SPF_WORDS[result]} {address}"
    # pyspf's explanation begins with the name of the result and a colon.
    cause = quoted(explanation.partition(": ")[2])
    if result == "temperror":
        return "unknown", f"SPF of the {who}: {cause}"
    return "wrong", f"the {who} has an SPF record with an error: {cause}"


def check_fcrdns(need: Need, resolver: Resolver) -> Outcome:
    """The PTR of the address is the HELO name, and that name leads back (RFC 8601 §2.7.3)."""
    address, name = need["address"], need["name"]
    pointer = dns.reversename.from_address(address)
    names = [found.lower() for found in resolver.ask(pointer.to_text(), "PTR")]
    if not names:
        return "wrong", f"{address} has no PTR record"
    if name.lower() not in names:
        found = quoted(", ".join(sorted(names)))
        return "wrong", f"the PTR of {address} is {found}, not {name}"
    kind = "AAAA" if ":" in address else "A"
    forward = resolver.ask(name, kind)
    if pointer not in [dns.reversename.from_address(found) for found in forward]:
        return "wrong", f"{name} has no {kind} record that leads back to {address}"
    return "ok", f"{address} is {name} both ways"


# Each kind of need: its check, and the facts that it cannot do without.
CHECKS = {
    "dkim": (check_dkim, ("key", "name")),
    "spf": (check_spf, ("address", "helo", "sender")),
    "fcrdns": (check_fcrdns, ("address", "name")),
}


def verdict(need: dict[str, Any], resolver: Resolver) -> Verdict:
    """The verdict on one need, as it is written out."""
    publish = need.get("publish", [])
    facts = {name: fact for name, fact in need.items() if name != "publish"}
    check, _ = CHECKS[need["kind"]]
    try:
        outcome, reason = check(facts, resolver)
    except UnansweredError as fault:
        outcome, reason = "unknown", str(fault)
    # One zone that breaks a library must not hide the verdicts on the others.
    except Exception as fault:
        outcome, reason = "unknown", f"the check failed: {quoted(repr(fault))}"
    advice = ". Publish: " + " | ".join(publish) if outcome == "wrong" and publish else ""
    return {"need": facts, "verdict": outcome, "reason": reason, "detail": reason + advice}


def verdicts(needs: list[dict[str, Any]], resolver: Resolver) -> list[Verdict]:
    """The verdicts on all needs, in their order; the questions go side by side."""
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
        return list(pool.map(partial(verdict, resolver=resolver), needs))


def read_needs(text: str) -> list[dict[str, Any]]:
    """The needs in ``text``; ValueError says what is wrong with it."""
    needs = json.loads(text)
    if not isinstance(needs, list):
        raise ValueError(f"expected a list of needs, got {type(needs).__name__}")
    for place, need in enumerate(needs):
        if not isinstance(need, dict) or str(need.get("kind")) not in CHECKS:
            raise ValueError(f"need {place}: its kind is none of {', '.join(CHECKS)}")
        _, facts = CHECKS[need["kind"]]
        missing = [fact for fact in facts if not isinstance(need.get(fact), str)]
        if missing:
            raise ValueError(f"need {place} ({need['kind']}) lacks {', '.join(missing)}")
    return needs


def main(arguments: list[str]) -> int:
    """The exit status: 0 with verdicts written, 2 for a wrong call or input."""
    if arguments:
        print(USAGE, file=sys.stderr)
        return 2
    return answer(sys.stdin, sys.stdout, sys.stderr)


def answer(standard_input: TextIO, standard_output: TextIO, standard_error: TextIO) -> int:
    """The exit status: 0 with verdicts written, 2 with the fault of the input told."""
    try:
        needs = read_needs(standard_input.read())
    except ValueError as fault:
        standard_error.write(f"world-sees: standard input: {fault}\n")
        return 2
    deadline = time.monotonic() + TOTAL_SECONDS
    resolver = Resolver(own_resolver(), deadline, time.monotonic)
    json.dump(verdicts(needs, resolver), standard_output, indent=1)
    standard_output.write("\n")
    return 0
