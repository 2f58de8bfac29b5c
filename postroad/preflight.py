"""What makes a run refuse a host, or warn of it, before the first change. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from postroad import parents
from postroad.component import Component
from postroad.foreign import daemons, firewall, keys, listeners, queues
from postroad.settings.model import STREAM_NAMES, Estate, Host
from postroad.state import HostState

# Releases that the templates are written for; docs/releases.md tells which were run, and how.
SUPPORTED = {
    "debian": ("12", "13"),
    "ubuntu": ("22.04", "24.04", "26.04"),
}
CLOCK_SECONDS = 60
# The packages take about 200 MB; the rest is room for a queue.
FREE_KIB = 1024 * 1024
# The packages bring some 3,000 files, and each message is one.
FREE_INODES = 10_000


#: Why nothing can be asked, nor done, by a connection of another account.
NOT_ROOT = (
    "the connection is not root's: log in as root, or set _sudo = True for a user who may sudo "
    'without a password, as "_sudo": True beside "ssh_user" in the inventory'
)


def not_root(state: HostState) -> str:
    """Why nothing can be done on the host; empty where the connection is root's."""
    return "" if state.uid == 0 else NOT_ROOT


def refusals(
    estate: Estate,
    host: Host,
    state: HostState,
    clock_ahead: float,
    components: Iterable[Component] = (),
) -> Iterator[str]:
    """Why ``host`` must not be touched as it is: one sentence each, with the mend.

    ``components`` are those that a run would make true there.
    """
    if reason := not_root(state):
        # What such a login does not see would be told of the host as if it were not there.
        yield reason
        return
    if not _is_made_for(state) and _release(state) not in estate.other_releases:
        known = "; ".join(f"{name} {', '.join(r)}" for name, r in SUPPORTED.items())
        yield (
            f"it runs {_release(state)}, which postroad does not know: use one of {known}; or "
            f'write "{_release(state)}" under estate["other_releases"] and answer for it yourself'
        )
    yield from _in_another_world(estate, state)
    if state.var_free_kib < FREE_KIB:
        yield (
            f"/var has {state.var_free_kib // 1024} MiB free: make room, {FREE_KIB // 1024} MiB "
            "are the least that packages and a queue need"
        )
    if state.var_free_inodes is not None and state.var_free_inodes < FREE_INODES:
        yield (
            f"/var has {state.var_free_inodes} inodes free, of which each file takes one: remove "
            f"small files (du --inodes -xS /var | sort -n | tail), {FREE_INODES} are the least"
        )
    if not state.has_user_namespaces:
        yield (
            "it lets nobody make a user namespace, and these keep each stream's signer from the "
            "keys of the others: sysctl user.max_user_namespaces must not be 0, and a container's "
            "host must allow them"
        )
    if abs(clock_ahead) > CLOCK_SECONDS:
        way = "ahead of" if clock_ahead > 0 else "behind"
        yield (
            f"its clock is {abs(clock_ahead):.0f} s {way} this machine's: set it (timedatectl, or "
            "the hoster's console) before certificates and signatures are made with it"
        )
    yield from queues.refusals(state.queued_elsewhere, state.adopted)
    yield from listeners.refusals(estate, host, state.listeners)
    yield from daemons.refusals(state)
    yield from firewall.refusals(estate, host, state)
    yield from keys.refusals(estate, host, state)
    yield from parents.refusals(components, state)
    for stream, way_out in estate.streams_of(host):
        for address in way_out.addresses:
            if address not in state.addresses:
                yield (
                    f"{stream.name} is to send from {address}, which is not on the host: add the "
                    "address to its network configuration, or correct it in the estate"
                )
    for address in host.addresses:
        if address not in state.addresses:
            yield (
                f"its own address {address} is not on the host: add it to its network "
                "configuration, or correct it in the estate"
            )


def warnings(state: HostState) -> Iterator[str]:
    """What is not refused, and worth a word at every run."""
    if not _is_made_for(state):
        yield (
            f"it runs {_release(state)}, which postroad is not made for: that it works there is "
            "yours to find out, and nobody mends what its distribution no longer does"
        )
    yield from firewall.warnings(state)


def _is_made_for(state: HostState) -> bool:
    return state.release in SUPPORTED.get(state.distribution, ())


def _release(state: HostState) -> str:
    return f"{state.distribution} {state.release}"


def _in_another_world(estate: Estate, state: HostState) -> Iterator[str]:
    """A host is lone from its first run on, or never: its queues hold mail for the world, or none.

    What is adopted is read, since a run that died has adopted the sink before any stream.
    """
    if estate.lone and "sink" not in state.adopted and state.adopted.intersection(STREAM_NAMES):
        yield (
            'it is a sending server, and the estate says "lone": what waits in its queues would go '
            "to the sink. Use a bare host"
        )
    if not estate.lone and "sink" in state.adopted:
        yield (
            "it was a lone box, whose mail goes to a sink: destroy it, and begin with a bare host"
        )
