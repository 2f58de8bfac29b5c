"""Typed readers over untyped declarations, which note every fault and read on.

A reader takes a `Node` and gives the value, or None after it has noted a fault there. So one pass
finds every fault, and what could be read is still there for the rules that compare parts. Messages
name the type of a wrong value, never the value itself unless its kind (a domain, an address) can
hold no secret: an operator may put a password at the wrong place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from postroad.settings.faults import Fault
from postroad.settings.hidden import looks_secret
from postroad.settings.meant import foreign_letter, nearest, places

T = TypeVar("T")

_LEFT_OUT = ", or leave the key out"
# What is written is not repeated, and not printed by whoever would look for such a file.
SECRET_HERE = (
    "looks like a secret itself, and this place is printed",
    "keep it in a file of its own, and write the name of what is asked for here",
)
# A longer list would hide the likely word before it.
_LISTED = 8


class IncompleteError(Exception):
    """A record lacks a value whose fault is already noted."""


def need(value: T | None) -> T:
    """The value; IncompleteError where its reader noted a fault."""
    if value is None:
        raise IncompleteError
    return value


@dataclass(frozen=True, slots=True)
class Node:
    """A declared value, the place where it stands, and the list that takes its faults."""

    value: object
    where: str
    faults: list[Fault]

    def fault(self, wrong: str, mend: str) -> None:
        """Note a fault at this place."""
        self.faults.append(Fault(self.where, wrong, mend))

    def child(self, key: object, value: object) -> Node:
        """The node of a key or index below this one."""
        written = json.dumps(key, ensure_ascii=False) if isinstance(key, str | int) else repr(key)
        return Node(value, f"{self.where}[{written}]", self.faults)


Reader = Callable[[Node], T | None]


def choose(word: str, known: Sequence[str]) -> str:
    """What to write instead of a word that is not known: the nearest, then all of them."""
    everything = ", ".join(f'"{k}"' for k in known)
    likely = nearest(word, known)
    if likely is None:
        return f"write one of {everything}"
    among = f" (of {everything})" if len(known) <= _LISTED else ""
    # It looks the same, so that the right word alone would say nothing.
    odd = foreign_letter(word)
    return f'write "{likely}"{f" in plain letters: {odd} is none" if odd else among}'


def _instead(key: str, known: Sequence[str]) -> str:
    """What to do with a key that is not known here, but perhaps in another section."""
    if elsewhere := places(key, known):
        return f"write it under {' or '.join(elsewhere)}, or {choose(key, known)}"
    return choose(key, known)


def wrong_type(node: Node, wanted: str) -> None:
    """Note that the value has another type than ``wanted``."""
    node.fault(f"is {kind(node.value)}, not {wanted}", f"write {wanted}{_way(node.value, wanted)}")


def _way(value: object, wanted: str) -> str:
    """How a value of the right kind is written, for who has written one of another."""
    if value is None:
        return _LEFT_OUT
    if wanted == "a string" and isinstance(value, int):
        return ", in quotes"
    if wanted.startswith("a list") and isinstance(value, str):
        return ': put it in brackets, as ["…"]'
    if wanted.startswith(("a whole number", "True")) and isinstance(value, str):
        return ", without quotes"
    return ""


def kind(value: object) -> str:
    """The type of a value in the operator's words."""
    names = {str: "a string", bool: "True or False", int: "a number", type(None): "None"}
    return names.get(type(value), f"a {type(value).__name__}")


def text(node: Node) -> str | None:
    """A string that is not empty: one line of characters that print, as every format wants it."""
    if not isinstance(node.value, str):
        wrong_type(node, "a string")
        return None
    if looks_secret(node.value):
        node.fault(*SECRET_HERE)
        return None
    if not node.value.strip():
        node.fault("is empty", "write a value or leave the key out")
        return None
    if not node.value.isprintable():
        node.fault("holds characters that do not print", "write one line of plain text")
        return None
    return node.value


def flag(node: Node) -> bool | None:
    """True or False."""
    if not isinstance(node.value, bool):
        wrong_type(node, "True or False")
        return None
    return node.value


def whole_number(least: int, most: int, unit: str) -> Reader[int]:
    """A reader of a whole number between two bounds, both included."""

    def read(node: Node) -> int | None:
        if isinstance(node.value, bool) or not isinstance(node.value, int):
            wrong_type(node, f"a whole number of {unit}")
            return None
        if not least <= node.value <= most:
            node.fault(f"is {node.value}", f"write {unit} between {least} and {most}")
            return None
        return node.value

    return read


def one_of(known: Sequence[T]) -> Reader[T]:
    """A reader of one word of a fixed list."""

    def read(node: Node) -> T | None:
        for word in known:
            if node.value == word:
                return word
        words = [str(k) for k in known]
        if isinstance(node.value, str) and looks_secret(node.value):
            node.fault(SECRET_HERE[0], choose("", words))
        elif isinstance(node.value, str):
            node.fault(f'"{node.value}" is not known', choose(node.value, words))
        else:
            wrong_type(node, "one of " + ", ".join(f'"{w}"' for w in words))
        return None

    return read


def items(node: Node) -> list[Node] | None:
    """The nodes of a list or tuple; None after a fault."""
    if not isinstance(node.value, list | tuple):
        wrong_type(node, "a list [...]")
        return None
    return [node.child(index, value) for index, value in enumerate(node.value)]


def many(reader: Reader[T]) -> Reader[tuple[T, ...]]:
    """A reader of a list, which may be empty; items with a fault are left out."""

    def read(node: Node) -> tuple[T, ...] | None:
        children = items(node)
        if children is None:
            return None
        values = [reader(child) for child in children]
        return tuple(value for value in values if value is not None)

    return read


def some(reader: Reader[T], empty: str) -> Reader[tuple[T, ...]]:
    """A reader of a list with at least one item; ``empty`` says what to write otherwise."""

    def read(node: Node) -> tuple[T, ...] | None:
        if isinstance(node.value, list | tuple) and not node.value:
            node.fault("is an empty list", empty)
            return None
        return many(reader)(node)

    return read


def named(node: Node) -> list[tuple[str, Node]] | None:
    """The entries of a dictionary whose keys are names of the operator's choice."""
    if not isinstance(node.value, Mapping):
        wrong_type(node, "a dictionary {name: {...}}")
        return None
    entries = []
    for name, value in node.value.items():
        child = node.child(name, value)
        if isinstance(name, str) and name.isprintable() and name.strip() == name != "":
            entries.append((name, child))
        else:
            child.fault(
                "is no name",
                "write a string of one line, without blanks around it, as the name",
            )
    return entries


@dataclass(frozen=True, slots=True)
class Table:
    """A dictionary with fixed keys."""

    node: Node
    values: Mapping[str, object]
    # The keys that stand there under another name, which is a fault already.
    meant: frozenset[str] = frozenset()

    @classmethod
    def of(cls, node: Node, keys: Sequence[str]) -> Table | None:
        """The table, each unknown key noted with the nearest right one; None if it is none."""
        if not isinstance(node.value, Mapping):
            wrong_type(node, "a dictionary {...}")
            return None
        for key, value in node.value.items():
            if key not in keys:
                node.child(key, value).fault("is no known key", _instead(str(key), keys))
        unknown = [str(key) for key in node.value if key not in keys]
        meant = frozenset(likely for key in unknown if (likely := nearest(key, keys)))
        return cls(node, {k: v for k, v in node.value.items() if k in keys}, meant)

    def at(self, key: str) -> Node:
        """The node of a key, whether declared or not."""
        return self.node.child(key, self.values.get(key))

    def has(self, key: str, hint: str) -> bool:
        """Whether a key that has no default is declared; a fault is noted where it is not."""
        if key in self.values:
            return True
        if key in self.meant:
            return False
        self.at(key).fault("is missing", hint)
        return False

    def required(self, key: str, reader: Reader[T], hint: str) -> T | None:
        """The value of a key that has no default; ``hint`` says what to write where it lacks."""
        if not self.has(key, hint):
            return None
        node = self.at(key)
        if node.value is not None:
            return reader(node)
        # To leave it out, as is told of what has a default, would be no mend.
        alone = Node(None, node.where, [])
        reader(alone)
        for found in alone.faults:
            node.fault(found.wrong, f"{found.mend.removesuffix(_LEFT_OUT)}: {hint}")
        return None

    def optional(self, key: str, reader: Reader[T], default: T) -> T:
        """The value of a key, or its default where it is left out (or has a fault)."""
        if key not in self.values:
            return default
        value = reader(self.at(key))
        return default if value is None else value

    def nullable(self, key: str, reader: Reader[T], default: T | None) -> T | None:
        """The value of a key that may be None, or its default where it is left out."""
        if key not in self.values:
            return default
        return None if self.values[key] is None else reader(self.at(key))
