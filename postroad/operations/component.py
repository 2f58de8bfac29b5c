"""The one operation that applies a component: its files and their activation together."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api.command import StringCommand

from postroad.host.change import script
from postroad.mail.parts.context import Build
from postroad.operations.own import operation
from postroad.roles.run import made
from postroad.roles.run.site import Site


@operation()
def converge(site: Site, build: Build) -> Generator[StringCommand]:
    """Make one component true on the host, or do nothing where it is.

    + site: the host during this run
    + build: which component, as a function of the builder
    """
    if not made.drift(site, build):
        host.noop("as declared")
        return
    # The whole script goes over standard input: what it writes is in no argument and in no log.
    yield StringCommand("sh", "-s", _stdin=script(made.component(site, build), site.state()))
    site.forget()
