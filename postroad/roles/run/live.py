"""The hosts of an inventory, connected in process: for commands that ask and never change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import gevent  # type: ignore[import-untyped]
from pyinfra.api.host import Host
from pyinfra.context import ctx_host, ctx_state

from postroad.dns.dkim import LiveKey, UnusableKeyError
from postroad.dns.former import Former, together
from postroad.dns.tlsa import LiveCertificate
from postroad.mail.leaving.instances import LEAVING
from postroad.mail.return_paths import RETURN_PATHS, given_up_domains
from postroad.roles.run import names
from postroad.roles.run.ask import UnansweredError, connect, disconnect
from postroad.roles.run.inventory import Loaded, load
from postroad.roles.run.site import Site
from postroad.settings.faults import EstateFaults
from postroad.settings.secrets import SecretError
from postroad.settings.terminal import line

T = TypeVar("T")
A = TypeVar("A")

NOBODY: Mapping[str, UnansweredError] = MappingProxyType({})
# What the operator has declared is at fault, whichever host it shows at.
_DECLARED = (EstateFaults, SecretError, UnusableKeyError)


class UnreachableError(RuntimeError):
    """Hosts of the inventory that did not answer; the message names each, and why."""


@dataclass(frozen=True, slots=True)
class Reached:
    """An inventory whose hosts were tried: a site for each that answers, and why others do not."""

    loaded: Loaded
    sites: list[Site]
    silent: tuple[UnansweredError, ...]


@contextmanager
def connected(inventory: Path) -> Iterator[tuple[Loaded, list[Site]]]:
    """The inventory and a `Site` for each of its hosts, whose states were read.

    Raises what `inventory.load` raises, and UnreachableError where a host does not answer:
    an answer from a part of the estate would look like the whole.
    """
    with reached(inventory) as found:
        silent = [*found.silent]
        answers = of_each(found.sites, Site.state)
        silent += [answer for answer in answers if isinstance(answer, UnansweredError)]
        if silent:
            raise UnreachableError("\n".join(map(str, silent)))
        yield found.loaded, found.sites


@contextmanager
def reached(inventory: Path) -> Iterator[Reached]:
    """The inventory, and a `Site` for each host that can be connected to, while the block lasts.

    Raises what `inventory.load` raises. A host that does not answer keeps nobody waiting.
    """
    with reaching(load(inventory)) as found:
        yield found


@contextmanager
def reaching(loaded: Loaded, names: Collection[str] | None = None) -> Iterator[Reached]:
    """As `reached`, of an inventory that is loaded, or of those of its hosts that are named."""
    with ctx_state.use(loaded.state):
        try:
            yield reach(loaded, names=names)
        finally:
            leave(loaded)


def reach(
    loaded: Loaded,
    known: Mapping[str, UnansweredError] = NOBODY,
    names: Collection[str] | None = None,
) -> Reached:
    """Connect to what is not connected yet, side by side; whoever calls it has to `leave`.

    Hosts that are ``known`` not to answer are not tried again. With ``names`` it is about these
    hosts alone.
    """

    def tried(host: Host) -> UnansweredError | None:
        try:
            connect(host)
        except UnansweredError as error:
            return error
        return None

    hosts = [host for host in loaded.hosts if names is None or host.name in names]
    asked = [host for host in hosts if host.name not in known]
    why = dict(zip((host.name for host in asked), _side_by_side(tried, asked), strict=True))
    silent = {**known, **{name: error for name, error in why.items() if error is not None}}
    sites = [Site(host, loaded.estate, loaded.base) for host in hosts if host.name not in silent]
    return Reached(loaded, sites, tuple(silent[h.name] for h in hosts if h.name in silent))


def leave(loaded: Loaded) -> None:
    """Disconnect from every host, whatever state it is in."""
    _side_by_side(disconnect, loaded.hosts)


def of_each(sites: Sequence[Site], look: Callable[[Site], T]) -> list[T | UnansweredError]:
    """What ``look`` makes of every host, side by side; one host's trouble stays one host's.

    Raises EstateFaults, SecretError and UnusableKeyError as they are: they are not a host's.
    """

    def within(site: Site) -> T | Exception:
        try:
            with ctx_state.use(site.pyhost.state), ctx_host.use(site.pyhost):
                return look(site)
        # A greenlet that fails writes a traceback of its own.
        except Exception as error:
            return error

    answers: list[T | UnansweredError] = []
    for site, answer in zip(sites, _side_by_side(within, sites), strict=True):
        if isinstance(answer, _DECLARED):
            raise answer
        if isinstance(answer, Exception) and not isinstance(answer, UnansweredError):
            answers.append(UnansweredError(site.pyhost.name, _unfit(answer)))
        else:
            answers.append(answer)
    return answers


def _unfit(error: Exception) -> str:
    return f"what it answers cannot be worked with ({type(error).__name__}: {line(error)[:200]})"


def _side_by_side(work: Callable[[A], T], things: Sequence[A]) -> list[T]:
    greenlets = [gevent.spawn(work, thing) for thing in things]
    gevent.joinall(greenlets)
    return [greenlet.get() for greenlet in greenlets]


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


def given_up(sites: list[Site]) -> Former:
    """What the estate no longer knows, and the hosts still have mail of, or may get back."""
    return together(_given_up_of(site) for site in sites)


def _given_up_of(site: Site) -> Former:
    with ctx_host.use(site.pyhost):
        state = site.state()
        return Former(
            given_up_domains(site.estate, state[RETURN_PATHS]),
            tuple(
                (one.name, address)
                for one in state[LEAVING]
                if one.messages
                for address in one.sources
            ),
        )


def _certificate_of(site: Site) -> LiveCertificate | None:
    with ctx_host.use(site.pyhost):
        return names.live_certificate(site)


def _withdrawn_of(site: Site) -> tuple[LiveKey, ...]:
    with ctx_host.use(site.pyhost):
        return names.withdrawn_keys(site)


def _keys_of(site: Site) -> tuple[LiveKey, ...]:
    with ctx_host.use(site.pyhost):
        return names.published_keys(site)
