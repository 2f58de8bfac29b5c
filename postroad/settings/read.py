"""Reads the operator's ``estate`` dictionary into the model, or says everything wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Literal, get_args

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
    Estate,
    EstateInput,
    Firewall,
    Network,
    NoTls,
    Resolver,
    StreamName,
    SuppliedKey,
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


def _estate(node: Node) -> Estate | None:
    table = Table.of(node, sections.ESTATE)
    if table is None:
        return None
    lone = table.optional("lone", flag, False)
    admin_email, admin = _admin(table)
    firewall = _firewall(table)
    streams = _streams(table)
    from_domains = {found.name: found.from_domains for found in streams}
    claims = Claims()
    hosts = _hosts(table, streams, firewall.ssh_port, claims)
    tls = read_tls(table.at("tls"), admin_email) if table.has("tls", SOURCE_HINT) else None
    if firewall.ssh_port in claims.usual_ports:
        # As many ways out as there are have it: it is told once, where it was written.
        table.at("firewall").child("ssh_port", None).fault(
            f"{firewall.ssh_port} is where ways out take mail in that name no port",
            'write the port that sshd listens on; if it is this one, write a "starttls_port" or'
            ' "tls_port" of its own for each way out',
        )
    carried = {host.name: STREAM_NAMES if host.unread else host.streams for host in hosts}
    supplied: tuple[SuppliedKey, ...] = table.optional(
        "dkim_keys",
        partial(read_supplied_keys, carried=carried, from_domains=from_domains),
        (),
    )
    doubled = one_host_each(claims.names, "the name")
    one_host_each(claims.addresses, "the address")
    brought = {(key.host, key.stream, key.domain) for key in supplied}
    # Two hosts of one name have one label as well, which is no fault of its own.
    labels = [claim for claim in claims.labels if claim.host not in doubled]
    shared = {found.name: found.node.child("from_domains", None) for found in streams}
    one_key_a_selector(labels, from_domains, brought, shared)
    every_domain = tuple(dict.fromkeys(d for domains in from_domains.values() for d in domains))
    dmarc = read_dmarc(_section(table, "dmarc", sections.DMARC), admin_email, every_domain)
    mta_sts = table.nullable("mta_sts", read_mta_sts, None)
    if mta_sts is not None and isinstance(tls, NoTls):
        table.at("mta_sts").fault(
            "demands TLS of those who send to the estate, which has no certificate",
            'write another "source" under "tls", or leave this out',
        )
    tls_reports = table.nullable("tls_reports", email, None)
    unsubscribe = table.nullable("unsubscribe", read_unsubscribe, None)
    names_fit(supplied, claims.labels, shared, from_domains)
    _return_paths_fit(streams)
    if mta_sts is not None:
        for found in streams:
            if mta_sts.web_host == f"mta-sts.{found.envelope_domain}":
                # RFC 8461 §3.3: the policy's own name leads to the web host.
                table.at("mta_sts").child("web_host", None).fault(
                    f"{mta_sts.web_host} would be an alias of itself",
                    "write the name of the web host behind it, which has an address already",
                )
    dkim = read_dkim(_section(table, "dkim", sections.DKIM))
    dns = read_dns(_section(table, "dns", sections.DNS))
    mailboxes = [
        (node, address)
        for node, address in (
            (table.at("admin").child("email", None), admin_email),
            (table.at("dmarc").child("reports", None), dmarc and dmarc.reports),
            (table.at("tls_reports"), tls_reports),
            (table.at("tls").child("email", None), tls.email if isinstance(tls, AcmeTls) else None),
        )
        if address
    ]
    uses = taken.Uses(
        from_domains=every_domain,
        zones=tuple(zone.name for zone in dns.zones),
        mailboxes=tuple(dict.fromkeys(address for _, address in mailboxes)),
        web_names=taken.web_names(mta_sts, unsubscribe),
    )
    names = [claim.value for claim in claims.names]
    taken.check_envelopes(streams, uses, names)
    if not lone:
        # Of a lone box nothing is published, and no mail leaves it.
        taken.check_hosts(claims.names, uses)
        inbound = [host.name for host in hosts if host.inbound]
        taken.check_mailboxes(mailboxes, claims.names, inbound, uses)
    taken.check_aliases(table, mta_sts, unsubscribe, streams, uses, names)
    resolver = _resolver(table)
    system_sender = _system_sender(table, hosts, from_domains)
    record_ttl = table.optional(
        "record_ttl", whole_number(60, 604_800, "seconds"), defaults.RECORD_TTL
    )
    apt_proxy = table.nullable("apt_proxy", url("http", "https"), None)
    upgrades = _upgrades(table)
    time_servers: tuple[str, ...] = table.optional("time_servers", many(time_server), ())
    log_days = table.optional("log_days", whole_number(1, 3650, "days"), defaults.LOG_DAYS)
    probe = table.nullable("port25_probe", domain, None if lone else defaults.PORT25_PROBE)
    private_networks: tuple[Network, ...] = table.optional(
        "private_networks", many(private_network), ()
    )
    releases: tuple[str, ...] = table.optional("other_releases", many(release), ())
    if lone:
        lone_and_unknown(table, claims.addresses, tls, dns)
    if tls is None:
        return None
    try:
        return Estate(
            admin=need(admin),
            hosts=tuple(need(found.host) for found in hosts),
            streams=tuple(need(found.stream) for found in streams),
            tls=tls,
            dkim=dkim,
            supplied_keys=supplied,
            dmarc=need(dmarc),
            mta_sts=mta_sts,
            tls_reports=tls_reports,
            unsubscribe=unsubscribe,
            dns=dns,
            resolver=resolver,
            firewall=firewall,
            system_sender=need(system_sender),
            record_ttl=record_ttl,
            apt_proxy=apt_proxy,
            upgrades=upgrades,
            time_servers=time_servers,
            log_days=log_days,
            port25_probe=probe,
            private_networks=private_networks,
            other_releases=releases,
            lone=lone,
        )
    except IncompleteError:
        return None


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
