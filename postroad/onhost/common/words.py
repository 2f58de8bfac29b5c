"""What others say, fit to be said by us."""

from __future__ import annotations

# A person reads a line; a hostile zone may hold 64 kB.
QUOTED_CHARACTERS = 80


def quoted(text: str) -> str:
    """What the world said, fit for one line of a terminal or a log."""
    plain = "".join(character if " " <= character <= "~" else "?" for character in text)
    return plain if len(plain) <= QUOTED_CHARACTERS else plain[:QUOTED_CHARACTERS] + "..."
