"""How long a run takes that changes nothing: python -m benchmarks.noop

The whole estate of the lab, over a fast and over a slow link, beside the least that pyinfra can do
on the same hosts (one command) and beside ten unchanged files in stock style. All of them take
turns, so that a busy machine is as unfair to one as to the other; the ratios are what to read.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import median

import lab
from benchmarks.paths import BUILD, HERE
from benchmarks.slow import slow_link
from lab import control, road
from lab.control import Target
from lab.errors import LabError

TARGETS = (
    Target("mail1", "bookworm", (11, 12, 13)),
    Target("mail2", "bookworm", (21, 22, 23)),
)
ROUND_TRIPS = (0.0, 0.05)
ROUNDS = 5
# Keys and records come after the first run, open streams after the second.
RUNS_TO_CONVERGE = 3

INVENTORY = str(HERE / "inventories" / "lab.py")
DEPLOY = str(road.DEPLOY)
TEN_FILES = str(HERE / "deploys" / "ten_files.py")
NO_FILES = str(HERE / "deploys" / "no_files.py")
ONE_HOST = ("--limit", TARGETS[0].name)

FLOOR = "pyinfra, one command"
ESTATE = "postroad, whole estate"
STOCK = "pyinfra, ten files.put"
CASES = {
    f"{FLOOR}: one host": (*ONE_HOST, INVENTORY, "exec", "--", "true"),
    f"{ESTATE}: one host": (*ONE_HOST, INVENTORY, DEPLOY),
    f"{STOCK}: one host": (*ONE_HOST, INVENTORY, TEN_FILES),
    f"{FLOOR}: two hosts": (INVENTORY, "exec", "--", "true"),
    f"{ESTATE}: two hosts": (INVENTORY, DEPLOY),
    f"{STOCK}: two hosts": (INVENTORY, TEN_FILES),
}


@dataclass(frozen=True)
class Figure:
    """One case over one link: seconds of each run, their median, and that over the floor's."""

    case: str
    round_trip: float
    seconds: tuple[float, ...]
    median: float
    times_floor: float


def main() -> int:
    """0 with the table printed and build/benchmarks/noop.json written; 1 with the reason."""
    try:
        figures = list(_measure())
    except (LabError, RuntimeError) as error:
        print(f"noop: {error}", file=sys.stderr)
        return 1
    BUILD.mkdir(parents=True, exist_ok=True)
    written = BUILD / "noop.json"
    rows = json.dumps([asdict(figure) for figure in figures], indent=1)
    written.write_text(rows + "\n", encoding="utf-8")
    _show(figures)
    print(f"\n{written}")
    return 0


def _measure() -> Iterator[Figure]:
    control.up(TARGETS, _tell)
    running = lab.load()
    _converge()
    for round_trip in ROUND_TRIPS:
        with slow_link(running, round_trip):
            _run(INVENTORY, TEN_FILES)
            taken: dict[str, list[float]] = {case: [] for case in CASES}
            for number in range(ROUNDS):
                _tell(f"{round_trip * 1000:.0f} ms: round {number + 1} of {ROUNDS}")
                for case, arguments in CASES.items():
                    taken[case].append(_timed(case, arguments))
            _run(INVENTORY, NO_FILES)
        yield from _figures(round_trip, taken)


def _converge() -> None:
    """Deploy until a dry run names nothing. RuntimeError where that does not come."""
    running = lab.load()
    for _ in range(RUNS_TO_CONVERGE):
        road.publish(running)
        if not road.plan():
            return
        _tell("deploying")
        done = road.deploy()
        if done.returncode != 0:
            raise RuntimeError(f"the deploy failed:\n{done.stdout}\n{done.stderr}")
    if left := road.plan():
        names = "; ".join(str(entry["name"]) for entry in left)
        raise RuntimeError(f"there is no no-op run to measure, a further one would change: {names}")


def _timed(case: str, arguments: tuple[str, ...]) -> float:
    began = time.monotonic()
    changed = _run(*arguments)
    seconds = time.monotonic() - began
    if changed and not case.startswith(FLOOR):
        raise RuntimeError(f"{case}: not a no-op, it changed: {'; '.join(changed)}")
    return seconds


def _run(*arguments: str) -> list[str]:
    """Run pyinfra; the names of the operations that changed something. RuntimeError if it fails."""
    done = road.pyinfra("-y", "--json", *arguments)
    if done.returncode != 0:
        raise RuntimeError(f"pyinfra {' '.join(arguments)} failed:\n{done.stderr}")
    results = json.loads(done.stdout)["results"]
    return [str(entry["name"]) for entry in results["operations"] if entry["success"]]


def _figures(round_trip: float, taken: dict[str, list[float]]) -> Iterator[Figure]:
    medians = {case: median(seconds) for case, seconds in taken.items()}
    for case, seconds in taken.items():
        _, _, hosts = case.partition(": ")
        times_floor = medians[case] / medians[f"{FLOOR}: {hosts}"]
        yield Figure(case, round_trip, tuple(seconds), medians[case], times_floor)


def _show(figures: list[Figure]) -> None:
    print(f"\nMedian of {ROUNDS} (least to most), and how many times the floor:\n")
    for figure in figures:
        spread = f"{min(figure.seconds):.2f} to {max(figure.seconds):.2f}"
        print(
            f"  {figure.round_trip * 1000:3.0f} ms  {figure.case:<35} {figure.median:6.2f} s  "
            f"({spread})  x {figure.times_floor:.1f}"
        )


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
