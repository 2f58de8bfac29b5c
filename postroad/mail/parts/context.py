"""The components of a host: rows of the manifest, the units that read them, the gate before them.

Pure: from the estate, the host, its facts and its state to `postroad.host.component.Component`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from postroad.host.component import Component, Directory, File, Socket, Unit
from postroad.host.found import HostState
from postroad.host.paths import (
    ADOPTED,
    BUDGET,
    BUDGET_SOCKET,
    CANARY,
    CANARY_FOLDER,
    CONFIG,
    GENERATOR_MASK,
    LOCKS,
    LOGS,
    MAILBOX_USER,
    MAILBOXES,
    MILTER,
    OPENED,
    RESOLVER_PROOF,
    SINK,
    STATE,
    TOOLS,
    auth_socket,
    config_folder,
    data_folder,
    milter_socket,
    opened_path,
    pause_path,
    queue_folder,
    signer_socket,
    stream_folder,
)
from postroad.mail.firewall.ufw import RELOAD
from postroad.mail.parts.manifest import (
    BUDGET_UNIT,
    REFRESH_UNIT,
    TIDY_TIMER,
    TIDY_UNIT,
    TMPFILES,
    UPGRADES_ROW,
    ComponentName,
    Row,
    rows_of,
)
from postroad.mail.pause import content
from postroad.mail.render import HostFacts, Renderer
from postroad.mail.software import SOFTWARE
from postroad.mail.standing import latch
from postroad.settings.model import AcmeTls, Estate, Host, StreamName, SuppliedTls

# The checker wants the operator's own hints and anchor where the configuration names them. Without
# any, the root's anchor is copied by the package's unit when it first starts, from dns-root-data.
_UNBOUND_CHECK = (
    'sed "s,/etc/unbound/postroad-,$stage&,; s,/var/lib/unbound/root.key,/usr/share/dns/root.key," '
    '"$stage"/etc/unbound/unbound.conf > "$stage"/unbound.conf '
    '&& unbound-checkconf "$stage"/unbound.conf'
)


# Loaded for real, where nothing hangs on it: iptables-restore --test accepts a target that does not
# exist. The chain is one that ufw itself makes before it loads these files.
_EARLY_RULES_CHECK = " && ".join(
    f"unshare --net sh -c '{tables} -N {chain} && {tables}-restore --noflush' "
    f'< "$stage"/etc/ufw/{name}'
    for tables, chain, name in (
        ("iptables", "ufw-logging-deny", "before.rules"),
        ("ip6tables", "ufw6-logging-deny", "before6.rules"),
    )
)


# What somebody else's Postfix took while its signer is already gone would leave unsigned.
_REST = f"[ -e {ADOPTED}/default ] || systemctl stop postfix.service"

# apt's own; a service is masked as easily as its timer, and both then do nothing without a word.
_UPGRADES = (
    Unit("apt-daily.timer"),
    Unit("apt-daily.service", active="settled"),
    Unit("apt-daily-upgrade.timer"),
    Unit("apt-daily-upgrade.service", active="settled"),
)

# systemd-resolved, and the sockets that newer releases start it by. It believes whatever server the
# network names, answers programs past resolv.conf(5) (nss-resolve(8)), and listens to neighbours.
_OTHER_RESOLVER = (
    "systemd-resolved.service",
    "systemd-resolved-monitor.socket",
    "systemd-resolved-varlink.socket",
)

INBOUND_UNIT = "postroad-postfix@inbound.service"

# Root's: whoever owned it could put links in the places of the mailboxes, which root makes there.
_MAILBOXES = Directory(MAILBOXES, group=MAILBOX_USER, mode=0o750)


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds the components of one host as it is in ``state``."""

    estate: Estate
    host: Host
    state: HostState
    facts: HostFacts
    renderer: Renderer

    def _files(self, rows: tuple[Row, ...]) -> tuple[File, ...]:
        wanted = (r for r in rows if not r.only_where or r.only_where in self.state.files)
        return tuple(self.renderer.file(row, self.estate, self.host, self.facts) for row in wanted)

    def _rows(self, name: ComponentName, stream: StreamName | None = None) -> tuple[Row, ...]:
        return rows_of(name, self.estate, self.host, stream)

    def everything(self) -> Iterator[Component]:
        """Every component of the host, in the order in which a run makes them true."""
        return (build(self) for build in self.builds())

    def builds(self) -> Iterator[Build]:
        """How each of them is built."""
        yield Builder.packaging
        yield Builder.identity
        yield Builder.clock
        yield Builder.tools
        yield Builder.resolver
        yield Builder.resolv_conf
        yield Builder.units
        yield Builder.logs
        yield Builder.trust
        yield Builder.certificate
        yield Builder.default
        if self.estate.lone:
            yield Builder.sink
        yield from map(stream_build, self.host.streams)
        if self.host.inbound:
            yield Builder.inbound
        yield Builder.firewall

    def packaging(self) -> Component:
        """How apt and dpkg behave on this host, and the timers by which upgrades come in."""
        files = self._files(self._rows("packaging"))
        if not self.estate.upgrades.unattended:
            return Component("packaging", files=files, absent=(UPGRADES_ROW.path,))
        return Component("packaging", files=files, units=_UPGRADES)

    def identity(self) -> Component:
        """Host name, mail name and hosts file, also where cloud-init thinks it owns them."""
        return Component("identity", files=self._files(self._rows("identity")))

    def clock(self) -> Component:
        """Time synchronisation. In a container the clock is the machine's, and the unit rests."""
        rows = self._rows("clock")
        unit = Unit(
            "systemd-timesyncd.service",
            active="settled",
            reads=tuple(row.path for row in rows),
            on_change="restart",
        )
        # systemd-timesyncd(8) reads it as a user of its own.
        folders = tuple(Directory(row.path.rpartition("/")[0]) for row in rows)
        return Component("clock", directories=folders, files=self._files(rows), units=(unit,))

    def resolver(self) -> Component:
        """unbound on loopback, checked by its own checker before it is restarted."""
        rows = self._rows("resolver")
        reads = tuple(row.path for row in rows if row.reader)
        return Component(
            "resolver",
            files=self._files(rows),
            units=(Unit("unbound.service", reads=reads, on_change="restart"),),
            masked=("unbound-resolvconf.service",),
            gate=_UNBOUND_CHECK,
        )

    def resolv_conf(self) -> Component:
        """The switch to our own resolver, refused until it has answered and validated.

        From then on there is no other one on the host. A lone box asks whom its network names.
        """
        if self.estate.lone:
            return Component("resolv-conf")
        return Component(
            "resolv-conf",
            files=self._files(self._rows("resolv-conf")),
            masked=_OTHER_RESOLVER,
            gate=RESOLVER_PROOF,
        )

    def tools(self) -> Component:
        """What postroad itself runs on the host, and the folders that its parts share."""
        return Component(
            "tools",
            directories=tuple(map(Directory, (CONFIG, TOOLS, CANARY_FOLDER, STATE, OPENED))),
            files=self._files(self._rows("tools")),
            # Other files: whoever has opened the ones before can lock them.
            activate=(f"rm -f {' '.join(LOCKS)}; systemd-tmpfiles --create {TMPFILES}",),
        )

    def units(self) -> Component:
        """Our unit templates; the package's own login daemon never starts."""
        return Component(
            "units",
            files=self._files(self._rows("units")),
            masked=("dovecot.service", "dovecot.socket"),
            instances=(*_unit_instances(self.host), REFRESH_UNIT),
            gate='systemd-analyze verify --man=no "$stage"/etc/systemd/system/postroad-*.service',
            activate=("systemctl daemon-reload",),
        )

    def logs(self) -> Component:
        """One log an instance, rotated and kept as long as declared."""
        return Component(
            "logs",
            # Whoever becomes postfix reaches its logs (its unit says why); others see none of it.
            directories=(Directory(LOGS, group="postfix", mode=0o750),),
            files=self._files(self._rows("logs")),
            units=(Unit("logrotate.timer"),),
        )

    def trust(self) -> Component:
        """The root of a private certificate authority, trusted by the whole host."""
        return Component(
            "trust",
            files=self._files(self._rows("trust")),
            activate=("update-ca-certificates >/dev/null 2>&1",),
        )

    def certificate(self) -> Component:
        """What keeps the certificate fresh: certbot's timer and hook, or the supplied files."""
        files = self._files(self._rows("certificate"))
        match self.estate.tls:
            case AcmeTls():
                return Component("certificate", files=files, units=(Unit("certbot.timer"),))
            case SuppliedTls():
                return Component(
                    "certificate",
                    directories=(Directory(f"{CONFIG}/tls", mode=0o700),),
                    files=files,
                    gate='openssl x509 -noout -in "$stage/etc/postroad/tls/chain.pem"',
                )
            case _:
                return Component("certificate")

    def default(self) -> Component:
        """The packages' own instance as null client. Its unit differs from release to release.

        The package's own signer never starts: it goes with the server that it may have signed for.
        """
        rows = self._rows("default")
        reads = tuple(row.path for row in rows)
        units: tuple[Unit, ...]
        if self.state[SOFTWARE].postfix_is_wrapper:
            units = (Unit("postfix.service"), Unit("postfix@-.service", enabled=False, reads=reads))
        else:
            units = (Unit("postfix.service", reads=reads),)
        return Component(
            "default",
            files=self._files(rows),
            units=units,
            masked=("opendkim.service",),
            gate=f'{CANARY} default "$stage"',
            activate=(_REST, f"rm -f {GENERATOR_MASK}"),
        )

    def sink(self) -> Component:
        """Where all mail of a lone box ends: a file for each message, as it would have left."""
        rows = self._rows("sink")
        (row,) = rows
        owner = {"owner": MAILBOX_USER, "group": MAILBOX_USER}
        return Component(
            "sink",
            directories=(_MAILBOXES, Directory(SINK, mode=0o700, **owner)),
            files=self._files(rows),
            units=(Unit(row.reader, reads=(row.path,), on_change="restart"),),
            gate=f'systemd-analyze verify --man=no "$stage"{row.path}',
        )

    def firewall(self) -> Component:
        """The rules that the ufw command cannot say: port 25 outward is Postfix's alone."""
        return Component(
            "firewall",
            files=self._files(self._rows("firewall")),
            units=(Unit("ufw.service", active="settled"),),
            gate=_EARLY_RULES_CHECK,
            activate=(RELOAD,),
        )

    def stream(self, name: StreamName) -> Component:
        """One stream: its signer, milter, logins and Postfix instance, gated by one canary."""
        rows = self._rows("stream", name)
        marks = self._marks(name)
        units = _stream_units(name)
        *_, postfix = units
        return Component(
            name,
            directories=(
                Directory(stream_folder(name)),
                *_instance_directories(name),
            ),
            files=(*self._files(rows), *(file for file, there in marks if there)),
            absent=tuple(file.path for file, there in marks if not there),
            units=tuple(
                Unit(
                    unit,
                    reads=tuple(row.path for row in rows if row.reader == unit),
                    restart_if=_listeners_change(name) if unit == postfix else None,
                    sockets=_sockets(name).get(unit, ()),
                )
                for unit in units
            ),
            unit_files=self._unit_files(*units),
            gate=f'{CANARY} stream {name} "$stage"',
        )

    def _marks(self, name: StreamName) -> tuple[tuple[File, bool], ...]:
        """The files that say what the stream may do now, and whether each is to be there."""
        pause = self.facts.pause_of(name)
        paused = File(pause_path(name), content(pause))
        if pause:
            # Whether the world could verify it is not asked meanwhile: it opens as it was.
            return ((paused, True),)
        opened = File(opened_path(name), latch(self.facts.latch_of(name)))
        return (paused, False), (opened, not self.facts.closed_because(name))

    def inbound(self) -> Component:
        """Port 25: bounces, complaints, postmaster and abuse, into Maildirs."""
        rows = self._rows("inbound")
        owner = {"owner": MAILBOX_USER, "group": MAILBOX_USER}
        table = next(row.path for row in rows if row.path.endswith("/mailboxes"))
        unit = Unit(
            INBOUND_UNIT,
            reads=tuple(row.path for row in rows if row.reader),
            restart_if=_listeners_change("inbound"),
        )
        return Component(
            "inbound",
            directories=(
                *_instance_directories("inbound"),
                _MAILBOXES,
                Directory(f"{MAILBOXES}/postmaster", mode=0o700, **owner),
                *(Directory(f"{MAILBOXES}/{s}", mode=0o700, **owner) for s in self._returning()),
            ),
            files=self._files(rows),
            units=(
                Unit(BUDGET_UNIT, reads=(table,), on_change="restart", sockets=_BUDGET_SOCKETS),
                unit,
                Unit(TIDY_TIMER),
            ),
            unit_files=(*self._unit_files(INBOUND_UNIT), *self._budget_files()),
            gate=f'{CANARY} inbound "$stage"',
        )

    def _returning(self) -> tuple[str, ...]:
        """The streams that bounces come back of: the estate's, and those that it has given up."""
        former = sorted(path.stream for path in self.facts.return_paths.returning)
        return tuple(dict.fromkeys([*(stream.name for stream in self.estate.streams), *former]))

    def _budget_files(self) -> tuple[File, ...]:
        """What the budget's daemon and timer are made from."""
        paths = {BUDGET, *(f"/etc/systemd/system/{name}" for name in (BUDGET_UNIT, TIDY_TIMER))}
        made = (*self._rows("tools"), *self._rows("units"))
        return self._files(tuple(row for row in made if row.path in paths))

    def _unit_files(self, *instances: str) -> tuple[File, ...]:
        """What these instances are made from, among the files of other components: their unit
        templates, and a program of ours that they run."""
        paths = {f"/etc/systemd/system/{unit.partition('@')[0]}@.service" for unit in instances}
        programs = {MILTER} if any("-milter@" in unit for unit in instances) else set()
        rows = (*self._rows("units"), *self._rows("tools"))
        return self._files(tuple(row for row in rows if row.path in paths | programs))


# Through the folder Postfix comes to the socket in it.
_BUDGET_SOCKETS = (
    Socket(BUDGET_SOCKET.rpartition("/")[0], "postfix", 0o750),
    Socket(BUDGET_SOCKET, "postfix", 0o660),
)


def _sockets(name: StreamName) -> dict[str, tuple[Socket, ...]]:
    """By which places Postfix reaches the stream's other daemons, by unit; their units and
    configurations have the same (systemd.exec(5) RuntimeDirectoryMode=, UMask=)."""
    signer, milter, auth = signer_socket(name), milter_socket(name), auth_socket(name)
    return {
        f"postroad-dkim@{name}.service": (
            Socket(signer.rpartition("/")[0], "postfix", 0o750),
            Socket(signer, "postfix", 0o770),
        ),
        f"postroad-milter@{name}.service": (
            Socket(milter.rpartition("/")[0], "postfix", 0o750),
            Socket(milter, "postfix", 0o770),
        ),
        f"postroad-auth@{name}.service": (
            Socket(auth.rpartition("/")[0], "root", 0o711),
            Socket(auth, "postfix", 0o660),
        ),
    }


def _stream_units(name: StreamName) -> tuple[str, ...]:
    """The units of a stream in the order in which they start: Postfix, which asks them, last."""
    kinds = ("dkim", "milter", "auth", "postfix")
    return tuple(f"postroad-{kind}@{name}.service" for kind in kinds)


def _unit_instances(host: Host) -> Iterator[str]:
    for stream in host.streams:
        yield from _stream_units(stream)
    if host.inbound:
        yield from (INBOUND_UNIT, BUDGET_UNIT, TIDY_UNIT, TIDY_TIMER)


def _instance_directories(instance: str) -> tuple[Directory, ...]:
    return (
        Directory(config_folder(instance)),
        Directory(queue_folder(instance)),
        Directory(data_folder(instance), owner="postfix", group="postfix", mode=0o700),
    )


def _listeners_change(instance: str) -> str:
    """A shell test: would this configuration need other sockets than master(8) has opened?

    postconf(5): inet_interfaces and inet_protocols take a restart; all else takes a reload.
    """
    asked = "postconf -hx inet_interfaces inet_protocols 2>/dev/null"
    now = f"MAIL_CONFIG={config_folder(instance)} {asked}"
    staged = f'MAIL_CONFIG="$stage"{config_folder(instance)} {asked}'
    return f'[ "$({now})" != "$({staged})" ]'


Build = Callable[[Builder], Component]


@cache
def stream_build(name: StreamName) -> Build:
    """The builder method of one stream, as a function of the builder alone; the same each time."""

    def build(builder: Builder) -> Component:
        return builder.stream(name)

    return build
