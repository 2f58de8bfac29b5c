"""Hashes of passwords: what is taken, some library that a host has can check.

Each judgement is held against a verifier itself: libsodium (which Dovecot asks for Argon2) has the
rules of libargon2, which argon2-cffi carries; crypt(3) has SHA-512 and bcrypt.
"""

from __future__ import annotations

import ctypes
import ctypes.util

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type, hash_secret

from postroad.settings.hashes import digest_octets, hash_fault
from postroad.settings.hidden import NOT_YET
from postroad.settings.passwords import hashed
from tests.unit.declarations import HASH

PASSWORD = "correct horse"
CHEAP = hash_secret(PASSWORD.encode(), b"0123456789abcdef", 1, 64, 4, 32, Type.ID).decode()
SCHEME = "{ARGON2ID}"


def _changed(old: str, new: str) -> str:
    assert old in CHEAP
    return CHEAP.replace(old, new)


def _last(text: str, place: str) -> str:
    """The same octets, written with a bit that is not used."""
    return text.replace(place, place[:-1] + chr(ord(place[-1]) + 1))


_, _, _, _, SALT, DIGEST = CHEAP.split("$")
DAMAGED = {
    "a character is missing": CHEAP[:-1],
    "two are": CHEAP[:-2],
    "five are": CHEAP[:-5],
    "two characters too many": CHEAP + "AA",
    "no lane": _changed("p=4", "p=0"),
    "more lanes than there are": _changed("p=4", "p=9999999999"),
    "more lanes than memory": _changed("m=64", "m=31"),
    "passes with a zero": _changed("t=1", "t=01"),
    "memory with a zero": _changed("m=64", "m=064"),
    "lanes with a zero": _changed("p=4", "p=04"),
    "no pass": _changed("t=1", "t=0"),
    "a bit too many in the salt": _last(CHEAP, SALT),
    "a bit too many in the digest": _last(CHEAP, DIGEST),
    "an older version": _changed("v=19", "v=16"),
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_argon2_hash_is_refused_as_argon2_itself_refuses_it(damaged: str) -> None:
    assert PasswordHasher().verify(CHEAP, PASSWORD)
    with pytest.raises((VerificationError, InvalidHashError)):
        PasswordHasher().verify(damaged, PASSWORD)
    fault = hash_fault(SCHEME + damaged)
    assert fault is not None
    assert "postroad secret hash" in fault[1]
    assert damaged not in " ".join(fault)
    assert DIGEST[:20] not in " ".join(fault)


@pytest.mark.parametrize("length", [16, 24, 28, 30, 31, 32, 64])
@pytest.mark.parametrize("salt", [8, 15, 16, 17])
def test_what_argon2_makes_is_taken(length: int, salt: int) -> None:
    made = hash_secret(PASSWORD.encode(), bytes(range(salt)), 1, 32, 4, length, Type.ID).decode()
    assert PasswordHasher().verify(made, PASSWORD)
    assert hash_fault(SCHEME + made) is None
    assert digest_octets(SCHEME + made) == length


def test_ours_are_taken() -> None:
    for ours in (hashed(PASSWORD), NOT_YET, HASH):
        assert hash_fault(ours) is None


def crypt(setting: str) -> str:
    """What crypt(3) makes of the password; it takes a whole hash as a setting, as Dovecot does."""
    library = ctypes.util.find_library("crypt")
    if library is None:
        pytest.skip("this machine has no crypt(3)")
    function = ctypes.CDLL(library).crypt
    function.restype = ctypes.c_char_p
    made: bytes = function(PASSWORD.encode(), setting.encode())
    return made.decode()


SETTINGS = {
    "{SHA512-CRYPT}": ("$6$saltsalt$", "$6$rounds=1000$s$"),
    "{BLF-CRYPT}": ("$2y$04$abcdefghijklmnopqrstuu", "$2b$04$abcdefghijklmnopqrstuO"),
}


@pytest.mark.parametrize(
    ("scheme", "setting"), [(s, one) for s, several in SETTINGS.items() for one in several]
)
def test_what_crypt_makes_is_taken_and_its_damage_is_not(scheme: str, setting: str) -> None:
    made = crypt(setting)
    assert hash_fault(scheme + made) is None
    last = [made[:-1] + one for one in "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij"]
    judged = [one for one in last if hash_fault(scheme + one) is not None]
    # Some of them are other passwords' hashes; the rest is nobody's.
    assert len(judged) > len(last) / 2
    assert all(crypt(one) != one for one in judged)
    for cut in (made[:-1], made[:-2], made + "/"):
        assert hash_fault(scheme + cut) is not None


def test_a_salt_that_crypt_writes_otherwise_never_fits() -> None:
    made = crypt("$2y$04$abcdefghijklmnopqrstuv")
    damaged = made.replace("abcdefghijklmnopqrstuu", "abcdefghijklmnopqrstuv")
    assert damaged != made
    assert crypt(damaged) == made
    assert hash_fault("{BLF-CRYPT}" + made) is None
    assert hash_fault("{BLF-CRYPT}" + damaged) is not None


def test_rounds_with_a_zero_never_fit() -> None:
    made = crypt("$6$rounds=1000$salt$")
    damaged = made.replace("rounds=1000", "rounds=01000")
    assert crypt(damaged) != damaged
    assert hash_fault("{SHA512-CRYPT}" + damaged) is not None
