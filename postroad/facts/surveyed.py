"""What a hand-made mail server's files on a host say."""

from __future__ import annotations

from collections.abc import Iterable

from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from postroad.foreign.survey import PROBE, Survey, parse


class Surveyed(FactBase[Survey]):
    """`postroad.foreign.survey.Survey` of the host."""

    def command(self) -> StringCommand:
        return StringCommand(PROBE)

    def process(self, output: Iterable[str]) -> Survey:
        try:
            return parse(output)
        except (ValueError, KeyError) as error:
            raise FactProcessError(f"its files could not be read: {error}") from error
