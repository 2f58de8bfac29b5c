"""postroad dmarc report: what it prints and writes, what it moves, and how it exits."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from postroad.commands import cli, dmarc_report
from postroad.watch.dmarc import reader, show
from postroad.watch.dmarc.intake import Refusal
from tests.unit.declarations import declaration
from tests.unit.test_dmarc.samples import DAY, FORGED, google, gzipped, mail, microsoft, row, zipped
from tests.unit.test_dmarc.test_intake import maildir_with


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "prod.py"
    path.write_text('mail = ["mail1"]\n')
    (tmp_path / "group_data").mkdir()
    (tmp_path / "group_data" / "prod.py").write_text(f"estate = {declaration()!r}\n")
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    made = tmp_path / "reports"
    made.mkdir()
    return made


def report(inventory: Path, place: Path, *options: str | Path) -> int:
    # Imported above: pyinfra has to come before parsedmarc, as it does in a real run.
    assert dmarc_report
    return cli.main(["dmarc", "report", str(inventory), str(place), *map(str, options)])


def test_all_read(inventory: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "a.xml.gz").write_bytes(gzipped(google(row(count=1234), FORGED)))
    (place / "b.zip").write_bytes(zipped(microsoft()))
    (place / "c.zip").write_bytes(zipped(microsoft()))
    assert report(inventory, place) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "shop.example: p=none, 1,242 messages in 2 reports of 1 days" in shown.out
    assert "mail1 transactional     1,235  1,235  1,235       0" in shown.out
    assert (
        "quarantine would have struck 7 messages: 0 of ours, 0 forwarded, 7 of others." in shown.out
    )
    assert "To quarantine: not yet." in shown.out
    assert "news.shop.example: p=none, no report" in shown.out
    assert "1 reports came twice" in shown.out
    assert "To advance" not in shown.out


def test_a_month_of_good_reports(
    inventory: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(1, 30):
        begin = int((midnight - timedelta(days=back)).timestamp())
        text = google(row(count=10), identifier=str(back), span=(begin, begin + DAY - 1))
        (place / f"{back}.xml").write_text(text)
    assert report(inventory, place) == 0
    shown = capsys.readouterr().out
    assert "To quarantine: advance." in shown
    assert '"stages": {"shop.example": "quarantine"},' in shown


def test_some_refused(inventory: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "a.xml").write_text(google())
    (place / "bad\x1b[2J.xml").write_text("<!DOCTYPE x><feedback/>")
    (place / "worse.xml").write_text(google(row(), row("nowhere")))
    assert report(inventory, place) == 1
    shown = capsys.readouterr()
    assert shown.err.splitlines() == [
        "refused: bad\\x1b[2J.xml: declares a document type (DOCTYPE), which no report needs",
        "refused: worse.xml: has 1 of 2 rows that are broken",
    ]
    assert len(list(place.iterdir())) == 3


@pytest.mark.parametrize("content", [None, "no report"])
def test_nothing_could_be_read(
    inventory: Path, place: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if content:
        (place / "a.xml").write_text(content)
    assert report(inventory, place) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "holds no report that could be read" in shown.err


def test_what_cannot_even_begin(
    inventory: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(inventory, place / "missing") == 2
    assert "missing: is no folder" in capsys.readouterr().err
    assert report(inventory.parent / "missing.py", place) == 2
    assert "no such inventory file" in capsys.readouterr().err


def test_an_estate_with_faults(
    inventory: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "a.xml").write_text(google())
    (inventory.parent / "group_data" / "prod.py").write_text('estate = {"hosts": {}}\n')
    assert report(inventory, place) == 2
    assert "declares no host" in capsys.readouterr().err


def test_without_the_extra(
    inventory: Path,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reader._parsedmarc.cache_clear()
    monkeypatch.setitem(sys.modules, "parsedmarc", None)
    (place / "a.xml").write_text(google())
    assert report(inventory, place, "--aside", place.parent / "aside") == 2
    assert "pip install 'postroad[dmarc]'" in capsys.readouterr().err
    assert (place / "a.xml").exists()


def written(inventory: Path, place: Path) -> dict[str, Any]:
    file = place.parent / "out.json"
    report(inventory, place, "--json", file)
    answer: dict[str, Any] = json.loads(file.read_text())
    return answer


def test_json(inventory: Path, place: Path) -> None:
    (place / "a.xml").write_text(google(row(count=5), FORGED))
    (place / "b.xml").write_text("no")
    answer = written(inventory, place)
    assert (answer["reports"], answer["duplicates"], answer["stages"]) == (1, 0, None)
    assert answer["refused"] == [
        {
            "file": str(place / "b.xml"),
            "attachment": None,
            "reason": "is neither XML nor gzip nor zip",
        }
    ]
    shop, news = answer["domains"]
    assert shop["next_stage_would_cost"] == {"ours": 0, "forwarded": 0, "strange": 7}
    assert [s["address"] for s in shop["sources"]] == ["203.0.113.9", "192.0.2.12"]
    assert (shop["first"], shop["advice"]["verdict"]) == ("2026-10-31T00:00:00+00:00", "not yet")
    assert (news["first"], news["messages"]) == (None, 0)


def test_json_of_nothing_still_names_what_was_refused(inventory: Path, place: Path) -> None:
    (place / "b.xml").write_text("no")
    assert len(written(inventory, place)["refused"]) == 1


def test_json_that_cannot_be_written(
    inventory: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        report(inventory, place, "--json", place)
    assert ended.value.code == 2
    assert "is a folder: name a file in it" in capsys.readouterr().err


def test_json_alone_on_standard_output(
    inventory: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "a.xml").write_text(google())
    (place / "b.xml").write_text("no")
    assert report(inventory, place, "--json", "-") == 1
    shown = capsys.readouterr()
    assert len(json.loads(shown.out)["refused"]) == 1
    assert "b.xml" in shown.err


def test_refused_files_are_kept_aside(inventory: Path, place: Path, tmp_path: Path) -> None:
    aside = tmp_path / "deep" / "aside"
    for content in ("first", "second"):
        (place / "a.xml").write_text(google())
        (place / "b.xml").write_text(content)
        (place / "c.xml").symlink_to(tmp_path / "prod.py")
        assert report(inventory, place, "--aside", aside) == 1
        assert [path.name for path in place.iterdir()] == ["a.xml"]
    assert sorted(path.name for path in aside.iterdir()) == ["b.xml", "b.xml.1", "c.xml", "c.xml.1"]
    assert [(aside / name).read_text() for name in ("b.xml", "b.xml.1")] == ["first", "second"]
    assert (aside / "c.xml").is_symlink()
    assert (tmp_path / "prod.py").exists()


def test_a_mail_that_holds_a_good_report_too_stays(
    inventory: Path, tmp_path: Path, place: Path
) -> None:
    good = ("good.xml.gz", "application/gzip", gzipped(google()))
    bad = ("bad.xml.gz", "application/gzip", b"no")
    maildir_with(place, mail(good, bad), mail(bad))
    assert report(inventory, place, "--aside", tmp_path / "aside") == 1
    assert [path.name for path in (place / "new").iterdir()] == ["1793400.M1P2.mail1"]
    assert list((place / "cur").iterdir()) == []
    assert [path.name for path in (tmp_path / "aside").iterdir()] == ["1793401.M1P2.mail1"]


def test_aside_is_not_where_reports_are_read(
    inventory: Path, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "b.xml").write_text("no")
    assert report(inventory, place, "--aside", tmp_path / "." / "reports") == 2
    assert "name another folder" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert report(inventory, place, "--aside", tmp_path / "file") == 2
    assert (place / "b.xml").exists()


def test_a_long_table_is_cut_and_says_so(
    inventory: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "a.xml").write_text(google(*(row(f"198.51.100.{n}", 2) for n in range(40))))
    assert report(inventory, place) == 0
    assert "and 10 sources more with 20 messages" in capsys.readouterr().out


def test_names_by_strangers_do_not_reach_the_terminal(
    inventory: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = google(row(envelope="a\u202e\u009b2J.example", header_from="x\u200b.elsewhere.example"))
    (place / "a.xml").write_text(text.replace("google.com</org", "Goo\u202egle </org"))
    assert report(inventory, place) == 0
    shown = capsys.readouterr().out
    assert all(c.isprintable() or c == "\n" for c in shown)


def test_a_refusal_of_an_attachment_names_both() -> None:
    refusal = Refusal(Path("/m/cur/1:2,S"), "a\nb.zip", "is empty")
    assert show.refusal_line(refusal) == "1:2,S: a\\nb.zip: is empty"
