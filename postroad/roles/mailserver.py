"""The whole mail server: every role, in the order in which they happen."""

from __future__ import annotations

from pathlib import Path

from pyinfra.api.host import Host

from postroad.inventory import estate_for_run
from postroad.roles import base, dkim, firewall, postfix, report, tls
from postroad.roles.preflight import preflight
from postroad.site import Site


def open_site(host: Host) -> Site:
    """The run's view of ``host``. Every fault of the estate ends the run here, all told at once."""
    return Site(host, estate_for_run(host.inventory), Path(host.state.cwd or Path.cwd()))


__all__ = ["base", "dkim", "firewall", "open_site", "postfix", "preflight", "report", "tls"]
