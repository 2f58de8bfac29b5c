"""The contents of files on a host."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase


class Contents(FactBase[dict[str, bytes]]):
    """What is in ``paths``; those that cannot be read are left out."""

    default = dict

    def command(self, paths: Sequence[str]) -> StringCommand:
        words = " ".join(shlex.quote(path) for path in paths)
        return StringCommand(
            f'for f in {words}; do [ -r "$f" ] || continue; echo "$f"; base64 -w0 "$f"; echo; done'
        )

    def process(self, output: Iterable[str]) -> dict[str, bytes]:
        lines = list(output)
        return {
            path: base64.b64decode(content)
            for path, content in zip(lines[::2], lines[1::2], strict=False)
        }
