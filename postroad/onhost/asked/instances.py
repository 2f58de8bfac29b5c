"""What each Postfix instance of this host is configured to do and does, as JSON.

Argument: {"instances": {name: configuration folder}, "parameters": [name of postconf(5), ...],
"answers": [record that the DNS might answer, ...]}. Every value of an instance is a part.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from postroad.onhost.common.parts import LONGEST, Json, part

# The packages' own instance.
DEFAULT = "/etc/postfix"

PATIENCE = 10.0
# So long may postqueue(1) say nothing: it prints as it reads, message after message. It waits for
# ever where showq(8) cannot start, as on a disk without inodes.
SILENCE = 10.0
# A file that a chrooted service would read, and that is another one now (postfix-script).
COPY = re.compile(r"warning: /\S+(/\S+) and \1 differ$")
# Between two looks whether a command that says nothing has ended, in seconds.
GLANCE = 0.05


def environment(folder: str) -> dict[str, str]:
    """What makes the commands of Postfix speak of one instance, and in English."""
    return {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "MAIL_CONFIG": folder}


def run(folder: str, *command: str) -> subprocess.CompletedProcess[str]:
    """A Postfix command for one instance."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment(folder),
        timeout=LONGEST,
    )


def told_to_a_person(folder: str, *command: str) -> str:
    """What a Postfix command says on a terminal: postlog(1) tells it to the log alone elsewhere."""
    ours, theirs = os.openpty()
    limited = ("timeout", str(LONGEST), *command)
    with subprocess.Popen(
        limited, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=environment(folder)
    ) as process:
        os.close(theirs)
        said = b"".join(until_ended(process, ours))
    os.close(ours)
    return said.decode(errors="replace").replace("\r\n", "\n")


def until_ended(process: subprocess.Popen[bytes], terminal: int) -> Iterator[bytes]:
    """What ``process`` writes to the other end of a terminal, all of it.

    Its own end is waited for, and not that of the terminal: somebody else may hold that open.
    """
    with contextlib.suppress(OSError):
        while True:
            has_ended = process.poll() is not None
            if select.select([terminal], [], [], GLANCE)[0]:
                yield os.read(terminal, 4096)
            elif has_ended:
                return


def without_moved_mail(said: str, queue: Path) -> list[str]:
    """What ``postfix check`` said, but for queue files that went on while find(1) looked at them.

    What find cannot look at has no owner either, and is complained of once more. A folder that is
    gone is no such file: it stands right below the queue, see missing_folders.
    """
    inside = re.escape(str(queue))
    found = re.compile(rf"find: .({inside}/[a-z]+/.+).: No such file or directory")
    lines = said.splitlines()
    moved = {line: met[1] for line in lines if (met := found.fullmatch(line))}
    gone = set(moved.values())
    return [line for line in lines if line not in moved and line.rpartition(": ")[2] not in gone]


def without_chroot(lines: list[str], table: str) -> list[str]:
    """The lines of ``postfix check`` but for copies of system files below the queue.

    Packages leave them there for services that are chrooted; where ``table``, which is that of
    ``postconf -M``, has none, nobody reads them (master(5), fifth column; empty is Postfix's "n").
    """
    if any(row.split()[4:5] == ["y"] for row in table.splitlines()):
        return lines
    return [line for line in lines if not COPY.search(line)]


def missing_folders(queue: Path, table: str) -> list[str]:
    """The folders of a queue that are not there, of those that postfix-files(5) lists."""
    rows = (line.split(":") for line in table.splitlines() if not line.startswith("#"))
    own = "$queue_directory"
    names = [row[0] for row in rows if row[0].startswith(own) and row[1] == "d"]
    places = [Path(f"{queue}{name.removeprefix(own)}") for name in names]
    return [str(place) for place in places if not place.is_dir()]


def content(place: Path) -> str:
    """What stands in a file; empty where there is none."""
    try:
        return place.read_text()
    except OSError:
        return ""


def pairs(text: str) -> dict[str, str]:
    """Lines of ``name = value``."""
    split = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in split}


def services(text: str) -> list[Json]:
    """The services of ``postconf -M`` (master(5)): name, type and the program that serves them."""
    rows = (line.split() for line in text.splitlines())
    return [{"name": r[0], "type": r[1], "command": r[7]} for r in rows if len(r) > 7]


def boot_time() -> float:
    """When this machine's kernel started, in seconds of the epoch (proc(5))."""
    lines = Path("/proc/stat").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("btime")))


def start_of(pid: str) -> float:
    """When a process started, by the clock as it is now (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return boot_time() + int(fields[19]) / os.sysconf("SC_CLK_TCK")


def set_back(queue: Path) -> float:
    """By how many seconds the clock was set back since this queue's master(8) started.

    The kernel counts from its own start to master's, whatever the clock says; the file that master
    writes then has the time by the clock as it was.
    """
    place = queue / "pid/master.pid"
    try:
        return place.stat().st_mtime - start_of(place.read_text().split()[0])
    except (OSError, IndexError):
        return 0.0


def next_try(queue: Path) -> float:
    """The latest time before which some message is left alone: qmgr(8) keeps it in its file's."""
    latest = 0.0
    for place in (queue / "incoming", queue / "deferred"):
        for folder, _, names in os.walk(place):
            for name in names:
                try:
                    latest = max(latest, os.stat(os.path.join(folder, name)).st_mtime)
                except OSError:
                    continue  # It is on its way already.
    return latest


def queue_manager_start(folder: str, queue: Path) -> float | None:
    """When the queue manager of this queue's master(8) started; None where none will start.

    A reload ends the queue manager, and master starts it anew at the next call, with what the files
    then say. The call that master makes itself at a reload can still reach the one that ends: then
    there is none until mail comes, or 300 s have passed. So it is called here (postkick(1)).
    """
    try:
        master = (queue / "pid/master.pid").read_text().split()[0]
    except (OSError, IndexError):
        return None
    if (started := child_start(master)) is not None:
        return started
    run(folder, "postkick", "public", "qmgr", "W")
    deadline = time.monotonic() + PATIENCE
    while (started := child_start(master)) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return started


def child_start(master: str) -> float | None:
    """When the queue manager whose parent is ``master`` started."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            # A process may call itself by any bytes; whose child it is, the kernel says.
            stat = (place / "stat").read_text(errors="replace")
            name, _, rest = stat.partition("(")[2].rpartition(")")
        except OSError:
            continue
        fields = rest.split()
        if name == "qmgr" and fields[1] == master:
            return start_of(place.name)
    return None


def queue(folder: str) -> tuple[int, float | None]:
    """How many messages wait, and since when the oldest that is not on hold (postqueue(1) -j)."""
    count, oldest = 0, None
    with subprocess.Popen(
        ["postqueue", "-j"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(folder),
    ) as listing:
        try:
            for message in map(json.loads, printed(listing)):
                count += 1
                if message["queue_name"] != "hold":
                    arrival = float(message["arrival_time"])
                    oldest = arrival if oldest is None else min(oldest, arrival)
        finally:
            listing.kill()
    if listing.returncode:
        raise OSError("postqueue cannot list it: is the instance up?")
    return count, oldest


def printed(listing: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What postqueue prints, line by line; OSError where it says nothing for too long."""
    assert listing.stdout is not None
    rest = b""
    while True:
        if not select.select([listing.stdout], [], [], SILENCE)[0]:
            raise OSError(f"postqueue says nothing for {SILENCE:.0f} s: showq(8) does not start")
        more = os.read(listing.stdout.fileno(), 1 << 16)
        if not more:
            listing.wait(timeout=LONGEST)
            return
        *lines, rest = (rest + more).split(b"\n")
        yield from lines


def room(place: Path) -> Json:
    """What a process without root's reserve can still write there (statvfs(3)).

    A file system that makes inodes as it needs them counts none.
    """
    disk = os.statvfs(place)
    inodes = disk.f_favail if disk.f_files else None
    return {"bytes": disk.f_bavail * disk.f_frsize, "inodes": inodes}


def ignored(maps: str, answers: list[str]) -> list[str]:
    """The answers that smtp_dns_reply_filter, which is ``maps``, leaves out.

    postmap(1) is asked by the packages' own configuration: by that of a stream it would not start
    where anything at all is wrong there, as with an address that is not on the host.
    """
    if not maps:
        return []
    asked = subprocess.run(
        ["postmap", "-q", "-", maps],
        input="".join(f"{answer}\n" for answer in answers),
        capture_output=True,
        text=True,
        env=environment(DEFAULT),
        timeout=LONGEST,
    )
    said = (line.split("\t") for line in asked.stdout.splitlines())
    return [answer for answer, action in said if action.upper() == "IGNORE"]


def instance(folder: str, parameters: list[str], answers: list[str]) -> Json:
    """One instance, part by part."""
    values = part(lambda: pairs(run(folder, "postconf", "-x", *parameters).stdout))
    known: dict[str, str] = values["said"] or {}
    place = Path(known.get("queue_directory", "/var/spool/postfix"))
    shared = Path(known.get("meta_directory", "/etc/postfix"))
    files = [Path(folder) / name for name in ("main.cf", "master.cf")]
    spoken = part(lambda: {word: run(folder, "postconf", word) for word in ("-n", "-M", "-Px")})
    listed = part(lambda: queue(folder))
    count, oldest = listed["said"] or (0, None)
    questions: dict[str, Callable[[], Any]] = {
        "words": lambda: [
            *(w for one in spoken["said"].values() for w in one.stderr.splitlines()),
            *without_chroot(checked(folder, place), spoken["said"]["-M"].stdout),
        ],
        "services": lambda: services(spoken["said"]["-M"].stdout),
        "overrides": lambda: pairs(spoken["said"]["-Px"].stdout),
        "missing_folders": lambda: missing_folders(place, content(shared / "postfix-files")),
        "written": lambda: max((f.stat().st_mtime for f in files if f.exists()), default=0.0),
        "queue_manager": lambda: queue_manager_start(folder, place),
        "set_back": lambda: set_back(place),
        "next_try": lambda: next_try(place),
        "ignored": lambda: ignored(known.get("smtp_dns_reply_filter", ""), answers),
        "corrupt": lambda: len(list((place / "corrupt").glob("*"))),
        "room": lambda: room(place),
    }
    # Without its settings, all that is known of it would be of the packages' own instance.
    why = values["why"] or spoken["why"]
    rest = {
        name: {"said": None, "why": why} if why else part(question)
        for name, question in questions.items()
    }
    return {
        "parameters": values,
        "messages": {**listed, "said": count},
        "oldest": {**listed, "said": oldest},
        **rest,
    }


def checked(folder: str, queue: Path) -> list[str]:
    """The half of ``postfix check`` that only looks.

    The other makes the folders that it misses, and renames queue files (postsuper(1)): an audit
    changes nothing, and says that they are gone.
    """
    return without_moved_mail(told_to_a_person(folder, "postfix", "check-warn"), queue)


def look(ask: Json) -> Json:
    """Every instance, side by side."""
    with ThreadPoolExecutor(4) as pool:
        answers = {
            name: pool.submit(instance, folder, ask["parameters"], ask["answers"])
            for name, folder in ask["instances"].items()
        }
        return {name: answer.result() for name, answer in answers.items()}


def main(arguments: list[str]) -> int:
    """Print the answer to the argument."""
    json.dump(look(json.loads(arguments[0])), sys.stdout)
    return 0
