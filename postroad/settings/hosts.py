"""Reads the ``hosts`` section: servers, their addresses, and how each stream leaves them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import TypeVar

from postroad.settings import defaults, sections
from postroad.settings.model import Address, Host, StreamName, WayOut
from postroad.settings.ports import OWN_PORTS
from postroad.settings.rules import Claim, distinct_names, one_port_each, one_stream_each
from postroad.settings.shapes import IncompleteError, Node, Reader, Table, flag, named, need
from postroad.settings.streams import meant_stream, stream_name
from postroad.settings.values import domain, host_name, ipv4, ipv6, port, selector_label

T = TypeVar("T")

# Many a mail host has no IPv6 address, so that mail to it waits, and comes back.
_NO_IPV4 = ": without one, receivers that have IPv4 alone are not reached"


@dataclass(slots=True)
class Claims:
    """What the hosts take for their own, gathered while they are read."""

    names: list[Claim[str]] = field(default_factory=list)
    addresses: list[Claim[Address]] = field(default_factory=list)
    labels: list[Claim[str]] = field(default_factory=list)
    ports: list[Claim[tuple[Address, int]]] = field(default_factory=list)
    pointers: list[tuple[str, Sequence[Address]]] = field(default_factory=list)
    # Of ways out that name none: what is wrong with these is wrong with what collides with them.
    usual_ports: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class ReadHost:
    """What could be read of one host; ``host`` is None where a part of it has a fault.

    ``unread`` says that it may carry other streams than ``streams``: a fault hides which.
    """

    name: str
    node: Node
    streams: tuple[StreamName, ...]
    inbound: bool
    host: Host | None
    unread: bool = False


@dataclass(frozen=True, slots=True)
class _Own:
    """The host's own part, which its ways out fall back to."""

    name: str
    hostname: str | None
    ipv4: IPv4Address | None
    ipv6: IPv6Address | None
    shared: bool
    label: str | None


def read_hosts(
    node: Node, declared: Sequence[StreamName], ssh_port: int, claims: Claims
) -> list[ReadHost]:
    """Every host under ``node``; ``declared`` are the streams that the estate has."""
    entries = named(node)
    if entries is not None and not entries:
        node.fault("declares no host", 'declare at least one, as {"mail1": {...}}')
    distinct_names(entries or [])
    reserved = {22: "SSH", **OWN_PORTS, ssh_port: "SSH"}
    found = []
    for name, child in entries or []:
        table = Table.of(child, sections.HOST)
        if table is None:
            found.append(ReadHost(name, child, (), inbound=True, host=None, unread=True))
        else:
            found.append(_host(name, table, declared, reserved, claims))
    return found


def _host(
    name: str,
    table: Table,
    declared: Sequence[StreamName],
    reserved: Mapping[int, str],
    claims: Claims,
) -> ReadHost:
    hostname = table.required(
        "hostname", host_name, 'write the server\'s full name, as "mail1.shop.example"'
    )
    own = _Own(
        name=name,
        hostname=hostname,
        ipv4=table.required("ipv4", ipv4, f"write the server's own IPv4 address{_NO_IPV4}"),
        ipv6=table.nullable("ipv6", ipv6, None),
        shared=_shared(table),
        label=_label(table, hostname),
    )
    inbound = table.optional("inbound", flag, True)
    if hostname is not None:
        claims.names.append(Claim(hostname, name, None, table.at("hostname")))
    _claim_addresses(claims, own.ipv4, own.ipv6, name, None, table)
    mine = Claims()
    ways, carried, unread = _ways_out(table, own, declared, reserved, mine)
    if not own.shared:
        one_stream_each(mine.addresses, table.node)
    one_port_each(mine.ports)
    claims.names += mine.names
    claims.addresses += mine.addresses
    claims.labels += mine.labels
    claims.usual_ports |= mine.usual_ports
    try:
        host = Host(
            name=name,
            hostname=need(hostname),
            ipv4=need(own.ipv4),
            ipv6=own.ipv6,
            shared_address=own.shared,
            inbound=inbound,
            ways_out=need(ways),
        )
    except IncompleteError:
        host = None
    return ReadHost(name, table.node, carried, inbound, host, unread)


def _shared(table: Table) -> bool:
    if table.optional("shared_address", flag, False):
        return True
    # What is neither is a fault already; what was meant shows in the ways out.
    is_unread = not isinstance(table.values.get("shared_address", False), bool)
    ways = table.values.get("ways_out")
    bare = isinstance(ways, Mapping) and all(
        isinstance(way, Mapping) and not {"ipv4", "ipv6", "helo"} & set(way)
        for way in ways.values()
    )
    if ways and bare and not is_unread:
        table.at("shared_address").fault(
            "is not True, and no way out has an address of its own",
            'set it to True, or write "ipv4" and "helo" for each way out',
        )
    return bool(ways and bare)


def _label(table: Table, hostname: str | None) -> str | None:
    if "label" in table.values:
        return selector_label(table.at("label"))
    if hostname is None:
        return None
    node = table.at("label")
    return selector_label(Node(hostname.partition(".")[0], node.where, node.faults))


def _claim_addresses(
    claims: Claims,
    four: IPv4Address | None,
    six: IPv6Address | None,
    host: str,
    stream: StreamName | None,
    table: Table,
) -> None:
    if four is not None:
        claims.addresses.append(Claim(four, host, stream, table.at("ipv4")))
    if six is not None:
        claims.addresses.append(Claim(six, host, stream, table.at("ipv6")))


def _ways_out(
    table: Table,
    own: _Own,
    declared: Sequence[StreamName],
    reserved: Mapping[int, str],
    claims: Claims,
) -> tuple[tuple[WayOut, ...] | None, tuple[StreamName, ...], bool]:
    """The ways out, the streams that they are for, and whether a fault hides one of those."""
    hint = 'write how each stream leaves it, as {"transactional": {...}}'
    entries = table.required("ways_out", named, hint)
    if entries is not None and not entries:
        table.at("ways_out").fault("carries no stream", hint)
    ways = []
    carried = []
    unread = entries is None
    for name, node in entries or []:
        stream = stream_name(name, node) or meant_stream(name, dict(entries or []))
        way_table = Table.of(node, sections.WAY_OUT)
        if stream is None:
            unread = True
            continue
        carried.append(stream)
        if declared and stream not in declared:
            node.fault(
                f'the estate declares no stream "{stream}"',
                f'declare it under estate["streams"]["{stream}"] or leave this way out away',
            )
        if way_table is not None:
            ways.append(_way_out(stream, way_table, own, reserved, claims))
    whole = tuple(way for way in ways if way is not None)
    return (whole if entries else None), tuple(carried), unread


def _way_out(
    stream: StreamName,
    table: Table,
    own: _Own,
    reserved: Mapping[int, str],
    claims: Claims,
) -> WayOut | None:
    helo = _own_or_host(table, "helo", domain, own.hostname, own.shared)
    four = _own_or_host(table, "ipv4", ipv4, own.ipv4, own.shared)
    six = table.nullable("ipv6", ipv6, own.ipv6 if own.shared else None)
    starttls, implicit = _ports(stream, table, own.shared, reserved, claims)
    label = table.optional("selector_label", selector_label, own.label or "")
    if helo is not None:
        _check_helo(helo, _given(four, six), own, table, claims)
        # On a shared address it is the host's name, which is claimed already.
        if helo != own.hostname:
            claims.names.append(Claim(helo, own.name, stream, table.at("helo")))
    # A shared address is the host's, which is claimed already.
    if not (own.shared and (four, six) == (own.ipv4, own.ipv6)):
        _claim_addresses(claims, four, six, own.name, stream, table)
    if label:
        claims.labels.append(Claim(label, own.name, stream, table.at("selector_label")))
    if own.shared:
        for address in _given(four, six):
            for key, number in (("starttls_port", starttls), ("tls_port", implicit)):
                claims.ports.append(Claim((address, number), own.name, stream, table.at(key)))
    try:
        return WayOut(stream, need(four), six, need(helo), starttls, implicit, need(label or None))
    except IncompleteError:
        return None


def _own_or_host(
    table: Table, key: str, reader: Reader[T], of_host: T | None, shared: bool
) -> T | None:
    """The way out's own value; on a shared address the host's where it is left out."""
    if shared and key not in table.values:
        return of_host
    return table.required(
        key, reader, f'write the stream\'s own "{key}", or set the host\'s "shared_address" to True'
    )


def _ports(
    stream: StreamName, table: Table, shared: bool, reserved: Mapping[int, str], claims: Claims
) -> tuple[int, int]:
    second = shared and stream == "marketing"
    usual = defaults.SECOND_SUBMISSION_PORTS if second else defaults.SUBMISSION_PORTS
    starttls = table.optional("starttls_port", port, usual[0])
    implicit = table.optional("tls_port", port, usual[1])
    taken = {starttls, implicit, *reserved}
    for key, number, default in (
        ("starttls_port", starttls, usual[0]),
        ("tls_port", implicit, usual[1]),
    ):
        if key not in table.values:
            claims.usual_ports.add(number)
        elif number in reserved:
            table.at(key).fault(
                f"{number} is the port of {reserved[number]}",
                f"write another, as {_free_port(default, taken)}",
            )
    if starttls == implicit:
        key, default = (
            ("tls_port", usual[1]) if "tls_port" in table.values else ("starttls_port", usual[0])
        )
        other = "starttls_port" if key == "tls_port" else "tls_port"
        table.at(key).fault(
            f"{implicit} is the {other} too", f"write another, as {_free_port(default, taken)}"
        )
    return starttls, implicit


def _free_port(usual: int, taken: Collection[int]) -> int:
    """The usual port, or one that reminds of it: 3587, as 2587 is the other stream's."""
    return next(number for number in range(usual, usual + 10_000, 3000) if number not in taken)


def _check_helo(
    helo: str, addresses: Sequence[Address], own: _Own, table: Table, claims: Claims
) -> None:
    """One address has one PTR name, and that name leads back to it (FCrDNS)."""
    known = list(claims.pointers)
    if own.hostname is not None:
        known.insert(0, (own.hostname, _given(own.ipv4, own.ipv6)))
    claims.pointers.append((helo, tuple(addresses)))
    for name, others in known:
        both = [address for address in addresses if address in others]
        if name == helo and addresses and others and not both:
            table.at("helo").fault(
                f"{helo} is already the name of {others[0]}",
                f"write a name that leads to {addresses[0]} alone",
            )
            return
        # Two streams on one address that is not declared shared are a fault of their own.
        if name != helo and both and (own.shared or name == own.hostname):
            table.at("helo").fault(
                f"{both[0]} already has the PTR name {name}, and an address has one",
                f'write "{name}" here, or give the stream an address of its own',
            )
            return


def _given(four: IPv4Address | None, six: IPv6Address | None) -> tuple[Address, ...]:
    return tuple(address for address in (four, six) if address is not None)
