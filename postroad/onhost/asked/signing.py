"""Hands probe messages to this host's signers, and verifies what they sign, as JSON.

Argument: a list of {"stream", "socket", "login", "sender", "headers": [[name, value], ...]}. No
message is sent: the script speaks the milter protocol to the signer's socket as Postfix would,
and verifies the signature with the key that the host's own resolver finds; where a probe has
"records" (owner name without the last dot: text), with theirs and no other. A probe with "config"
must not get as far as a signer: the header_checks of that Postfix instance are asked first.
"""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dns.exception
import dns.resolver

from postroad.onhost.common.resolver import own_resolver
from postroad.onhost.common.signature import signature_fault

Json = dict[str, Any]

SECONDS = 15
BODY = b"A probe of the audit.\r\n"

# libmilter/mfdef.h: what the filter may leave out, and what it need not answer.
ALL_STEPS = 0x0FFFFF
OMIT = {b"C": 0x1, b"H": 0x2, b"M": 0x4, b"R": 0x8, b"T": 0x200, b"L": 0x20, b"N": 0x40, b"B": 0x10}
SILENT = {
    b"C": 0x1000,
    b"H": 0x2000,
    b"M": 0x4000,
    b"R": 0x8000,
    b"T": 0x10000,
    b"L": 0x80,
    b"N": 0x40000,
    b"B": 0x80000,
}
CONTINUE, SKIP, ACCEPT = b"c", b"s", b"a"
# To accept before the end is to look no further: whatever follows goes out as it is.
ENDS = {
    ACCEPT: "passed unsigned",
    b"t": "deferred",
    b"r": "refused",
    b"d": "discarded",
}
# An answer in the filter's own words begins with its SMTP code.
WORDS = b"y"


class StoppedError(Exception):
    """The signer ended the message; the text says how."""


def ending(answer: bytes, data: bytes) -> str:
    """How an answer that is none of CONTINUE ends the message; empty where it does not."""
    if answer == WORDS:
        return ENDS[b"t"] if data.startswith(b"4") else ENDS[b"r"]
    return ENDS.get(answer, "")


class Signer:
    """One message through one signer (milter protocol version 6)."""

    def __init__(self, path: str) -> None:
        self.channel = socket.socket(socket.AF_UNIX)
        self.channel.settimeout(SECONDS)
        self.channel.connect(path)
        self.send(b"O", struct.pack(">III", 6, 0x1FF, ALL_STEPS))
        _, agreed = self.receive()
        self.steps = struct.unpack(">III", agreed[:12])[2]

    def send(self, command: bytes, data: bytes = b"") -> None:
        """One packet: length, command, data."""
        self.channel.sendall(struct.pack(">I", len(data) + 1) + command + data)

    def receive(self) -> tuple[bytes, bytes]:
        """The next packet that is not a request for patience."""
        while True:
            packet = self.exactly(struct.unpack(">I", self.exactly(4))[0])
            if packet[:1] != b"p":
                return packet[:1], packet[1:]

    def exactly(self, count: int) -> bytes:
        """So many octets."""
        octets = b""
        while len(octets) < count:
            more = self.channel.recv(count - len(octets))
            if not more:
                raise StoppedError("hung up")
            octets += more
        return octets

    def macros(self, command: bytes, values: dict[str, str]) -> None:
        """What Postfix says about the session before a command."""
        self.send(b"D", command + b"".join(f"{n}\0{v}\0".encode() for n, v in values.items()))

    def tell(self, command: bytes, data: bytes = b"") -> None:
        """One step of the dialogue; raises StoppedError where the signer wants no more of it."""
        if self.steps & OMIT[command]:
            return
        self.send(command, data)
        if self.steps & SILENT[command]:
            return
        answer, data = self.receive()
        if answer not in (CONTINUE, SKIP):
            raise StoppedError(ending(answer, data) or f"answered {answer!r}")

    def end(self) -> list[tuple[str, str]]:
        """The headers that the signer adds to the finished message."""
        self.send(b"E")
        added = []
        while True:
            answer, data = self.receive()
            if answer in (b"h", b"i"):
                fields = data[4 if answer == b"i" else 0 :].split(b"\0")
                added.append((fields[0].decode(), fields[1].decode()))
            elif answer in (CONTINUE, ACCEPT):
                return added
            elif ended := ending(answer, data):
                raise StoppedError(ended)


def signed(probe: Json) -> list[tuple[str, str]]:
    """What the signer adds to the probe message."""
    signer = Signer(probe["socket"])
    signer.macros(b"C", {"{daemon_name}": "ORIGINATING"})
    signer.tell(b"C", b"localhost\0" + b"4" + struct.pack(">H", 0) + b"127.0.0.1\0")
    signer.tell(b"H", b"localhost\0")
    who = {"{auth_authen}": probe["login"], "{auth_type}": "PLAIN"} if probe["login"] else {}
    signer.macros(b"M", {"i": "AUDIT", "{mail_addr}": probe["sender"], **who})
    signer.tell(b"M", f"<{probe['sender']}>\0".encode())
    signer.tell(b"R", b"<nobody@audit.invalid>\0")
    signer.tell(b"T")
    for name, value in probe["headers"]:
        signer.tell(b"L", f"{name}\0{value}\0".encode())
    signer.tell(b"N")
    signer.tell(b"B", BODY)
    return signer.end()


def key_record(name: bytes | str, timeout: int = SECONDS) -> bytes:
    """A TXT record by the host's own resolver (the interface of dkimpy's dnsfunc)."""
    resolver = own_resolver()
    resolver.lifetime = timeout
    text = name.decode() if isinstance(name, bytes) else name
    answer = resolver.resolve(text.rstrip(".") + ".", "TXT")
    return b"".join(answer[0].strings)


def message(probe: Json, signature: str) -> bytes:
    """The probe as a receiver would get it."""
    headers = [("DKIM-Signature", signature.replace("\n", "\r\n")), *probe["headers"]]
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return fields.encode() + b"\r\n" + BODY


def verdict(received: bytes, records: dict[str, str] | None) -> tuple[str, str]:
    """Whether the signature verifies: ok, wrong or unknown, and why."""

    def given(name: bytes | str, timeout: int = SECONDS) -> bytes:
        text = name.decode() if isinstance(name, bytes) else name
        if records is None:
            return key_record(text, timeout)
        if text.rstrip(".") not in records:
            raise dns.resolver.NXDOMAIN
        return records[text.rstrip(".")].encode()

    try:
        why = signature_fault(received, given, "the key in the DNS is another one")
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return "wrong", "its key is not in the DNS"
    except dns.exception.DNSException as error:
        return "unknown", f"nobody answers for its key ({error})"
    return ("wrong", why) if why else ("ok", "")


def tags(signature: str) -> dict[str, str]:
    """The tags of a signature, white space taken out (RFC 6376 3.2)."""
    split = ("".join(tag.split()).partition("=") for tag in signature.split(";"))
    return {name: value for name, _, value in split}


def passes_checks(probe: Json) -> bool:
    """Whether the instance's header_checks would let the From: of the probe through."""
    asked = ["postconf", "-c", probe["config"], "-hx", "header_checks"]
    table = subprocess.run(asked, capture_output=True, text=True, timeout=SECONDS).stdout.strip()
    field = "From: " + dict(probe["headers"])["From"]
    command = ["postmap", "-c", probe["config"], "-q", field, table]
    said = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=SECONDS
    )
    # Where Postfix cannot read its configuration no message comes so far, and others tell of it.
    return "fatal:" not in said.stderr and not said.stdout.startswith("REJECT")


def look(probe: Json) -> Json:
    """One probe: what the signer did with it, and whether the world would believe it."""
    told = {"stream": probe["stream"], "sender": probe["sender"]}
    blank = {"verdict": "", "reason": "", "domain": "", "covered": [], "message": ""}
    try:
        if "config" in probe and passes_checks(probe):
            return {**told, **blank, "outcome": "taken by header_checks"}
        added = signed(probe)
    except StoppedError as stopped:
        return {**told, **blank, "outcome": str(stopped)}
    except (OSError, struct.error, subprocess.SubprocessError) as error:
        return {**told, **blank, "outcome": f"does not answer ({error})"}
    signatures = [value for name, value in added if name.lower() == "dkim-signature"]
    if not signatures:
        return {**told, **blank, "outcome": "passed unsigned"}
    received = message(probe, signatures[0])
    good, reason = verdict(received, probe.get("records"))
    found = tags(signatures[0])
    covered = found.get("h", "").lower().split(":")
    facts = {"verdict": good, "reason": reason, "domain": found.get("d", ""), "covered": covered}
    return {**told, **facts, "message": received.decode(), "outcome": "signed"}


def main(arguments: list[str]) -> int:
    """Print what became of each probe of the argument."""
    # Side by side: a signer that hangs keeps each waiting.
    with ThreadPoolExecutor(16) as pool:
        json.dump(list(pool.map(look, json.loads(arguments[0]))), sys.stdout)
    return 0
