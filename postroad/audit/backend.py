"""testinfra over pyinfra's own connection: the same inventory, options and verified host keys.

testinfra's backends of its own either do not verify host keys (paramiko) or make a handshake for
each command (ssh).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote, unquote

import testinfra.backend
from pyinfra.api.host import Host
from testinfra.backend import base

from postroad.host.answers import from_json
from postroad.host.question import Question, program
from postroad.roles.run.ask import ask

NAME = "pyinfra"

# A command may print anything, and so what it prints comes in base64.
_RUN = """
import base64, json, subprocess, sys
done = subprocess.run(["sh", "-c", sys.argv[1]], input=sys.argv[2].encode(), capture_output=True)
said = [base64.b64encode(octets).decode() for octets in (done.stdout, done.stderr)]
json.dump({"status": done.returncode, "output": said[0], "errors": said[1]}, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended, with all that it printed, in base64."""

    status: int
    output: str
    errors: str


@dataclass(frozen=True)
class Command(Question[Ran]):
    """A command of somebody's own check, with what is given to its standard input."""

    text: str
    stdin: str = ""

    about = "a command of a check"

    def script(self) -> str:
        return program(_RUN, self.text, self.stdin)

    def read(self, lines: Sequence[str]) -> Ran:
        found: Ran = from_json(Ran, lines)
        return found


class PyinfraBackend(base.BaseBackend):  # type: ignore[misc]
    """Runs commands through a pyinfra host that is connected, or connects it first.

    testinfra makes backends from text alone, hence the table of hosts that belongs to the class.
    """

    NAME = NAME
    hosts: ClassVar[dict[str, Host]] = {}

    def __init__(self, hostname: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(unquote(hostname), *args, **kwargs)

    def get_pytest_id(self) -> str:
        """The inventory's name of the host alone: it is what people call it."""
        return str(self.hostname)

    def run(self, command: str, *args: str, **kwargs: Any) -> base.CommandResult:
        """Run a command; ``stdin`` is text for its standard input. UnansweredError.

        Sudo is pyinfra's own (``_sudo`` in the inventory), as for a deploy.
        """
        text = self.get_command(command, *args)
        ran = ask(self.hosts[self.hostname], Command(text, kwargs.get("stdin") or ""))
        output, errors = (base64.b64decode(said) for said in (ran.output, ran.errors))
        return self.result(ran.status, text.encode(), output, errors)


def register(hosts: dict[str, Host]) -> None:
    """Make ``pyinfra://NAME`` a host of testinfra for each of ``hosts``."""
    PyinfraBackend.hosts = hosts
    testinfra.backend.BACKENDS[NAME] = f"{PyinfraBackend.__module__}.{PyinfraBackend.__name__}"


def address(name: str) -> str:
    """What testinfra calls the host; an inventory's names may hold slashes (@docker/…)."""
    return f"{NAME}://{quote(name, safe='')}"
