"""DMARC: the policy that a receiver finds by the tree walk (RFC 9989), and its reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from postroad.dns.check.said import Ask, exchanges, strings
from postroad.dns.check.verdict import Fault
from postroad.onhost.common.tags import members, tag_list
from postroad.onhost.common.words import quoted

QUERIES = 8
POLICIES = ("none", "quarantine", "reject")
# RFC 9989 §9.3: receivers of its time ignore these, and older ones halve the policy by pct.
HISTORIC = ("pct", "rf", "ri")
# RFC 9990: a report goes to each address; a hostile record may hold hundreds.
ADDRESSES = 8


@dataclass(frozen=True, slots=True)
class Expected:
    """What the operator declares: the policy of ``domain``, where reports go, the envelope domains.

    ``mend`` says what to publish, and where.
    """

    domain: str
    policy: str
    reports: str
    envelope_domains: tuple[str, ...]
    mend: str


@dataclass(frozen=True, slots=True)
class Found:
    """One DMARC record of the tree walk."""

    domain: str
    tags: dict[str, str]

    def policy(self, tag: str) -> str:
        """The policy of p, sp or np, with the defaults of RFC 9989 §4.7; "" where it has none."""
        for name in {"p": ("p",), "sp": ("sp", "p"), "np": ("np", "sp", "p")}[tag]:
            if name in self.tags:
                return self.tags[name].lower()
        return ""


def walk(ask: Ask, domain: str) -> list[Found]:
    """The records of the domain and of the names above it, at most 8 questions (RFC 9989 §4.10)."""
    found = []
    for name in _path(domain):
        record = _record(ask, name)
        if record is not None:
            found.append(record)
            if record.tags.get("psd", "u").lower() in ("y", "n"):
                break
    return found


def organizational_domain(ask: Ask, domain: str) -> str:
    """RFC 9989 §4.10.2: decided by psd, else the record with the fewest labels, else the domain."""
    found = walk(ask, domain)
    if not found:
        return domain
    last = found[-1]
    if last.tags.get("psd", "u").lower() == "y" and last.domain != domain:
        below = domain.removesuffix(f".{last.domain}").rpartition(".")[2]
        return f"{below}.{last.domain}"
    return last.domain


def _path(domain: str) -> list[str]:
    labels = domain.split(".")
    names = [".".join(labels[start:]) for start in range(len(labels))]
    # RFC 9989 §4.10: a long name jumps to its last seven labels.
    return names if len(names) <= QUERIES else [names[0], *names[1 - QUERIES :]]


def _record(ask: Ask, name: str) -> Found | None:
    records = _records(ask, name)
    if len(records) != 1:
        return None
    tags = tag_list(records[0].decode("ascii", "replace"))
    return None if tags is None else Found(name, tags)


def _records(ask: Ask, name: str) -> list[bytes]:
    """What counts as a DMARC record: v=DMARC1 first, and in these letters (RFC 9989 §4.7)."""
    texts = strings(ask(f"_dmarc.{name}", "TXT"))
    return [text for text in texts if _begins(text)]


def _begins(text: bytes) -> bool:
    name, equals, value = text.partition(b";")[0].partition(b"=")
    return bool(equals) and name.strip() == b"v" and value.strip() == b"DMARC1"


def policy(ask: Ask, expected: Expected) -> Iterator[Fault]:
    """One record at the domain itself, as strict as declared, for sub-domains as well."""
    record = _record(ask, expected.domain)
    if record is None:
        yield _missing(ask, expected)
        return
    yield from _policies(record, expected)
    yield from _tags(record, expected)
    yield from _alignment(ask, record, expected)


def _missing(ask: Ask, expected: Expected) -> Fault:
    place = f"_dmarc.{expected.domain}"
    texts = strings(ask(place, "TXT"))
    valid = [text for text in texts if _begins(text)]
    if len(valid) > 1:
        reason = f"{place} has {len(valid)} DMARC records, so receivers use none of them"
        return Fault("required", reason, f"{expected.mend}, and remove the others")
    if valid:
        reason = f"{place} is not a list of tag=value pairs: {_shown(valid[0])}"
        return Fault("required", reason, expected.mend)
    if any(b"dmarc1" in text.lower() for text in texts):
        shown = _shown(next(text for text in texts if b"dmarc1" in text.lower()))
        reason = f"{place} does not begin with v=DMARC1, so it is no DMARC record: {shown}"
        return Fault("required", reason, f"{expected.mend}, in place of that record")
    above = walk(ask, expected.domain)
    if above:
        reason = (
            f"{place} has no record; only receivers that walk the tree find {above[0].domain}'s"
        )
        return Fault("recommended", f"{reason} (RFC 9989 appendix C.3)", expected.mend)
    return Fault("required", f"{expected.domain} has no DMARC record", expected.mend)


def _shown(text: bytes) -> str:
    return quoted(text.decode("ascii", "replace"))


def _policies(record: Found, expected: Expected) -> Iterator[Fault]:
    place = f"_dmarc.{expected.domain}"
    found = record.policy("p")
    if found not in POLICIES:
        shown = quoted(found) or "missing"
        yield Fault("required", f"{place}: p is {shown}, not a policy", expected.mend)
        return
    if _is_weaker(found, expected.policy):
        reason = f"{place} says p={found}, declared is {expected.policy}"
        yield Fault("required", reason, expected.mend)
    for tag, whom in (("sp", "sub-domains"), ("np", "made-up sub-domains")):
        other = record.policy(tag)
        if other not in POLICIES:
            reason = f"{place}: {tag}={quoted(other)} is not a policy"
            yield Fault("required", reason, expected.mend)
        elif _is_weaker(other, found):
            reason = f"{place} says {tag}={other}: {whom} are easier to forge than the domain"
            yield Fault("recommended", reason, expected.mend)


def _is_weaker(one: str, other: str) -> bool:
    return POLICIES.index(one) < POLICIES.index(other)


def _tags(record: Found, expected: Expected) -> Iterator[Fault]:
    place = f"_dmarc.{expected.domain}"
    for tag in HISTORIC:
        if tag in record.tags:
            reason = f"{place} has {tag}=, which RFC 9989 took out and receivers read differently"
            yield Fault("recommended", reason, f"leave {tag}= out: {expected.mend}")
    if record.tags.get("t", "n").lower() == "y" and record.policy("p") != "none":
        reason = f"{place} is in test mode (t=y): its policy counts one step less"
        yield Fault("recommended", reason, f"leave t=y out: {expected.mend}")


def _alignment(ask: Ask, record: Found, expected: Expected) -> Iterator[Fault]:
    strict = record.tags.get("aspf", "r").lower() == "s"
    for domain in expected.envelope_domains:
        if domain == expected.domain:
            continue
        if strict or organizational_domain(ask, domain) != organizational_domain(
            ask, expected.domain
        ):
            reason = (
                f"mail of {expected.domain} leaves with the envelope domain {domain}, which is not"
                f" aligned with it{' (aspf=s)' if strict else ''}: SPF counts for nothing"
            )
            mend = (
                "leave aspf=s out"
                if strict
                else f"use an envelope domain below {expected.domain}, or publish a DMARC record at"
                " the parent of both (RFC 9989 §4.10.2)"
            )
            yield Fault("recommended", reason, mend)


def reports(ask: Ask, expected: Expected) -> Iterator[Fault]:
    """Reports go where they are declared to go, and whoever receives them has agreed."""
    record = _record(ask, expected.domain)
    if record is None:
        return  # The check of the policy tells that.
    wanted = expected.reports.lower()
    receivers = _receivers(record)
    if wanted not in receivers:
        reason = f"_dmarc.{expected.domain} sends no reports to {expected.reports} (rua)"
        yield Fault("recommended", reason, expected.mend)
    for domain in dict.fromkeys(address.rpartition("@")[2] for address in receivers[:ADDRESSES]):
        yield from _authorisation(ask, expected.domain, domain)
        if not exchanges(ask(domain, "MX")):
            reason = f"reports about {expected.domain} go to {quoted(domain)}, which has no MX"
            yield Fault("recommended", reason, f"publish MX at {quoted(domain)}")


def _receivers(record: Found) -> list[str]:
    """The addresses of rua (RFC 9989 §4.8); an obsolete size limit is cut off."""
    uris = members(record.tags.get("rua", ""), ",")
    mail = [uri[len("mailto:") :] for uri in uris if uri.lower().startswith("mailto:")]
    return [unquote(address.partition("!")[0]).lower() for address in mail]


def _authorisation(ask: Ask, domain: str, receiver: str) -> Iterator[Fault]:
    """RFC 9990, "Verifying External Destinations"."""
    if organizational_domain(ask, domain) == organizational_domain(ask, receiver):
        return
    place = f"{domain}._report._dmarc.{receiver}"
    if not any(_begins(text) for text in strings(ask(place, "TXT"))):
        yield Fault(
            "recommended",
            f"{quoted(receiver)} has not agreed to take reports about {domain}: none are sent",
            f'ask the owner of {quoted(receiver)} to publish {quoted(place)}. TXT "v=DMARC1"',
        )
