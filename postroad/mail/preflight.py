"""What makes a run refuse a host, or warn of it, before the first change. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from postroad.host import ground, parents
from postroad.host.component import Component
from postroad.host.drift import drift, planted
from postroad.host.found import HostState
from postroad.host.ground import GROUND
from postroad.host.paths import INBOUND, MAILBOX_USER
from postroad.mail import version
from postroad.mail.before import daemons, firewall, keys, listeners, queues
from postroad.mail.before.listeners import LISTENERS
from postroad.mail.before.queues import QUEUED_ELSEWHERE
from postroad.mail.certificate import CERTIFICATE, certificate_faults
from postroad.mail.firewall import allowed
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.firewall.plan import Firewall, plan_firewall, written
from postroad.mail.intake import intake
from postroad.mail.signing.keys import key_faults, key_folders
from postroad.mail.software import packages
from postroad.mail.version import CONVERGED_BY
from postroad.settings.model import STREAM_NAMES, AcmeTls, Estate, Host

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
    wanted: Iterable[Component] = (),
) -> Iterator[str]:
    """Why ``host`` must not be touched as it is: one sentence each, with the mend.

    ``components`` are those that a run would make true there, by their paths; ``wanted`` the same,
    with what is to be in them.
    """
    if reason := not_root(state):
        # What such a login does not see would be told of the host as if it were not there.
        yield reason
        return
    if reason := version.refusal(state[CONVERGED_BY]):
        # It would be measured by rules that are not its own.
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
    yield from queues.refusals(state[QUEUED_ELSEWHERE], state.adopted)
    yield from listeners.refusals(estate, host, state[LISTENERS])
    yield from daemons.refusals(state)
    yield from firewall.refusals(estate, host, state)
    yield from keys.refusals(estate, host, state)
    yield from parents.refusals(components, state)
    parts = tuple(wanted)
    yield from misplaced(parts, state)
    yield from _planted_keys(estate, host, state)
    yield from ground.refusals(state[GROUND], work(parts, estate, host, state))
    yield from _without_room(estate, host, state)
    if "program ip" in state[GROUND].lacks:
        return  # Its addresses are not known, and that is told.
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


def misplaced(components: Iterable[Component], state: HostState) -> Iterator[str]:
    """A sentence for each thing that stands where one of another kind must, and is not replaced."""
    for part in components:
        for one in planted(part, state):
            yield f"{one}: look who made it, and remove it; it would lead root elsewhere"
        for path in (*(file.path for file in part.files), *part.absent):
            found = state.files.get(path)
            if found is not None and found.kind == "directory":
                yield (
                    f"{path} is a folder, and a run has a file there, or nothing: look what is in "
                    f"it, then: mv {path} {path}.old"
                )
    for path in parents.above(path for part in components for path in part.paths):
        found = state.files.get(path)
        if found is not None and found.kind in ("file", "other"):
            yield f"{path} is a {found.kind}, and a run has things below it: move it away"


def _planted_keys(estate: Estate, host: Host, state: HostState) -> Iterator[str]:
    for fault in key_faults(estate, host, state):
        if fault.is_planted:
            yield f"{fault}: nothing was changed; look who made it, and remove it"


def work(
    components: Iterable[Component], estate: Estate, host: Host, state: HostState
) -> ground.Work:
    """What a run would do on a host that is in ``state``.

    A component that was never finished is made as a whole, and what is in it is not settled yet.
    """
    files: dict[str, None] = {}
    folders: dict[str, None] = {}
    for part in components:
        is_ours = part.name in state.adopted
        differing = {one.thing for one in drift(part, state)} if is_ours else set(part.paths)
        files |= {file.path: None for file in part.files if file.path in differing}
        gone = (*part.absent, *part.left)
        files |= {path: None for path in gone if path in differing and path in state.files}
        folders |= {one.path: None for one in part.directories if one.path in differing}
    return ground.Work(
        files=tuple(files),
        folders=tuple(folders),
        there=frozenset(state.files),
        installs=any(package not in state.packages for package in packages(estate)),
        makes_user=MAILBOX_USER not in state.users,
        is_fresh=not state.adopted,
        written=tuple(dict.fromkeys(_written(estate, host, state))),
    )


def _written(estate: Estate, host: Host, state: HostState) -> Iterator[str]:
    """Places of no component's where an operation would write, since something is amiss there."""
    rules = Firewall(rules=allowed.rules(estate, host))
    for command in plan_firewall(state[FIREWALL], rules).commands:
        yield from written(command)
    for fault in key_faults(estate, host, state):
        yield from key_folders(fault.key)
        yield fault.path
    if isinstance(estate.tls, AcmeTls) and certificate_faults(estate.tls, host, state[CERTIFICATE]):
        yield from ground.OF_CERTIFICATES


def _without_room(estate: Estate, host: Host, state: HostState) -> Iterator[str]:
    """Of instances that are not there yet, those that would take no mail from the first day on."""
    found = state[GROUND].room.get("/var/spool")
    if found is None:
        return
    wanted: dict[str, int] = {
        stream.name: max(stream.limits.queue_minfree, stream.limits.message_size * 3 // 2)
        for stream, _ in estate.streams_of(host)
    }
    if host.inbound:
        wanted[INBOUND] = intake(estate).free
    for name, least in wanted.items():
        if name not in state.adopted and found.kib < least // 1024:
            yield (
                f"/var/spool has {found.kib // 1024} MiB free, and its {name} instance is to take "
                f"no mail with less than {least >> 20}: make room, or write less under "
                '"queue_minfree" and "message_size" in the "limits" of the streams'
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
