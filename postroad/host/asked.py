"""The one question that asks any module of `postroad.onhost.asked`. Pure.

The room that wants to know something has an `Asking`: which module tells it, what it is called
where there is no answer, and how the answer is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from postroad.host.answers import from_json
from postroad.host.programs import bundle
from postroad.host.question import SECONDS, Question, program

T = TypeVar("T")


@dataclass(frozen=True)
class Asking(Generic[T]):
    """What ``module`` of `postroad.onhost.asked` is asked for.

    ``read`` makes the answer of the lines that it prints, or raises; ``seconds`` are how long it
    may take on the host.
    """

    module: str
    about: str
    read: Callable[[Sequence[str]], T]
    seconds: float = SECONDS


class Asked(Question[T]):
    """One asking with its arguments, as the module has them in ``main``."""

    def __init__(self, asking: Asking[T], *arguments: str) -> None:
        self._asking, self._arguments = asking, arguments
        self.about, self.seconds = asking.about, asking.seconds

    def script(self) -> str:
        return program(bundle(self._asking.module), *self._arguments)

    def read(self, lines: Sequence[str]) -> T:
        return self._asking.read(lines)


def json_of(kind: Any) -> Callable[[Sequence[str]], Any]:
    """How an answer in JSON is read as a value of the type ``kind`` (`postroad.host.answers`)."""
    return lambda lines: from_json(kind, lines)
