"""What Python itself lets pass in a declaration: a key written twice, of which the last counts."""

from __future__ import annotations

import ast

from postroad.settings.faults import Fault


def repeated_keys(text: str, source: str) -> list[Fault]:
    """A fault for every key that one dictionary literal of ``text`` repeats."""
    faults = []
    for literal in ast.walk(ast.parse(text)):
        if not isinstance(literal, ast.Dict):
            continue
        first: dict[object, ast.Constant] = {}
        for key in literal.keys:
            if not isinstance(key, ast.Constant):
                continue
            owner = first.setdefault(key.value, key)
            if owner is not key:
                faults.append(
                    Fault(
                        f"{source}: line {key.lineno}",
                        f"{key.value!r} is already a key in line {owner.lineno}, which is lost",
                        "write each key once",
                    )
                )
    return faults
