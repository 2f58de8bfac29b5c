"""The verdict against a staged configuration."""

from __future__ import annotations


class RefusedError(Exception):
    """The staged configuration is not good; the message says why."""


def refuse_words(checker: str, words: str) -> None:
    """A checker that says anything has refused: most of them end with 0 whatever they found."""
    if words.strip():
        raise RefusedError(f"{checker}:\n{words.strip()}")
