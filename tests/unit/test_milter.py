"""postroad's milter: which key it takes for a signature. What it does is tried in tests/lab."""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from postroad.onhost.milter import main as program

SELECTORS = (b"202611-a", b"202611-b", b"202612-a")


@pytest.fixture(scope="module")
def milter() -> ModuleType:
    """The program."""
    return program


def row(selector: bytes) -> tuple[bytes, int]:
    """A line of the table for a new key, and the key's number."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    line = b" ".join((b"shop.example", selector, base64.b64encode(der)))
    return line, key.public_numbers().n


@pytest.mark.parametrize("asked", SELECTORS)
def test_the_key_of_that_name_is_given_when_the_file_is_read(
    milter: ModuleType, tmp_path: Path, asked: bytes
) -> None:
    """Whichever line is the last, and at the very question that reads the file."""
    table = tmp_path / "public.table"
    rows = {selector: row(selector) for selector in SELECTORS}
    table.write_bytes(b"\n".join([b"# keys", *(line for line, _ in rows.values())]))
    found = milter.PublicKeys(table).get(b"shop.example", asked)
    assert found.public_numbers().n == rows[asked][1]


def test_a_key_that_went_is_remembered_and_another_of_its_name_taken(
    milter: ModuleType, tmp_path: Path
) -> None:
    table = tmp_path / "public.table"
    keys = milter.PublicKeys(table)
    first, second = row(b"a"), row(b"b")
    table.write_bytes(first[0])
    assert keys.get(b"shop.example", b"a").public_numbers().n == first[1]
    (tmp_path / "new").write_bytes(second[0])
    (tmp_path / "new").rename(table)
    assert keys.get(b"shop.example", b"a").public_numbers().n == first[1]
    assert keys.get(b"shop.example", b"b").public_numbers().n == second[1]
    assert keys.get(b"other.example", b"a") is None


# ---- the protocol, as Postfix speaks it


def packet(command: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", 1 + len(data)) + command + data


# Version 6, all actions, all steps: what Postfix offers.
OFFER = packet(b"O", struct.pack(">III", 6, 0x1FF, 0x1FFFFF))
UNSIGNED = packet(b"L", b"From\0orders@shop.example\0") + packet(b"N")


def test_it_wants_headers_alone_and_answers_to_none(milter: ModuleType) -> None:
    session = milter.Session(None)
    _, command, version, actions, steps = struct.unpack(">IcIII", session.take(OFFER))
    assert (command, version, actions) == (b"O", 6, 0)
    assert steps == 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x80 | 0x100 | 0x200
    assert session.take(packet(b"L", b"From\0x\0")) == b""


def test_who_offers_less_is_answered_each_time(milter: ModuleType) -> None:
    session = milter.Session(None)
    session.take(packet(b"O", struct.pack(">III", 2, 0, 0)))
    assert session.take(packet(b"L", b"From\0x\0")) == packet(b"c")


def test_a_message_is_judged_once_its_header_is_whole(
    milter: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing more is asked about it: Postfix need not read its body for anybody."""
    monkeypatch.setattr(milter, "fault", lambda headers, keys: "")
    session = milter.Session(None)
    session.take(OFFER)
    assert session.take(packet(b"L", b"From\0x\0") + packet(b"N")) == packet(b"a")


def test_who_tells_of_no_end_of_the_header_is_judged_at_the_message_s(milter: ModuleType) -> None:
    session = milter.Session(None)
    session.take(OFFER)
    assert b"it is not signed" in session.take(packet(b"L", b"From\0x\0") + packet(b"E"))


def test_no_verdict_is_given_twice(milter: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever ends a message that is accepted already begins another, which nobody has signed."""
    judged = []
    monkeypatch.setattr(milter, "fault", lambda headers, keys: judged.append(headers))
    session = milter.Session(None)
    session.take(OFFER + packet(b"L", b"From\0x\0") + packet(b"N") + packet(b"E"))
    assert judged == [[(b"From", b"x")], []]


@pytest.mark.parametrize("size", [1, 3, 7, 4096])
def test_packets_may_come_in_any_pieces(milter: ModuleType, size: int) -> None:
    session = milter.Session(None)
    said = OFFER + packet(b"D", b"Ei\0004XYZ\0") + UNSIGNED + packet(b"A") + UNSIGNED
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    answers = b"".join(session.take(piece) for piece in pieces)
    refusal = packet(b"y", b"451 4.7.0 not signed by this stream: it is not signed\0")
    assert answers[17:] == refusal * 2


def test_nothing_of_one_message_is_left_for_the_next(milter: ModuleType) -> None:
    session = milter.Session(None)
    session.take(OFFER + packet(b"L", b"DKIM-Signature\0v=1\0") + packet(b"A"))
    assert b"it is not signed" in session.take(packet(b"E"))


@pytest.mark.parametrize(
    "said",
    [packet(b"Q"), struct.pack(">I", 0), struct.pack(">I", 1 << 30) + b"L"],
)
def test_a_good_bye_and_nonsense_end_a_connection(milter: ModuleType, said: bytes) -> None:
    assert milter.Session(None).take(OFFER + said) is None


def test_one_thread_serves_many_and_survives_nonsense(milter: ModuleType, tmp_path: Path) -> None:
    place = str(tmp_path / "milter.sock")
    threading.Thread(target=milter.serve, args=(place, None), daemon=True).start()
    deadline = time.monotonic() + 5
    while not milter.answers(place) and time.monotonic() < deadline:
        time.sleep(0.01)
    with contextlib.ExitStack() as kept:
        talking = [kept.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(30)]
        for one in talking:
            one.settimeout(5)
            one.connect(place)
            one.sendall(OFFER)
        for number, one in enumerate(talking[::3]):
            word = (packet(b"L", b"no end"), packet(b"O", b"short"), packet(b"D", b"Ci"))[
                number % 3
            ]
            one.sendall(word + b"\xff" * 99)
        for number, one in enumerate(talking):
            if number % 3:
                assert len(one.recv(17, socket.MSG_WAITALL)) == 17
                one.sendall(UNSIGNED)
                assert b"451 4.7.0" in one.recv(99)
    assert milter.answers(place)
