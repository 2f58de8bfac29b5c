"""The hosts of an inventory, connected in process: for commands that ask and never change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.context import ctx_host, ctx_state

from postroad.dns.dkim import LiveKey
from postroad.dns.tlsa import LiveCertificate
from postroad.inventory import Loaded, load
from postroad.pyinfra_words import mended
from postroad.site import Site
from postroad.terminal import complain

UNREACHABLE = "no connection: check its address, the key and the known_hosts file"


class UnreachableError(RuntimeError):
    """Hosts of the inventory that could not be connected to; the message names each."""


@contextmanager
def connected(inventory: Path) -> Iterator[tuple[Loaded, list[Site]]]:
    """The inventory and a `Site` for each of its hosts, for as long as the block lasts.

    Raises what `postroad.inventory.load` raises, and UnreachableError where a host does not answer:
    an answer from a part of the estate would look like the whole.
    """
    loaded = load(inventory)
    with ctx_state.use(loaded.state):
        try:
            _connect(loaded)
            hosts = loaded.hosts
            silent = [host.name for host in hosts if not host.connected]
            if silent:
                raise UnreachableError(
                    f"no connection to {', '.join(silent)}: check the address, the key and the "
                    f"known_hosts file of {inventory}"
                )
            yield loaded, [Site(host, loaded.estate, loaded.base) for host in hosts]
        finally:
            disconnect_all(loaded.state)


@dataclass(frozen=True, slots=True)
class Reached:
    """An inventory whose hosts were tried: a site for each that answers, and the others' names."""

    loaded: Loaded
    sites: list[Site]
    silent: tuple[str, ...]


@contextmanager
def reached(inventory: Path) -> Iterator[Reached]:
    """As `connected`, but a host that does not answer is named and keeps nobody waiting.

    For what most of the answer does not depend on the hosts.
    """
    loaded = load(inventory)
    with ctx_state.use(loaded.state):
        try:
            yield reach(loaded)
        finally:
            disconnect_all(loaded.state)


def reach(loaded: Loaded) -> Reached:
    """Connect to what is not connected yet; whoever calls it disconnects."""
    _connect(loaded)
    hosts = loaded.hosts
    sites = [Site(host, loaded.estate, loaded.base) for host in hosts if host.connected]
    return Reached(loaded, sites, tuple(h.name for h in hosts if not h.connected))


def _connect(loaded: Loaded) -> None:
    try:
        connect_all(loaded.state)
    except PyinfraError as error:
        # Whom nobody answers tells of it by the names of the hosts, which have failed then.
        if not loaded.state.failed_hosts:
            complain(mended(str(error)))


def live_keys(sites: list[Site]) -> tuple[LiveKey, ...]:
    """The DKIM keys of every host that belong in the DNS, in the order of the hosts."""
    return tuple(key for site in sites for key in _keys_of(site))


def withdrawn_keys(sites: list[Site]) -> tuple[LiveKey, ...]:
    """The DKIM keys of every host whose records are to be removed from the DNS."""
    return tuple(key for site in sites for key in _withdrawn_of(site))


def live_certificates(sites: list[Site]) -> tuple[LiveCertificate, ...]:
    """The certificate of every host that serves one, in the order of the hosts."""
    found = (_certificate_of(site) for site in sites)
    return tuple(certificate for certificate in found if certificate is not None)


def _certificate_of(site: Site) -> LiveCertificate | None:
    with ctx_host.use(site.pyhost):
        return site.live_certificate()


def _withdrawn_of(site: Site) -> tuple[LiveKey, ...]:
    with ctx_host.use(site.pyhost):
        return site.withdrawn_keys()


def _keys_of(site: Site) -> tuple[LiveKey, ...]:
    with ctx_host.use(site.pyhost):
        return site.published_keys()
