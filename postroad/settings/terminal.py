"""The one way to the operator's terminal: what cannot be printed is shown escaped.

Hosts say much of what is told here (log lines, replies of receivers, names of files, TXT records),
and a host may be hostile. A terminal obeys control characters (ECMA-48: C0, DEL, C1), bidirectional
controls turn a line around (UAX #9), and what has no width hides. Nothing else in postroad prints;
`guard_logs` and `guarded` do the same for what pyinfra tells.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from io import TextIOWrapper
from textwrap import wrap
from typing import Any

# Printable to str.isprintable(), and yet not to be seen (Unicode: Default_Ignorable_Code_Point).
_UNSEEN = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff"
)
_SUSPECT = re.compile("[^\x20-\x7e]")
# The colours in which pyinfra writes (click.style); whatever else begins with ESC is not its own.
_COLOUR = re.compile(r"(\x1b\[(?:0|1|3[1-6])m)")
# A row of pyinfra's tables: a name, and behind it what is counted, or the names of the columns.
_ROW = re.compile(r"(\S.*?) {3,}((?:Change|Hosts|-|[0-9]+)(?: .*)?)")
# Columns: what fits on a page or half a screen, and what is left there for a name.
WIDE = 110
NAME_WIDTH = 66
# Their file descriptors (stdin(3)).
_OUTPUT, _ERROR = 1, 2
# By its name: whoever imports pyinfra has the whole process made cooperative (gevent).
_logger = logging.getLogger("pyinfra")


def shown(text: str) -> str:
    """``text`` as it may be printed; its line feeds stay, so that they must be our own."""
    return "\n".join(map(line, text.split("\n")))


def line(text: object) -> str:
    """``text`` on one line: for what others say within ours."""
    return _SUSPECT.sub(_escaped, str(text))


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable() and not re.match(f"[{_UNSEEN}]", character):
        return character
    return character.encode("unicode_escape").decode()


def any_character() -> None:
    """From here on no character is too much for a terminal or pipe: it is shown escaped instead.

    Its encoding is the environment's (LANG, PYTHONIOENCODING), and Latin-1 has no dash or ellipsis.
    """
    for stream in (sys.stdout, sys.stderr):
        # Whoever stands in for them, as in tests, takes any text.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def tell(text: str, end: str = "\n") -> None:
    """Write ``text`` to standard output, and behind it ``end``, which is ours."""
    _write(sys.stdout, shown(text), end)


def complain(text: object, end: str = "\n") -> None:
    """Write ``text``, or what an error says, to standard error; where that is full, nowhere."""
    _write_error(shown(str(text)), end)


def show(text: str) -> None:
    """As `complain`, for what a run shows of its commands (-vv): pyinfra's own colours stay."""
    _write_error(with_colours(text), "\n")


def _write_error(text: str, end: str) -> None:
    try:
        _write(sys.stderr, text, end)
    except BrokenPipeError:
        raise
    except OSError:
        return


def streams_open() -> str:
    """Make up for streams that whoever started us has closed; what nothing can make up for.

    Python has None for each (sys.stdin). Nobody there is nobody who answers, and what is told to a
    closed standard error is lost; an answer that nobody can get need not be looked for.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        return "standard output is closed: open it, as by > /dev/null"
    return ""


def flush() -> None:
    """Hand over what is still to be told. Raises OSError, as on a full disk."""
    _write(sys.stdout, "", "")


def ask(prompt: str) -> str:
    """The line that somebody types behind ``prompt``. Raises EOFError where nobody does."""
    try:
        return input(shown(prompt))
    except UnicodeDecodeError:
        # What is no text is no answer, and is asked again as such.
        return ""


def _write(stream: Any, text: str, end: str) -> None:
    try:
        stream.write(f"{text}{end}")
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # What it did not take is still there, and would be tried again at the end.
        _nowhere(stream)
        raise OSError(error.errno, error.strerror, _name(stream)) from None


def _name(stream: Any) -> str:
    return "standard error" if stream is sys.stderr else "standard output"


def _nowhere(stream: Any) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Patient:
    """Standard output for a library that ends in frames where nobody takes what it tells.

    ``fault`` is why that is so; whoever lent it tells it afterwards.
    """

    def __init__(self) -> None:
        self.stream: Any = sys.stdout
        self.fault: OSError | None = None

    def write(self, text: str) -> int:
        """As the stream itself, until that takes nothing more. BrokenPipeError stays."""
        self._do(lambda: self.stream.write(text))
        return len(text)

    def flush(self) -> None:
        """As `write`."""
        self._do(self.stream.flush)

    def _do(self, work: Callable[[], object]) -> None:
        if self.fault is not None:
            return
        try:
            work()
        except BrokenPipeError:
            raise
        except OSError as error:
            self.fault = OSError(error.errno, error.strerror, "standard output")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def to_standard_error() -> AbstractContextManager[object]:
    """Have whoever else prints do so on standard error: standard output is for our answer alone."""
    return redirect_stdout(sys.stderr)


@contextmanager
def all_to_standard_error() -> Iterator[None]:
    """As `to_standard_error`, for programs as well that whoever prints there may start."""
    with to_standard_error():
        kept = os.dup(_OUTPUT)
        try:
            os.dup2(_ERROR, _OUTPUT)
            yield
        finally:
            os.dup2(kept, _OUTPUT)
            os.close(kept)


@contextmanager
def given_back() -> Iterator[Callable[[], None]]:
    """What gives the terminal back to us, whoever has turned both streams elsewhere meanwhile."""
    kept = {number: os.dup(number) for number in (_OUTPUT, _ERROR)}

    def give_back() -> None:
        for number, own in kept.items():
            os.dup2(own, number)
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__

    try:
        yield give_back
    finally:
        for own in kept.values():
            os.close(own)


def nobody_reads() -> None:
    """Standard output is closed at its other end: what is still to be flushed goes nowhere."""
    _nowhere(sys.stdout)


def inform(text: str) -> None:
    """Have pyinfra tell ``text`` during a run."""
    _logger.info("%s", shown(text))


def warn(text: str) -> None:
    """Have pyinfra tell ``text`` as a warning."""
    _logger.warning("%s", shown(text))


def fail(text: str) -> None:
    """Have pyinfra tell ``text`` as an error."""
    _logger.error("%s", shown(text))


def with_colours(text: str) -> str:
    """As `shown`; but pyinfra's own colours stay."""
    return "".join(part if _COLOUR.fullmatch(part) else shown(part) for part in _COLOUR.split(text))


class _Guard(logging.Filter):
    """Whatever is logged, with its arguments, as it may be printed."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = folded(with_colours(record.getMessage())), None
        return True


def folded(row: str) -> str:
    """A row of pyinfra's tables with the name of the operation folded, where it is a wide one.

    pyinfra makes the first column as wide as the longest name, and ours say what differs.
    """
    cells = _ROW.fullmatch(row)
    if len(row) <= WIDE or cells is None:
        return row
    first, *others = wrap(cells[1], NAME_WIDTH, break_long_words=False, break_on_hyphens=False)
    named = f"{first:<{NAME_WIDTH}}  {cells[2].rstrip()}"
    return "\n".join([named, *(f"{'':8}{other}" for other in others)])


class _Reworded(logging.Filter):
    """Warnings and errors, in other words."""

    def __init__(self, words: Callable[[str], str]) -> None:
        super().__init__()
        self.words = words

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            record.msg, record.args = self.words(record.getMessage()), None
        return True


def reword(words: Callable[[str], str]) -> None:
    """From here on pyinfra's warnings and errors are told as ``words`` puts them."""
    for place in (_logger, logging.lastResort):
        if place and not any(isinstance(one, _Reworded) for one in place.filters):
            place.addFilter(_Reworded(words))


def guarded(echo: Callable[..., None]) -> Callable[..., None]:
    """A writer of pyinfra's, which writes from here on what may be printed."""
    if getattr(echo, "is_guarded", False):
        return echo

    def told(message: Any = None, **options: Any) -> None:
        echo(with_colours(str(message)) if message is not None else None, **options)

    told.is_guarded = True  # type: ignore[attr-defined]
    return told


def guard_logs() -> None:
    """From here on what is logged of hosts (errors, -v, --debug) is told as it may be printed.

    So do libraries below pyinfra: paramiko's words about a host that speaks no SSH come out by the
    handler of those who have none (logging.lastResort), or by the root's (--debug-all).
    """
    any_character()
    # Paramiko's frames of a host that speaks no SSH: pyinfra says it in a line.
    frames = logging.getLogger("paramiko")
    if not frames.handlers:
        frames.addHandler(logging.NullHandler())
    for place in (_logger, logging.lastResort, *logging.getLogger().handlers):
        if place and not any(isinstance(one, _Guard) for one in place.filters):
            place.addFilter(_Guard())
