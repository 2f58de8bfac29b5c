"""The whole mail server: every role, in the order in which they happen."""

from __future__ import annotations

from pathlib import Path

import pyinfra
from gevent import GreenletExit  # type: ignore[import-untyped]
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.context import ctx_host

from postroad.roles import (
    base,
    dkim,
    firewall,
    pausing,
    postfix,
    restoring,
    rotation,
    taking_back,
    tls,
)
from postroad.roles import report as _report
from postroad.roles.apply import name_what_differs
from postroad.roles.preflight import preflight
from postroad.roles.run import keepalive, left_out
from postroad.roles.run.inventory import estate_for_run
from postroad.roles.run.pyinfra_words import errors_plainly, plainly
from postroad.roles.run.site import Site
from postroad.roles.run.sites import Sites
from postroad.settings.model import operator_files

_SITES = Sites()


def open_site() -> Site:
    """The run's view of the host that pyinfra executes the deploy file for.

    Every fault of the estate ends the run here, all told at once. A host of the inventory that is
    not the estate's is let be: nothing of the deploy file happens on it.
    """
    # Not pyinfra.host: that is whichever host is current, and a site is about one.
    host: Host = ctx_host.get()
    plainly()
    if pyinfra.is_cli:
        errors_plainly()
    left_out.of(host.state)
    left_out.unasked(host.state)
    # Read for the first host, it is the same for all: twice the hosts, not four times the work.
    estate = _SITES.estate(host.state) or estate_for_run(host.inventory)
    ours = {one.name for one in estate.hosts}
    left_out.let_be(host.state, ours)
    if host.name not in ours:
        _SITES.let_be(host, estate)
        # pyinfra runs the deploy file in a greenlet a host: this ends it, and is no failure.
        raise GreenletExit
    site = Site(host, estate, Path(host.state.cwd or Path.cwd()))
    _refuse_missing_files(site)
    keepalive.watch(host)
    return _SITES.add(site)


def _refuse_missing_files(site: Site) -> None:
    missing = [
        f"  - estate{key} names {path}, and {site.base / path} cannot be read: {reason}"
        for key, path in operator_files(site.estate)
        if (reason := site.unreadable(path))
    ]
    if missing:
        listed = "\n".join(missing)
        raise PyinfraError(f"files that the estate names are missing:\n{listed}")


def report(site: Site) -> None:
    """The last role: what the operator has to publish, once for all hosts of the run."""
    _report.report(site=site, sites=_SITES)
    name_what_differs(site.pyhost.state)


__all__ = [
    "base",
    "dkim",
    "firewall",
    "open_site",
    "pausing",
    "postfix",
    "preflight",
    "report",
    "restoring",
    "rotation",
    "taking_back",
    "tls",
]
