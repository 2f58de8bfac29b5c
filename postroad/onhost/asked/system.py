"""Sockets, processes, firewall, resolver, clock, packages and logs of this host, as JSON.

Argument: {"logs": folder, "stamps": folder, "read": file, "rotation": [file, ...],
"start_ban": file, "ban_lock": file, "maildirs": [folder, ...]}. Each value answered is a part.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path

from postroad.onhost.common.parts import LONGEST, Json, part
from postroad.onhost.common.resolver import resolver_fault
from postroad.onhost.common.systemd import SERVICE

# Any account writes into the null client's log, by postlog(1) or a wrong word to postqueue(1).
OPEN_TO_ALL = "default.log"
# Of the daemon itself: what a client says is quoted behind that.
TROUBLE = r"^[A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} [^ ]+ [^ ]+\[[0-9]+\]: (fatal|panic|error): "
SHOWN = 5
# The text of programs and libraries (proc(5), maps); caches and shared memory are not executed.
REPLACED = re.compile(r"^\S+ ..x. \S+ \S+ \d+ +(/\S+) \(deleted\)$", re.MULTILINE)
# When apt.systemd.daily last had success.
PERIODIC = Path("/var/lib/apt/periodic")
KEPT_BACK = Path("/var/lib/unattended-upgrades/kept-back")
# When each log was last rotated, in Debian (logrotate(8)).
ROTATED = Path("/var/lib/logrotate/status")
# Where `systemctl edit` writes; what packages bring is elsewhere (systemd.unit(5)).
UNITS = Path("/etc/systemd/system")


def ran(*command: str) -> subprocess.CompletedProcess[str] | None:
    """A command that has ended; None where it is missing."""
    try:
        return subprocess.run(command, capture_output=True, errors="replace", timeout=LONGEST)
    except FileNotFoundError:
        return None


def said(*command: str) -> str:
    """Standard output of a command, whatever its exit status; empty where it is missing."""
    done = ran(*command)
    return done.stdout if done else ""


def told(*command: str) -> str:
    """Standard output of a command; empty where it is missing, OSError where it fails.

    Silence of one that fails would read as an answer.
    """
    done = ran(*command)
    if done is None or done.returncode == 0:
        return done.stdout if done else ""
    words = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
    raise OSError(f"{command[0]} fails: {words[-1]}")


def sockets() -> list[Json]:
    """Every listening TCP and bound UDP socket, from the kernel's own tables (proc(5)).

    A process may call itself anything: the program is named where root has the socket or gave the
    port, and its user elsewhere.
    """
    found = [
        (protocol, *row)
        for protocol, state in (("tcp", "0A"), ("udp", "07"))
        for table in (protocol, f"{protocol}6")
        for row in bound(Path(f"/proc/net/{table}"), state)
    ]
    programs = holders({inode for _, _, port, uid, inode in found if named(port, uid)})
    return [
        {
            "protocol": protocol,
            "address": address,
            "port": port,
            "program": programs.get(inode, "") if named(port, uid) else f"user {uid}",
        }
        for protocol, address, port, uid, inode in found
    ]


def named(port: int, uid: int) -> bool:
    """Whether nobody but root can have had this socket made."""
    return uid == 0 or port < 1024


def bound(table: Path, state: str) -> Iterator[tuple[str, int, int, str]]:
    """Address, port, owner and inode of each socket of a table that is in ``state``."""
    for fields in map(str.split, content(table).splitlines()[1:]):
        address, _, port = fields[1].partition(":")
        if fields[3] == state:
            yield spelled(address), int(port, 16), int(fields[7]), fields[9]


def spelled(kernel: str) -> str:
    """An address as the kernel's tables have it: words of 32 bits, the lowest octet first."""
    words = bytes.fromhex(kernel)
    address = ip_address(b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4)))
    return str(getattr(address, "ipv4_mapped", None) or address)


def holders(inodes: set[str]) -> dict[str, str]:
    """The program that holds each of these sockets, by inode."""
    found: dict[str, str] = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # It ended meanwhile.
            held = {os.readlink(link)[8:-1] for link in (place / "fd").iterdir()}
            for inode in held & inodes:
                found.setdefault(inode, content(place / "comm").strip())
    return found


def content(place: Path) -> str:
    """What stands in a file; empty where there is none."""
    try:
        return place.read_text(errors="replace")
    except OSError:
        return ""


def processes() -> list[Json]:
    """Every process of a service of the system: its unit, and what of it was replaced (proc(5))."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        unit = SERVICE.search(content(place / "cgroup"))
        if unit:
            replaced = REPLACED.findall(content(place / "maps"))
            found.append(
                {
                    "unit": unit.group(1),
                    "pid": int(place.name),
                    "replaced": sorted(set(replaced)),
                }
            )
    return found


def apt_values(dump: str) -> list[tuple[str, str]]:
    """The settings that apt-config(8) shows; items of a list have names that end in ``::``."""
    return re.findall(r'^(\S+) "(.*)";$', dump, re.MULTILINE)


def written_at(path: Path) -> float:
    """When a file was last written; 0 where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def upgrades(stamps: Path) -> Json:
    """What unattended upgrades are to do by all of apt's files together, and what they did."""
    blacklist = "Unattended-Upgrade::Package-Blacklist"
    found = apt_values(told("apt-config", "dump", "APT::Periodic", blacklist))
    return {
        "settings": {name: value for name, value in found if name.startswith("APT::Periodic::")},
        "blacklist": [value for name, value in found if name == f"{blacklist}::"],
        "kept_back": KEPT_BACK.read_text().split() if KEPT_BACK.exists() else [],
        "fetched": written_at(PERIODIC / "update-stamp"),
        "installed": written_at(PERIODIC / "upgrade-stamp"),
        "declared": written_at(stamps / "packaging"),
    }


def name_servers() -> list[str]:
    """What resolv.conf(5) names."""
    lines = content(Path("/etc/resolv.conf")).splitlines()
    return [words[1] for line in lines if (words := line.split())[:1] == ["nameserver"]]


def written(line: str) -> float | None:
    """When a log line was written, in seconds of the epoch (local time, RFC 3164 4.1.2)."""
    now = time.time()
    for year in (time.localtime(now).tm_year, time.localtime(now).tm_year - 1):
        try:
            moment = time.mktime(time.strptime(f"{year} {line[:15]}", "%Y %b %d %H:%M:%S"))
        except ValueError:
            return None
        if moment < now + 86400:
            return moment
    return None


def trouble(log: Path, since: float) -> list[str]:
    """The lines of ``log`` that name a fatal, panic or error, written after ``since``."""
    lines = said("grep", "-aE", TROUBLE, str(log)).splitlines()
    # A line knows its second, and no more.
    return [line for line in lines if (written(line) or since) >= int(since)]


def log(path: Path, since: float) -> Json:
    """One current log: when its first line was written, and what went wrong since ``since``."""
    with path.open(errors="replace") as lines:
        first = written(lines.readline())
    found = [] if path.name == OPEN_TO_ALL else trouble(path, since)
    return {"path": str(path), "oldest": first, "trouble": found[-SHOWN:], "troubles": len(found)}


def logs(folder: Path, stamps: Path, read: Path) -> list[Json]:
    """Every current log; what counts is what was written since the last change of the host, or
    since ``read`` was written."""
    since = max(map(written_at, (*stamps.glob("*"), read)))
    found = (path for path in sorted(folder.glob("*.log")) if not path.is_symlink())
    return [log(path, since) for path in found if path.is_file()]


def failed_units() -> list[str]:
    """The units that have failed; a user's own manager is his, and fails whenever he likes."""
    listed = told("systemctl", "list-units", "--state=failed", "--plain", "--no-legend")
    names = [line.split()[0] for line in listed.splitlines()]
    return [name for name in names if not name.startswith("user@")]


def maildir(path: str) -> Json:
    """How much lies in a Maildir, in bytes and files."""
    size = files = 0
    for place in Path(path).glob("*/*"):
        try:
            size += place.lstat().st_size
        except OSError:
            continue  # Somebody has just taken it.
        files += 1
    return {"path": path, "bytes": size, "files": files}


def rotation_words(configuration: str) -> list[str]:
    """What logrotate(8) finds wrong with a configuration."""
    # Before the first rotation there is no state, of which logrotate before 3.19 complains.
    state = [] if ROTATED.exists() else ["--state", "/dev/null"]
    try:
        shown = subprocess.run(
            ["logrotate", "-d", *state, configuration],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST,
        )
    except FileNotFoundError:
        return ["error: logrotate is not installed"]
    lines = (shown.stderr + shown.stdout).splitlines()
    return [line for line in lines if line.startswith("error:")]


def left_ban(ban: Path, lock: str) -> bool:
    """Whether a policy-rc.d of an installation that is over still keeps services from starting."""
    if not ban.exists() or "postroad" not in ban.read_text(errors="replace"):
        return False
    free = subprocess.run(["flock", "-n", lock, "true"], capture_output=True, timeout=LONGEST)
    return free.returncode == 0


def look(ask: Json) -> Json:
    """Every part, asked side by side: most of it is waiting for other programs."""
    logs_of = Path(ask["logs"])
    asked = {
        "sockets": sockets,
        "processes": processes,
        "failed_units": failed_units,
        "rules4": lambda: told("iptables", "-w", "5", "-S").splitlines(),
        "rules6": lambda: told("ip6tables", "-w", "5", "-S").splitlines(),
        "postfix_uid": lambda: int(said("id", "-u", "postfix") or -1),
        "name_servers": name_servers,
        "resolver_fault": resolver_fault,
        "synchronised": lambda: said(
            "timedatectl", "show", "-p", "NTPSynchronized", "--value"
        ).strip(),
        "half_installed": lambda: said("dpkg", "--audit").splitlines(),
        "held": lambda: told("apt-mark", "showhold").split(),
        "upgrades": lambda: upgrades(Path(ask["stamps"])),
        "drop_ins": lambda: [str(path) for path in sorted(UNITS.glob("*.d/*.conf"))],
        "left_ban": lambda: left_ban(Path(ask["start_ban"]), ask["ban_lock"]),
        "logs": lambda: logs(logs_of, Path(ask["stamps"]), Path(ask["read"])),
        "rotated": lambda: {
            str(path): written_at(path) for path in sorted(logs_of.glob("*.log-*"))
        },
        "rotation_words": lambda: [
            word for path in ask["rotation"] for word in rotation_words(path)
        ],
        "maildirs": lambda: [maildir(path) for path in ask["maildirs"]],
        "now": time.time,
    }
    with ThreadPoolExecutor(8) as pool:
        answers = {name: pool.submit(part, question) for name, question in asked.items()}
        return {name: answer.result() for name, answer in answers.items()}


def main(arguments: list[str]) -> int:
    """Print the answer to the argument."""
    json.dump(look(json.loads(arguments[0])), sys.stdout)
    return 0
