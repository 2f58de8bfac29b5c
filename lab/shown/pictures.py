"""Takes the pictures in README.md: the end of a run, and an audit that fails. `script/pictures`

What is in them was said by a run and an audit in the lab, word for word: what is left out is marked
by a line with …, and lines that are too long for a page are folded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap

import lab
from lab.hosts import here
from lab.hosts.guest import Guest
from lab.life import control
from lab.mail import road
from lab.shown import screen

DOCS = here.CLONE / "docs"
TARGETS = ("mail1:bookworm:11,12,13", "mail2:trixie:21")
PAGE = 112
RUN = "pyinfra -y inventories/lab.py deploys/mailserver.py"
AUDIT = "postroad audit inventories/lab.py"


def main() -> None:
    """Bring the lab up, take the pictures, take the lab down."""
    control.up([control.parse_target(text) for text in TARGETS], print)
    try:
        take()
    finally:
        control.down()


def take() -> None:
    """Take both pictures in the lab that is up, and has been deployed to or not."""
    running = lab.load()
    guest = running.targets["mail2"]
    _succeed(road.publish, running)
    _succeed(road.deploy)
    _succeed(road.publish, running)
    _succeed(road.serve_policies, running)
    _succeed(road.deploy)
    _write("run", f"The end of `{RUN}`", RUN, end_of_run(road.deploy().stderr))
    _break(guest)
    done = road.postroad("audit", str(road.INVENTORY))
    _write("audit", f"`{AUDIT}`, with two faults", AUDIT, audit(done.stdout))


def _break(guest: Guest) -> None:
    """What goes wrong on ordinary days: a daemon is stopped, a file's mode is changed by hand."""
    guest.run("systemctl stop postroad-dkim@marketing.service")
    guest.run("chmod 644 /etc/postroad/transactional/users")


def _succeed(step: Callable[..., object], *arguments: object) -> None:
    done = step(*arguments)
    if getattr(done, "returncode", 0):
        raise RuntimeError(f"{step.__name__}: {done}")


def end_of_run(said: str) -> Iterator[str]:
    """From the box on."""
    lines = said.splitlines()
    begin = next(n for n, line in enumerate(lines) if "+-- " in line)
    yield "…"
    yield from lines[begin:]


def audit(said: str) -> Iterator[str]:
    """What is wrong, and the sum; between them pytest would say once more which checks failed."""
    lines = said.splitlines()
    begin = next(n for n, line in enumerate(lines) if "= FAILURES =" in line)
    end = next(n for n, line in enumerate(lines) if "= short test summary info =" in line)
    yield from ("…", *lines[begin + 1 : end], "…", lines[-1])


def _write(name: str, title: str, command: str, lines: Iterator[str]) -> None:
    shown = [f"$ {command}", *(row for line in lines for row in folded(line))]
    (DOCS / f"{name}.svg").write_text(screen.svg(title, shown), encoding="utf-8")
    (here.CLONE / "build" / f"{name}.txt").write_text("\n".join(shown) + "\n")


def folded(line: str) -> Sequence[str]:
    """A line on rows that fit a page, those behind the first indented as it is, and by four."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip()
    indent = " " * (len(plain) - len(plain.lstrip()) + 4)
    return wrap(
        plain,
        PAGE,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
        replace_whitespace=False,
    ) or [""]


if __name__ == "__main__":
    main()
