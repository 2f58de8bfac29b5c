"""One host's trouble is no other's: the others go on, it is named first and last, and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.unit.states import altered
from tests.unit.strange_host import StrangeHost, pyhosts  # First: see there.

import gevent  # type: ignore[import-untyped]  # isort: skip
import pytest
from pyinfra.api.connect import connect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.state import State

from postroad.dns.missing import not_asked
from postroad.mail.firewall.read import FirewallState, parse_connection
from postroad.roles.run import keepalive
from postroad.roles.run.ask import UnansweredError, ask
from postroad.roles.run.left_out import connected_all, of
from tests.unit import estates, runs
from tests.unit.declarations import declaration, two_hosts
from tests.unit.machine import Machine
from tests.unit.runs import Runner
from tests.unit.test_ask import Says

BOTH = two_hosts()
ELSEWHERE = FirewallState(connection=parse_connection("203.0.113.9 50000 192.0.2.11 22"))


@dataclass
class Mute(Machine):
    """A host that answers so many questions, and then says this to each."""

    answers: int = 0
    says: str = ""

    def _answers(self, stdin: str) -> Iterator[str]:
        if len(self.asked) >= self.answers:
            return iter([self.says])
        return super()._answers(stdin)


@dataclass
class HangsUp(Machine):
    """A host whose connection ends in the middle of what is done there."""

    def _do(self, command: str, stdin: str) -> str:
        if len(self.happened) == 3:
            raise EOFError
        return super()._do(command, stdin)


@dataclass
class Turns(Machine):
    """A host that says nothing any more once something was done there."""

    def _answers(self, stdin: str) -> Iterator[str]:
        return iter([""]) if self.happened else super()._answers(stdin)


def unfit(**changed: Any) -> Machine:
    mail2 = Machine(BOTH, "mail2")
    mail2.state = altered(mail2.state, **changed)
    return mail2


REFUSED: dict[str, tuple[Callable[[], Machine], str]] = {
    "an old release": (lambda: unfit(release="11"), "mail2 is left as it is:\n  - it runs debian"),
    "not root": (lambda: unfit(uid=1000), "mail2: the connection is not root's"),
    "a clock that is off": (lambda: Machine(BOTH, "mail2", clock_ahead=9000), "its clock is 9"),
    "silence": (lambda: Mute(BOTH, "mail2"), "mail2: its state: it does not do what it is asked"),
    "noise": (lambda: Mute(BOTH, "mail2", says="hello"), "it says: hello"),
}


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setenv(estates.SECRET_VARIABLE, estates.SECRET)
    return runs.runner(tmp_path, monkeypatch)


def ended(done: runs.Run) -> None:
    """What pyinfra does at the end of each run."""
    for host in done.state.activated_hosts:
        host.disconnect()


@pytest.mark.parametrize("options", [{}, {"check_for_changes": False}], ids=["asked", "-y"])
@pytest.mark.parametrize(("odd", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_the_others_go_on_and_it_is_named_first_and_last(
    odd: Callable[[], Machine],
    words: str,
    options: dict[str, Any],
    runner: Runner,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mail1, mail2 = Machine(BOTH, "mail1"), odd()
    runner.has(mail1, mail2)
    planned = runner.plan(BOTH, **options)
    assert planned.failed == {"mail2"}, "the exit status is 1"
    assert words in caplog.text
    assert planned.plan["mail2"] == [], "no plan says that anything is done there"
    caplog.clear()
    done = runner.run(BOTH, **options)
    assert done.failed == {"mail2"}
    assert "ufw --force enable" in mail1.happened
    assert mail2.sent == []
    ended(done)
    last = caplog.records[-1].getMessage()
    assert last.startswith("Not done on mail2; the exit status is 1:\n")
    assert words in last


def test_a_firewall_that_would_shut_out_the_run_is_that_host_s_alone(runner: Runner) -> None:
    runner.has(Machine(BOTH, "mail1"), unfit(firewall=ELSEWHERE))
    planned = runner.plan(BOTH)
    assert planned.failed == {"mail2"}
    assert planned.plan["mail2"] == []
    assert len(planned.plan["mail1"]) > 15


@pytest.mark.parametrize("silent", [1, 2])
def test_a_host_that_goes_silent_while_a_run_is_planned(silent: int, runner: Runner) -> None:
    mail1, mail2 = Machine(BOTH, "mail1"), Machine(BOTH, "mail2")
    runner.has(mail1, mail2)
    assert not runner.run(BOTH).failed
    # From here on the world is asked as well: nothing says any more that a stream had opened.
    kept = {p: f for p, f in mail2.state.files.items() if "/opened/" not in p}
    state = altered(mail2.state, files=kept, opened={})
    gone = Mute(BOTH, "mail2", state=state, answers=silent)
    runner.has(mail1, gone)
    planned = runner.plan(BOTH)
    assert planned.failed == {"mail2"}
    assert planned.plan == {"mail1": [], "mail2": []}
    assert gone.asked == ["state", "world"][:silent]


@pytest.mark.parametrize("odd", [HangsUp, Turns])
def test_a_host_that_is_lost_in_the_middle(
    odd: type[Machine], runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    mail1, mail2 = Machine(BOTH, "mail1"), odd(BOTH, "mail2")
    runner.has(mail1, mail2)
    done = runner.run(BOTH)
    assert done.failed == {"mail2"}
    assert "ufw --force enable" in mail1.happened
    ended(done)
    assert caplog.records[-1].getMessage().startswith("Not done on mail2; ")
    assert "Traceback" not in caplog.text


@dataclass
class FallsSilent(Machine):
    """A host that answers to the end of the work, and not when last words are made up."""

    def _answers(self, stdin: str) -> Iterator[str]:
        done = "rollback disarmed" in self.happened
        return iter([""]) if done else super()._answers(stdin)


def test_whoever_speaks_for_all_is_not_blamed_for_another(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    unseen = "shop.example has no SPF record"
    runner.has(Machine(BOTH, "mail1", world=unseen), FallsSilent(BOTH, "mail2"))
    done = runner.run(BOTH)
    assert done.failed == {"mail2"}
    ended(done)
    assert "Not done on mail2; the exit status is 1:\nmail2: its state" in caplog.text
    assert "Incomplete: mail2 could not be asked" in caplog.text


def test_a_stream_is_paused_where_it_can_be(runner: Runner) -> None:
    mail1, mail2 = Machine(BOTH, "mail1"), Machine(BOTH, "mail2")
    runner.has(mail1, mail2)
    assert not runner.run(BOTH).failed
    mail1.happened.clear()
    mail2.state = replace(mail2.state, uid=1000)
    runner.deploy = runs.DEPLOY.with_name("pause.py")
    runner.data = {"stream": "marketing", "do": "drain"}
    done = runner.plan(BOTH)
    assert done.failed == {"mail2"}
    assert [name.partition(":")[0] for name in done.plan["mail1"]] == ["Pause | Stream marketing"]


def test_a_host_without_a_backup_is_left_out(runner: Runner, tmp_path: Path) -> None:
    runner.deploy = runs.DEPLOY.with_name("restore.py")
    runner.data = {"backups": str(tmp_path)}
    runner.has(Machine(BOTH, "mail1"), Machine(BOTH, "mail2"))
    with pytest.raises(PyinfraError) as told:
        runner.plan(BOTH)
    assert str(told.value).count("cannot be read: No such file") == 2


def test_a_rotation_needs_all_and_says_so(runner: Runner) -> None:
    runner.deploy = runs.DEPLOY.with_name("rotate_dkim.py")
    mail1 = Machine(BOTH, "mail1")
    for odd, _ in REFUSED.values():
        runner.has(mail1, odd())
        with pytest.raises(PyinfraError, match="nothing was rotated: run it for all hosts"):
            runner.run(BOTH)
        assert mail1.happened == []


def test_where_nobody_is_left_all_reasons_are_told(runner: Runner) -> None:
    mail1 = Machine(BOTH, "mail1")
    mail1.state = replace(mail1.state, release="10")
    runner.has(mail1, unfit(release="11"))
    with pytest.raises(PyinfraError) as told:
        runner.plan(BOTH)
    assert "mail1 is left as it is:\n  - it runs debian 10" in str(told.value)
    assert "mail2 is left as it is:\n  - it runs debian 11" in str(told.value)


def test_records_without_a_host_say_that_they_are_incomplete(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    unseen = "shop.example has no SPF record"
    runner.has(Machine(BOTH, "mail1", world=unseen), unfit(uid=1000))
    assert runner.run(BOTH).failed == {"mail2"}
    told = next(r.getMessage() for r in caplog.records if "Publish these" in r.getMessage())
    assert "Incomplete: mail2 could not be asked" in told
    assert "ip4:192.0.2.21" in told, "SPF has the addresses of all hosts"
    assert "To be removed" not in told
    assert not_asked(estates.estate(declaration()), {"mail1"}) == ""


# ---- connections


@pytest.fixture
def prompts() -> Callable[[State], bool]:
    def asks(state: State) -> bool:
        raise AssertionError("somebody is asked")

    return asks


def test_a_host_that_cannot_be_reached_is_lost_without_a_question(
    prompts: Callable[[State], bool], caplog: pytest.LogCaptureFixture
) -> None:
    fine, gone = StrangeHost(), StrangeHost()
    with gone.up():
        pass
    with fine.up(), pyhosts(fine, gone) as (mail1, mail2):
        state = mail1.state
        # As pyinfra has it without -y.
        state.config.FAIL_PERCENT, state.should_raise_failed_hosts = 0, prompts
        connected_all(connect_all)(state)
        assert state.active_hosts == {mail1}
        assert state.failed_hosts == {mail2}
        assert state.should_raise_failed_hosts is prompts, "it is pyinfra's own from here on"
        mail1.disconnect()
    assert caplog.records[-1].getMessage().startswith("Not done on mail2; ")
    assert "mail2: no connection: Could not connect" in caplog.records[-1].getMessage()


def test_a_key_that_one_host_lacks_is_that_host_s_trouble() -> None:
    fine, odd = StrangeHost(), StrangeHost()
    with fine.up(), odd.up(), pyhosts(fine, odd) as (mail1, mail2):
        mail2.connector.data["ssh_key"] = "/nowhere/key"
        connected_all(connect_all)(mail1.state)
        assert mail1.state.failed_hosts == {mail2}
        assert "/nowhere/key" in of(mail1.state).why["mail2"]
        assert mail1.connected


def test_where_nobody_can_be_reached_everybody_is_named() -> None:
    first, second = StrangeHost(), StrangeHost()
    for gone in (first, second):
        with gone.up():
            pass
    with pyhosts(first, second) as (mail1, _), pytest.raises(PyinfraError) as told:
        connected_all(connect_all)(mail1.state)
    assert str(told.value).count(": no connection: Could not connect") == 2


def test_who_stands_still_in_the_middle_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a host whose kernel answers, and none of its processes."""
    monkeypatch.setattr(keepalive, "EVERY", 0.05)
    monkeypatch.setattr(keepalive, "PATIENCE", 0.5)
    host = StrangeHost()
    with host.up(), pyhosts(host) as (mail1,):
        assert ask(mail1, Says("echo yes")) == ["yes"]
        keepalive.watch(mail1)
        assert ask(mail1, Says("sleep 1; echo yes")) == ["yes"], "a long command is no silence"
        host.is_frozen.set()
        with gevent.Timeout(10), pytest.raises(UnansweredError):
            ask(mail1, Says("sleep 30", seconds=60))
    assert "it went silent" in of(mail1.state).why["mail1"]


def test_failures_count_where_pyinfra_forgets_them(runner: Runner) -> None:
    """By --no-wait it says 0 whatever happens."""
    mail1 = Machine(BOTH, "mail1")
    runner.has(mail1, Machine(BOTH, "mail2", dies_at=3))
    done = runner.run(BOTH, no_wait=True)
    assert done.failed == {"mail2"}
