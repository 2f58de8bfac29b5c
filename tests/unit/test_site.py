"""How often a run asks a host what it is like."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, cast

import pytest
from pyinfra.api.host import Host as PyinfraHost
from pyinfra.api.state import StateStage

from postroad.host.component import Component
from postroad.host.found import FileState, HostState
from postroad.host.question import Question
from postroad.mail.parts import clock, identity, stream
from postroad.mail.parts.part import Builder, Rows
from postroad.roles.run import made, streams
from postroad.roles.run import site as module
from postroad.roles.run.facts.host import State
from postroad.roles.run.site import Site
from tests.unit import estates
from tests.unit.declarations import declaration
from tests.unit.machine import bare

T = TypeVar("T")

ESTATE = estates.estate(declaration())
BARE = bare(ESTATE, ESTATE.host("mail1"))
RENAMED = replace(BARE, hostname="renamed")
CLOUD = replace(
    BARE, files={"/etc/cloud/cloud.cfg.d": FileState("directory", "root", "root", 0o755)}
)


@dataclass
class Phase:
    is_executing: bool = False
    current_stage: StateStage = StateStage.Prepare


@dataclass
class AskedHost:
    """What a Site needs of pyinfra's host; it answers with one state after the other."""

    answers: list[HostState]
    name: str = "mail1"
    state: Phase = field(default_factory=Phase)


class AskedSite(Site):
    def ask(self, question: Question[T]) -> T:
        assert isinstance(question, State), "a stream without a key asks nothing of the world"
        return cast(T, cast(AskedHost, self.pyhost).answers.pop(0))


def site_of(host: AskedHost) -> Site:
    return AskedSite(cast(PyinfraHost, host), ESTATE, Path("/nowhere"))


def test_a_plan_that_is_carried_out_at_once_asks_once() -> None:
    host = AskedHost([BARE, RENAMED])
    site = site_of(host)
    planned = made.drift(site, clock.PART)
    host.state.is_executing = True
    assert made.drift(site, clock.PART) == planned
    assert host.answers == [RENAMED]


def test_a_plan_that_waited_is_made_anew_and_what_is_begun_is_seen_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE", -1.0)
    host = AskedHost([BARE, RENAMED])
    site = site_of(host)
    assert site.state() is BARE
    assert site.state() is BARE
    host.state.is_executing = True
    assert site.state() is RENAMED
    assert site.state() is RENAMED


def test_after_a_change_everything_known_is_asked_and_built_anew() -> None:
    host = AskedHost([BARE, CLOUD])
    site = site_of(host)
    before = made.component(site, identity.PART).paths
    assert streams.closed_because(site, "transactional") == "it has no DKIM key yet"
    site.forget()
    assert site.state() is CLOUD
    assert set(made.component(site, identity.PART).paths) - set(before) == {
        "/etc/cloud/cloud.cfg.d/99-postroad.cfg",
        "/etc/systemd/system/cloud-.service.d/postroad.conf",
    }


def _listens(site: Site) -> bool:
    component = made.component(site, stream.part("transactional"))
    master = next(f for f in component.files if f.path.endswith("/master.cf"))
    return b"smtpd_tls_wrappermode=yes" in master.content


def test_a_plan_counts_on_the_certificate_that_its_run_asks_for() -> None:
    host = AskedHost([BARE])
    site = site_of(host)
    assert _listens(site)
    host.state.is_executing = True
    assert not _listens(site)


def test_an_audit_counts_on_no_certificate() -> None:
    host = AskedHost([BARE], state=Phase(current_stage=StateStage.Connect))
    assert not _listens(site_of(host))


def test_what_is_known_of_a_host_is_built_once() -> None:
    built = []

    def make(builder: Builder, rows: Rows) -> Component:
        built.append(builder)
        return clock.PART.make(builder, rows)

    part = replace(clock.PART, make=make)
    site = site_of(AskedHost([BARE, RENAMED]))
    assert made.drift(site, part) == made.drift(site, part) == made.drift(site, clock.PART)
    assert made.component(site, part) is made.component(site, part)
    assert len(built) == 1
    site.forget()
    made.drift(site, part)
    assert len(built) == 2


def test_components_are_those_that_roles_apply() -> None:
    site = site_of(AskedHost([BARE]))
    parts = made.components(site)
    assert made.component(site, clock.PART) in parts
    assert any(part is made.component(site, stream.part("marketing")) for part in parts)
