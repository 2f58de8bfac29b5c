"""Signatures checked by ourselves: by crypto, with the key that is in the lab's DNS."""

from collections.abc import Callable

import dkim
import dns.resolver

from lab.hosts.network import RESOLVER
from lab.life.session import Lab


def has_valid_signature(lab: Lab, raw: bytes) -> bool:
    """Whether the topmost DKIM-Signature of *raw* verifies (RFC 6376 §6.1)."""
    return bool(dkim.verify(raw, dnsfunc=key_reader(lab)))


def key_reader(lab: Lab) -> Callable[..., bytes]:
    """A function that reads a key record from the lab's public resolver, as dkimpy wants it."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [lab.network.ipv4(RESOLVER)]

    def read(name: bytes, timeout: int = 5) -> bytes:
        answer = resolver.resolve(name.decode(), "TXT", lifetime=timeout)
        return b"".join(answer[0].strings)

    return read


def tags(signature: str) -> dict[str, str]:
    """The tags of a DKIM-Signature field, white space taken out (RFC 6376 §3.2)."""
    pairs = (part.partition("=") for part in signature.split(";") if part.strip())
    return {name.strip(): "".join(value.split()) for name, _, value in pairs}
