"""Finds the log lines of messages, as JSON.

Arguments: what is looked for (a queue id, a Message-ID, an address of a sender or recipient, a
login, an IP address), then the instances' names. Output: {instance: {"messages": {queue id: [line,
...]}, "refused": [line, ...], "queued": {queue id: queue}, "more": n, "why": text}}; the newest
messages, and the lines of each in their order. ``why`` is empty, or says what of it could not be
read.
"""

from __future__ import annotations

import gzip
import itertools
import json
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from postroad.onhost.common import places

Json = dict[str, Any]

LOGS = Path(places.LOGS)
SPOOL = Path("/var/spool")
# In the order in which a message goes through them, so that none is missed on its way.
QUEUES = ("incoming", "active", "deferred", "hold", "corrupt")
# An address may have had thousands of mails, and been refused as often; a person reads the last.
MOST_MESSAGES = 20
MOST_REFUSALS = 20

# postfix(1): "… postfix-marketing/smtpd[123]: 4XyZ: client=…". A queue id has no vowels in its long
# form (postconf(5), enable_long_queue_ids), and is hexadecimal in the short one.
OF_MESSAGE = re.compile(
    r"\]: (?:warning: )?([0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,20}|[0-9A-F]{5,20}): "
)
# Refused before it had a queue id: also a login, TLS, too much at once, and no SMTP (smtpd(8)).
# Postfix 3.10 says NOQUEUE before some of it, 3.7 does not.
REFUSED = re.compile(
    r"\]: (?:NOQUEUE: |SSL_accept |lost connection |timeout after |too many errors |improper "
    r"command |warning: (?:\S+: SASL \S+ authentication failed|.* limit exceeded: |Refusing "
    r"|non-SMTP command |TLS library problem: ))"
)
# What OpenSSL says of it is the next line of the same process, which names no client.
TLS_FAILED = re.compile(r"(\[\d+\]: )(?:NOQUEUE: )?SSL_accept ")
TLS_REASON = "warning: TLS library problem: "
HUNG_UP = re.compile(r"\]: (?:NOQUEUE: )?(?:lost connection|timeout) after ")
# Whose words on a message are in the journal alone.
SIGNERS = ("dkim", "milter")
# How long the journal may take, in seconds.
JOURNAL = 30
# What long queue ids are made of: no vowels, so that they spell nothing.
DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
# A clock is set by less as a rule, and logs are read whole where it was more.
A_DAY = 86400


def main(arguments: list[str]) -> int:
    """Look into the logs of every instance."""
    what, *instances = arguments
    json.dump({name: found(what, name) for name in instances}, sys.stdout)
    return 0


def found(what: str, instance: str) -> Json:
    """All that one instance's logs have about ``what``."""
    unread: dict[str, str] = {}
    since = taken_at(what) - A_DAY
    ids, refused = hits(wanted(what), lines(instance, unread, since))
    if not ids and since > 0:
        # The clock may have been set since, and by more than that.
        since = 0.0
        ids, refused = hits(wanted(what), lines(instance, unread))
    newest = ids[-MOST_MESSAGES:]
    messages: dict[str, list[str]] = {name: [] for name in newest}
    # Before the logs are read again: what is in no queue by now has left it by what they say.
    where = queued(instance, newest, unread)
    try:
        told = journal(instance, newest, what)
    except (OSError, subprocess.SubprocessError) as error:
        told = []
        unread["the journal"] = str(error)
    for line in itertools.chain(lines(instance, unread, since), told):
        met = OF_MESSAGE.search(line)
        if met is not None and met[1] in messages:
            messages[met[1]].append(line)
    # Logins are in small letters there.
    refused += [line for line in told if f"({what.lower()}," in line]
    more = len(ids) - len(newest)
    why = "; ".join(f"{place} cannot be read: {reason}" for place, reason in unread.items())
    return {
        "messages": messages,
        "refused": telling(refused),
        "queued": where,
        "more": more,
        "why": why,
    }


def queued(instance: str, ids: list[str], unread: dict[str, str]) -> dict[str, str]:
    """In which queue each of these messages is; those that are in none are left out."""
    name = "postfix" if instance == "default" else f"postfix-{instance}"
    found = {}
    for queue in QUEUES:
        for _, _, files in os.walk(SPOOL / name / queue):
            found.update(dict.fromkeys(set(ids).intersection(files), queue))
    if ids and not os.access(SPOOL / name / QUEUES[0], os.R_OK):
        unread[str(SPOOL / name)] = "its queues are not there, or not to be read"
    return found


def wanted(what: str) -> re.Pattern[str]:
    """A pattern for lines that are about it: never a part of a longer id or address."""
    if OF_MESSAGE.fullmatch(f"]: {what}: "):
        # An operator who queues it anew gives it another id (pickup(8)).
        return re.compile(rf"\]: (?:warning: )?{what}: |\borig_id={what}$")
    try:
        return re.compile(rf"\[{re.escape(str(ip_address(what)))}\]")
    except ValueError:
        # The whole value of a Message-ID field may come, which has comments (RFC 5322 3.6.4).
        bracketed = re.search("<(.*)>", what)
        word = logged((bracketed[1] if bracketed else what).strip("<> "))
        named = rf"\bmessage-id=(?:\([^()]*\)[? ]*)*{word}(?=$|[ ?(])"
        login = rf"\bsasl_username={word}(?![^\s,])"
        return re.compile(rf"< *{word} *>|{named}|{login}", re.IGNORECASE)


def logged(word: str) -> str:
    """A pattern for ``word`` as Postfix logs it: a question mark for each octet beyond ASCII."""
    return "".join(re.escape(c) if c.isascii() else rf"(?:{re.escape(c)}|\?{{1,4}})" for c in word)


def hits(pattern: re.Pattern[str], known: Iterable[str]) -> tuple[list[str], list[str]]:
    """The queue ids in the order of their last lines that fit, and refusals without an id."""
    ids: dict[str, None] = {}
    refused: list[str] = []
    failed: set[str] = set()
    for line in known:
        if TLS_REASON in line and (found := [one for one in failed if one in line]):
            refused.append(line)
            failed.difference_update(found)
        if not pattern.search(line):
            continue
        if met := TLS_FAILED.search(line):
            failed.add(met[1])
        met = OF_MESSAGE.search(line)
        if met is not None:
            ids.pop(met[1], None)
            ids[met[1]] = None
        elif REFUSED.search(line):
            refused.append(line)
    return list(ids), refused


def telling(refused: list[str]) -> list[str]:
    """The newest, in their order. Who only hung up gives way, and what is said again later."""
    said = [line.partition("]: ")[2] for line in refused]
    last = {words: place for place, words in enumerate(said)}

    def weight(place: int) -> tuple[bool, bool, int]:
        return not HUNG_UP.search(refused[place]), last[said[place]] == place, place

    return [refused[n] for n in sorted(sorted(range(len(said)), key=weight)[-MOST_REFUSALS:])]


def taken_at(what: str) -> float:
    """When the message of this queue id was taken, in seconds; 0 where the id does not tell it.

    A long one begins with the seconds, six digits of base 52, and has a z behind four more for the
    microseconds (Postfix, global/mail_queue.h): logs that ended before have nothing about it.
    """
    if not re.fullmatch(f"[{DIGITS}]{{10}}z[{DIGITS}]+", what):
        return 0.0
    seconds = 0
    for digit in what[:6]:
        seconds = seconds * len(DIGITS) + DIGITS.index(digit)
    return float(seconds)


def lines(instance: str, unread: dict[str, str], since: float = 0.0) -> Iterator[str]:
    """Every line of the instance's logs, the oldest first; rotated ones have their day's name.

    Logs that were last written to before ``since`` are left out. Why a log could not be read (to
    its end) is put into ``unread``.
    """
    current = LOGS / f"{instance}.log"
    for place in sorted(LOGS.glob(f"{instance}.log*"), key=lambda p: (p == current, p.name)):
        if place.is_symlink() or not place.is_file() or place.stat().st_mtime < since:
            continue
        opened = gzip.open if place.suffix == ".gz" else open
        try:
            with opened(place, "rt", encoding="utf-8", errors="replace") as log:
                for line in log:
                    yield line.rstrip("\n")
        except (OSError, EOFError, zlib.error) as error:
            unread[str(place)] = str(error)


def journal(instance: str, ids: list[str], what: str) -> list[str]:
    """What a stream's signer and milter have said of these messages, and its logins of this one.

    As far back as the journal goes. OSError or SubprocessError where it does not answer.
    """
    if instance in ("default", "inbound"):
        return []
    asked = [(f"postroad-{daemon}@{instance}.service", "|".join(ids)) for daemon in SIGNERS if ids]
    if re.fullmatch(r"[\w.@+-]+", what):
        asked.append((f"postroad-auth@{instance}.service", re.escape(f"({what.lower()},")))
    return [line for unit, pattern in asked for line in told_by(unit, pattern)]


def told_by(unit: str, pattern: str) -> list[str]:
    """The journal's lines of a unit that match a pattern (journalctl(1))."""
    command = ["journalctl", "--quiet", "--no-pager", "-o", "short", "-u", unit, "-g", pattern]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=JOURNAL
    )
    # It ends with 1 and no word where it finds nothing.
    if done.returncode and done.stderr.strip():
        raise OSError(done.stderr.strip().splitlines()[-1])
    return done.stdout.splitlines()
