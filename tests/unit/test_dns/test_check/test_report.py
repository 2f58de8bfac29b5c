"""What a person and a program read of a check, what changed since, and the exit status."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import NoReturn

import pytest

from postroad.commands import dns_check
from postroad.dns.check import report
from postroad.dns.check.verdict import Verdict, status
from postroad.roles.run.ask import UnansweredError
from postroad.settings.secrets import SecretError

OK = Verdict("MX", "bounce.shop.example", "ok", "required", "bounces come back")
RECOMMENDED = Verdict("CAA", "mail1.shop.example", "wrong", "recommended", "no CAA", "publish it")
REQUIRED = Verdict("MX", "bounce.shop.example", "wrong", "required", "no MX", "publish MX")
UNKNOWN = Verdict("MX", "bounce.shop.example", "unknown", "required", "no answer in time")


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([OK], 0),
        ([OK, RECOMMENDED], 1),
        ([OK, UNKNOWN], 1),
        ([OK, UNKNOWN, RECOMMENDED, REQUIRED], 2),
        ([], 0),
    ],
)
def test_status_is_by_severity(verdicts: list[Verdict], expected: int) -> None:
    assert status(verdicts) == expected


def test_text_groups_by_name_and_tells_only_what_is_not_ok() -> None:
    assert report.text([OK, RECOMMENDED, REQUIRED]) == (
        "mail1.shop.example\n"
        "  wrong (recommended): CAA: no CAA\n"
        "      mend: publish it\n"
        "\n"
        "bounce.shop.example\n"
        "  wrong (required): MX: no MX\n"
        "      mend: publish MX\n"
        "\n"
        "1 ok, 2 wrong (1 required), 0 unknown\n"
    )


def test_json_has_every_verdict_and_comes_back_the_same() -> None:
    verdicts = [OK, RECOMMENDED, UNKNOWN]
    assert report.from_json(report.as_json(verdicts)) == verdicts
    assert set(json.loads(report.as_json([OK]))[0]) == {
        *("check", "about", "verdict", "severity", "reason", "mend"),
    }


def test_new_is_what_was_not_the_same_before() -> None:
    assert report.new_since([REQUIRED], [REQUIRED, RECOMMENDED]) == [RECOMMENDED]
    assert report.new_since([OK], [UNKNOWN]) == [UNKNOWN]
    assert report.new_since([UNKNOWN], [OK]) == []


def test_over_is_what_is_known_to_be_over() -> None:
    assert report.gone_since([REQUIRED], [OK]) == [REQUIRED]
    assert report.gone_since([REQUIRED], [UNKNOWN]) == []
    assert report.gone_since([OK], []) == []
    changed = report.changes([RECOMMENDED], [REQUIRED])
    assert "over: bounce.shop.example: MX: no MX\n" in changed
    assert report.changes([], []) == "nothing changed\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "no list of verdicts"),
        ("[1]", "entry 0 is no verdict"),
        ('[{"check": "x"}]', "entry 0 is no verdict"),
        (report.as_json([OK]).replace('"ok"', '"fine"'), "entry 0 is no verdict"),
        ("[", "Expecting value"),
    ],
)
def test_a_file_that_is_none_of_ours_is_named(
    text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "before.json"
    place.write_text(text)
    assert _run("prod.py", "--since", str(place)) == 3
    shown = capsys.readouterr().err
    assert str(place) in shown
    assert words in shown


def test_an_inventory_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("nowhere/prod.py") == 3
    assert "nowhere/prod.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [SecretError("environment variable KEY is not set"), UnansweredError("mail1", "it is silent")],
)
def test_what_cannot_be_asked_is_said_in_a_sentence(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cannot(inventory: Path) -> NoReturn:
        raise error

    monkeypatch.setattr(dns_check, "reached", cannot)
    assert _run("prod.py") == 3
    assert capsys.readouterr().err == f"{error}\n"


def _run(*words: str) -> int:
    parser = ArgumentParser()
    dns_check.add_arguments(parser)
    return dns_check.run(parser.parse_args(words))
