"""Letters written and submitted on the application's host, by libraries that shops use."""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab import onhost
from lab.hosts import here
from lab.hosts.guest import Guest
from lab.world import npm

_PROGRAMS = onhost.FOLDER / "libraries"
_FOLDER = "/run/libraries"
_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "PHPMailer": ("php", f"{_FOLDER}/phpmailer.php"),
    "Symfony": ("php", f"{_FOLDER}/symfony.php"),
    "Nodemailer": ("node", f"{_FOLDER}/nodemailer.js"),
    "Python": ("python3", f"{_FOLDER}/python.py"),
}


@dataclass(frozen=True)
class Door:
    """Where letters are handed in by STARTTLS and login, and their MAIL FROM."""

    host: str
    port: int
    user: str
    password: str
    sender: str


def ready(guest: Guest) -> None:
    """Put the programs, Nodemailer and the application's own keys on its host."""
    place = here.CLONE / "build" / "libraries"
    npm.install(_PROGRAMS / "package.json", place)
    npm.carry(place, guest, _FOLDER)
    for program in _PROGRAMS.glob("*.*"):
        guest.write_file(f"{_FOLDER}/{program.name}", program.read_text(encoding="utf-8"))
    guest.run(["sh", "-s", _FOLDER], input=onhost.program("libraries/keys.sh"))


def submit(
    guest: Guest, library: str, door: Door, orders: Iterable[Mapping[str, object]]
) -> dict[str, str]:
    """Have *library* write and hand in what is ordered, over one connection (lab/onhost/libraries).

    Returns for each letter's key why it was refused, or nothing. Raises LabError where the
    program fails.
    """
    server = {
        "host": door.host,
        "port": door.port,
        "user": door.user,
        "password": door.password,
        "sender": door.sender,
    }
    order = json.dumps({"server": server, "folder": _FOLDER, "letters": list(orders)})
    done = guest.run(_COMMANDS[library], input=order, timeout=300)
    return dict(json.loads(done.stdout))


def own_faults(guest: Guest, messages: Sequence[tuple[str, bytes]]) -> list[str]:
    """What is wrong with the signature that the application itself made of each message.

    *messages* are pairs of ``smime`` or ``pgp`` and the octets that arrived. Empty where it
    verifies.
    """
    written = [(kind, b64encode(raw).decode()) for kind, raw in messages]
    order = json.dumps({"folder": _FOLDER, "messages": written})
    done = guest.run(["python3", f"{_FOLDER}/verify.py"], input=order, timeout=300)
    said: list[str] = json.loads(done.stdout)
    return said
