"""Stopping, draining and resuming a stream on the hosts that have it: deploys/pause.py."""

from __future__ import annotations

from collections.abc import Generator
from typing import get_args

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import PyinfraError

from postroad.mail.parts.stream import part
from postroad.mail.pause import Pause, found
from postroad.roles.apply import converge
from postroad.roles.own import deploy, operation
from postroad.roles.run import streams
from postroad.roles.run.site import Site
from postroad.settings.model import StreamName

VERBS: dict[str, Pause] = {"stop": "stop", "drain": "drain", "resume": ""}
USAGE = "say which stream and what of it, as --data stream=marketing --data do=stop"


def asked(site: Site) -> StreamName:
    """The stream that the run is about; ``site`` knows from here on what becomes of it.

    PyinfraError where --data does not say which and what.
    """
    data = site.pyhost.data
    stream, verb = data.get("stream"), data.get("do")
    known = [each.name for each in site.estate.streams]
    if stream not in known:
        raise PyinfraError(f"stream={stream} is none of {', '.join(known)}: {USAGE}")
    if verb not in VERBS:
        raise PyinfraError(f"do={verb} is none of {', '.join(VERBS)}: {USAGE}")
    wanted: StreamName = next(name for name in get_args(StreamName) if name == stream)
    site.pauses = {wanted: VERBS[verb]}
    return wanted


@deploy("Pause")
def pause(site: Site, stream: StreamName) -> None:
    """Make of the stream what was asked, where the host has it."""
    if stream not in site.host.streams:
        return
    was_stopped = found(site.state(), stream) == "stop"
    converge(site, part(stream))
    retry(
        name=f"Deliver what {stream} has put off",
        site=site,
        stream=stream,
        was_stopped=was_stopped,
    )


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
