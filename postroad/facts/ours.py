"""The edge that asks what of ours is on a host that leaves."""

from __future__ import annotations

from collections.abc import Iterable

from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from postroad import taken_back


class Ours(FactBase[taken_back.Ours]):
    """`postroad.taken_back.Ours` of the host. A host that does not answer has failed."""

    def command(self) -> StringCommand:
        return StringCommand(taken_back.probe())

    def process(self, output: Iterable[str]) -> taken_back.Ours:
        try:
            return taken_back.parse(output)
        except ValueError as error:
            raise FactProcessError(f"what is on the host could not be read: {error}") from error
