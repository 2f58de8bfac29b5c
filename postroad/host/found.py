"""What a host is like now, as one frozen record read by one command.

Asking file by file costs a round trip each: ten unchanged files took 5.2 s at 50 ms. `probe`
builds one shell script that reads everything the manifest and the roles want to know, and `parse`
turns its output into a `HostState`. Both are pure; `postroad.roles.run.facts.host` runs it.
"""

from __future__ import annotations

import binascii
import shlex
from base64 import b64decode
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address

from postroad.host import ground
from postroad.host.paths import ACME_RENEWAL, ADOPTED, CERTIFICATE_FAULT, OPENED
from postroad.mail import return_paths
from postroad.mail.before import listeners, queues
from postroad.mail.before.listeners import Listener
from postroad.mail.firewall.read import STATE_COMMAND, FirewallState, parse_state
from postroad.mail.leaving import instances as taken_away

MARK = "@@postroad "

# What stands behind each part: a shell that cannot fork ends in the middle of its own, and of no
# other, and what it did not come to would read as what is not there.
PART_ENDS = ("end-names", "end-services", "end-mail", "end-certificates")
# In the place of the units where systemd does not answer: silence would read as no unit at all.
SILENT = "silent"

# What certbot(1) keeps of how it renews a certificate; the rest of its file are paths and hooks.
RENEWAL = (
    "server",
    "authenticator",
    "reuse_key",
    "dns_rfc2136_credentials",
    "dns_rfc2136_propagation_seconds",
)


@dataclass(frozen=True, slots=True)
class FileState:
    """One path: ``kind`` is file, directory, symlink or other; ``sha256`` only of a file."""

    kind: str
    owner: str
    group: str
    mode: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class UnitState:
    """One systemd unit, in systemd's own words (systemctl show).

    ``active`` is its ActiveState, and ``auto-restart`` while systemd tries it again and again: the
    ActiveState is then *activating*, as that of a unit which is about to run. ``is_back`` is one
    that runs, since systemd has started it again within the last STEADY seconds: who dies at once
    is seen in between as one who runs. ``is_young`` is any that runs for no longer. ``is_frozen``
    has a process that a signal has stopped (SIGSTOP, signal(7)): it runs, and does nothing.
    """

    load: str
    active: str
    unit_file: str
    needs_reload: bool
    is_back: bool = False
    # Of one moment: the same unit is not another one for it.
    is_young: bool = field(default=False, compare=False)
    is_frozen: bool = False


@dataclass(frozen=True, slots=True)
class KeyLife:
    """What has become of a DKIM key so far: times of the epoch, by the host's own clock.

    ``visible`` is when the world was first seen to see it, ``active`` when it began to sign,
    ``revoked`` when its private half was destroyed, ``withdrawn`` since when it wants no record,
    ``orphaned`` since when its domain is none of its stream's any more.
    """

    visible: float | None = None
    active: float | None = None
    revoked: float | None = None
    withdrawn: float | None = None
    orphaned: float | None = None


@dataclass(frozen=True, slots=True)
class KeyState:
    """A DKIM key on the host: its selector is its file's name.

    ``public_key`` is base64 of the SubjectPublicKeyInfo; empty where the private half is none, or
    is gone (``life.revoked``).
    """

    stream: str
    domain: str
    selector: str
    public_key: str
    life: KeyLife = KeyLife()

    def __str__(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"


@dataclass(frozen=True, slots=True)
class CertificateState:
    """The certificate the instances read: its names, and seconds until it ends (host's clock).

    ``renewal`` is what certbot(1) remembers of how it renews it; empty where it does not.
    ``public_key`` is base64 of the SubjectPublicKeyInfo; empty where openssl could not tell.
    ``key_fault`` is why its private key cannot be used with it; empty where it can.
    """

    names: frozenset[str]
    seconds_left: int
    renewal: Mapping[str, str] = field(default_factory=dict)
    public_key: str = ""
    key_fault: str = ""

    @property
    def spki_sha256(self) -> str:
        """sha256 (hexadecimal) of the SubjectPublicKeyInfo; empty where that is not known."""
        try:
            octets = b64decode(self.public_key, validate=True)
        except (binascii.Error, ValueError):
            octets = b""
        return sha256(octets).hexdigest() if octets else ""


@dataclass(frozen=True, slots=True)
class HostState:
    """Everything the roles want to know of a host. A bare host has empty fields, never faults.

    ``queued_elsewhere`` are numbers of messages, by the mail server that has them
    (`postroad.mail.before.queues`); ``adopted`` are the components that have once been made true;
    ``offered_keys`` the bits of key files that are to be taken over, 0 of one that holds no key;
    ``has_user_namespaces`` is whether root may make one there (user_namespaces(7)).
    ``var_free_inodes`` is None where the file system makes them as it needs them (btrfs).
    ``opened`` has the lines of each stream's latch (`postroad.mail.standing`).
    ``sockets`` are the places by which daemons are reached, None where one is not there.
    """

    uid: int
    clock: float
    distribution: str
    release: str
    container: bool
    var_free_kib: int
    hostname: str
    addresses: frozenset[IPv4Address | IPv6Address]
    files: Mapping[str, FileState] = field(repr=False)
    units: Mapping[str, UnitState] = field(repr=False)
    packages: Mapping[str, str] = field(repr=False)
    users: Mapping[str, int] = field(repr=False)
    groups: Mapping[str, int] = field(repr=False)
    stamps: Mapping[str, str] = field(repr=False)
    postfix_version: str
    postfix_is_wrapper: bool
    postfix_parameters: frozenset[str] = field(repr=False)
    dovecot_version: str
    keys: tuple[KeyState, ...]
    certificate: CertificateState | None
    certificate_fault: str
    firewall: FirewallState = field(repr=False)
    listeners: tuple[Listener, ...] = field(repr=False)
    queued_elsewhere: Mapping[str, int] = field(default_factory=dict)
    adopted: frozenset[str] = frozenset()
    offered_keys: Mapping[str, int] = field(default_factory=dict)
    leaving: tuple[taken_away.Instance, ...] = ()
    has_user_namespaces: bool = True
    var_free_inodes: int | None = None
    opened: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    sockets: Mapping[str, FileState | None] = field(default_factory=dict, repr=False)
    ground: ground.Ground = field(default_factory=ground.Ground, repr=False)
    return_paths: return_paths.Marks = field(default_factory=return_paths.Marks)


def blank() -> HostState:
    """A host of which nothing is known: what the shape of a component is read against."""
    return HostState(
        uid=0,
        clock=0.0,
        distribution="",
        release="",
        container=False,
        var_free_kib=0,
        hostname="",
        addresses=frozenset(),
        files={},
        units={},
        packages={},
        users={},
        groups={},
        stamps={},
        postfix_version="",
        postfix_is_wrapper=False,
        postfix_parameters=frozenset(),
        dovecot_version="",
        keys=(),
        certificate=None,
        certificate_fault="",
        firewall=FirewallState(),
        listeners=(),
    )


@dataclass(frozen=True, slots=True, repr=False)
class Questions:
    """What to ask beyond what is always asked. ``ground`` is `postroad.host.ground.probe`."""

    paths: Sequence[str]
    units: Sequence[str]
    packages: Sequence[str]
    users: Sequence[str]
    postfix_parameters: Sequence[str]
    offered_keys: Sequence[str]
    absent_instances: Sequence[str]
    key_folder: str
    certificate: str
    stamp_folder: str
    certificate_key: str = ""
    sockets: Sequence[str] = ()
    ground: str = ""

    def __repr__(self) -> str:
        return f"{len(self.paths)} paths, {len(self.units)} units, {len(self.packages)} packages"


def _words(values: Iterable[str]) -> str:
    return " ".join(shlex.quote(v) for v in values)


def probe(ask: Questions) -> str:
    """A POSIX shell script (run as root) whose output `parse` reads.

    It changes nothing and succeeds on a host that has none of the programs it would like to ask.
    What they say to standard error is kept: whether a program could not start is seen there alone
    (`postroad.host.question.fault`), and else it would read as what it did not tell.
    """
    return "\n".join(
        [
            "export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            f"m() {{ echo; echo '{MARK}'\"$1\"; }}",
            _side_by_side(
                f"{part}\nm {end}"
                for end, part in zip(
                    PART_ENDS,
                    (_files_and_names(ask), _services(ask), _mail(ask), _certificates(ask)),
                    strict=True,
                )
            ),
            "m end; true",
        ]
    )


def _side_by_side(parts: Iterable[str]) -> str:
    """Shell that runs ``parts`` at once and prints what each says as a whole, in any order.

    A pipeline starts all its commands together (POSIX shell, 2.9.2); each says its own part and
    hands on what comes from the left. No temporary files, and nothing to wait for by hand.
    """
    return " | ".join(["true", *(f"{{ {{ {part}\n}} </dev/null; cat; }}" for part in parts)])


_STAT = "%n|%F|%U|%G|%a"

# A line of a key's life; a file that says anything else was not written by a run.
_LIFE = r"^(visible|active|revoked|withdrawn|orphaned) [0-9]+(\.[0-9]+)?$"


def _key_places(folder: str) -> str:
    """find(1) for what is where keys are kept. It goes through no link, as a pattern of the shell
    does: what the signer's user could once make there may lead anywhere, or never end (fifo(7)).
    """
    odd = "-name '*[!A-Za-z0-9._-]*'"
    return f"find {folder} -mindepth 2 -maxdepth 4 {odd} -prune -o -path '{folder}/*/keys*'"


def _files_and_names(ask: Questions) -> str:
    keys = shlex.quote(ask.key_folder)
    return "\n".join(
        [
            # A line each, whatever is missing: Debian's testing has no VERSION_ID (os-release(5)).
            "m host; id -u; date +%s.%N; ([ ! -r /etc/os-release ] || . /etc/os-release",
            'echo "${ID:-unknown}"; echo "${VERSION_ID:-unknown}")',
            "systemd-detect-virt -c -q && echo container || echo machine",
            "df -Pk /var | awk 'NR==2 {print $4}'; cat /proc/sys/kernel/hostname",
            "m inodes; df -Pi /var | awk 'NR==2 && $2 > 0 {print $4}'",
            'm addresses; ip -o addr show | awk \'{sub("/.*","",$4); print $4}\'',
            f"m files; stat -c '{_STAT}' {_words(ask.paths)}",
            f"{_key_places(keys)} -exec stat -c '{_STAT}' {{}} +",
            # Only of what is there: not every sha256sum goes on after a file that is missing.
            f"m hashes; find {_words(ask.paths)} -maxdepth 0 -type f -exec sha256sum {{}} +",
            f'm users; for u in {_words(ask.users)}; do echo "$u $(id -u $u)"; done',
            f'm groups; for u in {_words(ask.users)}; do echo "$u $(id -g $u)"; done',
            f"m stamps; cd {shlex.quote(ask.stamp_folder)} && grep -H . *",
            f"m opened; cd {OPENED} && grep -H . *",
            f"m adopted; ls {ADOPTED}",
            f"m return-paths; {return_paths.probe()}",
            "m user-namespaces; unshare --user true || echo none",
        ]
    )


_UNIT_FACTS = (
    "Id,LoadState,ActiveState,SubState,NRestarts,UnitFileState,NeedDaemonReload,"
    "ActiveEnterTimestampMonotonic"
)


# The services of processes that a signal has stopped. Below user.slice anybody may have a unit of
# any name (cgroups(7)).
_FROZEN = (
    "for f in $(grep -ls '^State:[[:space:]]*T (stopped)' /proc/[0-9]*/status); do "
    "sed -n 's,^[0-9]*:[^:]*:/system\\.slice/\\(.*/\\)\\{0\\,1\\}\\([^/]*\\.service\\)$,\\2,p' "
    '"${f%status}cgroup"; done 2>/dev/null'
)


def _services(ask: Questions) -> str:
    return "\n".join(
        [
            "m units; sed 's/^/Uptime=/; s/ .*//' /proc/uptime",
            f"systemctl show -p {_UNIT_FACTS} -- {_words(ask.units)} || "
            f"! command -v systemctl >/dev/null || echo {SILENT}",
            f"m frozen; {_FROZEN}",
            f"m sockets; for s in {_words(ask.sockets)}; do",
            f'stat -c \'{_STAT}\' "$s" 2>/dev/null || echo "$s"; done',
            f"m firewall; ({STATE_COMMAND})",
            f"m listeners; {listeners.COMMAND}",
            f"m queued-elsewhere; {queues.probe()}",
            f"m leaving\n{taken_away.probe(ask.absent_instances)}",
        ]
    )


def _mail(ask: Questions) -> str:
    return "\n".join(
        [
            "m postfix; postconf -dh mail_version",
            "systemctl cat postfix.service | grep '^ExecStart=/bin/true'",
            f"m parameters; postconf -d {_words(ask.postfix_parameters)}",
            "m dovecot; dovecot --version",
            "m packages; dpkg-query -W -f '${Package}|${db:Status-Status}|${Version}\\n' "
            f"{_words(ask.packages)}",
        ]
    )


def _certificates(ask: Questions) -> str:
    keys = shlex.quote(ask.key_folder)
    chain, key = shlex.quote(ask.certificate), shlex.quote(ask.certificate_key)
    remembered = "|".join(RENEWAL)
    return "\n".join(
        [
            f"m offered-keys; for f in {_words(ask.offered_keys)}; do",
            '[ -f "$f" ] && command -v openssl >/dev/null || continue',
            'said=$(openssl pkey -in "$f" -passin pass: -noout -text | head -1)',
            "bits=$(echo \"$said\" | sed -n 's/.*[^0-9]\\([0-9][0-9]*\\) bit.*/\\1/p')",
            'echo "$f ${bits:-0}"; done',
            f"m keys; for f in $({_key_places(keys)} -type f -name '*.pem' -print); do",
            'echo "$f $(openssl pkey -in "$f" -pubout -outform DER | base64 -w0)"',
            "done",
            f"m lives; {_key_places(keys)} -type f -name '*.life' "
            f"-exec grep -HE -D skip {shlex.quote(_LIFE)} /dev/null {{}} +",
            # Asked once for all: openssl takes longer to start than all the rest together.
            f"m certificate; if [ -f {chain} ]; then",
            f"openssl x509 -in {chain} -noout -pubkey -ext subjectAltName -enddate; fi",
            f"m certificate-key; if [ -f {chain} ] && [ -n {key} ]; then",
            f"if [ ! -e {key} ]; then echo gone; else",
            f"openssl pkey -in {key} -passin pass: -pubout || echo none; fi; fi",
            f"m certificate-fault; cat {CERTIFICATE_FAULT}",
            f"m renewal; grep -E '^({remembered}) = ' {ACME_RENEWAL}",
            ask.ground,
        ]
    )


def _sections(output: Iterable[str]) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in output:
        if line.startswith(MARK):
            current = sections.setdefault(line[len(MARK) :].strip(), [])
        elif line.strip():
            current.append(line.rstrip("\n"))
    return sections


# What systemd calls a unit that failed and will be tried again (later: auto-restart-queued, too).
_RETRIES = "auto-restart"
# Seconds after which a daemon has shown that it runs.
STEADY = 5

_KINDS = {
    "regular file": "file",
    "regular empty file": "file",
    "directory": "directory",
    "symbolic link": "symlink",
}


def _files(stats: Iterable[str], hashes: Iterable[str]) -> dict[str, FileState]:
    digests = {path.lstrip("*"): digest for digest, _, path in (h.partition(" ") for h in hashes)}
    digests = {path.strip(): digest for path, digest in digests.items()}
    files = {}
    for line in stats:
        path, kind, owner, group, mode = line.rsplit("|", 4)
        files[path] = FileState(
            _KINDS.get(kind, "other"), owner, group, int(mode, 8), digests.get(path, "")
        )
    return files


def _sockets(lines: Iterable[str]) -> dict[str, FileState | None]:
    told = tuple(lines)
    there: dict[str, FileState | None] = {**_files((line for line in told if "|" in line), ())}
    return there | {line: None for line in told if "|" not in line}


def _active(facts: Mapping[str, str]) -> str:
    active = facts.get("ActiveState", "")
    waits = facts.get("SubState", "").startswith(_RETRIES)
    # Between two waits it is just being started, as a unit is that never failed.
    tries_again = active == "activating" and facts.get("NRestarts", "0") != "0"
    return _RETRIES if waits or tries_again else active


def _is_young(facts: Mapping[str, str], uptime: float) -> bool:
    since = int(facts.get("ActiveEnterTimestampMonotonic", "0")) / 1_000_000
    return facts.get("ActiveState") == "active" and uptime - since < STEADY


def _is_back(facts: Mapping[str, str], uptime: float) -> bool:
    return facts.get("NRestarts", "0") != "0" and _is_young(facts, uptime)


def _units(lines: Iterable[str], frozen: Collection[str]) -> dict[str, UnitState]:
    units: dict[str, UnitState] = {}
    facts: dict[str, str] = {}
    uptime = 0.0

    def keep() -> None:
        if facts.get("Id") and facts.get("LoadState") != "not-found":
            units[facts["Id"]] = UnitState(
                facts.get("LoadState", ""),
                _active(facts),
                facts.get("UnitFileState", ""),
                facts.get("NeedDaemonReload") == "yes",
                _is_back(facts, uptime),
                _is_young(facts, uptime),
                facts["Id"] in frozen,
            )

    for line in lines:
        key, _, value = line.partition("=")
        if key == "Uptime":
            uptime = float(value)
            continue
        if key in facts:
            keep()
            facts = {}
        facts[key] = value
    keep()
    return units


def _numbers(lines: Iterable[str]) -> dict[str, int]:
    # From the right: the first part may be a path, with spaces in it.
    return {
        parts[0]: int(parts[1])
        for line in lines
        if len(parts := line.rsplit(maxsplit=1)) == 2 and parts[1].isdecimal()
    }


def _keys(lines: Iterable[str], lives: Iterable[str]) -> tuple[KeyState, ...]:
    halves = {path.removesuffix(".pem"): public for path, _, public in _split(lines, " ")}
    marks: dict[str, dict[str, float]] = {}
    for path, _, mark in _split(lives, ":"):
        name, _, time = mark.partition(" ")
        marks.setdefault(path.removesuffix(".life"), {})[name] = _time(time)
    keys = []
    for path in sorted({*halves, *marks}):
        stream, _, domain, selector = path.split("/")[-4:]
        life = KeyLife(**marks.get(path, {}))
        # Marks of a key whose file is lost tell nothing; those of a revoked one are all there is.
        if path in halves or life.revoked is not None:
            keys.append(KeyState(stream, domain, selector, halves.get(path, ""), life))
    return tuple(sorted(keys, key=lambda k: (k.stream, k.domain, k.selector)))


def _opened(lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    opened: dict[str, list[str]] = {}
    for stream, _, verified in _split(lines, ":"):
        opened.setdefault(stream, []).append(verified)
    return {stream: tuple(verified) for stream, verified in opened.items()}


# As openssl(1) prints it, whatever the language (ASN1_TIME_print(3)).
_END = "notAfter=%b %d %H:%M:%S %Y GMT"

_PEM_BEGIN, _PEM_END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"


def _split(lines: Iterable[str], mark: str) -> Iterator[tuple[str, str, str]]:
    return (line.partition(mark) for line in lines)


def _certificate(
    lines: Sequence[str], renewal: Sequence[str], key: Sequence[str], clock: float
) -> CertificateState | None:
    ends = next((line for line in lines if line.startswith("notAfter=")), "")
    try:
        end = datetime.strptime(ends, _END).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
    names = {
        part.strip().removeprefix("DNS:")
        for line in lines
        for part in line.split(",")
        if part.strip().startswith("DNS:")
    }
    remembered = (line.partition(" = ") for line in renewal)
    renewal_of = {key.strip(): _unquoted(value.strip()) for key, _, value in remembered}
    public_key = _public_key(lines)
    fault = _key_fault(key, public_key)
    return CertificateState(frozenset(names), int(end - clock), renewal_of, public_key, fault)


def _key_fault(key: Sequence[str], public_key: str) -> str:
    """Why the private key, of which this was told, cannot be used; empty where nothing was."""
    if not key:
        return ""
    if key[-1] == "gone":
        return "is not there"
    found = _public_key(key)
    if not found:
        return "is no private key"
    return "does not fit it" if public_key and found != public_key else ""


def _unquoted(value: str) -> str:
    """A value as certbot reads it: ConfigObj writes one with a comma in quotation marks."""
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if is_quoted else value


def _public_key(lines: Sequence[str]) -> str:
    """The body of the PEM block (RFC 7468 §13) among ``lines``; empty where there is none."""
    if _PEM_BEGIN not in lines or _PEM_END not in lines:
        return ""
    return "".join(lines[lines.index(_PEM_BEGIN) + 1 : lines.index(_PEM_END)])


def _time(text: str) -> float:
    """A time of the epoch, in seconds. ValueError for what is none, as nan."""
    time = float(text)
    if not 0 <= time < 2**40:
        raise ValueError("a time is none")
    return time


def parse(output: Iterable[str]) -> HostState:
    """The `HostState` that the output of `probe` tells; ValueError where it was cut off."""
    said = _sections(output)
    if not {"end", *PART_ENDS} <= set(said):
        raise ValueError("the host's answer was cut off before its end")
    if SILENT in said["units"]:
        raise ValueError("systemd does not answer there (systemctl show)")
    uid, clock, distribution, release, virt, free, hostname = said["host"]
    return HostState(
        uid=int(uid),
        clock=_time(clock),
        distribution=distribution,
        release=release,
        container=virt == "container",
        var_free_kib=int(free),
        has_user_namespaces=said["user-namespaces"] != ["none"],
        var_free_inodes=int(said["inodes"][0]) if said.get("inodes") else None,
        hostname=hostname,
        addresses=frozenset(ip_address(a) for a in said["addresses"]),
        opened=_opened(said.get("opened", [])),
        files=_files(said["files"], said["hashes"]),
        units=_units(said["units"], said.get("frozen", [])),
        packages={
            name: version
            for name, status, version in (line.split("|") for line in said["packages"])
            if status == "installed"
        },
        users=_numbers(said["users"]),
        groups=_numbers(said["groups"]),
        stamps={
            name: digest for name, _, digest in (line.partition(":") for line in said["stamps"])
        },
        postfix_version=said["postfix"][0] if said["postfix"] else "",
        postfix_is_wrapper=len(said["postfix"]) > 1,
        postfix_parameters=frozenset(line.partition(" ")[0] for line in said["parameters"]),
        dovecot_version=said["dovecot"][0].split()[0] if said["dovecot"] else "",
        keys=_keys(said["keys"], said["lives"]),
        certificate=_certificate(
            said["certificate"], said["renewal"], said.get("certificate-key", []), _time(clock)
        ),
        certificate_fault=" ".join(said.get("certificate-fault", [])),
        firewall=parse_state("\n".join(said["firewall"])),
        listeners=tuple(listeners.parse(said["listeners"])),
        queued_elsewhere=_numbers(said.get("queued-elsewhere", [])),
        adopted=frozenset(said.get("adopted", [])),
        offered_keys=_numbers(said.get("offered-keys", [])),
        leaving=taken_away.parse(said.get("leaving", [])),
        sockets=_sockets(said.get("sockets", [])),
        ground=ground.parse(said),
        return_paths=return_paths.parse(said.get("return-paths", [])),
    )
