"""What hosts answer has the types that it is declared with, or is no answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from postroad.host.answers import AnswerError, from_json


@dataclass(frozen=True)
class Row:
    name: str
    count: int
    oldest: float | None
    inside: tuple[str, ...] = ()


NO_COUNTS = f'["1", 1.5, null, true, {10**30}, []]'
FINE: dict[str, Any] = {"name": "a", "count": 1, "oldest": 2, "inside": ["x"]}


def read(said: object, kind: Any = Mapping[str, Row]) -> Any:
    return from_json(kind, json.dumps(said).split("\n"))


def test_values_are_what_they_are_declared_as() -> None:
    (row,) = read({"one": FINE}).values()
    assert row == Row("a", 1, 2.0, ("x",))
    assert isinstance(row.oldest, float)
    assert read({"one": {**FINE, "more": 1}})["one"] == row
    assert read({"one": {**FINE, "oldest": None}})["one"].oldest is None


@pytest.mark.parametrize(
    "said",
    [
        [],
        "text",
        1,
        None,
        {"one": []},
        {"one": {}},
        *({"one": {**FINE, "name": odd}} for odd in json.loads("[1, null, [], {}, true]")),
        *({"one": {**FINE, "count": odd}} for odd in json.loads(NO_COUNTS)),
        *(
            {"one": {**FINE, "oldest": odd}}
            for odd in ("1", float("nan"), float("inf"), -1e30, False)
        ),
        *({"one": {**FINE, "inside": odd}} for odd in ("x", [1], [["x"]], {"x": 1})),
    ],
)
def test_everything_else_is_no_answer(said: object) -> None:
    with pytest.raises(AnswerError):
        read(said)


@pytest.mark.parametrize("text", ["", "hello", "{", "[1", "[" * 100_000, '{"one": "' + "9" * 5000])
def test_what_is_no_json_is_no_answer(text: str) -> None:
    with pytest.raises(AnswerError) as told:
        from_json(Mapping[str, Row], [text])
    assert len(str(told.value)) < 60


def test_half_a_character_is_shown_as_it_was_named() -> None:
    assert read(["\ud800x"], tuple[str, ...]) == ("\\ud800x",)
