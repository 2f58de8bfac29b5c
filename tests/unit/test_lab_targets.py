"""What `script/lab up --target` takes, before anything is started."""

from __future__ import annotations

import pytest

from lab.hosts.errors import LabError
from lab.life.control import parse_target


@pytest.mark.parametrize(
    "name",
    ["Mail1", "m/../x", "", "1mail", "-mail", "mail-", "mail_1", "mäil", "a" * 33, "mail 1", ".."],
)
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(LabError, match="write a name of small letters, digits and -"):
        parse_target(f"{name}:bookworm:11")


@pytest.mark.parametrize("octets", ["", "11,", "²", "x", "11;12", "1111", "-1"])
def test_octets_that_are_none(octets: str) -> None:
    with pytest.raises(LabError, match="write NAME:SUITE:OCTET"):
        parse_target(f"mail1:bookworm:{octets}")


@pytest.mark.parametrize("name", ["mail1", "m", "mail-2"])
def test_a_target(name: str) -> None:
    target = parse_target(f"{name}:bookworm:11,12")
    assert (target.name, target.suite, target.suffixes) == (name, "bookworm", (11, 12))
