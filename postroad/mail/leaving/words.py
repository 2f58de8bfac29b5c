"""What stays of hosts that have left the estate, on them and in the DNS, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

import dns.name
import dns.reversename

from postroad.dns.dkim import LiveKey
from postroad.dns.record import Record
from postroad.dns.records import derive
from postroad.dns.tlsa import LiveCertificate
from postroad.host.paths import ACME_LINEAGE, BEFORE, LOGS, MAILBOX_USER, MAILBOXES
from postroad.mail.return_paths import DAY, kept_seconds
from postroad.mail.signing.keys import wanted_keys
from postroad.mail.software import packages
from postroad.settings.model import AcmeTls, Estate


@dataclass(frozen=True, slots=True)
class Names:
    """What becomes of the names: RRsets that are nobody's any more, and those that hold less."""

    deleted: tuple[Record, ...]
    changed: tuple[Record, ...]


def names(
    estate: Estate,
    leaving: Collection[str],
    keys: Iterable[LiveKey],
    certificates: Iterable[LiveCertificate],
) -> Names:
    """The records that are there for the hosts called ``leaving`` alone, one of each RRset.

    ``keys`` and ``certificates`` are those of these hosts.
    """
    rest = replace(estate, hosts=tuple(h for h in estate.hosts if h.name not in leaving))
    shared = {(key.domain, key.selector) for key in estate.supplied_keys if key.host not in leaving}
    own = [key for key in keys if (key.domain, key.selector) not in shared]
    after = derive(rest, ()) if rest.hosts else ()
    said = {(record.owner, record.type, record.data) for record in after}
    stay = {(record.owner, record.type) for record in after}
    gone: dict[tuple[str, str], Record] = {}
    for record in derive(estate, own, certificates):
        if (record.owner, record.type, record.data) not in said:
            gone.setdefault((record.owner, record.type), record)
    return Names(
        deleted=tuple(record for rrset, record in gone.items() if rrset not in stay),
        changed=tuple(record for rrset, record in gone.items() if rrset in stay),
    )


def names_text(found: Names, estate: Estate, leaving: Collection[str]) -> str:
    """What the operator does with the names, in order."""
    listed = ", ".join(sorted(leaving))
    hosts = {record.owner for record in found.deleted if record.type == "A"}
    # A host's own SPF goes with its address; what guards a domain may be wanted for longer.
    guards = [r for r in found.deleted if _guard(r) and r.owner not in hosts]
    lines = [
        f"In the DNS, when nobody sends by {listed} any more and the estate is without:",
        *_section("these change (`postroad dns plan` says to what)", found.changed),
        *_section("delete these", (r for r in found.deleted if not _is_key(r) and r not in guards)),
        *_section(
            "replace these, lest others send as a domain that sends nothing any more",
            guards,
            _guard,
        ),
        *_section(
            "a week later, when its last mail has been read, delete the DKIM keys",
            (r for r in found.deleted if _is_key(r)),
        ),
    ]
    if not any(map(_is_key, found.deleted)):
        selectors = sorted(
            {
                f"*-{key.label}._domainkey.{key.domain}"
                for host in estate.hosts
                if host.name in leaving
                for key in wanted_keys(estate, host)
                if key.supplied is None
            }
        )
        lines.append(f"  a week later: the DKIM keys of its selectors, {', '.join(selectors)}")
    return "\n".join(lines)


def _is_key(record: Record) -> bool:
    return "._domainkey." in record.owner


# What the names of a domain say that sends no mail (RFC 7208 §10.1.2, RFC 9989 on p=reject).
_GUARDS = {"v=spf1": '"v=spf1 -all"', "v=DMARC1": '"v=DMARC1; p=reject"'}


def _guard(record: Record) -> str:
    """What is to be there instead of a record that guards its domain; empty for any other."""
    kind = record.data.strip('"').partition(" ")[0].rstrip(";")
    return _GUARDS.get(kind, "") if record.type == "TXT" else ""


def _section(
    title: str, records: Iterable[Record], data: Callable[[Record], str] = lambda _: ""
) -> Iterator[str]:
    told = [f"    {_told(record)}  {data(record)}".rstrip() for record in records]
    if told:
        yield f"  {title}:"
        yield from told


def _told(record: Record) -> str:
    if record.type == "PTR":
        address = dns.reversename.to_address(dns.name.from_text(record.owner))
        return f"PTR of {address}, at its hoster"
    return f"{record.owner}  {record.type}"


def on_host(
    estate: Estate,
    host: str,
    *,
    files: Iterable[str] = (),
    kept: Iterable[str] = (),
    keeps_resolver: bool = False,
) -> str:
    """What stays on a host that has left. ``files`` of ours it cannot be without, ``kept`` are
    those of others that are not put back."""
    lines = [
        f"{host} has left the estate: it takes no mail, and sends none. What stays there:",
        f"  {LOGS}: logs, which nobody rotates any more; they hold addresses of people",
        f"  {MAILBOXES}: bounces, complaints and postmaster's mail, of the user {MAILBOX_USER}",
        *_bounces(estate, host),
        *_certificate(estate),
        f"  packages: {' '.join(packages(estate))}",
        "  the packages' own postfix, unbound, opendkim and dovecot are off: root's and cron's mail"
        " goes nowhere",
        "  the firewall, which is on: it lets in SSH and what the estate declares besides mail",
        *(f"  {path}: as postroad wrote it, there was none before" for path in files),
        *(f"  {path}: was there before, and is not put back" for path in kept),
    ]
    if keeps_resolver:
        lines.append(
            f"  its resolver, unbound on loopback: what {BEFORE}/etc/resolv.conf names does not"
            " answer. Write one there that does, and run again"
        )
    return "\n".join(lines)


def _bounces(estate: Estate, host: str) -> Iterator[str]:
    """Who takes what may still come back of the host's mail."""
    others = [one.name for one in estate.inbound_hosts if one.name != host]
    days = kept_seconds(estate) // DAY
    if others:
        yield (
            f"  bounces of what it has sent may come for {days} days:"
            f" {', '.join(others)} takes them"
        )
    else:
        yield (
            f"  bounces of what it has sent may come for {days} days, and no host of the estate"
            " takes them any more: receivers try for some days, and then they are lost"
        )


def _certificate(estate: Estate) -> Iterator[str]:
    if isinstance(estate.tls, AcmeTls):
        yield (
            f"  its certificate, which certbot renews until: certbot delete --cert-name"
            f" {ACME_LINEAGE}"
        )
