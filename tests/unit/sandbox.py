"""A folder in which a component's script and the probe run for real, by sh, without root.

Paths of ours below /run and /var/lib are moved into the folder, and a systemctl of paper stands in
for systemd: it remembers what it was told, and what a unit had read when it was last told to.
"""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from postroad.host.change import script
from postroad.host.component import Component, Directory, File
from postroad.host.found import FileState, HostState, Questions, UnitState, blank
from postroad.host.reading import Inquiry
from postroad.mail import certificate, return_paths, software, standing
from postroad.mail.before import listeners, queues
from postroad.mail.before.listeners import LISTENERS
from postroad.mail.before.queues import QUEUED_ELSEWHERE
from postroad.mail.certificate import CERTIFICATE, REFUSAL
from postroad.mail.firewall import found as firewall
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.return_paths import RETURN_PATHS
from postroad.mail.signing.found import KEYS, key_places, keys_shell
from postroad.mail.software import SOFTWARE
from postroad.mail.standing import LATCHES

OWNER = pwd.getpwuid(os.geteuid()).pw_name
GROUP = grp.getgrgid(os.getegid()).gr_name
_MOVED = ("/run/postroad", "/var/lib/postroad", "/etc/letsencrypt")

# $units holds a folder a unit: active, unit_file, and with each start the files as `read` and
# `listening`; a reload makes only `read` anew, as a daemon that keeps its sockets does.
_SYSTEMCTL = """#!/bin/sh
units={root}/units
[ "$1" != -q ] || shift
verb=$1; shift
case $verb in show|cat|is-active) ;; *) echo "$verb${{1:+ $*}}" >> {root}/told ;; esac
for unit; do :; done
at=$units/$unit
reread() {{ cp {root}/etc/one "$at/read" 2>/dev/null; }}
case $verb in
daemon-reload|reset-failed) ;;
is-active) grep -qsx active "$at/active" ;;
enable) echo enabled > "$at/unit_file" ;;
mask) mkdir -p "$at"; echo masked > "$at/unit_file"; echo inactive > "$at/active" ;;
start|restart)
    echo active > "$at/active"; reread; cp "$at/read" "$at/listening" 2>/dev/null || : ;;
reload|reload-or-restart) reread || : ;;
stop|disable)
    for unit; do if [ -d "$units/$unit" ]; then echo inactive > "$units/$unit/active"; fi; done ;;
show)
    while [ "$1" != -- ]; do shift; done; shift
    for unit; do
        [ -d "$units/$unit" ] && load=loaded || load=not-found
        echo "Id=$unit"; echo "LoadState=$load"
        echo "ActiveState=$(cat $units/$unit/active 2>/dev/null || echo inactive)"
        echo "UnitFileState=$(cat $units/$unit/unit_file 2>/dev/null)"
        echo NeedDaemonReload=no; echo
    done ;;
*) exit 1 ;;
esac
"""


@dataclass(frozen=True)
class Sandbox:
    """`root` stands for /."""

    root: Path

    @classmethod
    def at(cls, root: Path, *units: str) -> Sandbox:
        """A sandbox with these units, installed, neither enabled nor started."""
        (root / "bin").mkdir()
        systemctl = root / "bin" / "systemctl"
        systemctl.write_text(_SYSTEMCTL.format(root=root))
        systemctl.chmod(0o755)
        (root / "told").touch()
        for unit in units:
            (root / "units" / unit).mkdir(parents=True)
        return cls(root)

    def file(self, path: str, content: str, mode: int = 0o644) -> File:
        return File(f"{self.root}{path}", content.encode(), OWNER, GROUP, mode)

    def directory(self, path: str, mode: int = 0o755) -> Directory:
        return Directory(f"{self.root}{path}", OWNER, GROUP, mode)

    def text(self, path: str) -> str:
        """A file's content; empty where there is none."""
        place = self.root / path.lstrip("/")
        return place.read_text() if place.is_file() else ""

    def told(self) -> list[str]:
        """What systemctl was told to do so far."""
        return self.text("/told").splitlines()

    def state(self, component: Component) -> HostState:
        """What is there, read without a shell: the probe has tests of its own."""
        stamps = self.root / "var/lib/postroad/applied"
        return replace(
            blank(),
            files={path: _file(Path(path)) for path in component.paths if os.path.lexists(path)},
            units={
                name: _unit(self.root / "units" / name)
                for name in component.unit_names
                if (self.root / "units" / name).is_dir()
            },
            stamps={p.name: p.read_text().strip() for p in stamps.glob("*")},
            adopted=frozenset(p.name for p in stamps.with_name("adopted").glob("*")),
        )

    def script(self, component: Component) -> str:
        """The script that the component needs now."""
        return script(component, self.state(component))

    def apply(self, component: Component) -> subprocess.CompletedProcess[str]:
        """Run it."""
        return self.sh(self.script(component))

    def questions(self, *components: Component) -> Questions:
        """What the probe is to ask here."""
        return Questions(
            paths=[path for c in components for path in c.paths],
            units=[name for c in components for name in c.unit_names],
            packages=["dash", "no-such-package"],
            users=[OWNER, "no-such-user"],
            stamp_folder="/var/lib/postroad/applied",
            searched=[key_places(f"{self.root}/etc/postroad")],
            readings=tuple(self.readings()),
        )

    def readings(self) -> Iterator[Inquiry]:
        """What rooms ask of every host."""
        yield FIREWALL.by(firewall.SHELL)
        yield LISTENERS.by(f"m listeners; {listeners.COMMAND}")
        yield QUEUED_ELSEWHERE.by(f"m queued-elsewhere; {queues.probe()}")
        yield LATCHES.by(standing.LATCHES_SHELL)
        yield RETURN_PATHS.by(f"m return-paths; {return_paths.probe()}")
        yield SOFTWARE.by(software.shell(["smtpd_banner"]))
        yield KEYS.by(keys_shell(f"{self.root}/etc/postroad"))
        yield CERTIFICATE.by(certificate.shell(f"{self.root}/chain.pem", ""))
        yield REFUSAL.by(certificate.REFUSAL_SHELL)

    def sh(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run a script as the roles do: over standard input."""
        for place in _MOVED:
            text = text.replace(place, f"{self.root}{place}")
        search = f"{self.root}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        text = text.replace("PATH=/usr/local/sbin", f"PATH={self.root}/bin:/usr/local/sbin")
        return subprocess.run(
            ["sh", "-s"],
            input=text,
            env={"PATH": search, "HOME": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )


def _file(place: Path) -> FileState:
    found = place.lstat()
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}
    kind = kinds[stat.S_IFMT(found.st_mode)]
    return FileState(
        kind,
        pwd.getpwuid(found.st_uid).pw_name,
        grp.getgrgid(found.st_gid).gr_name,
        stat.S_IMODE(found.st_mode),
        hashlib.sha256(place.read_bytes()).hexdigest() if kind == "file" else "",
    )


def _unit(folder: Path) -> UnitState:
    said = {place.name: place.read_text().strip() for place in folder.glob("*")}
    active, unit_file = said.get("active", "inactive"), said.get("unit_file", "")
    return UnitState("loaded", active, unit_file, needs_reload=False)


def killed_everywhere(script: str) -> Iterator[str]:
    """The script, once for each of its lines, killed without warning before that line."""
    lines = script.splitlines()
    inside = False
    for number, line in enumerate(lines):
        if number and not inside and line not in ("", "postroad </dev/null"):
            yield "\n".join([*lines[:number], "kill -KILL $$", *lines[number:]]) + "\n"
        inside = line.endswith("<<'POSTROAD_END'") or (inside and line != "POSTROAD_END")
