"""What a stream that is resumed has to make up for."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api.command import StringCommand

from postroad.operations.own import operation
from postroad.roles.run import streams
from postroad.roles.run.site import Site
from postroad.settings.model import StreamName


@operation()
def retry(site: Site, stream: StreamName, was_stopped: bool) -> Generator[StringCommand]:
    """Try at once what was put off while the stream was stopped; else it might wait for an hour.

    + site: the host during this run
    + stream: the stream
    + was_stopped: whether it was, before this run
    """
    if not was_stopped or streams.pause_of(site, stream):
        host.noop("nothing was put off")
        return
    yield StringCommand("postqueue", "-c", f"/etc/postfix-{stream}", "-f")
