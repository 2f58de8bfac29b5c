#!/usr/bin/python3 -IB
"""postroad's own milter: what the stream's signer has not signed leaves no queue.

It stands behind the signer and sees each message as it will leave. Postfix gives it the header; the
topmost DKIM-Signature must verify over it with a key of this stream (RFC 6376 §3.7, the header's
half; the body's digest is covered by it). Anything else is deferred, and said in the journal. So it
hangs on nothing that the signer understood, refused or passed on, and on no reading of From:.

An old signature of the stream's over the same fields would pass with another body: header_checks
take off every signature that an application brings.

Dead or slow, it defers mail (default_action in main.cf); hung, systemd ends it: it no longer
answers itself (WatchdogSec).

Written for Python 3.9 and later, with Debian's python3-milter and python3-dkim.
"""

import base64
import hashlib
import os
import socket
import struct
import sys
import threading
import time

import dkim
import Milter
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from dkim.canonicalization import Relaxed
from dkim.util import InvalidTagValueList, parse_tag_value

SIGNATURE = b"dkim-signature"
# What OpenDKIM writes (opendkim.conf: Canonicalization, SignatureAlgorithm).
ALGORITHM, CANONICALIZATION = b"rsa-sha256", b"relaxed/relaxed"

# Seconds between two looks at itself, and how long an answer may take.
LOOK, PATIENCE = 3, 2
# A milter's greeting, and its good-bye (SMFIC_OPTNEG with version 6, SMFIC_QUIT).
GREETING, GOODBYE = struct.pack(">IcIII", 13, b"O", 6, 0, 0), struct.pack(">Ic", 1, b"Q")


class PublicKeys:
    """The public halves of the stream's keys: a line each, domain, selector, base64.

    Read anew when the file is another one, so that a rotation restarts nothing.
    """

    def __init__(self, path):
        self._path = path
        self._seen = None
        self._keys = {}

    def get(self, domain, selector):
        """The key of that name, as dkimpy takes it; None where the stream has none."""
        now = os.stat(self._path)
        seen = (now.st_ino, now.st_mtime_ns)
        if seen != self._seen:
            with open(self._path, "rb") as file:
                rows = [line.split() for line in file if not line.startswith(b"#")]
            # None is forgotten: what a key signed until now may still be on its way here.
            for *name, key in rows:
                self._keys[tuple(name)] = load_der_public_key(base64.b64decode(key))
            self._seen = seen
        return self._keys.get((domain, selector))


def fault(headers, keys):
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
        dkim.hash_headers(
            digest,
            Relaxed,
            Relaxed.canonicalize_headers(headers),
            covered,
            (b"DKIM-Signature", signature),
            tags,
        )
        signed = base64.b64decode(b"".join(tags[b"b"].split()), validate=True)
        key.verify(signed, digest.digest(), PKCS1v15(), Prehashed(SHA256()))
    except InvalidSignature:
        return "its signature does not verify"
    except (KeyError, ValueError, OSError, dkim.DKIMException, InvalidTagValueList) as unreadable:
        return f"its signature cannot be read: {unreadable!r}"
    return ""


class LastLine(Milter.Base):
    """One connection of Postfix's, with one message after the other."""

    keys = None

    def __init__(self):
        self.id = Milter.uniqueID()
        self._headers = []

    @Milter.noreply
    @Milter.decode("bytes")
    def header(self, name, value):
        """A field: its value in octets, its lines ended as in a message."""
        value = value.replace(b"\n", b"\r\n")
        self._headers.append((name.encode("utf-8", "surrogateescape"), value))
        return Milter.CONTINUE

    def eom(self):
        """The message is whole, and so is its header."""
        headers, self._headers = self._headers, []
        why = fault(headers, self.keys)
        if not why:
            return Milter.CONTINUE
        print(f"{self.getsymval('i')}: deferred: {why}", file=sys.stderr, flush=True)
        self.setreply("451", "4.7.0", f"not signed by this stream: {why}".replace("%", "%%"))
        return Milter.TEMPFAIL

    def abort(self):
        """The message ends here, and the connection may go on."""
        self._headers = []
        return Milter.CONTINUE


def tell_systemd(word):
    """One line to the service manager (sd_notify(3)); nothing where nobody listens."""
    place = os.environ.get("NOTIFY_SOCKET")
    if place:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(word.encode(), "\0" + place[1:] if place[0] == "@" else place)


def answers(place):
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


def watch(place):
    """Tell systemd, for as long as it is true, that the milter answers (sd_notify(3))."""
    while not answers(place):
        time.sleep(0.05)
    tell_systemd("READY=1")
    while True:
        if answers(place):
            tell_systemd("WATCHDOG=1")
        time.sleep(LOOK)


def main():
    """Serve at milter.sock in the runtime folder; CONFIG names the file of public keys."""
    place = os.path.join(os.environ["RUNTIME_DIRECTORY"], "milter.sock")
    LastLine.keys = PublicKeys(os.environ["CONFIG"])
    Milter.factory = LastLine
    # It changes nothing, and so asks for no right to.
    Milter.set_flags(0)
    threading.Thread(target=watch, args=(place,), daemon=True).start()
    Milter.runmilter("postroad", place)


if __name__ == "__main__":
    main()
