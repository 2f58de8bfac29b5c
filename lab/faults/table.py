"""Every fault by its name, each for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from lab.faults.clients import HOSTILE, hostile
from lab.faults.daemons import DAEMONS, frozen, killed, slow, stopped
from lab.faults.hosts import STREAMS, expired_certificate, full, powered_off
from lab.faults.network import lying_names, unplugged
from lab.faults.receivers import answering, dropping, hanging, silent_after_the_message, tarpits
from lab.life.session import Lab

Fault = Callable[[Lab], AbstractContextManager[None]]


def none(lab: Lab) -> AbstractContextManager[None]:
    """Nothing goes wrong."""
    return nullcontext()


FAULTS: Mapping[str, Fault] = {
    "none": none,
    **{f"kill -9 {program}": partial(killed, program) for program in DAEMONS},
    **{f"kill -STOP {program}": partial(frozen, program) for program in ("opendkim", "unbound")},
    **{f"{program} is slow": partial(slow, program) for program in ("opendkim", "unbound")},
    "resolver lied to": lying_names,
    "resolver dead": partial(stopped, "unbound.service"),
    "power off": powered_off,
    **{
        f"no {what}, {stream}": partial(full, stream, what)
        for what in ("blocks", "inodes")
        for stream in STREAMS
    },
    "certificate over": expired_certificate,
    "network cut": unplugged,
    "receivers hang": hanging,
    "receivers are tarpits": tarpits,
    "receivers drop connections": dropping,
    "receivers' last replies are lost": silent_after_the_message,
    "receivers answer 4xx": partial(answering, "450 4.7.1 Not now"),
    "receivers answer 5xx": partial(answering, "550 5.7.1 Not at all"),
    **{f"hostile clients: {kind}": partial(hostile, kind) for kind in HOSTILE},
}
