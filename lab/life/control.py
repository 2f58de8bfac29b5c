"""Bringing a lab up and taking it down."""

import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.hosts import guardian, here, machine, network, packages, qemu, remains, state
from lab.hosts.errors import LabError
from lab.hosts.guest import Guest
from lab.hosts.network import Network
from lab.hosts.state import Host, Process, State
from lab.images import building, recipes
from lab.life import birth
from lab.world import ca, certificates, dns, forwarder, internet, nameserver

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Target:
    """A bare host that the caller wants: name, suite, and the last octets of its addresses."""

    name: str
    suite: str
    suffixes: tuple[int, ...]


_TARGET = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
_OCTET = re.compile(r"[0-9]{1,3}")

# The number of a lab that has none yet.
_NOWHERE = -1

DEFAULT_TARGETS = (Target("mail1", "bookworm", (11, 12, 13)),)


def parse_target(text: str) -> Target:
    """The target that NAME:SUITE:OCTET[,OCTET…] means; raises LabError saying what is wrong."""
    parts = text.split(":")
    if len(parts) != 3 or not all(_OCTET.fullmatch(part) for part in parts[2].split(",")):
        raise LabError(f"target {text!r}: write NAME:SUITE:OCTET[,OCTET…], as mail1:bookworm:11,12")
    suffixes = tuple(int(part) for part in parts[2].split(","))
    if any(not 5 <= suffix <= 254 for suffix in suffixes):
        raise LabError(f"target {text!r}: last octets are from 5 to 254")
    # A label (RFC 1123, section 2.1), a folder and a container: the same in each of them.
    if not _TARGET.fullmatch(parts[0]):
        raise LabError(
            f"target {text!r}: write a name of small letters, digits and -, as mail1, 32 at most"
        )
    if parts[0] in internet.HOSTS:
        raise LabError(f"target {text!r}: {parts[0]} is a host of the internet; take another name")
    recipes.bare(parts[1])
    return Target(parts[0], parts[1], suffixes)


def up(targets: Iterable[Target], tell: Tell) -> State:
    """Bring this clone's lab up with at least *targets*; returns when everything answers.

    A new lab for which none are named gets DEFAULT_TARGETS. What runs and is as it should be
    is kept. Raises LabError saying what is missing.
    """
    machine.check()
    with state.lock():
        for package in packages.ensure(packages.NEEDED):
            tell(f"package {package}: installed")
        _sweep(tell)
        known = here.mine() or State(_NOWHERE, str(here.CLONE), here.name())
        asked = list(targets) or ([] if known.hosts else list(DEFAULT_TARGETS))
        bare = {target.name: recipes.bare(target.suite) for target in asked}
        building.ensure([recipes.world(), *bare.values()], tell)
        wanted = {
            target.name: Host("target", str(bare[target.name].root), target.suffixes)
            for target in asked
        }
        fixed = {
            name: Host("world", str(recipes.world().root), host.suffixes)
            for name, host in internet.HOSTS.items()
        }
        kept = {name: host for name, host in known.hosts.items() if host.is_bare}
        current = replace(known, hosts=fixed | kept | wanted)
        _refuse_doubles(current.hosts)
        if current.number == _NOWHERE:
            whose = state.mark(current.clone, current.name)
            current = replace(current, number=network.claim(state.numbers(), whose).number)
        _write(current)
        if not network.is_up(current.network):
            network.make(current.network)
        machine.prepare(state.RUN)
        current = _with_guardian(_with_forwarder(current))
        _write(current)
        _start_hosts(current, known, tell)
        return current


def emulate(host: str, tell: Tell) -> State:
    """Move a bare host out of its container, with all that is on it; returns when it has booted.

    From then on it has a kernel, a disk and a clock of its own, and is ten to twenty times slower.
    """
    with state.lock():
        current = here.mine()
        if current is None:
            raise LabError("no lab is up for this checkout: script/lab up")
        guest = current.guest(host)
        was = current.hosts[host]
        if was.kind != "target":
            raise LabError(f"{host} is no bare host in a container")
        for package in packages.ensure(packages.FOR_MACHINES):
            tell(f"package {package}: installed")
        qemu.furnish(guest)
        guest.kill()
        moved = replace(current, hosts={**current.hosts, host: replace(was, kind="machine")})
        emulated = moved.guest(host)
        birth.conceive(emulated, surroundings(moved))
        assert isinstance(emulated, qemu.Machine)
        emulated.fill_disk()
        _write(moved)
        emulated.start()
        emulated.wait_for_boot()
        return moved


def down() -> bool:
    """Take this process's lab away without trace, and no other; return whether there was one."""
    return _taken_away(lambda each: each.name == here.name())


def down_all() -> bool:
    """Take all of this checkout's labs away without trace; return whether there was one."""
    return _taken_away(lambda each: True)


def _taken_away(is_meant: Callable[[State], bool]) -> bool:
    with state.lock():
        known = [each for each in state.of_clone(here.CLONE) if is_meant(each)]
        for each in (*known, *orphans()):
            remains.remove(each)
        # One that was killed before it had a record has nothing but its bridge.
        network.unclaim(state.mark(str(here.CLONE), here.name()))
        remains.settle()
        return bool(known)


def orphans() -> list[State]:
    """The labs of this root whose checkout is gone, so that nobody else can end them."""
    return [each for each in state.all_known() if not Path(each.clone).is_dir()]


def zones(current: State) -> dns.Dns:
    """The DNS of a lab."""
    around = surroundings(current)
    return dns.Dns(
        current.guest("ns"), current.data / "dns", around.signing_key, around.tsig_secret
    )


def surroundings(current: State) -> internet.Surroundings:
    """What the lab's fixed hosts are made from."""
    return internet.Surroundings(current.network, current.run, current.data)


def _sweep(tell: Tell) -> None:
    """Remove what this lab has left when it crashed, and labs whose checkout is gone.

    Those of others are theirs, dead or alive: their hosts may be down for a reason.
    """
    known = here.mine()
    if known is not None and not remains.is_alive(known):
        tell(f"lab {known.number}: dead; its remains are removed")
        remains.remove(known)
    for each in orphans():
        tell(f"lab {each.number}: its checkout {each.clone} is gone; it is removed")
        remains.remove(each)
    for number in state.without_record():
        tell(f"lab {number}: nothing but data is left; it is removed")
        state.forget(number)


def _refuse_doubles(hosts: Mapping[str, Host]) -> None:
    owners: dict[int, str] = {network.MACHINE: "the machine itself"}
    for name, host in hosts.items():
        for suffix in host.suffixes:
            if suffix in owners:
                raise LabError(f"{name} and {owners[suffix]} both want the last octet {suffix}")
            owners[suffix] = name


def _with_forwarder(current: State) -> State:
    process = current.processes.get("forwarder")
    if process and process.is_alive():
        return current
    directory = current.data / "forwarder"
    pid = forwarder.start(current.network, directory, building.apt_proxy())
    return replace(current, processes={**current.processes, "forwarder": Process.of(pid)})


def _with_guardian(current: State) -> State:
    process = current.processes.get("guardian")
    if process and process.is_alive():
        return current
    return replace(current, processes={**current.processes, "guardian": guardian.start(current)})


def _start_hosts(current: State, known: State, tell: Tell) -> None:
    """Start every host that is not as it should be, all at once, and wait for all of them."""
    around = surroundings(current)
    guests = current.guests()
    birth.make_ssh_keys(guests.values())

    def is_target(guest: Guest) -> bool:
        return current.hosts[guest.name].is_bare

    def ensure(guest: Guest) -> bool:
        is_new = known.hosts.get(guest.name) != current.hosts[guest.name]
        is_changed = birth.conceive(guest, around)
        # What is on a target is its owner's: it is kept while it is declared as before.
        must_be_born = is_new or not guest.is_born or (is_changed and not is_target(guest))
        if guest.is_running() and not must_be_born:
            return False
        if guest.name in known.hosts:
            # As what it was: a container may take a machine's place.
            known.guest(guest.name).kill()
        if guest.name == "ns":
            zones(current).prepare()
        if must_be_born or not is_target(guest):
            guest.wipe()
        guest.start()
        return True

    with ThreadPoolExecutor(max_workers=len(guests)) as pool:
        started = dict(zip(guests, pool.map(ensure, guests.values()), strict=True))
        # A target that was kept may be as broken as a test or its owner left it.
        sound = [g for g in guests.values() if started[g.name] or not is_target(g)]
        list(pool.map(lambda guest: guest.wait_for_boot(), sound))
    if not zones(current).is_started():
        zones(current).start(internet.records(around), internet.zones())
    fresh = [name for name, is_fresh in started.items() if is_fresh]
    if "ca" in fresh:
        _forget_certificates([g for g in guests.values() if is_target(g)])
    if fresh:
        tell(f"hosts started: {', '.join(fresh)}")


def _forget_certificates(targets: Iterable[Guest]) -> None:
    """Take off the targets what the last CA gave them: Pebble knows no account but its own.

    It keeps everything in memory, its intermediate key too (github.com/letsencrypt/pebble, README).
    """
    for guest in targets:
        guest.run("cd /etc/letsencrypt 2>/dev/null && rm -rf accounts archive live renewal || :")


def _write(current: State) -> None:
    """Write lab.json and the files that operators' settings name: from here on there is a lab."""
    current.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    around = surroundings(current)
    (current.run / "root.hints").write_text(nameserver.root_hints(current.network))
    (current.run / "acme-ca.pem").write_text(certificates.certificate(around.authority))
    (current.run / "root.key").write_text(nameserver.trust_anchor(around.signing_key))
    state.save(current, _facts(current))


def _facts(current: State) -> dict[str, Any]:
    net: Network = current.network
    guests = current.guests()
    return {
        "addresses": {
            name: {"ipv4": guest.ipv4, "ipv6": guest.ipv6} for name, guest in guests.items()
        },
        "ssh_key": str(current.run / "ssh" / "id_ed25519"),
        "known_hosts": str(current.run / "ssh" / "known_hosts"),
        "ranges": [str(net.ipv4_range), str(net.ipv6_range)],
        "resolver": [net.ipv4(network.RESOLVER), net.ipv6(network.RESOLVER)],
        "name_server": [net.ipv4(network.NAMESERVER), net.ipv6(network.NAMESERVER)],
        "root_hints": str(current.run / "root.hints"),
        "root_key": str(current.run / "root.key"),
        "tsig": {
            "name": nameserver.TSIG_NAME,
            "algorithm": "hmac-sha256",
            "secret_file": str(current.run / "secrets" / "tsig"),
        },
        "acme_directory": ca.DIRECTORY,
        "acme_ca": str(current.run / "acme-ca.pem"),
        "apt_proxy": net.forwarder,
    }
