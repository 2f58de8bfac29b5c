"""The story of a message, told from its log lines. Pure; see postfix(1), "LOGGING"."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from postroad.host.asked import Asking, json_of
from postroad.settings import terminal

Outcome = Literal["delivered", "bounced", "waits", "refused", "expired", "unknown"]

_LINE = re.compile(
    r"^(?P<at>\w{3} +\d+ [\d:]{8}) .*?(?P<program>[\w-]+)\[\d+\]: (?P<warned>warning: )?"
    r"\w+: (?P<text>.*)$"
)
_REFUSAL = re.compile(
    r"^(?P<at>\w{3} +\d+ [\d:]{8}) .*?\[\d+\]: "
    # Dovecot, on its standard error, says the time once more.
    r"(?:NOQUEUE: |warning: |\w{3} +\d+ [\d:]{8} )?(?P<text>.*)$"
)
_SENT = re.compile(
    r"to=<(?P<to>[^>]*)>,.* relay=(?P<relay>[^,]+),.* delay=(?P<delay>[\d.]+),.*"
    r" status=(?P<status>\w+) \((?P<reply>.*)\)$"
)
_CLIENT = re.compile(r"^client=(?P<client>[^,]+)(?:.*sasl_username=(?P<login>[^,]+))?")
_FROM = re.compile(r"^from=<(?P<sender>[^>]*)>, size=(?P<size>\d+)")
_FROM_EXPIRED = re.compile(r"^from=<[^>]*>, status=(?:force-)?expired")
_SIGNED = re.compile(r"DKIM-Signature field added \(s=(?P<selector>[^,]+), d=(?P<domain>[^)]+)\)")
# pickup(8), of what postsuper(1) has put back; in the same place another id.
_QUEUED_ANEW = re.compile(r"^uid=\d+ from=<[^>]*> orig_id=(?P<old>\w+)$")
_NOTICE = re.compile(r"notification: (?P<id>\w+)$")
# What a daemon of Postfix has said to the client, once the message had its id: of one recipient
# (smtpd(8)), by a milter, or by header_checks(5), whose words come last.
_RECIPIENT_REFUSED = re.compile(
    r"^reject: RCPT from [^ ]*\]: (?P<reply>[45]\d\d .*?); from=<[^>]*> to=<(?P<to>[^>]*)>"
)
_BY_MILTER = re.compile(
    r"^milter-reject: [A-Z-]+ from [^ ]*\]: (?P<reply>[45]\.\d+\.\d+ .*?); from=<"
)
_BY_CHECK = re.compile(r"^reject: \S+ .*helo=<[^>]*>: (?P<reply>[45]\.\d+\.\d+ .*)$")
_BY_SMTPD = re.compile(r"^reject: [A-Z-]+ from [^ ]*\]: (?P<reply>[45]\d\d .*?); from=<")
_THROWN_AWAY = re.compile(r"^(?:milter-)?discard: ")
# The signer's own words (templates/opendkim/policy.lua.j2), and those of the milter behind it.
_SIGNER = re.compile(r"^(?:(?:refused|deferred): |[45]\d\d [45]\.\d+\.\d+ )(?P<why>.*)$")


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
    fate: str
    recipients: tuple[Recipient, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """What the logs of one instance have; see `postroad.onhost.asked.trace`."""

    messages: Mapping[str, tuple[str, ...]]
    refused: tuple[str, ...]
    queued: Mapping[str, str]
    more: int
    why: str


#: The log lines about its first argument in the instances that are the others. Ninety days of logs,
#: packed, of a busy shop take their time.
TRACED: Asking[Mapping[str, Lines]] = Asking("trace", "its logs", json_of(Mapping[str, Lines]), 180)


@dataclass(frozen=True, slots=True)
class Found:
    """What one instance's logs have; ``refused`` never got a queue id, ``more`` were left out.

    ``unread`` says what of the logs could not be read; empty where all was.
    """

    host: str
    instance: str
    stories: tuple[Story, ...]
    refused: tuple[Step, ...]
    more: int
    unread: str = ""


def found(host: str, said: Mapping[str, Lines]) -> Iterator[Found]:
    """What a host answers to `TRACED`."""
    for instance, row in said.items():
        again = dict(_ids_anew(row.messages))
        stories = (
            story(host, instance, name, of, row.queued.get(name, ""), again.get(name, ""))
            for name, of in row.messages.items()
        )
        refused = tuple(step for line in row.refused for step in _refusal(line))
        yield Found(host, instance, tuple(stories), refused, row.more, row.why)


def _ids_anew(messages: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    """The old id and the new one of each message that was queued anew by hand."""
    for name, lines in messages.items():
        for _, text in _texts(lines):
            if met := _QUEUED_ANEW.match(text):
                yield met["old"], name


def story(
    host: str, instance: str, queue_id: str, lines: Iterable[str], queue: str, again: str = ""
) -> Story:
    """The story of one message, which is in ``queue`` now, or in none (empty).

    ``again`` is the id that it was queued anew with; empty where it was not, or has none yet.
    """
    known = _in_order(tuple(lines))
    steps = [step for line in known for step in _step(line)]
    recipients = _recipients(known)
    fate = _fate(recipients, _texts(known), queue, again)
    return Story(host, instance, queue_id, fate, recipients, tuple(_once(steps)))


def _texts(lines: Iterable[str]) -> list[tuple[str, str]]:
    """The program and the words of each line that is about the message."""
    met = (_LINE.match(line) for line in lines)
    return [(one["program"], one["text"]) for one in met if one is not None]


def _fate(
    recipients: Sequence[Recipient], texts: Sequence[tuple[str, str]], queue: str, again: str
) -> str:
    """What became of the message as a whole, for its headline."""
    words = [text for _, text in texts]
    if ended := _ended(words):
        return ended
    if queue == "hold":
        return "on hold: nobody tries to deliver it until it is released (postsuper -H)"
    if queue == "corrupt":
        return "put aside: Postfix could not read its queue file"
    waits = not recipients or any(recipient.outcome == "waits" for recipient in recipients)
    # qmgr(8) tells of each message that it takes out.
    if not queue and waits and ("qmgr", "removed") not in texts and any(map(_FROM.match, words)):
        return _by_hand([text for program, text in texts if program == "postsuper"], again)
    if recipients:
        outcomes = [recipient.outcome for recipient in recipients]
        if len(outcomes) == 1:
            return outcomes[0]
        counted = {outcome: outcomes.count(outcome) for outcome in dict.fromkeys(outcomes)}
        return ", ".join(f"{number} {outcome}" for outcome, number in counted.items())
    return _before_delivery(words)


def _by_hand(words: Sequence[str], again: str) -> str:
    """How postsuper(1) took it out, by its ``words``: of ``ALL`` it counts them, and names none."""
    last = next((word for word in reversed(words) if word in ("removed", "requeued")), "")
    if again:
        return f"queued anew by hand (postsuper -r), as {again}"
    if last == "requeued":
        return "queued anew by hand (postsuper -r): it has another id within a minute"
    if last == "removed":
        return "deleted by hand (postsuper -d)"
    return "taken out of the queue by hand (postsuper): deleted, or queued anew"


def _ended(words: Sequence[str]) -> str:
    """How the message was ended before it was queued; empty where it was not."""
    for word in words:
        met = _BY_MILTER.match(word) or _BY_CHECK.match(word)
        if met is None and not _RECIPIENT_REFUSED.match(word):
            met = _BY_SMTPD.match(word)
        if met is not None:
            told = next((m["why"] for w in words if (m := _SIGNER.match(w))), "")
            verb = "refused" if met["reply"].startswith("5") else "not taken for now"
            return f"{verb}: {told or met['reply']}"
        if _THROWN_AWAY.match(word):
            return "taken and thrown away (discard)"
        if "queue file size limit exceeded" in word:
            return "refused: larger than a message may be (message_size_limit)"
    return ""


def _before_delivery(words: Sequence[str]) -> str:
    """The fate of a message of which the logs have no attempt to deliver it."""
    if any("status=expired" in word or "status=force-expired" in word for word in words):
        return "expired: it came back to its sender"
    if "removed" in words:
        return "left the queue; what became of it is in no log any more"
    if any(map(_FROM.match, words)):
        return "queued, waits for its first delivery"
    if any(map(_CLIENT.match, words)):
        return "not handed in to its end: the client is still at it, or has hung up"
    return "only a part of its story is in the logs"


def _in_order(lines: Sequence[str]) -> list[str]:
    """The signer's lines, which come from another log, in front of the way to the queue."""
    signed = [
        line
        for line in lines
        if _SIGNED.search(line) or ((met := _LINE.match(line)) and _SIGNER.match(met["text"]))
    ]
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
    elif anew := _QUEUED_ANEW.match(text):
        yield f"queued anew by hand (postsuper -r); before that its id was {anew['old']}"
    elif notice := _NOTICE.search(text):
        yield f"the sender is told, in message {notice['id']}"
    elif text == "removed":
        yield "left the queue"
    elif text.startswith("replace: header Received: "):
        return  # Ours: the application's own address is nobody's business (header_checks).
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
    refused = []
    expired = False
    for line in lines:
        text = met["text"] if (met := _LINE.match(line)) else ""
        if sent := _SENT.search(line):
            tried.setdefault(sent["to"], []).append(sent)
        elif at_door := _RECIPIENT_REFUSED.match(text):
            refused.append(Recipient(at_door["to"], "refused", "", at_door["reply"], 1))
        expired = expired or (_FROM_EXPIRED.match(text) is not None)
    attempted = (_recipient(to, attempts, expired) for to, attempts in tried.items())
    return (*attempted, *refused)


def _recipient(address: str, attempts: Sequence[re.Match[str]], expired: bool) -> Recipient:
    last = attempts[-1]
    waits: Outcome = "expired" if expired else "waits"
    outcomes: dict[str, Outcome] = {"sent": "delivered", "bounced": "bounced", "deferred": waits}
    outcome = outcomes.get(last["status"], "unknown")
    return Recipient(address, outcome, last["relay"], last["reply"], len(attempts))


def _refusal(line: str) -> Iterator[Step]:
    met = _REFUSAL.match(line)
    if met is not None:
        yield Step(" ".join(met["at"].split()), met["text"])


def as_json(all_of_it: Iterable[Found]) -> str:
    """A list of {host, instance, stories: [{queue_id, fate, …}], refused, more, unread}."""
    return json.dumps([asdict(one) for one in all_of_it], indent=1) + "\n"


def text(what: str, all_of_it: Sequence[Found], silent: Sequence[str] = ()) -> str:
    """Every story, the refusals, and where nothing was found.

    ``silent`` are the hosts that could not be asked: of theirs nothing is known.
    """
    lines = [line for one in all_of_it for line in _told(one)]
    lines += [
        f"{one.host} {one.instance}: a part of its logs is unknown: {one.unread}"
        for one in all_of_it
        if one.unread
    ]
    if not is_known(all_of_it):
        lines.append(_nothing(what, all_of_it, silent))
    return "".join(f"{terminal.line(each)}\n" for each in lines)


def is_known(all_of_it: Iterable[Found]) -> bool:
    """Whether any log has anything about it."""
    return any(one.stories or one.refused for one in all_of_it)


def _nothing(what: str, all_of_it: Sequence[Found], silent: Sequence[str]) -> str:
    asked = ", ".join(dict.fromkeys(one.host for one in all_of_it))
    if not asked:
        return f"nothing is known of {what}: no host could be asked"
    if silent:
        return f"no log of {asked} knows {what}; {', '.join(silent)} could not be asked and may"
    if any(one.unread for one in all_of_it):
        return f"what could be read of the logs does not know {what}"
    return f"no log of any host knows {what}: it was never handed in, or its log is rotated"


def _told(one: Found) -> Iterator[str]:
    where = f"{one.host} {one.instance}"
    if one.more:
        yield f"{where}: {one.more} older ones are left out"
        yield ""
    for each in one.stories:
        yield f"{where} {each.queue_id}: {each.fate}"
        yield from (f"  {step.at}  {step.what}" for step in each.steps)
        yield ""
    for title, steps in _at_the_door(one.refused):
        yield f"{where}: {title}"
        yield from (f"  {step.at}  {step.what}" for step in steps)
        yield ""


def _at_the_door(refused: Sequence[Step]) -> Iterator[tuple[str, list[Step]]]:
    """What never got a queue id, under what it met with."""
    titled: dict[str, list[Step]] = {}
    for step in refused:
        titled.setdefault(_title(step.what), []).append(step)
    yield from titled.items()


def _title(what: str) -> str:
    if "SSL_accept" in what or what.startswith("TLS library problem"):
        return "no TLS was agreed on"
    if " limit exceeded: " in what or what.startswith("Refusing "):
        return "too much at once"
    if not (met := re.match(r"(?:milter-)?reject: .*?\]: (?P<code>[45])", what)):
        is_login = "authentication failed" in what or what.startswith("auth")
        return "not logged in" if is_login else "at the door"
    return "refused at the door" if met["code"] == "5" else "put off at the door"
