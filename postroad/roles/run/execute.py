"""The edge, and the one way, by which a run's operations have a host do something.

As hosts are asked (`postroad.roles.run.ask`): whatever else a host says, in whatever octets, is no
fault, and nobody is waited for when the command has ended. Where no sshd is between, pyinfra's own.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import gevent  # type: ignore[import-untyped]
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host
from pyinfra.api.output import format_text
from pyinfra.connectors.base import BaseConnector
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.util import CommandOutput, OutputLine

from postroad.host.command import done, running
from postroad.host.question import MARK
from postroad.roles.run.ask import FAREWELL, Show, spoken_over
from postroad.roles.run.su import prepared
from postroad.settings import terminal

SAID_NOTHING = "it did not do what it was told, and said nothing: see the account's ~/.bashrc"


def execute(
    pyhost: Host,
    command: StringCommand,
    arguments: Mapping[str, Any],
    connector: BaseConnector | None = None,
) -> tuple[bool, CommandOutput]:
    """Whether ``command`` succeeded on the host, and what it said. By another ``connector`` too.

    ``arguments`` are those of pyinfra's connectors. Raises OSError, also for a time that is over,
    SSHException, and what pyinfra has for a host that it does not understand.
    """
    connector = connector or pyhost.connector
    shows, state = pyhost.state.print_output, pyhost.state
    if not isinstance(connector, SSHConnector):
        given_command, given = prepared(command, arguments)
        return connector.run_shell_command(given_command, shows, state.print_input, **given)
    if state.print_input:
        terminal.show(f"{pyhost.print_prefix}>>> {command}")
    mark = f"{MARK}{secrets.token_hex(8)}"
    text = running(mark, _script(command, arguments), arguments.get("_env") or ())
    show = _shown(pyhost, mark) if shows else None
    with gevent.Timeout(arguments.get("_timeout") or None, exception=TimeoutError):
        output, errors = spoken_over(connector, pyhost, mark, text, arguments, show)
    became = done(mark, output, errors)
    said = [
        *(OutputLine("stdout", text) for text in became.lines),
        *(OutputLine("stderr", text) for text in became.words),
    ]
    if became.status is None and not said:
        said = [OutputLine("stderr", SAID_NOTHING)]
    return became.status in (arguments.get("_success_exit_codes") or [0]), CommandOutput(said)


def forget_askpass(pyhost: Host) -> None:
    """Remove the program that hands sudo(8) a password: pyinfra's last command on a host, our way.

    A host that does not do it keeps a file without a secret: nothing is waited for long.
    """
    known = pyhost.connector_data
    for key in [name for name in known if name.startswith("sudo_askpass_path") and known[name]]:
        removal = StringCommand("rm", "-f", QuoteString(known[key]))
        known[key] = None
        with suppress(Exception):
            execute(pyhost, removal, {"_timeout": FAREWELL})


def _script(command: StringCommand, arguments: Mapping[str, Any]) -> str:
    """What is to be run: the script that a plain shell would be given, or else the command."""
    script = arguments.get("_stdin")
    raw = command.get_raw_value()
    if script is None:
        return raw
    text = script if isinstance(script, str) else "".join(f"{one}\n" for one in script)
    if raw != "sh -s":
        raise OSError(f"only a shell takes a script, and {terminal.line(raw)} is none")
    return text


def _shown(pyhost: Host, mark: str) -> Show:
    """Shows a line as it comes, as pyinfra does (-vv)."""

    def show(text: str, *, is_error: bool) -> None:
        if text.strip() and not text.startswith(f"{mark} "):
            said = terminal.line(text)
            terminal.show(f"{pyhost.print_prefix}{format_text(said, 'red') if is_error else said}")

    return show
