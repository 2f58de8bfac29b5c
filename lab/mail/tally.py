"""What was handed in, beside what came of it: lost, unsigned, repeated. Pure.

A message that was accepted (250 to its end) is the host's to deliver or to return (RFC 5321 §6.1).
Where a connection ends after the message and before its reply, the sender cannot know whether it
was taken, and has to send it again (RFC 5321 §4.1.1.4, RFC 1047): such a second copy is allowed.
One that was sent after the host had been told that the first was taken is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["accepted", "refused", "unknown"]


@dataclass(frozen=True)
class Handed:
    """One message as its client saw it: its name, what the server said, and the words."""

    name: str
    outcome: Outcome
    words: str


@dataclass(frozen=True)
class Copy:
    """One copy at a receiver; ``is_signed`` where the receiver verified its signature."""

    name: str
    is_signed: bool


@dataclass(frozen=True)
class Tally:
    """What became of one run: ``accepted`` to ``unknown`` are counts, the others name messages."""

    accepted: int
    refused: int
    unknown: int
    returned: tuple[str, ...]
    waiting: tuple[str, ...]
    repeated: tuple[str, ...]
    """Arrived again, as SMTP allows: the host had not learned that the first copy was taken."""
    lost: tuple[str, ...]
    unsigned: tuple[str, ...]
    duplicated: tuple[str, ...]
    """Sent again although the host had been told that it was taken."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, nothing left unsigned, and nothing was sent twice."""
        return not (self.lost or self.unsigned or self.duplicated)

    def __str__(self) -> str:
        faults = (
            f"{what}: {', '.join(names)}"
            for what, names in (
                ("lost", self.lost),
                ("unsigned", self.unsigned),
                ("duplicated", self.duplicated),
            )
            if names
        )
        return "; ".join((f"{self.accepted} accepted", *faults))


def count(
    handed: Iterable[Handed],
    copies: Collection[Copy],
    acknowledged: Mapping[str, int],
    returned: Collection[str] = (),
    waiting: Collection[str] = (),
) -> Tally:
    """Hold what was handed in against what came of it.

    ``acknowledged`` is how often a host noted that a receiver had taken the message, ``returned``
    are those that its sender was told of, ``waiting`` those that are still in a queue.
    """
    outcomes = {one.name: one.outcome for one in handed}
    arrived = Counter(copy.name for copy in copies)
    counted = Counter(outcomes.values())
    accounted_for = {*arrived, *returned, *waiting}
    accepted = (name for name, outcome in outcomes.items() if outcome == "accepted")
    twice = {name for name, number in acknowledged.items() if number > 1}
    again = {name for name, number in arrived.items() if number > 1}
    return Tally(
        accepted=counted["accepted"],
        refused=counted["refused"],
        unknown=counted["unknown"],
        returned=tuple(sorted(returned)),
        waiting=tuple(sorted(waiting)),
        repeated=tuple(sorted(again - twice)),
        lost=tuple(sorted(set(accepted) - accounted_for)),
        unsigned=tuple(sorted({copy.name for copy in copies if not copy.is_signed})),
        duplicated=tuple(sorted(twice)),
    )
