"""Hashes of submission passwords, in the form that Dovecot's passwd-file takes."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY

# Octets. Postfix reads a command of 2048 (line_length_limit), and what AUTH carries is base64.
LONGEST = 1024


def hashed(password: str) -> str:
    """The salted hash of a password, as ``{ARGON2ID}$argon2id$…``.

    The parameters are RFC 9106 §4's second recommended set (3 passes, 64 MiB, 4 lanes): the first
    takes 2 GiB for every login. A second call gives another hash, because the salt is new. Raises
    ValueError on a password that protects nothing, or that no login can carry.
    """
    if not password:
        raise ValueError("an empty password protects nothing: give at least one character")
    if len(password.encode()) > LONGEST or "\0" in password:
        raise ValueError(
            f"no login can carry this password: give {LONGEST} octets at most, none of them 0"
        )
    return "{ARGON2ID}" + PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY).hash(password)
