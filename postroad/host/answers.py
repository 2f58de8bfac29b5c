"""What hosts answer as JSON, read into values of declared types. Pure.

A host may say anything. What is read here has the types that it is declared with, down to each
item, so that whoever works with it meets no surprise; everything else is an AnswerError.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

#: A number beyond it is none of ours: times, sizes and counts are far below.
LARGEST = 2**62


class AnswerError(ValueError):
    """This is no such answer; the message says where and what was expected, and quotes nothing."""


def from_json(kind: Any, lines: Sequence[str]) -> Any:
    """The JSON text of ``lines`` as a value of the type ``kind``; AnswerError where it is none."""
    try:
        said: object = json.loads("\n".join(lines))
    except RecursionError:
        raise AnswerError("it goes too deep") from None
    except ValueError:
        raise AnswerError("it is no JSON" if any(lines) else "it is empty") from None
    return typed(kind, said)


def typed(kind: Any, said: object, where: str = "the answer") -> Any:
    """``said``, as JSON has it, as a value of the type ``kind``; AnswerError where it is none.

    Of an object, fields that are not declared are passed over. Known are str, int, float, bool,
    None, tuple[X, ...], Mapping[str, X], dataclasses, X | Y.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (UnionType, Union):
        return _either(arguments, said, where)
    if origin is tuple:
        return tuple(_items(arguments[0], said, where))
    if origin in (dict, Mapping):
        return {
            typed(str, name, where): typed(arguments[1], value, f"{where}: {name!a:.40}")
            for name, value in _object(said, where).items()
        }
    if is_dataclass(kind):
        return _record(kind, said, where)
    return _plain(kind, said, where)


def _either(kinds: Sequence[Any], said: object, where: str) -> Any:
    if said is None and NoneType in kinds:
        return None
    (kind,) = (one for one in kinds if one is not NoneType)
    return typed(kind, said, where)


def _items(kind: Any, said: object, where: str) -> Iterator[Any]:
    if not isinstance(said, list):
        raise AnswerError(f"{where} is no list")
    for number, one in enumerate(said):
        yield typed(kind, one, f"{where}, item {number}")


def _object(said: object, where: str) -> Mapping[str, object]:
    if not isinstance(said, dict):
        raise AnswerError(f"{where} is no object")
    return said


@cache
def hints(kind: Any) -> Mapping[str, Any]:
    """The fields of a dataclass with their types."""
    return get_type_hints(kind)


def _record(kind: Any, said: object, where: str) -> Any:
    found, fields = _object(said, where), hints(kind)
    if missing := sorted(set(fields) - set(found)):
        raise AnswerError(f"{where} has no {', '.join(missing)}")
    return kind(**{n: typed(of, found[n], f"{where}: {n}") for n, of in fields.items()})


def _plain(kind: Any, said: object, where: str) -> Any:
    if kind is float and type(said) in (int, float):
        number = float(said)  # type: ignore[arg-type]
        if math.isfinite(number) and abs(number) <= LARGEST:
            return number
    elif type(said) is kind and not (kind is int and abs(said) > LARGEST):  # type: ignore[arg-type]
        return _whole(said) if isinstance(said, str) else said
    raise AnswerError(f"{where} is no {kind.__name__}")


def _whole(text: str) -> str:
    """JSON can name half a character (RFC 8259 8.2), which no file takes: it is shown as named."""
    return text.encode("utf-8", "backslashreplace").decode()
