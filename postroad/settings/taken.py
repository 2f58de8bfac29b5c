"""Names that have another use already, by which people live: their records are not ours to make."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from postroad.settings.model import MtaSts, Unsubscribe
from postroad.settings.rules import Claim, is_registry
from postroad.settings.shapes import Node, Table
from postroad.settings.streams import NO_RETURN_PATHS, ReadStream


@dataclass(frozen=True, slots=True)
class Uses:
    """What each name of a declaration is used for besides: a clause that follows the name."""

    from_domains: Sequence[str]
    zones: Sequence[str]
    mailboxes: Sequence[str]
    web_names: Mapping[str, str]

    def of_people(self, name: str) -> str:
        """Why others live by the records at ``name``; empty where nobody is known to."""
        if name in self.from_domains:
            return "is a From: domain: people's mail and its own SPF record are there"
        if name in self.zones or is_bought(name):
            return "is the apex of a zone: web site, people's mail and SPF record are there"
        return ""

    def of_web(self, name: str) -> str:
        """What of the web answers at ``name``; empty where nothing is known to."""
        return self.web_names.get(name, "")

    def of_mailbox(self, name: str) -> str:
        """Which mailbox is at ``name``; empty where none is named."""
        found = (address for address in self.mailboxes if _domain(address) == name)
        return next((f"is where {address} gets mail" for address in found), "")


def is_bought(name: str) -> bool:
    """Whether ``name`` has the form of what a registry sells, as shop.example or shop.co.uk."""
    labels = name.split(".")
    return len(labels) == 2 or (len(labels) == 3 and is_registry(labels[1:]))


def web_names(mta_sts: MtaSts | None, unsubscribe: Unsubscribe | None) -> dict[str, str]:
    """The names of the shop's web hosts, each with what it is."""
    found = {}
    if mta_sts is not None:
        found[mta_sts.web_host] = 'is the "web_host" of "mta_sts"'
    if unsubscribe is not None:
        found[unsubscribe.web_host] = 'is the "web_host" of "unsubscribe"'
    return found


def check_envelopes(streams: Iterable[ReadStream], uses: Uses, hosts: Iterable[str]) -> None:
    """An envelope domain gets our MX and SPF record, so that nothing else may be there."""
    names = frozenset(hosts)
    for found in streams:
        name = found.envelope_domain
        if name is None:
            continue
        wrong = (
            ("is a host's own name, which has an SPF record of its own" if name in names else "")
            or uses.of_people(name)
            or _mailbox_elsewhere(found, name, uses)
            or uses.of_web(name)
        )
        if wrong:
            found.node.child("envelope_domain", None).fault(
                f"{name} {wrong}",
                f'write a domain that nothing else uses, of its own, as "bounce.{name}"',
            )


def check_hosts(claims: Iterable[Claim[str]], uses: Uses) -> None:
    """A host's or HELO name gets our address and SPF record."""
    for claim in claims:
        if wrong := uses.of_people(claim.value):
            claim.node.fault(
                f"{claim.value} {wrong}",
                f'write a name that nothing else uses, as "{claim.host}.{claim.value}"',
            )


def check_mailboxes(
    mailboxes: Iterable[tuple[Node, str]],
    claims: Iterable[Claim[str]],
    inbound: Collection[str],
    uses: Uses,
) -> None:
    """What is written to a host's own name comes to that host, which takes next to nothing.

    ``mailboxes`` are where somebody reads, ``inbound`` the hosts that take mail in.
    """
    owners: dict[str, Claim[str]] = {}
    for claim in claims:
        # Where people have their mail, the host's name is what is wrong.
        if not uses.of_people(claim.value):
            owners.setdefault(claim.value, claim)
    told = set()
    for node, address in mailboxes:
        owner = owners.get(_domain(address))
        if owner is None or address in told or _is_taken_in(address, owner, inbound):
            continue
        told.add(address)
        what = "own name" if owner.stream is None else f"name for {owner.stream} mail"
        node.fault(
            f"{address} gets no mail: {owner.value} is {owner.host}'s {what}, and there it is"
            " refused",
            "write a mailbox at a domain whose mail people read, as the shop's own",
        )


def _is_taken_in(address: str, owner: Claim[str], inbound: Collection[str]) -> bool:
    """Whether inbound has the mailbox: of a host's own name it has two (mailboxes.j2)."""
    is_inbound = owner.stream is None and owner.host in inbound
    return is_inbound and address.rpartition("@")[0].lower() in ("postmaster", "abuse")


def check_aliases(
    table: Table,
    mta_sts: MtaSts | None,
    unsubscribe: Unsubscribe | None,
    streams: Sequence[ReadStream],
    uses: Uses,
    hosts: Iterable[str],
) -> None:
    """An alias stands alone at its name (RFC 1034 §3.6.2): whatever else is there would go."""
    envelopes = [one.envelope_domain for one in streams if one.envelope_domain is not None]
    own = dict.fromkeys((*hosts, *envelopes), "has records of its own")
    policies = [f"mta-sts.{name}" for name in envelopes] if mta_sts is not None else []
    if unsubscribe is not None:
        name = unsubscribe.hostname
        people = "has records of its own" if uses.of_people(name) else uses.of_mailbox(name)
        of_web = uses.of_web(name) if name != unsubscribe.web_host else ""
        if wrong := own.get(name, "") or people or of_web:
            table.at("unsubscribe").child("hostname", None).fault(
                f"{name} {wrong}", f'write a name of its own, as "unsubscribe.{name}"'
            )
    for name in policies:
        is_served_there = mta_sts is not None and name == mta_sts.web_host
        if not is_served_there and (wrong := own.get(name, "") or uses.of_people(name)):
            table.at("mta_sts").fault(
                f"needs the name {name} for a policy (RFC 8461 §3.3), and that one {wrong}",
                "give the other one another name, or leave this out",
            )


def _mailbox_elsewhere(stream: ReadStream, name: str, uses: Uses) -> str:
    """Which mailbox of people would lose its mail to inbound, that does not take it."""
    taken = {*NO_RETURN_PATHS, *_own_paths(stream)}
    for address in uses.mailboxes:
        local = address.rpartition("@")[0].lower().partition("+")[0]
        if _domain(address) == name and local not in taken:
            return f"is where {address} gets mail, which inbound would refuse"
    return ""


def _own_paths(stream: ReadStream) -> Iterator[str]:
    if stream.stream is not None:
        yield from (one.rpartition("@")[0] for one in stream.stream.return_paths)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
