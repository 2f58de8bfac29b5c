"""Whatever of ours is changed on a host by hand is named by a dry run, it alone, and mended.

A dry run costs seconds, so each one proves as much as it can: several things are broken at a time,
other ones on each of two releases, and the plan must name exactly those.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pytest

from lab.hosts import here
from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import road
from postroad.host.component import Component
from postroad.host.paths import OPENED, STAMPS, opened_path
from postroad.mail.parts.order import everything, rows
from postroad.mail.questions import shape
from postroad.roles import apply
from postroad.roles.run import inventory
from tests.lab import plans

SAVED = "/root/before-the-drift"


@dataclass(frozen=True)
class Place:
    """A path of ours on a host, as it must be."""

    component: str
    path: str
    owner: str
    group: str
    mode: int
    kind: Literal["file", "directory"]

    @property
    def quoted(self) -> str:
        """Its path for a shell."""
        return shlex.quote(self.path)


@dataclass(frozen=True)
class Breakage:
    """A way in which a place can differ, and what the plan calls it."""

    shell: Callable[[Place], str]
    how: Callable[[Place], str]

    def detail(self, place: Place) -> str:
        """What the plan must say of ``place``."""
        return f"{place.path} ({self.how(place)})"


CONTENT = Breakage(lambda place: f"echo '# by hand' >> {place.quoted}", lambda place: "content")
MISSING = Breakage(lambda place: f"rm {place.quoted}", lambda place: "missing")
MODE = Breakage(
    lambda place: f"chmod {place.mode ^ 0o044:o} {place.quoted}",
    lambda place: f"mode {place.mode ^ 0o044:04o}, not {place.mode:04o}",
)
OWNER = Breakage(
    lambda place: f"chown nobody:nogroup {place.quoted}; chmod {place.mode:o} {place.quoted}",
    lambda place: f"owner nobody:nogroup, not {place.owner}:{place.group}",
)


@pytest.fixture(scope="module")
def parts(deployed: Lab) -> dict[str, tuple[Component, ...]]:
    """The components of each host; their paths and units, not their content."""
    estate = inventory.load(here.CLONE / road.INVENTORY).estate
    return {name: tuple(everything(shape(estate, estate.host(name)))) for name in deployed.targets}


@pytest.fixture(scope="module")
def files(deployed: Lab) -> dict[str, list[Place]]:
    """Every row of the manifest that each host has, and the latches of its streams."""
    estate = inventory.load(here.CLONE / road.INVENTORY).estate
    found: dict[str, list[Place]] = {}
    for name, guest in deployed.targets.items():
        host = estate.host(name)
        found[name] = [
            Place(row.part, row.path, row.owner, row.group, row.mode, "file")
            for row in rows(estate, host)
            if not row.only_where or _exists(guest, row.only_where)
        ]
        found[name] += [
            Place(stream, opened_path(stream), "root", "root", 0o644, "file")
            for stream in host.streams
        ]
    return found


@pytest.fixture(scope="module")
def places(
    files: dict[str, list[Place]], parts: dict[str, tuple[Component, ...]]
) -> dict[str, list[Place]]:
    """Every file and every directory of ours on each host."""
    return {
        name: [
            *found,
            *(
                Place(part.name, d.path, d.owner, d.group, d.mode, "directory")
                for part in parts[name]
                for d in part.directories
            ),
        ]
        for name, found in files.items()
    }


def _exists(guest: Guest, path: str) -> bool:
    return guest.run(["test", "-e", path], check=False).returncode == 0


def by_component(found: Sequence[Place]) -> list[list[Place]]:
    """The places of each component."""
    components: dict[str, list[Place]] = {}
    for place in found:
        components.setdefault(place.component, []).append(place)
    return list(components.values())


def neighbours(found: Sequence[Place]) -> Iterator[list[Place]]:
    """The places in batches: of each component the next three, which a plan names in full."""
    components = by_component(found)
    for start in range(0, max(map(len, components)), apply.NAMED):
        yield [place for part in components for place in part[start : start + apply.NAMED]]


def strangers(found: Sequence[Place]) -> Iterator[list[Place]]:
    """The places in as many batches, and together only those that are apart above."""
    components = by_component(found)
    steps = -(-max(map(len, components)) // apply.NAMED)
    for start in range(steps):
        yield [place for part in components for place in part[start::steps]]


def differences(expected: set[plans.Named]) -> str:
    """How what a dry run names differs from ``expected``; empty where it does not."""
    said = plans.named(road.plan())
    if said == expected:
        return ""
    return f"not named: {sorted(expected - said)}; named too: {sorted(said - expected)}"


def break_all(guest: Guest, kind: Breakage, batch: Sequence[Place]) -> set[plans.Named]:
    """Break every place of ``batch``; return what a plan must name."""
    guest.run("\n".join(kind.shell(place) for place in batch))
    return {(guest.name, kind.detail(place)) for place in batch}


def test_changed_and_lost_files_are_named_and_no_others(
    deployed: Lab, files: dict[str, list[Place]]
) -> None:
    first, second = deployed.targets["mail1"], deployed.targets["mail2"]
    wrong = []
    # Without its latch a stream asks the world, by a tool that may not be missing at that time.
    latches, rest = {}, {}
    for name, found in files.items():
        latches[name] = [place for place in found if place.path.startswith(OPENED)]
        rest[name] = [place for place in found if place not in latches[name]]
    batches = zip(neighbours(rest["mail1"]), strangers(rest["mail2"]), strict=True)
    for one, other in (*batches, (latches["mail1"], latches["mail2"])):
        for guest, batch in ((first, one), (second, other)):
            paths = " ".join(place.quoted for place in batch)
            guest.run(f"rm -rf {SAVED}; mkdir {SAVED}; cp -a --parents {paths} {SAVED}")
        expected = break_all(first, CONTENT, one) | break_all(second, MISSING, other)
        wrong.append(differences(expected))
        for guest in (first, second):
            guest.run(f"cp -a {SAVED}/. / && rm -rf {SAVED}")
    assert not any(wrong), "\n".join(wrong)
    assert road.plan() == []


def test_wrong_modes_and_owners_are_named_and_no_others(
    deployed: Lab, places: dict[str, list[Place]]
) -> None:
    first, second = deployed.targets["mail1"], deployed.targets["mail2"]
    wrong = []
    for one, other in zip(neighbours(places["mail1"]), strangers(places["mail2"]), strict=True):
        expected = break_all(first, MODE, one) | break_all(second, OWNER, other)
        wrong.append(differences(expected))
        for guest, batch in ((first, one), (second, other)):
            guest.run(
                "\n".join(
                    f"chown {p.owner}:{p.group} {p.quoted}; chmod {p.mode:o} {p.quoted}"
                    for p in batch
                )
            )
    assert not any(wrong), "\n".join(wrong)
    assert road.plan() == []


def test_a_run_mends_changed_and_lost_files(deployed: Lab, files: dict[str, list[Place]]) -> None:
    break_all(deployed.targets["mail1"], CONTENT, files["mail1"])
    break_all(deployed.targets["mail2"], MISSING, files["mail2"])
    _mend()


def test_a_run_mends_modes_and_owners(deployed: Lab, places: dict[str, list[Place]]) -> None:
    break_all(deployed.targets["mail1"], MODE, places["mail1"])
    break_all(deployed.targets["mail2"], OWNER, places["mail2"])
    _mend()


@dataclass(frozen=True)
class Thing:
    """A managed thing that is no file: how it is changed by hand, and what the plan names."""

    shell: str
    named: tuple[str, ...]


def stopped(unit: str) -> Thing:
    """A unit that should run."""
    return Thing(f"systemctl stop {unit}", (f"{unit} (is inactive, not active)",))


def disabled(unit: str) -> Thing:
    """A unit that should start at boot."""
    return Thing(
        f"systemctl disable --quiet {unit}",
        (f"{unit} (is disabled, not enabled)",),
    )


def key(host: str, shell: str, how: str) -> Thing:
    """The rights of the marketing stream's key."""
    path = "/etc/postroad/marketing/keys/news.shop.example"
    # The month in a selector is that of the first run.
    return Thing(f"{shell} {path}/*-{host}.pem", (f"{path}/MONTH-{host}.pem ({how})",))


def gone(user: str, home: str, folders: Sequence[str]) -> Thing:
    """A user; what was his is nobody's then, and that is said too."""
    whose = f"(owner UNKNOWN:UNKNOWN, not {user}:{user})"
    listed = [f"{home} (owner root:UNKNOWN, not root:{user})"]
    listed += [f"{home}{folder} {whose}" for folder in folders]
    listed[-1] += " and 3 more"
    # userdel(8) refuses a user who has processes. That the budget's daemon stands still is among
    # what is more.
    return Thing(
        f"systemctl stop postroad-budget.service; userdel {user}", (f"user {user}", *listed)
    )


UNITS = {
    "mail1": (
        disabled("logrotate.timer"),
        stopped("certbot.timer"),
        disabled("postroad-postfix@marketing.service"),
        stopped("postroad-dkim@transactional.service"),
        Thing("systemctl unmask --quiet opendkim.service", ("opendkim.service (is not masked)",)),
        stopped("unbound.service"),
        disabled("postfix.service"),
        stopped("postroad-postfix@inbound.service"),
    ),
    "mail2": (
        stopped("logrotate.timer"),
        disabled("certbot.timer"),
        Thing(
            "systemctl mask --quiet postroad-auth@marketing.service",
            ("postroad-auth@marketing.service (is masked)",),
        ),
        disabled("postroad-dkim@transactional.service"),
        disabled("unbound.service"),
        disabled("postroad-postfix@inbound.service"),
        # The last one: systemd reads its files anew at each of the others.
        Thing(
            "touch /etc/systemd/system/postroad-postfix@.service",
            ("systemd (unit file newer than what systemd has read)",),
        ),
    ),
}

REST = {
    "mail1": (
        Thing("dpkg --remove --force-depends python3-spf", ("python3-spf",)),
        Thing(
            "ufw allow 8080/tcp; ufw default allow incoming",
            ("--force delete allow 8080/tcp, default deny incoming",),
        ),
        key("mail1", "chmod 644", "mode 0644, not 0600"),
        Thing(
            "ln -sf /run/elsewhere /etc/resolv.conf",
            ("/etc/resolv.conf (is a symlink, not a file)",),
        ),
        Thing("hostname wrong", ("wrong is not mail1.shop.example",)),
    ),
    "mail2": (
        Thing("ufw --force delete allow 80/tcp", ("allow 80/tcp comment 'acme http-01'",)),
        Thing("ufw logging off", ("logging low",)),
        key("mail2", "chown root:root", "owner root:root, not opendkim:opendkim"),
        Thing("certbot delete --non-interactive --cert-name postroad", ("certificate",)),
    ),
}

FIREWALL_AND_USER = {
    "mail1": (Thing("ufw disable", ("--force enable",)),),
    "mail2": (gone("postroad-mail", "/var/mail/postroad", ("/postmaster", "/transactional")),),
}


@pytest.mark.parametrize(
    "things",
    [
        pytest.param(UNITS, id="units"),
        pytest.param(REST, id="packages-rules-keys-names"),
        pytest.param(FIREWALL_AND_USER, id="firewall-off-user-gone"),
    ],
)
def test_other_things_are_named_and_mended(
    deployed: Lab, things: dict[str, tuple[Thing, ...]]
) -> None:
    for name, broken in things.items():
        deployed.targets[name].run("set -e\n" + "\n".join(thing.shell for thing in broken))
    entries = road.plan()
    said = {(host, re.sub(r"/\d{6}-", "/MONTH-", detail)) for host, detail in plans.named(entries)}
    assert said == {
        (host, name) for host, broken in things.items() for thing in broken for name in thing.named
    }
    _mend()


def test_an_activation_that_was_not_finished_is_named_and_finished(
    deployed: Lab, parts: dict[str, tuple[Component, ...]]
) -> None:
    deployed.targets["mail1"].run(f"rm {STAMPS}/*")
    names = {part.name for part in parts["mail1"] if part.files or part.units}
    unfinished = "(files in place, activation not finished)"
    assert differences({("mail1", f"{name} {unfinished}") for name in names}) == ""
    _mend()


def test_a_lost_key_closes_its_stream_and_touches_no_other(deployed: Lab) -> None:
    folder = "/etc/postroad/marketing/keys/news.shop.example"
    aside = "/root/news.shop.example"  # beside the others it would be an orphan, and be removed
    guest = deployed.targets["mail1"]
    guest.run(f"mv {folder} {aside}")
    try:
        entries = road.plan()
    finally:
        guest.run(f"mv {aside} {folder}")
    assert plans.hosts(entries) == {"mail1"}
    assert {e["name"].partition(":")[0] for e in entries} == {
        "DKIM | Keys",
        "Postfix | Stream marketing",
    }
    assert ("mail1", f"{folder}/*-mail1.pem (missing)") in plans.named(entries)


def _mend() -> None:
    done = road.deploy()
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert road.plan() == []
