"""The packages are there, whole, and services may start."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.audit.audited import Audited
from postroad.audit.fault import Fault, refute
from postroad.operations.base import POLICY
from postroad.software import packages


def missing_packages(audited: Audited) -> Iterator[Fault]:
    """Packages that the estate needs and dpkg(1) does not know as installed."""
    for package in packages(audited.estate):
        if package not in audited.state.packages:
            yield Fault(
                f"the package {package} is not installed", "what needs it fails", audited.run
            )


def broken_packages(audited: Audited) -> Iterator[Fault]:
    """What ``dpkg --audit`` says, and a ban on starting services that somebody left behind."""
    if audited.system.half_installed:
        said = " / ".join(line.strip() for line in audited.system.half_installed if line.strip())
        yield Fault(
            f"packages are half installed: {said}",
            "no update comes in, security updates neither",
            "dpkg --configure -a && apt-get -f install",
        )
    if audited.system.left_ban:
        yield Fault(
            f"{POLICY} is left behind by an installation that is over",
            "no service starts after a package update",
            f"rm {POLICY}",
        )


def held_packages(audited: Audited) -> Iterator[Fault]:
    """Packages of the estate that apt-mark(8) keeps at their version."""
    for package in sorted(set(packages(audited.estate)) & set(audited.system.held)):
        yield Fault(
            f"the package {package} is held back",
            "no upgrade comes in, security upgrades neither",
            f"apt-mark unhold {package}",
        )


def test_packages_are_installed(audited: Audited) -> None:
    """Every one that the estate needs."""
    refute(missing_packages(audited))


def test_the_package_manager_is_whole(audited: Audited) -> None:
    """Nothing half done."""
    refute(broken_packages(audited))


def test_packages_may_be_upgraded(audited: Audited) -> None:
    """None is on hold."""
    refute(held_packages(audited))
