"""Every service is enabled, runs, and runs what is installed; what must never start is masked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from postroad.audit.audited import Audited
from postroad.audit.fault import Fault, refute
from postroad.mail.parts.names import REFRESH_UNIT

# At which hour upgrades come is the operator's choice; that they come is asked elsewhere.
SCHEDULES = ("apt-daily.timer", "apt-daily-upgrade.timer")


def _ours(audited: Audited) -> set[str]:
    return {name for component in audited.components for name in component.unit_names}


def differing_units(audited: Audited) -> Iterator[Fault]:
    """Enabled, active, masked, and read by systemd since it was written."""
    units = _ours(audited)
    for unit in sorted(units):
        state = audited.state.units.get(unit)
        if state is not None and state.is_back:
            yield Fault(
                f"{unit} dies again and again, and runs in between",
                "while it is down, what it is there for waits",
                f"journalctl -u {unit}",
            )
    for component, drift in audited.drifts():
        if drift.thing in units:
            yield Fault(
                f"{drift.thing} {drift.how}",
                f"{component.name} does not work, or will not after the next boot",
                f"{audited.run}   (why: journalctl -u {drift.thing})",
            )


def edited_units(audited: Audited) -> Iterator[Fault]:
    """Units that somebody has changed by a drop-in (systemd.unit(5)), as `systemctl edit` does."""
    units = _ours(audited).difference(SCHEDULES)
    named = units | {re.sub(r"@[^.]*", "@", unit) for unit in units}
    ours = {file.path for component in audited.components for file in component.files}
    for path in audited.system.drop_ins:
        unit = PurePosixPath(path).parent.name.removesuffix(".d")
        if unit in named and path not in ours:
            every = unit.replace("@.", "@*.")
            yield Fault(
                f"{unit} is changed by {path}",
                "its sandbox, its restarts and its upgrades are not those that were tested",
                f"rm {path}; systemctl daemon-reload; systemctl restart '{every}'",
            )


def outdated_programs(audited: Audited) -> Iterator[Fault]:
    """Daemons whose program or libraries were replaced by an upgrade since they started."""
    replaced: dict[str, set[str]] = {}
    for process in audited.system.processes:
        replaced.setdefault(process.unit, set()).update(process.replaced)
    for unit in sorted(_ours(audited) & set(replaced)):
        if files := sorted(replaced[unit]):
            more = f" and {len(files) - 1} more" if files[1:] else ""
            yield Fault(
                f"{unit} still runs an older {files[0]}{more} than the installed one",
                "what the upgrade mended is not mended here, and old and new daemons may not fit",
                f"systemctl start --wait {REFRESH_UNIT}   "
                f"(why not yet: journalctl -u {REFRESH_UNIT})",
            )


def failed_units(audited: Audited) -> Iterator[Fault]:
    """Anything that systemd holds for failed, ours or not."""
    for unit in audited.system.failed_units:
        yield Fault(
            f"{unit} has failed",
            "what it is there for does not happen",
            f"journalctl -u {unit}; then systemctl restart {unit}",
        )


def test_units_are_as_declared(audited: Audited) -> None:
    """By systemd's own account."""
    refute(differing_units(audited))


def test_units_are_not_edited(audited: Audited) -> None:
    """By no file beside them."""
    refute(edited_units(audited))


def test_daemons_run_what_is_installed(audited: Audited) -> None:
    """By the files that each process runs."""
    refute(outdated_programs(audited))


def test_no_unit_has_failed(audited: Audited) -> None:
    """Also those that are none of postroad's: a failed timer or mount ends in lost mail."""
    refute(failed_units(audited))
