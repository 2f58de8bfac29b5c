"""benchmarks/run: every suite in turn; then the table, the chart and the figures as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from benchmarks import chart
from benchmarks.figures import FULL, QUICK, Effort, Figure, table, write
from benchmarks.paths import BUILD
from benchmarks.suites import audit, converge, earlier, isolation, throughput
from lab.hosts.errors import LabError
from lab.life import control

Suite = Callable[[Effort], Iterator[Figure]]

SUITES: Mapping[str, Suite] = {
    "converge": converge.measure,
    "audit": audit.measure,
    "throughput": throughput.measure,
    "isolation": isolation.measure,
    "earlier": earlier.measure,
}


def main(arguments: list[str]) -> int:
    """0 with everything measured, goals reached or not; 1 where something could not be measured."""
    asked = _parser().parse_args(arguments)
    effort = replace(QUICK if asked.quick else FULL, beside=asked.beside)
    found: list[Figure] = []
    status = 0
    try:
        for name in asked.suites or _all(asked.beside):
            print(f"== {name}", flush=True)
            try:
                for figure in SUITES[name](effort):
                    found.append(figure)
                    write(found, BUILD / "results.json")
            except (LabError, RuntimeError, OSError) as error:
                print(f"{name}: {error}", file=sys.stderr)
                status = 1
    finally:
        control.down()
    (BUILD / "chart.svg").write_text(chart.svg(found), encoding="utf-8")
    print(f"\nMedian (least to most) of at most {effort.runs} runs in turns:\n\n{table(found)}\n")
    print(f"{BUILD / 'results.json'}\n{BUILD / 'chart.svg'}")
    return status


def _all(beside: str | None) -> list[str]:
    """The suites that are meant where none is named: that of an earlier commit needs one."""
    return [name for name in SUITES if beside or name != "earlier"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks/run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs, hosts and messages")
    parser.add_argument("--beside", metavar="COMMIT", help="an earlier commit (suite earlier)")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
