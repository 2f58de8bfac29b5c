"""Letters of real libraries through the doors of the estate, and what is wrong at the receiver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path

import dkim

from lab.hosts.errors import LabError
from lab.hosts.guest import wait_until
from lab.life.session import Lab
from lab.mail import letters as of_shop
from lab.mail import libraries, shop, verify
from lab.world.providers import Provider, Received
from tests.lab.mail import DOORS
from tests.libraries import reader
from tests.libraries.letters import Letter, Library

# Octet by octet, by tools that are no part of the library.
_JUDGED = ("smime", "pgp")


def trial(lab: Lab, host: str, library: Library, letters: Sequence[Letter]) -> list[str]:
    """Hand ``letters`` in on ``host``; everything that has come otherwise than it was meant."""
    bigmail = lab.providers["bigmail"]
    known = {message.path for message in bigmail.messages()}
    refused = _hand_in(lab, host, library, letters)
    wrong = [f"{key}: refused: {why}" for key, why in refused.items()]
    taken = [letter for letter in letters if letter.key not in refused]
    copies = _arrived(bigmail, known, taken)
    for letter in taken:
        mine = copies.get(letter.key, [])
        people = sorted(copy.recipient for copy in mine)
        if people != sorted(letter.recipients):
            wrong.append(f"{letter.key}: copies for {people}")
    # Of each key the record is asked for once.
    read = cache(verify.key_reader(lab))

    def key(name: bytes, timeout: int = 5) -> bytes:
        return bytes(read(name))

    first = {letter.key: copies[letter.key][0] for letter in taken if letter.key in copies}
    wrong += [
        f"{letter.key}: {fault}"
        for letter in taken
        if letter.key in first
        for fault in _faults(letter, first[letter.key], key)
    ]
    return [f"{host}: {library}: {one}" for one in (*wrong, *_own_faults(lab, taken, first))]


def _hand_in(lab: Lab, host: str, library: Library, letters: Sequence[Letter]) -> dict[str, str]:
    """Why letters were refused, by their keys: one connection for each stream."""
    refused = {}
    for stream, some in groupby(sorted(letters, key=_stream), key=_stream):
        server, port = DOORS[host, stream]
        user = shop.USERS[stream]
        sender = of_shop.ENVELOPE[stream]
        door = libraries.Door(server, port, user, shop.password(user), sender)
        orders = [letter.order() for letter in some]
        outcomes = libraries.submit(lab.app.guest, library, door, orders)
        refused.update({key: why for key, why in outcomes.items() if why})
    return refused


def _stream(letter: Letter) -> str:
    return letter.stream


def _arrived(
    bigmail: Provider, known: set[Path], letters: Sequence[Letter]
) -> Mapping[str, Sequence[Received]]:
    """The copies of each letter, by its key; waits until all are here, or nothing more comes."""
    wanted = {letter.key: len(letter.recipients) for letter in letters}
    copies: dict[str, list[Received]] = {}

    def are_here() -> bool:
        for message in bigmail.messages(known=known):
            known.add(message.path)
            copies.setdefault(reader.key_of(message.raw), []).append(message)
        return all(len(copies.get(key, [])) >= number for key, number in wanted.items())

    try:
        wait_until(are_here, 60, "all letters at bigmail")
    except LabError:
        # What is missing is told with the rest.
        are_here()
    return copies


def _faults(letter: Letter, copy: Received, key: Callable[..., bytes]) -> Iterator[str]:
    yield from reader.faults(letter, copy.raw)
    if "dkim=pass" not in " ".join(copy.authentication_results):
        yield f"the receiver says {copy.authentication_results}"
    if not dkim.verify(copy.raw, dnsfunc=key):
        yield "its signature does not verify"


def _own_faults(
    lab: Lab, letters: Sequence[Letter], copies: Mapping[str, Received]
) -> Iterator[str]:
    """What is wrong with the signatures that the application made itself (RFC 1847)."""
    signed = [one for one in letters if one.signed in _JUDGED and one.key in copies]
    said = libraries.own_faults(
        lab.app.guest, [(one.signed, copies[one.key].raw) for one in signed]
    )
    for letter, words in zip(signed, said, strict=True):
        if words:
            yield f"{letter.key}: its own signature: {words}"
