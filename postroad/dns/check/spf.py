"""SPF, evaluated as a receiver does for each address that mail really leaves from (RFC 7208)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import spf

from postroad.dns.check.said import (
    Ask,
    Said,
    TooLargeError,
    UnansweredError,
    addresses,
    exchanges,
    strings,
    targets,
)
from postroad.dns.check.verdict import Fault
from postroad.onhost.common.words import quoted
from postroad.settings.model import Address

# Nobody sends from benchmarking networks (RFC 2544 and RFC 5180): who lets these pass lets all.
STRANGERS = ("198.18.0.1", "2001:2::1")
# RFC 7208 §3.4: an answer that fits into 512 octets with its headers.
PRACTICAL_OCTETS = 450
# Beyond an EDNS buffer of common size; an evaluator need not read a novel.
MOST_OCTETS = 4096

_PRIVATE = [
    ip_network(net)
    for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fe80::/10")
]


class Query(spf.query):  # type: ignore[misc]  # pyspf has no types
    """pyspf's evaluation and limits (10 look-ups, 2 empty answers) with our questions in it."""

    def __init__(self, ask: Ask, address: str, sender: str, helo: str) -> None:
        super().__init__(i=address, s=sender, h=helo)
        self._ask = ask

    def dns(
        self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False
    ) -> list[Any]:
        """The answers to one question; counts the empty ones (RFC 7208 §4.6.4)."""
        try:
            found = _values(self._ask(str(name), qtype), qtype)
        except UnansweredError as fault:
            raise spf.TempError(str(fault)) from None
        if not found and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError(f"more than {spf.MAX_VOID_LOOKUPS} empty answers")
        return found


def _values(said: Said, kind: str) -> list[Any]:
    if kind == "TXT":
        return [[record] for record in strings(said)]
    if kind == "MX":
        return exchanges(said)
    if kind == "PTR":
        return targets(said)
    return [str(address) for address in sorted(addresses(said), key=int)]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a receiver checks: MAIL FROM, or the HELO name where ``sender`` is empty (§2.3, §2.4).

    ``mend`` says what to publish at ``domain``.
    """

    domain: str
    sender: str
    helo: str
    mend: str

    @property
    def who(self) -> str:
        """In words."""
        return f"the {'MAIL FROM domain' if self.sender else 'HELO name'} {self.domain}"


_FAILURES = {
    "none": "has no SPF record",
    "neutral": "has an SPF record that does not name",
    "softfail": "has an SPF record that does not name",
    "fail": "has an SPF record that refuses",
}


def source(ask: Ask, identity: Identity, address: Address) -> Iterator[Fault]:
    """SPF must give pass to an address that mail leaves from."""
    result, explanation = _evaluated(ask, identity, str(address))
    if result == "pass":
        return
    if result == "none":
        cause = _why_none(ask, identity)
        yield Fault("required", f"{identity.who} has no SPF record{cause}", identity.mend)
    elif result in _FAILURES:
        yield Fault("required", f"{identity.who} {_FAILURES[result]} {address}", _instead(identity))
    else:
        reason = f"{identity.who} has an SPF record with an error: {explanation}"
        yield Fault("required", reason, _instead(identity))


def nobody(ask: Ask, identity: Identity) -> Iterator[Fault]:
    """SPF must refuse everybody at a name that sends nothing (RFC 7208 §10.1.2)."""
    results = {_evaluated(ask, identity, address)[0] for address in STRANGERS}
    if results != {"fail"}:
        told = ", ".join(sorted(results))
        reason = f"{identity.who} sends nothing, and SPF of it says {told}: anybody may use it"
        yield Fault("recommended", reason, identity.mend)


def record(ask: Ask, identity: Identity, sources: Iterable[Address]) -> Iterator[Fault]:
    """What is wrong with the record for everybody: strangers pass, or it is fragile.

    An error that one of our own ``sources`` meets is told there.
    """
    said = ask(identity.domain, "TXT")
    found = [text for text in strings(said) if _is_record(text)]
    if len(found) != 1:
        return  # The evaluation of each source tells that.
    text = found[0].decode("ascii", "replace")
    yield from _size(identity, said)
    own = tuple(sources)
    yield from _terms(identity, text, own)
    met = {_evaluated(ask, identity, str(address)) for address in own}
    yield from _strangers(ask, identity, met)


def _evaluated(ask: Ask, identity: Identity, address: str) -> tuple[str, str]:
    """The result and, of an error, its cause. UnansweredError for temperror (§2.6.6)."""
    _refuse_novels(identity, ask(identity.domain, "TXT"))
    query = Query(ask, address, identity.sender, identity.helo)
    result, _, explanation = query.check()
    # pyspf's explanation begins with the name of the result and a colon.
    cause = quoted(explanation.partition(": ")[2])
    if result == "temperror":
        raise UnansweredError(f"SPF of {identity.who}: {cause}")
    return result, cause


def _refuse_novels(identity: Identity, said: Said) -> None:
    octets = sum(len(text) for text in strings(said))
    if octets > MOST_OCTETS:
        raise TooLargeError(
            f"{identity.domain} TXT: {octets} octets, more than receivers take (RFC 7208 §3.4)"
        )


def _is_record(text: bytes) -> bool:
    """RFC 7208 §4.5: exactly this version, then a space or nothing."""
    return text.lower() == b"v=spf1" or text.lower().startswith(b"v=spf1 ")


def _why_none(ask: Ask, identity: Identity) -> str:
    for text in strings(ask(identity.domain, "TXT")):
        if text.lower().strip(b' "').startswith(b"v=spf1"):
            shown = quoted(repr(text.decode("ascii", "replace")))
            return f": {shown} does not begin with exactly v=spf1 and a space"
    return ""


def _instead(identity: Identity) -> str:
    return f"{identity.mend}, in place of the record that is there"


def _size(identity: Identity, said: Said) -> Iterator[Fault]:
    octets = sum(len(text) for text in strings(said))
    if octets > PRACTICAL_OCTETS:
        yield Fault(
            "recommended",
            f"the TXT records of {identity.domain} have {octets} octets: with more than"
            f" {PRACTICAL_OCTETS} the answer does not fit into 512 (RFC 7208 §3.4)",
            f"remove what does not belong at {identity.domain}",
        )


def _terms(identity: Identity, text: str, own: Iterable[Address]) -> Iterator[Fault]:
    for term in text.lower().split()[1:]:
        word = term.lstrip("+-~?")
        if word.partition(":")[0].partition("/")[0] == "ptr":
            yield Fault(
                "recommended",
                f"{identity.who} uses ptr, which must not be published (RFC 7208 §5.5)",
                _instead(identity),
            )
        if word.startswith(("ip4:", "ip6:")) and _is_private(word[4:], own):
            yield Fault(
                "recommended",
                f"{identity.who} names {quoted(word[4:])}, which no receiver ever sees",
                _instead(identity),
            )


def _is_private(text: str, own: Iterable[Address]) -> bool:
    """Whether it is a private network without any of our own addresses in it."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return False
    if any(address in network for address in own):
        return False
    return any(network.version == net.version and network.subnet_of(net) for net in _PRIVATE)  # type: ignore[arg-type]


def _strangers(ask: Ask, identity: Identity, met: Set[tuple[str, str]]) -> Iterator[Fault]:
    results = [_evaluated(ask, identity, address) for address in STRANGERS]
    for result, cause in dict.fromkeys(results):
        if result == "pass":
            reason = f"{identity.who} lets every address pass (+all, or a network as good as it)"
            yield Fault("required", reason, _instead(identity))
        elif result == "neutral":
            reason = f"{identity.who} says nothing about other addresses (no all, or ?all)"
            yield Fault("recommended", reason, f"let the record end in ~all: {identity.mend}")
        elif result == "permerror" and (result, cause) not in met:
            reason = f"{identity.who} has an SPF record that ends in an error: {cause}"
            yield Fault("recommended", reason, _instead(identity))
