"""One way of asking a host: whatever it says, it is an answer or the reason why there is none."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.unit.strange_host import Shell, StrangeHost, obeys, pyhosts  # First: see there.

import gevent  # type: ignore[import-untyped]  # isort: skip
import paramiko  # isort: skip
import pytest
from pyinfra.api import host as hosts
from pyinfra.api.command import StringCommand
from pyinfra.api.config import Config
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.context import ctx_host, ctx_state

from postroad.host.question import Question, program
from postroad.mail.firewall.read import STATE_COMMAND
from postroad.roles.own import Sent
from postroad.roles.run import ask as module
from postroad.roles.run.ask import UnansweredError, ask, ask_all, connect
from postroad.roles.run.execute import forget_askpass

LATIN = "Willkommen in Köln\n".encode("latin-1")


@dataclass(frozen=True)
class Says(Question[list[str]]):
    """What a script prints, line by line."""

    text: str
    seconds: float = 20

    about = "its words"

    def script(self) -> str:
        return self.text

    def read(self, lines: Sequence[str]) -> list[str]:
        return list(lines)


def answer(host: StrangeHost, script: str, **data: Any) -> list[str]:
    with host.up(), pyhosts(host, **data) as (pyhost,):
        return ask(pyhost, Says(script))


def reason(host: StrangeHost, script: str = "echo yes", **data: Any) -> str:
    with pytest.raises(UnansweredError) as told:
        answer(host, script, **data)
    assert "\n" not in told.value.reason
    assert len(told.value.reason) < 400
    return told.value.reason


@pytest.fixture(autouse=True)
def _root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests sees all of the host that they make."""
    monkeypatch.setattr(module, "ROOT", str(os.getuid()))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROUND", -23)
    monkeypatch.setattr(module, "SESSION_ENDS", 0.3)


@pytest.mark.parametrize(
    "greeting",
    [
        b"",
        b"hello\n",
        b"hello",
        LATIN,
        b"\x00\xff\xfe\n",
        b'{"a": {}}\n',
        b"@@postroad end\n",
    ],
)
@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ("echo yes", ["yes"]),
        ("printf yes", ["yes"]),
        ("echo; echo", ["", ""]),
        ("true", []),
        ("echo 'a\nb'", ["a", "b"]),
        ('cat; echo "$PATH" | grep -c /usr/sbin', ["1"]),
        ("printf 'K\\366ln\\n'", ["K�ln"]),
    ],
)
def test_an_answer_is_what_was_asked_for_whatever_else_is_said(
    greeting: bytes, script: str, lines: list[str]
) -> None:
    assert answer(StrangeHost(greeting=greeting), script) == lines


def test_the_login_shell_reads_one_short_line() -> None:
    """tcsh takes no line feed within quotes, and no `!`; no command line may be too long."""
    host = StrangeHost()
    assert answer(host, f"# {'x' * 100_000}\necho '! yes'") == ["! yes"]
    (command,) = host.commands
    assert command == b"sh -c 'sh -s'"


def test_many_questions_take_one_channel_and_keep_apart() -> None:
    host = StrangeHost(greeting=b"hello\n", sessions=1)
    questions = {
        "big": Says("yes | head -c 300000"),
        "late": Says("sleep 0.3; echo late"),
        "broken": Says("echo half; echo 'no such thing' >&2; exit 3"),
        "slow": Says("sleep 60", seconds=0.5),
        "fine": Says("echo fine"),
    }
    with host.up(), pyhosts(host) as (pyhost,):
        said = ask_all(pyhost, questions)
    assert len(said["big"]) == 150_000
    assert (said["late"], said["fine"]) == (["late"], ["fine"])
    assert said["broken"].reason == "its words: it could not tell; it says: no such thing"
    assert said["slow"].reason == "its words: no answer within 0.5 seconds"
    assert len(host.commands) == host.most == 1


@pytest.mark.parametrize("sessions", [1, 2])
def test_one_question_after_the_other_needs_one_session(sessions: int) -> None:
    host = StrangeHost(sessions=sessions)
    with host.up(), pyhosts(host) as (pyhost,):
        assert [ask(pyhost, Says(f"echo {n}")) for n in range(5)] == [[str(n)] for n in range(5)]
    assert host.most == 1


def test_a_session_that_is_still_ending_is_waited_for() -> None:
    """sshd(8) counts a session until it has reaped its shell, a while after the last word of it."""
    host = StrangeHost(sessions=1, session_ends=0.5)
    with host.up(), pyhosts(host) as (pyhost,):
        assert [ask(pyhost, Says(f"echo {n}")) for n in range(3)] == [["0"], ["1"], ["2"]]


def test_other_connections_are_asked_in_the_same_way() -> None:
    inventory = Inventory((["@local"], {}))
    state = State()
    state.init(inventory, Config())
    (local,) = inventory
    with ctx_state.use(state), ctx_host.use(local):
        said = ask_all(local, {"fine": Says("echo yes"), "broken": Says("echo no >&2; exit 1")})
    assert said["fine"] == ["yes"]
    assert said["broken"].reason == "its words: it could not tell; it says: no"


def test_whoever_keeps_the_session_open_is_not_waited_for() -> None:
    """As a daemon that ~/.bashrc starts, and that keeps standard output."""
    assert answer(StrangeHost(lingers=True), "echo yes") == ["yes"]


def test_a_host_without_a_session_says_so(impatient: None) -> None:
    assert "MaxSessions" in reason(StrangeHost(sessions=0))


def test_a_host_that_starts_nothing_says_so(impatient: None) -> None:
    assert "its sshd starts nothing" in reason(StrangeHost(takes_commands=False))


def _silent(host: StrangeHost, channel: paramiko.Channel, command: bytes) -> None:
    gevent.sleep(60)


def _endless(host: StrangeHost, channel: paramiko.Channel, command: bytes) -> None:
    while True:
        channel.sendall(b"y\n" * 10_000)


def _hangs_up(host: StrangeHost, channel: paramiko.Channel, command: bytes) -> None:
    channel.sendall(b"\n@@postroad-")
    host.transports[-1].close()


def _echoes(host: StrangeHost, channel: paramiko.Channel, command: bytes) -> None:
    """As ForceCommand cat."""
    while given := channel.recv(1 << 16):
        channel.sendall(given)
    channel.send_exit_status(0)
    channel.close()


def _refuses(host: StrangeHost, channel: paramiko.Channel, command: bytes) -> None:
    channel.sendall(b"This account is currently not available.\n")
    channel.send_exit_status(1)
    channel.close()


def _dies(host: StrangeHost, channel: paramiko.Channel, command: bytes) -> None:
    obeys(host, channel, b"head -c 250 | sh")


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        (_silent, "no answer within 2 seconds"),
        (_hangs_up, "the connection broke"),
        (_echoes, "it does not do what it is asked"),
        (_refuses, "it does not do what it is asked; it says: This account is currently not"),
        (_dies, "it does not do what it is asked"),
    ],
)
def test_what_is_no_answer_is_told_as_what_it_is(shell: Shell, words: str, impatient: None) -> None:
    assert words in reason(StrangeHost(shell))


def test_a_host_that_never_ends_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1 << 20)
    assert "it says more than 1 MiB" in reason(StrangeHost(_endless))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exec 2>&1; echo x; kill $$", "it could not tell"),
        ("echo 'sh: 1: Cannot fork' >&2; echo half", "it cannot start programs"),
        ("echo 'BlockingIOError: [Errno 11] no' >&2; exit 1", "it cannot start programs"),
        (
            """echo "ModuleNotFoundError: No module named 'dkim'" >&2; exit 1""",
            "was never deployed lacks what it is asked with: run the deploy first",
        ),
        ("printf '\\033[31m\\nforged: all is well\\033' >&2; exit 1", "forged: all is well\\x1b"),
    ],
)
def test_why_it_could_not_tell(script: str, words: str) -> None:
    assert words in reason(StrangeHost(greeting=b"hello\n"), script)


def test_secrets_of_an_answer_that_was_cut_off_are_not_quoted(impatient: None) -> None:
    def cut(host: StrangeHost, channel: paramiko.Channel, command: bytes) -> None:
        mark = channel.recv(1 << 16).split(b"\n")[0].removeprefix(b"m=")
        channel.sendall(b"hello\n" + mark + b" 0 begin\nPRIVATE KEY\n")
        channel.close()

    assert reason(StrangeHost(cut)) == "its words: its answer was cut off; it says: hello"


@pytest.mark.parametrize("error", [KeyError("x"), RecursionError("deep"), AttributeError("a\nb")])
def test_whatever_a_reader_stumbles_over_is_the_host_s_trouble(error: Exception) -> None:
    class Stumbles(Says):
        def read(self, lines: Sequence[str]) -> list[str]:
            raise error

    host = StrangeHost()
    with host.up(), pyhosts(host) as (pyhost,), pytest.raises(UnansweredError) as told:
        ask(pyhost, Stumbles("echo yes"))
    assert "its answer cannot be read" in str(told.value)
    assert "\n" not in str(told.value)


def test_whoever_sees_a_part_of_a_host_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root, a log that may not be read knows no message, and no key is there."""
    monkeypatch.setattr(module, "ROOT", "77")
    assert "the connection is not root's: log in as root" in reason(StrangeHost())


def test_nobody_is_asked_for_a_password_where_nobody_is() -> None:
    host = StrangeHost()
    script = "#!/bin/sh\necho 'sudo: a password is required' >&2; exit 1\n"
    assert "_sudo_password" in reason(host, _sudo=True, **_sudo(script, host))


def test_a_password_is_handed_over_whatever_the_shell_says() -> None:
    """pyinfra takes the first line that it hears for the name of the program that hands it over."""
    host = StrangeHost(greeting=b"hello\n")
    sudo = '#!/bin/sh\n[ "$("$SUDO_ASKPASS")" = secret ] || exit 1\nshift 3\nexec "$@"\n'
    data = {"_sudo": True, "_sudo_password": "secret", **_sudo(sudo, host)}
    assert answer(host, "echo yes", **data) == ["yes"]


SU = """#!/bin/sh
# As su(1) of util-linux: to the end of a line, and no octet of what is behind it.
IFS= read -r given
[ "$given" = secret ] || { echo 'su: Authentication failure' >&2; exit 1; }
exec sh -c "$3"
"""
EASY = '#!/bin/sh\nexec sh -c "$3"\n'


@pytest.mark.parametrize("su", [SU, EASY], ids=["asks", "asks root for nothing"])
@pytest.mark.parametrize("greeting", [b"", b"hello\n"])
def test_a_password_for_su_comes_before_the_script(su: str, greeting: bytes) -> None:
    host = StrangeHost(greeting=greeting)
    data = {"_su_user": "root", "_su_password": "secret", **_becomes("su", su, host)}
    assert answer(host, "echo yes; cat; id >/dev/null", **data) == ["yes"]
    assert not any(b"secret" in command for command in host.commands)


def test_a_wrong_password_for_su_is_told() -> None:
    host = StrangeHost()
    data = {"_su_user": "root", "_su_password": "wrong", **_becomes("su", SU, host)}
    told = reason(host, **data)
    assert told.startswith("su lets nobody in there: write root's password under _su_password")
    assert "wrong" not in told


@pytest.mark.parametrize("su", [SU, EASY])
def test_what_a_run_does_is_done_behind_su_as_well(su: str, tmp_path: Path) -> None:
    """pyinfra's own way loses the script, and says that it has succeeded."""
    host, place = StrangeHost(), tmp_path / "done"
    data = {"_su_user": "root", "_su_password": "secret", **_becomes("su", su, host)}
    command = Sent.of(StringCommand("sh", "-s", _stdin=f"echo done > {place}\n"))
    with host.up(), pyhosts(host, **data) as (pyhost,):
        connect(pyhost)
        given = {"_su_user": "root", "_su_password": "secret"}
        worked, _ = command.execute(pyhost.state, pyhost, given)
    assert worked
    assert place.read_text() == "done\n"
    assert not any(b"secret" in command for command in host.commands)


# ---- what a run does


def did(
    host: StrangeHost, command: StringCommand, **given: Any
) -> tuple[bool, list[tuple[str, str]]]:
    """Whether an operation's command worked, and what pyinfra would show of it."""
    with host.up(), pyhosts(host) as (pyhost,):
        connect(pyhost)
        worked, said = Sent.of(command).execute(pyhost.state, pyhost, given)
    return worked, [(one.buffer_name, one.line) for one in said]


def script(text: str) -> StringCommand:
    return StringCommand("sh", "-s", _stdin=text)


@pytest.mark.parametrize("greeting", [b"", LATIN, b"\xff", b"\x00\xff\xfe\n", b"hello"])
def test_what_a_run_does_is_done_whatever_else_is_said(
    greeting: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """pyinfra's own reading ends in a traceback at the first octet that is no UTF-8."""
    host = StrangeHost(greeting=greeting)
    assert did(host, script("echo yes; printf 'K\\366ln' >&2")) == (
        True,
        [("stdout", "yes"), ("stderr", "K\ufffdln")],
    )
    assert did(host, StringCommand("echo", "yes")) == (True, [("stdout", "yes")])
    assert did(host, script("echo no >&2; exit 3")) == (False, [("stderr", "no")])
    assert did(host, script("exit 3"), _success_exit_codes=[3]) == (True, [])
    assert "Traceback" not in capfd.readouterr().err


def test_nobody_waits_for_who_holds_the_channel_when_a_command_has_ended() -> None:
    host = StrangeHost(lingers=True)
    with gevent.Timeout(20):
        assert did(host, script("echo yes")) == (True, [("stdout", "yes")])


def test_a_shell_that_ends_before_the_command_has_not_done_it(tmp_path: Path) -> None:
    """As an exit in ~/.bashrc does, with the status of success."""
    place = tmp_path / "done"

    def ends(host: StrangeHost, channel: paramiko.Channel, command: bytes) -> None:
        obeys(host, channel, b"exit 0; " + command)

    worked, said = did(StrangeHost(ends), script(f"touch {place}"))
    assert not worked
    assert "~/.bashrc" in said[0][1]
    assert not place.exists()
    assert "~/.bashrc" in reason(StrangeHost(ends))


def test_a_command_may_have_a_limit_of_time() -> None:
    with pytest.raises(TimeoutError), gevent.Timeout(20):
        did(StrangeHost(), script("sleep 60"), _timeout=1)


def test_a_host_is_left_at_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What handed sudo its password is removed by the last command, which pyinfra waits for."""
    monkeypatch.setattr(hosts, "remove_any_sudo_askpass_file", forget_askpass)
    place = tmp_path / "askpass"
    place.touch()
    host = StrangeHost(greeting=b"\xff\n", lingers=True)
    with host.up(), pyhosts(host) as (pyhost,), gevent.Timeout(20):
        connect(pyhost)
        pyhost.connector_data["sudo_askpass_path__/tmp"] = str(place)
        pyhost.disconnect()
    assert not place.exists()
    assert "Traceback" not in capfd.readouterr().err


HOSTILE = (
    "export POSIXLY_CORRECT=1 SYSTEMD_LOG_LEVEL=debug DBUS_SYSTEM_BUS_ADDRESS=bad IFS=x m=1 v=2;"
    " export https_proxy=http://proxy.example:3128 CDPATH=/ "
    "MANY='a\nexport b' BAD=\"$(printf '\\366 x')\"; "
)
SEEN = "env | sed 's/=.*//' | sort"


def test_the_environment_of_an_account_is_not_that_of_its_commands() -> None:
    def with_it(host: StrangeHost, channel: paramiko.Channel, command: bytes) -> None:
        obeys(host, channel, HOSTILE.encode() + command)

    names = {"HOME", "LC_ALL", "PATH", "PWD", "https_proxy"}
    worked, said = did(StrangeHost(with_it), script(SEEN))
    assert worked
    assert {name for _, name in said} <= names | {"v", "_"}
    asked = answer(StrangeHost(with_it), SEEN)
    assert set(asked) <= names | {"m", "v", "_"}
    kept, said = did(StrangeHost(with_it), script("echo $CDPATH"), _env={"CDPATH": "/x"})
    assert (kept, said) == (True, [("stdout", "/x")])


def test_what_the_shell_was_started_with_can_still_be_read_of_it() -> None:
    """Where the connection of a run comes from is asked of the parents' (proc(5), environ)."""

    def with_it(host: StrangeHost, channel: paramiko.Channel, command: bytes) -> None:
        obeys(host, channel, b"export SSH_CONNECTION='192.0.2.1 5 192.0.2.2 22'; " + command)

    found = answer(StrangeHost(with_it), f"({STATE_COMMAND})")
    assert "ssh=192.0.2.1 5 192.0.2.2 22" in found


def test_programs_are_run_by_debian_s_python() -> None:
    """An operator's own, first in PATH, has none of Debian's modules."""
    assert program("print(1)").startswith("/usr/bin/python3 -IB ")


def _sudo(script: str, host: StrangeHost) -> dict[str, Any]:
    """The host has this for its sudo(8)."""
    return _becomes("sudo", script, host)


def _becomes(program: str, script: str, host: StrangeHost) -> dict[str, Any]:
    """The host has this for its sudo(8) or su(1)."""

    def with_it(host: StrangeHost, channel: paramiko.Channel, command: bytes) -> None:
        place = f"$d/{program}"
        made = f"d=$(mktemp -d); printf %s {shlex.quote(script)} > {place}; chmod 755 {place}"
        obeys(host, channel, f"{made}; PATH=$d:$PATH; ".encode() + command)

    host.shell = with_it
    return {}


def test_why_there_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    host = StrangeHost()
    with host.up():
        pass
    with pyhosts(host) as (pyhost,), pytest.raises(UnansweredError, match="no connection"):
        connect(pyhost)
    given = {"ssh_key": "/nowhere/key"}
    with host.up(), pyhosts(host, **given) as (pyhost,), pytest.raises(UnansweredError) as told:
        connect(pyhost)
    assert "/nowhere/key" in told.value.reason


def test_a_host_that_greets_nobody_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT", 0.5)
    host = StrangeHost()
    monkeypatch.setattr(StrangeHost, "_serve", lambda self, listener: gevent.sleep(60))
    with host.up(), pyhosts(host) as (pyhost,), pytest.raises(UnansweredError) as told:
        connect(pyhost)
    assert told.value.reason == "no connection within 0.5 seconds"
