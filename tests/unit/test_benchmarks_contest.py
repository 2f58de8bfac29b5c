"""The parts of the benchmarks' contest that need no lab."""

from __future__ import annotations

import json
import re
import smtplib
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import cast

import dkim
import pytest

from benchmarks.contest import door, hosts, peers, signatures, sinks
from benchmarks.contest.contender import Contender
from benchmarks.contest.door import Door
from benchmarks.suites import isolation, throughput
from benchmarks.suites.throughput import Turn
from lab.hosts.errors import LabError
from lab.hosts.guest import Guest
from lab.world.fill import filled

MESSAGE = b"From: orders@peer.example\r\nSubject: a receipt\r\n\r\nThank you.\r\n"
SETUPS = Path(peers.__file__).parent / "setups"


def test_a_signature_by_the_contender_s_own_key_is_seen() -> None:
    key = signatures.new_key()
    judge = signatures.signed_with(key)
    signed = dkim.sign(MESSAGE, b"bench", b"peer.example", key.encode()) + MESSAGE
    assert judge(signed) == ""
    assert judge(signed.replace(b"Thank", b"Blame")) == "no signature that verifies"
    assert judge(MESSAGE) == "no signature that verifies"
    assert signatures.signed_with(signatures.new_key())(signed) == "no signature that verifies"


def test_only_a_header_is_a_signature_to_the_unsigned() -> None:
    assert signatures.unsigned(MESSAGE + b"\nDKIM-Signature: not one\n") == ""
    assert signatures.unsigned(b"dkim-signature: v=1\n" + MESSAGE) == "a signature"


def test_what_smtp_sink_puts_before_a_message_is_taken_off() -> None:
    kept = (
        b"X-Client-Addr: 192.0.2.1\nX-Helo-Args: x.example\nX-Rcpt-Args: <u@x.example>\n"
        b"Received: from x ([192.0.2.1])\n\tby smtp-sink (smtp-sink) with ESMTP id 1;\n"
    )
    own = b"Received: by peer.example\nFrom: orders@peer.example\n\nX-Body: stays\n"
    assert sinks.without_envelope(kept + own) == own
    assert sinks.without_envelope(own) == own


def test_calls_in_a_table_of_strace() -> None:
    rows = (("syscall", "calls"), ("fsync", "100"), ("fdatasync", "11"), ("total", "111"))
    assert hosts.total("".join(f"{name:<16} {calls:>9}\n" for name, calls in rows)) == 111
    assert hosts.total("") == 0


@pytest.mark.parametrize(("share", "wanted"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_quantiles_are_samples(share: float, wanted: float) -> None:
    assert isolation.quantile([float(n) for n in range(100, 0, -1)], share) == wanted


def test_every_peer_s_scripts_have_all_their_values() -> None:
    """A name without a value would be found only after minutes."""
    values = set(re.findall(r'"(\w+)":', Path(peers.__file__).read_text()))
    scripts = {"common.sh", *(part for peer in peers.PEERS for part in peer.setups)}
    assert scripts == {place.name for place in SETUPS.iterdir()}
    for script in scripts:
        text = (SETUPS / script).read_text()
        used = set(re.findall(r"@(\w+)@", text))
        assert used <= values, script
        subprocess.run(["sh", "-n"], input=text, text=True, check=True)


def test_a_name_without_a_value_is_an_error() -> None:
    with pytest.raises(LabError, match=r"exim.sh: no value for @key@"):
        filled("@key@", "exim.sh")


def test_figures_hold_ours_against_each_other_and_goals_against_signers() -> None:
    names = [throughput.OURS, throughput.CEILING, *(peer.label for peer in peers.PEERS)]
    found = list(throughput.figures(10_000, {name: [Turn(100.0, 5.0)] for name in names}))
    rates = [one for one in found if one.unit == "messages/s"]
    assert [one.against for one in rates] == names[1:]
    goals = {one.against: one.goal for one in rates}
    assert goals[throughput.CEILING] == 0.9
    assert goals["stock Postfix, unsigned"] is None
    assert {goals[peer.label] for peer in peers.PEERS if peer.signs} == {1.0}


@pytest.mark.parametrize(("seconds", "wanted"), [(0.5, 3000), (2.0, 1500), (100.0, 100)])
def test_who_is_slow_carries_fewer_messages(seconds: float, wanted: int) -> None:
    """``seconds`` is how long all would take, in the longest turns that there are."""
    assert throughput.bounded(3000, 3000 / (seconds * throughput.LONGEST)) == wanted


class _Arena:
    """Where the contenders in ``broken`` fail."""

    def __init__(self, broken: set[str]) -> None:
        self.broken = broken

    def prove(self, one: Contender) -> float:
        return 100.0

    def turn(self, one: Contender, count: int, size: int) -> Turn:
        if one.name in self.broken:
            raise LabError("it lost a message")
        return Turn(100.0, 5.0)


def _contest(broken: set[str]) -> throughput.Contest:
    own = Door("h", 465, "implicit", "u", "p", "bounce@x.example", "orders@x.example")
    guest = cast(Guest, None)
    named = [Contender(n, guest, own, "", signatures.unsigned) for n in (throughput.OURS, "a", "b")]
    return throughput.Contest(cast(throughput.Arena, _Arena(broken)), named, [])


def test_who_fails_is_left_out_and_the_others_go_on() -> None:
    contest = _contest({"a"})
    contest.prove()
    for _ in range(2):
        assert [name for name, _ in contest.round(500, 10_000)] == [throughput.OURS, "b"]
    assert contest.missing == ["a: it lost a message"]


def test_without_ours_there_is_no_contest() -> None:
    contest = _contest({throughput.OURS})
    contest.prove()
    with pytest.raises(LabError):
        list(contest.round(500, 10_000))


def test_latencies_are_told_in_milliseconds() -> None:
    p50, p99 = isolation.figures([[0.010, 0.012]], [[0.010, 0.020]], 5000)
    assert (p50.ours, p50.other, p50.goal) == ((10.0,), (10.0,), None)
    assert (p99.ours, p99.other, p99.goal, p99.is_met) == ((12.0,), (20.0,), 1.2, True)


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number: int = taken.getsockname()[1]
    return number


def test_the_clock_writes_down_each_recipient(port: int, tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    text = door.program("clock.py").replace('"0.0.0.0", 25', f'"127.0.0.1", {port}')
    server = subprocess.Popen([sys.executable, "-c", text, str(noted), "0"])
    try:
        session = _connected(port)
        for name in ("a", "b"):
            session.sendmail("s@x.example", [f"{name}@x.example"], MESSAGE)
        session.quit()
    finally:
        server.kill()
        server.wait()
    lines = [line.split() for line in noted.read_text().splitlines()]
    assert [recipient for recipient, _ in lines] == ["a@x.example", "b@x.example"]
    assert float(lines[0][1]) <= float(lines[1][1])


def test_waiting_for_a_sink_ends_with_its_last_message(tmp_path: Path) -> None:
    counter = tmp_path / "count"
    counter.write_text("sess=    1 quit=    0 mesg=    9\rsess=    1 quit=    0 mesg=   10\r")
    command = [sys.executable, "-c", door.program("await_count.py"), str(counter)]
    done = subprocess.run([*command, "10", "0.1"], capture_output=True, text=True, check=True)
    assert float(done.stdout) > 0
    late = subprocess.run([*command, "11", "0.1"], capture_output=True, text=True, check=False)
    assert (late.returncode, late.stderr) == (1, "10 of 11 messages\n")


def test_the_generator_ends_where_it_cannot_begin(port: int) -> None:
    order = {
        "host": "127.0.0.1",
        "port": port,
        "tls": "implicit",
        "user": "",
        "size": 100,
        "count": 2,
        "clients": 2,
    }
    done = subprocess.run(
        [sys.executable, "-c", door.program("hand_in.py")],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "refused" in done.stderr


def test_a_header_is_filled_in_for_each_message() -> None:
    own = Door("h", 465, "implicit", "u", "p", "bounce@x.example", "orders@x.example")
    text = door.header(own).format(name="n1-2", to="n1-2@y.example")
    assert "From: Shop <orders@x.example>\n" in text
    assert "Message-ID: <n1-2@x.example>\n" in text


def _connected(port: int) -> smtplib.SMTP:
    for _ in range(200):
        try:
            return smtplib.SMTP("127.0.0.1", port, timeout=10)
        except ConnectionRefusedError:
            threading.Event().wait(0.05)
    raise AssertionError("the server does not listen")
