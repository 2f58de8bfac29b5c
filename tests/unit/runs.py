"""Runs of a deploy file against hosts of paper, through pyinfra's own phases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.command import StringCommand
from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all
from pyinfra.api.inventory import Inventory
from pyinfra.api.operations import run_ops
from pyinfra.api.state import State, StateStage
from pyinfra.connectors.fake import FakeConnector
from pyinfra.connectors.util import CommandOutput, OutputLine
from pyinfra.context import ctx_config, ctx_inventory, ctx_state
from pyinfra_cli.prints import build_plan_json  # type: ignore[import-untyped]
from pyinfra_cli.util import load_deploy_file  # type: ignore[import-untyped]

from tests.unit.declarations import Declaration
from tests.unit.machine import Machine

DEPLOY = Path(__file__).parents[2] / "deploys" / "mailserver.py"


@dataclass
class Run:
    """One run, planned or carried out."""

    state: State
    machines: dict[str, Machine]

    @property
    def plan(self) -> dict[str, list[str]]:
        """Each host's operations that would change it, by name, as ``--dry --json`` names them."""
        named: dict[str, list[str]] = {name: [] for name in self.machines}
        for operation in build_plan_json(self.state):
            assert not operation["hosts_with_conditional_change"]
            for host in operation["hosts_with_change"]:
                named[host] += _telling(operation["names"])
        return named

    @property
    def failed(self) -> set[str]:
        return {host.name for host in self.state.failed_hosts}


@dataclass
class Runner:
    """Plans and carries out runs against `machines`."""

    base: Path
    machines: dict[str, Machine] = field(default_factory=dict)
    deploy: Path = DEPLOY
    data: dict[str, Any] = field(default_factory=dict)

    def has(self, *machines: Machine) -> None:
        """These hosts are what the inventory names."""
        self.machines = {machine.name: machine for machine in machines}
        for machine in machines:
            machine.base = self.base

    def plan(self, declared: Declaration, **options: Any) -> Run:
        """Connect and load the deploy file: what `pyinfra --dry` does."""
        data = {"fake_delay": 0, "fake_delay_jitter": 0, "estate": declared, **self.data}
        inventory = Inventory(([(f"@fake/{name}", data) for name in self.machines], {}))
        state = State(**options)
        state.cwd = str(self.base)
        config = Config()
        state.init(inventory, config)
        state.set_stage(StateStage.Connect)
        with ctx_state.use(state), ctx_inventory.use(inventory), ctx_config.use(config):
            connect_all(state)
            state.set_stage(StateStage.Prepare)
            load_deploy_file(state, str(self.deploy))
        return Run(state, self.machines)

    def run(self, declared: Declaration, *, no_wait: bool = False, **options: Any) -> Run:
        """Plan, then carry out: what `pyinfra -y` does."""
        planned = self.plan(declared, **options)
        with ctx_state.use(planned.state), ctx_inventory.use(planned.state.inventory):
            planned.state.set_stage(StateStage.Execute)
            run_ops(planned.state, no_wait=no_wait)
        return planned


def _telling(names: list[str]) -> list[str]:
    """The names without those of hosts where the same operation finds nothing to do."""
    return [n for n in names if not any(other.startswith(f"{n}: ") for other in names)]


def _names(name: str | None) -> Iterable[tuple[str, dict[str, Any], list[str]]]:
    """Inventory names without the connector's prefix, as real connectors have them."""
    assert name is not None
    yield name, {}, []


def runner(base: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """A runner whose inventory is reached by pyinfra's @fake connector."""
    made = Runner(base)

    def answer(
        connector: FakeConnector,
        command: str | StringCommand,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,
    ) -> tuple[bool, CommandOutput]:
        text = command if isinstance(command, str) else command.get_raw_value()
        machine = made.machines[connector.host.name]
        worked, said = machine.answer(text, arguments.get("_stdin") or "")
        return worked, CommandOutput([OutputLine("stdout", line) for line in said.splitlines()])

    monkeypatch.setattr(FakeConnector, "make_names_data", staticmethod(_names))
    monkeypatch.setattr(FakeConnector, "run_shell_command", answer)
    return made
