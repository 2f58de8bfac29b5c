"""testinfra over pyinfra's own connection: the same inventory, options and verified host keys.

testinfra's backends of its own either do not verify host keys (paramiko) or make a handshake for
each command (ssh).
"""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import quote, unquote

import testinfra.backend
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from testinfra.backend import base

NAME = "pyinfra"


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
        """Run a command; ``stdin`` is text for its standard input. ConnectError where no host is.

        Sudo is pyinfra's own (``_sudo`` in the inventory), as for a deploy.
        """
        pyhost = self.hosts[self.hostname]
        text = self.get_command(command, *args)
        if not pyhost.connected:
            pyhost.connect(show_errors=False, raise_exceptions=True)
        # pyinfra tells success from failure, testinfra wants the number.
        told = StringCommand(f"{text}\n printf '\\n%s' $? >&2")
        _, output = pyhost.run_shell_command(
            told, _stdin=kwargs.get("stdin"), **_privileges(pyhost)
        )
        *errors, status = output.stderr_lines
        return self.result(int(status), text.encode(), output.stdout, "\n".join(errors))


def _privileges(pyhost: Host) -> dict[str, Any]:
    names = ("_sudo", "_sudo_user", "_use_sudo_login", "_su_user", "_shell_executable")
    return {name: value for name in names if (value := pyhost.data.get(name)) is not None}


def register(hosts: dict[str, Host]) -> None:
    """Make ``pyinfra://NAME`` a host of testinfra for each of ``hosts``."""
    PyinfraBackend.hosts = hosts
    testinfra.backend.BACKENDS[NAME] = f"{PyinfraBackend.__module__}.{PyinfraBackend.__name__}"


def address(name: str) -> str:
    """What testinfra calls the host; an inventory's names may hold slashes (@docker/…)."""
    return f"{NAME}://{quote(name, safe='')}"
