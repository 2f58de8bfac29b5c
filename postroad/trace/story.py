"""The story of a message, told from its log lines. Pure; see postfix(1), "LOGGING"."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from postroad import terminal

Outcome = Literal["delivered", "bounced", "waits", "removed", "unknown"]

_LINE = re.compile(
    r"^(?P<at>\w{3} +\d+ [\d:]{8}) .*?(?P<program>[\w-]+)\[\d+\]: \w+: (?P<text>.*)$"
)
_REFUSAL = re.compile(r"^(?P<at>\w{3} +\d+ [\d:]{8}) .*?\]: NOQUEUE: (?P<text>.*)$")
_SENT = re.compile(
    r"to=<(?P<to>[^>]*)>,.* relay=(?P<relay>[^,]+),.* delay=(?P<delay>[\d.]+),.*"
    r" status=(?P<status>\w+) \((?P<reply>.*)\)$"
)
_CLIENT = re.compile(r"^client=(?P<client>[^,]+)(?:.*sasl_username=(?P<login>[^,]+))?")
_FROM = re.compile(r"^from=<(?P<sender>[^>]*)>, size=(?P<size>\d+)")
_SIGNED = re.compile(r"DKIM-Signature field added \(s=(?P<selector>[^,]+), d=(?P<domain>[^)]+)\)")
_NOTICE = re.compile(r"notification: (?P<id>\w+)$")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: when, by the host's clock, and what, in plain words."""

    at: str
    what: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """What became of the message for one recipient, as the last attempt left it."""

    address: str
    outcome: Outcome
    relay: str
    reply: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Story:
    """One message in one queue."""

    host: str
    instance: str
    queue_id: str
    recipients: tuple[Recipient, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What one instance's logs have; ``refused`` never got a queue id, ``more`` were left out."""

    host: str
    instance: str
    stories: tuple[Story, ...]
    refused: tuple[Step, ...]
    more: int


def found(host: str, said: dict[str, Any]) -> Iterator[Found]:
    """The answer of on_host.py."""
    for instance, row in said.items():
        stories = (story(host, instance, name, of) for name, of in row["messages"].items())
        refused = tuple(step for line in row["refused"] for step in _refusal(line))
        yield Found(host, instance, tuple(stories), refused, int(row["more"]))


def story(host: str, instance: str, queue_id: str, lines: Iterable[str]) -> Story:
    """The story of one message."""
    known = _in_order(tuple(lines))
    steps = [step for line in known for step in _step(line)]
    recipients = _recipients(known)
    return Story(host, instance, queue_id, recipients, tuple(_once(steps)))


def _in_order(lines: Sequence[str]) -> list[str]:
    """The signer's lines, which come from another log, in front of the way to the queue."""
    signed = [line for line in lines if _SIGNED.search(line)]
    others = [line for line in lines if line not in signed]
    texts = [met["text"] if (met := _LINE.match(line)) else "" for line in others]
    queued = next((n for n, words in enumerate(texts) if _FROM.match(words)), len(others))
    return [*others[:queued], *signed, *others[queued:]]


def _step(line: str) -> Iterator[Step]:
    met = _LINE.match(line)
    if met is None:
        return
    for words in _words(met["program"], met["text"]):
        yield Step(" ".join(met["at"].split()), words)


def _words(program: str, text: str) -> Iterator[str]:
    if client := _CLIENT.match(text):
        login = f", logged in as {client['login']}" if client["login"] else ""
        # The streams do not look names of clients up (smtpd_peername_lookup).
        who = re.sub(r"^unknown\[(.*)\]$", r"\1", client["client"])
        yield f"taken from {who}{login}"
    elif signed := _SIGNED.search(text):
        yield f"signed with {signed['selector']}._domainkey.{signed['domain']}"
    elif sender := _FROM.match(text):
        yield f"queued: MAIL FROM <{sender['sender']}>, {int(sender['size']):,} octets"
    elif sent := _SENT.search(text):
        yield _attempt(sent)
    elif notice := _NOTICE.search(text):
        yield f"the sender is told, in message {notice['id']}"
    elif text == "removed":
        yield "left the queue"
    elif text.startswith("message-id="):
        yield f"is the message {text.partition('=')[2]}"
    else:
        yield f"{program}: {text}"


def _attempt(sent: re.Match[str]) -> str:
    done = {"sent": "delivered to", "bounced": "refused by", "deferred": "put off by"}
    verb = done.get(sent["status"], f"{sent['status']} by")
    relay = "" if sent["relay"] == "none" else f" {sent['relay']}"
    if not relay:
        verb = {"sent": "delivered", "bounced": "refused", "deferred": "put off"}.get(
            sent["status"], sent["status"]
        )
    return f"<{sent['to']}>: {verb}{relay} after {sent['delay']} s: {sent['reply']}"


def _once(steps: Sequence[Step]) -> Iterator[Step]:
    """A message that is put off for days says the same every hour: the first and the last time."""
    for place, step in enumerate(steps):
        same = [n for n, other in enumerate(steps) if _kind(other) == _kind(step)]
        if place in (same[0], same[-1]):
            times = f" (the last of {len(same)} times)" if place == same[-1] and same[:-1] else ""
            yield Step(step.at, step.what + times)


def _kind(step: Step) -> str:
    return re.sub(r" after [\d.]+ s:", "", step.what)


def _recipients(lines: Iterable[str]) -> tuple[Recipient, ...]:
    tried: dict[str, list[re.Match[str]]] = {}
    for line in lines:
        if sent := _SENT.search(line):
            tried.setdefault(sent["to"], []).append(sent)
    return tuple(_recipient(address, attempts) for address, attempts in tried.items())


def _recipient(address: str, attempts: Sequence[re.Match[str]]) -> Recipient:
    last = attempts[-1]
    outcomes: dict[str, Outcome] = {"sent": "delivered", "bounced": "bounced", "deferred": "waits"}
    outcome = outcomes.get(last["status"], "unknown")
    return Recipient(address, outcome, last["relay"], last["reply"], len(attempts))


def _refusal(line: str) -> Iterator[Step]:
    met = _REFUSAL.match(line)
    if met is not None:
        yield Step(" ".join(met["at"].split()), met["text"])


def as_json(all_of_it: Iterable[Found]) -> str:
    """A list of {host, instance, stories: [{queue_id, recipients, steps}], refused, more}."""
    return json.dumps([asdict(one) for one in all_of_it], indent=1) + "\n"


def text(what: str, all_of_it: Sequence[Found]) -> str:
    """Every story, the refusals, and where nothing was found."""
    lines = [line for one in all_of_it for line in _told(one)]
    if not lines:
        lines = [f"no log of any host knows {what}: it was never handed in, or its log is rotated"]
    return "".join(f"{terminal.line(each)}\n" for each in lines)


def _told(one: Found) -> Iterator[str]:
    where = f"{one.host} {one.instance}"
    if one.more:
        yield f"{where}: {one.more} older ones are left out"
        yield ""
    for each in one.stories:
        yield f"{where} {each.queue_id}: {_summary(each)}"
        yield from (f"  {step.at}  {step.what}" for step in each.steps)
        yield ""
    if one.refused:
        yield f"{where}: refused at the door"
        yield from (f"  {step.at}  {step.what}" for step in one.refused)
        yield ""


def _summary(one: Story) -> str:
    outcomes = [recipient.outcome for recipient in one.recipients]
    counted = {outcome: outcomes.count(outcome) for outcome in dict.fromkeys(outcomes)}
    if len(outcomes) == 1:
        return outcomes[0]
    if not outcomes:
        return "no delivery was tried yet"
    return ", ".join(f"{number} {outcome}" for outcome, number in counted.items())
