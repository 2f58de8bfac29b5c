"""The keys that sign. They are made before the streams, whose signers read them."""

from __future__ import annotations

from postroad.operations import dkim as operations
from postroad.roles.apply import titled
from postroad.roles.own import deploy
from postroad.roles.run.site import Site


@deploy("DKIM")
def keys(site: Site) -> None:
    """One key a stream and sending domain, made on the host or supplied."""
    operations.keys(name=titled(site, "Keys", operations.faults(site)), site=site)
