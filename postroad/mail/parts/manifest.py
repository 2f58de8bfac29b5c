"""The manifest: the one table of every file that postroad puts on a host.

Template → path, owner, mode, and who reads it. Rendering, applying, drift, the audit and removal
all read this table; no path or mode of a file stands anywhere else.
``{stream}`` in a path, unit or condition is replaced for each stream that the host carries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from postroad.host import programs
from postroad.settings.model import (
    STREAM_NAMES,
    AcmeTls,
    Dns01,
    Estate,
    Host,
    StreamName,
    SuppliedTls,
)

ComponentName = Literal[
    "packaging",
    "identity",
    "clock",
    "resolver",
    "resolv-conf",
    "tools",
    "units",
    "logs",
    "trust",
    "certificate",
    "default",
    "sink",
    "stream",
    "inbound",
    "firewall",
]


@dataclass(frozen=True, slots=True)
class Row:
    """One file on a host.

    ``template`` is below templates/; a name without ``.j2`` is a module's, installed as it lies
    (`postroad.host.programs.source`). ``reader`` is the unit that must read it anew.
    ``only_where`` is a folder without which it makes no sense. ``before`` is what a host has in
    this place without postroad: nothing, perhaps a file of its own, or surely one, because it
    cannot be without.
    """

    component: ComponentName
    template: str
    path: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    secret: bool = False
    reader: str = ""
    only_where: str = ""
    before: Literal["nothing", "perhaps", "surely"] = "nothing"
    stream: StreamName | None = None

    def of_stream(self, stream: StreamName) -> Row:
        """This row for one stream."""
        return replace(
            self,
            path=self.path.replace("{stream}", stream),
            reader=self.reader.replace("{stream}", stream),
            stream=stream,
        )


_POSTFIX = "postroad-postfix@{stream}.service"
_SIGNER = "postroad-dkim@{stream}.service"
_LOGINS = "postroad-auth@{stream}.service"

# Brings daemons to what is installed, one stream after another.
REFRESH_UNIT = "postroad-refresh.service"
# What strangers may leave on the disk: asked by inbound at each RCPT, and every ten minutes.
BUDGET_UNIT = "postroad-budget.service"
TIDY_UNIT = "postroad-tidy.service"
TIDY_TIMER = "postroad-tidy.timer"

# What tmpfiles.d(5) makes at each boot: ufw's lock, which nobody else may open.
TMPFILES = "/etc/tmpfiles.d/postroad.conf"

_PROGRAM_ROWS = tuple(
    Row("tools", programs.source(module), programs.place(module)) for module in programs.installed()
)

HOST_ROWS: tuple[Row, ...] = (
    Row("packaging", "base/apt-conffiles.j2", "/etc/apt/apt.conf.d/81postroad-conffiles"),
    Row("packaging", "base/dpkg-refresh.j2", "/etc/dpkg/dpkg.cfg.d/postroad"),
    Row(
        "packaging",
        "base/needrestart.conf.j2",
        "/etc/needrestart/conf.d/postroad.conf",
        only_where="/etc/needrestart/conf.d",
    ),
    Row("identity", "base/hostname.j2", "/etc/hostname", before="surely"),
    Row("identity", "base/mailname.j2", "/etc/mailname", before="perhaps"),
    Row("identity", "base/hosts.j2", "/etc/hosts", before="surely"),
    Row(
        "identity",
        "base/cloud.cfg.j2",
        "/etc/cloud/cloud.cfg.d/99-postroad.cfg",
        only_where="/etc/cloud/cloud.cfg.d",
    ),
    Row(
        "identity",
        "base/cloud-init.conf.j2",
        "/etc/systemd/system/cloud-.service.d/postroad.conf",
        only_where="/etc/cloud/cloud.cfg.d",
    ),
    Row(
        "clock",
        "base/timesyncd.conf.j2",
        "/etc/systemd/timesyncd.conf.d/postroad.conf",
        reader="systemd-timesyncd.service",
    ),
    Row(
        "resolver",
        "unbound/unbound.conf.j2",
        "/etc/unbound/unbound.conf",
        reader="unbound.service",
        before="perhaps",
    ),
    Row("tools", "ufw/tmpfiles.conf.j2", TMPFILES),
    *_PROGRAM_ROWS,
    Row(
        "units",
        "systemd/postroad-postfix@.service.j2",
        "/etc/systemd/system/postroad-postfix@.service",
    ),
    Row("units", "systemd/postroad-dkim@.service.j2", "/etc/systemd/system/postroad-dkim@.service"),
    Row("units", "systemd/postroad-auth@.service.j2", "/etc/systemd/system/postroad-auth@.service"),
    Row(
        "units",
        "systemd/postroad-milter@.service.j2",
        "/etc/systemd/system/postroad-milter@.service",
    ),
    Row("units", "systemd/postroad-refresh.service.j2", f"/etc/systemd/system/{REFRESH_UNIT}"),
    Row(
        "units",
        "systemd/postroad-alarm@.service.j2",
        "/etc/systemd/system/postroad-alarm@.service",
    ),
    Row("units", "systemd/postroad-budget.service.j2", f"/etc/systemd/system/{BUDGET_UNIT}"),
    Row("units", "systemd/postroad-tidy.service.j2", f"/etc/systemd/system/{TIDY_UNIT}"),
    Row("units", "systemd/postroad-tidy.timer.j2", f"/etc/systemd/system/{TIDY_TIMER}"),
    Row("logs", "base/logrotate.j2", "/etc/logrotate.d/postroad"),
    Row(
        "default",
        "postfix/default.main.cf.j2",
        "/etc/postfix/main.cf",
        reader="postfix.service",
        before="perhaps",
    ),
    Row(
        "default",
        "postfix/default.master.cf.j2",
        "/etc/postfix/master.cf",
        reader="postfix.service",
        before="perhaps",
    ),
    Row(
        "default",
        "postfix/default.sender_canonical.j2",
        "/etc/postfix/sender_canonical",
        reader="postfix.service",
        before="perhaps",
    ),
    Row(
        "default",
        "postfix/default.header_checks.j2",
        "/etc/postfix/header_checks",
        reader="postfix.service",
        before="perhaps",
    ),
)

# The host asks its own resolver alone. A lone box asks whom its network names.
OWN_RESOLVER_ROWS: tuple[Row, ...] = (
    Row(
        "resolver",
        "unbound/dhclient-hook.j2",
        "/etc/dhcp/dhclient-enter-hooks.d/postroad",
        only_where="/etc/dhcp/dhclient-enter-hooks.d",
    ),
    Row("resolv-conf", "unbound/resolv.conf.j2", "/etc/resolv.conf", before="surely"),
)

SINK_ROW = Row(
    "sink",
    "systemd/postroad-sink.service.j2",
    "/etc/systemd/system/postroad-sink.service",
    reader="postroad-sink.service",
)

FIREWALL_ROWS: tuple[Row, ...] = (
    Row("firewall", "ufw/before.rules.j2", "/etc/ufw/before.rules", mode=0o640, before="surely"),
    Row("firewall", "ufw/before6.rules.j2", "/etc/ufw/before6.rules", mode=0o640, before="surely"),
)

APT_PROXY_ROW = Row("packaging", "base/apt-proxy.j2", "/etc/apt/apt.conf.d/80postroad-proxy")
UPGRADES_ROW = Row("packaging", "base/apt-upgrades.j2", "/etc/apt/apt.conf.d/82postroad-upgrades")
ROOT_HINTS_ROW = Row(
    "resolver",
    "unbound/root.hints.j2",
    "/etc/unbound/postroad-root.hints",
    reader="unbound.service",
)
TRUST_ANCHOR_ROW = Row(
    "resolver",
    "unbound/root.key.j2",
    "/etc/unbound/postroad-root.key",
    reader="unbound.service",
)
PRIVATE_CA_ROW = Row("trust", "tls/ca.crt.j2", "/usr/local/share/ca-certificates/postroad-acme.crt")
RENEWED_ROW = Row(
    "certificate", "tls/renewed.j2", "/etc/letsencrypt/renewal-hooks/deploy/postroad", mode=0o755
)
RFC2136_ROW = Row(
    "certificate",
    "tls/rfc2136.ini.j2",
    "/etc/postroad/tls/rfc2136.ini",
    mode=0o600,
    secret=True,
)
SUPPLIED_CHAIN_ROW = Row("certificate", "tls/chain.pem.j2", "/etc/postroad/tls/chain.pem")
SUPPLIED_KEY_ROW = Row(
    "certificate", "tls/key.pem.j2", "/etc/postroad/tls/key.pem", mode=0o600, secret=True
)

STREAM_ROWS: tuple[Row, ...] = (
    Row(
        "stream",
        "opendkim/opendkim.conf.j2",
        "/etc/postroad/{stream}/opendkim.conf",
        reader=_SIGNER,
    ),
    Row("stream", "opendkim/key.table.j2", "/etc/postroad/{stream}/key.table", reader=_SIGNER),
    Row(
        "stream",
        "opendkim/signing.table.j2",
        "/etc/postroad/{stream}/signing.table",
        reader=_SIGNER,
    ),
    # Which logins there are is for those to know who ask for them.
    Row(
        "stream",
        "opendkim/policy.lua.j2",
        "/etc/postroad/{stream}/policy.lua",
        group="opendkim",
        mode=0o640,
        reader=_SIGNER,
    ),
    # The milter sees for itself that it is another one.
    Row("stream", "opendkim/public.table.j2", "/etc/postroad/{stream}/public.table"),
    Row("stream", "dovecot/dovecot.conf.j2", "/etc/postroad/{stream}/dovecot.conf", reader=_LOGINS),
    Row(
        "stream",
        "dovecot/users.j2",
        "/etc/postroad/{stream}/users",
        group="dovecot",
        mode=0o640,
        secret=True,
        reader=_LOGINS,
    ),
    Row(
        "stream",
        "dovecot/users.next.j2",
        "/etc/postroad/{stream}/users.next",
        group="dovecot",
        mode=0o640,
        secret=True,
        reader=_LOGINS,
    ),
    # Before main.cf, which opens the stream: what of it waits is told here.
    Row(
        "stream", "postfix/header_checks.j2", "/etc/postfix-{stream}/header_checks", reader=_POSTFIX
    ),
    Row("stream", "postfix/stream.main.cf.j2", "/etc/postfix-{stream}/main.cf", reader=_POSTFIX),
    Row(
        "stream", "postfix/stream.master.cf.j2", "/etc/postfix-{stream}/master.cf", reader=_POSTFIX
    ),
    Row("stream", "postfix/body_checks.j2", "/etc/postfix-{stream}/body_checks", reader=_POSTFIX),
    Row(
        "stream",
        "postfix/milter_header_checks.j2",
        "/etc/postfix-{stream}/milter_header_checks",
        reader=_POSTFIX,
    ),
    Row(
        "stream",
        "postfix/sender_logins.j2",
        "/etc/postfix-{stream}/sender_logins",
        group="postfix",
        mode=0o640,
        reader=_POSTFIX,
    ),
    Row(
        "stream", "postfix/sender_access.j2", "/etc/postfix-{stream}/sender_access", reader=_POSTFIX
    ),
    Row(
        "stream",
        "postfix/recipient_domains.j2",
        "/etc/postfix-{stream}/recipient_domains",
        reader=_POSTFIX,
    ),
    Row(
        "stream",
        "postfix/reject_footers.j2",
        "/etc/postfix-{stream}/reject_footers",
        reader=_POSTFIX,
    ),
    Row("stream", "postfix/dns_answers.j2", "/etc/postfix-{stream}/dns_answers", reader=_POSTFIX),
    Row("stream", "postfix/nowhere.j2", "/etc/postfix-{stream}/nowhere", reader=_POSTFIX),
    Row(
        "stream",
        "postfix/delivery_status.j2",
        "/etc/postfix-{stream}/delivery_status",
        reader=_POSTFIX,
    ),
    Row("stream", "postfix/originated.j2", "/etc/postfix-{stream}/originated", reader=_POSTFIX),
    Row("stream", "postfix/transport.j2", "/etc/postfix-{stream}/transport", reader=_POSTFIX),
    Row(
        "stream", "postfix/system_sender.j2", "/etc/postfix-{stream}/system_sender", reader=_POSTFIX
    ),
    Row(
        "stream",
        "postfix/system_command.j2",
        "/etc/postfix-{stream}/system_command",
        reader=_POSTFIX,
    ),
    Row(
        "stream",
        "postfix/system_recipient.j2",
        "/etc/postfix-{stream}/system_recipient",
        reader=_POSTFIX,
    ),
)

_INBOUND = "postroad-postfix@inbound.service"
INBOUND_ROWS: tuple[Row, ...] = (
    Row("inbound", "postfix/inbound.main.cf.j2", "/etc/postfix-inbound/main.cf", reader=_INBOUND),
    Row(
        "inbound", "postfix/inbound.master.cf.j2", "/etc/postfix-inbound/master.cf", reader=_INBOUND
    ),
    Row("inbound", "postfix/mailboxes.j2", "/etc/postfix-inbound/mailboxes", reader=_INBOUND),
    Row("inbound", "postfix/given_up.j2", "/etc/postfix-inbound/given_up", reader=_INBOUND),
    Row(
        "inbound",
        "postfix/postmaster.j2",
        "/etc/postfix-inbound/postmaster",
        reader=_INBOUND,
    ),
    Row("inbound", "postfix/inbound.logrotate.j2", "/etc/postfix-inbound/logrotate.conf"),
)


def rows(estate: Estate, host: Host) -> Iterator[Row]:
    """Every row that the estate wants on ``host``, whatever the host is like now."""
    yield from HOST_ROWS
    if estate.lone:
        yield SINK_ROW
    else:
        yield from OWN_RESOLVER_ROWS
    if estate.apt_proxy:
        yield APT_PROXY_ROW
    if estate.upgrades.unattended:
        yield UPGRADES_ROW
    if estate.resolver.root_hints_file:
        yield ROOT_HINTS_ROW
    if estate.resolver.trust_anchor_file:
        yield TRUST_ANCHOR_ROW
    match estate.tls:
        case AcmeTls(ca_file=ca_file, challenge=challenge):
            yield RENEWED_ROW
            if ca_file:
                yield PRIVATE_CA_ROW
            if isinstance(challenge, Dns01):
                yield RFC2136_ROW
        case SuppliedTls():
            yield SUPPLIED_CHAIN_ROW
            yield SUPPLIED_KEY_ROW
    for stream in host.streams:
        for row in STREAM_ROWS:
            yield row.of_stream(stream)
    if host.inbound:
        yield from INBOUND_ROWS
    yield from FIREWALL_ROWS


def every_row() -> Iterator[Row]:
    """Every row that a host may have, whatever an estate wants: what it had wanted once, too."""
    yield from (*HOST_ROWS, *OWN_RESOLVER_ROWS, SINK_ROW)
    yield from (APT_PROXY_ROW, UPGRADES_ROW, ROOT_HINTS_ROW, TRUST_ANCHOR_ROW)
    yield from (RENEWED_ROW, PRIVATE_CA_ROW, RFC2136_ROW, SUPPLIED_CHAIN_ROW, SUPPLIED_KEY_ROW)
    for stream in STREAM_NAMES:
        yield from (row.of_stream(stream) for row in STREAM_ROWS)
    yield from INBOUND_ROWS
    yield from FIREWALL_ROWS


def rows_of(
    component: ComponentName, estate: Estate, host: Host, stream: StreamName | None = None
) -> tuple[Row, ...]:
    """The rows of one component of ``host``; of one stream where the component is a stream's."""
    return tuple(
        row
        for row in rows(estate, host)
        if row.component == component and (stream is None or row.stream == stream)
    )
