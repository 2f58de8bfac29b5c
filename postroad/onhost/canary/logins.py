"""The submission logins, and whom each may write as."""

from __future__ import annotations

import re
from dataclasses import dataclass

from postroad.onhost.canary.mail import domain_of
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.tables import table

# policy.lua is made by the same hand as this program: a table of From: addresses, one line a login.
_TABLE = re.compile(r"^local allowed = \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_GRANTS = re.compile(r'^\s*\[ "([^"]+)" \] = \{(.*)\},$', re.MULTILINE)
_GRANT = re.compile(r'\[ "([^"]+)" \]')


@dataclass(frozen=True)
class Login:
    """One submission login, and whom it may write as: whole addresses, or ``@domain`` for all."""

    name: str
    from_grants: tuple[str, ...]
    envelope_grants: tuple[str, ...]


def logins(canary: Canary) -> tuple[Login, ...]:
    """The logins that may submit, from the policy and from the envelope senders' table."""
    from_grants, envelope_grants = _from_grants(canary), _envelope_grants(canary)
    return tuple(
        Login(name, tuple(from_grants.get(name, ())), tuple(envelope_grants.get(name, ())))
        for name in _names(canary)
    )


def _names(canary: Canary) -> list[str]:
    return [row[0].partition(":")[0] for row in table(canary.folder / "users")]


def _from_grants(canary: Canary) -> dict[str, list[str]]:
    policy = (canary.folder / "policy.lua").read_text(encoding="utf-8")
    rows = found[1] if (found := _TABLE.search(policy)) else ""
    return {name: _GRANT.findall(grants) for name, grants in _GRANTS.findall(rows)}


def _envelope_grants(canary: Canary) -> dict[str, list[str]]:
    grants: dict[str, list[str]] = {}
    for sender, *names in table(canary.config / "sender_logins"):
        for name in " ".join(names).replace(",", " ").split():
            grants.setdefault(name, []).append(sender)
    return grants


def address_in(grant: str) -> str:
    """One address that the grant admits."""
    return f"canary{grant}" if grant.startswith("@") else grant


def may_write(login: Login, address: str) -> bool:
    """Whether ``login`` may write From: ``address``."""
    return address in login.from_grants or f"@{domain_of(address)}" in login.from_grants


def waiting(canary: Canary) -> frozenset[str]:
    """The From: domains whose mail waits, as header_checks say it: no key is there for them."""
    checks = (canary.config / "header_checks").read_text(encoding="utf-8")
    return frozenset(re.findall(r" REJECT 4\.7\.1 mail From: (\S+) waits: ", checks))


def set_password(canary: Canary, password: str) -> None:
    """A password of the canary's own for every login. The staged hashes become the second file,
    where a wrong password has to get past them."""
    users = canary.folder / "users"
    staged, names = users.read_text(encoding="utf-8"), _names(canary)
    users.write_text("".join(f"{name}:{{PLAIN}}{password}\n" for name in names), encoding="utf-8")
    (canary.folder / "users.next").write_text(staged, encoding="utf-8")
