"""The edge, and the one way, by which a host is asked: `postroad.host.question` over a channel.

For commands, for the audit and in a run. One channel at a time on the one connection, within a time
and a number of octets; whatever goes wrong, on whichever side, is an UnansweredError of this host.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar, cast

# First of all: it makes sockets cooperative, which must be before anything imports ssl.
import gevent  # type: ignore[import-untyped]
import pyinfra_cli  # type: ignore[import-untyped]  # noqa: F401
from paramiko import Channel, ChannelException, SSHClient, SSHException
from pyinfra.api.arguments import (
    CONNECTOR_ARGUMENT_KEYS,
    ConnectorArguments,
    pop_global_arguments,
)
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.api.host import Host
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.util import (
    ASKPASS_COMMAND,
    SUDO_ASKPASS_ENV_VAR,
    SUDO_PASSWORD_REQUIRED_LINES,
    execute_command_with_sudo_retry,
    make_unix_command_for_host,
)

from postroad.host.question import (
    KILLED_AFTER,
    MARK,
    Question,
    Said,
    asker,
    asking,
    fault,
    heard,
    is_done,
    misread,
)
from postroad.mail.preflight import NOT_ROOT
from postroad.roles.run.pyinfra_words import mended
from postroad.roles.run.su import REFUSALS, prepared
from postroad.settings.terminal import inform, line

T = TypeVar("T")


class Show(Protocol):
    """Shows a line that a host says."""

    def __call__(self, text: str, *, is_error: bool) -> None: ...


#: Who sees all of a host (id(1)).
ROOT = "0"
#: Beyond what the questions may take on the host: for the way there and back, in seconds.
ROUND = 15
#: For a connection: name, handshake and login (paramiko has a limit for each, and none for all).
CONNECT = 45
#: For what a connection leaves behind, at its end.
FAREWELL = 5
#: More octets than any answer has; a backup is the longest (`postroad.mail.backup.places`).
MOST = 1 << 30
MOST_WORDS = 1 << 20
#: How long sshd(8) may take to end a session whose work is done (MaxSessions), in seconds.
SESSION_ENDS = 5.0
_GLANCE = 0.1
# RFC 4254 5.1: SSH_OPEN_ADMINISTRATIVELY_PROHIBITED, and what sshd(8) says of one session too many,
# SSH_OPEN_CONNECT_FAILED.
_NO_SESSION = (1, 2)

UNREACHABLE = "check its address, the key and the known_hosts file of the inventory"


class UnansweredError(PyinfraError):
    """A host did not answer a question; ``reason`` says why, on one line and without its name."""

    def __init__(self, host: str, reason: str) -> None:
        self.host, self.reason = host, reason
        super().__init__(f"{host}: {reason}")


def ask(pyhost: Host, question: Question[T]) -> T:
    """The answer of a host that is connected, or can be. Raises UnansweredError."""
    answer: T | UnansweredError = ask_all(pyhost, {question.about: question})[question.about]
    if isinstance(answer, UnansweredError):
        raise answer
    return answer


def ask_all(pyhost: Host, questions: Mapping[str, Question[Any]]) -> dict[str, Any]:
    """The answer to each question, or an UnansweredError in its place: side by side, in one go."""
    asked = list(questions.values())
    try:
        said = _converse(pyhost, asked)
    except UnansweredError as error:
        return dict.fromkeys(questions, error)
    return {
        name: _read(pyhost, question, one)
        for (name, question), one in zip(questions.items(), said, strict=True)
    }


def _read(pyhost: Host, question: Question[T], said: Said) -> T | UnansweredError:
    if why := fault(said, question.seconds):
        return UnansweredError(pyhost.name, f"{question.about}: {why}")
    try:
        return question.read(said.lines)
    # A host may say anything, and whatever a reader makes of it is this host's trouble alone.
    except Exception as error:
        return UnansweredError(pyhost.name, f"{question.about}: {misread(said, error)}")


def connect(pyhost: Host) -> None:
    """Connect to a host that is not connected yet. Raises UnansweredError with the reason."""

    def made() -> None:
        pyhost.connect(show_errors=False, raise_exceptions=True)

    if not pyhost.connected:
        try:
            _within(CONNECT, made)
        except TimeoutError:
            _give_up(pyhost)
            raise UnansweredError(pyhost.name, f"no connection within {CONNECT} seconds") from None
        except ConnectError as error:
            said = line(error)
            known = mended(said)
            why = f"({said}): {UNREACHABLE}" if known == said else f"({known})"
            why = f"no connection {why}"
            raise UnansweredError(pyhost.name, why) from None
        # Keys, configuration files and proxies are read on the way: anything may come of them.
        except Exception as error:
            why = f"no connection: {mended(_named(error))}"
            raise UnansweredError(pyhost.name, why) from None


def _give_up(pyhost: Host) -> None:
    """Have nobody go on with a connection that is not wanted any more."""
    client = getattr(pyhost.connector, "client", None)
    if client is not None:
        client.close()


def disconnect(pyhost: Host) -> None:
    """Leave a host. Nothing is waited for long, and nothing that fails is of interest."""
    if pyhost.connected:
        try:
            _within(FAREWELL, pyhost.disconnect)
        except Exception:
            pyhost.connected = False


def _within(seconds: float, work: Callable[[], T]) -> T:
    """What ``work`` returns. TimeoutError after so many seconds, whatever it waits for."""
    limit = gevent.Timeout(seconds)
    limit.start()
    try:
        return work()
    except gevent.Timeout as passed:
        if passed is not limit:
            raise
        raise TimeoutError from None
    finally:
        limit.close()


def _converse(pyhost: Host, questions: Sequence[Question[Any]]) -> list[Said]:
    """What the host says to all questions. Raises UnansweredError where nothing can be asked."""
    connect(pyhost)
    seconds = max(question.seconds for question in questions) + KILLED_AFTER + ROUND
    try:
        return _within(seconds, lambda: _asked(pyhost, questions))
    except UnansweredError:
        raise
    except TimeoutError:
        why = f"no answer within {seconds:g} seconds"
    except ChannelException as error:
        why = f"its sshd opens no session ({line(error)}): see MaxSessions in sshd_config(5)"
    except (SSHException, EOFError, OSError) as error:
        why = f"the connection broke, or its sshd starts nothing: {_named(error)}"
    # pyinfra and its connectors, on what they did not expect of a host.
    except Exception as error:
        why = _named(error)
    raise UnansweredError(pyhost.name, why)


def _named(error: Exception) -> str:
    said = line(str(error).strip() or "no reason is told")
    return said if isinstance(error, PyinfraError) else f"{type(error).__name__}: {said}"


def _asked(pyhost: Host, questions: Sequence[Question[Any]]) -> list[Said]:
    arguments = _arguments(pyhost)
    mark = f"{MARK}{secrets.token_hex(8)}"
    text = asking(mark, questions, arguments.get("_env") or ())
    output, errors = _spoken(pyhost, mark, text, arguments)
    _show(pyhost, questions, output)
    found = heard(mark, len(questions), output, errors)
    uid = asker(mark, output)
    if uid not in ("", ROOT):
        raise UnansweredError(pyhost.name, NOT_ROOT)
    if not uid and _wants_password(errors):
        raise UnansweredError(
            pyhost.name,
            "sudo asks for a password there: give it in the inventory (_sudo_password), or allow"
            " the account to do without (sudoers(5), NOPASSWD)",
        )
    if not uid and any(refusal in errors for refusal in REFUSALS):
        raise UnansweredError(
            pyhost.name,
            "su lets nobody in there: write root's password under _su_password in the inventory,"
            " and see that root has one (passwd -S root)",
        )
    return found


def _arguments(pyhost: Host) -> dict[str, Any]:
    """How commands are run there by what the inventory, pyinfra's options and a deploy say."""
    of_operation: dict[str, Any] = dict(pyhost.current_op_global_arguments or {})
    every, _ = pop_global_arguments(pyhost.state, pyhost, of_operation)
    known = {key: value for key, value in every.items() if key in CONNECTOR_ARGUMENT_KEYS}
    # Ours to say, and of no use for a question.
    for ours in ("_stdin", "_timeout", "_get_pty", "_success_exit_codes"):
        known.pop(ours, None)
    return known


class _Askpass(Question[str]):
    """Makes the program that hands pyinfra's password to sudo(8), as pyinfra does.

    pyinfra takes the first line that the host says for its name, whoever says it.
    """

    about = "the program that hands over the password for sudo"

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def script(self) -> str:
        return ASKPASS_COMMAND.format(self.folder, SUDO_ASKPASS_ENV_VAR).strip()

    def read(self, lines: Sequence[str]) -> str:
        (path,) = lines
        return path


def _prepare_password(pyhost: Host, arguments: Mapping[str, Any]) -> None:
    """Have pyinfra know its askpass program before it looks for it."""
    password = arguments.get("_sudo_password") or pyhost.connector_data.get(
        "prompted_sudo_password"
    )
    folder = arguments.get("_temp_dir") or pyhost.get_temp_dir_config()
    place = f"sudo_askpass_path__{folder}"
    if not (arguments.get("_sudo") and password) or pyhost.connector_data.get(place):
        return
    question, mark = _Askpass(folder), f"{MARK}{secrets.token_hex(8)}"
    (said,) = heard(mark, 1, *_spoken(pyhost, mark, asking(mark, [question]), {}))
    path = _read(pyhost, question, said)
    if isinstance(path, UnansweredError):
        raise path
    pyhost.connector_data[place] = path


def _wants_password(errors: str) -> bool:
    return any(word.strip() in SUDO_PASSWORD_REQUIRED_LINES for word in errors.split("\n"))


def _spoken(pyhost: Host, mark: str, script: str, arguments: Mapping[str, Any]) -> tuple[str, str]:
    """What the host says to standard output and error where it is given ``script``."""
    connector = pyhost.connector
    if isinstance(connector, SSHConnector):
        return spoken_over(connector, pyhost, mark, script, arguments)
    shell, given = prepared(StringCommand("sh", "-s"), {**arguments, "_stdin": script})
    _, said = pyhost.run_shell_command(shell, **given)
    return f"\n{said.stdout}\n", f"\n{said.stderr}\n"


def spoken_over(
    connector: SSHConnector,
    pyhost: Host,
    mark: str,
    script: str,
    arguments: Mapping[str, Any],
    show: Show | None = None,
) -> tuple[str, str]:
    """What is said to standard output and error over a new channel of a connection.

    ``script`` says ``mark`` and "done" at its end, to both. Raises OSError, SSHException and
    EOFError.
    """
    shell, given = prepared(StringCommand("sh", "-s"), {**arguments, "_stdin": script})
    stdin = given.pop("_stdin")
    for ours in ("_timeout", "_get_pty", "_success_exit_codes"):
        given.pop(ours, None)
    spoken: list[_Heard] = []

    def once() -> tuple[int, Any]:
        _prepare_password(pyhost, arguments)
        command = make_unix_command_for_host(pyhost.state, pyhost, shell, **given)
        status, heard_of = _over(connector.client, command.get_raw_value(), stdin, mark, show)
        spoken.append(heard_of)
        return status, heard_of

    # pyinfra asks a person for sudo's password; where there is none, nobody is waited for.
    if sys.stdin is not None and sys.stdin.isatty():
        execute_command_with_sudo_retry(pyhost, cast(ConnectorArguments, arguments), once)
    else:
        once()
    return spoken[-1].output, spoken[-1].errors


@dataclass(slots=True)
class _Stream:
    """What came of one of a channel's two ways, and where it ends."""

    receive: Callable[[int], bytes]
    most: int
    show: Callable[[str], None] | None = None
    octets: bytearray = field(default_factory=bytearray)
    shown: int = 0

    def until(self, mark: str) -> None:
        """Read to the end that the mark makes, or to any other; each line is shown as it comes."""
        while more := self.receive(1 << 16):
            self.octets += more
            if self.show is not None:
                self._show_lines(self.show)
            if is_done(mark, bytes(self.octets[-len(more) - len(mark) - 8 :])):
                return
            if len(self.octets) > self.most:
                raise OSError(f"it says more than {self.most >> 20} MiB")

    def _show_lines(self, show: Callable[[str], None]) -> None:
        end = self.octets.rfind(b"\n") + 1
        for said in self.octets[self.shown : end].split(b"\n"):
            show(said.decode("utf-8", errors="replace"))
        self.shown = max(self.shown, end)

    @property
    def text(self) -> str:
        return "\n" + self.octets.decode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class _Heard:
    """What pyinfra wants to know of a command for its question about sudo's password."""

    output: str
    errors: str

    @property
    def combined_lines(self) -> list[Any]:
        return [_Line(text) for text in self.errors.split("\n")]


@dataclass(frozen=True, slots=True)
class _Line:
    line: str


def _over(
    client: SSHClient | None, command: str, script: str, mark: str, show: Show | None
) -> tuple[int, _Heard]:
    """Exit status and output of ``command``, which is given ``script``, over one new channel.

    Not pyinfra's own reading: that has no limit to what is said, ends at the first octet that is no
    UTF-8 with a traceback, and waits for whoever holds the channel open when all has been said.
    """
    channel = _opened(client)
    try:
        channel.exec_command(command)
        channel.sendall(script.encode())
        channel.shutdown_write()
        out = _Stream(channel.recv, MOST, _showing(show, is_error=False))
        err = _Stream(channel.recv_stderr, MOST_WORDS, _showing(show, is_error=True))
        readers = [gevent.spawn(_caught, stream, mark) for stream in (out, err)]
        try:
            for reader in gevent.iwait(readers):
                if reader.value is not None:
                    raise reader.value
        finally:
            gevent.killall(readers, block=False)
        # The shell ends now: until it has, its session is not free for what comes next.
        if is_done(mark, bytes(out.octets)):
            channel.status_event.wait(SESSION_ENDS)
            return 0, _Heard(out.text, err.text)
        return channel.recv_exit_status(), _Heard(out.text, err.text)
    finally:
        channel.close()


def _showing(show: Show | None, *, is_error: bool) -> Callable[[str], None] | None:
    return None if show is None else partial(show, is_error=is_error)


def _caught(stream: _Stream, mark: str) -> Exception | None:
    """A greenlet that fails writes a traceback of its own."""
    try:
        stream.until(mark)
    except Exception as error:
        return error
    return None


def _opened(client: SSHClient | None) -> Channel:
    """A session. The one before it has been left, and may still be ending on the host."""
    transport = client.get_transport() if client else None
    if transport is None or not transport.is_active():
        raise SSHException("it is closed")
    waited = 0.0
    while True:
        try:
            return transport.open_session(timeout=ROUND)
        except ChannelException as error:
            if error.code not in _NO_SESSION or waited >= SESSION_ENDS:
                raise
            gevent.sleep(_GLANCE)
            waited += _GLANCE


def _show(pyhost: Host, questions: Sequence[Question[Any]], output: str) -> None:
    """What pyinfra would show of a fact (-v)."""
    if pyhost.state.print_fact_info:
        inform(f"{pyhost.name} was asked for {', '.join(q.about for q in questions)}")
    if pyhost.state.print_fact_output:
        for said in output.split("\n"):
            inform(f"{pyhost.name}: {line(said)}")
