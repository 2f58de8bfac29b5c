"""Mail that flows through every door while something else happens, and its tally afterwards."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from lab import onhost
from lab.hosts import here
from lab.hosts.errors import LabError
from lab.hosts.guest import wait_until
from lab.hosts.shell import environment
from lab.life.session import Lab
from lab.mail import letters, road, shop
from lab.mail.tally import Copy, Handed, Tally, count
from postroad.roles.run.inventory import load
from postroad.settings.model import StreamName, WayOut

_FROM = {"transactional": "orders@shop.example", "marketing": "news@news.shop.example"}
_MESSAGE = """\
From: Shop <{sender}>
To: {to}
Subject: {name}
Date: Mon, 23 Nov 2026 12:00:00 +0000
Message-ID: <{name}@shop.example>

Number {name}.
"""
_QUEUES = "for d in /etc/postfix /etc/postfix-*; do [ -e $d/main.cf ] || continue; {}; done; :"


@dataclass(frozen=True)
class Door:
    """Where a host takes the mail of a stream, and the From: of what is handed in there."""

    host: str
    stream: StreamName
    way: WayOut
    sender: str

    def __str__(self) -> str:
        return f"{self.stream} on {self.host} From: {self.sender}"


def doors() -> list[Door]:
    """Every door of the lab's estate."""
    estate = load(here.CLONE / road.INVENTORY).estate
    return [
        Door(host.name, stream.name, way, _FROM[stream.name])
        for host in estate.hosts
        for stream, way in estate.streams_of(host)
    ]


@dataclass(frozen=True)
class Flow:
    """Mail that is being handed in; its messages' names begin with ``run``."""

    lab: Lab
    run: str
    since: float
    doors: Sequence[Door]
    outcomes: Path
    process: subprocess.Popen[str]

    def handed(self) -> list[Handed]:
        """Every message so far, as its client saw it."""
        lines = self.outcomes.read_text().splitlines(True)
        whole = (line for line in lines if line.endswith("\n"))
        return [Handed(*json.loads(line)) for line in whole]

    def accepted(self) -> set[str]:
        """The messages so far that a host has taken over."""
        return {one.name for one in self.handed() if one.outcome == "accepted"}

    def wait_for(self, number: int, *outcomes: str, timeout: float = 60) -> None:
        """Wait until each client has this many more messages, of these ``outcomes`` if given.

        LabError names the doors of those that have not, with what clients heard last.
        """
        before = self._counted(outcomes)

        def enough() -> bool:
            now = self._counted(outcomes)
            return all(now[n] - before[n] >= number for n in range(len(self.doors)))

        try:
            wait_until(enough, timeout, f"{number} messages {' or '.join(outcomes)} of each client")
        except LabError as error:
            now = self._counted(outcomes)
            short = [str(door) for n, door in enumerate(self.doors) if now[n] - before[n] < number]
            last = "\n".join(str(one) for one in self.handed()[-8:])
            raise LabError(f"{error}: {', '.join(short)}\n{last}") from error

    def _counted(self, outcomes: Sequence[str]) -> Counter[int]:
        return Counter(
            int(one.name.split("-")[1])
            for one in self.handed()
            if not outcomes or one.outcome in outcomes
        )

    def stop(self) -> None:
        """Hand in no more; every outcome is known afterwards."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(timeout=60)

    def tally(self, timeout: float = 120) -> Tally:
        """Stop, let every queue run dry, and compare what was accepted with what came of it."""
        self.stop()
        self._drain(timeout)
        handed = self.handed()
        # A receiver keeps what it has taken a moment later.
        names = self.accepted()
        grace = time.monotonic() + 20
        while True:
            copies = list(self._copies())
            returned = self._found_in("/var/mail/postroad", "Final-Recipient: rfc822; *")
            if names <= {*(copy.name for copy in copies), *returned} or time.monotonic() > grace:
                break
            time.sleep(0.5)
        return count(handed, copies, self._acknowledged(), returned, self.waiting())

    def _drain(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while waiting := self.waiting():
            if time.monotonic() > deadline:
                return
            for guest in self.lab.targets.values():
                guest.run(_QUEUES.format("postqueue -c $d -f 2>/dev/null"))
            # A queue that is asked again at once does nothing but ask.
            last = time.monotonic() + 3
            while self.waiting() == waiting and time.monotonic() < last:
                time.sleep(0.3)

    def waiting(self) -> set[str]:
        """The messages of this run that are in some queue of ours."""
        listed = (
            guest.run(_QUEUES.format("postqueue -c $d -j 2>/dev/null")).stdout
            for guest in self.lab.targets.values()
        )
        return {name for text in listed for name in self._names(text)}

    def _copies(self) -> Iterator[Copy]:
        for provider in self.lab.providers.values():
            for message in provider.messages(self.since):
                if message.subject.startswith(f"{self.run}-"):
                    results = " ".join(message.authentication_results)
                    yield Copy(message.subject, "dkim=pass" in results)

    def _acknowledged(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for guest in self.lab.targets.values():
            said = guest.run(
                f"grep -hE ' to=<{self.run}-.* status=sent ' /var/log/postroad/*.log || :"
            ).stdout
            found.update(re.findall(rf" to=<({self.run}-\d+-\d+)@", said))
        return found

    def _found_in(self, place: str, before: str) -> set[str]:
        return {
            name
            for guest in self.lab.targets.values()
            for name in self._names(
                guest.run(f"grep -rhi '{before}{self.run}-' {place} || :").stdout
            )
        }

    def _names(self, text: str) -> set[str]:
        return set(re.findall(rf"\b{self.run}-\d+-\d+\b", text))


@contextmanager
def flowing(
    lab: Lab,
    *,
    clients: int = 1,
    pause: float = 0.25,
    most: int = 2000,
    timeout: float = 6,
    at: Sequence[Door] = (),
) -> Iterator[Flow]:
    """Mail at every door (or ``at`` some) while the block lasts: a message, a ``pause``, the next.

    Each door has this many ``clients``; ``most`` bounds the messages of each, and it waits
    ``timeout`` seconds for a reply.
    """
    known = [*(at or doors())] * clients
    order = {
        "run": f"n{uuid4().hex[:8]}",
        "doors": [_as_json(door) for door in known],
        "domains": [provider.domain for provider in lab.providers.values()],
        "message": _MESSAGE,
        "pause": pause,
        "most": most,
        "timeout": timeout,
    }
    with tempfile.NamedTemporaryFile("a") as outcomes:
        process = subprocess.Popen(
            lab.app.guest.enter("python3", "-c", onhost.program("traffic.py")),
            stdin=subprocess.PIPE,
            stdout=outcomes,
            env=environment(),
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        flow = Flow(lab, str(order["run"]), time.time() - 1, known, Path(outcomes.name), process)
        try:
            yield flow
        finally:
            flow.stop()


def _as_json(door: Door) -> dict[str, object]:
    user = shop.USERS[door.stream]
    return {
        "host": door.way.helo,
        "port": door.way.tls_port,
        "user": user,
        "password": shop.password(user),
        "mail_from": letters.ENVELOPE[door.stream],
        "from": door.sender,
    }
