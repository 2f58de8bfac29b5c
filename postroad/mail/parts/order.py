"""The parts of a host in the order in which a run makes them true. Read backwards, it is how a host
leaves. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from postroad.host.component import Component
from postroad.mail.parts import (
    certificate,
    clock,
    earlier,
    firewall,
    identity,
    inbound,
    logs,
    null_client,
    packaging,
    resolv_conf,
    resolver,
    sink,
    stream,
    tools,
    trust,
    units,
)
from postroad.mail.parts.part import Builder, Part
from postroad.mail.parts.row import Row
from postroad.settings.model import STREAM_NAMES, Estate, Host

BEFORE_STREAMS: tuple[Part, ...] = (
    packaging.PART,
    identity.PART,
    clock.PART,
    tools.PART,
    resolver.PART,
    resolv_conf.PART,
    units.PART,
    logs.PART,
    trust.PART,
    certificate.PART,
    null_client.PART,
    sink.PART,
)
# A stream's signer is made before what it hands bounces in to; the firewall closes when all stands.
AFTER_STREAMS: tuple[Part, ...] = (inbound.PART, firewall.PART, earlier.PART)
#: Every part there is, those of streams as one for each that a host may carry.
PARTS: tuple[Part, ...] = (*BEFORE_STREAMS, *map(stream.part, STREAM_NAMES), *AFTER_STREAMS)


def parts(estate: Estate, host: Host) -> Iterator[Part]:
    """The parts of ``host``."""
    own = (*BEFORE_STREAMS, *map(stream.part, host.streams), *AFTER_STREAMS)
    return (part for part in own if part.is_on(estate, host))


def everything(builder: Builder) -> Iterator[Component]:
    """Every component of the builder's host."""
    return (builder.build(part) for part in parts(builder.estate, builder.host))


def rows(estate: Estate, host: Host) -> Iterator[Row]:
    """Every row that the estate wants on ``host``, whatever the host is like now."""
    for part in parts(estate, host):
        yield from part.wanted_by(estate)


def every_row() -> Iterator[Row]:
    """Every row that a host may have, whatever an estate wants: what it had wanted once, too."""
    for part in PARTS:
        yield from part.rows
