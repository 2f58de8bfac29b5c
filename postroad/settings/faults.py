"""Faults of a declaration: where, what is wrong, and what to write instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; ``where`` is the file and the key as the operator wrote them."""

    where: str
    wrong: str
    mend: str

    def __str__(self) -> str:
        return f"{self.where}: {self.wrong}; {self.mend}"


class PlainError(Exception):
    """Told as it is, without a traceback: the message says all that whoever reads it needs.

    What reaches pyinfra is made one of its own errors, which it shows so, by `postroad.roles`.
    """


class EstateFaults(Exception):  # noqa: N818 - it holds many faults, not one error
    """Every fault of a declaration, in the order in which it was read."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(str(self))

    def __str__(self) -> str:
        count = len(self.faults)
        title = "the estate has 1 fault:" if count == 1 else f"the estate has {count} faults:"
        return "\n".join([title, *(f"  {number}. {f}" for number, f in enumerate(self.faults, 1))])
