"""What an estate may say, and what its operator has hardly meant: told, and not refused. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network

from postroad.settings.hashes import digest_octets
from postroad.settings.mail_hosts import is_private
from postroad.settings.model import Address, Estate, Host, Network
from postroad.settings.streams import is_of_hops

# IANA's registries of special-purpose addresses (RFC 6890): what no receiver answers to.
_UNANSWERED: tuple[tuple[Network, str], ...] = (
    (IPv4Network("192.0.0.0/24"), "for protocols (RFC 6890)"),
    (IPv6Network("100::/64"), "for what is discarded (RFC 6666)"),
    (IPv6Network("64:ff9b:1::/48"), "for translation within one network (RFC 8215)"),
    (IPv6Network("2001::/32"), "of Teredo (RFC 4380)"),
    (IPv6Network("2002::/16"), "of 6to4 (RFC 3056)"),
)

# Octets of what nearly all programs make of a password: a little less is more likely cut off.
_USUAL = 32


def doubts(estate: Estate, host: Host) -> Iterator[str]:
    """A sentence for each doubt about ``host``, with its key and what to do.

    What is no single host's is told with the estate's first.
    """
    if host == estate.hosts[0]:
        yield from _of_estate(estate)
    yield from _shut_out(estate, host)
    if estate.lone or estate.resolver.root_hints_file:
        # Of a world of its own, in which such addresses are ordinary ones.
        return
    places = [("", address) for address in host.addresses]
    places += [
        (f'["ways_out"]["{way.stream}"]', address)
        for way in host.ways_out
        for address in way.addresses
        if address not in host.addresses
    ]
    for place, address in places:
        if said := _unreached(address):
            key = f'estate["hosts"]["{host.name}"]{place}["ipv{address.version}"]'
            yield f"{key}: {address} is {said}"


def _of_estate(estate: Estate) -> Iterator[str]:
    """A sentence for each doubt about what is no single host's."""
    policies = [f"mta-sts.{stream.envelope_domain}" for stream in estate.streams]
    unsubscribe = estate.unsubscribe
    if unsubscribe is not None and estate.mta_sts and unsubscribe.hostname in policies:
        yield (
            f'estate["unsubscribe"]["hostname"]: {unsubscribe.hostname} is where the MTA-STS policy'
            " is fetched as well (RFC 8461 §3.3), and one web host must answer both: write a name"
            f' of its own, as "unsubscribe.{estate.from_domains[-1]}"'
        )
    for stream in estate.streams:
        place = f'estate["streams"]["{stream.name}"]'
        if of_hops := tuple(filter(is_of_hops, stream.sign_headers)):
            yield (
                f'{place}["sign_headers"]: {", ".join(of_hops)} may be taken away or replaced by'
                " whoever carries the mail, and its signature breaks then (RFC 6376 §5.4): leave"
                " out what need not be signed"
            )
        for user in stream.users:
            for index, written in enumerate(user.password_hashes):
                octets = digest_octets(written)
                if octets is not None and octets < _USUAL and octets % 4:
                    yield (
                        f'{place}["users"]["{user.name}"]["passwords"][{index}]: its digest has'
                        f" {octets} octets, where programs make 16, 24 or 32: if its end was cut"
                        " off, no password fits; hash it anew with `postroad secret hash`"
                    )


def _unreached(address: Address) -> str:
    """What receivers do not see, or answer to; empty of an ordinary address."""
    if is_private(address):
        return (
            "a private address. Behind NAT, receivers see another one, which neither SPF nor the"
            " PTR record is about, and no stream opens: have the hoster put a public address on"
            " the host's own interface, and write that"
        )
    found = (what for network, what in _UNANSWERED if address in network)
    return next(
        (
            f"{what}, and receivers refuse mail from there or cannot answer: have the hoster route"
            " an address to the host, and write that"
            for what in found
        ),
        "",
    )


def _shut_out(estate: Estate, host: Host) -> Iterator[str]:
    """Openings of the firewall that would let nobody in: of the IP version that ``host`` lacks."""
    for stream, way in estate.streams_of(host):
        if missing := _one_version(stream.clients, way.addresses):
            yield (
                f'estate["streams"]["{stream.name}"]["clients"]: all are {missing} networks, and'
                f" the {stream.name} way out of {host.name} has no such address: nobody can submit"
                f' there. Add the other networks of the applications, or write "{missing.lower()}"'
                f' under estate["hosts"]["{host.name}"]["ways_out"]["{stream.name}"]'
            )
    if missing := _one_version(estate.admin.networks, host.addresses):
        yield (
            f'estate["admin"]["networks"]: all are {missing} networks, and {host.name} has no such'
            " address: its firewall will let nobody in by SSH. Add the networks that you come from"
        )


def _one_version(networks: tuple[Network, ...], addresses: tuple[Address, ...]) -> str:
    """The one IP version of ``networks`` where no address has it; empty otherwise."""
    versions = {network.version for network in networks}
    reached = versions & {address.version for address in addresses}
    return "" if reached or len(versions) != 1 else f"IPv{versions.pop()}"
