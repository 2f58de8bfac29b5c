"""The look before the first change: what is wrong with a host is told while it is as it was."""

from __future__ import annotations

from pyinfra.api.exceptions import PyinfraError

from postroad.closing import closings
from postroad.facts.outward import Port25Open
from postroad.foreign import files
from postroad.paths import BEFORE
from postroad.preflight import refusals, warnings
from postroad.site import Site, shape
from postroad.terminal import inform, line, warn


def preflight(site: Site) -> None:
    """Refuse a host that would be spoilt or could not be finished; warn where mail can wait.

    Raises PyinfraError with every reason at once.
    """
    state = site.state()
    parts = tuple(shape(site.estate, site.host).everything())
    found = refusals(site.estate, site.host, state, site.clock_ahead, parts)
    reasons = list(map(line, found))
    if reasons:
        listed = "\n".join(f"  - {reason}" for reason in reasons)
        raise PyinfraError(f"{site.host.name} is left as it is:\n{listed}")
    if "postfix" not in state.packages:
        inform(
            f"{site.host.name} is bare: files are named here, their text is settled once the "
            "packages are there and postroad knows what they can do"
        )
    for sentence in warnings(state):
        warn(f"{site.host.name}: {sentence}")
    for sentence in closings(site):
        warn(sentence)
    _name_what_is_kept(site)
    probe = site.estate.port25_probe
    # Asked once, before the first deploy: it costs five seconds where the answer is no.
    if probe is not None and "postfix" not in state.packages and not site.ask(Port25Open(probe)):
        warn(
            f"{site.host.name}: port 25 of {probe} cannot be reached, so mail will wait in the "
            "queue: ask the hoster to open port 25 outward, or send by a relay"
        )


def _name_what_is_kept(site: Site) -> None:
    parts = site.components()
    if all(part.name in site.state().adopted for part in parts):
        return
    paths = ", ".join(files.replaced(parts, site.state()))
    if paths:
        inform(
            f"{site.host.name}: files of others are replaced, and kept as they were below {BEFORE}:"
            f" {paths}"
        )
