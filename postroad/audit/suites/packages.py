"""The packages are there, whole, and services may start."""

from __future__ import annotations

import re
from collections.abc import Iterator

from postroad.audit.audited import Audited
from postroad.audit.fault import Fault, refute
from postroad.mail.installing import POLICY
from postroad.mail.software import packages

DAY = 86400
# Both timers elapse daily; a day may be missed.
LATE = 3 * DAY
_NO_UPGRADE = "no upgrade comes in, security upgrades neither"


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
            _NO_UPGRADE,
            f"apt-mark unhold {package}",
        )


def switched_off_upgrades(audited: Audited) -> Iterator[Fault]:
    """Unattended upgrades that are declared, and that some file of apt's keeps from happening."""
    if not audited.estate.upgrades.unattended:
        return
    found = audited.system.upgrades
    for name in ("Enable", "Update-Package-Lists", "Unattended-Upgrade"):
        value = found.settings.get(f"APT::Periodic::{name}", "0")
        if value == "0":
            yield Fault(
                f"APT::Periodic::{name} is 0, declared are unattended upgrades",
                _NO_UPGRADE,
                f"grep -r Periodic::{name} /etc/apt/apt.conf.d   (the last file counts)",
            )
    for pattern in found.blacklist:
        kept = [p for p in packages(audited.estate) if _is_blacklisted(p, pattern)]
        if kept:
            yield Fault(
                f"the packages {', '.join(kept)} are on the blacklist of unattended-upgrades"
                f' ("{pattern}")',
                _NO_UPGRADE,
                "grep -r Package-Blacklist /etc/apt/apt.conf.d",
            )


def _is_blacklisted(package: str, pattern: str) -> bool:
    """Whether unattended-upgrades leaves ``package`` out (it uses Python's expressions, too)."""
    try:
        return re.match(pattern, package) is not None
    except re.error:
        return False


def failing_upgrades(audited: Audited) -> Iterator[Fault]:
    """Unattended upgrades that are declared, and have not succeeded for days."""
    if not audited.estate.upgrades.unattended:
        return
    found = audited.system.upgrades
    for what, at, service in (
        ("the lists of packages were not fetched", found.fetched, "apt-daily"),
        ("unattended upgrades had no success", found.installed, "apt-daily-upgrade"),
    ):
        since = max(at, found.declared)
        # Where neither is known, a run has not finished, and that is a fault of its own.
        age = audited.system.now - since if since else 0.0
        if age > LATE:
            yield Fault(
                f"{what} for {age / DAY:.0f} days",
                _NO_UPGRADE,
                f"systemctl start {service}   (why: journalctl -u {service}; "
                "/var/log/unattended-upgrades/unattended-upgrades.log)",
            )
    if found.kept_back:
        names = " ".join(found.kept_back)
        yield Fault(
            f"unattended-upgrades keeps back {names}",
            "what they mend is not mended here",
            f"apt-get install --only-upgrade {names}",
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


def test_upgrades_come_in(audited: Audited) -> None:
    """Unattended, where the estate wants that."""
    refute(switched_off_upgrades(audited))


def test_upgrades_succeed(audited: Audited) -> None:
    """Within days, and with nothing kept back."""
    refute(failing_upgrades(audited))
