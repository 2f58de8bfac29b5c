"""Which login a test uses, and where its password is: never on a command line.

The estate may hold hashes alone, so that whoever tests has to say the password: to a prompt, or by
a place where it is already (an environment variable, a file, a command such as ``pass show``).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from postroad.settings.model import SecretRef, Stream, User

FORMS = "LOGIN=env:VARIABLE, LOGIN=file:PATH or LOGIN=command:'pass show mail/LOGIN'"
_FORM = re.compile(r"(?P<login>[^=]+)=(?P<source>env|file|command):(?P<value>.+)", re.DOTALL)


class LoginError(ValueError):
    """It is not known as whom to log in; the message says what to write."""


def source_of(text: str) -> tuple[str, SecretRef]:
    """A login, and where its password is read from, as ``shop=env:SHOP_PASSWORD``.

    LoginError for anything else; its message does not repeat the text, which may be a password.
    """
    met = _FORM.fullmatch(text)
    words: Sequence[str] = ()
    if met is not None:
        try:
            words = shlex.split(met["value"]) if met["source"] == "command" else [met["value"]]
        except ValueError:
            words = ()
    if met is None or not words:
        raise LoginError(
            f"this names no place where a password is; write {FORMS}. If it was the password, it is"
            " in your shell's history and was in the list of processes: change it"
        )
    match met["source"]:
        case "env":
            return met["login"], SecretRef("env", tuple(words))
        case "file":
            return met["login"], SecretRef("file", tuple(words))
        case _:
            return met["login"], SecretRef("command", tuple(words))


def chosen(stream: Stream, named: Sequence[str]) -> User:
    """The login of ``stream`` that is among ``named``, in any case as for the daemons, or its only
    one. LoginError."""
    known = {user.login: user for user in stream.users}
    logins = dict.fromkeys(name.lower() for name in named)
    found = [known[login] for login in logins if login in known]
    if len(found) == 1:
        return found[0]
    if not found and len(known) == 1:
        return stream.users[0]
    raise LoginError(
        f"the {stream.name} stream has the logins"
        f" {', '.join(user.name for user in stream.users)}: name one of them, as"
        f" --login {stream.users[0].name}"
    )
