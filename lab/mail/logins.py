"""Submission logins for trying things out: made once, and kept below build/."""

import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from argon2 import PasswordHasher

# Nobody can guess these passwords. A hash as costly as `postroad secret hash` makes it would take
# half a core of this machine while mail flows, 0.1 to 0.2 s a login.
_LIGHT = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)

Logins = dict[str, dict[str, str]]


def logins(place: Path, users: Iterable[str]) -> Logins:
    """What is in *place*: {user: {"password": …, "hash": …}}; made where it is not there yet.

    Made once, since a salted hash is new each time.
    """
    if not place.exists():
        made = {user: _user(secrets.token_urlsafe(18)) for user in users}
        place.parent.mkdir(parents=True, exist_ok=True)
        new = place.with_name(f"{place.name}.{os.getpid()}")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(made, file)
        try:
            os.link(new, place)
        except FileExistsError:
            pass  # Another process was first: its logins count.
        finally:
            new.unlink()
    found: Logins = json.loads(place.read_text())
    return found


def _user(password: str) -> dict[str, str]:
    return {"password": password, "hash": f"{{ARGON2ID}}{_LIGHT.hash(password)}"}
