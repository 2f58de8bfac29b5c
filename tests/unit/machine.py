"""A host of paper: it answers what a run asks, and what a run does to it is done.

Not a shell: it knows the commands that the roles send, and refuses every other one. What a script
does on a real host is tested in test_component.py; here a component's script makes it true.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar, cast

from pyinfra.api.host import Host as PyinfraHost

from postroad.host import programs, question
from postroad.host.component import Component
from postroad.host.found import MARK, PART_ENDS, FileState, HostState, UnitState, blank
from postroad.host.paths import (
    MAILBOX_USER,
    OPENED,
    VERSION_FILE,
    WORLD_SEES,
    key_folder,
    key_path,
    life_path,
    opened_path,
    stream_folder,
)
from postroad.host.question import Question
from postroad.mail import return_paths
from postroad.mail.before.listeners import LISTENERS
from postroad.mail.before.queues import QUEUED_ELSEWHERE
from postroad.mail.certificate import CERTIFICATE, CertificateState, wanted_renewal
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.firewall.read import (
    ROLLBACK_UNIT,
    FirewallState,
    Status,
    parse_connection,
)
from postroad.mail.firewall.rule import Rule, parse_rule
from postroad.mail.parts.order import parts
from postroad.mail.return_paths import RETURN_PATHS, RETURNED, RETURNING, Marks
from postroad.mail.signing.found import KEYS, OFFERED_KEYS, KeyState
from postroad.mail.signing.keys import OWNER, wanted_keys
from postroad.mail.software import SOFTWARE, packages
from postroad.mail.standing import LATCHES
from postroad.mail.version import CONVERGED_BY
from postroad.roles.run import made
from postroad.roles.run.facts.contents import Contents
from postroad.roles.run.facts.host import State
from postroad.roles.run.facts.world import Seen, WorldSees
from postroad.roles.run.site import Site
from postroad.settings.model import AcmeTls, Estate, Host, SuppliedTls
from tests.unit import estates
from tests.unit.declarations import Declaration
from tests.unit.states import ASKED, altered
from tests.unit.test_dns.estates import public_key

T = TypeVar("T")

_STAGED = re.compile(r"^stage=/run/postroad/stage/(\S+)$", re.MULTILINE)
_POLICY_WORDS = {"allow": "ACCEPT", "deny": "DROP", "reject": "REJECT"}
INSTALLED_UFW = Status(
    enabled=False,
    loaded=False,
    ipv6=True,
    incoming="deny",
    outgoing="allow",
    routed="deny",
    logging="low",
)
LEASED = 90 * 86400


_NOTHING_WAITS: dict[str, object] = {
    "messages": 0,
    "octets": 0,
    "oldest": None,
    "groups": [],
    "why": "",
}


class UnknownCommandError(AssertionError):
    """The run sent what no role is known to send."""


def bare(estate: Estate, host: Host) -> HostState:
    """A fresh Debian 12: reachable, with its addresses, and nothing of ours."""
    return altered(
        blank(),
        clock=time.time(),
        distribution="debian",
        release="12",
        var_free_kib=8 * 1024 * 1024,
        hostname="localhost",
        addresses=frozenset((*host.addresses, *(a for w in host.ways_out for a in w.addresses))),
        firewall=FirewallState(connection=parse_connection("198.51.100.7 50000 192.0.2.11 22")),
    )


def made_true(state: HostState, component: Component) -> HostState:
    """The host after a component's script has run to its end."""
    gone = {*component.absent, *component.left}
    files = {path: f for path, f in state.files.items() if path not in gone}
    for d in component.directories:
        files[d.path] = FileState("directory", d.owner, d.group, d.mode)
    for f in component.files:
        files[f.path] = FileState("file", f.owner, f.group, f.mode, f.sha256)
    units = dict(state.units)
    for unit in component.units:
        units[unit.name] = UnitState("loaded", "active", "enabled", needs_reload=False)
    for name in component.masked:
        units[name] = UnitState("masked", "inactive", "masked", needs_reload=False)
    by = state[CONVERGED_BY]
    for f in component.files:
        if f.path == VERSION_FILE:
            by = f.content.decode().strip()
    opened = {s: lines for s, lines in state[LATCHES].items() if opened_path(s) in files}
    for f in component.files:
        if f.path.startswith(f"{OPENED}/"):
            opened[component.name] = tuple(f.content.decode().splitlines())
    stamps = {**state.stamps, component.name: component.digest}
    adopted = state.adopted | {component.name}
    return altered(
        state,
        files=files,
        units=units,
        stamps=stamps,
        adopted=adopted,
        opened=opened,
        converged_by=by,
    )


@dataclass
class Machine:
    """One host. ``world`` is why its resolver cannot verify it, empty when it can.

    ``happened`` names what was done to it, in order; ``dies_at`` is how many of those it survives.
    ``readings`` says of each how often the host's state had been read before it.
    """

    declared: Declaration = field(repr=False)
    name: str = "mail1"
    world: str = ""
    authority: bool = True
    port25: str = "open"
    dies_at: int | None = None
    clock_ahead: float = 0.0
    base: Path = Path("/nowhere")
    state: HostState = field(default_factory=blank, repr=False)
    sent: list[str] = field(default_factory=list, repr=False)
    scripts: list[str] = field(default_factory=list, repr=False)
    asked: list[str] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)
    readings: list[int] = field(default_factory=list, repr=False)
    contents: dict[str, bytes] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.state.distribution:
            self.state = bare(self.estate, self.host)

    @property
    def estate(self) -> Estate:
        return estates.estate(self.declared)

    @property
    def host(self) -> Host:
        return self.estate.host(self.name)

    def site(self) -> Site:
        """This host as a run that is changing it sees it."""
        return PaperSite(cast(PyinfraHost, _Asked(self)), self.estate, self.base)

    def component(self, name: str) -> Component:
        """The component of this name as it must be now."""
        own = next(part for part in parts(self.estate, self.host) if part.name == name)
        return made.component(self.site(), own)

    def seen(self, wanted: str) -> list[Seen]:
        """The verdicts on needs, one each."""
        if programs.place("postroad.onhost.world_sees.main") not in self.state.files:
            return [Seen("unknown", "nobody has looked yet")]
        verdict = "wrong" if self.world else "ok"
        return [Seen(verdict, self.world) for _ in json.loads(wanted)]

    def answer(self, command: str, stdin: str) -> tuple[bool, str]:
        """What the host does with a command: whether it succeeds, and its standard output."""
        if stdin.startswith(f"m={question.MARK}"):
            return True, "\n".join(self._answers(stdin))
        return self._run(command, stdin)

    def _answers(self, stdin: str) -> Iterator[str]:
        """What it says to questions: see `postroad.host.question.asking`."""
        mark = stdin.partition("\n")[0].removeprefix("m=")
        words = shlex.split(stdin[stdin.index("\ntrue | ") : stdin.rindex("\nprintf ")])
        yield f"{mark} uid 0"
        asked = [words[at + 1 : at + 4] for at, word in enumerate(words) if word == "q"]
        for number, _, script in asked:
            worked, said = self._run(script.removesuffix(";"), "")
            yield from (f"{mark} {number} begin", said, f"{mark} {number} end {int(not worked)}")
        yield f"{mark} done"

    def _run(self, command: str, stdin: str) -> tuple[bool, str]:
        if MARK in command:
            self.asked.append("state")
            return True, told(replace(self.state, clock=time.time() + self.clock_ahead))
        if WORLD_SEES in command:
            self.asked.append("world")
            wanted = shlex.split(command.partition("printf %s")[2])[0]
            return True, json.dumps([vars_of(seen) for seen in self.seen(wanted)])
        if "postqueue" in command:
            self.asked.append("queues")
            return True, json.dumps({"marketing": _NOTHING_WAITS})
        if 'base64 -w0 "$f"' in command:
            self.asked.append("contents")
            return True, self._shown(command)
        if "/dev/tcp/" in command:
            self.asked.append("port 25")
            return True, self.port25
        if self.dies_at is not None and len(self.happened) >= self.dies_at:
            return False, ""
        self.sent.append(command)
        if stdin:
            self.scripts.append(stdin)
        self.readings.append(self.asked.count("state"))
        self.happened.append(self._do(command, stdin))
        return True, ""

    def _do(self, command: str, stdin: str) -> str:
        """Do it, and name it."""
        if staged := _STAGED.search(stdin):
            self._make_true(staged[1])
            return staged[1]
        if RETURNING in stdin:
            self._mark(stdin)
            return "return paths"
        if "apt-get" in stdin:
            self._install()
            return "packages"
        if "certbot certonly" in stdin:
            self._certify()
            return "certbot"
        if "/keys/" in stdin:
            self._make_keys()
            return "keys"
        if command.startswith("useradd "):
            self.state = replace(self.state, users={MAILBOX_USER: 998}, groups={MAILBOX_USER: 997})
            return "user"
        if command == "hostname -F /etc/hostname":
            self.state = replace(self.state, hostname=self.host.hostname)
            return "host name"
        if command.startswith("ufw "):
            self._ufw(shlex.split(command))
            return command
        if ROLLBACK_UNIT in command:
            return "rollback armed" if "systemd-run" in command else "rollback disarmed"
        raise UnknownCommandError(f"{command}\n{stdin}")

    def _shown(self, command: str) -> str:
        paths = shlex.split(command.partition("for f in ")[2].partition("; do")[0])
        there = [path for path in paths if path in self.contents]
        return "\n".join(
            line
            for path in there
            for line in (path, base64.b64encode(self.contents[path]).decode("ascii"))
        )

    def _make_true(self, name: str) -> None:
        component = self.component(name)
        self.state = made_true(self.state, component)
        self.contents |= {file.path: file.content for file in component.files}
        if name == "inbound":
            marks = self.state[RETURN_PATHS]
            taken = frozenset({*return_paths.wanted(self.estate), *marks.returning})
            self.state = altered(self.state, return_paths=replace(marks, used=taken))
        if name == "certificate" and isinstance(self.estate.tls, SuppliedTls):
            self._certify()

    def _mark(self, stdin: str) -> None:
        """What the script does to marks, read from the words that do it."""
        known = self.state[RETURN_PATHS]
        names = {path.mark: path for path in (*known.used, *known.returning, *known.returned)}
        returning, returned = dict(known.returning), set(known.returned)
        for at, name in re.findall(rf"touch -d @(\d+) {RETURNING}/(\S+)", stdin):
            returning[names[name]] = float(at)
        for name in re.findall(rf"mv -fT {RETURNING}/(\S+) ", stdin):
            del returning[names[name]]
            returned.add(names[name])
        for name in re.findall(rf"rm -f {RETURNING}/(\S+) ", stdin):
            returning.pop(names[name], None)
            returned.discard(names[name])
        marks = Marks(known.used, returning, frozenset(returned))
        self.state = altered(self.state, return_paths=marks)

    def _install(self) -> None:
        self.state = altered(
            self.state,
            packages=dict.fromkeys(packages(self.estate), "1.0"),
            postfix_version="3.7.11",
            postfix_parameters=estates.POSTFIX["3.7.11"],
            dovecot_version="2.3.19.1",
            firewall=replace(self.state[FIREWALL], status=INSTALLED_UFW),
        )

    def _certify(self) -> None:
        if self.authority:
            names = frozenset(self.host.certificate_names)
            tls = self.estate.tls
            renewal = wanted_renewal(tls) if isinstance(tls, AcmeTls) else {}
            made = CertificateState(names, LEASED, renewal, public_key(2))
            self.state = altered(self.state, certificate=made)

    def _make_keys(self) -> None:
        have = {(key.stream, key.domain): key for key in self.state[KEYS]}
        files = dict(self.state.files)
        for wanted in wanted_keys(self.estate, self.host):
            made = KeyState(
                wanted.stream,
                wanted.domain,
                wanted.supplied.selector if wanted.supplied else f"202611-{wanted.label}",
                public_key(1),
            )
            key = have.setdefault((wanted.stream, wanted.domain), made)
            folder = key_folder(key.stream, key.domain)
            for place in (f"{stream_folder(key.stream)}/keys", folder):
                files[place] = FileState("directory", "root", OWNER, 0o750)
            files[key_path(key.stream, key.domain, key.selector)] = FileState(
                "file", OWNER, OWNER, 0o600, "0" * 64
            )
        self.state = altered(self.state, keys=tuple(have.values()), files=files)

    def _ufw(self, words: list[str]) -> None:
        now = self.state[FIREWALL]
        status = now.status
        assert status is not None, "ufw is used before it is installed"
        match words[1:]:
            case ["--force", "enable"]:
                now = replace(now, status=replace(status, enabled=True, loaded=True))
            case ["default", policy, direction]:
                changed: dict[str, Any] = {direction: policy}
                now = replace(now, status=replace(status, **changed))
            case ["--force", "delete", *rule]:
                gone = str(parse_rule(shlex.join(rule)))
                now = replace(now, **_families(r for r in now.rules if bare_text(r) != gone))
            case ["allow", *_]:
                rule_added = parse_rule(shlex.join(words))
                now = replace(now, **_families((*now.rules, rule_added)))
            case _:
                raise UnknownCommandError(shlex.join(words))
        self.state = altered(self.state, firewall=now)


def bare_text(rule: Rule) -> str:
    return str(replace(rule, comment=""))


def _families(rules: Iterator[Rule] | tuple[Rule, ...]) -> dict[str, Any]:
    every = tuple(rules)
    return {
        "rules4": tuple(r for r in every if ":" not in r.from_ + r.to),
        "rules6": tuple(r for r in every if "." not in r.from_ + r.to),
    }


def vars_of(seen: Seen) -> Mapping[str, str]:
    return {"verdict": seen.verdict, "reason": seen.reason}


@dataclass(frozen=True)
class _Running:
    is_executing: bool = True


@dataclass(frozen=True)
class _Asked:
    """What a Site needs of pyinfra's host."""

    machine: Machine
    state: _Running = field(default_factory=_Running)

    @property
    def name(self) -> str:
        return self.machine.name


class PaperSite(Site):
    """A site whose host answers without a channel."""

    def ask(self, question: Question[T]) -> T:
        machine = cast(_Asked, self.pyhost).machine
        if isinstance(question, State):
            return cast(T, machine.state)
        if isinstance(question, Contents):
            held = machine.contents
            return cast(T, {path: held[path] for path in question.paths if path in held})
        assert isinstance(question, WorldSees)
        return cast(T, machine.seen(question.needs))


def told(state: HostState) -> str:
    """What the probe prints on a host that is in ``state``."""
    lines: list[str] = []

    def section(name: str, *said: object) -> None:
        lines.extend(["", f"{MARK}{name}", *(str(line) for line in said)])

    virt = "container" if state.container else "machine"
    section(
        "host",
        state.uid,
        f"{state.clock:.9f}",
        state.distribution,
        state.release,
        virt,
        state.var_free_kib,
        state.hostname,
    )
    section("inodes", *([] if state.var_free_inodes is None else [state.var_free_inodes]))
    section("user-namespaces", *([] if state.has_user_namespaces else ["none"]))
    section("addresses", *sorted(map(str, state.addresses)))
    section("files", *(_stat(path, file) for path, file in state.files.items()))
    section("hashes", *(f"{f.sha256}  {path}" for path, f in state.files.items() if f.sha256))
    section("units", *(line for name, unit in state.units.items() for line in _unit(name, unit)))
    section("packages", *(f"{p}|installed|{v}" for p, v in state.packages.items()))
    section("users", *(f"{name} {number}" for name, number in state.users.items()))
    section("groups", *(f"{name} {number}" for name, number in state.groups.items()))
    section("stamps", *(f"{name}:{digest}" for name, digest in state.stamps.items()))
    wrapper = ["ExecStart=/bin/true"] if state[SOFTWARE].postfix_is_wrapper else []
    section(
        "postfix",
        *([state[SOFTWARE].postfix_version, *wrapper] if state[SOFTWARE].postfix_version else []),
    )
    section("parameters", *(f"{name} = no" for name in sorted(state[SOFTWARE].postfix_parameters)))
    section(
        "dovecot",
        *([f"{state[SOFTWARE].dovecot_version} (abc)"] if state[SOFTWARE].dovecot_version else []),
    )
    halves = [key for key in state[KEYS] if key.life.revoked is None]
    section("keys", *(f"{_key_path(key)} {key.public_key}" for key in halves))
    section("lives", *(line for key in state[KEYS] for line in _lives(key)))
    section("certificate", *_certificate(state))
    found = state[CERTIFICATE]
    renewal = found.renewal if found else {}
    section("renewal", *(f"{key} = {value}" for key, value in renewal.items()))
    section("firewall", *_firewall(state[FIREWALL]))
    section(
        "listeners",
        *(
            f"{_in_words(one.address)}:{one.port:04X} {one.uid} {one.program}"
            for one in state[LISTENERS]
        ),
    )
    section("opened", *(f"{s}:{line}" for s, lines in state[LATCHES].items() for line in lines))
    section("version", *filter(None, [state[CONVERGED_BY]]))
    section("adopted", *sorted(state.adopted))
    section("return-paths", *_return_paths(state[RETURN_PATHS]))
    section("offered-keys", *(f"{path} {bits}" for path, bits in state[OFFERED_KEYS].items()))
    section("queued-elsewhere", *(f"{name} {n}" for name, n in state[QUEUED_ELSEWHERE].items()))
    for end in (*PART_ENDS, *(one.end for one in ASKED), "end"):
        section(end)
    return "\n".join(lines)


def _return_paths(marks: Marks) -> Iterator[str]:
    for path in marks.used:
        yield from (f"/etc/postfix-inbound/mailboxes:/{p}/ {path.folder}/" for p in path.patterns)
    yield from (f"mark {at} {RETURNING}/{path.mark}" for path, at in marks.returning.items())
    yield from (f"mark 1.0 {RETURNED}/{path.mark}" for path in marks.returned)


def _key_path(key: KeyState) -> str:
    return key_path(key.stream, key.domain, key.selector)


def _lives(key: KeyState) -> Iterator[str]:
    for name, at in asdict(key.life).items():
        if at is not None:
            yield f"{life_path(key.stream, key.domain, key.selector)}:{name} {at}"


def _stat(path: str, file: FileState) -> str:
    kind = {"file": "regular file", "symlink": "symbolic link"}.get(file.kind, file.kind)
    return f"{path}|{kind}|{file.owner}|{file.group}|{file.mode:o}"


def _unit(name: str, unit: UnitState) -> list[str]:
    return [
        f"Id={name}",
        f"LoadState={unit.load}",
        f"ActiveState={unit.active}",
        f"UnitFileState={unit.unit_file}",
        f"NeedDaemonReload={'yes' if unit.needs_reload else 'no'}",
    ]


def _certificate(state: HostState) -> list[str]:
    found = state[CERTIFICATE]
    if found is None:
        return []
    key = found.public_key
    pem = ["-----BEGIN PUBLIC KEY-----", *textwrap.wrap(key, 64), "-----END PUBLIC KEY-----"]
    names = ", ".join(f"DNS:{name}" for name in sorted(found.names))
    # Rounded up: the parser subtracts the clock's fraction and cuts off the rest.
    seconds = int(state.clock) + 1 + found.seconds_left
    ends = datetime.fromtimestamp(seconds, UTC).strftime("notAfter=%b %d %H:%M:%S %Y GMT")
    return [*(pem if key else []), "X509v3 Subject Alternative Name: ", f"    {names}", ends]


def _firewall(firewall: FirewallState) -> list[str]:
    lines = []
    if firewall.status is not None:
        status = firewall.status
        lines = [
            f"ENABLED={'yes' if status.enabled else 'no'}",
            f"LOGLEVEL={status.logging}",
            f"IPV6={'yes' if status.ipv6 else 'no'}",
            f'DEFAULT_INPUT_POLICY="{_POLICY_WORDS[status.incoming]}"',
            f'DEFAULT_OUTPUT_POLICY="{_POLICY_WORDS[status.outgoing]}"',
            f'DEFAULT_FORWARD_POLICY="{_POLICY_WORDS[status.routed]}"',
            f"loaded={'yes' if status.loaded else 'no'}",
        ]
    lines += [f"rule4={_tuple(rule, '0.0.0.0/0')}" for rule in firewall.rules4]
    lines += [f"rule6={_tuple(rule, '::/0')}" for rule in firewall.rules6]
    if firewall.rollback_armed:
        lines.append("rollback=armed")
    if firewall.connection is not None:
        came = firewall.connection
        lines.append(f"ssh={came.client} 50000 {came.server} {came.port}")
    return lines


def _tuple(rule: Rule, everywhere: str) -> str:
    to, from_ = (everywhere if a == "any" else a for a in (rule.to, rule.from_))
    ports = ",".join(rule.ports) or "any"
    comment = f" comment={rule.comment.encode().hex()}" if rule.comment else ""
    return f"{rule.action} {rule.proto} {ports} {to} any {from_} in{comment}"


def _in_words(address: str) -> str:
    """An address as /proc/net/tcp has it."""
    octets = ip_address(address.strip("[]")).packed
    words = (octets[at : at + 4][::-1] for at in range(0, len(octets), 4))
    return b"".join(words).hex().upper()
