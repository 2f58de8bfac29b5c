"""What is tried at the listeners that take logins."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial

from postroad.onhost.canary.delivery import carry
from postroad.onhost.canary.dialogue import clear_session, log_in, logged_in, session, submit
from postroad.onhost.canary.keys import Key, keys
from postroad.onhost.canary.listeners import Listener
from postroad.onhost.canary.logins import Login, address_in, logins, may_write, waiting
from postroad.onhost.canary.mail import (
    ELSEWHERE,
    NO_RECIPIENTS,
    STRANGER,
    Mail,
    domain_of,
    letter,
    percent_hack,
    unreadable,
)
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.probes import Probe, check_probe
from postroad.onhost.canary.refusal import RefusedError
from postroad.onhost.canary.tasks import Task


def submission_tasks(canary: Canary, doors: Sequence[Listener], password: str) -> Iterator[Task]:
    """Good mail and one login without TLS at every door, everything else at the first."""
    known, signing = logins(canary), keys(canary)
    if not known:
        return
    waits = waiting(canary)
    letters = good_letters(known, signing, waits)

    def carried(at: Listener, login: Login, from_address: str) -> None:
        mail = Mail(address_in(login.envelope_grants[0]), ELSEWHERE, from_address)
        with logged_in(at, login.name, password) as smtp:
            carry(canary, smtp, mail, signing[domain_of(from_address)])

    for at in doors:
        yield from (partial(carried, at, *letter) for letter in letters[:1])
        yield partial(check_cleartext, at, known[0], password)
    for login in known:
        yield partial(check_wrong_password, doors[0], login)
    for login, from_address in letters[1:]:
        yield partial(carried, doors[0], login, from_address)
    for login, from_address in waiting_letters(known, waits):
        yield partial(check_waits, doors[0], login, from_address, password)
    for login, from_address in letters[:1]:
        strange = next(strange_addresses(login, known, signing), "")
        for probe in submission_probes(doors[0], login, from_address, strange):
            yield partial(check_probe, probe, password)


def good_letters(
    known: Sequence[Login], signing: Mapping[str, Key], waits: Collection[str]
) -> list[tuple[Login, str]]:
    """Pairs of a login and a From: address of its own, so that each login and each key occurs.

    Of a login whose domains all wait there is none.
    """
    pairs = [
        (login, address_in(grant))
        for login in known
        for grant in login.from_grants
        if login.envelope_grants and domain_of(grant) in signing
    ]
    for login in known:
        is_waiting = any(domain_of(grant) in waits for grant in login.from_grants)
        if not is_waiting and not any(one is login for one, _ in pairs):
            raise RefusedError(
                f"login {login.name}: no From: address in policy.lua that a key signs, "
                "or no envelope sender in sender_logins"
            )
    by_login = {login.name: (login, address) for login, address in reversed(pairs)}
    by_key = {domain_of(address): (login, address) for login, address in reversed(pairs)}
    return list(dict.fromkeys([*by_login.values(), *by_key.values()]))


def waiting_letters(known: Sequence[Login], waits: Collection[str]) -> list[tuple[Login, str]]:
    """A login and a From: address of its own for each domain whose mail waits."""
    pairs = {
        domain_of(grant): (login, address_in(grant))
        for login in known
        for grant in login.from_grants
        if login.envelope_grants and domain_of(grant) in waits
    }
    return list(pairs.values())


def check_waits(at: Listener, login: Login, from_address: str, password: str) -> None:
    """Mail of a domain that waits is deferred, however it is written, and the reason is told."""
    sender = address_in(login.envelope_grants[0])
    for written in (from_address, f"Canary <{from_address.upper()}>"):
        with logged_in(at, login.name, password) as smtp:
            answer = submit(smtp, sender, ELSEWHERE, letter(written, secrets.token_hex(8)))
        if not (answer.command == "DATA" and answer.code == 451 and "waits: " in answer.text):
            raise RefusedError(f"mail From: {written} waits, and {at} answers {answer}")


def strange_addresses(
    login: Login, known: Sequence[Login], signing: Mapping[str, Key]
) -> Iterator[str]:
    """Addresses at signed domains that ``login`` may not write."""
    candidates = [address_in(grant) for one in known for grant in one.from_grants]
    candidates += [f"canary-nobody@{domain}" for domain in signing]
    return (one for one in candidates if not may_write(login, one))


def submission_probes(
    at: Listener, login: Login, from_address: str, strange: str
) -> Iterator[Probe]:
    """Everything that a submission listener must refuse. ``strange`` is an address that ``login``
    may not write; empty where it may write all."""
    sender = address_in(login.envelope_grants[0])

    def mail(sender: str = sender, recipient: str = ELSEWHERE, header: str = from_address) -> Mail:
        return Mail(sender, recipient, header)

    yield Probe("a null sender", at, mail(sender=""), login.name)
    yield Probe("an envelope sender of nobody's", at, mail(sender=ELSEWHERE), login.name)
    yield Probe("From: another domain", at, mail(header=ELSEWHERE), login.name)
    # The last address is what the regular expression of header_checks sees.
    both = f"{ELSEWHERE}, {from_address}"
    yield Probe("From: two addresses", at, mail(header=both), login.name)
    # Postfix and its tables may take it; OpenDKIM gives it up, and asks nobody.
    yield Probe(
        "From: a field that the signer cannot read",
        at,
        mail(header=unreadable(from_address)),
        login.name,
    )
    if strange:
        yield Probe("From: an address of another login", at, mail(header=strange), login.name)
    for address in NO_RECIPIENTS:
        yield Probe(f"mail for {address}", at, mail(recipient=address), login.name)
    yield Probe("mail without a login", at, mail())
    yield Probe("mail of a stranger", at, mail(), client=STRANGER)
    relayed = mail(sender=f"stranger@{domain_of(ELSEWHERE)}")
    yield Probe("relaying for a stranger", at, relayed, client=STRANGER)
    hack = mail(recipient=percent_hack(domain_of(from_address)))
    yield Probe("a %-hack of a stranger", at, hack, client=STRANGER)


def check_wrong_password(at: Listener, login: Login) -> None:
    with session(at) as smtp:
        answer = log_in(smtp, login.name, "not the password")
    if answer.code != 535:
        raise RefusedError(f"{at}: a wrong password is answered {answer}")


def check_cleartext(at: Listener, login: Login, password: str) -> None:
    """Where TLS is demanded, no login passes before it."""
    if at.is_implicit_tls or at.options.get("smtpd_tls_security_level") != "encrypt":
        return
    with clear_session(at) as smtp:
        answer = log_in(smtp, login.name, password)
    if answer.code in (235, 334):
        raise RefusedError(f"{at}: a login without TLS is answered {answer}")
