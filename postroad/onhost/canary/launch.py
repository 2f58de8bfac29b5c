"""Outside: the caller's process, which runs the canary as a transient unit."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postroad.onhost.canary.commands import run, wait_for
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.refusal import RefusedError
from postroad.onhost.common.places import RUN_FOLDER
from postroad.onhost.common.programs import command

LIFETIME_SECONDS = 60
LOCKS = Path(RUN_FOLDER)


def host_addresses() -> tuple[str, ...]:
    """Every address of the host as ``address/prefix``, loopback's own left out."""
    links = json.loads(run("ip", "-json", "address", "show").stdout)
    return tuple(
        f"{info['local']}/{128 if info['family'] == 'inet6' else 32}"
        for link in links
        for info in link["addr_info"]
        if info["scope"] == "global"
    )


@contextmanager
def only_one(canary: Canary) -> Iterator[None]:
    """Hold the name of this canary; a lock goes with the process, whatever ends it (flock(2)).

    In a folder that root alone may enter: anybody can bind an abstract socket, and anybody who can
    open a file can lock it.
    """
    LOCKS.mkdir(mode=0o700, exist_ok=True)
    LOCKS.chmod(0o700)
    place = os.open(LOCKS / f"canary-{canary.name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(place) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RefusedError(f"another canary of {canary.name} is at work on this host") from None
        yield


def end_forsaken(canary: Canary) -> None:
    """Have the unit of a caller that was killed give way: it may still be singing."""
    run("systemctl", "stop", canary.unit)

    def free() -> bool | None:
        loaded = run("systemctl", "show", "--value", "--property=LoadState", canary.unit).stdout
        return loaded.strip() == "not-found" or None

    # Ended, it keeps its name until its systemd-run has heard of the end and lets go of it.
    wait_for(free, f"{canary.unit}, ended, goes on to be loaded")


def launch(canary: Canary) -> int:
    """Run the canary as a transient unit and wait for its verdict (systemd-run(1))."""
    end_forsaken(canary)
    drop_ins = " ".join(f"systemd/system/{unit}.d" for unit in canary.daemons)
    stop = f"systemctl stop {' '.join(canary.daemons)} 2>/dev/null"
    properties = (
        f"RuntimeMaxSec={LIFETIME_SECONDS}",
        # The daemons join its name spaces: a private /tmp that it lacks, they would lack as well.
        "PrivateNetwork=yes",
        "PrivateTmp=yes",
        f"RuntimeDirectory={canary.home.name} {drop_ins}",
        "RuntimeDirectoryMode=0711",
        # The daemons end before their files do.
        f'ExecStopPost=-/bin/sh -c "{stop}"',
    )
    unit = [
        *("systemd-run", "--quiet", "--wait", "--pipe", "--collect", f"--unit={canary.unit}"),
        *(f"--property={property}" for property in properties),
        *("--", *command("canary", "--inside", canary.name, str(canary.stage))),
        *host_addresses(),
    ]
    return subprocess.run(unit, stdin=subprocess.DEVNULL, check=False).returncode
