"""How a benchmark begins: hosts whose streams are open, and that a further run would not change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import road
from lab.mail.road import Entry
from postroad.host.paths import opened_path
from postroad.settings.model import STREAM_NAMES

# Keys and records come after the first run, open streams after the second.
RUNS = 3


def bring(running: Lab, hosts: Sequence[Guest], inventory: Path, *options: str) -> None:
    """Have ``hosts`` so, which ``inventory`` and the options of pyinfra mean, by their names.

    RuntimeError where they do not come to it, or a run fails.
    """
    until_nothing_is_left(
        publish=lambda: road.publish(running, inventory),
        plan=lambda: road.plan(*options, inventory=inventory),
        closed=lambda: tuple(_closed(hosts)),
        deploy=lambda: _deploy(inventory, options),
    )


def until_nothing_is_left(
    publish: Callable[[], object],
    plan: Callable[[], Sequence[Entry]],
    closed: Callable[[], Sequence[str]],
    deploy: Callable[[], object],
) -> None:
    """Publish and deploy until a dry run names nothing and no stream is closed.

    A stream whose records are not seen yet is no change to a dry run, and opens by itself in the
    middle of what is measured. RuntimeError where there is no end to it.
    """
    for _ in range(RUNS):
        publish()
        if not plan() and not closed():
            return
        deploy()
    left = [f"a further run would change {entry['name']}" for entry in plan()]
    if left := [*left, *(f"{stream} is closed" for stream in closed())]:
        raise RuntimeError(f"there is no end to it: {'; '.join(left)}")


def _closed(hosts: Iterable[Guest]) -> Iterator[str]:
    for host in hosts:
        for stream in STREAM_NAMES:
            if host.run(["test", "-e", opened_path(stream)], check=False).returncode:
                yield f"{host.name} {stream}"


def _deploy(inventory: Path, options: Sequence[str]) -> None:
    done = road.pyinfra("-y", *options, str(inventory), str(road.DEPLOY))
    if done.returncode != 0:
        raise RuntimeError(f"the deploy failed:\n{done.stdout}\n{done.stderr}")
