"""How long script/demo takes when it is run again: python -m benchmarks.demo

The whole command as a newcomer types it. The first run of this checkout may have to build the
lab's images and the bare host; it is told apart from the repeated ones.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from statistics import median

from benchmarks.paths import BUILD
from lab.hosts import here

REPEATED = 3


def main() -> int:
    """0 with the figures printed and build/benchmarks/demo.json written; 1 where a demo failed."""
    first = _demo()
    again = [_demo() for _ in range(REPEATED)]
    figures = {"first": first, "again": again, "again_median": median(again)}
    BUILD.mkdir(parents=True, exist_ok=True)
    written = BUILD / "demo.json"
    written.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"first {first:.1f} s, again {median(again):.1f} s (median of {REPEATED})\n{written}")
    return 0


def _demo() -> float:
    began = time.monotonic()
    done = subprocess.run([str(here.CLONE / "script" / "demo")], check=False)
    seconds = time.monotonic() - began
    if done.returncode != 0:
        sys.exit(f"demo: exit {done.returncode}")
    print(f"{seconds:.1f} s", flush=True)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
