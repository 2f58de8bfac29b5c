"""The archive of what stands on a host alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from postroad.backup import on_host
from postroad.backup.archive import QUESTION, Answer, NoBackupError, decoded

SCRIPT = Path(on_host.__file__)


class Saved(FactBase[Answer]):
    """A tar archive of `postroad.backup.places.PLACES`, secret; see `postroad.backup.on_host`."""

    def command(self) -> StringCommand:
        script = QuoteString(SCRIPT.read_text(encoding="utf-8"))
        # Whatever happens: of a command that failed pyinfra shows the output, and this is secret.
        return StringCommand("python3 -c", script, QuoteString(QUESTION), "2>/dev/null || :")

    def process(self, output: Iterable[str]) -> Answer:
        try:
            return decoded(list(output))
        except NoBackupError as error:
            raise FactProcessError(str(error)) from error
