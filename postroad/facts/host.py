"""The edge that reads a host's state: one command, one answer."""

from __future__ import annotations

from collections.abc import Iterable

from pyinfra.api import FactBase, StringCommand
from pyinfra.api.exceptions import FactProcessError

from postroad.state import HostState, Questions, parse, probe


class State(FactBase[HostState]):
    """`postroad.state.HostState` of the host; never a default: a host without an answer has failed."""

    def command(self, ask: Questions) -> StringCommand:
        return StringCommand(probe(ask))

    def process(self, output: Iterable[str]) -> HostState:
        try:
            return parse(output)
        except (ValueError, KeyError, IndexError) as error:
            raise FactProcessError(f"the host's state could not be read: {error}") from error
