"""alarm UNIT: root is told by mail that a unit has failed and is not back.

Runs as postroad-alarm@UNIT.service, whenever UNIT fails. A unit that stands again for as long as
STEADY within PATIENCE is no news. One mail in REST seconds for each unit, by the host's own
sendmail(1), so that it is signed like all of root's mail. Nothing of the unit's log is in it: that
may hold what nobody should send about.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

USAGE = "usage: alarm UNIT"
PATIENCE = 20.0
STEADY = 8.0
REST = 6 * 3600
TOLD = Path("/run/postroad-alarm")
# A canary's units fail where they refuse what a run brought, and the run says so.
OF_A_CANARY = "@canary-"


def shown(unit: str) -> dict[str, str]:
    """What systemd says of it."""
    names = "--property=ActiveState,SubState,Result,NRestarts,ActiveEnterTimestampMonotonic"
    said = subprocess.run(["systemctl", "show", names, unit], capture_output=True, text=True)
    return dict(line.split("=", 1) for line in said.stdout.splitlines() if "=" in line)


def is_steady(state: dict[str, str], uptime: float) -> bool:
    """Whether it runs, and has not just been started once more."""
    if state.get("ActiveState") == "inactive":
        return True  # Somebody has stopped it, or it has done its work.
    since = int(state.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
    return state.get("ActiveState") == "active" and uptime - since > STEADY


def comes_back(unit: str) -> bool:
    """Whether it stands again before long."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        state = shown(unit)
        if state.get("SubState") == "failed" or state.get("ActiveState") == "failed":
            return False
        if is_steady(state, time.monotonic()):
            return True
        time.sleep(1)
    return False


def was_told(unit: str) -> bool:
    """Whether root knows it from the last hours; if not, it is noted as told."""
    mark = TOLD / unit.replace("/", "-")
    try:
        if time.time() - mark.stat().st_mtime < REST:
            return True
    except OSError:
        pass
    mark.touch()
    return False


def letter(unit: str, state: dict[str, str], host: str) -> str:
    """The mail."""
    return (
        f"To: root\nSubject: {host}: {unit} is down\nAuto-Submitted: auto-generated\n"
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n\n"
        f"{unit} on {host} has failed ({state.get('Result', 'unknown')}), and has not come back\n"
        f"(restarts: {state.get('NRestarts', '0')}).\n\n"
        f"Why:       journalctl -u {unit}\n"
        "What else: postroad audit\n\n"
        f"Of this unit nothing more is said for {REST // 3600} hours.\n"
    )


def main(arguments: list[str]) -> int:
    """The exit status: that of sendmail(1), or 2 for a wrong call."""
    if len(arguments) != 1:
        print(USAGE, file=sys.stderr)
        return 2
    return tell(arguments[0])


def tell(unit: str) -> int:
    """Tell, where there is something to tell; the exit status of sendmail(1)."""
    if OF_A_CANARY in unit or comes_back(unit) or was_told(unit):
        return 0
    host = Path("/proc/sys/kernel/hostname").read_text(encoding="utf-8").strip()
    text = letter(unit, shown(unit), host)
    return subprocess.run(["/usr/sbin/sendmail", "-i", "root"], input=text.encode()).returncode
