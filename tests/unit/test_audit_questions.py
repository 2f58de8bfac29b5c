"""How the questions read what a host's programs print."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from postroad.onhost.asked import instances as postfix
from postroad.onhost.asked import queues as queues_on_host
from postroad.onhost.asked import signing, submission, system
from postroad.onhost.asked import trace as traced
from postroad.onhost.common.parts import part

NEW_YEAR = time.mktime((2027, 1, 1, 0, 5, 0, 0, 0, -1))


@pytest.fixture(autouse=True)
def _new_year(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five minutes into a year: the logs do not say of which year their lines are."""
    monkeypatch.setattr(time, "time", lambda: NEW_YEAR)


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("Jan  1 00:04:59 mail1 postfix/smtpd[1]: connect", -1),
        ("Dec 31 23:59:00 mail1 postfix/smtpd[1]: connect", -360),
        ("Dec 30 00:05:00 mail1 postfix/smtpd[1]: connect", -2 * 86400),
    ],
)
def test_log_lines_are_of_the_year_that_they_can_be_of(line: str, seconds: int) -> None:
    assert system.written(line) == NEW_YEAR + seconds


def test_a_line_without_a_time_is_of_none() -> None:
    assert system.written("continued from above") is None


def test_only_fatal_lines_since_the_last_change_are_trouble(tmp_path: Path) -> None:
    log = tmp_path / "marketing.log"
    fatal = "mail1 postfix/smtpd[7]: fatal: bad"
    kept = [f"Jan  1 00:03:00 {fatal}", "Jan  1 00:04:00 mail1 postfix/smtpd[7]: panic: worse"]
    other = "Jan  1 00:04:00 mail1 postfix/smtpd[7]: warning: said error: twice"
    # In a stranger's own words.
    quoted = "Jan  1 00:04:00 mail1 postfix/smtpd[7]: NOQUEUE: reject: helo=<x[7]: fatal: y>"
    log.write_text("\n".join([f"Dec 31 23:00:00 {fatal}", *kept, other, quoted]) + "\n")
    found = system.log(log, since=NEW_YEAR - 120 + 0.9)
    assert found["trouble"] == kept
    assert found["oldest"] == NEW_YEAR - 3900


def test_services_and_values_of_postconf_are_read() -> None:
    rows = postfix.services("[::1]:587 inet n  -  n  -  -  smtpd -o a=b\nbroken line\n")
    assert rows == [{"name": "[::1]:587", "type": "inet", "command": "smtpd"}]
    assert postfix.pairs("a = b = c\nempty =\n") == {"a": "b = c", "empty": ""}


def test_folders_that_postfix_wants_and_a_queue_lacks_are_named(tmp_path: Path) -> None:
    table = """
# $queue_directory/old:d:root:-:755:o
$config_directory:d:root:-:755:u
$queue_directory:d:root:-:755:uc
$queue_directory/hold:d:$mail_owner:-:700:ucr
$queue_directory/pid:d:root:-:755:uc
$queue_directory/etc/services:f:root:-:644
"""
    (tmp_path / "pid").mkdir()
    assert postfix.missing_folders(tmp_path, table) == [f"{tmp_path}/hold"]
    assert postfix.missing_folders(tmp_path / "none", "$queue_directory:d:root:-:755:uc") == [
        f"{tmp_path}/none"
    ]


def test_what_is_said_to_a_terminal_alone_is_heard(tmp_path: Path) -> None:
    """All of it, also what is more than a terminal holds, and an end without a word."""
    loud = "if test -t 2; then seq 5000 >&2; else echo silence; fi"
    said = postfix.told_to_a_person(str(tmp_path), "sh", "-c", loud)
    assert said.split() == [str(number) for number in range(1, 5001)]
    assert postfix.told_to_a_person(str(tmp_path), "true") == ""


def test_mail_that_went_on_while_it_was_looked_at_is_no_complaint() -> None:
    queue, warning = "/var/spool/postfix", "postfix/postfix-script: warning:"
    gone = "No such file or directory"
    kept = [
        f"find: '{queue}/hold': {gone}",
        f"find: '/var/lib/postfix/.': {gone}",
        f"{warning} not owned by postfix: {queue}/active/4BD1C3",
        f"{warning} damaged message: corrupt/AB",
    ]
    moved = [
        *(f"find: '{queue}/{name}': {gone}" for name in ("active/4BD1C2", "deferred/A/A1B2C3")),
        f"{warning} not owned by postfix: {queue}/active/4BD1C2",
    ]
    assert postfix.without_moved_mail("\n".join([*moved, *kept]), Path(queue)) == kept
    assert postfix.without_moved_mail("\n".join(moved), Path("/var/spool/postfix-b")) == moved


def test_settings_of_apt_and_items_of_its_lists_are_read() -> None:
    dump = (
        'APT::Periodic "";\nAPT::Periodic::Enable "1";\n'
        'Unattended-Upgrade::Package-Blacklist:: "lib(a|b)";\n'
    )
    assert system.apt_values(dump) == [
        ("APT::Periodic", ""),
        ("APT::Periodic::Enable", "1"),
        ("Unattended-Upgrade::Package-Blacklist::", "lib(a|b)"),
    ]


def test_tags_of_a_folded_signature_are_read() -> None:
    assert signing.tags("v=1; h=From:\n\tTo; b=a\n\tb=") == {"v": "1", "h": "From:To", "b": "ab="}


def test_a_key_that_no_daemon_could_take_up_is_told(tmp_path: Path) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    for place in (tmp_path / "other.pem", key):
        made = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=audit"]
        subprocess.run([*made, "-keyout", place, "-out", chain], check=True, capture_output=True)
    assert submission.key_fault(chain, key) == ""
    assert submission.key_fault(chain, tmp_path / "other.pem") == "key values mismatch"
    assert submission.key_fault(chain, tmp_path / "none.pem") == "No such file or directory"
    key.write_text("nothing of the kind\n")
    assert submission.key_fault(chain, key) != ""
    # That there is no certificate is told elsewhere.
    assert submission.key_fault(tmp_path / "none.pem", key) == ""


def test_whoever_imports_a_question_keeps_its_modules() -> None:
    # As scripts they do without requests; parsedmarc, in a process of ours, does not.
    assert sys.modules.get("requests", sys) is not None


def postqueue(place: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "postqueue").write_text(f"#!/bin/sh\n{script}\n")
    (place / "postqueue").chmod(0o755)
    known = {"PATH": f"{place}:{os.environ['PATH']}"}
    monkeypatch.setattr(postfix, "environment", lambda folder: known)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exec sleep 600", "showq(8) does not start"),
        ("printf '{'; exec sleep 600", "showq(8) does not start"),
        ("exit 69", "is the instance up"),
        ("kill -9 $$", "is the instance up"),
    ],
)
def test_a_queue_that_is_not_listed_is_unknown_and_not_waited_for(
    script: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk without inodes, where showq(8) cannot start and postqueue(1) waits for ever."""
    monkeypatch.setattr(postfix, "SILENCE", 0.3)
    postqueue(tmp_path, script, monkeypatch)
    found = part(lambda: postfix.queue("/etc/postfix"))
    assert found["said"] is None
    assert why in found["why"]


def test_a_queue_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"queue_name": "hold", "arrival_time": 1}, {"queue_name": "active", "arrival_time": 5}]
    told = "".join(f"{json.dumps(row)}\n" for row in rows)
    postqueue(tmp_path, f"cat <<'END'\n{told}END", monkeypatch)
    assert postfix.queue("/etc/postfix") == (2, 5.0)


def test_a_program_that_fails_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a rule on its standard output, iptables that may not look had no rules."""
    monkeypatch.setattr(system, "LONGEST", 0.3)
    assert "fails: no" in part(lambda: system.told("sh", "-c", "echo no >&2; exit 4"))["why"]
    late = part(lambda: system.told("sleep", "600"))
    assert late == {"said": None, "why": "sleep says nothing for 0.3 s"}
    assert part(lambda: system.told("no-such-program-at-all")) == {"said": "", "why": ""}


@pytest.mark.parametrize("module", [postfix, signing, submission, system, queues_on_host, traced])
def test_no_command_on_a_host_is_without_a_limit(module: ModuleType) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if ast.unparse(call.func) in ("subprocess.run", "process.wait", "listing.wait"):
            assert "timeout" in {word.arg for word in call.keywords}, ast.unparse(call)
