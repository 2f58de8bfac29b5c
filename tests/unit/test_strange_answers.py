"""Commands against a host that speaks the way of asking, and says anything in it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.unit.strange_host import StrangeHost  # First: see there.

import paramiko  # isort: skip
import pytest

from postroad.commands import cli
from postroad.host.found import MARK
from postroad.roles.run import ask
from tests.unit import estates
from tests.unit.declarations import two_hosts
from tests.unit.machine import bare, told

DECLARED = two_hosts()
INSTANCES = ("transactional", "marketing", "inbound", "default")
EMPTY: dict[str, object] = {"messages": 0, "octets": 0, "oldest": None, "groups": [], "why": ""}
UNKNOWN = {"messages": {}, "refused": [], "queued": {}, "more": 0, "why": ""}
GROUP = {"queue": "active", "place": "a.example", "reply": "", "recipients": 1, "oldest": 1.0}
DEEP = "[" * 100_000
SHAPES = (
    "hello",
    "",
    DEEP,
    "null",
    "[]",
    "7",
    '"x"',
    '{"marketing": 7}',
    '{"marketing": []}',
    '{"marketing": {}}',
    json.dumps({"marketing": {**EMPTY, "messages": "many"}}),
    json.dumps({"marketing": {**EMPTY, "messages": 1, "oldest": float("nan")}}),
    json.dumps({"marketing": {**EMPTY, "messages": 1, "oldest": 1e300}}),
    json.dumps({"marketing": {**EMPTY, "groups": [{**GROUP, "place": None}]}}),
    json.dumps({"marketing": {**EMPTY, "groups": [{**GROUP, "recipients": 10**40}]}}),
    json.dumps({"marketing": {**UNKNOWN, "messages": {"A": "line"}}}),
    json.dumps({"marketing": {**UNKNOWN, "messages": {"A": [["line"]]}}}),
    json.dumps({"marketing": {**UNKNOWN, "refused": None}}),
)


def says(name: str, answer: str) -> StrangeHost:
    """A host whose state is fine, and which answers everything else with this."""
    estate = estates.estate(DECLARED)
    state = told(bare(estate, estate.host(name)))

    def shell(host: StrangeHost, channel: paramiko.Channel, command: bytes) -> None:
        given = b"".join(iter(lambda: channel.recv(1 << 16), b"")).decode()
        mark = given.partition("\n")[0].removeprefix("m=")
        body = state if MARK in given else answer
        channel.sendall(
            f"\n{mark} uid {os.getuid()}\n{mark} 0 begin\n{body}\n{mark} 0 end 0\n"
            f"\n{mark} done\n".encode()
        )
        channel.sendall_stderr(f"\n{mark} done\n".encode())
        channel.send_exit_status(0)
        channel.close()

    return StrangeHost(shell)


@contextmanager
def estate_of(folder: Path, *hosts: StrangeHost) -> Iterator[str]:
    """An inventory of mail1 and mail2, which are these."""
    (folder / "group_data").mkdir()
    (folder / "group_data" / "prod.py").write_text(f"estate = {DECLARED!r}\n")
    with hosts[0].up(), hosts[1].up():
        rows = [
            (f"mail{n}", {"ssh_hostname": "127.0.0.1", "ssh_port": host.port})
            for n, host in enumerate(hosts, 1)
        ]
        way = {
            "ssh_user": "root",
            "ssh_password": "x",
            "ssh_strict_host_key_checking": "off",
            "ssh_known_hosts_file": "/dev/null",
        }
        place = folder / "prod.py"
        place.write_text(f"mail = ({rows!r}, {way!r})\n")
        yield str(place)


def told_by(
    words: Callable[[str], list[str]], fine: object, odd: str, folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> tuple[int, str, str]:  # fmt: skip
    """Status and words of a command: mail1 answers oddly, and mail2 is fine."""
    hosts = says("mail1", odd), says("mail2", json.dumps(dict.fromkeys(INSTANCES, fine)))
    with estate_of(folder, *hosts) as place:
        status = cli.main(words(place))
    shown = capsys.readouterr()
    return status, shown.out, shown.err


@pytest.fixture(autouse=True)
def _root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "ROOT", str(os.getuid()))


@pytest.mark.parametrize("odd", SHAPES, ids=range(len(SHAPES)))
def test_noise_of_one_host_hides_no_queue_of_another(
    odd: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = told_by(lambda p: ["queue", p], EMPTY, odd, tmp_path, capsys)
    assert status == 2
    assert out == f"nothing waits: {', '.join(f'mail2 {one}' for one in INSTANCES)}\n"
    assert err.startswith("mail1: its queues: its answer cannot be read (")
    assert err.count("\n") == 1
    assert len(err) < 300


@pytest.mark.parametrize("odd", SHAPES, ids=range(len(SHAPES)))
def test_noise_of_one_host_hides_no_message_of_another(
    odd: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fine = {**UNKNOWN, "messages": {"ABCDE": ["Nov 24 05:15:08 m postfix/qmgr[1]: ABCDE: removed"]}}
    status, out, err = told_by(lambda p: ["explain", p, "x"], fine, odd, tmp_path, capsys)
    assert status == 2
    assert "mail2 marketing ABCDE: " in out
    assert err.startswith("mail1: its logs: its answer cannot be read (")


@pytest.mark.parametrize("odd", ["hello", DEEP, "7\n[]", "YWJj\n{", "YWJj\n[[1, [2]]]"])
def test_noise_of_one_host_keeps_no_backup_from_another(
    odd: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept"
    status, _, err = told_by(lambda p: ["backup", p, str(kept)], 7, odd, tmp_path, capsys)
    assert status == 2
    # The other one's answer is judged as well, and is none either; neither ends the command.
    assert {line.partition(":")[0] for line in err.splitlines()} == {"mail1", "mail2"}
