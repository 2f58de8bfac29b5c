"""The host itself: packages, name, clock, resolver, logs, and the tools that later roles use."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api.command import StringCommand

from postroad.host.paths import MAILBOX_USER, MAILBOXES
from postroad.mail.installing import install_script
from postroad.mail.parts import (
    clock,
    identity,
    logs,
    packaging,
    resolv_conf,
    resolver,
    tools,
    units,
)
from postroad.mail.software import packages as wanted_packages
from postroad.roles.apply import converge, titled
from postroad.roles.own import deploy, operation
from postroad.roles.run.site import Site

Commands = Generator[StringCommand]


@deploy("Base")
def base(site: Site) -> None:
    """A host that has what it needs, knows its name and the time, and resolves names itself."""
    converge(site, packaging.PART)
    packages(name=titled(site, "Packages", missing_packages(site)), site=site)
    mailbox_user(name=titled(site, "Owner of the mailboxes", missing_user(site)), site=site)
    converge(site, identity.PART)
    hostname(name=titled(site, "Host name", wrong_hostname(site)), site=site)
    converge(site, clock.PART)
    converge(site, tools.PART)
    converge(site, resolver.PART)
    converge(site, resolv_conf.PART)
    converge(site, units.PART)
    converge(site, logs.PART)


def missing_packages(site: Site) -> tuple[str, ...]:
    """The packages that the estate needs and the host does not have."""
    return tuple(p for p in wanted_packages(site.estate) if p not in site.state().packages)


@operation()
def packages(site: Site) -> Commands:
    """Install what is missing, in one call, without recommends, with nothing started."""
    missing = missing_packages(site)
    if not missing:
        host.noop("every package is installed")
        return
    yield StringCommand("sh", "-s", _stdin=install_script(missing))
    site.forget()


def missing_user(site: Site) -> tuple[str, ...]:
    """The system user that owns the Maildirs, where the host has none."""
    return () if MAILBOX_USER in site.state().users else (f"user {MAILBOX_USER}",)


@operation()
def mailbox_user(site: Site) -> Commands:
    """A system user who owns the Maildirs and can log in nowhere."""
    if not missing_user(site):
        host.noop("the user exists")
        return
    yield StringCommand(
        "useradd --system --user-group --shell /usr/sbin/nologin --no-create-home",
        f"--home-dir {MAILBOXES} {MAILBOX_USER}",
    )
    site.forget()


def wrong_hostname(site: Site) -> tuple[str, ...]:
    """The host name that the kernel has, where it is not the declared one."""
    name = site.state().hostname
    return () if name == site.host.hostname else (f"{name} is not {site.host.hostname}",)


@operation()
def hostname(site: Site) -> Commands:
    """The kernel's host name, as /etc/hostname has it after the next boot (hostname(1))."""
    if not wrong_hostname(site):
        host.noop("the name is right")
        return
    yield StringCommand("hostname -F /etc/hostname")
    site.forget()
