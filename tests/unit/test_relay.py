"""The benchmarks' slow link: late, but whole."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from benchmarks.relay import LOOPBACK, relays

PATIENCE = 10.0
ROUND_TRIP = 0.1
LETTER = bytes(range(256)) * 1024


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that reads to the end of one connection, and then says it all back."""
    with socket.create_server((LOOPBACK, 0)) as server:
        server.settimeout(PATIENCE)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(read_all(connection))

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_what_goes_in_comes_back_whole_and_late(echo: tuple[str, int]) -> None:
    with relays({"echo": echo}, ROUND_TRIP) as ports:
        began = time.monotonic()
        with socket.create_connection((LOOPBACK, ports["echo"]), timeout=PATIENCE) as client:
            client.sendall(LETTER)
            client.shutdown(socket.SHUT_WR)
            assert read_all(client) == LETTER
        assert time.monotonic() - began >= ROUND_TRIP


def test_a_refused_connection_is_hung_up_and_the_ports_close_with_the_block() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        nobody = taken.getsockname()
    with (
        relays({"nobody": nobody}, 0.0) as ports,
        socket.create_connection((LOOPBACK, ports["nobody"]), timeout=PATIENCE) as client,
    ):
        assert read_all(client) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, ports["nobody"]), timeout=PATIENCE)
