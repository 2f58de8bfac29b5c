"""What a run would change, as people read it; nothing secret, nothing that harms a terminal."""

from __future__ import annotations

from dataclasses import replace

from postroad.host.component import Component, File
from postroad.host.diff import NOT_SHOWN, NOT_TEXT, Change, Part, part, readable, text
from postroad.host.drift import Drift, drift
from postroad.host.found import blank
from tests.unit.machine import made_true

OLD = Component("one", files=(File("/etc/one", b"a\nb\nc\nd\n"), File("/etc/key", b"old\n")))
NEW = Component("one", files=(File("/etc/one", b"a\nb\nC\nd\n"), File("/etc/key", b"new\n")))
STATE = made_true(blank(), OLD)
FOUND = {file.path: file.content for file in OLD.files}


def changes(found: dict[str, bytes], *secrets: str) -> dict[str, tuple[str, ...]]:
    told = part(NEW, drift(NEW, STATE), found, secrets)
    return {change.thing: change.lines for change in told.changes}


def test_changed_lines_are_shown_with_one_around_them() -> None:
    assert changes(FOUND)["/etc/one"] == ("@@ -2,3 +2,3 @@", " b", "-c", "+C", " d")


def test_a_secret_is_neither_asked_for_nor_shown() -> None:
    assert list(readable([NEW], STATE, ["/etc/key"])) == ["/etc/one"]
    assert changes(FOUND, "/etc/key")["/etc/key"] == (NOT_SHOWN,)


def test_what_is_no_text_is_not_shown() -> None:
    assert changes({"/etc/one": b"\xff\xfe"})["/etc/one"] == (NOT_TEXT,)


def test_a_foreign_file_cannot_write_to_the_terminal() -> None:
    assert "-\\x1b[2Jc" in changes({"/etc/one": b"a\nb\n\x1b[2Jc\nd\n"})["/etc/one"]


def test_what_is_missing_is_named_without_its_text() -> None:
    told = part(NEW, drift(NEW, blank()), {}, ())
    assert told.changes[0] == Change("/etc/one", "missing")


def test_a_link_or_a_right_file_is_not_read() -> None:
    assert list(readable([OLD], STATE, ())) == []
    link = replace(STATE.files["/etc/one"], kind="symlink", sha256="")
    linked = replace(STATE, files={**STATE.files, "/etc/one": link})
    assert list(readable([OLD], linked, ())) == []


def test_the_report() -> None:
    assert text("mail1", [Part("one", ())]) == "mail1: nothing would change\n"
    parts = [
        Part("packages", (Change("postfix", ""),)),
        Part("one", (Change("/etc/one", "content", ("-a", "+b")),)),
        part(NEW, [Drift("one.service", "is inactive, not active")], {}, ()),
    ]
    assert text("mail1", parts) == (
        "mail1:\n"
        "  packages\n    postfix\n"
        "  one\n    /etc/one (content)\n      -a\n      +b\n"
        "  one\n    one.service (is inactive, not active)\n"
    )
