"""Messages a second through submission to a receiver on another host: postroad beside its peers.

All take turns, one at a time, while the others' hosts stand still; the generator and the receiver
share the machine with whose turn it is. Each turn begins with some messages to a receiver that
keeps them: their signatures are verified, or their absence is seen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.contest import hosts, ours, peers, signatures, sinks
from benchmarks.contest.contender import Contender
from benchmarks.contest.door import hand_in
from benchmarks.contest.peers import PEERS
from benchmarks.contest.sinks import Sink
from benchmarks.figures import Effort, Figure
from benchmarks.progress import tell
from lab.hosts.errors import LabError
from lab.hosts.guest import wait_until
from lab.life.session import Lab

SMALL = 10_000
WARM_UP, TRACED = 20, 100
# Seconds that a turn is to last at most: who is slow carries fewer messages.
LONGEST = 2.0
# A peer that signs is to be as fast at most; without the signer we can only be faster.
BESIDE_PEER, BESIDE_CEILING = 1.0, 0.9

OURS, CEILING = "postroad", "postroad without its signer"


@dataclass(frozen=True)
class Turn:
    """What one turn brought: messages a second, and milliseconds of the host's processor each."""

    rate: float
    cost: float


def measure(effort: Effort) -> Iterator[Figure]:
    """Every size in turn, every contender in turn. RuntimeError at the end for those left out."""
    known = (hosts.OURS, hosts.SECOND, *(peer.target for peer in PEERS))
    running = hosts.up([hosts.OURS, *(peer.target for peer in PEERS)], known, tell)
    contenders, missing = _prepare(running)
    yield from held(running, effort, contenders, missing, GOALS)


def held(
    running: Lab,
    effort: Effort,
    contenders: list[Contender],
    missing: list[str],
    goals: Mapping[str, float],
) -> Iterator[Figure]:
    """The contest of these, size by size. RuntimeError at the end for those left out."""
    bare = running.targets.values()
    with sinks.running(running) as (counting, keeping), hosts.standing_still(bare):
        contest = Contest(Arena(running, counting, keeping), contenders, missing)
        contest.prove()
        for size in effort.sizes:
            yield from figures(size, contest.rounds(effort, size), goals)
    if missing:
        raise RuntimeError("left out:\n" + "\n".join(missing))


@dataclass(frozen=True)
class Contest:
    """Those who still take turns, why others do not any more, and how fast they are about."""

    arena: Arena
    contenders: list[Contender]
    missing: list[str]
    speeds: dict[str, float] = field(default_factory=dict)

    def prove(self) -> None:
        """Keep those who do what is measured."""
        for one in list(self.contenders):
            with self._left_out_if_it_fails(one):
                self.speeds[one.name] = self.arena.prove(one)

    def rounds(self, effort: Effort, size: int) -> dict[str, list[Turn]]:
        """The turns of everybody with messages of one size, round by round."""
        count = effort.messages if size == SMALL else effort.messages // 5
        taken: dict[str, list[Turn]] = {one.name: [] for one in self.contenders}
        for number in range(effort.runs):
            tell(f"{size // 1000} kB, round {number + 1} of {effort.runs}")
            for name, turn in self.round(count, size):
                taken[name].append(turn)
        return taken

    def round(self, count: int, size: int) -> Iterator[tuple[str, Turn]]:
        """A turn of everybody: its name, and what it brought."""
        for one in list(self.contenders):
            with self._left_out_if_it_fails(one):
                turn = self.arena.turn(one, bounded(count, self.speeds[one.name]), size)
                tell(f"  {one.name}: {turn.rate:.0f} a second, {turn.cost:.2f} ms each")
                yield one.name, turn

    @contextmanager
    def _left_out_if_it_fails(self, one: Contender) -> Iterator[None]:
        """Without ours there is nothing to compare: LabError then."""
        try:
            yield
        except LabError as error:
            if one.name == OURS:
                raise
            _leave_out(one.name, error, self.missing)
            self.contenders.remove(one)


def bounded(count: int, speed: float) -> int:
    """As many of *count* messages as take LONGEST seconds at *speed* a second; not too few."""
    return min(count, max(TRACED, int(speed * LONGEST)))


# What the rate is to be, beside whom.
GOALS = {peer.label: BESIDE_PEER for peer in PEERS if peer.signs} | {CEILING: BESIDE_CEILING}


def figures(
    size: int, taken: Mapping[str, Sequence[Turn]], goals: Mapping[str, float] = GOALS
) -> Iterator[Figure]:
    """Ours beside each of the others: the rate, and what a message costs the sending host."""
    others = [name for name, turns in taken.items() if turns and name != OURS]
    rates = {name: tuple(turn.rate for turn in turns) for name, turns in taken.items()}
    costs = {name: tuple(turn.cost for turn in turns) for name, turns in taken.items()}
    kilobytes = f"{size // 1000} kB"
    for name in others:
        yield Figure(
            f"throughput, {kilobytes}",
            "messages/s",
            rates[OURS],
            name,
            rates[name],
            goals.get(name),
            "higher",
        )
    for name in others:
        yield Figure(
            f"processor time a message, {kilobytes}",
            "ms",
            costs[OURS],
            name,
            costs[name],
            None,
            "lower",
        )


@dataclass(frozen=True)
class Arena:
    """Where turns happen: the lab, and its two receivers."""

    lab: Lab
    counting: Sink
    keeping: Sink

    def prove(self, contender: Contender) -> float:
        """See that it signs or does not, logs each message, and syncs. LabError where not.

        Returns about how many messages it carries a second.
        """
        with hosts.moving(contender.guest), contender.during():
            self._warm_up(contender)
            speed = TRACED / self._carry(contender, TRACED, SMALL)
            with hosts.syncs_counted(contender.guest) as counted:
                self._carry(contender, TRACED, SMALL)
            if (syncs := counted()) < TRACED and contender.syncs:
                raise LabError(f"{syncs} syncs for {TRACED} messages: its queue is not safe")
            tell(f"{contender.name}: {syncs / TRACED:.1f} syncs a message")
            return speed

    def turn(self, contender: Contender, count: int, size: int) -> Turn:
        """One turn of *count* messages."""
        with hosts.moving(contender.guest), contender.during():
            self._warm_up(contender)
            before = hosts.cpu_seconds(contender.guest)
            seconds = self._carry(contender, count, size)
            used = hosts.cpu_seconds(contender.guest) - before
            return Turn(count / seconds, used / count * 1000)

    def _warm_up(self, contender: Contender) -> None:
        """Messages to the receiver that keeps them, each looked at."""
        already = self.keeping.taken()
        hand_in(self.lab, contender.door, self.keeping.domain, WARM_UP, SMALL)
        self.keeping.wait_for(already + WARM_UP)
        for raw in self.keeping.kept():
            if wrong := contender.judge(raw):
                raise LabError(f"a message has {wrong}:\n{raw[:2000].decode(errors='replace')}")

    def _carry(self, contender: Contender, count: int, size: int) -> float:
        """Seconds from the first message to the last one received; each must be logged."""
        already, logged = self.counting.taken(), contender.logged()
        began = hand_in(self.lab, contender.door, self.counting.domain, count, size)
        ended = self.counting.wait_for(already + count)
        wait_until(
            lambda: contender.logged() >= logged + count, 30, f"{contender.name}: a line a message"
        )
        return ended - began


def _prepare(running: Lab) -> tuple[list[Contender], list[str]]:
    """Everybody deployed or set up, at the same time; and why somebody is not."""
    with ThreadPoolExecutor(max_workers=len(PEERS)) as pool:
        asked = [(peer, pool.submit(peers.ready, running, peer)) for peer in PEERS]
        ours.deploy(running)
        found = [ours.contender(running, OURS, hosts.OURS.name), _ceiling(running)]
        missing: list[str] = []
        for peer, answer in asked:
            if error := answer.exception():
                _leave_out(peer.label, error, missing)
            else:
                found.append(answer.result())
    return found, missing


def _leave_out(name: str, error: BaseException, missing: list[str]) -> None:
    missing.append(f"{name}: {error}")
    print(f"throughput: {missing[-1]}", file=sys.stderr, flush=True)


def _ceiling(running: Lab) -> Contender:
    whole = ours.contender(running, OURS, hosts.OURS.name)
    return Contender(
        CEILING,
        whole.guest,
        whole.door,
        whole.delivered,
        signatures.unsigned,
        during=lambda: ours.changed(whole.guest, "transactional", "smtpd_milters ="),
    )
