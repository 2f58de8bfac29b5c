"""A hostile SMTP client: hostile.py KIND HOST PORT COUNT; it ends when standard input does.

slow: COUNT connections that say a letter each second. many: COUNT connections at once, again and
again. huge: messages without end. endless: lines without end. garbage: noise for commands.
"""

import os
import socket
import sys
import threading
from collections.abc import Callable

STOP = threading.Event()


def connected(host: str, port: int) -> socket.socket:
    """A connection that was greeted, or not: a hostile client does not care."""
    return socket.create_connection((host, port), timeout=10)


def slow(host: str, port: int) -> None:
    """One letter each second."""
    with connected(host, port) as connection:
        while not STOP.wait(1):
            connection.sendall(b"E")


def many(host: str, port: int) -> None:
    """Connections that come and go."""
    while not STOP.wait(0.05):
        with connected(host, port) as connection:
            connection.recv(1)


def huge(host: str, port: int) -> None:
    """A message that has no end."""
    with connected(host, port) as connection:
        for line in (b"EHLO x", b"MAIL FROM:<>", b"RCPT TO:<postmaster>", b"DATA"):
            connection.recv(4096)
            connection.sendall(line + b"\r\n")
        connection.recv(4096)
        while not STOP.is_set():
            connection.sendall((b"x" * 998 + b"\r\n") * 64)


def endless(host: str, port: int) -> None:
    """A command that has no end."""
    with connected(host, port) as connection:
        while not STOP.is_set():
            connection.sendall(b"x" * 65536)


def garbage(host: str, port: int) -> None:
    """Noise, in pieces."""
    while not STOP.wait(0.05):
        with connected(host, port) as connection:
            for _ in range(100):
                connection.sendall(os.urandom(512) + b"\r\n")


KINDS: dict[str, Callable[[str, int], None]] = {
    "slow": slow,
    "many": many,
    "huge": huge,
    "endless": endless,
    "garbage": garbage,
}


def again_and_again(kind: str, host: str, port: int) -> None:
    """Whatever the server does about it."""
    while not STOP.wait(0.1):
        try:
            KINDS[kind](host, port)
        except OSError:
            continue


def main() -> None:
    """All the connections, until somebody ends them."""
    kind, host, port, count = sys.argv[1:]
    threads = [
        threading.Thread(target=again_and_again, args=(kind, host, int(port)), daemon=True)
        for _ in range(int(count))
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    STOP.set()


if __name__ == "__main__":
    main()
