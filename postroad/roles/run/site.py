"""One host during one run: the estate, its place in it, and what it is like now.

The edge between the pure rooms and pyinfra. The host's state is read before anything changes; an
operation of ours that changed something forgets it, and the next one reads it anew. That is what
makes a run without changes one question long.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from weakref import WeakKeyDictionary, WeakSet

from pyinfra.api.host import Host as PyinfraHost
from pyinfra.api.state import State as PyinfraState
from pyinfra.api.state import StateStage

from postroad.dns.dkim import LiveKey
from postroad.dns.needs import Need, as_line, need_of_key, needs, needs_json
from postroad.dns.tlsa import LiveCertificate
from postroad.host import ground
from postroad.host.component import Component
from postroad.host.drift import Drift, drift
from postroad.host.found import HostState, Questions, blank
from postroad.host.parents import above
from postroad.host.paths import (
    ADOPTED,
    CONFIG,
    MAILBOX_USER,
    STAMPS,
    opened_path,
    paths_for,
    pause_path,
)
from postroad.host.question import Question
from postroad.mail.before import firewall as foreign_firewall
from postroad.mail.before import keys as foreign_keys
from postroad.mail.leaving.streams import absent_instances
from postroad.mail.parts.context import Build, Builder
from postroad.mail.parts.manifest import rows
from postroad.mail.pause import Pause, because
from postroad.mail.pause import found as paused_on
from postroad.mail.preflight import not_root, refusals
from postroad.mail.render import POSTFIX_PARAMETERS, Renderer, facts_from
from postroad.mail.return_paths import Marks
from postroad.mail.signing.keys import former_keys, published_keys, signing_keys, withdrawn_keys
from postroad.mail.software import packages
from postroad.mail.standing import UNVERIFIED, Standing, Wanted, lone, remembered, standing, unasked
from postroad.roles.run.ask import UnansweredError, ask
from postroad.roles.run.facts.host import State
from postroad.roles.run.facts.world import WorldSees
from postroad.roles.run.left_out import RefusedError
from postroad.settings.model import STREAM_NAMES, AcmeTls, Estate, Host, SecretRef, StreamName
from postroad.settings.secrets import resolve
from postroad.settings.terminal import inform, line

T = TypeVar("T")

# Asked about on every release; which of them a release has is part of the answer.
PACKAGED_UNITS = ("postfix.service", "postfix@-.service")

# How many seconds a plan may wait for its operator's yes. A later yes reads the host anew, because
# the plan was made of what it was like before.
PATIENCE = 60.0


@dataclass
class _Made:
    """What a builder has built, and what was found of it: each once, a run asks several times."""

    builder: Builder
    components: dict[Build, Component] = field(default_factory=dict)
    drifts: dict[Build, tuple[Drift, ...]] = field(default_factory=dict)

    def component(self, build: Build) -> Component:
        if build not in self.components:
            self.components[build] = build(self.builder)
        return self.components[build]

    def drift(self, build: Build) -> tuple[Drift, ...]:
        if build not in self.drifts:
            self.drifts[build] = drift(self.component(build), self.builder.state)
        return self.drifts[build]


@dataclass
class _Reading:
    """What was read of a host at one time, and what was made of it since."""

    state: HostState
    while_executing: bool
    at: float
    standings: dict[StreamName, Standing] = field(default_factory=dict)
    made: dict[bool, _Made] = field(default_factory=dict)

    def is_outdated(self, executing: bool) -> bool:
        """Whether the plan was made too long ago to begin with. What is begun is seen through."""
        planned = executing and not self.while_executing
        return planned and time.monotonic() - self.at > PATIENCE


@dataclass
class Site:
    """The host that a run is about.

    ``base`` is the folder that the operator's paths start from. ``clock_ahead`` is how many seconds
    the host's clock was ahead of ours when its state was last read (a round trip is part of it).
    ``pauses`` are what this run is to make of streams; all others stay as they are.
    ``marks_at_first`` is what the host knew of return paths when it was first read: what other
    hosts learn from it must not depend on what the run has done there meanwhile.
    """

    pyhost: PyinfraHost
    estate: Estate
    base: Path
    clock_ahead: float = 0.0
    pauses: Mapping[StreamName, Pause] = field(default_factory=dict)
    marks_at_first: Marks | None = field(default=None, repr=False)
    _reading: _Reading | None = field(default=None, repr=False)

    @property
    def host(self) -> Host:
        return self.estate.host(self.pyhost.name)

    def ask(self, question: Question[T]) -> T:
        """The host's answer. UnansweredError, which is a PyinfraError, where there is none."""
        return ask(self.pyhost, question)

    def state(self) -> HostState:
        """The host as it is: read once, and anew after each change of ours."""
        return self._known().state

    def forget(self) -> None:
        """The host was changed: what is known of it is out of date."""
        self._reading = None

    def refuse(self, more: Iterable[str] = ()) -> None:
        """RefusedError with every reason at once where the host must not be touched as it is.

        ``more`` are reasons besides those that the host's own state gives.
        """
        parts = tuple(shape(self.estate, self.host).everything())
        state = self.state()
        own = refusals(self.estate, self.host, state, self.clock_ahead, parts, self.components())
        if listed := "\n".join(f"  - {line(reason)}" for reason in (*own, *more)):
            raise RefusedError(f"{self.host.name} is left as it is:\n{listed}")

    def component(self, build: Build) -> Component:
        """One component as it must be now."""
        return self._made().component(build)

    def components(self) -> tuple[Component, ...]:
        """Every component as it must be now, in the order in which a run makes them true."""
        made = self._made()
        return tuple(map(made.component, made.builder.builds()))

    def drift(self, build: Build) -> tuple[Drift, ...]:
        """What of one component is not as it must be."""
        return self._made().drift(build)

    def closed_because(self, stream: StreamName) -> str:
        """Why ``stream`` may not take mail on this host yet; empty when it may."""
        return because(self.pause_of(stream)) or self.standing(stream).closed

    def standing(self, stream: StreamName) -> Standing:
        """What ``stream`` may do on this host, by what the world can verify of it.

        Of a paused one it is what is remembered: nobody looks meanwhile, and it goes on as it was.
        """
        known = self._known()
        if stream not in known.standings:
            known.standings[stream] = self._standing(stream)
        return known.standings[stream]

    def closes(self, stream: StreamName) -> str:
        """Why the run closes ``stream``, which takes mail now; empty where it does not."""
        # A lone box waits for nobody: what it lacks, the run makes.
        if self.estate.lone or self.pause_of(stream) or not self._takes_mail(stream):
            return ""
        return self.standing(stream).closed

    def drops(self, stream: StreamName) -> tuple[str, ...]:
        """The From: domains whose mail ``stream`` takes now, and that are not declared any more."""
        declared = self.estate.stream(stream).from_domains
        signed = dict.fromkeys(key.domain for key in self._verified_keys(stream))
        gone = tuple(domain for domain in signed if domain not in declared)
        return gone if self._takes_mail(stream) else ()

    def _takes_mail(self, stream: StreamName) -> bool:
        """Whether the host takes mail for ``stream`` as it is now."""
        return opened_path(stream) in self.state().files and not paused_on(self.state(), stream)

    def pause_of(self, stream: StreamName) -> Pause:
        """How the operator has paused ``stream``, or does so in this run; empty where it runs."""
        found = paused_on(self.state(), stream)
        return self.pauses.get(stream, found)

    def live_keys(self) -> tuple[LiveKey, ...]:
        """The DKIM keys that this host signs with."""
        signing = signing_keys(self.estate, self.host, self.state().keys)
        return tuple(
            LiveKey(self.host.name, stream, key.domain, key.selector, key.public_key)
            for stream in self.host.streams
            for key in signing
            if key.stream == stream
        )

    def _verified_keys(self, stream: StreamName) -> tuple[LiveKey, ...]:
        known = self.state().opened.get(stream, ())
        there = self._keys_there(stream)
        return tuple(key for key in there if as_line(need_of_key(key)) in known)

    def published_keys(self) -> tuple[LiveKey, ...]:
        """The DKIM keys of this host that belong in the DNS: also those that do not sign (yet, or
        any more)."""
        found = self.state().keys
        published = (
            *published_keys(self.estate, self.host, found),
            *former_keys(self.estate, self.host, found),
        )
        return tuple(
            LiveKey(
                self.host.name,
                stream,
                key.domain,
                key.selector,
                "" if key.life.revoked else key.public_key,
                revoked=key.life.revoked is not None,
            )
            for stream in STREAM_NAMES
            for key in published
            if key.stream == stream
        )

    def withdrawn_keys(self) -> tuple[LiveKey, ...]:
        """The DKIM keys of this host whose records are to be removed from the DNS."""
        return tuple(
            LiveKey(self.host.name, stream, key.domain, key.selector, "", revoked=True)
            for stream in self.host.streams
            for key in withdrawn_keys(self.estate, self.host, self.state().keys)
            if key.stream == stream
        )

    def live_certificate(self) -> LiveCertificate | None:
        """The certificate that this host serves; None while it has none."""
        found = self.state().certificate
        if found is None or not found.spki_sha256:
            return None
        return LiveCertificate(self.host.name, found.spki_sha256)

    def secret(self, ref: SecretRef) -> str:
        """A secret's value, read from where the operator keeps it."""
        return resolve(ref, self.base).unmask()

    def unreadable(self, path: str) -> str:
        """Why a file that the operator named cannot be read; empty where it can."""
        try:
            self.operator_file(path)
        except (OSError, UnicodeDecodeError) as error:
            return str(error.strerror) if isinstance(error, OSError) else "it is not text"
        return ""

    def operator_file(self, path: str) -> str:
        """The text of a file that the operator named; relative to the inventory's folder."""
        return (self.base / path).expanduser().read_text(encoding="utf-8")

    def _known(self) -> _Reading:
        executing = self.pyhost.state.is_executing
        if self._reading is None or self._reading.is_outdated(executing):
            state = self.ask(State(self._questions()))
            if reason := not_root(state):
                raise UnansweredError(self.host.name, reason)
            self.clock_ahead = state.clock - time.time()
            if self.marks_at_first is None:
                self.marks_at_first = state.return_paths
            self._reading = _Reading(state, executing, time.monotonic())
        return self._reading

    def _wanted(self, stream: StreamName) -> Wanted:
        declared = self.estate.stream(stream)
        found = needs(self.estate, self.host, declared, self.live_keys())
        return Wanted(declared, self.host.way_out(stream), found, self._keys_there(stream))

    def _keys_there(self, stream: StreamName) -> tuple[LiveKey, ...]:
        """Every key that could sign for ``stream``, whoever is to; the last has signed last."""
        there = [
            key
            for key in self.state().keys
            if key.stream == stream and key.public_key and key.life.revoked is None
        ]
        there.sort(key=lambda key: (key.life.active or 0.0, key.selector))
        return tuple(
            LiveKey(self.host.name, stream, key.domain, key.selector, key.public_key)
            for key in there
        )

    def _standing(self, stream: StreamName) -> Standing:
        wanted = self._wanted(stream)
        if self.estate.lone:
            return lone(wanted)
        known = remembered(self.state().opened.get(stream, ()), wanted.needs)
        if self.pause_of(stream):
            return unasked(wanted, known)
        return standing(wanted, known, self._look)

    def _look(self, wanted: tuple[Need, ...]) -> Mapping[Need, str]:
        """Why the host's resolver cannot verify needs, by those that it cannot."""
        seen = self.ask(WorldSees(needs_json(wanted)))
        said = dict(zip(wanted, seen, strict=False))
        return {
            # An empty reason would read as an open stream.
            need: (_one_line(said[need].reason) if need in said else "") or UNVERIFIED
            for need in wanted
            if need not in said or said[need].verdict != "ok"
        }

    def _made(self) -> _Made:
        known = self._known()
        expected = self._expects_certificate()
        if expected not in known.made:
            known.made[expected] = _Made(self._made_builder(expected))
        return known.made[expected]

    def _expects_certificate(self) -> bool:
        """Whether the run that is being planned gets a certificate before it comes to the rest.

        Else the loss of a certificate would be named as that of every listener that reads it.
        """
        state = self.pyhost.state
        return (
            isinstance(self.estate.tls, AcmeTls)
            and not state.is_executing
            and state.current_stage == StateStage.Prepare
            and not facts_from(self.state(), self.host, {}).certificate
        )

    def _made_builder(self, certificate_expected: bool) -> Builder:
        closed: dict[str, str] = {s: self.closed_because(s) for s in self.host.streams}
        found = facts_from(self.state(), self.host, closed)
        facts = replace(
            found,
            certificate=found.certificate or certificate_expected,
            pauses={stream: self.pause_of(stream) for stream in self.host.streams},
            standings={stream: self.standing(stream) for stream in self.host.streams},
        )
        renderer = Renderer(self.operator_file, self.secret)
        return Builder(self.estate, self.host, self.state(), facts, renderer)

    def _questions(self) -> Questions:
        parts = tuple(shape(self.estate, self.host).everything())
        wanted = tuple(rows(self.estate, self.host))
        return Questions(
            paths=_each(
                *above(path for part in parts for path in part.paths),
                *(path for part in parts for path in part.paths),
                *(row.path for row in wanted),
                *(row.only_where for row in wanted if row.only_where),
                *(opened_path(stream) for stream in self.host.streams),
                *(pause_path(stream) for stream in self.host.streams),
                *foreign_keys.paths(self.estate, self.host),
            ),
            units=_each(
                *PACKAGED_UNITS,
                *foreign_firewall.UNITS,
                *(name for part in parts for name in part.unit_names),
            ),
            packages=packages(self.estate),
            users=(MAILBOX_USER,),
            postfix_parameters=POSTFIX_PARAMETERS,
            offered_keys=tuple(foreign_keys.paths(self.estate, self.host)),
            absent_instances=absent_instances(self.host),
            key_folder=CONFIG,
            certificate=paths_for(self.estate).certificate_chain,
            stamp_folder=STAMPS,
            ground=ground.probe(
                _each(
                    *above(path for part in parts for path in part.paths),
                    *(path for part in parts for path in part.paths),
                ),
                packages(self.estate),
                adopted=ADOPTED,
                by_proxy=self.estate.apt_proxy is not None,
            ),
            certificate_key=paths_for(self.estate).certificate_key,
            sockets=_each(
                *(one.path for part in parts for unit in part.units for one in unit.sockets)
            ),
        )


class Sites:
    """The sites of a run, so that what concerns the whole estate is said once, for all of it.

    pyinfra executes a deploy file once for each host and has no place for what they share; here it
    hangs on the run itself and goes with it.
    """

    def __init__(self) -> None:
        self._by_run: WeakKeyDictionary[PyinfraState, dict[str, Site]] = WeakKeyDictionary()
        self._told: WeakSet[PyinfraState] = WeakSet()

    def add(self, site: Site) -> Site:
        """Remember ``site`` among those of its run."""
        self._by_run.setdefault(site.pyhost.state, {})[site.pyhost.name] = site
        return site

    def let_be(self, host: PyinfraHost, estate: Estate) -> None:
        """Say once for all hosts of the run which of them are not the estate's."""
        if host.state in self._told:
            return
        self._told.add(host.state)
        ours = {one.name for one in estate.hosts}
        outside = sorted(one.name for one in host.state.active_hosts if one.name not in ours)
        inform(f"{', '.join(outside)}: not the estate's, and let be")

    def estate(self, run: PyinfraState) -> Estate | None:
        """The estate of ``run``; None before its first site."""
        first = next(iter(self._by_run.get(run, {}).values()), None)
        return first.estate if first else None

    def beside(self, site: Site) -> tuple[Site, ...]:
        """The sites of the same run that are still being worked on, ``site`` among them."""
        active = {host.name for host in site.pyhost.state.active_hosts}
        return tuple(s for name, s in self._by_run[site.pyhost.state].items() if name in active)


def shape(estate: Estate, host: Host) -> Builder:
    """The components of ``host`` with nothing known of it: their paths and units are right."""
    state = blank()
    renderer = Renderer(lambda path: "", lambda ref: "")
    return Builder(estate, host, state, facts_from(state, host, {}), renderer)


def _each(*values: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _one_line(text: str) -> str:
    """A reason that fits an SMTP reply (RFC 5321 4.5.3.1.5) and a Postfix table in braces."""
    plain = "".join(
        c for c in " ".join(text.split()) if c.isascii() and c.isprintable() and c not in "{}$\\"
    )
    return plain[:300]
