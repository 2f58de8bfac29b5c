"""The audit's own questions; see `postroad.onhost.asked` for what each is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postroad.audit.evidence import Instance, Smtp, System, from_parts
from postroad.host.answers import AnswerError, from_json
from postroad.host.question import Question, program
from postroad.onhost import asked as programs

Json = Mapping[str, Any]

FOLDER = Path(programs.__file__).parent


def _program(name: str, asked: Json) -> str:
    return program((FOLDER / f"{name}.py").read_text(encoding="utf-8"), json.dumps(asked))


def _parts(lines: Sequence[str]) -> dict[str, Any]:
    try:
        found = json.loads("\n".join(lines))
    except RecursionError:
        raise AnswerError("it goes too deep") from None
    if not isinstance(found, dict):
        raise AnswerError("it is no object")
    return found


@dataclass(frozen=True)
class SystemSeen(Question[System]):
    """The host outside Postfix (`postroad.audit.asking.system`)."""

    asked: Json

    about = "its system"

    def script(self) -> str:
        return _program("system", self.asked)

    def read(self, lines: Sequence[str]) -> System:
        return from_parts(System, _parts(lines))


@dataclass(frozen=True)
class InstancesSeen(Question[Mapping[str, Instance]]):
    """Each Postfix instance (`postroad.audit.asking.postfix`)."""

    asked: Json

    about = "its Postfix"

    def script(self) -> str:
        return _program("instances", self.asked)

    def read(self, lines: Sequence[str]) -> Mapping[str, Instance]:
        found = _parts(lines)
        if set(found) != set(self.asked["instances"]):
            raise AnswerError("it is about other instances")
        return {name: from_parts(Instance, parts) for name, parts in found.items()}


@dataclass(frozen=True)
class SmtpSeen(Question[Smtp]):
    """What its listeners say (`postroad.audit.asking.smtp`)."""

    asked: Json

    about = "its listeners"

    def script(self) -> str:
        return _program("submission", self.asked)

    def read(self, lines: Sequence[str]) -> Smtp:
        found: Smtp = from_json(Smtp, lines)
        return found
