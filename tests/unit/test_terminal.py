"""Nothing of what others say reaches the operator's terminal but what can be printed."""

from __future__ import annotations

import ast
import json
import logging
import random
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyinfra.api import output

import postroad
from postroad.audit.fault import Fault, refute, unknown
from postroad.audit.report import Result, nagios_failure, nagios_line
from postroad.dns.check import report as names
from postroad.dns.check.verdict import Verdict
from postroad.host.component import Drift
from postroad.roles.apply import titled
from postroad.roles.run.facts.world import WorldSees
from postroad.settings.terminal import (
    complain,
    folded,
    guard,
    inform,
    line,
    shown,
    tell,
    with_colours,
)
from postroad.watch.dmarc.show import printable
from postroad.watch.queues import Row, Sums, queues
from postroad.watch.queues import text as queue_text
from postroad.watch.trace.story import Lines, found
from postroad.watch.trace.story import text as story_text

# A terminal obeys the first of these, is turned around by others, and shows nothing of the rest.
HOSTILE = (
    "\x1b[2J\x1b[H", "\x1b]0;owned\x07", "\x1b]52;c;cm0gLXJm\x07", "\x9b31m", "\x9d0;x\x9c",
    "\x90q\x9c",
    "\x00", "\x07", "\x08\x08\x08ok", "\r", "\x0b", "\x0c", "\x7f", "\x85", "\t",
    "\u202eevil", "\u2066a\u2069", "\u200e\u200f", "\u061c", "\u200b\u200c\u200d",
    "\ufeff", "\u2060",
    "\u2028", "\u2029", "\udcff", "\ue000", "\u00ad", "\u3164", "\U000e0041", "\ufe0f",
)  # fmt: skip


def is_plain(character: str) -> bool:
    """By Unicode's own word, not by the writer's."""
    category = unicodedata.category(character)
    return character == "\n" or category[0] in "LMNPS" or character == " "


def strings(number: int = 2000) -> Iterator[str]:
    """Hostile words among honest ones, and characters of any kind; always the same ones."""
    dice = random.Random(12)
    yield from HOSTILE
    for _ in range(number):
        parts = [dice.choice((*HOSTILE, "ok", "Grüße", "250 2.0.0", "名前")) for _ in range(3)]
        parts.append(chr(dice.randrange(0x110000)))
        yield "".join(parts)


@pytest.mark.parametrize("show", [shown, line, with_colours])
def test_whatever_is_said_can_be_printed(show: Callable[[str], str]) -> None:
    for text in strings():
        assert all(map(is_plain, show(text))), ascii(text)
        show(text).encode()


def test_what_can_be_read_stays_as_it_is() -> None:
    for text in ("", "a plain line", "Grüße aus Köln", "名前", "é", "a\\b", "1 % – «x»"):
        assert shown(text) == line(text) == text
    assert (shown("a\nb"), line("a\nb")) == ("a\nb", "a\\nb")
    assert shown("\x1b[2J\x9b\u202e\udcff") == "\\x1b[2J\\x9b\\u202e\\udcff"


def test_what_pyinfra_paints_itself_stays_painted() -> None:
    assert with_colours("\x1b[31mno\x1b[0m") == "\x1b[31mno\x1b[0m"
    others = "\x1b[8m\x1b[5m\x1b[31;8m\x1b[2J"
    assert with_colours(others) == shown(others)


def test_a_wide_table_of_a_run_fits_on_a_page() -> None:
    name = "Base | Tools: mail1: " + ", ".join(
        f"/usr/local/lib/postroad/{n} (missing)" for n in "abc"
    )
    width = len(name) + 4
    rows = [
        f"{'Operation':<{width}}Change             Conditional Change   ",
        f"{name:<{width}}2 (mail1, mail2)   -                    ",
        f"{'Postfix | Taken away':<{width}}-                  -                    ",
        f"{'Grand total':<{width}}44   2   -   42   ",
    ]
    shown = [folded(row).split("\n") for row in rows]
    assert all(len(line) <= 110 for lines in shown for line in lines)
    # The columns still stand below each other, and no word of the name is lost.
    cells = ("Change", "2 (", "-", "44")
    assert [lines[0].index(cell) for lines, cell in zip(shown, cells, strict=True)] == [68] * 4
    told = " ".join(" ".join(shown[1]).split())
    assert told.replace("2 (mail1, mail2) - ", "") == name


@pytest.mark.parametrize(
    "said",
    [
        "Operation   Change   Conditional Change   ",
        "[mail1] " + "x" * 120 + "   and more of what a host says",
        "x" * 200,
    ],
)
def test_other_lines_stay_as_they_are(said: str) -> None:
    assert folded(said) == said


# ---- what the commands and operations say: one line of theirs is one of ours

BREAK = "\nforged: all is well"


def told_of_queues(text: str) -> str:
    said = {
        "transactional": Sums(1, 1, 1.0, (Row(text, text, text, 1, 1.0),)),
        "marketing": Sums(0, 0, None, (), text),
    }
    return queue_text(list(queues("mail1", said)), 2.0)


def told_of_a_message(text: str) -> str:
    log = (f"Jan  1 00:00:00 mail1 postfix/smtp[1]: ABCDEFGHIJ: {text}",)
    said = {"transactional": Lines({"ABCDEFGHIJ": log}, log, {}, 0, text)}
    return story_text(text, list(found("mail1", said)), [text])


def told_by_the_audit(text: str) -> str:
    with pytest.raises(pytest.fail.Exception) as failed:
        refute([Fault(text, text, text)])
    with pytest.raises(pytest.skip.Exception) as skipped:
        unknown([text])
    results = [Result("a", "mail1", "wrong", f"{failed.value}")]
    return f"{failed.value}{skipped.value}{nagios_line(results, 1.0)}{nagios_failure(text)}"


def told_of_names(text: str) -> str:
    return names.text([Verdict(text, text, "wrong", "required", text, text)])


def told_of_drift(text: str) -> str:
    site = SimpleNamespace(host=SimpleNamespace(name="m"), estate=SimpleNamespace(hosts=(1, 2)))
    return titled(site, "Units", [Drift(text, text)])  # type: ignore[arg-type]


def told_of_the_world(text: str) -> str:
    return WorldSees("").read([json.dumps([{"verdict": "wrong", "reason": text}])])[0].reason


COMPOSERS = (
    told_of_queues, told_of_a_message, told_by_the_audit, told_of_names, told_of_drift,
    told_of_the_world, printable,
)  # fmt: skip


@pytest.mark.parametrize("compose", COMPOSERS)
def test_no_line_of_others_stands_among_ours(compose: Callable[[str], str]) -> None:
    for text in strings(100):
        said = compose(f"x{text}{BREAK}")
        assert all(map(is_plain, shown(said))), ascii(text)
        assert BREAK not in said, ascii(said)


@pytest.mark.parametrize("write", [tell, complain])
def test_the_writer_shows_and_does_not_obey(
    write: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    for text in strings(100):
        write(text)
    said = "".join(capsys.readouterr())
    assert said
    assert all(map(is_plain, said))


def test_whatever_pyinfra_says_is_shown_as_well(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors of commands, which it prints line by line; and what -v and --debug add."""
    echoed: list[str] = []
    monkeypatch.setattr(output, "_echo", lambda message=None, **_: echoed.append(str(message)))
    guard()
    guard()
    pyinfra = logging.getLogger("pyinfra")
    caplog.set_level(logging.DEBUG, "pyinfra")
    monkeypatch.setattr(pyinfra, "propagate", True)
    for text in strings(100):
        pyinfra.error(f"\x1b[31m{text}\x1b[0m")
        pyinfra.debug("%s %r", text, text)
        inform(text)
        output.echo(f"\x1b[1m[mail1]\x1b[0m {text}", err=True)
    assert len(echoed) == len(list(strings(100)))
    for said in (*echoed, *(record.getMessage() for record in caplog.records)):
        bare = said.replace("\x1b[31m", "").replace("\x1b[0m", "").replace("\x1b[1m", "")
        assert all(map(is_plain, bare)), ascii(said)


def test_what_libraries_say_by_no_handler_of_theirs_is_shown_as_well(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As paramiko's words about the greeting of a host that speaks no SSH."""
    library = logging.getLogger("library")
    monkeypatch.setattr(library, "propagate", False)
    guard()
    for text in strings(100):
        library.error("Invalid SSH banner: %s", text)
    said = capsys.readouterr().err
    assert said.startswith("Invalid SSH banner")
    assert all(map(is_plain, said))


# ---- and there is no other way

SOURCE = Path(postroad.__file__).parent
# Programs that run on the hosts: what they print is JSON for us.
ON_HOSTS = "onhost/"
WRITER = "settings/terminal.py"


def ours() -> Iterator[Path]:
    for place in sorted(SOURCE.rglob("*.py")):
        name = str(place.relative_to(SOURCE))
        if name != WRITER and not name.startswith(ON_HOSTS):
            yield place


def prints(tree: ast.AST) -> Iterator[str]:
    """Every way to a terminal: print, the streams of sys, loggers, pyinfra's and click's own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in ("print", "echo", "secho", "input"):
            yield f"{node.lineno}: {node.id}"
        if isinstance(node, ast.Attribute) and node.attr in (
            "stdout", "stderr", "__stdout__", "__stderr__", "log_styled", "echo", "log",
        ):  # fmt: skip
            owner = node.value
            is_sys = isinstance(owner, ast.Name) and owner.id in ("sys", "host", "click")
            if is_sys or node.attr in ("log_styled", "echo"):
                yield f"{node.lineno}: {node.attr}"
        if isinstance(node, ast.ImportFrom | ast.Import):
            imported = {alias.name for alias in node.names}
            if imported & {"logger", "logging", "click", "echo"}:
                yield f"{node.lineno}: imports {imported}"


@pytest.mark.parametrize("place", list(ours()), ids=str)
def test_no_module_prints_by_another_way(place: Path) -> None:
    assert list(prints(ast.parse(place.read_text(encoding="utf-8")))) == []


def test_another_way_would_be_seen() -> None:
    for text in ("print(1)", "sys.stderr.write('')", "from pyinfra import logger", "click.echo()"):
        assert list(prints(ast.parse(text))), text


def test_a_command_does_not_wait_for_pyinfra() -> None:
    program = "import sys, postroad.settings.terminal; sys.exit('pyinfra' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
