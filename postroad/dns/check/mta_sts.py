"""MTA-STS: the record, and the policy that the web host serves, against the MX (RFC 8461)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from postroad.dns.check.said import Ask, addresses, exchanges, strings
from postroad.dns.check.verdict import Fault
from postroad.onhost.common.tags import tag_list
from postroad.onhost.common.words import quoted
from postroad.settings.model import Address, MtaSts

PATH = "/.well-known/mta-sts.txt"
# RFC 8461 §3.2: a year at most; the RFC advises weeks, and a day is what a resolver may cache.
MOST_SECONDS, LEAST_SECONDS = 31_557_600, 86_400


@dataclass(frozen=True, slots=True)
class Page:
    """What a web server sent, or the ``fault`` that made it unusable.

    ``is_refused`` says that the fault is its certificate's.
    """

    status: int = 0
    media_type: str = ""
    body: str = ""
    fault: str = ""
    is_refused: bool = False


Fetch = Callable[[str, str, Address], Page]
"""The page at a host's path, from an address. Raises UnansweredError."""


def record(ask: Ask, domain: str, mend: str) -> Iterator[Fault]:
    """RFC 8461 §3.1: one record, with an id that senders can compare."""
    place = f"_mta-sts.{domain}"
    found = [text for text in strings(ask(place, "TXT")) if text.startswith(b"v=STSv1")]
    if len(found) != 1:
        reason = f"{place} has {len(found) or 'no'} MTA-STS record{'s' if len(found) > 1 else ''}"
        yield Fault("required", f"{reason}, so senders use no policy", mend)
        return
    tags = tag_list(found[0].decode("ascii", "replace"))
    if tags is None or tags.get("v") != "STSv1":
        yield Fault("required", f"{place} is no list of tag=value pairs", mend)
    elif not re.fullmatch(r"[A-Za-z0-9]{1,32}", tags.get("id", "")):
        shown = quoted(tags.get("id", ""))
        yield Fault("required", f"{place}: id={shown} is not 1 to 32 letters and digits", mend)


def policy(ask: Ask, fetch: Fetch, domain: str, declared: MtaSts) -> Iterator[Fault]:
    """RFC 8461 §3.2, §3.3: served as asked for, with the declared mode, and true of every MX."""
    host = f"mta-sts.{domain}"
    mend = f"serve what `postroad dns mta-sts` writes at https://{host}{PATH}"
    found = places(ask, host)
    if not found:
        yield Fault("required", f"{host} has no address", f"publish {host}. CNAME or addresses")
        return
    page = fetch(host, PATH, found[0])
    fault = _page_fault(page)
    if fault:
        yield Fault("required", f"https://{host}{PATH}: {fault}", mend)
        return
    yield from _content(ask, domain, _fields(page.body), declared, mend)


def places(ask: Ask, host: str) -> list[Address]:
    """The addresses of a web host, IPv4 first."""
    return sorted(
        {address for kind in ("A", "AAAA") for address in addresses(ask(host, kind))},
        key=lambda address: (address.version, int(address)),
    )


def _page_fault(page: Page) -> str:
    if page.fault:
        return page.fault
    if 300 <= page.status < 400:
        return f"it redirects ({page.status}), and senders do not follow"
    if page.status != 200:
        return f"it answers {page.status}"
    if page.media_type != "text/plain":
        return f"it is {quoted(page.media_type)}, not text/plain"
    return ""


def _fields(body: str) -> list[tuple[str, str]]:
    pairs = (line.partition(":") for line in body.splitlines() if line.strip())
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def _content(
    ask: Ask, domain: str, fields: list[tuple[str, str]], declared: MtaSts, mend: str
) -> Iterator[Fault]:
    one = dict(reversed(fields))
    where = f"the MTA-STS policy of {domain}"
    if one.get("version") != "STSv1":
        yield Fault("required", f"{where} has no version: STSv1", mend)
    if one.get("mode") != declared.mode:
        found = quoted(one.get("mode", "missing"))
        yield Fault("required", f"{where}: mode is {found}, declared is {declared.mode}", mend)
    age = one.get("max_age", "")
    if not (age.isascii() and age.isdigit()) or int(age[:12]) > MOST_SECONDS:
        yield Fault("required", f"{where}: max_age is {quoted(age) or 'missing'}", mend)
    elif int(age) < LEAST_SECONDS:
        reason = f"{where}: max_age is {age} seconds, less than a day: nobody keeps it"
        yield Fault("recommended", reason, mend)
    patterns = [value.lower().rstrip(".") for name, value in fields if name == "mx"]
    for _, host in exchanges(ask(domain, "MX")):
        if not any(matches(pattern, host) for pattern in patterns):
            reason = f"{where} does not name the MX {quoted(host)}: senders will not deliver to it"
            yield Fault("required", reason, mend)


def matches(pattern: str, host: str) -> bool:
    """RFC 8461 §4.1: a wildcard stands for exactly one label, the leftmost."""
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:]
    return host == pattern
