"""The contents of files on a host."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from postroad.host.question import Question


@dataclass(frozen=True)
class Contents(Question[dict[str, bytes]]):
    """What is in ``paths``; those that cannot be read are left out."""

    paths: Sequence[str]

    about = "its files"

    def script(self) -> str:
        words = shlex.join(self.paths)
        return (
            f'for f in {words}; do [ -r "$f" ] || continue; echo "$f"; base64 -w0 "$f"; echo; done'
        )

    def read(self, lines: Sequence[str]) -> dict[str, bytes]:
        return {
            path: base64.b64decode(content, validate=True)
            for path, content in zip(lines[::2], lines[1::2], strict=True)
        }
