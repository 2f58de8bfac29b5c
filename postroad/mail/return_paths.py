"""Where bounces come back to: what is wanted, what was, and for how long it is still taken. Pure.

A return path that the estate has given up (a stream that is gone, another envelope domain, another
address of a login) is still in mail that is under way: in queues of ours, in those of receivers,
and in reports that wait there. What a host has taken so far stands in its own tables, so the run
that takes it away marks it (`RETURNING`), and inbound goes on taking it. A mark's time is when mail
may last have left with it. When no queue, here or there, can hold any, a run lets it go: the mark
moves (`RETURNED`), and who still comes is told why nobody is there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from postroad.host import shell
from postroad.host.paths import INBOUND, STATE, config_folder
from postroad.host.reading import Reading, section
from postroad.mail.formats import pcre, pcre_extended
from postroad.settings import defaults
from postroad.settings.model import STREAM_NAMES, Estate, bounce_address

RETURNING = f"{STATE}/returning"
RETURNED = f"{STATE}/returned"

DAY = 86_400
# RFC 5321 §4.5.4.1: who cannot deliver tries for four to five days. A receiver may do so with what
# it passes on, and then once more with the report that it could not.
RETRIED_THERE = 2 * 5 * DAY
# Marks of one run on several hosts differ by so much at most.
APART = 3600


@dataclass(frozen=True, slots=True, order=True)
class ReturnPath:
    """An address that bounces of a stream, or complaints, come back to; in lower case."""

    stream: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    @property
    def folder(self) -> str:
        """Its Maildir, below the folder of all of them."""
        is_complaint = self.address.startswith("fbl@")
        return f"{self.stream}/{'complaints' if is_complaint else 'bounces'}"

    @property
    def patterns(self) -> tuple[str, ...]:
        """What matches it (pcre_table(5)): of bounce@ and fbl@ with any extension as well."""
        plain = f"^{pcre(self.address)}$"
        is_extended = self.address == bounce_address(self.domain)
        if is_extended or self.address.startswith("fbl@"):
            return f"^{pcre_extended(self.address)}$", plain
        return (plain,)

    @property
    def mark(self) -> str:
        """The name of its mark: domain and local part are folder and file, which have room."""
        local = quote(self.address.rpartition("@")[0], safe="+=@!,")
        return f"{self.stream}/{self.domain}/{local}"


@dataclass(frozen=True, slots=True)
class Marks:
    """What one host knows of return paths.

    ``used`` are those of its tables: what inbound takes, and what its streams send with.
    ``returning`` are marked as given up, each with when mail may last have left with it (seconds of
    the epoch); ``returned`` were let go.
    """

    used: frozenset[ReturnPath] = frozenset()
    returning: Mapping[ReturnPath, float] = field(default_factory=dict)
    returned: frozenset[ReturnPath] = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """What a run does to one mark. ``since`` is what a mark is given."""

    verb: str
    path: ReturnPath
    since: float = 0.0
    until: float = 0.0

    def __str__(self) -> str:
        if self.verb == "take":
            return f"{self.path.address} (still taken until {day(self.until)})"
        words = {
            "let go": "let go: no queue can hold mail with it",
            "forget": "declared again",
        }
        return f"{self.path.address} ({words[self.verb]})"


def wanted(estate: Estate) -> tuple[ReturnPath, ...]:
    """What every inbound host of the estate takes for its streams, whoever carries them."""
    return tuple(
        ReturnPath(stream.name, address)
        for stream in estate.streams
        for address in (*stream.return_paths, f"fbl@{stream.envelope_domain}")
    )


def kept_seconds(estate: Estate) -> int:
    """How long a return path is taken after mail may last have left with it.

    Our own queues hold mail for their lifetime, those of receivers for `RETRIED_THERE`.
    """
    own = [stream.limits.queue_seconds for stream in estate.streams]
    usual = [limits.queue_seconds for limits in defaults.LIMITS.values()]
    return max(*own, *usual) + RETRIED_THERE


def steps(
    estate: Estate, mine: Marks, others: Iterable[Marks], now: float, oldest: float | None
) -> tuple[Step, ...]:
    """What is to be done to the marks of one host.

    ``others`` is what the other hosts of the run know: inbound, or a stream, may have moved from
    there to here. ``oldest`` is since when the oldest mail of the estate's queues waits (infinity:
    there is none, None: not every host was asked).
    """
    own, kept = set(wanted(estate)), kept_seconds(estate)
    found: dict[ReturnPath, float] = {}
    for one in (mine, *others):
        for path in one.used - {*one.returning} - one.returned:
            found[path] = now
        for path, since in one.returning.items():
            found[path] = max(found.get(path, 0.0), since)
    taken = {
        path: Step("take", path, since, since + kept)
        for path, since in sorted(found.items())
        if path not in own
        and path not in mine.returned
        and since > mine.returning.get(path, 0.0) + APART
    }
    forgotten = [Step("forget", path) for path in sorted({*mine.returning, *mine.returned} & own)]
    aged = [(p, t) for p, t in sorted(mine.returning.items()) if p not in own and p not in taken]
    return (*taken.values(), *_aged(aged, now, oldest, kept), *forgotten)


def _aged(
    marks: Iterable[tuple[ReturnPath, float]], now: float, oldest: float | None, kept: int
) -> Iterator[Step]:
    for path, since in marks:
        if oldest is None or now < since + DAY:
            continue
        if oldest <= since:
            # It may yet leave from here: the time begins anew, once a day at most.
            yield Step("take", path, now, now + kept)
        elif now >= since + kept:
            yield Step("let go", path)


def asks_for_queues(estate: Estate, mine: Marks, now: float) -> bool:
    """Whether it matters how old the oldest mail of the queues is."""
    own = set(wanted(estate))
    return any(now >= since + DAY for path, since in mine.returning.items() if path not in own)


def given_up_domains(estate: Estate, marks: Marks) -> tuple[tuple[str, str], ...]:
    """Each domain that is no stream's any more and still taken, with the stream that it was of."""
    own = {path.domain for path in wanted(estate)}
    given_up = [path for path in sorted(marks.returning) if path.domain not in own]
    return tuple(dict.fromkeys((path.stream, path.domain) for path in given_up))


def until(estate: Estate, marks: Iterable[Marks]) -> dict[str, float]:
    """Until when each domain that is no stream's any more is still taken, at least."""
    own = {path.domain for path in wanted(estate)}
    kept, found = kept_seconds(estate), dict[str, float]()
    for one in marks:
        for path, since in one.returning.items():
            if path.domain not in own:
                found[path.domain] = max(found.get(path.domain, 0.0), since + kept)
    return found


def script(taken: Iterable[Step]) -> str:
    """Shell (run as root) that takes these steps; it may be killed between any two of them."""
    lines = []
    for step in taken:
        returning, returned = f"{RETURNING}/{step.path.mark}", f"{RETURNED}/{step.path.mark}"
        here, there = shlex.quote(returning), shlex.quote(returned)
        if step.verb == "take":
            lines.append(f"mkdir -p {shlex.quote(returning.rpartition('/')[0])}")
            lines.append(f"touch -d @{step.since:.0f} {here}")
        elif step.verb == "let go":
            lines.append(f"mkdir -p {shlex.quote(returned.rpartition('/')[0])}")
            lines.append(f"mv -fT {here} {there}")
        else:
            lines.append(f"rm -f {here} {there}")
    return shell.script(lines)


def probe() -> str:
    """Shell that prints what `parse` reads. It changes nothing."""
    tables = [f"{config_folder(INBOUND)}/mailboxes"]
    senders = [f"{config_folder(stream)}/sender_access" for stream in STREAM_NAMES]
    return "\n".join(
        [
            f"grep -Hs '^/' {' '.join([*tables, *senders])}",
            f"find {RETURNING} {RETURNED} -mindepth 3 -type f -printf 'mark %T@ %p\\n' 2>/dev/null",
        ]
    )


_ROW = re.compile(r"/\^(.*)\$/ (?:(\w+)/(?:bounces|complaints)/|DUNNO)")
# What pcre_extended writes, and what earlier versions wrote.
_EXTENSION = re.compile(r"\\\+\[\^@\]\+@|\(\\\+\[\^@\]\+\)\?@")


def parse(lines: Iterable[str]) -> Marks:
    """Read the output of `probe`; what is none of ours is passed over."""
    used: set[ReturnPath] = set()
    returning: dict[ReturnPath, float] = {}
    returned: set[ReturnPath] = set()
    for line in lines:
        if line.startswith("mark "):
            _, time, place = line.split(" ", 2)
            folder, _, name = place.removeprefix(f"{STATE}/").partition("/")
            if (path := _marked(name)) is None:
                continue
            if folder == "returning":
                returning[path] = float(time)
            else:
                returned.add(path)
        else:
            file, _, row = line.partition(":")
            if (path := _taken(file, row)) is not None:
                used.add(path)
    return Marks(frozenset(used), returning, frozenset(returned))


def _marked(name: str) -> ReturnPath | None:
    stream, _, rest = name.partition("/")
    domain, _, local = rest.partition("/")
    if stream not in STREAM_NAMES or not domain or not local:
        return None
    return ReturnPath(stream, f"{unquote(local)}@{domain}")


def _taken(file: str, row: str) -> ReturnPath | None:
    found = _ROW.fullmatch(row.strip())
    if found is None:
        return None
    pattern, stream = found[1], found[2]
    if stream is None:
        stream = next((s for s in STREAM_NAMES if file == f"{config_folder(s)}/sender_access"), "")
    address = re.sub(r"\\(.)", r"\1", _EXTENSION.sub("@", pattern))
    if stream not in STREAM_NAMES or "@" not in address:
        return None
    return ReturnPath(stream, address)


def day(at: float) -> str:
    """A time of the epoch as a date (UTC)."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


RETURN_PATHS = Reading("return-paths", section("return-paths", parse), Marks())
