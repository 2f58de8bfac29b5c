"""How long a receipt takes to its receiver: with nothing else to do, and beside a long campaign.

Two hosts alike. One has tens of thousands of marketing mails in its queue, which leave at the pace
that their receiver sets. Batches of receipts are handed in to one and the other in turn, and the
host that is not asked stands still.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from benchmarks.contest import hosts, ours
from benchmarks.contest.door import Door, header, program
from benchmarks.contest.peers import PEERS
from benchmarks.contest.sinks import zone
from benchmarks.figures import Effort, Figure
from benchmarks.progress import tell
from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from postroad.roles.run.inventory import load
from postroad.settings.model import Estate

RECEIVER, CAMPAIGN = "receipts.example", "campaign.example"
# Seconds from one receipt to the next; and what a paced provider takes for a message.
PAUSE, PACE = 0.025, 1.0
TIMES_IDLE = 1.2

_HOLD = "smtpd_end_of_data_restrictions = check_client_access static:HOLD"
_BOOK = "/run/clock"
_SPOOL = "/var/spool/postfix-marketing"
_UNIT = "postroad-postfix@marketing"


def measure(effort: Effort) -> Iterator[Figure]:
    """Receipts by two hosts in turn, one idle and one with the campaign."""
    wanted = (hosts.OURS, hosts.SECOND)
    running = hosts.up(wanted, [*wanted, *(peer.target for peer in PEERS)], tell)
    ours.deploy(running)
    estate = load(ours.INVENTORY).estate
    loaded, idle = (running.targets[target.name] for target in wanted)
    batch = effort.messages // 6
    taken: dict[str, list[list[float]]] = {loaded.name: [], idle.name: []}
    with _receivers(running), _campaign(running, estate, loaded, effort.queued):
        with hosts.standing_still(running.targets.values()):
            for number in range(effort.runs):
                for guest in (idle, loaded):
                    with hosts.moving(guest):
                        times = _batch(
                            running, ours.door(estate, guest.name, "transactional"), batch
                        )
                    taken[guest.name].append(times)
                    tell(
                        f"round {number + 1} of {effort.runs}: {guest.name}: p50"
                        f" {quantile(times, 0.5) * 1000:.0f} ms, p99"
                        f" {quantile(times, 0.99) * 1000:.0f} ms"
                    )
        left = _queued(loaded)
    if left < effort.queued:
        raise RuntimeError(f"only {left} marketing mails were queued in the end")
    tell(f"{left} marketing mails were queued in the end")
    yield from figures(taken[loaded.name], taken[idle.name], effort.queued)


def figures(
    loaded: Sequence[Sequence[float]], idle: Sequence[Sequence[float]], queued: int
) -> Iterator[Figure]:
    """The median and the 99th percentile of every batch, in milliseconds."""
    for name, share, goal in (("p50", 0.5, None), ("p99", 0.99, TIMES_IDLE)):
        yield Figure(
            f"receipt latency, {name}, {queued} marketing mails queued",
            "ms",
            tuple(quantile(batch, share) * 1000 for batch in loaded),
            "postroad, idle",
            tuple(quantile(batch, share) * 1000 for batch in idle),
            goal,
            "lower",
        )


def quantile(samples: Sequence[float], share: float) -> float:
    """The least sample that *share* of all samples do not exceed (nearest rank)."""
    rank = -int(-len(samples) * share // 1)
    return sorted(samples)[max(rank, 1) - 1]


@dataclass(frozen=True)
class _Receiver:
    """A domain's host, and how many seconds it takes to accept a message."""

    domain: str
    host: str
    pace: float


_RECEIVERS = (_Receiver(RECEIVER, "app", 0.0), _Receiver(CAMPAIGN, "outsider", PACE))


@contextmanager
def _receivers(running: Lab) -> Iterator[None]:
    """Both receivers, for as long as the block lasts."""
    running.dns.load_zones(
        {f"{one.domain}.": zone(one.domain, running.hosts[one.host]) for one in _RECEIVERS}
    )
    try:
        for one in _RECEIVERS:
            guest = running.hosts[one.host]
            guest.write_file("/run/clock.py", program("clock.py"))
            guest.run(
                "systemd-run --quiet --collect --unit=clock --property=LimitNOFILE=8192"
                f" python3 /run/clock.py {_BOOK} {one.pace}"
            )
            wait_until(lambda g=guest: g.listens(25), 10, f"{guest.name}: clock")  # type: ignore[misc]
        yield
    finally:
        for one in _RECEIVERS:
            guest = running.hosts[one.host]
            guest.run(["systemctl", "stop", "clock"], check=False)
            guest.run(["rm", "-f", _BOOK, "/run/clock.py"])


@contextmanager
def _campaign(running: Lab, estate: Estate, guest: Guest, count: int) -> Iterator[None]:
    """A campaign of *count* mails and some more, under way while the block lasts."""
    # What leaves meanwhile: at most 20 at a time (Postfix's default for one destination).
    more = max(1000, count // 10)
    _hand_in_one(running, estate, guest)
    guest.run(["systemctl", "stop", _UNIT])
    try:
        guest.run(["python3", "-c", program("multiply.py"), _SPOOL, str(count + more)], timeout=600)
        guest.run(["postsuper", "-c", "/etc/postfix-marketing", "-s"], timeout=600)
        guest.run(["systemctl", "start", _UNIT], timeout=300)
        wait_until(lambda: bool(_arrived(running, CAMPAIGN)), 120, "the campaign: under way")
        tell(f"{_queued(guest)} marketing mails queued on {guest.name}")
        yield
    finally:
        guest.run(["systemctl", "stop", _UNIT])
        guest.run(["postsuper", "-c", "/etc/postfix-marketing", "-d", "ALL"], timeout=600)
        guest.run(["systemctl", "start", _UNIT])


def _hand_in_one(running: Lab, estate: Estate, guest: Guest) -> None:
    """One mail of the campaign, by submission, signed, and held in the queue."""
    where = ours.door(estate, guest.name, "marketing")
    with ours.changed(guest, "marketing", _HOLD):
        _hand_in(running, where, CAMPAIGN, 1)
        wait_until(lambda: _queued(guest, "hold") == 1, 20, "the campaign: held")


def _queued(guest: Guest, *queues: str) -> int:
    # Against the way that mails take meanwhile, so that none is counted twice.
    names = " ".join(queues or ("hold", "deferred", "active", "incoming"))
    return int(guest.run(f"cd {_SPOOL} && find {names} -type f | wc -l").stdout)


def _batch(running: Lab, where: Door, count: int) -> list[float]:
    """Seconds of each receipt, from its first command to its arrival."""
    began = _hand_in(running, where, RECEIVER, count)
    arrived: dict[str, float] = {}

    def have_arrived() -> bool:
        arrived.update(_arrived(running, RECEIVER))
        return began.keys() <= arrived.keys()

    wait_until(have_arrived, 120, "receipts")
    return [arrived[name] - start for name, start in began.items()]


def _hand_in(running: Lab, where: Door, domain: str, count: int) -> Mapping[str, float]:
    """Hand receipts in; when each began. LabError where one was refused."""
    order = {
        "host": where.host,
        "port": where.port,
        "user": where.user,
        "password": where.password,
        "mail_from": where.mail_from,
        "header": header(where),
        "domain": domain,
        "count": count,
        "pause": PAUSE,
        "run": f"n{uuid4().hex[:8]}",
    }
    done = running.app.guest.run(
        ["python3", "-c", program("receipts.py")], input=json.dumps(order), timeout=300
    )
    found: Mapping[str, float] = json.loads(done.stdout)
    return found


def _arrived(running: Lab, domain: str) -> dict[str, float]:
    """When each message for *domain* arrived, by its recipient."""
    (receiver,) = (one for one in _RECEIVERS if one.domain == domain)
    said = running.hosts[receiver.host].read_file(_BOOK)
    pairs = (line.split() for line in said.splitlines(True) if line.endswith("\n"))
    return {recipient: float(when) for recipient, when in pairs}
