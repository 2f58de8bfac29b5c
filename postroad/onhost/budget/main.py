"""budget: what strangers may leave on this disk.

    budget serve SOCKET MAILBOXES QUEUE TABLE BYTES FILES MESSAGE FREE RATE [SENDER ...]
    budget tidy MAILBOXES QUEUE TABLE BYTES FILES FREE DAYS

Anybody may write to the Maildirs of the inbound instance, and virtual(8) knows no limit for all of
one. ``serve`` answers smtpd(8) at each RCPT (SMTPD_POLICY_README): 452 where the recipient's
Maildir has no room for one more within BYTES and FILES, or the queue's disk would have less than
FREE bytes left (a disk of the Maildirs' own: none); what is queued counts for every Maildir. A
message has the size that its sender says (RFC 1870), without a word MESSAGE bytes; who lies goes
beyond by what he can send before it is measured again. One client (IPv6: one /64) may hand in RATE
messages a minute, which Postfix before 3.10 counts by single addresses. Without an answer smtpd
says 452 as well, so that nothing but inbound stops. Reports of the estate itself, by loopback or
from a SENDER, may fill a quarter more and have no rate: what strangers have filled does not keep a
stream from its bounces. A message that is still being sent is not counted; there are no more of
those than inbound has places.

``tidy`` removes what is older than DAYS, and fails when a Maildir is used up to four fifths or the
queue's disk has less than half as much again as FREE: its unit then tells root.

TABLE is the instance's own (pcre_table(5)): which addresses exist, and the Maildir of each.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import socketserver
import stat
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path

from postroad.onhost.common.systemd import watch

QUEUES = ("incoming", "active", "deferred", "hold")
FOLDERS = ("new", "cur", "tmp")
# What a file takes at least, and is rounded up to.
BLOCK = 4096
# Of the time: what measuring may take, and how far what strangers leave may go before it is told.
SHARE = 0.1
TOLD = 0.8
# Of a disk's inodes: each mail takes one, in the streams' queues as well.
INODES = 0.1
# For reports of the estate itself.
OWN = 1.25
# How long an answer may take, in seconds: as long as smtpd(8) waits.
PATIENCE = 5

ROW = re.compile(r"/(.*)/\s+(\S+)")


@dataclass(frozen=True)
class Use:
    """What a folder holds."""

    bytes: int = 0
    files: int = 0

    def __add__(self, other: Use) -> Use:
        return Use(self.bytes + other.bytes, self.files + other.files)


def maildirs(table: Path) -> list[tuple[re.Pattern[str], str]]:
    """Which addresses go to which Maildir, as Postfix reads it: in order, in any case."""
    rows = map(ROW.fullmatch, table.read_text(encoding="utf-8").splitlines())
    return [(re.compile(row[1], re.IGNORECASE), row[2].rstrip("/")) for row in rows if row]


def files_in(folder: Path) -> Iterator[os.stat_result]:
    """Every file below ``folder``, links as such; what goes meanwhile is not there."""
    if folder.is_symlink():
        return
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(os.path.join(place, name))
            except OSError:
                continue


def used(*folders: Path) -> Use:
    """What these folders hold, in whole blocks."""
    sizes = [-(-found.st_size // BLOCK) * BLOCK for f in folders for found in files_in(f)]
    return Use(sum(sizes), len(sizes))


@dataclass(frozen=True)
class Disk:
    """Where inbound's mail is: its Maildirs, its queue, and which address has which Maildir."""

    mailboxes: Path
    queue: Path
    table: Path

    def used_by(self, maildir: str) -> Use:
        """What one Maildir holds."""
        return used(*(self.mailboxes / maildir / name for name in FOLDERS))

    def waiting(self) -> Use:
        """What inbound has taken, and not delivered yet."""
        return used(*(self.queue / name for name in QUEUES))

    def rooms(self) -> list[os.statvfs_result]:
        """The queue's disk, and the Maildirs' own where they have one."""
        own = (
            [self.mailboxes] if os.stat(self.mailboxes).st_dev != os.stat(self.queue).st_dev else []
        )
        return [os.statvfs(place) for place in (self.queue, *own)]

    def left(self, free: int) -> int:
        """Bytes that may still come; none where no more than a tenth of a disk's inodes is free.

        On the queue's disk ``free`` are for the streams; one of the Maildirs' own is all theirs.
        """
        rooms = self.rooms()
        if any(room.f_favail < room.f_files * INODES for room in rooms):
            return 0
        queue, *mailboxes = (room.f_bavail * room.f_frsize for room in rooms)
        return min([queue - free, *mailboxes])


@dataclass(frozen=True)
class Limits:
    """Of one Maildir, in bytes and files; of one message, and of the disk, in bytes."""

    bytes: int
    files: int
    message: int
    free: int


@dataclass
class Budget:
    """What is left. Measured anew as soon as what was admitted since could have used it up."""

    disk: Disk
    limits: Limits
    known: dict[str, Use] = field(default_factory=dict)
    admitted: Use = Use()
    left: int = 0
    measured: float = 0.0
    next_measure: float = 0.0

    def admits(self, maildir: str, size: int, own: bool, now: float) -> bool:
        """Whether one more of ``size`` bytes may go to ``maildir``; it is admitted then."""
        share = OWN if own else 1.0
        one = Use(-(-min(size, self.limits.message) // BLOCK) * BLOCK, 1)
        is_stale = maildir not in self.known or now - self.measured > 1
        if is_stale or not self._fits(maildir, self.admitted + one, share):
            self._measure(maildir, now)
        if not self._fits(maildir, self.admitted + one, share):
            return False
        self.admitted += one
        return True

    def _fits(self, maildir: str, more: Use, share: float) -> bool:
        limits, use = self.limits, self.known.get(maildir)
        return (
            use is not None
            and use.bytes + more.bytes <= limits.bytes * share
            and use.files + more.files <= limits.files * share
            and self.left >= more.bytes
        )

    def _measure(self, maildir: str, now: float) -> None:
        if maildir in self.known and now < self.next_measure:
            return
        begun = time.monotonic()
        # What is queued may be for any Maildir, and is on the disk twice while it is delivered.
        queued = self.disk.waiting()
        names = {maildir, *self.known}
        self.known = {name: self.disk.used_by(name) + queued for name in names}
        self.left, self.admitted = self.disk.left(self.limits.free) - queued.bytes, Use()
        self.measured = now
        self.next_measure = now + (time.monotonic() - begun) / SHARE


@dataclass
class Rates:
    """How many messages each client has handed in within the current minute."""

    most: int
    minute: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def admits(self, client: str, now: float) -> bool:
        """Whether ``client`` may hand in one more."""
        if now // 60 != self.minute:
            self.minute, self.counts = int(now // 60), {}
        address = ip_address(client)
        whose = str(ip_network((address, 64), strict=False)) if address.version == 6 else client
        self.counts[whose] = self.counts.get(whose, 0) + 1
        return self.counts[whose] <= self.most


@dataclass(frozen=True)
class Desk:
    """What one answer takes: which addresses exist, the budget, the rates, and who is our own."""

    rows: list[tuple[re.Pattern[str], str]]
    budget: Budget
    rates: Rates
    senders: frozenset[str] = frozenset()

    def is_own(self, client: str) -> bool:
        """Whether the estate itself hands in a report."""
        return client in ("127.0.0.1", "::1") or client in self.senders


def answer(request: Mapping[str, str], desk: Desk, now: float) -> str:
    """The action for one request (access(5))."""
    client = request.get("client_address", "")
    own = desk.is_own(client)
    if not own and client and not desk.rates.admits(client, now):
        return "450 4.7.1 too many messages from your network: try again later"
    recipient = request.get("recipient", "")
    found = [place for address, place in desk.rows if address.search(recipient)][:1]
    # What does not exist is refused before: Postfix reads this one in a way that is not known here
    # ("postmaster" alone, a final dot), and there is room for it if there is in every Maildir.
    places = found or list(dict.fromkeys(place for _, place in desk.rows))
    size = int(request.get("size") or 0) or desk.budget.limits.message
    if all(desk.budget.admits(place, size, own, now) for place in places):
        return "DUNNO"
    return "452 4.2.2 this mailbox is full: try again later"


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A thread for each smtpd(8) that asks; there are no more than inbound has places."""

    daemon_threads = True
    request_queue_size = 128


def serve(path: str, desk: Desk) -> None:
    """Answer until somebody ends it."""
    turn = threading.Lock()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            # Who hangs up has his answer, or needs none.
            with contextlib.suppress(ConnectionError):
                self.converse()

        def converse(self) -> None:
            request: dict[str, str] = {}
            for line in self.rfile:
                name, _, value = line.decode(errors="replace").rstrip("\n").partition("=")
                if name:
                    request[name] = value
                    continue
                with turn:
                    # It asks itself nothing, to see whether it answers.
                    now = time.monotonic()
                    action = answer(request, desk, now) if request else "DUNNO"
                self.wfile.write(f"action={action}\n\n".encode())
                request = {}

    Path(path).unlink(missing_ok=True)
    with Server(path, Handler) as server:
        os.chmod(path, 0o660)
        threading.Thread(target=watch, args=(partial(answers, path),), daemon=True).start()
        server.serve_forever()


def answers(path: str) -> bool:
    """Whether whoever serves at this socket answers in time."""
    try:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(PATIENCE)
            asking.connect(path)
            asking.sendall(b"\n")
            return bool(asking.recv(64))
    except OSError:
        return False


def remove_older(maildir: Path, before: float) -> int:
    """Remove what was delivered to ``maildir`` before that moment; how much it was."""
    removed = 0
    for name in FOLDERS:
        try:
            entries = list(os.scandir(maildir / name))
        except FileNotFoundError:
            continue  # It has had no mail yet.
        for entry in entries:
            # Somebody who reads his mail moves it meanwhile.
            with contextlib.suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and found.st_mtime < before:
                    os.unlink(entry.path)
                    removed += 1
    return removed


def tidy(disk: Disk, limits: Limits, days: int) -> Iterator[str]:
    """Remove what is old; a sentence for each limit that is near."""
    before = time.time() - days * 86400
    for maildir in dict.fromkeys(place for _, place in maildirs(disk.table)):
        removed = 0
        try:
            removed = remove_older(disk.mailboxes / maildir, before)
        except OSError as error:
            yield f"what is old cannot be removed: {error}"
        if removed:
            print(f"{maildir}: {removed} files are older than {days} days, and are gone")
        use = disk.used_by(maildir)
        if use.bytes > limits.bytes * TOLD or use.files > limits.files * TOLD:
            yield (
                f"{disk.mailboxes / maildir} has {use.bytes >> 20} MiB in {use.files} files, of "
                f"{limits.bytes >> 20} MiB and {limits.files}: soon its mail is refused"
            )
    queue, *mailboxes = disk.rooms()
    free = queue.f_bavail * queue.f_frsize
    if free < limits.free * 3 // 2:
        yield f"{free >> 20} MiB are free; below {limits.free >> 20} inbound takes no mail"
    for own in mailboxes:
        if own.f_bavail < own.f_blocks * (1 - TOLD):
            free = own.f_bavail * own.f_frsize
            yield f"{disk.mailboxes} has {free >> 20} MiB free; without any, inbound takes no mail"


def main(words: list[str]) -> int:
    """The exit status: 0 done, 1 a limit is near, 2 a wrong call."""
    if words[:1] == ["serve"] and len(words) > 9:
        disk, limits = Disk(*map(Path, words[2:5])), Limits(*map(int, words[5:9]))
        rates, senders = Rates(int(words[9])), frozenset(words[10:])
        serve(words[1], Desk(maildirs(disk.table), Budget(disk, limits), rates, senders))
        return 0
    if words[:1] == ["tidy"] and len(words) == 8:
        size, files, room, days = map(int, words[4:])
        near = list(tidy(Disk(*map(Path, words[1:4])), Limits(size, files, 0, room), days))
        for sentence in near:
            print(sentence)
        return 1 if near else 0
    print(__doc__, file=sys.stderr)
    return 2
