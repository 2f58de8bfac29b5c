"""What each stream of a run's host may do: what its operator wants, and what the world verifies."""

from __future__ import annotations

from collections.abc import Mapping

from postroad.dns.needs import Need, needs, needs_json
from postroad.host.paths import opened_path
from postroad.mail.pause import Pause, because, found
from postroad.mail.signing.live import keys_there, live_keys, verified_keys
from postroad.mail.standing import (
    LATCHES,
    UNVERIFIED,
    Standing,
    Wanted,
    lone,
    remembered,
    unasked,
)
from postroad.mail.standing import standing as standing_of
from postroad.roles.run.facts.world import WorldSees
from postroad.roles.run.site import Site
from postroad.settings.model import StreamName


def closed_because(site: Site, stream: StreamName) -> str:
    """Why ``stream`` may not take mail on this host yet; empty when it may."""
    return because(pause_of(site, stream)) or standing(site, stream).closed


def standing(site: Site, stream: StreamName) -> Standing:
    """What ``stream`` may do on this host, by what the world can verify of it.

    Of a paused one it is what is remembered: nobody looks meanwhile, and it goes on as it was.
    """
    return site.once(("standing", stream), lambda: _standing(site, stream))


def closes(site: Site, stream: StreamName) -> str:
    """Why the run closes ``stream``, which takes mail now; empty where it does not."""
    # A lone box waits for nobody: what it lacks, the run makes.
    if site.estate.lone or pause_of(site, stream) or not takes_mail(site, stream):
        return ""
    return standing(site, stream).closed


def drops(site: Site, stream: StreamName) -> tuple[str, ...]:
    """The From: domains whose mail ``stream`` takes now, and that are not declared any more."""
    declared = site.estate.stream(stream).from_domains
    verified = verified_keys(site.host, site.state(), stream)
    gone = tuple(d for d in dict.fromkeys(key.domain for key in verified) if d not in declared)
    return gone if takes_mail(site, stream) else ()


def pause_of(site: Site, stream: StreamName) -> Pause:
    """How the operator has paused ``stream``, or does so in this run; empty where it runs."""
    return site.pauses.get(stream, found(site.state(), stream))


def takes_mail(site: Site, stream: StreamName) -> bool:
    """Whether the host takes mail for ``stream`` as it is now."""
    state = site.state()
    return opened_path(stream) in state.files and not found(state, stream)


def _standing(site: Site, stream: StreamName) -> Standing:
    wanted = _wanted(site, stream)
    if site.estate.lone:
        return lone(wanted)
    known = remembered(site.state()[LATCHES].get(stream, ()), wanted.needs)
    if pause_of(site, stream):
        return unasked(wanted, known)
    return standing_of(wanted, known, lambda needs: _look(site, needs))


def _wanted(site: Site, stream: StreamName) -> Wanted:
    estate, host, state = site.estate, site.host, site.state()
    declared = estate.stream(stream)
    wanted = needs(estate, host, declared, live_keys(estate, host, state))
    return Wanted(declared, host.way_out(stream), wanted, keys_there(host, state, stream))


def _look(site: Site, wanted: tuple[Need, ...]) -> Mapping[Need, str]:
    """Why the host's resolver cannot verify needs, by those that it cannot."""
    seen = site.ask(WorldSees(needs_json(wanted)))
    said = dict(zip(wanted, seen, strict=False))
    return {
        # An empty reason would read as an open stream.
        need: (_one_line(said[need].reason) if need in said else "") or UNVERIFIED
        for need in wanted
        if need not in said or said[need].verdict != "ok"
    }


def _one_line(text: str) -> str:
    """A reason that fits an SMTP reply (RFC 5321 4.5.3.1.5) and a Postfix table in braces."""
    plain = "".join(
        c for c in " ".join(text.split()) if c.isascii() and c.isprintable() and c not in "{}$\\"
    )
    return plain[:300]
