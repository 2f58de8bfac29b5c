#!/usr/bin/python3
"""canary: may this staged configuration go live?

    canary stream NAME STAGE
    canary inbound STAGE
    canary default STAGE

STAGE holds the staged files below their absolute paths. Exit status 0 and silence when they are
good; 1 and plain lines on standard error when they are refused: what failed, then the daemons' own
words; 2 when it was called wrongly. Root only. Nothing of the live configuration is touched.

postfix(1) check and opendkim(8) -n pass most broken configurations, so the staged one is started
for real: from the same unit templates, sandbox included, in a network namespace of its own. There
loopback carries a copy of the host's addresses: every listener keeps its address and port, two
canaries cannot collide, and nothing can reach the world. A message has to come out at a sink with
a signature that verifies, and everything that must be refused has to be.

All of it hangs on one transient unit. When that ends, however it ends, systemd stops the daemons
bound to it and removes its files, which are runtime directories (systemd.exec(5)).

Written for Python 3.10 and the packages python3-dkim and iproute2.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import dkim

USAGE = "usage: canary stream NAME STAGE | canary inbound STAGE | canary default STAGE"
LIFETIME_SECONDS = 60
WAIT_SECONDS = 10.0
POLL_SECONDS = 0.02
REFUSED_STATUS = 3  # Of the transient unit alone: tells a verdict from a canary that died.
MINIMUM_KEY_BITS = 2048
SINK_PORT = 2526
# From these on: listeners that the canary adds.
OPENED_PORT = 20587
LONE_PORT = 20687
STRANGER = "198.51.100.7"  # RFC 5737: an address of nobody's.
ELSEWHERE = "someone@elsewhere.invalid"
BODY = "The canary sings."
QUOTED_LINES = 12
LISTS = ("client", "helo", "sender", "relay", "recipient")
# Logins without TLS, for the canary's own network alone.
BARE = {
    "smtpd_tls_security_level": "none",
    "smtpd_tls_auth_only": "no",
    "smtpd_sasl_auth_enable": "yes",
}

# The last row of the signing table (opendkim/signing.table): the probes with a foreign From: meet
# it, and the signer says so.
NO_KEY = "signing table references unknown key 'no-key-for-this-sender'"
# What the canary provokes itself: one login with a wrong password.
PROVOKED = re.compile(r"warning: \S+: SASL PLAIN authentication failed")
POSTFIX_COMPLAINT = re.compile(r"\b(?:warning|error|fatal|panic): ")
DOVECOT_COMPLAINT = re.compile(r"\b(?:Warning|Error|Fatal|Panic): ")

T = TypeVar("T")


class RefusedError(Exception):
    """The staged configuration is not good; the message says why."""


@dataclass(frozen=True)
class Canary:
    """The places and names of one canary. ``name`` is the stream, ``inbound`` or ``default``."""

    name: str
    stage: Path

    @property
    def unit(self) -> str:
        return f"postroad-canary-{self.name}.service"

    @property
    def is_stream(self) -> bool:
        return self.name not in ("inbound", "default")

    @property
    def daemons(self) -> tuple[str, ...]:
        """The units that run the staged configuration, in the order in which they start."""
        kinds = ("dkim", "auth", "postfix") if self.is_stream else ("postfix",)
        return tuple(f"postroad-{kind}@canary-{self.name}.service" for kind in kinds)

    @property
    def home(self) -> Path:
        # Not below /run/postroad, which is root's alone: the daemons are other users.
        return Path(f"/run/postroad-canary-{self.name}")

    @property
    def config(self) -> Path:
        """The copy of the Postfix instance's folder."""
        folder = "postfix" if self.name == "default" else f"postfix-{self.name}"
        return self.home / "etc" / folder

    @property
    def folder(self) -> Path:
        """The copy of the stream's signer and login configuration."""
        return self.home / "etc" / "postroad" / self.name

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def mailboxes(self) -> Path:
        return self.home / "mailboxes"

    @property
    def sink(self) -> Path:
        return self.home / "sink"


# --- outside: the caller's process --------------------------------------------------------------


def run(*command: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its output is bytes of any encoding, read as text."""
    return subprocess.run(
        command, input=text, capture_output=True, encoding="utf-8", errors="replace", check=False
    )


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
    """Hold the name of this canary; an abstract socket goes with the process, whatever ends it."""
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(f"\0{canary.unit}")
        except OSError:
            raise RefusedError(f"another canary of {canary.name} is at work on this host") from None
        yield


def launch(canary: Canary) -> int:
    """Run the canary as a transient unit and wait for its verdict (systemd-run(1))."""
    # The unit of a caller that was killed may still be singing: it gives way.
    run("systemctl", "stop", canary.unit)
    drop_ins = " ".join(f"systemd/system/{unit}.d" for unit in canary.daemons)
    stop = f"systemctl stop {' '.join(canary.daemons)} 2>/dev/null"
    properties = (
        f"RuntimeMaxSec={LIFETIME_SECONDS}",
        "PrivateNetwork=yes",
        f"RuntimeDirectory={canary.home.name} {drop_ins}",
        "RuntimeDirectoryMode=0711",
        # The daemons end before their files do.
        f'ExecStopPost=-/bin/sh -c "{stop}"',
    )
    command = [
        *("systemd-run", "--quiet", "--wait", "--pipe", "--collect", f"--unit={canary.unit}"),
        *(f"--property={property}" for property in properties),
        *("--", sys.executable, os.path.abspath(__file__), "--inside", canary.name),
        *(str(canary.stage), *host_addresses()),
    ]
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode


# --- inside: the transient unit -----------------------------------------------------------------


def enter_network(addresses: Sequence[str]) -> None:
    """Give loopback the host's addresses; refuse where the network is not the canary's own."""
    if os.stat("/proc/self/ns/net").st_ino == os.stat("/proc/1/ns/net").st_ino:
        raise RefusedError("this host gives a unit no network of its own (PrivateNetwork=)")
    for address in addresses:
        flags = ("nodad",) if ":" in address else ()
        run("ip", "address", "add", address, "dev", "lo", *flags)


def copy_stage(canary: Canary) -> None:
    """Copy the staged files, with their owners and modes, and point them at each other."""
    source = canary.stage / "etc"
    if not source.is_dir():
        raise RefusedError(f"{source}: no such folder; stage the files below their whole paths")
    copied = run("cp", "-a", str(source), str(canary.home))
    if copied.returncode:
        raise RefusedError(copied.stderr)
    staged = [place for place in source.rglob("*") if place.is_file()]
    paths = [f"/{place.relative_to(canary.stage)}" for place in staged]
    for place in staged:
        if place.stat().st_mode & 0o022:
            raise RefusedError(f"{place}: its group or everybody may write it")
    for folder, _, _ in os.walk(canary.home / "etc"):
        # The staging folders are root's alone; the daemons are other users.
        os.chmod(folder, 0o755)  # noqa: S103
    for path in paths:
        redirect(Path(f"{canary.home}{path}"), canary, paths)


def age(canary: Canary) -> None:
    """Date every copy an hour back: Postfix reads a file that changed within the last second or two
    again and again until it is older, as somebody may still be writing it."""
    then = time.time() - 3600
    for place in (canary.home / "etc").rglob("*"):
        os.utime(place, (then, then))


def redirect(file: Path, canary: Canary, staged: Sequence[str]) -> None:
    """Make one copied file name the other copies and the canary's sockets."""
    names = "|".join(re.escape(path) for path in sorted(staged, key=len, reverse=True))
    text = file.read_text(encoding="utf-8", errors="surrogateescape")
    text = re.sub(rf"(?<![\w./-])(?:{names})(?![\w/-]|\.\w)", rf"{canary.home}\g<0>", text)
    text = re.sub(
        rf"/run/postroad-(dkim|auth)-{canary.name}\b",
        r"/run/postroad-\1-canary-" + canary.name,
        text,
    )
    file.write_text(text, encoding="utf-8", errors="surrogateescape")


def refuse_words(checker: str, words: str) -> None:
    """A checker that says anything has refused: most of them end with 0 whatever they found."""
    if words.strip():
        raise RefusedError(f"{checker}:\n{words.strip()}")


def named_line(words: str, file: Path) -> str:
    """The text of the line whose number opendkim names; it does not name the parameter."""
    number = re.search(r"error at line (\d+)", words)
    lines = file.read_text(errors="replace").splitlines()
    known = number is not None and 0 < int(number.group(1)) <= len(lines)
    return f"\n{lines[int(number.group(1)) - 1]}" if number is not None and known else ""


def check_tables(canary: Canary) -> None:
    """What the daemons' own checkers see without a start."""
    for flag in ("-n", "-M", "-P"):
        done = run("postconf", "-c", str(canary.config), flag)
        refuse_words("postconf refuses main.cf or master.cf", done.stderr)
    if canary.is_stream:
        signer = canary.folder / "opendkim.conf"
        words = run("opendkim", "-n", "-x", str(signer)).stderr
        refuse_words("opendkim refuses opendkim.conf", words + named_line(words, signer))
        logins = run("doveconf", "-n", "-c", str(canary.folder / "dovecot.conf"))
        refuse_words("dovecot refuses dovecot.conf", logins.stderr)
        for key in keys(canary).values():
            check_key(key)


def parameter(canary: Canary, name: str) -> str:
    """The value of a main.cf parameter with its $names expanded."""
    return run("postconf", "-c", str(canary.config), "-hx", name).stdout.strip()


def overlay(canary: Canary) -> None:
    """Settings that keep the copy from the live queue, log and mailboxes, and the sink's place."""
    queue, data = canary.home / "queue", canary.home / "data"
    queue.mkdir(mode=0o755)
    data.mkdir(mode=0o700)
    shutil.chown(data, "postfix", "postfix")
    settings = {
        "queue_directory": queue,
        "data_directory": data,
        "maillog_file": canary.log,
        "maillog_file_prefixes": canary.home,
        # The canary asks as a stranger, and more often than a shop does.
        "smtpd_authorized_xclient_hosts": "0.0.0.0/0, [::]/0",
        "smtpd_client_event_limit_exceptions": "0.0.0.0/0, [::]/0",
        **(stream_overlay(canary) if canary.is_stream else {}),
        **(inbound_overlay(canary) if canary.name == "inbound" else {}),
    }
    assignments = [f"{name}={value}" for name, value in settings.items()]
    done = run("postconf", "-c", str(canary.config), "-e", *assignments)
    refuse_words("postconf cannot edit the copy of main.cf", done.stderr)


def stream_overlay(canary: Canary) -> dict[str, object]:
    """All mail goes to the sink; /run is smaller than the disk of the real queue."""
    nexthop = f"smtp:[{sink_address(canary)}]:{SINK_PORT}"
    settings: dict[str, object] = {"default_transport": nexthop, "relay_transport": nexthop}
    if parameter(canary, "queue_minfree").isdigit():
        settings["queue_minfree"] = 0
    return settings


def sink_address(canary: Canary) -> str:
    """Loopback of a family that the way out sends by."""
    protocols = run("postconf", "-c", str(canary.config), "-Ph", "smtp/unix/inet_protocols").stdout
    return "::1" if protocols.strip() == "ipv6" else "127.0.0.1"


def inbound_overlay(canary: Canary) -> dict[str, object]:
    """Mail is delivered into Maildirs of the canary's."""
    canary.mailboxes.mkdir(mode=0o755)
    owner = parameter(canary, "virtual_uid_maps").removeprefix("static:")
    if owner.isdigit():
        os.chown(canary.mailboxes, int(owner), -1)
    return {"virtual_mailbox_base": canary.mailboxes, "queue_minfree": 0}


# --- daemons ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Journal:
    """The journal from a point in time on."""

    cursor: str

    @classmethod
    def from_now(cls) -> Journal:
        shown = run("journalctl", "--quiet", "--lines=0", "--show-cursor").stdout
        return cls(shown.partition("-- cursor: ")[2].strip())

    def lines(self, unit: str, *options: str) -> list[str]:
        """What ``unit`` has said since, and what systemd has said of it."""
        run("journalctl", "--sync")
        after = (f"--after-cursor={self.cursor}",) if self.cursor else ()
        shown = run("journalctl", "--quiet", "--output=cat", f"--unit={unit}", *after, *options)
        return shown.stdout.splitlines()


def write_drop_ins(canary: Canary) -> None:
    """Redirect the units to the copies, and bind their lives and their network to ours."""
    environment = {
        "postfix": f"MAIL_CONFIG={canary.config}",
        "dkim": f"CONFIG={canary.folder / 'opendkim.conf'}",
        "auth": f"CONFIG={canary.folder / 'dovecot.conf'}",
    }
    for unit in canary.daemons:
        kind = unit.removeprefix("postroad-").partition("@")[0]
        Path(f"/run/systemd/system/{unit}.d/canary.conf").write_text(
            "[Unit]\n"
            f"BindsTo={canary.unit}\nAfter={canary.unit}\nJoinsNamespaceOf={canary.unit}\n"
            "CollectMode=inactive-or-failed\n"
            "[Service]\n"
            f"Environment={environment[kind]}\n"
            "PrivateNetwork=yes\nRestart=no\nExecStop=\nKillSignal=SIGKILL\n",
            encoding="utf-8",
        )


def wait_for(condition: Callable[[], T | None], what: str) -> T:
    """The first answer of ``condition`` that is not None; RefusedError when there is none."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (answer := condition()) is None:
        if time.monotonic() > deadline:
            raise RefusedError(f"{what}: not within {WAIT_SECONDS:g} s")
        time.sleep(POLL_SECONDS)
    return answer


def start(canary: Canary, journal: Journal) -> None:
    """Start the daemons from their unit templates."""
    age(canary)
    for unit in canary.daemons:
        if run("systemctl", "start", unit).returncode:
            raise RefusedError(did_not_start(unit, journal.lines(unit)))
    if canary.is_stream:
        unit, place = canary.daemons[1], Path(parameter(canary, "smtpd_sasl_path"))

        def answering() -> bool | None:
            if run("systemctl", "is-active", unit).returncode:
                raise RefusedError(did_not_start(unit, journal.lines(unit)))
            return place.is_socket() or None

        wait_for(answering, f"{unit} opens no socket where Postfix looks for logins, {place}")


def did_not_start(unit: str, words: Sequence[str]) -> str:
    """Why a unit is down, in its own words and systemd's."""
    text = "\n".join(words[-QUOTED_LINES:])
    hint = ""
    if "-dkim@" in unit and "11/SEGV" in text:
        hint = "\n(opendkim crashes on any error in its SetupPolicyScript: look there first)"
    return f"{unit} does not start:\n{text}{hint}"


def complaints(canary: Canary, journal: Journal) -> list[str]:
    """Each warning, error, fatal and panic of the daemons that the canary did not provoke."""
    # postfix(1) check, which the unit runs first, logs or tells, and ends with 0 either way.
    lines = [*logged(canary).splitlines(), *journal.lines(canary.daemons[-1])]
    found = [
        re.sub(r"^.*? (\S+/\S+)\[\d+\]: ", r"\1: ", line)
        for line in lines
        if POSTFIX_COMPLAINT.search(line) and not PROVOKED.search(line)
    ]
    if canary.is_stream:
        signer, logins, _ = canary.daemons
        found += [
            f"opendkim: {re.sub(r'^[0-9A-Za-z]{10,}: ', '', line)}"
            for line in journal.lines(signer, "--priority=warning")
            if NO_KEY not in line
        ]
        found += [
            f"dovecot: {line}" for line in journal.lines(logins) if DOVECOT_COMPLAINT.search(line)
        ]
    return list(dict.fromkeys(found))


def logged(canary: Canary) -> str:
    """What the Postfix instance has logged so far."""
    return canary.log.read_text(errors="replace") if canary.log.exists() else ""


@contextmanager
def sink(canary: Canary, address: str, port: int) -> Iterator[None]:
    """smtp-sink(1), which takes all mail and writes each message to a file."""
    canary.sink.mkdir(mode=0o700)
    shutil.chown(canary.sink, "nobody")
    listen = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    template = f"{canary.sink}/message."
    with subprocess.Popen(["smtp-sink", "-u", "nobody", "-d", template, listen, "100"]) as process:
        try:
            wait_for(lambda: True if is_open(address, port) else None, f"smtp-sink at {listen}")
            yield
        finally:
            process.kill()


def is_open(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


# --- the staged stream, as its tables say it ----------------------------------------------------


@dataclass(frozen=True)
class Listener:
    """One smtpd(8) service of master.cf."""

    address: str
    port: int
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f"[{self.address}]:{self.port}"
            if ":" in self.address
            else f"{self.address}:{self.port}"
        )

    @property
    def takes_logins(self) -> bool:
        return self.options.get("smtpd_sasl_auth_enable") == "yes"

    @property
    def is_implicit_tls(self) -> bool:
        return self.options.get("smtpd_tls_wrappermode") == "yes"

    @property
    def master_row(self) -> str:
        options = "".join(f"    -o {name}={value}\n" for name, value in self.options.items())
        return f"{self} inet n - n - - smtpd\n{options}"


@dataclass(frozen=True)
class Login:
    """One submission login, and whom it may write as: whole addresses, or ``@domain`` for all."""

    name: str
    from_grants: tuple[str, ...]
    envelope_grants: tuple[str, ...]


@dataclass(frozen=True)
class Key:
    """One row of the key table."""

    domain: str
    selector: str
    path: Path


def listeners(canary: Canary) -> tuple[Listener, ...]:
    """The smtpd services of the staged master.cf."""
    rows = run("postconf", "-c", str(canary.config), "-M").stdout.splitlines()
    return tuple(
        listener(row) for row in rows if re.match(r"\S+\s+inet\s+(?:\S+\s+){5}smtpd\b", row)
    )


def listener(row: str) -> Listener:
    """The service of one row of ``postconf -M``."""
    host, _, port = row.split()[0].rpartition(":")
    options = (
        (braced or plain).partition("=")
        for braced, plain in re.findall(r"-o (?:\{ *(.*?) *\}|(\S+))", row)
    )
    return Listener(
        host.strip("[]") or "127.0.0.1",
        int(port) if port.isdigit() else socket.getservbyname(port, "tcp"),
        {name.strip(): value.strip() for name, _, value in options},
    )


def table(place: Path) -> list[list[str]]:
    """The rows of a table, as words."""
    lines = place.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return [line.split() for line in lines if line.strip() and not line.startswith("#")]


def keys(canary: Canary) -> dict[str, Key]:
    """The keys of the staged key table, by their domains."""
    found = {}
    for row in table(canary.folder / "key.table"):
        parts = row[-1].split(":", 2)
        if len(row) != 2 or len(parts) != 3:
            raise RefusedError(f"key.table: not NAME DOMAIN:SELECTOR:KEY: {' '.join(row)}")
        found[parts[0]] = Key(parts[0], parts[1], Path(parts[2]))
    return found


def public_key(key: Key) -> bytes:
    """The public half of a key, as DER; RefusedError where there is none."""
    command = ("openssl", "pkey", "-in", str(key.path), "-pubout", "-outform", "DER")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise RefusedError(f"key.table: {key.path} holds no private key: {words}")
    return done.stdout


def check_key(key: Key) -> None:
    """An RSA key of a size that receivers accept (RFC 8301 §3.2)."""
    show = ("openssl", "pkey", "-pubin", "-inform", "DER", "-noout", "-text_pub")
    done = subprocess.run(show, input=public_key(key), capture_output=True, check=False)
    bits = re.search(rb"Public-Key: \((\d+) bit", done.stdout)
    if bits is None or b"Modulus" not in done.stdout:
        raise RefusedError(
            f"key.table: {key.path} is no RSA key, and this OpenDKIM signs with none other"
        )
    if int(bits.group(1)) < MINIMUM_KEY_BITS:
        raise RefusedError(
            f"key.table: {key.path} has {int(bits.group(1))} bits, fewer than {MINIMUM_KEY_BITS}"
        )


# policy.lua is made by the same hand as this program: one line for each login.
_GRANTS = re.compile(r'^\s*\[ "([^"]+)" \] = \{(.*)\},$', re.MULTILINE)


def logins(canary: Canary) -> tuple[Login, ...]:
    """The logins that may submit, from the policy and from the envelope senders' table."""
    envelope: dict[str, list[str]] = {}
    for sender, *names in table(canary.config / "sender_logins"):
        for name in " ".join(names).replace(",", " ").split():
            envelope.setdefault(name, []).append(sender)
    policy = (canary.folder / "policy.lua").read_text(encoding="utf-8")
    grants = {name: re.findall(r'\[ "([^"]+)" \]', text) for name, text in _GRANTS.findall(policy)}
    return tuple(
        Login(row[0].partition(":")[0], tuple(grants.get(name, ())), tuple(envelope.get(name, ())))
        for row in table(canary.folder / "users")
        for name in (row[0].partition(":")[0],)
    )


def address_in(grant: str) -> str:
    """One address that the grant admits."""
    return f"canary{grant}" if grant.startswith("@") else grant


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()


def may_write(login: Login, address: str) -> bool:
    return address in login.from_grants or f"@{domain_of(address)}" in login.from_grants


def set_password(canary: Canary, password: str) -> None:
    """A password of the canary's own for every login. The staged hashes become the second file,
    where a wrong password has to get past them."""
    users = canary.folder / "users"
    staged = users.read_text(encoding="utf-8")
    names = [row[0].partition(":")[0] for row in table(users)]
    users.write_text("".join(f"{name}:{{PLAIN}}{password}\n" for name in names), encoding="utf-8")
    (canary.folder / "users.next").write_text(staged, encoding="utf-8")


def closing_line(canary: Canary) -> str:
    """What a closed stream answers (stream.main.cf); empty when it is open."""
    found = re.search(
        r"static:\{(451 [^}]* is closed[^}]*)\}", parameter(canary, "smtpd_relay_restrictions")
    )
    return found.group(1) if found else ""


def opened(canary: Canary, staged: Sequence[Listener]) -> tuple[Listener, ...]:
    """Listeners of the canary's own, for what the staged ones do not let it try: the same options,
    but a closed stream is open, and without a certificate a login needs no TLS."""
    submission = [one for one in staged if one.takes_logins]
    system = [one for one in staged if not one.takes_logins]
    relay = {"smtpd_relay_restrictions": "permit_sasl_authenticated,reject"}
    wanted = [dict(one.options) | relay for one in submission] or [BARE | relay]
    wanted += [
        dict(one.options)
        | {"smtpd_relay_restrictions": one.options["smtpd_recipient_restrictions"]}
        for one in system
        if "smtpd_recipient_restrictions" in one.options
    ]
    made = tuple(
        Listener("127.0.0.1", OPENED_PORT + number, options)
        for number, options in enumerate(wanted)
    )
    with (canary.config / "master.cf").open("a", encoding="utf-8") as master:
        master.writelines(one.master_row for one in made)
    return made


def lone_lists(canary: Canary) -> tuple[Listener, ...]:
    """A listener for each restriction list, which asks nothing else: smtpd(8) reads a list only as
    far as the first word that decides, and finds a misspelt word only there."""
    made = tuple(
        Listener("127.0.0.1", LONE_PORT + number, lone_options(name))
        for number, name in enumerate(LISTS)
    )
    with (canary.config / "master.cf").open("a", encoding="utf-8") as master:
        master.writelines(one.master_row for one in made)
    return made


def lone_options(name: str) -> dict[str, str]:
    # With no list at all that refuses relaying, smtpd(8) does not even start.
    last = "permit" if name == "recipient" else "reject"
    others = {f"smtpd_{other}_restrictions": "" for other in LISTS}
    others["smtpd_relay_restrictions"] = last
    del others[f"smtpd_{name}_restrictions"]
    return BARE | others


# --- dialogue -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """The last reply to one message: at which command, with which code and text."""

    command: str
    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text} (to {self.command})"

    @property
    def is_acceptance(self) -> bool:
        return self.command == "DATA" and self.code == 250


@dataclass(frozen=True)
class Mail:
    """The envelope of a message, and its From: header."""

    sender: str
    recipient: str
    from_address: str


@dataclass(frozen=True)
class Probe:
    """A message that must be refused, from a login, or from a client that has none."""

    what: str
    listener: Listener
    mail: Mail
    login: str = ""
    client: str = ""


def tls() -> ssl.SSLContext:
    # Names and trust are the certificate's own checks; here it is that its key and chain work.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def session(at: Listener, client: str = "") -> Iterator[smtplib.SMTP]:
    """An SMTP session, by TLS where that is offered; as ``client`` by XCLIENT (XCLIENT_README)."""
    try:
        smtp = (
            smtplib.SMTP_SSL(
                at.address, at.port, "canary.invalid", timeout=WAIT_SECONDS, context=tls()
            )
            if at.is_implicit_tls
            else smtplib.SMTP(at.address, at.port, "canary.invalid", timeout=WAIT_SECONDS)
        )
        with smtp:
            smtp.ehlo()
            if smtp.has_extn("starttls"):
                smtp.starttls(context=tls())
                smtp.ehlo()
            if client:
                code, text = smtp.docmd("XCLIENT", f"ADDR={client} NAME=[UNAVAILABLE]")
                if code != 220:
                    raise RefusedError(f"{at}: XCLIENT: {code} {text.decode(errors='replace')}")
                smtp.ehlo()
            yield smtp
    except (OSError, smtplib.SMTPException) as fault:
        raise RefusedError(f"{at}: {fault}") from None


def log_in(smtp: smtplib.SMTP, login: str, password: str) -> Answer:
    """AUTH PLAIN, and the reply to it."""
    secret = base64.b64encode(f"\0{login}\0{password}".encode()).decode()
    code, text = smtp.docmd("AUTH", f"PLAIN {secret}")
    return Answer("AUTH", code, text.decode(errors="replace"))


@contextmanager
def logged_in(at: Listener, login: str, password: str) -> Iterator[smtplib.SMTP]:
    """A session of one login."""
    with session(at) as smtp:
        answer = log_in(smtp, login, password)
        if answer.code != 235:
            raise RefusedError(f"{at}: login {login}: {answer}")
        yield smtp


def submit(smtp: smtplib.SMTP, sender: str, recipient: str, message: bytes) -> Answer:
    """Offer one message and return the refusal, or the acceptance of its text."""
    code, text = smtp.mail(sender)
    if code != 250:
        return Answer("MAIL", code, text.decode(errors="replace"))
    code, text = smtp.rcpt(recipient)
    if code != 250:
        return Answer("RCPT", code, text.decode(errors="replace"))
    try:
        code, text = smtp.data(message)
    except smtplib.SMTPDataError as refusal:
        code, text = refusal.smtp_code, refusal.smtp_error  # type: ignore[assignment]
    return Answer("DATA", code, text.decode(errors="replace"))


def letter(from_address: str, token: str) -> bytes:
    """A message as a shop's application writes it."""
    domain = domain_of(from_address)
    return (
        f"From: {from_address}\r\nTo: <{ELSEWHERE}>\r\nSubject: canary {token}\r\n"
        f"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <{token}@{domain}>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
        f"List-Unsubscribe: <https://{domain}/u/{token}>\r\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n"
        f"{BODY}\r\n"
    ).encode()


def sent(canary: Canary, queue_id: str) -> bool | None:
    """Whether the message (a pattern) has left; None on its way; RefusedError when it cannot."""
    log = logged(canary)
    if re.search(rf": {queue_id}: .*status=sent", log):
        return True
    stuck = re.search(rf": {queue_id}: (.*status=(?:deferred|bounced|expired) .*)", log)
    if stuck:
        raise RefusedError(f"a message was accepted and does not leave: {stuck.group(1)}")
    if is_broken(canary):
        raise RefusedError("a message was accepted and does not leave")
    return None


def is_broken(canary: Canary) -> bool:
    """Whether a Postfix daemon has given up; whoever talks to it waits for nothing."""
    return re.search(r" (?:fatal|panic): ", logged(canary)) is not None


def delivered(canary: Canary, answer: Answer, token: str) -> bytes:
    """The accepted message as the sink received it."""
    queued = re.search(r"queued as (\S+)", answer.text)
    if not answer.is_acceptance or not queued:
        raise RefusedError(f"refused: {answer}")
    queue_id = queued.group(1)
    wait_for(lambda: sent(canary, queue_id), f"{queue_id}: accepted, and not sent")

    def received() -> bytes | None:
        messages = (place.read_bytes() for place in canary.sink.iterdir())
        return next((raw for raw in messages if token.encode() in raw), None)

    return wait_for(received, f"{queue_id}: sent, and not at the sink")


def check_signature(raw: bytes, key: Key) -> None:
    """The message carries one signature of ``key`` that verifies, and that no change survives."""
    public = public_key(key)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    name = f"{key.selector}._domainkey.{key.domain}"

    def dns(asked: bytes, timeout: int = 0) -> bytes:
        return record if asked.decode().rstrip(".").lower() == name.lower() else b""

    def fault_of(message: bytes) -> str:
        try:
            return (
                ""
                if dkim.DKIM(message, minkey=MINIMUM_KEY_BITS).verify(dnsfunc=dns)
                else "it is wrong"
            )
        except dkim.DKIMException as fault:
            return str(fault)

    if b"\ndkim-signature:" not in raw.lower():
        raise RefusedError("it left without a signature")
    if fault := fault_of(raw):
        raise RefusedError(f"its signature by {name} does not verify with {key.path}: {fault}")
    if not fault_of(raw.replace(BODY.encode(), b"The canary lies.")):
        raise RefusedError(f"its signature by {name} also verifies a changed message")


def carry(canary: Canary, smtp: smtplib.SMTP, mail: Mail, key: Key) -> None:
    """One good message goes in, comes out, and verifies."""
    token = secrets.token_hex(8)
    try:
        answer = submit(smtp, mail.sender, mail.recipient, letter(mail.from_address, token))
        check_signature(delivered(canary, answer, token), key)
    except RefusedError as fault:
        raise RefusedError(f"a good message From: {mail.from_address}: {fault}") from None


def check_probe(probe: Probe, password: str) -> None:
    """A message that must be refused is refused."""
    with (
        logged_in(probe.listener, probe.login, password)
        if probe.login
        else session(probe.listener, probe.client)
    ) as smtp:
        mail = probe.mail
        message = letter(mail.from_address, secrets.token_hex(8))
        answer = submit(smtp, mail.sender, mail.recipient, message)
    if answer.is_acceptance:
        raise RefusedError(f"{probe.what} was accepted at {probe.listener}: {answer}")
    if probe.client and answer.command == "DATA":
        raise RefusedError(f"{probe.what} was let in at {probe.listener}, as far as {answer}")


def together(canary: Canary, tasks: Sequence[Callable[[], None]]) -> None:
    """Run tasks side by side, as long as the daemons live; raise every refusal as one."""

    def outcome(task: Callable[[], None]) -> str:
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


# --- what is tried ------------------------------------------------------------------------------


def check_stream(canary: Canary, journal: Journal) -> None:
    """Every listener, login and key carries mail that verifies; everything else is refused."""
    password = secrets.token_urlsafe(24)
    set_password(canary, password)
    staged = listeners(canary)
    closed = closing_line(canary)
    has_doors = any(one.takes_logins for one in staged)
    doors = opened(canary, staged) if closed or not has_doors else staged
    lists = lone_lists(canary)
    start(canary, journal)
    with sink(canary, sink_address(canary), SINK_PORT):
        together(
            canary,
            [
                *(partial(check_closed, canary, at, password) for at in staged if closed),
                *submission_tasks(canary, [at for at in doors if at.takes_logins], password),
                *system_tasks(canary, [at for at in doors if not at.takes_logins]),
                *list_tasks(lists),
            ],
        )


def check_closed(canary: Canary, at: Listener, password: str) -> None:
    """A closed stream defers, and says why to those who may log in."""
    if at.takes_logins:
        (login, *_) = logins(canary)
        mail, names = Mail(address_in(login.envelope_grants[0]), ELSEWHERE, ""), "is closed"
        door = logged_in(at, login.name, password)
    else:
        mail, names = system_mail(canary), ""
        door = session(at)
    with door as smtp:
        answer = submit(smtp, mail.sender, mail.recipient, b"")
    if not (answer.command == "RCPT" and 400 <= answer.code < 500 and names in answer.text):
        raise RefusedError(f"the stream is closed, and {at} answers {answer}")


def submission_tasks(
    canary: Canary, doors: Sequence[Listener], password: str
) -> Iterator[Callable[[], None]]:
    """What is tried at the listeners that take logins."""
    known, signing = logins(canary), keys(canary)
    if not known:
        return
    letters = good_letters(known, signing)

    def carried(at: Listener, login: Login, from_address: str) -> None:
        mail = Mail(address_in(login.envelope_grants[0]), ELSEWHERE, from_address)
        with logged_in(at, login.name, password) as smtp:
            carry(canary, smtp, mail, signing[domain_of(from_address)])

    first = letters[0]
    for at in doors:
        yield partial(carried, at, *first)
        yield partial(check_cleartext, at, first[0], password)
    for login in known:
        yield partial(check_wrong_password, doors[0], login)
    for login, from_address in letters[1:]:
        yield partial(carried, doors[0], login, from_address)
    for probe in submission_probes(doors[0], first[0], first[1], known, signing):
        yield partial(check_probe, probe, password)


def good_letters(known: Sequence[Login], signing: Mapping[str, Key]) -> list[tuple[Login, str]]:
    """Pairs of a login and a From: address of its own, so that each login and each key occurs."""
    pairs = [
        (login, address_in(grant))
        for login in known
        for grant in login.from_grants
        if login.envelope_grants and domain_of(grant) in signing
    ]
    for login in known:
        if not any(one is login for one, _ in pairs):
            raise RefusedError(
                f"login {login.name}: no From: address in policy.lua that a key signs, "
                "or no envelope sender in sender_logins"
            )
    by_login = {login.name: (login, address) for login, address in reversed(pairs)}
    by_key = {domain_of(address): (login, address) for login, address in reversed(pairs)}
    return list(dict.fromkeys([*by_login.values(), *by_key.values()]))


def submission_probes(
    at: Listener,
    login: Login,
    from_address: str,
    known: Sequence[Login],
    signing: Mapping[str, Key],
) -> Iterator[Probe]:
    """Everything that a submission listener must refuse."""
    sender = address_in(login.envelope_grants[0])
    own = domain_of(from_address)

    def mail(sender: str = sender, recipient: str = ELSEWHERE, header: str = from_address) -> Mail:
        return Mail(sender, recipient, header)

    yield Probe("a null sender", at, mail(sender=""), login.name)
    yield Probe("an envelope sender of nobody's", at, mail(sender=ELSEWHERE), login.name)
    yield Probe("From: another domain", at, mail(header=ELSEWHERE), login.name)
    # The last address is what the regular expression of header_checks sees.
    both = f"{ELSEWHERE}, {from_address}"
    yield Probe("From: two addresses", at, mail(header=both), login.name)
    strange = next((a for a in strange_addresses(login, known, signing)), "")
    if strange:
        yield Probe("From: an address of another login", at, mail(header=strange), login.name)
    yield Probe("mail without a login", at, mail())
    yield Probe("mail of a stranger", at, mail(), client=STRANGER)
    relayed = mail(sender=f"stranger@{domain_of(ELSEWHERE)}")
    yield Probe("relaying for a stranger", at, relayed, client=STRANGER)
    hack = mail(recipient=f"{ELSEWHERE.replace('@', '%')}@{own}")
    yield Probe("a %-hack of a stranger", at, hack, client=STRANGER)


def strange_addresses(
    login: Login, known: Sequence[Login], signing: Mapping[str, Key]
) -> Iterator[str]:
    """Addresses at signed domains that ``login`` may not write."""
    candidates = [address_in(grant) for one in known for grant in one.from_grants]
    candidates += [f"canary-nobody@{domain}" for domain in signing]
    return (one for one in candidates if not may_write(login, one))


def check_wrong_password(at: Listener, login: Login) -> None:
    with session(at) as smtp:
        answer = log_in(smtp, login.name, "not the password")
    if answer.code != 535:
        raise RefusedError(f"{at}: a wrong password is answered {answer}")


def check_cleartext(at: Listener, login: Login, password: str) -> None:
    """Where TLS is demanded, no login passes before it."""
    if at.is_implicit_tls or at.options.get("smtpd_tls_security_level") != "encrypt":
        return
    try:
        with smtplib.SMTP(at.address, at.port, "canary.invalid", timeout=WAIT_SECONDS) as smtp:
            smtp.ehlo()
            answer = log_in(smtp, login.name, password)
    except (OSError, smtplib.SMTPException) as fault:
        raise RefusedError(f"{at}: {fault}") from None
    if answer.code in (235, 334):
        raise RefusedError(f"{at}: a login without TLS is answered {answer}")


def system_mail(canary: Canary) -> Mail:
    """A message as root's and cron's arrive from the default instance."""
    sender = table(canary.config / "system_sender")[0][0]
    return Mail(sender, table(canary.config / "system_recipient")[0][0], sender)


def system_tasks(canary: Canary, doors: Sequence[Listener]) -> Iterator[Callable[[], None]]:
    """What is tried at the listener of the host's own mail: one sender, one recipient."""
    good = system_mail(canary)
    domain = domain_of(good.sender)
    signing = keys(canary)

    def carried(at: Listener) -> None:
        if domain not in signing:
            raise RefusedError(f"key.table has no key for the system sender, {good.sender}")
        with session(at) as smtp:
            carry(canary, smtp, good, signing[domain])

    other = f"canary-nobody@{domain}"
    for at in doors:
        yield partial(carried, at)
        for probe in (
            Probe("another sender", at, Mail(other, good.recipient, good.sender)),
            Probe("another recipient", at, Mail(good.sender, ELSEWHERE, good.sender)),
            Probe("From: another address", at, Mail(good.sender, good.recipient, other)),
            Probe(
                "mail of a stranger",
                at,
                Mail(good.sender, ELSEWHERE, good.sender),
                client=STRANGER,
            ),
        ):
            yield partial(check_probe, probe, "")


def list_tasks(lists: Sequence[Listener]) -> Iterator[Callable[[], None]]:
    """Strangers are refused behind each restriction list."""
    for name, at in zip(LISTS, lists, strict=True):
        what = f"mail of a stranger, by smtpd_{name}_restrictions alone,"
        mail = Mail(f"stranger@{domain_of(ELSEWHERE)}", ELSEWHERE, ELSEWHERE)
        yield partial(check_probe, Probe(what, at, mail, client=STRANGER), "")


def check_inbound(canary: Canary, journal: Journal) -> None:
    """Our own addresses get mail into their Maildirs; nobody else does, and nothing is relayed."""
    start(canary, journal)
    domains = parameter(canary, "virtual_mailbox_domains").replace(",", " ").split()
    if not domains:
        raise RefusedError("virtual_mailbox_domains is empty: this instance takes no mail at all")
    doors = listeners(canary)
    if not doors:
        raise RefusedError("master.cf has no smtpd service: this instance takes no mail at all")
    tasks: list[Callable[[], None]] = []
    for at in doors:
        tasks += [partial(check_mailbox, canary, at, to) for to in mailboxes(canary, domains)]
        hack = f"{ELSEWHERE.replace('@', '%')}@{domains[0]}"
        tasks += [
            partial(check_probe, Probe(what, at, Mail("", to, ELSEWHERE), client=client), "")
            for what, to, client in (
                ("relaying for the host itself", ELSEWHERE, ""),
                ("relaying for a stranger", ELSEWHERE, STRANGER),
                ("a %-hack of a stranger", hack, STRANGER),
                ("an unknown address", f"canary-nobody@{domains[0]}", STRANGER),
            )
        ]
    together(canary, tasks)


def mailboxes(canary: Canary, domains: Sequence[str]) -> Iterator[str]:
    """The addresses that have to be there: bounces where the table has them, postmaster always."""
    maps = parameter(canary, "virtual_mailbox_maps")
    for domain in domains:
        yield f"postmaster@{domain}"
        address = f"bounce@{domain}"
        if run("postmap", "-c", str(canary.config), "-q", address, maps).stdout.strip():
            yield address


def check_mailbox(canary: Canary, at: Listener, recipient: str) -> None:
    """A bounce to ``recipient`` is in a Maildir, unsigned."""
    token = secrets.token_hex(8)
    with session(at, STRANGER) as smtp:
        answer = submit(smtp, "", recipient, letter(ELSEWHERE, token))
    queued = re.search(r"queued as (\S+)", answer.text)
    if not answer.is_acceptance or not queued:
        raise RefusedError(f"a bounce to {recipient} was refused at {at}: {answer}")
    queue_id = queued.group(1)
    wait_for(lambda: sent(canary, queue_id), f"a bounce to {recipient}: accepted, not delivered")
    found = (place.read_bytes() for place in canary.mailboxes.rglob("new/*"))
    raw = next((raw for raw in found if token.encode() in raw), None)
    if raw is None:
        raise RefusedError(f"a bounce to {recipient} is in no Maildir")
    if b"\ndkim-signature:" in raw.lower():
        raise RefusedError(f"a bounce to {recipient} was signed: a signer here signs forgeries")


def check_default(canary: Canary, journal: Journal) -> None:
    """What sendmail(1) takes leaves to the relay host, from the one sender to the one reader."""
    relay = re.fullmatch(r"\[([\d.]+)\]:(\d+)", parameter(canary, "relayhost"))
    if relay is None:
        raise RefusedError("relayhost is not [IPV4 ADDRESS]:PORT: root's mail would go anywhere")
    start(canary, journal)
    with sink(canary, relay.group(1), int(relay.group(2))):
        token = secrets.token_hex(8)
        message = f"From: root (Cron Daemon)\nTo: root\nSubject: canary {token}\n\n{BODY}\n"
        handed = run("sendmail", "-C", str(canary.config), "-f", "root", ELSEWHERE, text=message)
        if handed.returncode or handed.stderr:
            raise RefusedError(f"sendmail: {handed.stderr.strip()}")

        wait_for(lambda: sent(canary, r"\w+"), "a message from sendmail: taken, and not sent")
        (place, *_) = canary.sink.iterdir()
        check_rewritten(canary, place.read_text(errors="replace"))


def check_rewritten(canary: Canary, received: str) -> None:
    """The sender and the recipient are the declared ones, whatever cron wrote."""
    sender = parameter(canary, "sender_canonical_maps").removeprefix("static:")
    recipient = parameter(canary, "recipient_canonical_maps").removeprefix("static:")
    for header, address in (
        ("X-Mail-Args", f"<{sender}>"),
        ("X-Rcpt-Args", f"<{recipient}>"),
        ("From", sender),
    ):
        line = re.search(rf"^{header}: (.*)$", received, re.MULTILINE)
        if line is None or address not in line.group(1):
            said = line.group(1) if line else "nothing"
            raise RefusedError(f"root's mail leaves with {header}: {said}, not {address}")


# --- the two halves of the program --------------------------------------------------------------


@contextmanager
def witnessed(canary: Canary, journal: Journal) -> Iterator[None]:
    """Add the daemons' own words to a refusal; refuse when nothing failed and they complained."""
    try:
        yield
    except RefusedError as fault:
        words = complaints(canary, journal)[:QUOTED_LINES]
        raise RefusedError("\n".join([str(fault), *words])) from None
    if words := complaints(canary, journal)[:QUOTED_LINES]:
        raise RefusedError("\n".join(["the daemons complain:", *words]))


def sing(canary: Canary, addresses: Sequence[str]) -> None:
    """The whole of the canary's life, inside its unit."""
    enter_network(addresses)
    copy_stage(canary)
    age(canary)
    check_tables(canary)
    overlay(canary)
    write_drop_ins(canary)
    checks = {"inbound": check_inbound, "default": check_default}
    journal = Journal.from_now()
    with witnessed(canary, journal):
        checks.get(canary.name, check_stream)(canary, journal)


def called(arguments: Sequence[str]) -> Canary | None:
    """The canary that the command line asks for; None where it is no such command line."""
    match list(arguments):
        case ["stream", name, stage] if re.fullmatch(r"[a-z0-9]+", name):
            canary = Canary(name, Path(stage).absolute())
            return canary if canary.is_stream else None
        case ["inbound" | "default" as name, stage]:
            return Canary(name, Path(stage).absolute())
    return None


def main(arguments: Sequence[str]) -> int:
    """0 for a good configuration, 1 for a refused one, 2 for a wrong call."""
    if arguments[:1] == ["--inside"]:
        _, name, stage, *addresses = arguments
        try:
            sing(Canary(name, Path(stage)), addresses)
        except RefusedError as refusal:
            print(refusal, file=sys.stderr)
            return REFUSED_STATUS
        return 0
    canary = called(arguments)
    if canary is None:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        with only_one(canary):
            status = launch(canary)
    except RefusedError as refusal:
        print(refusal, file=sys.stderr)
        return 1
    if status not in (0, REFUSED_STATUS):
        print(
            f"the canary of {canary.name} gave no verdict: it was ended, or took longer than "
            f"{LIFETIME_SECONDS} s",
            file=sys.stderr,
        )
    return 0 if status == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
