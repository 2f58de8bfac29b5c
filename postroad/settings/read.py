"""Reads the operator's ``estate`` dictionary into the model, or says everything wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypedDict, get_args

from postroad.settings import defaults, sections, taken
from postroad.settings.faults import EstateFaults, Fault
from postroad.settings.hosts import Claims, ReadHost, read_hosts
from postroad.settings.meant import nearest
from postroad.settings.model import (
    STREAM_NAMES,
    AcmeTls,
    Admin,
    Adopt,
    Allow,
    Dkim,
    Dmarc,
    Dns,
    Estate,
    EstateInput,
    Firewall,
    MtaSts,
    Network,
    NoTls,
    Resolver,
    StreamName,
    SuppliedKey,
    Tls,
    Unsubscribe,
    Upgrades,
)
from postroad.settings.names import read_dkim, read_dmarc, read_dns, read_mta_sts, read_unsubscribe
from postroad.settings.ports import OWN_PORTS
from postroad.settings.rules import (
    LONGEST_ENVELOPE,
    domains_everywhere,
    lone_and_unknown,
    marketing_stops_first,
    names_fit,
    one_host_each,
    one_key_a_selector,
)
from postroad.settings.shapes import (
    IncompleteError,
    Node,
    Table,
    flag,
    many,
    need,
    one_of,
    whole_number,
)
from postroad.settings.streams import ReadStream, read_streams
from postroad.settings.tls import SOURCE_HINT, read_supplied_keys, read_tls
from postroad.settings.values import (
    comment_line,
    domain,
    email,
    networks,
    origin,
    own_path,
    port,
    private_network,
    release,
    time_server,
    url,
)

_PROTOCOLS: tuple[Literal["tcp", "udp"], ...] = ("tcp", "udp")


def read(declared: EstateInput, source: str) -> Estate:
    """The estate that ``declared`` describes; ``source`` is the file that declares it.

    Raises EstateFaults with every fault at once. Reads no file, clock or network.
    """
    node = Node(declared, f"{source}: estate", [])
    estate = _estate(node)
    if estate is None and not node.faults:
        # A reader of ours has lost a value without a word: still no reason to leave anybody alone.
        node.fault(
            "cannot be used, and postroad does not know why: that is a fault of postroad's",
            "take the key that you wrote last out again, and report it",
        )
    if node.faults or estate is None:
        raise EstateFaults(node.faults)
    return estate


def match_inventory(declared: EstateInput, names: Collection[str], source: str) -> list[Fault]:
    """The faults between the inventory's hosts ``names`` and those that ``declared`` holds.

    ``source`` is the file that declares the estate. Other hosts of the inventory are let be.
    """
    hosts = declared.get("hosts")
    if not isinstance(hosts, Mapping) or not hosts:
        return []  # That is a fault of the estate itself, which `read` names.
    node = Node(hosts, f'{source}: estate["hosts"]', [])
    for name in hosts:
        if name not in names:
            likely = nearest(str(name), sorted(set(names) - set(hosts)))
            node.child(name, None).fault(
                "is no host of the inventory",
                "add it there or take it out here"
                if likely is None
                else f'write "{likely}" as the inventory does, or add it there',
            )
    return node.faults


@dataclass(frozen=True, slots=True)
class _Mail:
    """Who sends what: the streams and hosts as far as they were read, and what hosts claim."""

    streams: Sequence[ReadStream]
    hosts: Sequence[ReadHost]
    claims: Claims

    @property
    def from_domains(self) -> dict[StreamName, Sequence[str]]:
        return {found.name: found.from_domains for found in self.streams}

    @property
    def every_domain(self) -> tuple[str, ...]:
        """Each From: domain, once."""
        return tuple(dict.fromkeys(d for ds in self.from_domains.values() for d in ds))

    @property
    def shared(self) -> dict[StreamName, Node]:
        """Where the From: domains of each stream are written."""
        return {found.name: found.node.child("from_domains", None) for found in self.streams}

    @property
    def hostnames(self) -> list[str]:
        return [claim.value for claim in self.claims.names]


@dataclass(frozen=True, slots=True)
class _Names:
    """What is published of the estate, and where others may send what they have to say."""

    dmarc: Dmarc | None
    mta_sts: MtaSts | None
    tls_reports: str | None
    unsubscribe: Unsubscribe | None
    dkim: Dkim
    dns: Dns


def _estate(node: Node) -> Estate | None:
    table = Table.of(node, sections.ESTATE)
    if table is None:
        return None
    lone = table.optional("lone", flag, False)
    admin_email, admin = _admin(table)
    firewall = _firewall(table)
    mail = _mail(table, firewall.ssh_port)
    tls = read_tls(table.at("tls"), admin_email) if table.has("tls", SOURCE_HINT) else None
    _ways_out_are_elsewhere(table, firewall.ssh_port, mail.claims)
    supplied = _supplied_keys(table, mail)
    names = _names(table, admin_email, mail)
    _policy_can_be_kept(table, names.mta_sts, tls, mail.streams)
    names_fit(supplied, mail.claims.labels, mail.shared, mail.from_domains)
    _return_paths_fit(mail.streams)
    _nothing_is_taken(table, mail, names, _mailboxes(table, admin_email, names, tls), lone)
    resolver = _resolver(table)
    system_sender = _system_sender(table, mail.hosts, mail.from_domains)
    machines = _machines(table, lone)
    if lone:
        lone_and_unknown(table, mail.claims.addresses, tls, names.dns)
    if tls is None:
        return None
    try:
        return Estate(
            admin=need(admin),
            hosts=tuple(need(found.host) for found in mail.hosts),
            streams=tuple(need(found.stream) for found in mail.streams),
            tls=tls,
            dkim=names.dkim,
            supplied_keys=supplied,
            dmarc=need(names.dmarc),
            mta_sts=names.mta_sts,
            tls_reports=names.tls_reports,
            unsubscribe=names.unsubscribe,
            dns=names.dns,
            resolver=resolver,
            firewall=firewall,
            system_sender=need(system_sender),
            lone=lone,
            **machines,
        )
    except IncompleteError:
        return None


def _mail(table: Table, ssh_port: int) -> _Mail:
    streams, claims = _streams(table), Claims()
    return _Mail(streams, _hosts(table, streams, ssh_port, claims), claims)


def _ways_out_are_elsewhere(table: Table, ssh_port: int, claims: Claims) -> None:
    """As many ways out as there are have the fault: it is told once, where it was written."""
    if ssh_port in claims.usual_ports:
        table.at("firewall").child("ssh_port", None).fault(
            f"{ssh_port} is where ways out take mail in that name no port",
            'write the port that sshd listens on; if it is this one, write a "starttls_port" or'
            ' "tls_port" of its own for each way out',
        )


def _supplied_keys(table: Table, mail: _Mail) -> tuple[SuppliedKey, ...]:
    """The keys that the operator brings, and that no two keys have one selector."""
    carried = {host.name: STREAM_NAMES if host.unread else host.streams for host in mail.hosts}
    supplied: tuple[SuppliedKey, ...] = table.optional(
        "dkim_keys",
        partial(read_supplied_keys, carried=carried, from_domains=mail.from_domains),
        (),
    )
    doubled = one_host_each(mail.claims.names, "the name")
    one_host_each(mail.claims.addresses, "the address")
    brought = {(key.host, key.stream, key.domain) for key in supplied}
    # Two hosts of one name have one label as well, which is no fault of its own.
    labels = [claim for claim in mail.claims.labels if claim.host not in doubled]
    one_key_a_selector(labels, mail.from_domains, brought, mail.shared)
    return supplied


def _names(table: Table, admin_email: str | None, mail: _Mail) -> _Names:
    return _Names(
        dmarc=read_dmarc(_section(table, "dmarc", sections.DMARC), admin_email, mail.every_domain),
        mta_sts=table.nullable("mta_sts", read_mta_sts, None),
        tls_reports=table.nullable("tls_reports", email, None),
        unsubscribe=table.nullable("unsubscribe", read_unsubscribe, None),
        dkim=read_dkim(_section(table, "dkim", sections.DKIM)),
        dns=read_dns(_section(table, "dns", sections.DNS)),
    )


def _policy_can_be_kept(
    table: Table, mta_sts: MtaSts | None, tls: Tls | None, streams: Sequence[ReadStream]
) -> None:
    """What the estate's MTA-STS policy demands and where it is, it has itself (RFC 8461)."""
    if mta_sts is None:
        return
    if isinstance(tls, NoTls):
        table.at("mta_sts").fault(
            "demands TLS of those who send to the estate, which has no certificate",
            'write another "source" under "tls", or leave this out',
        )
    for found in streams:
        if mta_sts.web_host == f"mta-sts.{found.envelope_domain}":
            # RFC 8461 §3.3: the policy's own name leads to the web host.
            table.at("mta_sts").child("web_host", None).fault(
                f"{mta_sts.web_host} would be an alias of itself",
                "write the name of the web host behind it, which has an address already",
            )


def _mailboxes(
    table: Table, admin_email: str | None, names: _Names, tls: Tls | None
) -> list[tuple[Node, str]]:
    """The mailboxes that somebody reads, and where each is written."""
    written = (
        (table.at("admin").child("email", None), admin_email),
        (table.at("dmarc").child("reports", None), names.dmarc and names.dmarc.reports),
        (table.at("tls_reports"), names.tls_reports),
        (table.at("tls").child("email", None), tls.email if isinstance(tls, AcmeTls) else None),
    )
    return [(node, address) for node, address in written if address]


def _nothing_is_taken(
    table: Table, mail: _Mail, names: _Names, mailboxes: Sequence[tuple[Node, str]], lone: bool
) -> None:
    """Nothing of the estate's stands where somebody lives already (`postroad.settings.taken`)."""
    uses = taken.Uses(
        from_domains=mail.every_domain,
        zones=tuple(zone.name for zone in names.dns.zones),
        mailboxes=tuple(dict.fromkeys(address for _, address in mailboxes)),
        web_names=taken.web_names(names.mta_sts, names.unsubscribe),
    )
    taken.check_envelopes(mail.streams, uses, mail.hostnames)
    if not lone:
        # Of a lone box nothing is published, and no mail leaves it.
        taken.check_hosts(mail.claims.names, uses)
        inbound = [host.name for host in mail.hosts if host.inbound]
        taken.check_mailboxes(mailboxes, mail.claims.names, inbound, uses)
    taken.check_aliases(table, names.mta_sts, names.unsubscribe, mail.streams, uses, mail.hostnames)


class _Machines(TypedDict):
    """What holds for every host, whatever it sends."""

    record_ttl: int
    apt_proxy: str | None
    upgrades: Upgrades
    time_servers: tuple[str, ...]
    log_days: int
    port25_probe: str | None
    private_networks: tuple[Network, ...]
    other_releases: tuple[str, ...]


def _machines(table: Table, lone: bool) -> _Machines:
    ttl = whole_number(60, 604_800, "seconds")
    return {
        "record_ttl": table.optional("record_ttl", ttl, defaults.RECORD_TTL),
        "apt_proxy": table.nullable("apt_proxy", url("http", "https"), None),
        "upgrades": _upgrades(table),
        "time_servers": table.optional("time_servers", many(time_server), ()),
        "log_days": table.optional("log_days", whole_number(1, 3650, "days"), defaults.LOG_DAYS),
        "port25_probe": table.nullable(
            "port25_probe", domain, None if lone else defaults.PORT25_PROBE
        ),
        "private_networks": table.optional("private_networks", many(private_network), ()),
        "other_releases": table.optional("other_releases", many(release), ()),
    }


def _section(table: Table, key: str, known: Sequence[str]) -> Table:
    """An optional section; the empty one where it is left out or is no dictionary."""
    node = table.at(key)
    found = Table.of(node, known) if key in table.values else None
    return Table(node, {}) if found is None else found


def _admin(table: Table) -> tuple[str | None, Admin | None]:
    found = table.required(
        "admin",
        lambda node: Table.of(node, sections.ADMIN),
        'write {"email": "ops@shop.example", "networks": ["192.0.2.0/24"]}',
    )
    if found is None:
        return None, None
    mailbox = found.required("email", email, "write the mailbox of whoever runs the estate")
    mend = "write the networks that SSH is open to: without one it is open to nobody"
    open_to = found.required("networks", networks, mend)
    try:
        return mailbox, Admin(need(mailbox), need(open_to))
    except IncompleteError:
        return mailbox, None


def _streams(table: Table) -> list[ReadStream]:
    found = table.required("streams", read_streams, 'write {"transactional": {...}}') or []
    marketing_stops_first({one.name: (one.limits, one.node.child("limits", None)) for one in found})
    envelopes: dict[str, StreamName] = {}
    for one in found:
        if one.envelope_domain is None:
            continue
        other = envelopes.setdefault(one.envelope_domain, one.name)
        if other != one.name:
            one.node.child("envelope_domain", None).fault(
                f"{one.envelope_domain} is already the {other} stream's",
                "write another: each stream has its own bounces and reputation",
            )
    return found


def _return_paths_fit(streams: Sequence[ReadStream]) -> None:
    """What is derived from an envelope domain is no longer than a name may be (RFC 1035 §2.3.4)."""
    for found in streams:
        if found.envelope_domain is not None and len(found.envelope_domain) > LONGEST_ENVELOPE:
            found.node.child("envelope_domain", None).fault(
                f"{found.envelope_domain} has {len(found.envelope_domain)} characters, and there"
                " are records at names below it",
                f"write one of at most {LONGEST_ENVELOPE}",
            )


def _hosts(
    table: Table, streams: Sequence[ReadStream], ssh_port: int, claims: Claims
) -> list[ReadHost]:
    written = table.values.get("streams")
    is_whole = isinstance(written, Mapping) and len(written) == len(streams)
    # Where a fault hides which streams there are, none is missed.
    declared = [found.name for found in streams] if is_whole else []
    hosts = table.required(
        "hosts",
        lambda node: read_hosts(node, declared, ssh_port, claims),
        'write {"mail1": {"hostname": "mail1.shop.example", ...}}',
    )
    if not hosts:
        return []
    for found in streams:
        if not any(found.name in host.streams or host.unread for host in hosts):
            found.node.fault(
                "is carried by no host",
                f'add "{found.name}" to the "ways_out" of a host or leave the stream out',
            )
    if not any(host.inbound for host in hosts):
        table.at("hosts").fault(
            "has no inbound host, so bounces and complaints have nowhere to go",
            'set "inbound" to True on one host',
        )
    return hosts


def _resolver(table: Table) -> Resolver:
    section = _section(table, "resolver", sections.RESOLVER)
    return Resolver(
        section.nullable("root_hints_file", own_path, None),
        section.nullable("trust_anchor_file", own_path, None),
    )


def _upgrades(table: Table) -> Upgrades:
    section = _section(table, "upgrades", sections.UPGRADES)
    return Upgrades(
        section.optional("unattended", flag, defaults.UNATTENDED),
        section.optional("origins", many(origin), ()),
    )


def _firewall(table: Table) -> Firewall:
    section = _section(table, "firewall", sections.FIREWALL)
    return Firewall(
        section.optional("ssh_port", _ssh_port, defaults.SSH_PORT),
        section.optional("open", many(_allow), ()),
        section.optional("adopt", one_of(get_args(Adopt)), defaults.ADOPT),
    )


def _ssh_port(node: Node) -> int | None:
    number = port(node)
    if number in OWN_PORTS:
        node.fault(
            f"{number} is the port of {OWN_PORTS[number]}",
            "write the one that sshd listens on, and move it there first where that is taken",
        )
        return None
    return number


def _allow(node: Node) -> Allow | None:
    table = Table.of(node, sections.ALLOW)
    if table is None:
        return None
    number = table.required("port", port, "write the port to open")
    protocol: Literal["tcp", "udp"] | None = table.required(
        "protocol", one_of(_PROTOCOLS), 'write "tcp" or "udp"'
    )
    open_to = table.optional("networks", networks, defaults.ANYWHERE)
    comment = table.required("comment", comment_line, "write what the opening is for")
    try:
        return Allow(need(number), need(protocol), open_to, need(comment))
    except IncompleteError:
        return None


def _system_sender(
    table: Table,
    hosts: Sequence[ReadHost],
    from_domains: Mapping[StreamName, Sequence[str]],
) -> str | None:
    """Root's and cron's mail is signed like any other, so every host needs a key for its From:."""
    signable = domains_everywhere([host.streams for host in hosts], from_domains)
    node = table.at("system_sender")
    # Where there are no hosts, streams or domains to compare, that is noted there already.
    carried = [() if host.unread else host.streams for host in hosts]
    known = (hosts, from_domains, *carried, *from_domains.values())
    if not all(known):
        return table.nullable("system_sender", email, None)
    if not signable:
        node.fault(
            "no From: domain is signed for on every host",
            'add one domain to the "from_domains" of a stream of each host',
        )
        return None
    address = table.optional("system_sender", email, f"root@{signable[0]}")
    if address.rpartition("@")[2] not in signable:
        node.fault(
            f"{address} is at a domain that not every host signs for",
            "write an address at " + " or ".join(signable),
        )
    return address
