"""The sites of a run together."""

from __future__ import annotations

from weakref import WeakKeyDictionary, WeakSet

from pyinfra.api.host import Host as PyinfraHost
from pyinfra.api.state import State as PyinfraState

from postroad.roles.run.site import Site
from postroad.settings.model import Estate
from postroad.settings.terminal import inform


class Sites:
    """The sites of a run, so that what concerns the whole estate is said once, for all of it.

    pyinfra executes a deploy file once for each host and has no place for what they share; here it
    hangs on the run itself and goes with it.
    """

    def __init__(self) -> None:
        self._by_run: WeakKeyDictionary[PyinfraState, dict[str, Site]] = WeakKeyDictionary()
        self._told: WeakSet[PyinfraState] = WeakSet()

    def add(self, site: Site) -> Site:
        """Remember ``site`` among those of its run."""
        self._by_run.setdefault(site.pyhost.state, {})[site.pyhost.name] = site
        return site

    def let_be(self, host: PyinfraHost, estate: Estate) -> None:
        """Say once for all hosts of the run which of them are not the estate's."""
        if host.state in self._told:
            return
        self._told.add(host.state)
        ours = {one.name for one in estate.hosts}
        outside = sorted(one.name for one in host.state.active_hosts if one.name not in ours)
        inform(f"{', '.join(outside)}: not the estate's, and let be")

    def estate(self, run: PyinfraState) -> Estate | None:
        """The estate of ``run``; None before its first site."""
        first = next(iter(self._by_run.get(run, {}).values()), None)
        return first.estate if first else None

    def beside(self, site: Site) -> tuple[Site, ...]:
        """The sites of the same run that are still being worked on, ``site`` among them."""
        active = {host.name for host in site.pyhost.state.active_hosts}
        return tuple(s for name, s in self._by_run[site.pyhost.state].items() if name in active)
