"""What the components of a run's host must be now, and what of them is not so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pyinfra.api.state import StateStage

from postroad.host.component import Component
from postroad.host.drift import Drift
from postroad.host.drift import drift as drift_of
from postroad.mail.parts.order import everything, parts
from postroad.mail.parts.part import Builder, Part
from postroad.mail.preflight import refusals
from postroad.mail.questions import shape
from postroad.mail.render import Renderer, facts_from
from postroad.roles.run import streams
from postroad.roles.run.left_out import RefusedError
from postroad.roles.run.site import Site
from postroad.settings.model import AcmeTls
from postroad.settings.terminal import line


def component(site: Site, part: Part) -> Component:
    """The component of one part as it must be now."""
    expected = _expects_certificate(site)
    return site.once(("component", part, expected), lambda: _builder(site, expected).build(part))


def components(site: Site) -> tuple[Component, ...]:
    """Every component as it must be now, in the order in which a run makes them true."""
    return tuple(component(site, part) for part in parts(site.estate, site.host))


def drift(site: Site, part: Part) -> tuple[Drift, ...]:
    """What of one part is not as it must be."""
    expected = _expects_certificate(site)
    return site.once(
        ("drift", part, expected), lambda: drift_of(component(site, part), site.state())
    )


def refuse(site: Site, more: Iterable[str] = ()) -> None:
    """RefusedError with every reason at once where the host must not be touched as it is.

    ``more`` are reasons besides those that the host's own state gives.
    """
    shapes = tuple(everything(shape(site.estate, site.host)))
    state = site.state()
    own = refusals(site.estate, site.host, state, site.clock_ahead, shapes, components(site))
    if listed := "\n".join(f"  - {line(reason)}" for reason in (*own, *more)):
        raise RefusedError(f"{site.host.name} is left as it is:\n{listed}")


def _expects_certificate(site: Site) -> bool:
    """Whether the run that is being planned gets a certificate before it comes to the rest.

    Else the loss of a certificate would be named as that of every listener that reads it.
    """
    run = site.pyhost.state
    return (
        isinstance(site.estate.tls, AcmeTls)
        and not run.is_executing
        and run.current_stage == StateStage.Prepare
        and not facts_from(site.state(), site.host, {}).certificate
    )


def _builder(site: Site, certificate_expected: bool) -> Builder:
    return site.once(("builder", certificate_expected), lambda: _built(site, certificate_expected))


def _built(site: Site, certificate_expected: bool) -> Builder:
    own = site.host.streams
    closed: dict[str, str] = {stream: streams.closed_because(site, stream) for stream in own}
    found = facts_from(site.state(), site.host, closed)
    facts = replace(
        found,
        certificate=found.certificate or certificate_expected,
        pauses={stream: streams.pause_of(site, stream) for stream in own},
        standings={stream: streams.standing(site, stream) for stream in own},
    )
    renderer = Renderer(site.operator_file, site.secret)
    return Builder(site.estate, site.host, site.state(), facts, renderer)
