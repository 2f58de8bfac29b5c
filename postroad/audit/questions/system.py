"""Sockets, processes, firewall, resolver, clock, packages and logs of this host, as JSON.

Argument: {"logs": folder, "stamps": folder, "rotation": [file, ...], "start_ban": file,
"ban_lock": file, "maildirs": [folder, ...]}.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # dnspython imports it where it is there, for DNS over HTTPS: longer than all the rest takes.
    sys.modules["requests"] = None  # type: ignore[assignment]

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode

Json = dict[str, Any]

TROUBLE = r"\]: (fatal|panic|error): "
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


def said(*command: str) -> str:
    """Standard output of a command, whatever its exit status; empty where it is missing."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout
    except OSError:
        return ""


def sockets() -> list[Json]:
    """Every listening TCP and bound UDP socket (ss(8)), with its program where it has one."""
    found = []
    for line in said("ss", "-Hltunp").splitlines():
        fields = line.split(None, 6)
        address, _, port = fields[4].rpartition(":")
        program = re.search(r'\(\("([^"]*)"', fields[6]) if len(fields) > 6 else None
        found.append(
            {
                "protocol": fields[0],
                "address": address.strip("[]").partition("%")[0],
                "port": int(port),
                "program": program.group(1) if program else "",
            }
        )
    return found


def processes() -> list[Json]:
    """Every process of a systemd service: its unit, and what of it was replaced (proc(5))."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            unit = re.search(r"/([^/\n]+\.service)$", (place / "cgroup").read_text(), re.MULTILINE)
            replaced = REPLACED.findall((place / "maps").read_text())
        except OSError:
            continue  # It ended meanwhile, or it is the kernel's.
        if unit:
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
    found = apt_values(said("apt-config", "dump", "APT::Periodic", blacklist))
    return {
        "settings": {name: value for name, value in found if name.startswith("APT::Periodic::")},
        "blacklist": [value for name, value in found if name == f"{blacklist}::"],
        "kept_back": KEPT_BACK.read_text().split() if KEPT_BACK.exists() else [],
        "fetched": written_at(PERIODIC / "update-stamp"),
        "installed": written_at(PERIODIC / "upgrade-stamp"),
        "declared": written_at(stamps / "packaging"),
    }


def resolver_fault() -> str:
    """Why 127.0.0.1 does not answer with validated data; empty where it does (RFC 4035 3.2.3)."""
    question = dns.message.make_query(".", "NS", want_dnssec=True)
    try:
        answer, _ = dns.query.udp_with_fallback(question, "127.0.0.1", timeout=5)
    except (dns.exception.DNSException, OSError) as error:
        return f"it does not answer ({error})"
    if answer.rcode() != dns.rcode.NOERROR:
        return f"it answers {dns.rcode.to_text(answer.rcode())} for the root's name servers"
    return "" if answer.flags & dns.flags.AD else "its answers are not validated (no AD bit)"


def name_servers() -> list[str]:
    """What resolv.conf(5) names."""
    lines = Path("/etc/resolv.conf").read_text().splitlines()
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
    found = trouble(path, since)
    return {"path": str(path), "oldest": first, "trouble": found[-SHOWN:], "troubles": len(found)}


def logs(folder: Path, stamps: Path) -> list[Json]:
    """Every current log; what counts is what was written since the last change of the host."""
    since = max((stamp.stat().st_mtime for stamp in stamps.glob("*")), default=0.0)
    return [log(path, since) for path in sorted(folder.glob("*.log"))]


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
            ["logrotate", "-d", *state, configuration], capture_output=True, text=True, timeout=20
        )
    except OSError:
        return ["error: logrotate is not installed"]
    lines = (shown.stderr + shown.stdout).splitlines()
    return [line for line in lines if line.startswith("error:")]


def left_ban(ban: Path, lock: str) -> bool:
    """Whether a policy-rc.d of an installation that is over still keeps services from starting."""
    if not ban.exists() or "postroad" not in ban.read_text(errors="replace"):
        return False
    return subprocess.run(["flock", "-n", lock, "true"], capture_output=True).returncode == 0


def look(ask: Json) -> Json:
    """Everything, asked side by side: most of it is waiting for other programs."""
    logs_of = Path(ask["logs"])
    asked = {
        "sockets": sockets,
        "processes": processes,
        "failed_units": lambda: [
            line.split()[0]
            for line in said(
                "systemctl", "list-units", "--state=failed", "--plain", "--no-legend"
            ).splitlines()
        ],
        "rules4": lambda: said("iptables", "-S").splitlines(),
        "rules6": lambda: said("ip6tables", "-S").splitlines(),
        "postfix_uid": lambda: int(said("id", "-u", "postfix") or -1),
        "name_servers": name_servers,
        "resolver_fault": resolver_fault,
        "synchronised": lambda: said(
            "timedatectl", "show", "-p", "NTPSynchronized", "--value"
        ).strip(),
        "half_installed": lambda: said("dpkg", "--audit").splitlines(),
        "held": lambda: said("apt-mark", "showhold").split(),
        "upgrades": lambda: upgrades(Path(ask["stamps"])),
        "drop_ins": lambda: [str(path) for path in sorted(UNITS.glob("*.d/*.conf"))],
        "left_ban": lambda: left_ban(Path(ask["start_ban"]), ask["ban_lock"]),
        "logs": lambda: logs(logs_of, Path(ask["stamps"])),
        "rotated": lambda: [
            {"path": str(path), "written": path.stat().st_mtime}
            for path in sorted(logs_of.glob("*.log-*"))
        ],
        "rotation_words": lambda: [
            word for path in ask["rotation"] for word in rotation_words(path)
        ],
        "maildirs": lambda: [maildir(path) for path in ask["maildirs"]],
        "now": time.time,
    }
    with ThreadPoolExecutor(8) as pool:
        answers = {name: pool.submit(question) for name, question in asked.items()}
        return {name: answer.result() for name, answer in answers.items()}


if __name__ == "__main__":
    json.dump(look(json.loads(sys.argv[1])), sys.stdout)
