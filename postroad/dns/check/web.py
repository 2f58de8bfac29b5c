"""The edge: one page over HTTPS, as RFC 8461 §3.3 has it fetched. No redirects, bounded in all."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from postroad.dns.check.mta_sts import Fetch, Page
from postroad.dns.check.said import UnansweredError
from postroad.settings.model import Address

PORT = 443
SECONDS = 5.0
# RFC 8461 §3.3 lets receivers limit the size, and names 64 kB.
OCTETS = 65_536


def fetcher(private_root: str | None) -> Fetch:
    """What fetches a page at an address whose certificate must be one of the host.

    The machine's roots are believed, and the one in the PEM file ``private_root``. A certificate
    that is refused comes as a page with its fault. UnansweredError where nothing came; OSError
    where the file cannot be read.
    """
    context = ssl.create_default_context()
    if private_root is not None:
        context.load_verify_locations(private_root)
    return partial(_fetch, context)


def _fetch(context: ssl.SSLContext, host: str, path: str, address: Address) -> Page:
    return fetched(host, path, (str(address), PORT), context)


def fetched(host: str, path: str, place: tuple[str, int], context: ssl.SSLContext) -> Page:
    """The page at a host's path, from any port, by any roots."""
    try:
        with socket.create_connection(place, SECONDS) as plain, _cut_after(SECONDS, plain):
            return _page(context.wrap_socket(plain, server_hostname=host), host, path)
    except ssl.SSLCertVerificationError as fault:
        reason = f"its certificate is refused: {fault.verify_message}"
        return Page(fault=reason, is_refused=True)
    except (OSError, http.client.HTTPException) as fault:
        said = str(fault) or type(fault).__name__
        raise UnansweredError(f"https://{host}{path} ({place[0]}): {said}") from None


@contextmanager
def _cut_after(seconds: float, line: socket.socket) -> Iterator[None]:
    """End the connection after this time: one octet now and then would outlast any time-out.

    TimeoutError where that was needed: what came before is not the whole page.
    """
    over = threading.Event()
    # wrap_socket takes the descriptor over; a second one still reaches the connection.
    with line.dup() as handle:
        timer = threading.Timer(seconds, _end, (handle, over))
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        if over.is_set():
            raise TimeoutError(f"no end in {seconds:g} s")


def _end(line: socket.socket, over: threading.Event) -> None:
    over.set()
    # It may have ended by itself in the meantime.
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _page(line: ssl.SSLSocket, host: str, path: str) -> Page:
    with line:
        # HTTP/1.0: the whole page and then the end, in one piece.
        line.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode("ascii"))
        response = http.client.HTTPResponse(line, method="GET")
        response.begin()
        body = response.read(OCTETS + 1)
    if len(body) > OCTETS:
        return Page(fault=f"it is longer than {OCTETS} octets")
    media = response.headers.get_content_type()
    return Page(response.status, media, body.decode("utf-8", "replace"))
