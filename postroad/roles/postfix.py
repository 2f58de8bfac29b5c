"""The Postfix instances: inbound, one a stream, and the packages' own as null client."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api.deploy import deploy

from postroad.components import Builder, stream_build
from postroad.operations import leaving, returning
from postroad.operations.leaving import orphans
from postroad.roles.apply import converge, titled
from postroad.site import Site


@deploy("Postfix")
def instances(site: Site) -> None:
    """Each instance behind its canary: nothing that has not carried a message goes live."""
    given_up = returning.due(site)
    returning.keep(name=titled(site, "Return paths", given_up), site=site, taken=given_up)
    gone = orphans(site)
    leaving.leave(name=titled(site, "Taken away", gone), site=site)
    converge(site, "Null client for root's mail", Builder.default)
    if site.host.inbound:
        converge(site, "Inbound", Builder.inbound)
    if site.estate.lone:
        converge(site, "Sink of a lone box", Builder.sink)
    for stream in host.loop(site.host.streams):
        converge(site, f"Stream {stream}", stream_build(stream))
