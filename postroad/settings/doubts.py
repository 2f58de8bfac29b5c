"""What an estate may say, and what its operator has hardly meant: told, and not refused. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.settings.mail_hosts import is_private
from postroad.settings.model import Estate, Host


def doubts(estate: Estate, host: Host) -> Iterator[str]:
    """A sentence for each doubt about ``host``, with its key and what to do."""
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
        if is_private(address):
            yield (
                f'estate["hosts"]["{host.name}"]{place}["ipv{address.version}"]: {address} is a'
                " private address. Behind NAT, receivers see another one, which neither SPF nor"
                " the PTR record is about, and no stream opens: have the hoster put a public"
                " address on the host's own interface, and write that"
            )
