"""What became of each test, and where its receiver's verdict is read. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from postroad.settings.terminal import line
from postroad.watch.send_test.session import Step
from postroad.watch.trace.story import Recipient, Story

Fate = Literal["delivered", "deferred", "bounced", "on its way", "refused", "closed", "unknown"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One message by one stream of one host. ``words`` say why, or are those of the ``relay``.

    ``server`` is the name that it was submitted to. ``mail_from`` is a domain. What did not come so
    far is empty.
    """

    host: str
    stream: str
    fate: Fate
    words: str
    relay: str = ""
    server: str = ""
    login: str = ""
    sender: str = ""
    mail_from: str = ""
    subject: str = ""
    queue_id: str = ""
    selector: str = ""

    @property
    def is_delivered(self) -> bool:
        return self.fate == "delivered"


# smtp(8) says once more who has said it, and to what.
_SAID = re.compile(r"^host \S+ said: | \(in reply to [A-Za-z ]+ command\)$")
_BY: Mapping[Fate, str] = {
    "delivered": "delivered to",
    "bounced": "bounced, refused by",
    "deferred": "deferred, put off by",
}
# What to do about a refusal of each step; the reply itself has the rest.
MENDS: dict[Step, str] = {
    "connection": "is the stream up: postroad audit INVENTORY",
    "STARTTLS": "what an application meets as well: postroad audit INVENTORY",
    "certificate": "no application that verifies it submits there; where its authority is one of"
    " your own, name the root in SSL_CERT_FILE, or as tls.ca_file",
    "login": "the password, or the login of another stream",
    "MAIL FROM": "what the login may write: postroad settings check INVENTORY",
    "recipient": "correct the address, or what the reply says",
    "message": "what the reply says; a reply with 4 is for later",
}


def refused(step: Step, words: str) -> str:
    """A refusal with its mend."""
    what = {"login": "login", "certificate": "certificate"}.get(step, step)
    return f"{what}: {words} ({MENDS[step]})"


@dataclass(frozen=True, slots=True)
class Fated:
    """What became of a message that was taken; ``relay`` is who has said the words, if anybody."""

    fate: Fate
    words: str
    relay: str = ""


def followed(story: Story | None, recipient: str, seconds: float) -> Fated:
    """The fate of a message that was taken, by what the host's log tells of it."""
    if story is None:
        return Fated("unknown", "its log does not know the message yet")
    found = next((one for one in story.recipients if _is(one, recipient)), None)
    if found is None:
        return Fated("on its way", f"nobody was tried within {seconds:g} seconds: {story.fate}")
    # smtp(8) logs the relay none where nobody was reached.
    relay = "" if found.relay == "none" else found.relay
    words = _SAID.sub("", found.reply)
    known: dict[str, Fate] = {"delivered": "delivered", "bounced": "bounced", "waits": "deferred"}
    if found.outcome in known:
        return Fated(known[found.outcome], words, relay)
    return Fated("unknown", f"{story.fate}: {words}", relay)


def _is(one: Recipient, address: str) -> bool:
    return one.address.lower() == address.lower()


def selector_of(story: Story | None) -> str:
    """The names of the keys that signed it, as the log has them; empty where it tells none."""
    steps = story.steps if story else ()
    mark = "signed with "
    return ", ".join(step.what.removeprefix(mark) for step in steps if step.what.startswith(mark))


def as_json(outcomes: Iterable[Outcome]) -> str:
    """A list of {host, stream, fate, words, …}."""
    return json.dumps([asdict(one) for one in outcomes], indent=1) + "\n"


def text(inventory: str, outcomes: Sequence[Outcome], is_lone: bool) -> str:
    """A paragraph for each, and what to look at where the message has arrived."""
    lines = [line(said) for one in outcomes for said in _told(inventory, one)]
    arrived = [one for one in outcomes if one.is_delivered]
    if arrived and not is_lone:
        lines += [line(said) for said in _verdict(arrived)]
    elif arrived:
        lines.append("A lone box: the message lies in its sink, and nobody has judged it.")
    return "".join(f"{said}\n" for said in lines)


def _told(inventory: str, one: Outcome) -> Iterator[str]:
    head = f"{_BY[one.fate]} {one.relay}" if one.relay and one.fate in _BY else one.fate
    yield f"{one.host} {one.stream}: {head}: {one.words}"
    if one.queue_id:
        yield f"  submitted to {one.server} by STARTTLS as {one.login}, From: {one.sender}"
        signed = f"signed with {one.selector}" if one.selector else "no signature is in its log"
        yield f"  {signed}; its subject: {one.subject}"
        if not one.is_delivered:
            yield f"  what becomes of it: postroad explain {inventory} {one.queue_id}"
    yield ""


def _verdict(arrived: Sequence[Outcome]) -> Iterator[str]:
    yield "What the receiver thought of it stands in the header of the message (Gmail: Show"
    yield "original; Outlook: View message source; Thunderbird: Ctrl+U), in its topmost"
    yield "Authentication-Results:"
    for senders, where in dict.fromkeys((_domain(o.sender), o.mail_from) for o in arrived):
        yield f"  dkim=pass with header.d={senders} (or header.i=@{senders})"
        yield f"  spf=pass with smtp.mailfrom=…@{where}"
        yield f"  dmarc=pass with header.from={senders}"
    yield "and in its topmost Received: ESMTPS, or a version of TLS. Where all of these pass and"
    yield "it lies in the spam folder, it is reputation or content: `postroad dns check` knows the"
    yield "lists, and services like mail-tester give you an address to send a test to, and a score."


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def status(outcomes: Iterable[Outcome], silent: Sequence[object]) -> int:
    """The exit status: 0 all delivered, 1 not all, 2 not every host could be asked."""
    found = list(outcomes)
    if silent or not found or any(one.fate == "unknown" for one in found):
        return 2
    return 0 if all(one.is_delivered for one in found) else 1
