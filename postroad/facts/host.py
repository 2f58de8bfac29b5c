"""The edge that reads a host's state: one command, one answer."""

from __future__ import annotations

from collections.abc import Iterable

from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from postroad.state import HostState, Questions, parse, probe
from postroad.ufw import UfwError


class State(FactBase[HostState]):
    """`postroad.state.HostState` of the host. A host that does not answer has failed."""

    def command(self, ask: Questions) -> StringCommand:
        return StringCommand(probe(ask))

    def process(self, output: Iterable[str]) -> HostState:
        try:
            return parse(output)
        except (ValueError, KeyError, IndexError, UfwError) as error:
            raise FactProcessError(f"the host's state could not be read: {error}") from error
