"""The edge: asks every host of an audit at once, each over one connection of pyinfra's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import gevent  # type: ignore[import-untyped]

from postroad.audit import asking
from postroad.audit import questions as own_questions
from postroad.audit.audited import Audited, Expectation
from postroad.audit.evidence import partly
from postroad.dns.needs import Need, needs_json
from postroad.host.found import STEADY, HostState
from postroad.host.question import Question
from postroad.mail.certificate import CERTIFICATE
from postroad.roles.run import made, names, streams
from postroad.roles.run.ask import UnansweredError, ask_all
from postroad.roles.run.facts.world import Seen, WorldSees
from postroad.roles.run.inventory import Loaded
from postroad.roles.run.live import of_each
from postroad.roles.run.site import Site
from postroad.settings.model import StreamName
from postroad.settings.secrets import SecretError


def sites_of(loaded: Loaded, names: Iterable[str]) -> dict[str, Site]:
    """The sites of the hosts called so; none of them is asked anything yet."""
    found = {name: loaded.inventory.get_host(name) for name in names}
    return {name: Site(host, loaded.estate, loaded.base) for name, host in found.items()}


def gather(
    sites: Mapping[str, Site], run: Callable[[str], str]
) -> dict[str, Audited | UnansweredError]:
    """What each host is like; ``run`` gives the command that converges one of them.

    A site has read its host's state then.
    """
    names = list(sites)
    answers = of_each(list(sites.values()), lambda site: _audited(site, run(site.pyhost.name)))
    return dict(zip(names, answers, strict=True))


def _audited(site: Site, run: str) -> Audited:
    estate, own = site.estate, site.host
    try:
        state, components = steady(site), made.components(site)
        closed: dict[str, str] = {
            stream: streams.closed_because(site, stream) for stream in own.streams
        }
        standings = {stream: streams.standing(site, stream) for stream in own.streams}
    # What the operator keeps elsewhere and cannot be read now: of this host nothing can be judged.
    except SecretError as error:
        raise UnansweredError(site.pyhost.name, f"cannot be audited: {error}") from None
    probes = asking.probes(estate, own, components)
    if estate.lone:
        probes = asking.without_dns(probes, names.live_keys(site))
    wanted = [] if estate.lone else list(_needs(site))
    questions: dict[str, Question[Any]] = {
        "system": own_questions.system(asking.system(estate, own)),
        "instances": own_questions.instances(asking.postfix(estate, own)),
        "signed": own_questions.signed(probes),
        "smtp": own_questions.smtp(asking.smtp(estate, own, state[CERTIFICATE] is not None)),
        "expectations": WorldSees(needs_json(need for _, need in wanted)),
    }
    if not wanted:
        del questions["expectations"]
    said = {"expectations": [], **ask_all(site.pyhost, questions)}
    why = {name: one.reason for name, one in said.items() if isinstance(one, UnansweredError)}
    known = {name: one for name, one in said.items() if name not in why}
    if "expectations" in known:
        known["expectations"] = tuple(_expected(wanted, known["expectations"]))
    of_state = {
        "estate": estate,
        "host": own,
        "run": run,
        "components": components,
        "closed": closed,
        "standings": standings,
        "state": state,
        "clock_ahead": site.clock_ahead,
    }
    return partly(Audited, {**of_state, **known}, why)


def steady(site: Site) -> HostState:
    """The host's state; where a unit has only just come back, it is seen whether it stays."""
    state = site.state()
    if any(unit.is_back for unit in state.units.values()):
        gevent.sleep(STEADY)
        site.forget()
        state = site.state()
    return state


def _expected(wanted: Iterable[tuple[StreamName, Need]], seen: list[Seen]) -> Iterable[Expectation]:
    # A host where nobody can look yet says so once, whatever it is asked.
    for number, (stream, need) in enumerate(wanted):
        verdict = seen[number] if number < len(seen) else Seen("unknown", "nobody has looked yet")
        yield Expectation(stream, verdict.verdict, verdict.reason, need.publish)


def _needs(site: Site) -> Iterable[tuple[StreamName, Need]]:
    """What the mail of each stream needs as it leaves."""
    for stream in site.host.streams:
        yield from ((stream, need) for need in streams.standing(site, stream).used)
