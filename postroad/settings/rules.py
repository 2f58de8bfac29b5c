"""Rules between parts of a declaration: what each part is right in, but not together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from postroad.settings.model import AcmeTls, Address, Dns, Limits, StreamName, SuppliedKey, Tls
from postroad.settings.shapes import Node, Table

T = TypeVar("T")

# RFC 1035 §2.3.4, as it is written, without the last dot.
LONGEST_NAME = 253
# Of the names below an envelope domain, _smtp._tls (RFC 8460 §3) is the longest.
LONGEST_ENVELOPE = LONGEST_NAME - len("_smtp._tls.")
# What a selector that is made on a host has before its label: a month, a letter and a hyphen.
_MADE_SELECTOR = len("202601a-")
# Second labels under which registries of two-letter domains sell names (co.uk, com.au): a parent
# made of one of them and a country belongs to nobody's organization.
_REGISTRY_LABELS = frozenset(("ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"))


@dataclass(frozen=True, slots=True)
class Claim(Generic[T]):
    """A value that one host (for one of its streams, or for itself) takes for its own."""

    value: T
    host: str
    stream: StreamName | None
    node: Node


def one_host_each(claims: Iterable[Claim[T]], what: str) -> frozenset[str]:
    """No value belongs to two hosts; returns those that have another's."""
    first: dict[T, Claim[T]] = {}
    doubled = set()
    for claim in claims:
        owner = first.setdefault(claim.value, claim).host
        if owner != claim.host:
            doubled.add(claim.host)
            claim.node.fault(
                f'{what} {claim.value} is already that of host "{owner}"',
                f"write one that only {claim.host} has",
            )
    return frozenset(doubled)


def distinct_names(nodes: Sequence[tuple[str, Node]]) -> None:
    """No two inventory names differ in capital letters only."""
    first: dict[str, str] = {}
    for name, node in nodes:
        other = first.setdefault(name.casefold(), name)
        if other != name:
            node.fault(f'is the same host name as "{other}"', "write each host once")


def one_stream_each(claims: Sequence[Claim[Address]], host_node: Node) -> None:
    """No address of one host serves two streams; for hosts that do not declare it shared."""
    first: dict[Address, Claim[Address]] = {}
    for claim in claims:
        owner = first.setdefault(claim.value, claim)
        if owner.stream != claim.stream:
            place = host_node.child("shared_address", None).where.split(": ", 1)[1]
            claim.node.fault(
                f"{claim.value} is already the address of the {owner.stream} stream",
                f"write another address, or set {place} to True so that the streams share it"
                " and are told apart by port",
            )


def one_port_each(claims: Sequence[Claim[tuple[Address, int]]]) -> None:
    """No two listeners of one host have the same address and port."""
    first: dict[tuple[Address, int], Claim[tuple[Address, int]]] = {}
    seen: set[str] = set()
    for claim in claims:
        owner = first.setdefault(claim.value, claim)
        if owner is not claim and claim.node.where not in seen:
            seen.add(claim.node.where)
            claim.node.fault(
                f"port {claim.value[1]} on {claim.value[0]} is already taken by"
                f" {_short(owner.node)}",
                "write another port: streams on one address are told apart by port",
            )


def _short(node: Node) -> str:
    return node.where.split(": ", 1)[1]


def aligned(one: str, other: str) -> bool:
    """Whether two domains can align in DMARC's relaxed mode (RFC 9989): one organization's.

    One is the other or lies under it, or both lie under one parent of at least two labels. Without
    the public suffix list the parent is judged by its form: ``co.uk`` is nobody's organization.
    """
    if one == other or one.endswith(f".{other}") or other.endswith(f".{one}"):
        return True
    common: list[str] = []
    pairs = zip(reversed(one.split(".")), reversed(other.split(".")), strict=False)
    for left, right in pairs:
        if left != right:
            break
        common.append(left)
    return len(common) >= 2 and not is_registry(common[::-1])


def is_registry(labels: Sequence[str]) -> bool:
    """Whether a name's ``labels`` look like what registries sell names under, as ``co.uk``."""
    return len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _REGISTRY_LABELS


def one_key_a_selector(
    labels: Iterable[Claim[str]],
    from_domains: Mapping[StreamName, Sequence[str]],
    brought: Collection[tuple[str, StreamName, str]],
    shared: Mapping[StreamName, Node],
) -> None:
    """No two hosts or streams make different keys under one selector at one domain.

    ``brought`` are the host, stream and domain whose key is supplied under a selector of its own;
    ``shared`` is where each stream names its domains: two that have one in common are told once.
    """
    first: dict[tuple[str, str], Claim[str]] = {}
    told: set[tuple[StreamName, str]] = set()
    for claim in labels:
        if claim.stream is None:
            continue
        for domain in from_domains.get(claim.stream, ()):
            if (claim.host, claim.stream, domain) in brought:
                continue
            owner = first.setdefault((claim.value, domain), claim)
            if owner.host == claim.host and owner is not claim:
                if (claim.stream, domain) not in told:
                    told.add((claim.stream, domain))
                    _two_streams(owner, claim, domain, shared[claim.stream])
            elif owner is not claim:
                claim.node.fault(
                    f'"{claim.value}" already names the key of {owner.host}\'s {owner.stream}'
                    f" stream at {domain}",
                    'write a "selector_label" of its own for one of them',
                )


def _two_streams(owner: Claim[str], claim: Claim[str], domain: str, node: Node) -> None:
    node.fault(
        f'{domain} is the {owner.stream} stream\'s as well, and on {claim.host} "{claim.value}"'
        " would name the DKIM keys of both",
        f'write a domain of its own, as "news.{domain}", so that no campaign costs receipts their'
        ' reputation; if they are to share it, write a "selector_label" under the'
        f" {claim.stream} ways_out of each host",
    )


def covered(signed: Sequence[str], oversigned: Sequence[str], node: Node) -> None:
    """Every oversigned header is signed: otherwise each signature is invalid (opendkim.conf(5))."""
    for name in oversigned:
        if name not in among(oversigned, signed):
            node.fault(
                f'"{name}" is not among the signed headers',
                f'add "{name}" to "sign_headers" or leave it out here',
            )


def among(names: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """The header names that are also in ``others``; case does not count (RFC 5322 §1.2.2)."""
    known = {name.lower() for name in others}
    return tuple(name for name in names if name.lower() in known)


def queue_space(limits: Limits, node: Node) -> None:
    """Free space admits the largest message: at least 1.5 × (postconf(5), queue_minfree)."""
    least = limits.message_size * 3 // 2
    if limits.queue_minfree < least:
        node.child("queue_minfree", None).fault(
            f"{limits.queue_minfree} bytes are less than 1.5 times message_size"
            f" ({limits.message_size})",
            f"write at least {least}",
        )


def marketing_stops_first(limits: Mapping[StreamName, tuple[Limits, Node]]) -> None:
    """On a filling disk marketing stops taking mail while transactional still does."""
    if "marketing" not in limits or "transactional" not in limits:
        return
    marketing, node = limits["marketing"]
    transactional, _ = limits["transactional"]
    if marketing.queue_minfree <= transactional.queue_minfree:
        node.child("queue_minfree", None).fault(
            f"{marketing.queue_minfree} bytes do not exceed the transactional stream's"
            f" {transactional.queue_minfree}",
            "write much more, so that campaigns never fill the disk that receipts need",
        )


def lone_and_unknown(
    table: Table, addresses: Iterable[Claim[Address]], tls: Tls | None, dns: Dns
) -> None:
    """Nothing of a lone box is the world's: it would be a production server that sends nothing."""
    for claim in addresses:
        if claim.value.is_global:
            claim.node.fault(
                f"{claim.value} is an address of the public Internet, and the estate is lone",
                'write the box\'s private address, or take "lone" away: it is for boxes that the'
                " world does not know",
            )
    if isinstance(tls, AcmeTls):
        table.at("tls").child("source", None).fault(
            "acme asks an authority that cannot see a lone box",
            'write "supplied" with a certificate that you have signed yourself, or "none"',
        )
    if dns.zones:
        table.at("dns").child("zones", None).fault(
            "would publish records of a lone box", "leave the zones out"
        )
    if table.values.get("private_networks"):
        table.at("private_networks").fault(
            "names mail servers, and all mail of a lone box goes to its sink", "leave it out"
        )
    for key in ("mta_sts", "port25_probe"):
        if table.values.get(key) is not None:
            table.at(key).fault(
                "is about the world, which a lone box has nothing to do with", "leave it out"
            )


def names_fit(
    brought: Iterable[SuppliedKey],
    labels: Iterable[Claim[str]],
    places: Mapping[StreamName, Node],
    from_domains: Mapping[StreamName, Sequence[str]],
) -> None:
    """The name of every DKIM key is one that a zone can hold (RFC 1035 §2.3.4)."""
    selectors = [(key.stream, key.domain, len(key.selector)) for key in brought]
    selectors += [
        (claim.stream, domain, len(claim.value) + _MADE_SELECTOR)
        for claim in labels
        if claim.stream is not None
        for domain in from_domains.get(claim.stream, ())
    ]
    longest: dict[tuple[StreamName, str], int] = {}
    for stream, domain, length in selectors:
        longest[stream, domain] = max(length, longest.get((stream, domain), 0))
    for (stream, domain), length in longest.items():
        most = LONGEST_NAME - length - len("._domainkey.")
        if len(domain) > most and stream in places:
            places[stream].fault(
                f"{domain} has {len(domain)} characters, too many for the names of its DKIM keys",
                f"write a domain of at most {most}, or shorter selectors",
            )


def domains_everywhere(
    carried: Iterable[Sequence[StreamName]], from_domains: Mapping[StreamName, Sequence[str]]
) -> tuple[str, ...]:
    """The sending domains that some stream of every host signs for, in order of declaration."""
    by_host = [{d for s in streams for d in from_domains.get(s, ())} for streams in carried]
    every = dict.fromkeys(d for domains in from_domains.values() for d in domains)
    return tuple(d for d in every if by_host and all(d in domains for domains in by_host))
