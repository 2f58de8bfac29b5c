"""The audit's own questions; see `postroad.audit.asking` for what each is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from postroad.audit.evidence import Instance, Signed, Smtp, System, from_parts
from postroad.host.answers import AnswerError
from postroad.host.asked import Asked, Asking, json_of

Json = Mapping[str, Any]

#: The A records of a name; None where nobody answered.
Addresses = tuple[str, ...] | None


def _parts(lines: Sequence[str]) -> dict[str, Any]:
    try:
        found = json.loads("\n".join(lines))
    except RecursionError:
        raise AnswerError("it goes too deep") from None
    if not isinstance(found, dict):
        raise AnswerError("it is no object")
    return found


def _system(lines: Sequence[str]) -> System:
    return from_parts(System, _parts(lines))


_SYSTEM: Asking[System] = Asking("system", "its system", _system)
_SIGNED: Asking[tuple[Signed, ...]] = Asking(
    "signing", "what its signers sign", json_of(tuple[Signed, ...])
)
_SMTP: Asking[Smtp] = Asking("submission", "its listeners", json_of(Smtp))
# Its own resolver's: DNS lists refuse those that everybody uses.
_RESOLVED: Asking[Mapping[str, Addresses]] = Asking(
    "resolved", "what its resolver answers", json_of(Mapping[str, Addresses])
)


def system(asked: Json) -> Asked[System]:
    """The host outside Postfix (`postroad.audit.asking.system`)."""
    return Asked(_SYSTEM, json.dumps(asked))


def instances(asked: Json) -> Asked[Mapping[str, Instance]]:
    """Each Postfix instance (`postroad.audit.asking.postfix`)."""

    def read(lines: Sequence[str]) -> Mapping[str, Instance]:
        found = _parts(lines)
        if set(found) != set(asked["instances"]):
            raise AnswerError("it is about other instances")
        return {name: from_parts(Instance, parts) for name, parts in found.items()}

    return Asked(Asking("instances", "its Postfix", read), json.dumps(asked))


def signed(probes: Sequence[Json]) -> Asked[tuple[Signed, ...]]:
    """What its signers make of probes (`postroad.audit.asking.probes`). Nothing is sent."""
    return Asked(_SIGNED, json.dumps(list(probes)))


def smtp(asked: Json) -> Asked[Smtp]:
    """What its listeners say (`postroad.audit.asking.smtp`)."""
    return Asked(_SMTP, json.dumps(asked))


def resolved(names: Sequence[str]) -> Asked[Mapping[str, Addresses]]:
    """The A records of each name."""
    return Asked(_RESOLVED, json.dumps(list(names)))
