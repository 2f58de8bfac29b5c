"""The one way to the operator's terminal: what cannot be printed is shown escaped.

Hosts say much of what is told here (log lines, replies of receivers, names of files, TXT records),
and a host may be hostile. A terminal obeys control characters (ECMA-48: C0, DEL, C1), bidirectional
controls turn a line around (UAX #9), and what has no width hides. Nothing else in postroad prints;
`guard` does the same for what pyinfra tells.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from typing import Any

# Printable to str.isprintable(), and yet not to be seen (Unicode: Default_Ignorable_Code_Point).
_UNSEEN = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff"
)
_SUSPECT = re.compile("[^\x20-\x7e]")
# The colours in which pyinfra writes (click.style); whatever else begins with ESC is not its own.
_COLOUR = re.compile(r"(\x1b\[(?:0|1|3[1-6])m)")
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


def tell(text: str, end: str = "\n") -> None:
    """Write ``text`` to standard output, and behind it ``end``, which is ours."""
    _write(sys.stdout, text, end)


def complain(text: object, end: str = "\n") -> None:
    """Write ``text``, or what an error says, to standard error."""
    _write(sys.stderr, str(text), end)


def _write(stream: Any, text: str, end: str) -> None:
    stream.write(f"{shown(text)}{end}")
    stream.flush()


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
        record.msg, record.args = with_colours(record.getMessage()), None
        return True


def _guarded(echo: Callable[..., None]) -> Callable[..., None]:
    def told(message: Any = None, **options: Any) -> None:
        echo(with_colours(str(message)) if message is not None else None, **options)

    told.is_guarded = True  # type: ignore[attr-defined]
    return told


def guard() -> None:
    """From here on pyinfra tells what hosts say (errors, -v, --debug) as it may be printed.

    So do libraries below it: paramiko's words about a host that speaks no SSH come out by the
    handler of those who have none (logging.lastResort), or by the root's (--debug-all).
    """
    from pyinfra.api import output

    # With a handler of its own, what breaks a connection is no traceback of the last resort's: who
    # wanted the connection tells of it.
    logging.getLogger("paramiko").addHandler(logging.NullHandler())
    for place in (_logger, logging.lastResort, *logging.getLogger().handlers):
        if place and not any(isinstance(one, _Guard) for one in place.filters):
            place.addFilter(_Guard())
    if output.is_output_active() and not getattr(output._echo, "is_guarded", False):
        output.set_echo(_guarded(output._echo))
