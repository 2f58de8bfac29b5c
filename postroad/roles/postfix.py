"""The Postfix instances: inbound, one a stream, and the packages' own as null client."""

from __future__ import annotations

from pyinfra import host

from postroad.mail.parts import inbound, null_client, sink
from postroad.mail.parts.stream import part
from postroad.roles import leaving, returning
from postroad.roles.apply import converge, titled
from postroad.roles.own import deploy
from postroad.roles.run import made
from postroad.roles.run.closing import outlook
from postroad.roles.run.site import Site


@deploy("Postfix")
def instances(site: Site) -> None:
    """Each instance behind its canary: nothing that has not carried a message goes live."""
    given_up = returning.due(site)
    returning.keep(name=titled(site, "Return paths", given_up), site=site, taken=given_up)
    leaving.leave(name=titled(site, "Taken away", leaving.gone(site)), site=site)
    converge(site, null_client.PART)
    if site.host.inbound:
        converge(site, inbound.PART)
    if site.estate.lone:
        converge(site, sink.PART)
    for stream in host.loop(site.host.streams):
        own = part(stream)
        told = outlook(site, stream) if made.drift(site, own) else ()
        converge(site, own, told)
    # Last: until here a signer may read them.
    leaving.forget_keys(name=titled(site, "Keys taken away", leaving.gone_keys(site)), site=site)
