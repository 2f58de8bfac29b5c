"""What the run leaves for the operator to do."""

from __future__ import annotations

from postroad.operations import report as operations
from postroad.roles.own import deploy
from postroad.roles.run.site import Site
from postroad.roles.run.sites import Sites


@deploy("Records")
def report(site: Site, sites: Sites) -> None:
    """Print the records to publish while a stream is closed."""
    operations.report(name="What the world has to see", site=site, sites=sites)
