"""Every service is enabled, runs, and runs what is installed; what must never start is masked."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.audit.audited import Audited
from postroad.audit.fault import Fault, refute

DELETED = " (deleted)"


def _ours(audited: Audited) -> set[str]:
    return {name for component in audited.components for name in component.unit_names}


def differing_units(audited: Audited) -> Iterator[Fault]:
    """Enabled, active, masked, and read by systemd since it was written."""
    units = _ours(audited)
    for component, drift in audited.drifts():
        if drift.thing in units:
            yield Fault(
                f"{drift.thing} {drift.how}",
                f"{component.name} does not work, or will not after the next boot",
                f"{audited.run}   (why: journalctl -u {drift.thing})",
            )


def outdated_programs(audited: Audited) -> Iterator[Fault]:
    """Daemons whose file was replaced by an upgrade since they started."""
    units = _ours(audited)
    for process in audited.system.processes:
        if process.unit in units and process.program.endswith(DELETED):
            program = process.program.removesuffix(DELETED)
            yield Fault(
                f"{process.unit} still runs an older {program} than the installed one "
                f"(process {process.pid})",
                "what the upgrade mended is not mended here, and old and new daemons may not fit",
                f"systemctl restart {process.unit}",
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


def test_daemons_run_what_is_installed(audited: Audited) -> None:
    """By the file that each process runs."""
    refute(outdated_programs(audited))


def test_no_unit_has_failed(audited: Audited) -> None:
    """Also those that are none of postroad's: a failed timer or mount ends in lost mail."""
    refute(failed_units(audited))
