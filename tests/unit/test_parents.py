"""Folders above what is ours that somebody else may write: told, and refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroad.host.component import Component, Directory, File
from postroad.host.found import FileState, blank
from postroad.host.parents import above, exposed, refusals
from postroad.mail.parts.order import everything
from postroad.mail.preflight import refusals as all_refusals
from postroad.mail.questions import shape
from tests.unit.test_preflight import ESTATE, FRESH, MAIL1

PARTS = (
    Component("one", (Directory("/var/mail/ours"),), (File("/var/mail/ours/file", b""),)),
    Component("two", files=(File("/etc/unbound/unbound.conf", b""),)),
)
FOLDER = FileState("directory", "root", "root", 0o755)


def said(path: str, changed: dict[str, object]) -> list[tuple[str, str]]:
    found = replace(FOLDER, **changed)  # type: ignore[arg-type]
    return list(exposed(PARTS, replace(blank(), files={path: found})))


def test_every_folder_above_is_asked_about_once() -> None:
    assert above(["/a/b/c", "/a/d"]) == ("/", "/a", "/a/b")


@pytest.mark.parametrize(
    ("path", "changed", "how"),
    [
        ("/etc/unbound", {"owner": "unbound"}, "belongs to unbound"),
        ("/etc", {"mode": 0o757}, "may be written by everybody"),
        ("/etc", {"mode": 0o1777}, "may be written by everybody"),
        ("/var/mail", {"mode": 0o2775, "group": "users"}, "may be written by the group users"),
        ("/", {"kind": "symlink", "owner": "me"}, "belongs to me"),
    ],
)
def test_who_else_may_write_is_told(path: str, changed: dict[str, object], how: str) -> None:
    assert said(path, changed) == [(path, how)]


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("/etc/unbound", {}),
        ("/var/mail", {"mode": 0o2775, "group": "mail"}),
        # A link of root's, as /var on another disk.
        ("/var", {"kind": "symlink", "mode": 0o777}),
        # Declared: it is drift, and taken over.
        ("/var/mail/ours", {"owner": "postroad-mail"}),
    ],
)
def test_what_is_as_it_may_be_is_not(path: str, changed: dict[str, object]) -> None:
    assert said(path, changed) == []


def test_a_run_refuses_the_host_and_says_what_to_do() -> None:
    state = replace(FRESH, files={"/etc/unbound": replace(FOLDER, owner="unbound")})
    parts = tuple(everything(shape(ESTATE, MAIL1)))
    (reason,) = all_refusals(ESTATE, MAIL1, state, 0, parts)
    assert reason.startswith("/etc/unbound belongs to unbound, who could lead root's work below it")
    assert reason.endswith("then chown root:root /etc/unbound && chmod go-w /etc/unbound")
    assert list(refusals(parts, FRESH)) == []
