"""The archive of what stands on a host alone."""

from __future__ import annotations

from collections.abc import Iterable

from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from postroad.backup import SAVE, NoBackupError, decoded


class Saved(FactBase[bytes]):
    """A tar archive of `postroad.backup.PLACES`; secret."""

    def command(self) -> StringCommand:
        return StringCommand(SAVE)

    def process(self, output: Iterable[str]) -> bytes:
        try:
            return decoded(list(output))
        except NoBackupError as error:
            raise FactProcessError(str(error)) from error
