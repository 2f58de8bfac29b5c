"""shellcheck(1), which knows what people get wrong in shell, finds nothing wrong in ours."""

from __future__ import annotations

import json
import subprocess

import pytest

from lab.hosts import packages
from tests.every_script import every_script

# What is meant, though it often is a mistake.
MEANT = {
    2034: "$stage, where the component has no gate that looks at it",
    2043: "a loop over what another host has several of",
    2044: "find(1) for keys leaves out every name with a space",
    2046: "what is counted and listed is to be words of one line",
    2157: "a word that is empty on another host",
}


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    packages.ensure(packages.FOR_SCRIPTS)


def complaints(text: str) -> list[str]:
    """What it finds that is more than a matter of style."""
    done = subprocess.run(
        ["shellcheck", "--shell=dash", "--severity=warning", "--format=json", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = text.split("\n")
    return [
        f"SC{one['code']} {one['message']}: {lines[one['line'] - 1][:200]}"
        for one in json.loads(done.stdout)
        if one["code"] not in MEANT
    ]


def test_no_script_has_what_people_get_wrong() -> None:
    found = {text: name for name, text in every_script()}
    assert {name: said for text, name in found.items() if (said := complaints(text))} == {}


@pytest.mark.parametrize("wrong", ['rm -rf "$folder/"', "local x=$(id)", 'cd "$1"; rm *'])
def test_what_is_wrong_is_seen(wrong: str) -> None:
    assert complaints(f"f() {{\n{wrong}\n}}\nf x\n")
