"""The operations of ufw, run whole under pyinfra's @fake connector: no host, no root."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all
from pyinfra.api.exceptions import ConnectError, OperationError, PyinfraError
from pyinfra.api.inventory import Inventory
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops
from pyinfra.api.state import State as PyinfraState
from pyinfra.api.state import StateStage
from pyinfra.connectors.fake import FakeConnector
from pyinfra.context import ctx_host, ctx_state

from postroad.mail.firewall.read import ROLLBACK_UNIT, FirewallState, Status
from postroad.mail.firewall.rule import parse_rule
from postroad.roles import ufw
from postroad.roles.run.facts.ufw import UfwAdded, UfwState, UfwStatus

Responses = dict[str | re.Pattern[str], object]

ACTIVE = """\
ENABLED=yes
LOGLEVEL=low
IPV6=yes
DEFAULT_INPUT_POLICY="DROP"
DEFAULT_OUTPUT_POLICY="ACCEPT"
DEFAULT_FORWARD_POLICY="DROP"
loaded=yes
"""
SSH_TUPLES = """\
rule4=allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in
rule6=allow tcp 22 ::/0 any ::/0 in
"""
CAME_BY = "ssh=192.0.2.7 50000 198.51.100.1 22\n"
AS_DECLARED = ACTIVE + SSH_TUPLES + CAME_BY
INACTIVE = AS_DECLARED.replace("ENABLED=yes", "ENABLED=no").replace("loaded=yes", "loaded=no")
SSH = parse_rule("allow 22/tcp")
SMTP = parse_rule("allow 25/tcp")
STATUS = Status(
    enabled=True,
    loaded=True,
    ipv6=True,
    incoming="deny",
    outgoing="allow",
    routed="deny",
    logging="low",
)


@dataclass
class Connections:
    """Every fake connection that was made, in order; `refuse_from` says which fail."""

    made: list[FakeConnector] = field(default_factory=list)
    refuse_from: int = 1000

    def commands(self, which: int) -> list[str]:
        """What went through one connection, reading facts aside."""
        return [
            command
            for command in self.made[which].executed_commands
            if "test -x /usr/sbin/ufw" not in command
        ]


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    seen = Connections()

    def connect(connector: FakeConnector) -> None:
        seen.made.append(connector)
        if len(seen.made) > seen.refuse_from:
            raise ConnectError("Could not connect (timed out)")

    monkeypatch.setattr(FakeConnector, "connect", connect)
    return seen


def connected(answer: str, responses: Responses | None = None) -> PyinfraState:
    scripted: Responses = {}
    scripted.update(responses or {})
    scripted["test -x /usr/sbin/ufw"] = answer
    data = {"fake_delay": 0, "fake_delay_jitter": 0, "fake_responses": scripted}
    inventory = Inventory(([("@fake/mail1", data)], {}))
    state = PyinfraState(inventory, Config())
    state.set_stage(StateStage.Prepare)
    connect_all(state)
    return state


def will_change(state: PyinfraState) -> bool:
    return any(meta.ops_change for meta in state.meta.values())


def run_firewall(answer: str, *lines: str, **kwargs: object) -> PyinfraState:
    state = connected(answer)
    add_op(state, ufw.firewall, wanted=[parse_rule(line) for line in lines], **kwargs)
    run_ops(state)
    return state


def failed(state: PyinfraState) -> bool:
    return bool(state.failed_hosts)


def test_a_host_as_declared_is_left_alone(connections: Connections) -> None:
    state = run_firewall(AS_DECLARED, "allow 22/tcp")
    assert not will_change(state)
    assert connections.commands(0) == []
    assert len(connections.made) == 1


def test_enabling_is_done_between_arming_and_a_fresh_connection(connections: Connections) -> None:
    state = run_firewall(INACTIVE, "allow 22/tcp", "allow 25/tcp")
    assert will_change(state)
    arm, *steps = connections.commands(0)
    assert f"systemd-run --quiet --collect --unit={ROLLBACK_UNIT} --on-active=66s" in arm
    assert steps == ["ufw allow 25/tcp comment ''", "ufw --force enable"]
    (disarm,) = connections.commands(1)
    assert f"systemctl stop {ROLLBACK_UNIT}.timer" in disarm
    assert not failed(state)


def test_without_a_fresh_connection_the_timer_stays_and_the_host_fails(
    connections: Connections, caplog: pytest.LogCaptureFixture
) -> None:
    connections.refuse_from = 1
    with pytest.raises(PyinfraError, match="No hosts remaining"):
        run_firewall(INACTIVE, "allow 22/tcp")
    assert not any("systemctl is-active" in command for command in connections.commands(0))
    assert connections.commands(1) == []
    assert "no fresh connection came in" in caplog.text


def test_a_timer_that_has_fired_already_is_a_failure(connections: Connections) -> None:
    state = connected(INACTIVE, {re.compile("^systemctl is-active"): {"success": False}})
    add_op(state, ufw.firewall, wanted=[SSH])
    with pytest.raises(PyinfraError, match="No hosts remaining"):
        run_ops(state)
    assert len(connections.commands(1)) == 1


def test_a_timer_left_by_a_killed_run_is_disarmed_by_the_next(connections: Connections) -> None:
    state = run_firewall(AS_DECLARED + "rollback=armed\n", "allow 22/tcp")
    assert will_change(state)
    assert connections.commands(0) == []
    assert len(connections.commands(1)) == 1


def test_a_timer_left_by_a_killed_run_is_disarmed_with_any_change(connections: Connections) -> None:
    run_firewall(AS_DECLARED + "rollback=armed\n", "allow 22/tcp", "allow 25/tcp")
    assert len(connections.commands(0)) == 2
    assert len(connections.commands(1)) == 1


def test_a_change_without_risk_needs_no_timer(connections: Connections) -> None:
    run_firewall(AS_DECLARED, "allow 22/tcp", "allow 25/tcp")
    assert connections.commands(0) == ["ufw allow 25/tcp comment ''"]
    assert len(connections.made) == 1


def test_a_lockout_is_refused_before_the_first_change(connections: Connections) -> None:
    state = connected(INACTIVE)
    with pytest.raises(OperationError, match=r"no rule admits 192\.0\.2\.7 to port 22/tcp"):
        add_op(state, ufw.firewall, wanted=[SMTP])
    assert connections.commands(0) == []


def test_a_lockout_is_refused_when_executed_without_change_detection(
    connections: Connections, caplog: pytest.LogCaptureFixture
) -> None:
    state = connected(INACTIVE)
    state.check_for_changes = False
    add_op(state, ufw.firewall, wanted=[SMTP])
    with pytest.raises(PyinfraError, match="No hosts remaining"):
        run_ops(state)
    assert connections.commands(0) == []
    assert "no rule admits 192.0.2.7" in caplog.text


def test_a_run_that_came_by_no_ssh_cannot_lock_itself_out(connections: Connections) -> None:
    state = run_firewall(INACTIVE.replace(CAME_BY, ""), "allow 25/tcp")
    assert not failed(state)
    assert "ufw --force enable" in connections.commands(0)


def test_a_bare_host_is_planned_but_not_executed_without_ufw(connections: Connections) -> None:
    state = connected(CAME_BY)
    add_op(state, ufw.firewall, wanted=[SSH])
    assert will_change(state)
    with pytest.raises(PyinfraError, match="No hosts remaining"):
        run_ops(state)
    assert connections.commands(0) == []


def test_a_state_that_cannot_be_read_changes_nothing(connections: Connections) -> None:
    state = connected("what is this")
    state.check_for_changes = False
    add_op(state, ufw.firewall, wanted=[SSH])
    with pytest.raises(PyinfraError, match="No hosts remaining"):
        run_ops(state)
    assert connections.commands(0) == []


@pytest.mark.parametrize("wanted", [["allow 22/tcp", "limit 22/tcp"]])
def test_a_contradictory_set_is_refused(connections: Connections, wanted: list[str]) -> None:
    with pytest.raises(OperationError, match="one rule to ufw"):
        run_firewall(AS_DECLARED, *wanted)


def test_openings_are_added_and_nothing_is_closed(connections: Connections) -> None:
    state = connected(AS_DECLARED)
    add_op(state, ufw.allow, wanted=[SMTP])
    run_ops(state)
    assert connections.commands(0) == ["ufw allow 25/tcp comment ''"]


def test_openings_that_are_there_are_left_alone(connections: Connections) -> None:
    state = connected(AS_DECLARED)
    add_op(state, ufw.allow, wanted=[SSH])
    run_ops(state)
    assert not will_change(state)
    assert connections.commands(0) == []


def test_a_block_is_no_opening(connections: Connections) -> None:
    state = connected(AS_DECLARED)
    with pytest.raises(OperationError, match="not an opening"):
        add_op(state, ufw.allow, wanted=[parse_rule("deny 25/tcp")])


@pytest.mark.parametrize("op", [ufw.firewall, ufw.allow])
def test_the_caller_may_bring_the_state(connections: Connections, op: Callable[..., None]) -> None:
    asked = []

    def read() -> FirewallState:
        asked.append(1)
        return FirewallState(status=STATUS, rules4=(SSH,), rules6=(SSH,))

    state = connected("not to be read")
    (mail1,) = state.inventory
    with ctx_state.use(state), ctx_host.use(mail1):
        op(wanted=[SSH], state=read)  # not by add_op, whose own first argument is named state
    run_ops(state)
    assert len(asked) == 2  # when planned, and again when executed
    assert connections.made[0].executed_commands == []


def test_facts_read_what_ufw_says() -> None:
    assert UfwStatus().process(ACTIVE.splitlines()) == STATUS
    assert UfwState().process(AS_DECLARED.splitlines()).rules == (SSH,)
    assert UfwAdded().process(["Added user rules (see …):", "ufw allow 25/tcp"]) == [SMTP]


def test_facts_of_a_host_without_ufw_are_empty() -> None:
    assert UfwAdded.default() == []
    assert UfwStatus.default() is None
    assert UfwState.default() == FirewallState()
