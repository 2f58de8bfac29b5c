"""Every script that goes to a host is one that dash(1), Debian's sh, reads."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.every_script import every_script

SCRIPTS = tuple(every_script())


def complaint(text: str) -> str:
    """What dash says of a script that it does not run."""
    shell = shutil.which("dash") or "sh"
    done = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True, check=False)
    return done.stderr or ("refused" if done.returncode else "")


def test_every_script_is_read_to_its_end() -> None:
    found = {text: name for name, text in SCRIPTS}
    assert {name: said for text, name in found.items() if (said := complaint(text))} == {}


@pytest.mark.parametrize("broken", ["if true; then", "f() { echo", "case x in x) echo"])
def test_a_broken_one_is_seen(broken: str) -> None:
    assert complaint(f"{SCRIPTS[0][1]}\n{broken}\n")


def test_whatever_changes_a_host_is_run_when_all_of_it_has_come_and_alone() -> None:
    asked = ("its state", "survey", "what of ours is there")
    changing = [text for name, text in SCRIPTS if not name.endswith(asked) and text]
    assert changing
    for text in changing:
        assert text.startswith("postroad() {\nset -eu; umask 0")
        assert "\nflock -w " in text
        assert text.endswith("\n}\npostroad </dev/null\n")
