"""Independent judges of a host: testssl.sh(1), lynis(8), systemd-analyze(1).

None of them knows postroad. What they find is compared with what has been answered
(tests/judged.py). They are packages of this machine; nothing of them stays on a host.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.hosts import packages, state
from lab.hosts.errors import LabError
from lab.hosts.guest import Guest
from lab.hosts.network import RESOLVER
from lab.hosts.shell import environment, run
from lab.life.session import Lab
from postroad.settings.model import Estate

# All but its simulated browsers: protocols, kinds of ciphers, forward secrecy, order, what the
# server shows of itself, and each known attack.
EVERYTHING = (
    "--protocols",
    "--standard",
    "--pfs",
    "--server-preference",
    "--server-defaults",
    "--vulnerable",
)
CIPHERS = ("--standard",)

# What testssl.sh says without finding anything.
_NO_FINDING = ("OK", "INFO", "DEBUG")

_LYNIS = "/run/lynis"
# Its program and what it reads, as the packages' folders hold them, made one folder.
_LYNIS_PARTS = (
    ("/usr/sbin", "lynis"),
    ("/usr/share/lynis", "include"),
    ("/usr/share/lynis", "db"),
    ("/etc/lynis", "default.prf"),
    ("/etc/lynis", "plugins"),
)
_MODE_FINDING = re.compile(r"Outcome: (permissions of file .* are not matching .*)")


@dataclass(frozen=True)
class Finding:
    """What a judge holds against a place: in its own words, under its own name for it."""

    judge: str
    place: str
    name: str
    words: str

    def __str__(self) -> str:
        return f"{self.judge} on {self.place}: {self.name}: {self.words}"


@dataclass(frozen=True)
class Door:
    """Where a host speaks TLS, and who may knock there. ``kind``: submission or inbound."""

    kind: str
    client: Guest
    name: str
    address: str
    port: int
    starttls: bool

    def __str__(self) -> str:
        return f"{self.kind} {self.name}:{self.port}"


def ensure() -> None:
    """Have the judges on this machine; raises LabError where apt-get fails."""
    with state.lock():
        packages.ensure(packages.JUDGES)


def doors(lab: Lab, estate: Estate) -> Iterator[Door]:
    """Every TLS door of the estate's hosts, by IPv4."""
    app, outsider = lab.hosts["app"], lab.hosts["outsider"]
    for host in estate.hosts:
        for way in host.ways_out:
            at = "submission", app, way.helo, str(way.ipv4)
            yield Door(*at, way.starttls_port, starttls=True)
            yield Door(*at, way.tls_port, starttls=False)
        if host.inbound:
            yield Door("inbound", outsider, host.hostname, str(host.ipv4), 25, starttls=True)


def at_door(lab: Lab, door: Door, sections: Sequence[str] = EVERYTHING) -> tuple[Finding, ...]:
    """What testssl.sh finds at a door, knocking from its client's network.

    Raises LabError where it did not come to an end.
    """
    with TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "resolv.conf").write_text(f"nameserver {lab.network.ipv4(RESOLVER)}\n")
        (place / "root.pem").write_text(_issuing_root(lab))
        said = place / "said.json"
        argv = [
            *("nsenter", f"--target={door.client.pid}", "--net", "unshare", "--mount"),
            # The network's own resolver: this machine's is out of reach there.
            *("sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec testssl "$@"'),
            str(place / "resolv.conf"),
            *("--quiet", "--warnings", "off", "--color", "0", "--ip", door.address),
            *("--connect-timeout", "20", "--openssl-timeout", "20"),
            *("--add-ca", str(place / "root.pem"), "--jsonfile", str(said)),
            *(("--starttls", "smtp") if door.starttls else ()),
            *sections,
            f"{door.name}:{door.port}",
        ]
        # Its exit status counts what it found.
        done = run(argv, check=False, timeout=1200)
        rows = json.loads(said.read_text()) if said.exists() else []
    if not any(row["id"] == "scanTime" and row["severity"] == "INFO" for row in rows):
        raise LabError(f"testssl.sh gave no verdict on {door}:\n{done.stdout[-2000:]}{done.stderr}")
    return tuple(
        Finding("testssl.sh", door.kind, row["id"], row["finding"])
        for row in rows
        if row["severity"] not in _NO_FINDING
    )


def _issuing_root(lab: Lab) -> str:
    """The root of what the lab's authority issues; it makes a new one at each start."""
    url = "https://localhost:15000/roots/0"
    return lab.hosts["ca"].run(f"curl --insecure --silent --show-error --fail {url}").stdout


def on_host(guest: Guest, *options: str) -> tuple[Finding, ...]:
    """What lynis finds on a host, run there from a folder that is gone afterwards.

    Raises LabError where it did not come to an end.
    """
    try:
        _carry(guest)
        guest.run(
            f"cd {_LYNIS} && ./lynis audit system --quick --quiet --no-colors"
            f" --report-file {_LYNIS}/report --logfile {_LYNIS}/log {shlex.join(options)}",
            # Its exit status counts its warnings.
            check=False,
            timeout=900,
        )
        report = guest.read_file(f"{_LYNIS}/report").splitlines()
        log = guest.read_file(f"{_LYNIS}/log").splitlines()
    finally:
        guest.run(["rm", "-rf", _LYNIS])
    if "finish=true" not in report:
        raise LabError(f"{guest.name}: lynis came to no end:\n" + "\n".join(log[-15:]))
    return tuple(Finding("lynis", "host", *found) for found in _lynis_findings(report, log))


def _carry(guest: Guest) -> None:
    packed = subprocess.run(
        ["tar", "-c", *(word for folder, part in _LYNIS_PARTS for word in ("-C", folder, part))],
        capture_output=True,
        check=True,
        env=environment(),
    )
    unpack = f"rm -rf {_LYNIS} && mkdir -m 700 {_LYNIS} && tar -x --no-same-owner -C {_LYNIS}"
    subprocess.run(
        guest.enter("/bin/sh", "-c", unpack), input=packed.stdout, check=True, env=environment()
    )


def _lynis_findings(report: Sequence[str], log: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(test, words) of each line that finds fault; one a setting where a test has many."""
    for line in report:
        kind, _, value = line.partition("=")
        fields = value.split("|")
        if kind in ("warning[]", "suggestion[]"):
            test, text, detail, *_ = fields
            # Those two say "one or more" here; which, comes below.
            if test not in ("KRNL-6000", "FILE-7524"):
                yield test, text if detail in ("", "-") else detail
        elif kind == "details[]" and fields[0] == "KRNL-6000":
            says = dict(part.partition(":")[::2] for part in fields[2].split(";") if part)
            yield "KRNL-6000", f"{says['field']} is {says['value']}, not {says['prefval']}"
    for line in log:
        found = _MODE_FINDING.search(line)
        if found:
            yield "FILE-7524", found[1]


def exposure(guest: Guest, unit: str) -> float:
    """systemd-analyze(1)'s exposure level of a unit: 0.0 is safe, 10.0 is not."""
    said = guest.run(["systemd-analyze", "--no-pager", "security", unit]).stdout
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    if level is None:
        raise LabError(f"{guest.name}: no exposure level of {unit}:\n{said}")
    return float(level[1])
