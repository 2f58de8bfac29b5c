"""What pyinfra says of the operator's files, and of hosts that it cannot reach: with the mend.

pyinfra shows what goes wrong in an inventory, in group_data or on the way to a host as Python and
paramiko say it, with their frames. A newcomer meets these words first. `plainly` has them name the
operator's own file and line, and what to write instead; a fault of postroad's keeps its traceback.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from traceback import walk_tb
from typing import Any

import pyinfra
from gevent.hub import Hub  # type: ignore[import-untyped]
from pyinfra.api import output
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.state import BaseStateCallback, State

from postroad.data import PACKAGE
from postroad.settings.python import failed
from postroad.settings.terminal import fail, guard_logs, guarded, reword

_COMPARE = "and compare it with what the host's own console shows"
# What pyinfra and paramiko say → what to do. Each is said of one host, whose name stands before it.
_MENDS = (
    (
        r"No such private key file: (?P<it>[^\s;]+)",
        'write the file that is there under "ssh_key", or make it by'
        " ssh-keygen -t ed25519 -f {it} and let the host know it",
    ),
    (
        r"Invalid private key file: (?P<it>[^\s;]+)",
        'name the private half of a key under "ssh_key": its file begins with -----BEGIN',
    ),
    (
        r"Private key file \((?P<it>[^)]+)\) is encrypted",
        'ssh-add {it}, and leave "ssh_key" out: the agent has it then',
    ),
    (
        r"StrictPolicy: No host key for (?P<it>\S+) found in known_hosts",
        "read it by ssh-keyscan -t ed25519 {it} into the file that the inventory names under"
        f' "ssh_known_hosts_file", {_COMPARE}',
    ),
    (
        r"Failed to load host keys from (?P<it>\S+): \[Errno 2\][^;]*",
        f"make it by ssh-keyscan -t ed25519 ADDRESS > {{it}}, {_COMPARE}; a relative path begins in"
        " the folder where pyinfra is started",
    ),
    (
        r"Host key for (?P<it>\S+) does not match\.?",
        "if the host was installed anew, take its old line out of the known_hosts file and read the"
        f" new one, {_COMPARE}",
    ),
    (
        r"Authentication error \((?P<it>[^)]*)\)",
        'the host lets nobody in so: check "ssh_user" and "ssh_key" in the inventory, as by ssh -v',
    ),
    (
        r"Could not resolve hostname",
        'write its address under "ssh_hostname" in the inventory',
    ),
    (
        r"No running Vagrant instances matching `(?P<it>[^`]+)` found!",
        "start it by vagrant up {it}",
    ),
    (
        r"Error reading SSH protocol banner|Indecipherable protocol version",
        'what answers there speaks no SSH: check "ssh_hostname" and "ssh_port" in the inventory,'
        " and whether a firewall or fail2ban closes the connection",
    ),
    (
        r"No existing session",
        "its sshd says nothing, or has refused too many keys: look at its log and load on the"
        ' host\'s own console, and name one key under "ssh_key" in the inventory',
    ),
    (
        r"EOF error \(\)",
        "the connection ended before the login, or the key wants a passphrase and nobody is there"
        ' to be asked: ssh-add it, and leave "ssh_key" out',
    ),
    (
        r"Could not connect",
        'check "ssh_hostname" and "ssh_port" in the inventory, that the host is up, and lets your'
        " network in",
    ),
)


def mended(said: str) -> str:
    """What pyinfra said, and behind each line what to do; as it was where that is not known."""
    return "\n".join(map(_mended, said.split("\n")))


def _mended(said: str) -> str:
    for form, mend in _MENDS:
        if found := re.search(form, said):
            words = mend.format(**found.groupdict())
            # A record meets the filter of its logger and that of its handler.
            return said if words in said else f"{said}; {words}"
    return said


def guard() -> None:
    """From here on pyinfra tells what hosts say (errors, -v, --debug) as it may be printed."""
    guard_logs()
    # What pyinfra says of a host, and of the operator's Ctrl-C, is told where it ends: gevent need
    # not print the frames before.
    if PyinfraError not in Hub.NOT_ERROR:
        Hub.NOT_ERROR = (*Hub.NOT_ERROR, PyinfraError, KeyboardInterrupt)
    if output.is_output_active():
        output.set_echo(guarded(output._echo))


def plainly() -> None:
    """From here on pyinfra's words about operator's files and unreachable hosts are of use."""
    guard()
    reword(mended)


def errors_plainly() -> None:
    """From here on pyinfra's command ends in a sentence where the operator's file is at fault."""
    from pyinfra_cli import exceptions  # type: ignore[import-untyped]

    for kind, sentence in (
        (exceptions.UnexpectedExternalError, _of_a_file),
        (exceptions.WrappedError, _of_ours),
    ):
        if not hasattr(kind.show, "is_plain"):
            kind.show = _or_as_before(sentence, kind.show)


def _or_as_before(
    sentence: Callable[[Any], str], before: Callable[..., None]
) -> Callable[..., None]:
    def show(error: Any, file: Any = None) -> None:
        if said := sentence(error):
            fail(f"--> {said}")
        else:
            before(error, file)

    show.is_plain = True  # type: ignore[attr-defined]
    return show


def _of_a_file(error: Any) -> str:
    """What is wrong with a file that pyinfra ran; empty where postroad's own fault is behind it."""
    cause, ran = error.exception, str(error.filename)
    is_ours = any(_is_ours(frame.f_code.co_filename) for frame, _ in walk_tb(cause.__traceback__))
    if is_ours and not isinstance(cause, ModuleNotFoundError):
        return ""
    return str(failed(cause, ran, ran))


def _of_ours(error: Any) -> str:
    """What postroad said, or pyinfra of a host; empty where an operator's line is at fault."""
    files = [frame.f_code.co_filename for frame, _ in walk_tb(error.traceback)]
    is_told = any(map(_is_ours, files)) or any("gevent" in file for file in files)
    return str(error.message) if is_told else ""


def _is_ours(file: str) -> bool:
    return Path(file).is_relative_to(PACKAGE)


class _AtTheEnd(BaseStateCallback):
    """Says something once, when a run leaves its hosts."""

    def __init__(self, say: Callable[[], None]) -> None:
        self.say = say
        self.is_said = False

    def host_disconnect(self, state: State, host: Host) -> None:  # type: ignore[override]
        if not self.is_said:
            self.is_said = True
            self.say()


def at_the_end(run: State, tell: Callable[[str], None], text: str) -> None:
    """Have ``run`` say ``text`` last of all: behind pyinfra's table of results, a screen long.

    Whoever runs operations without pyinfra's command has no such table, and is told at once.
    """
    # pyinfra indents the first line of what is logged, and no other.
    words = f"\n{text}"
    if pyinfra.is_cli:
        run.add_callback_handler(_AtTheEnd(lambda: tell(words)))
    else:
        tell(words)
