"""What strangers may leave on a host's disk, and who is told of what is down: the tools there."""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from postroad.audit.suites.queues import NEARLY_FULL
from postroad.mail.intake import MIB, PLACES, intake, without_limits
from postroad.onhost.alarm import main as alarm_program
from postroad.onhost.budget import main as budget_program
from tests.unit import estates
from tests.unit.declarations import declaration
from tests.unit.declarations import put as put_in

KIB = 1024
budget: ModuleType = budget_program
alarm: ModuleType = alarm_program
TABLE = """\
# transactional
/^bounce(\\+[^@]+)?@bounce\\.shop\\.example$/ transactional/bounces/
/^(postmaster|abuse)@/ postmaster/
"""


@pytest.fixture
def disk(tmp_path: Path) -> object:
    (tmp_path / "table").write_text(TABLE)
    for name in ("mail/postmaster/new", "mail/transactional/bounces/new", "queue/incoming"):
        (tmp_path / name).mkdir(parents=True)
    return budget.Disk(tmp_path / "mail", tmp_path / "queue", tmp_path / "table")


def admits(disk: object, maildir: str = "postmaster", own: bool = False, **limits: int) -> bool:
    known = {"bytes": MIB, "files": 100, "message": 10 * KIB, "free": 0, **limits}
    answer: bool = budget.Budget(disk, budget.Limits(**known)).admits(
        maildir, known["message"], own, 10.0
    )
    return answer


def desk(rows: object, kept: object, rate: int = 1000) -> Any:
    """Where it is answered, in an estate that also sends from 192.0.2.9."""
    return budget.Desk(rows, kept, budget.Rates(rate), frozenset({"192.0.2.9"}))


def put(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def test_an_address_has_the_maildir_that_postfix_gives_it(disk: object) -> None:
    rows = budget.maildirs(disk.table)  # type: ignore[attr-defined]
    plenty = budget.Budget(disk, budget.Limits(MIB, 9, 1, 0))
    nothing = budget.Budget(disk, budget.Limits(0, 0, 1, 0))
    for recipient in (
        "Bounce+x@bounce.shop.example",
        "ABUSE@mail1.shop.example",
        # As Postfix takes them for one of these, by ways of its own.
        "postmaster",
        "bounce@bounce.shop.example.",
    ):
        request = {"recipient": recipient, "client_address": "192.0.2.1"}
        assert budget.answer(request, desk(rows, plenty), 10.0) == "DUNNO"
        assert budget.answer(request, desk(rows, nothing), 10.0)[:3] == "452"


def test_an_address_of_unknown_maildir_waits_for_every_maildir(
    disk: object, tmp_path: Path
) -> None:
    rows = budget.maildirs(disk.table)  # type: ignore[attr-defined]
    put(tmp_path / "mail/transactional/bounces/new/1", MIB)
    one = budget.Budget(disk, budget.Limits(MIB, 9, 1, 0))
    for recipient, answer in (("postmaster@x", "DUNNO"), ("postmaster", "452")):
        request = {"recipient": recipient, "client_address": "192.0.2.1"}
        assert budget.answer(request, desk(rows, one), 10.0).startswith(answer)


def test_bytes_and_files_count_in_every_folder_and_in_the_queue(
    disk: object, tmp_path: Path
) -> None:
    assert admits(disk)
    put(tmp_path / "mail/postmaster/new/1", MIB)
    assert not admits(disk)
    assert admits(disk, "transactional/bounces")
    (tmp_path / "mail/postmaster/cur").mkdir()
    (tmp_path / "mail/postmaster/new/1").rename(tmp_path / "mail/postmaster/cur/1")
    assert not admits(disk)
    (tmp_path / "mail/postmaster/cur/1").rename(tmp_path / "queue/incoming/1")
    assert not admits(disk)
    assert not admits(disk, "transactional/bounces")
    (tmp_path / "queue/incoming/1").unlink()
    for number in range(100):
        put(tmp_path / f"mail/postmaster/new/{number}", 0)
    assert not admits(disk)
    assert admits(disk, files=102)


def test_a_small_file_takes_a_block(disk: object, tmp_path: Path) -> None:
    for number in range(10):
        put(tmp_path / f"mail/postmaster/new/{number}", 1)
    assert not admits(disk, bytes=11 * 4096 - 1, message=1)
    assert admits(disk, bytes=11 * 4096, message=1)


def test_a_disk_that_is_nearly_full_takes_nothing(disk: object) -> None:
    assert not admits(disk, free=1 << 60)


class Room(NamedTuple):
    """What statvfs(3) says of a disk with plenty of inodes."""

    f_bavail: int
    f_blocks: int
    f_frsize: int = KIB
    f_favail: int = 9
    f_files: int = 10


def test_what_streams_need_is_asked_of_their_disk_and_not_of_the_maildirs_own(
    disk: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rooms(queue: int, mailboxes: int) -> None:
        found = [Room(queue, 1000), Room(mailboxes, 1000)]
        monkeypatch.setattr(budget.Disk, "rooms", lambda self: found)

    rooms(900, 500)
    assert admits(disk, free=800 * KIB)
    assert not list(budget.tidy(disk, budget.Limits(MIB, 100, 0, 600 * KIB), 30))
    rooms(900, 11)
    assert not admits(disk, free=800 * KIB)
    (said,) = budget.tidy(disk, budget.Limits(MIB, 100, 0, 600 * KIB), 30)
    assert "mail has 0 MiB free; without any" in said
    rooms(805, 500)
    assert not admits(disk, free=800 * KIB)


def test_own_reports_may_fill_a_quarter_more(disk: object, tmp_path: Path) -> None:
    put(tmp_path / "mail/postmaster/new/1", MIB)
    assert admits(disk, own=True)
    put(tmp_path / "mail/postmaster/new/2", MIB // 4)
    assert not admits(disk, own=True)
    at = desk([], None)
    assert [at.is_own(one) for one in ("127.0.0.1", "192.0.2.9", "2001:db8::1")] == [
        True,
        True,
        False,
    ]


def test_between_two_measurements_no_more_is_admitted_than_fits(disk: object) -> None:
    """However many messages are admitted before the first of them lies in its Maildir."""
    limits = budget.Limits(MIB, 1000, 100 * KIB, 0)
    one = budget.Budget(disk, limits)
    one.admits("postmaster", MIB, False, 10.0)
    one.next_measure = 20.0
    admitted = [one.admits("postmaster", MIB, False, 10.1) for _ in range(50)]
    assert 1 + sum(admitted) == MIB // (100 * KIB)
    # Measured again, it is known that nothing has come yet.
    assert one.admits("postmaster", MIB, False, 20.1)


def test_a_message_counts_for_what_its_sender_says(disk: object) -> None:
    """A campaign's reports at once are small; without a word they could be as large as any."""
    rows = budget.maildirs(disk.table)  # type: ignore[attr-defined]
    asked = {"recipient": "bounce@bounce.shop.example", "client_address": "127.0.0.1"}
    for size, most in (("2000", 300), ("0", 12)):
        one = budget.Budget(disk, budget.Limits(10 * MIB, 1000, MIB, 0), next_measure=99.0)
        at = desk(rows, one)
        answers = [budget.answer({**asked, "size": size}, at, 10.0) for _ in range(300)]
        assert answers.count("DUNNO") == most


def test_what_is_old_goes_and_links_are_left_alone(disk: object, tmp_path: Path) -> None:
    new = tmp_path / "mail/postmaster/new"
    outside = tmp_path / "outside"
    outside.mkdir()
    for path in (new / "old", new / "young", outside / "old"):
        put(path, 1)
    (new / "link").symlink_to(outside / "old")
    (tmp_path / "mail/postmaster/cur").symlink_to(outside)
    for path in (new / "old",):
        os.utime(path, (1, 1))
    assert list(budget.tidy(disk, budget.Limits(MIB, 100, 0, 0), 30)) == []
    assert sorted(path.name for path in new.iterdir()) == ["link", "young"]


def test_mail_that_is_moved_meanwhile_is_no_fault(
    disk: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "mail/postmaster/new/moved", 1)
    entries = list(os.scandir(tmp_path / "mail/postmaster/new"))
    (tmp_path / "mail/postmaster/new/moved").unlink()
    monkeypatch.setattr(budget.os, "scandir", lambda place: entries)
    assert budget.remove_older(tmp_path / "mail/postmaster", time.time() + 9) == 0


def test_a_maildir_that_cannot_be_tidied_is_told_and_the_others_are_tidied(
    disk: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(maildir: Path, before: float) -> Any:
        if maildir.name == "bounces":
            raise PermissionError(13, "Permission denied", str(maildir))
        return remove_older(maildir, before)

    remove_older = budget.remove_older
    put(tmp_path / "mail/postmaster/new/old", 1)
    os.utime(tmp_path / "mail/postmaster/new/old", (1, 1))
    monkeypatch.setattr(budget, "remove_older", refuses)
    (said,) = budget.tidy(disk, budget.Limits(MIB, 100, 0, 0), 1)
    assert "what is old cannot be removed" in said
    assert not (tmp_path / "mail/postmaster/new/old").exists()


def test_a_network_has_a_rate_and_the_estate_s_own_reports_have_none(disk: object) -> None:
    rows = budget.maildirs(disk.table)  # type: ignore[attr-defined]
    at = desk(rows, budget.Budget(disk, budget.Limits(MIB, 1000, 1, 0)), rate=3)

    def codes(*clients: str, now: float = 10.0) -> list[str]:
        asked = [{"recipient": "postmaster@x", "client_address": one} for one in clients]
        return [budget.answer(one, at, now)[:3] for one in asked]

    assert codes("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4") == ["DUN"] * 3 + [
        "450"
    ]
    assert codes("2001:db8:0:1::1", "192.0.2.1", "192.0.2.2") == ["DUN"] * 3
    assert codes(*["192.0.2.9"] * 9, *["127.0.0.1"] * 9) == ["DUN"] * 18
    assert codes("2001:db8::1", now=61.0) == ["DUN"]


def test_the_host_and_the_audit_tell_at_the_same_share() -> None:
    """The program on the host imports nothing of ours, so the number stands in both."""
    assert budget.TOLD == NEARLY_FULL


def test_it_tells_before_it_is_used_up(disk: object, tmp_path: Path) -> None:
    put(tmp_path / "mail/postmaster/new/1", MIB * 9 // 10)
    (said,) = budget.tidy(disk, budget.Limits(MIB, 100, 0, 0), 30)
    assert "postmaster has 0 MiB in 1 files, of 1 MiB and 100: soon its mail is refused" in said
    (said,) = budget.tidy(disk, budget.Limits(10 * MIB, 100, 0, 1 << 60), 30)
    assert "inbound takes no mail" in said


def test_it_answers_as_smtpd_asks(disk: object, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    limits = budget.Limits(MIB, 9, 1, 0)
    at = desk(budget.maildirs(disk.table), budget.Budget(disk, limits))  # type: ignore[attr-defined]
    threading.Thread(target=budget.serve, args=(str(path), at), daemon=True).start()
    deadline = time.monotonic() + 5
    while not path.is_socket() and time.monotonic() < deadline:
        time.sleep(0.01)
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(path))
        replies = asking.makefile("rb")
        for _ in range(2):
            asking.sendall(b"request=smtpd_access_policy\nrecipient=postmaster@x\nsize=0\n\n")
            assert replies.readline() + replies.readline() == b"action=DUNNO\n\n"
    assert budget.answers(str(path))
    assert not budget.answers(str(tmp_path / "nobody"))


@pytest.mark.parametrize("words", [[], ["serve"], ["tidy", "1"], ["other"]])
def test_a_wrong_call_shows_the_right_one(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert budget.main(words) == 2
    assert "budget tidy" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["an address a stream"])
def test_inbound_stops_before_the_streams(name: str) -> None:
    estate = estates.estate(estates.DECLARED[name])
    limits = intake(estate)
    for stream in estate.streams:
        assert limits.message_size > stream.limits.message_size
        left = limits.free - 2 * PLACES * limits.message_size
        assert left >= max(stream.limits.queue_minfree, stream.limits.message_size * 3 // 2)
    assert limits.places_of_network * 2 < limits.places


@pytest.mark.parametrize("size", [1024, 25 * MIB, 60 * MIB, 400 * MIB])
def test_root_is_told_before_the_last_message_fits(size: int) -> None:
    stream = {"message_size": size, "queue_minfree": 2 * size}
    path = ("streams", "transactional", "limits")
    limits = intake(estates.estate(put_in(declaration(), path, stream)))
    assert limits.maildir_bytes * budget.TOLD <= limits.maildir_bytes - 2 * limits.message_size


def test_hosts_without_inbound_have_no_limits_at_another_one_s() -> None:
    estate = estates.estate(estates.DECLARED["inbound elsewhere"])
    sending = [host for host in estate.hosts if not host.inbound]
    assert sending
    said = without_limits(estate).split(", ")
    ways = [way for host in sending for _, way in estate.streams_of(host)]
    wanted = {
        f"[{one}]/128" if one.version == 6 else f"{one}/32" for w in ways for one in w.addresses
    }
    assert said[0] == "127.0.0.1/32"
    assert set(said[1:]) == wanted
    (inbound,) = (host for host in estate.hosts if host.inbound)
    for path in ("/etc/ufw/before.rules", "/etc/ufw/before6.rules"):
        rules = estates.text(path, estate, inbound, estates.facts(estate, inbound)).splitlines()
        version = 6 if "6" in path else 4
        mine = {str(one) for w in ways for one in w.addresses if one.version == version}
        let_in = [r for r in rules if any(f"-s {one} -p tcp --dport 25 --syn" in r for one in mine)]
        # Whoever returns from this chain has not met the openings, and meets the default.
        assert [rule.rpartition(" ")[2] for rule in let_in] == ["ACCEPT"] * len(mine)


# ---- who is told of what is down


def state(active: str, since: float = 0.0) -> dict[str, str]:
    return {
        "ActiveState": active,
        "ActiveEnterTimestampMonotonic": str(int(since * 1e6)),
        "Result": "exit-code",
        "NRestarts": "7",
    }


@pytest.mark.parametrize(
    ("found", "steady"),
    [
        (state("active", 10), True),
        (state("active", 99), False),
        (state("activating"), False),
        (state("deactivating"), False),
        (state("inactive"), True),
    ],
)
def test_a_unit_that_stays_up_is_no_news(found: dict[str, str], steady: bool) -> None:
    assert alarm.is_steady(found, 100.0) is steady


def test_a_unit_that_has_failed_for_good_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm, "shown", lambda unit: state("failed"))
    monkeypatch.setattr(alarm.time, "sleep", lambda seconds: pytest.fail("it waits"))
    assert not alarm.comes_back("x.service")


def test_a_unit_that_fails_again_and_again_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count(1000.0, 1.0)
    monkeypatch.setattr(alarm, "shown", lambda unit: state("activating"))
    monkeypatch.setattr(alarm.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(alarm.time, "monotonic", lambda: next(ticks))
    assert not alarm.comes_back("x.service")


def test_root_is_told_once_in_hours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(alarm, "TOLD", tmp_path)
    assert [alarm.was_told("x@y.service") for _ in range(2)] == [False, True]
    (mark,) = tmp_path.iterdir()
    os.utime(mark, (1, 1))
    assert not alarm.was_told("x@y.service")


def test_the_mail_says_nothing_of_the_log() -> None:
    text = alarm.letter("postroad-auth@x.service", state("failed"), "mail1.shop.example")
    head, _, body = text.partition("\n\n")
    assert "Subject: mail1.shop.example: postroad-auth@x.service is down" in head
    assert "journalctl -u postroad-auth@x.service" in body
    assert text.isascii()


def test_a_canary_tells_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm, "shown", lambda unit: pytest.fail("it looks"))
    assert alarm.main(["postroad-dkim@canary-marketing.service"]) == 0
