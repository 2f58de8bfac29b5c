"""postroad's own milter: what the stream's signer has not signed leaves no queue.

It stands behind the signer and sees each message as it will leave. Postfix gives it the header; the
topmost DKIM-Signature must verify over it with a key of this stream (RFC 6376 §3.7, the header's
half; the body's digest is covered by it). Anything else is deferred, and said in the journal. So it
hangs on nothing that the signer understood, refused or passed on, and on no reading of From:.

It judges at the end of the header, and accepts there: Postfix would else read the body from its
queue file to the end, for nobody (docs/benchmarks.md, "earlier").

A header that is longer than receivers take is refused for good: it will be no shorter tomorrow.

An old signature of the stream's over the same fields would pass with another body: header_checks
take off every signature that an application brings.

Dead or slow, it defers mail (default_action in main.cf); hung, systemd ends it: it no longer
answers itself (WatchdogSec).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import selectors
import socket
import struct
import sys
import threading
from collections.abc import Sequence
from functools import partial
from typing import Protocol, cast

import dkim
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from dkim.canonicalization import Relaxed
from dkim.util import InvalidTagValueList, parse_tag_value

from postroad.onhost.common.systemd import watch

USAGE = "usage: milter (RUNTIME_DIRECTORY and CONFIG are set by its unit)"
SIGNATURE = b"dkim-signature"
# What OpenDKIM writes (opendkim.conf: Canonicalization, SignatureAlgorithm).
ALGORITHM, CANONICALIZATION = b"rsa-sha256", b"relaxed/relaxed"

# Of the protocol: to go on, and to ask no more about this message; what need not be told
# (connection, HELO, sender, recipients, body, unknown commands, DATA: SMFIP_NO*); what Postfix need
# not wait for (SMFIP_NR_HDR).
CONTINUE, ACCEPT = b"c", b"a"
UNWANTED = 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x100 | 0x200
UNANSWERED = 0x80
# Octets of a packet. Postfix sends no field beyond 64 kB.
LONGEST = 1 << 20
# Octets of a whole header, the signature included.
LONGEST_HEADER = 1 << 16

# How long an answer may take, in seconds.
PATIENCE = 2
# A milter's greeting, and its good-bye (SMFIC_OPTNEG with version 6, SMFIC_QUIT).
GREETING, GOODBYE = struct.pack(">IcIII", 13, b"O", 6, 0, 0), struct.pack(">Ic", 1, b"Q")
# What reading a signature, or a key that is none, may end in.
UNREADABLE = (
    LookupError,
    TypeError,
    ValueError,
    OSError,
    dkim.DKIMException,
    InvalidTagValueList,
)


Headers = Sequence["tuple[bytes, bytes]"]


class Keys(Protocol):
    """What knows the stream's keys."""

    def get(self, domain: bytes, selector: bytes) -> RSAPublicKey | None:
        """The key of that name; None where the stream has none."""


class PublicKeys:
    """The public halves of the stream's keys: a line each, domain, selector, base64.

    Read anew when the file is another one, so that a rotation restarts nothing.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._keys: dict[tuple[bytes, ...], RSAPublicKey] = {}

    def get(self, domain: bytes, selector: bytes) -> RSAPublicKey | None:
        """The key of that name; None where the stream has none."""
        now = os.stat(self._path)
        seen = (now.st_ino, now.st_mtime_ns)
        if seen != self._seen:
            with open(self._path, "rb") as file:
                rows = [line.split() for line in file if not line.startswith(b"#")]
            # None is forgotten: what a key signed until now may still be on its way here.
            for *name, key in rows:
                loaded = load_der_public_key(base64.b64decode(key))
                self._keys[tuple(name)] = cast(RSAPublicKey, loaded)
            self._seen = seen
        return self._keys.get((domain, selector))


def fault(headers: Headers, keys: Keys) -> str:
    """Why the message may not leave; empty where a key of ours has signed its header.

    ``headers`` are pairs of name and value in the order of the message, in octets.
    """
    signature = next((value for name, value in headers if name.lower() == SIGNATURE), None)
    if signature is None:
        return "it is not signed"
    try:
        tags = parse_tag_value(signature)
        key = keys.get(tags[b"d"].lower(), tags[b"s"])
        if key is None:
            return "its signature is by no key of this stream"
        if (tags[b"a"], tags[b"c"]) != (ALGORITHM, CANONICALIZATION):
            return "its signature is of another kind"
        covered = [name.strip().lower() for name in tags[b"h"].split(b":")]
        if b"from" not in covered or b"l" in tags:
            return "its signature does not cover it"
        digest = hashlib.sha256()
        there = [field for field in headers if field[0].strip().lower() in covered]
        dkim.hash_headers(
            digest,
            Relaxed,
            Relaxed.canonicalize_headers(there),
            covered,
            (b"DKIM-Signature", signature),
            tags,
        )
        signed = base64.b64decode(b"".join(tags[b"b"].split()), validate=True)
        key.verify(signed, digest.digest(), PKCS1v15(), Prehashed(SHA256()))
    except InvalidSignature:
        return "its signature does not verify"
    except UNREADABLE as unreadable:
        return f"its signature cannot be read: {unreadable!r}"
    return ""


class Session:
    """One connection of Postfix's, with one message after the other.

    A packet is its length in four octets, a command and data; what is asked for is answered by one
    letter (libmilter/mfdef.h of Sendmail, the protocol's own description).
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._rest = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._queue_id = b"?"
        self._answers_headers = True

    def take(self, octets: bytes) -> bytes | None:
        """What is to be answered to these octets; None where the connection ends."""
        octets, at = self._rest + octets, 0
        answers: list[bytes] = []
        while len(octets) - at >= 4:
            end = at + 4 + int.from_bytes(octets[at : at + 4], "big")
            if not at + 5 <= end <= at + LONGEST:
                return None
            if len(octets) < end:
                break
            answer = self._obey(octets[at + 4 : at + 5], octets[at + 5 : end])
            if answer is None:
                return None
            if answer:
                answers.append(len(answer).to_bytes(4, "big") + answer)
            at = end
        self._rest = octets[at:]
        return b"".join(answers)

    def _obey(self, command: bytes, data: bytes) -> bytes | None:
        """The answer to one command; empty where there is none to be given, None at the end."""
        if command == b"L":
            name, value, _ = data.split(b"\0", 2)
            # A field in octets, its lines ended as in a message.
            self._headers.append((name, value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")))
            return CONTINUE if self._answers_headers else b""
        # The end of the header; the message's own, where whoever speaks did not tell of the first.
        if command in (b"N", b"E"):
            return self._judge()
        if command == b"D":
            words = data[1:].split(b"\0")
            if b"i" in words[::2]:
                self._queue_id = words[words[::2].index(b"i") * 2 + 1]
            return b""
        if command in (b"A", b"K"):
            self._headers = []
            return b""
        if command == b"O":
            return self._agree(data)
        return None if command == b"Q" else CONTINUE

    def _agree(self, offered: bytes) -> bytes:
        """It changes nothing and so asks for no right to; it wants headers, and answers to none."""
        version, _, steps = struct.unpack(">III", offered[:12])
        steps &= UNWANTED | UNANSWERED
        self._answers_headers = not steps & UNANSWERED
        return b"O" + struct.pack(">III", min(version, 6), 0, steps)

    def _judge(self) -> bytes:
        """The header is whole."""
        headers, self._headers = self._headers, []
        if (length := sum(len(name) + len(value) + 4 for name, value in headers)) > LONGEST_HEADER:
            return self._answer(f"550 5.6.0 header of {length} octets: {LONGEST_HEADER} at most")
        why = fault(headers, self._keys)
        return self._answer(f"451 4.7.0 not signed by this stream: {why}") if why else ACCEPT

    def _answer(self, text: str) -> bytes:
        """What Postfix is to answer in place of taking the message; the journal has it as well."""
        print(f"{self._queue_id.decode()}: {text}", file=sys.stderr, flush=True)
        return b"y" + text.replace("%", "%%").encode("ascii", "replace") + b"\0"


def serve(place: str, keys: Keys) -> None:
    """Serve at the UNIX socket ``place``, all connections in one thread.

    With a thread for each, as libmilter has them, they wait for each other in Python
    (docs/benchmarks.md, "earlier").
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(place)
    selector = selectors.DefaultSelector()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(place)
    listener.listen(128)
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for ready, _ in selector.select():
            if ready.data is None:
                with contextlib.suppress(OSError):
                    postfix, _ = listener.accept()
                    postfix.setblocking(False)
                    selector.register(postfix, selectors.EVENT_READ, Session(keys))
            elif not goes_on(talking := cast(socket.socket, ready.fileobj), ready.data):
                selector.unregister(talking)
                talking.close()


def goes_on(postfix: socket.socket, session: Session) -> bool:
    """Hear what Postfix says and answer it; whether there is more to come."""
    try:
        octets = postfix.recv(65536)
        answer = session.take(octets) if octets else None
        if answer:
            # Some octets, to one who waits for them: they fit.
            postfix.sendall(answer)
    except BlockingIOError:
        return True
    except (OSError, ValueError, LookupError, struct.error):
        # Not as Postfix speaks: it is left, and whoever it was has no answer.
        return False
    return answer is not None


def answers(place: str) -> bool:
    """Whether a milter at this socket answers a greeting in time."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as postfix:
            postfix.settimeout(PATIENCE)
            postfix.connect(place)
            postfix.sendall(GREETING)
            greeted = bool(postfix.recv(1))
            postfix.sendall(GOODBYE)
    except OSError:
        return False
    return greeted


def main(arguments: list[str]) -> int:
    """Serve at milter.sock in the runtime folder; CONFIG names the file of public keys.

    The exit status of a wrong call is 2; else it ends by a signal.
    """
    folder, config = os.environ.get("RUNTIME_DIRECTORY"), os.environ.get("CONFIG")
    if arguments or not (folder and config):
        print(USAGE, file=sys.stderr)
        return 2
    place = os.path.join(folder, "milter.sock")
    threading.Thread(target=watch, args=(partial(answers, place),), daemon=True).start()
    serve(place, PublicKeys(config))
    return 0
