"""Text that nobody is to see printed: the hashes of passwords in an estate, and secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

MASK = "*MASKED*"

# How secrets begin or look as a whole, and what names a thing does not: keys in PEM (RFC 7468), of
# age, password hashes (crypt(5), Dovecot's schemes), and base64 with its padding, as TSIG keys
# have it. No file is called so.
_SECRETS = re.compile(
    r"\s*(-----BEGIN|AGE-SECRET-KEY-|\$(argon2|[0-9][a-z]?\$)|\{(ARGON2|BLF|CRYPT|PBKDF2|PLAIN|S?SHA)).*"
    r"|MI[A-Za-z0-9+/]{62,}={0,2}"
    r"|[A-Za-z0-9+/]{22,}={1,2}",
    re.DOTALL,
)


class Hidden:
    """A text that shows as ``*MASKED*``, whoever prints it.

    pyinfra does, with whatever stands in group_data: ``--debug``, ``debug-inventory``.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def unmask(self) -> str:
        """The text."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    def to_json(self) -> str:
        """What pyinfra's JSON output shows."""
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def looks_secret(text: str) -> bool:
    """Whether a text is most likely a secret itself, where the name of something belongs."""
    return _SECRETS.fullmatch(text) is not None


# In the place of a login's first hash: a form that everybody takes, and no password's. Salt and
# digest say so in base64, so that nobody can have computed them from one.
NOT_YET = (
    "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$Tm9QYXNzd29yZFlldA"
    "$Tm9QYXNzd29yZEhhc1RoaXNEaWdlc3RTb1dyaXRlT25l"
)


def in_the_clear(declared: Mapping[str, Any]) -> Iterator[str]:
    """The keys of an estate without faults whose hashes are not hidden."""
    for stream, of_stream in declared["streams"].items():
        for name, user in of_stream["users"].items():
            if any(isinstance(each, str) for each in user["passwords"]):
                yield f'estate["streams"]["{stream}"]["users"]["{name}"]["passwords"]'


def not_yet(declared: Mapping[str, Any]) -> Iterator[str]:
    """The logins of an estate without faults that no password opens yet, by their keys."""
    for stream, of_stream in declared["streams"].items():
        for name, user in of_stream["users"].items():
            if any(each in (NOT_YET, Hidden(NOT_YET)) for each in user["passwords"]):
                yield f'estate["streams"]["{stream}"]["users"]["{name}"]["passwords"]'
