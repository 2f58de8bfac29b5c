"""What the run leaves for the operator to do."""

from __future__ import annotations

from pyinfra.api.deploy import deploy

from postroad.operations import report as operations
from postroad.site import Site


@deploy("Records")
def report(site: Site) -> None:
    """Print the records to publish while a stream is closed."""
    operations.report(name="What the world has to see", site=site)
