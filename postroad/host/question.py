"""One question to a host, and how its answer is told from all else that the host says. Pure.

What a host prints is not only the answer: its login shell, sudo(8) and whoever wrote ~/.bashrc may
speak before it, behind it and instead of it. So an answer stands between marks that nobody can
know beforehand, each on a line of its own, with the exit status of what was run; and whatever is
not there was not answered.

The script comes over standard input of a plain ``sh -s``: what the account's own shell has to read
is one short line, which every shell understands (tcsh(1) takes no line feed between quotes, and no
long words). Several questions are asked side by side over one channel,
since a host may allow a connection one session (sshd_config(5), MaxSessions).
"""

from __future__ import annotations

import re
import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from postroad.host.environment import clean
from postroad.settings.terminal import line

T = TypeVar("T")

#: Every mark begins so. Behind it comes what makes each asking another one.
MARK = "@@postroad-"
#: So long, in seconds, may a question take that says nothing else.
SECONDS = 60
#: How long timeout(1) waits for an end before it makes one, in seconds.
KILLED_AFTER = 5
#: A reason is read on a phone at night.
REASON = 200

# What shells (dash, bash) and Python say where the kernel gives them no process or no memory. A
# script may have gone on after it, with half of its answer missing.
_STARVED = re.compile(
    r"cannot fork|can't fork|fork: (?:retry: )?resource|cannot allocate memory"
    r"|can't start new thread|BlockingIOError: \[Errno 11\]|MemoryError"
    r"|error while loading shared libraries",
    re.IGNORECASE,
)
# timeout(1): it has ended the command, or has had to kill it.
_TIMED_OUT = (124, 124 + 13)
_BARE = re.compile(r"No module named '(?:dkim|dns)|python3: not found|python3.*No such file")
_SILENT = ", and says nothing: what its account's shell reads first (~/.bashrc) may end it"
_NOT_DEPLOYED = "; a host that was never deployed lacks what it is asked with: run the deploy first"


class Question(ABC, Generic[T]):
    """What a host is asked. ``about`` is what it is called where there is no answer."""

    about: str
    #: How long it may take on the host, in seconds.
    seconds: float = SECONDS

    @abstractmethod
    def script(self) -> str:
        """Shell that prints the answer, for ``sh -c``; it changes nothing, and reads no input."""

    @abstractmethod
    def read(self, lines: Sequence[str]) -> T:
        """The answer that these lines are. Any exception says that they are none."""


def program(text: str, *arguments: str) -> str:
    """Shell that runs a Python program: by itself, whatever folder or environment it is in.

    By Debian's Python, which has Debian's modules: an operator's own may come first in PATH.
    """
    return shlex.join(["/usr/bin/python3", "-IB", "-c", text, *arguments])


def asking(mark: str, questions: Sequence[Question[Any]], kept: Iterable[str] = ()) -> str:
    """The script that asks ``questions`` side by side; ``mark`` begins each of its own lines.

    ``kept`` are names of environment variables that the operator has set (`environment.clean`).

    A pipeline starts all its commands together (POSIX shell, 2.9.2); each says its own part and
    hands on what comes from the left, so that an answer stays together. What is said to standard
    error is marked as well, to know whose it is. timeout(1) ends whatever began of a question.
    """
    parts = " | ".join(
        f"{{ q {number} {question.seconds:g} {shlex.quote(question.script())}; cat; }}"
        for number, question in enumerate(questions)
    )
    return "\n".join(
        [
            f"m={shlex.quote(mark)}",
            clean((*kept, "m")),
            "export m",
            "t() { printf '\\n%s %s begin\\n' $m $1",
            f'timeout -k {KILLED_AFTER} "$2" sh -c "$3" </dev/null',
            "printf '\\n%s %s end %s\\n' $m $1 $?; }",
            'q() { { t "$@" 2>&1 >&3 | awk -v n=$1 \'{ print ENVIRON["m"], n, $0 }\' >&2; } '
            "3>&1; }",
            "printf '\\n%s uid %s\\n' $m $(id -u)",
            f"true | {parts}",
            "printf '\\n%s done\\n' $m; printf '\\n%s done\\n' $m >&2; exit",
            "",
        ]
    )


def asker(mark: str, output: str) -> str:
    """The number of the account that was asked as (id(1)); empty where nothing was."""
    own = f"{mark} uid "
    return next((s.removeprefix(own) for s in output.split("\n") if s.startswith(own)), "")


def is_done(mark: str, said: bytes) -> bool:
    """Whether the host has said all that it was asked for: whoever speaks on is not waited for."""
    return f"\n{mark} done\n".encode() in said


@dataclass(frozen=True, slots=True)
class Said:
    """What a host made of one question.

    ``status`` is the exit status, None where it did not come so far; ``lines`` are the answer,
    ``words`` those to standard error; ``noise`` is what the host said besides, to anybody.
    """

    lines: tuple[str, ...]
    words: tuple[str, ...]
    status: int | None
    noise: tuple[str, ...]


def heard(mark: str, count: int, output: str, errors: str) -> list[Said]:
    """What ``count`` questions were answered, by what the host printed."""
    spoken, words = output.split("\n"), errors.split("\n")
    ours = f"{mark} "
    beside = [word for word in words if word.strip() and not word.startswith(ours)]
    noise = (*_before(spoken, ours), *beside)
    return [_said(mark, number, spoken, words, noise) for number in range(count)]


def _before(lines: Sequence[str], ours: str) -> Iterator[str]:
    """What was said before the first mark. What stands behind it may be secret."""
    for said in lines:
        if said.startswith(ours):
            return
        if said.strip():
            yield said


def _said(
    mark: str, number: int, spoken: Sequence[str], words: Sequence[str], noise: tuple[str, ...]
) -> Said:
    own = f"{mark} {number} "
    told = tuple(word.removeprefix(own) for word in words if word.startswith(own))
    begin = next((at for at, said in enumerate(spoken) if said == f"{own}begin"), None)
    if begin is None:
        return Said((), told, None, noise)
    end = next(
        (at for at, said in enumerate(spoken) if at > begin and said.startswith(f"{own}end ")), None
    )
    body = spoken[begin + 1 : end]
    # The mark begins with a line feed of its own, for an answer that ends without one.
    lines = tuple(body[:-1] if body and not body[-1] else body)
    status = spoken[end].removeprefix(f"{own}end ") if end is not None else ""
    return Said(lines, told, int(status) if status.isdecimal() else None, noise)


def fault(said: Said, seconds: float) -> str:
    """Why this is no answer, in one line; empty where it may be one."""
    starved = next((w for w in (*said.words, *said.noise) if _STARVED.search(w)), "")
    if starved:
        return f"it cannot start programs, for want of processes or memory: {_short(starved)}"
    if said.status in _TIMED_OUT:
        return f"no answer within {seconds:g} seconds"
    if said.status is None:
        if said.lines:
            return f"its answer was cut off{_quoted(said)}"
        return f"it does not do what it is asked{_quoted(said) or _SILENT}"
    if said.status:
        return f"it could not tell{_quoted(said)}"
    return ""


def misread(said: Said, error: Exception) -> str:
    """Why an answer could not be read, in one line."""
    why = _short(str(error) or type(error).__name__)
    # Beside an answer, what was said to standard error is about something else.
    return f"its answer cannot be read ({why}){'' if said.lines else _quoted(said)}"


def gist(said: Said) -> str:
    """The last that the host said about it: there a program's error ends, and sudo's begins."""
    words = [word for word in said.words if word.strip()] or list(said.noise)
    return _short(words[-1]) if words else ""


def _short(text: str) -> str:
    return line(text.strip())[:REASON]


def _quoted(said: Said) -> str:
    found = gist(said)
    if not found:
        return ""
    bare = _NOT_DEPLOYED if any(_BARE.search(w) for w in (*said.words, *said.noise)) else ""
    return f"; it says: {found}{bare}"
