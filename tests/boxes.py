"""What a run tells in its box, as text without the frame."""

from __future__ import annotations


def unfolded(text: str) -> str:
    """``text`` with the lines of a box put together."""
    return " ".join(text.replace("\n| ", " ").split())
