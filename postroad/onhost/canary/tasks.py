"""Tasks side by side: most of a canary's time is spent waiting for answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from postroad.onhost.canary.journal import is_broken
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.refusal import RefusedError

Task = Callable[[], None]


def together(canary: Canary, tasks: Sequence[Task]) -> None:
    """Run the tasks, as long as the daemons live; raise every refusal as one."""

    def outcome(task: Task) -> str:
        try:
            if not is_broken(canary):
                task()
        except RefusedError as fault:
            return str(fault)
        return ""

    with ThreadPoolExecutor(max_workers=8) as pool:
        faults = [fault for fault in pool.map(outcome, tasks) if fault]
    if faults:
        raise RefusedError("\n".join(dict.fromkeys(faults)))
