"""The edge: asks every host of an audit at once, each over one connection of pyinfra's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.context import ctx_host, ctx_state
from testinfra.host import Host as TestinfraHost

from postroad.audit import asking, evidence
from postroad.audit.audited import Audited, Expectation
from postroad.dns.needs import MissingKeyError, Need, needs, needs_json
from postroad.facts.world import WorldSees
from postroad.inventory import Loaded
from postroad.secrets import SecretError
from postroad.settings.model import StreamName
from postroad.site import Site
from postroad.state import STEADY, HostState

QUESTIONS = Path(__file__).parent / "questions"


class SilentError(RuntimeError):
    """A host could not be asked; the message says why, and what to do."""


def sites_of(loaded: Loaded, names: Iterable[str]) -> dict[str, Site]:
    """The sites of the hosts called so; none of them is asked anything yet."""
    found = {name: loaded.inventory.get_host(name) for name in names}
    return {name: Site(host, loaded.estate, loaded.base) for name, host in found.items()}


def gather(
    loaded: Loaded,
    sites: Mapping[str, Site],
    hosts: Mapping[str, TestinfraHost],
    run: Callable[[str], str],
) -> dict[str, Audited | SilentError]:
    """What each of ``hosts`` is like; ``run`` gives the command that converges one of them.

    Its site, which has the same name, has read its state then.
    """
    with ctx_state.use(loaded.state):
        asked = {name: gevent.spawn(_ask, sites[name], h, run(name)) for name, h in hosts.items()}
        gevent.joinall(list(asked.values()))
    return {name: greenlet.get() for name, greenlet in asked.items()}


def _ask(site: Site, host: TestinfraHost, run: str) -> Audited | SilentError:
    pyhost = site.pyhost
    try:
        with ctx_host.use(pyhost):
            pyhost.connect(show_errors=False, raise_exceptions=True)
            return _audited(site, host, run)
    except ConnectError as error:
        return SilentError(
            f"{pyhost.name} does not let the audit in ({error}): check its address, the key and "
            "the known_hosts file of the inventory, and whether the host is up"
        )
    except (PyinfraError, SecretError, OSError) as error:
        return SilentError(f"{pyhost.name} cannot be audited: {error}")


def _audited(site: Site, host: TestinfraHost, run: str) -> Audited:
    estate, own = site.estate, site.host
    state = _steady(site)
    closed: dict[str, str] = {stream: site.closed_because(stream) for stream in own.streams}
    components = site.components()
    probes = asking.probes(estate, own, components)
    if estate.lone:
        probes = asking.without_dns(probes, site.live_keys())
    # The rest is asked side by side, over channels of the one connection.
    answers = {
        "system": _spawn(host, "system", asking.system(estate, own)),
        "postfix": _spawn(host, "postfix", asking.postfix(estate, own)),
        "signing": _spawn(host, "signing", probes),
        "smtp": _spawn(host, "submission", asking.smtp(estate, own, state.certificate is not None)),
        "world": gevent.spawn(_within(site, _expectations)),
    }
    gevent.joinall(list(answers.values()))
    said = {name: answer.get() for name, answer in answers.items()}
    return Audited(
        estate=estate,
        host=own,
        run=run,
        components=components,
        closed=closed,
        state=state,
        clock_ahead=site.clock_ahead,
        expectations=said["world"],
        system=evidence.system(said["system"]),
        instances=evidence.instances(said["postfix"]),
        signed=evidence.signed(said["signing"]),
        smtp=evidence.smtp(said["smtp"]),
    )


def _steady(site: Site) -> HostState:
    """The host's state; where a unit has only just come back, it is seen whether it stays."""
    state = site.state()
    if any(unit.is_back for unit in state.units.values()):
        gevent.sleep(STEADY)
        site.forget()
        state = site.state()
    return state


def _spawn(host: TestinfraHost, question: str, ask: Any) -> Any:
    return gevent.spawn(_answer, host, question, ask)


def _answer(host: TestinfraHost, question: str, ask: Any) -> Any:
    script = (QUESTIONS / f"{question}.py").read_text(encoding="utf-8")
    said = host.run("python3 - %s", json.dumps(ask), stdin=script)
    try:
        return json.loads(said.stdout)
    except ValueError:
        last = (said.stderr.strip() or said.stdout.strip() or "nothing").splitlines()[-1]
        raise PyinfraError(
            f"its answer about {question} cannot be read, it says: {last}; a host that was never "
            "deployed lacks what the audit asks with: run the deploy first"
        ) from None


def _within(site: Site, ask: Callable[[Site], Any]) -> Callable[[], Any]:
    def asked() -> Any:
        with ctx_state.use(site.pyhost.state), ctx_host.use(site.pyhost):
            return ask(site)

    return asked


def _expectations(site: Site) -> tuple[Expectation, ...]:
    wanted = [] if site.estate.lone else list(_needs(site))
    if not wanted:
        return ()
    seen = site.pyhost.get_fact(WorldSees, needs=needs_json(need for _, need in wanted))
    return tuple(
        Expectation(stream, verdict.verdict, verdict.reason, need.publish)
        for (stream, need), verdict in zip(wanted, seen, strict=True)
    )


def _needs(site: Site) -> Iterable[tuple[StreamName, Need]]:
    for stream, _ in site.estate.streams_of(site.host):
        try:
            found = needs(site.estate, site.host, stream, site.live_keys())
        except MissingKeyError:
            continue  # The check of the keys says so.
        yield from ((stream.name, need) for need in found)
