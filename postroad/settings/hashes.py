"""Which password hashes a host can check: none that is damaged, and none that costs too much. Pure.

A login whose hash is refused by Dovecot's library answers 535 for ever, and says nothing of why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# Dovecot password schemes: doc.dovecot.org, "Password Schemes"; each with crypt(5)'s own form. Of
# Argon2 libsodium reads version 1.3 (19) alone.
_ARGON2ID = re.compile(
    r"\{ARGON2ID\}\$argon2id\$v=19\$m=(?P<memory>\d+),t=(?P<passes>\d+),p=(?P<lanes>\d+)"
    r"\$(?P<salt>[A-Za-z0-9+/]{11,})\$(?P<digest>[A-Za-z0-9+/]{22,})"
)
_SHA512 = re.compile(
    r"\{SHA512-CRYPT\}\$6\$(rounds=(?P<rounds>\d+)\$)?"
    r"[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{85}(?P<last>[./A-Za-z0-9])"
)
_BLOWFISH = re.compile(
    r"\{BLF-CRYPT\}\$2[aby]\$(?P<cost>\d\d)"
    r"\$[./A-Za-z0-9]{21}(?P<salt>[./A-Za-z0-9])[./A-Za-z0-9]{30}(?P<last>[./A-Za-z0-9])"
)
_FORMS = (_ARGON2ID, _SHA512, _BLOWFISH)
# What a login's check may cost. Dovecot's process has 256 MiB (default_vsz_limit), and Postfix
# waits some seconds for it; crypt(5) has bounds of its own, beyond which no password fits.
_COSTS: Mapping[str, tuple[int, int]] = {
    "memory": (8, 192 * 1024),
    "passes": (1, 30),
    "lanes": (1, 192 * 1024 // 8),
    "rounds": (1000, 5_000_000),
    "cost": (4, 14),
}
# RFC 9106 §3.1: at least 8 KiB for each lane.
_KIB_A_LANE = 8
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# What a last character can be where the bits before it fill whole octets: of 512 bits it has two,
# of bcrypt's 128 of salt two, of its 184 of digest four. crypt(3) writes the others as 0, so that
# what it makes of a password is never what stands there.
_LAST_OF_SHA512 = "./01"
_LAST_OF_SALT = ".Oeu"
_LAST_OF_BLOWFISH = ".CGKOSWaeimquy26"
_CUT = "copy the whole line that `postroad secret hash` printed, or hash the password anew with it"


def hash_fault(written: str) -> tuple[str, str] | None:
    """What is wrong with a password's hash and what to write; None where a host can check it.

    Neither repeats what was written.
    """
    found = next(filter(None, (form.fullmatch(written) for form in _FORMS)), None)
    if found is None:
        return (
            "is no password hash of an accepted scheme ({ARGON2ID}, {SHA512-CRYPT}, {BLF-CRYPT})",
            "write the line that `postroad secret hash` prints, never the password",
        )
    return _cost_fault(found) or _damage(found)


def digest_octets(written: str) -> int | None:
    """How long an Argon2 hash's digest is; None of the other schemes, whose length is fixed."""
    found = _ARGON2ID.fullmatch(written)
    return None if found is None else len(found["digest"]) * 6 // 8


def _cost_fault(found: re.Match[str]) -> tuple[str, str] | None:
    given = found.groupdict()
    for name, (least, most) in _COSTS.items():
        number = given.get(name)
        if number is not None and not least <= int(number) <= most:
            return (
                f"is a password hash that no host can check: {name} {number}",
                f"hash it anew with `postroad secret hash`, or with {name} from {least} to {most}",
            )
    if found.re is _ARGON2ID and int(given["memory"]) < _KIB_A_LANE * int(given["lanes"]):
        return (
            "is a password hash that no host can check: memory"
            f" {given['memory']} is less than {_KIB_A_LANE} for each of {given['lanes']} lanes",
            "hash it anew with `postroad secret hash`",
        )
    return None


def _damage(found: re.Match[str]) -> tuple[str, str] | None:
    given = found.groupdict()
    padded = [name for name in ("memory", "passes", "lanes", "rounds") if _is_padded(given, name)]
    if padded:
        return f"is a damaged password hash: its {padded[0]} begin with a 0", _CUT
    match found.re:
        case one if one is _ARGON2ID:
            whole = _is_whole(given["salt"]) and _is_whole(given["digest"])
        case one if one is _SHA512:
            whole = given["last"] in _LAST_OF_SHA512
        case _:
            whole = given["salt"] in _LAST_OF_SALT and given["last"] in _LAST_OF_BLOWFISH
    return None if whole else ("is a damaged password hash: characters are missing or others", _CUT)


def _is_padded(given: Mapping[str, str | None], name: str) -> bool:
    return (given.get(name) or "").startswith("0")


def _is_whole(base64: str) -> bool:
    """Whether it encodes whole octets, and its unused bits are 0, as libsodium and libargon2 ask.

    RFC 4648 §3.5; without padding, as the PHC string format has it.
    """
    unused = len(base64) * 6 % 8
    return unused < 6 and _BASE64.index(base64[-1]) % 2**unused == 0
