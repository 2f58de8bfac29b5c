"""A reading: something that one room wants to know of a host. Pure.

The room says how it is asked and read, and what stands for it where nothing is known. All of a
host's readings are asked by one command and kept in one record (`postroad.host.found`), which does
not know what they are about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

#: What a host has told, by section: the lines between one mark and the next.
Sections = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Reading(Generic[T_co]):
    """``state[reading]`` is what was read, ``blank`` that of a host which was not asked.

    ``parse`` reads the sections that its shell has printed; ValueError says that they are none.
    """

    name: str
    parse: Callable[[Sections], T_co]
    blank: T_co

    def by(self, shell: str) -> Inquiry:
        """How a host is asked for it: each section that ``shell`` prints begins with ``m NAME``."""
        return Inquiry(self, shell)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A reading, and the shell that asks for it; it changes nothing, and reads no input."""

    reading: Reading[Any]
    shell: str

    @property
    def end(self) -> str:
        """The mark behind it: a shell that cannot fork ends in the middle of what it was to do."""
        return f"end-{self.reading.name}"


def section(name: str, parse: Callable[[Sequence[str]], T]) -> Callable[[Sections], T]:
    """What reads the one section of this name."""
    return lambda said: parse(said.get(name, ()))
