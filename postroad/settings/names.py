"""Reads what the estate's names need beyond its hosts: policies, web names, zones, resolvers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from postroad.settings import defaults, sections
from postroad.settings.model import (
    Address,
    Dkim,
    Dmarc,
    DmarcPolicy,
    Dns,
    DnsZone,
    MtaSts,
    MtaStsMode,
    SecretRef,
    Unsubscribe,
)
from postroad.settings.shapes import (
    IncompleteError,
    Node,
    Table,
    choose,
    named,
    need,
    one_of,
    some,
    whole_number,
)
from postroad.settings.values import (
    REFERENCE_FORMS,
    address,
    domain,
    email,
    key_name,
    owner_fault,
    port,
    secret,
)

POLICIES: tuple[DmarcPolicy, ...] = ("none", "quarantine", "reject")
_MODES: tuple[MtaStsMode, ...] = ("testing", "enforce")
# RFC 8945 §6: HMAC algorithms that are not deprecated.
_TSIG_ALGORITHMS = ("hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512")
# RFC 8461 §3.2: at most a year. Below a day a policy is gone before anybody has cached it.
_MAX_AGE = whole_number(86_400, 31_557_600, "seconds")
# Below a month, two rotations would overlap.
_ROTATE_DAYS = whole_number(30, 3650, "days")
_REVOKED_DAYS = whole_number(1, 365, "days")
_NO_RESOLVER = "leave it out, or name at least one resolver of the world's"


@dataclass(frozen=True, slots=True)
class Updates:
    """Where and as whom to send dynamic updates (RFC 2136, RFC 8945)."""

    server: Address
    port: int
    key_name: str
    algorithm: str
    key: SecretRef


def read_updates(table: Table) -> Updates | None:
    """The server and TSIG key of a section that has them; None after a fault."""
    hint = "write the address that takes RFC 2136 updates"
    server = address(table.at("server")) if table.has("server", hint) else None
    number = table.optional("port", port, defaults.DNS_PORT)
    name = table.required("key_name", key_name, "write the name of the TSIG key")
    algorithm = table.optional("algorithm", one_of(_TSIG_ALGORITHMS), defaults.TSIG_ALGORITHM)
    key = table.required("key", secret, REFERENCE_FORMS)
    if server is None or name is None or key is None:
        return None
    return Updates(server, number, name, algorithm, key)


def read_dkim(section: Table) -> Dkim:
    """How DKIM keys are rotated; what is left out has its default."""
    return Dkim(
        section.optional("rotate_days", _ROTATE_DAYS, defaults.ROTATE_DAYS),
        section.optional("revoked_days", _REVOKED_DAYS, defaults.REVOKED_DAYS),
    )


def read_dmarc(
    section: Table, admin_email: str | None, from_domains: Sequence[str]
) -> Dmarc | None:
    """The DMARC section; ``from_domains`` are the estate's sending domains."""
    policy = section.optional("policy", one_of(POLICIES), defaults.DMARC_POLICY)
    reports = section.optional("reports", email, admin_email)
    nobody: tuple[tuple[str, DmarcPolicy], ...] = ()
    stages = section.optional("stages", partial(_stages, from_domains=from_domains), nobody)
    return None if reports is None else Dmarc(policy, reports, stages)


def _stages(node: Node, from_domains: Sequence[str]) -> tuple[tuple[str, DmarcPolicy], ...] | None:
    entries = named(node)
    if entries is None:
        return None
    stages = []
    for name, child in entries:
        policy = one_of(POLICIES)(child)
        if name not in from_domains:
            child.fault(f"{name} is no sending domain of the estate", choose(name, from_domains))
        elif policy is not None:
            stages.append((name, policy))
    return tuple(stages)


def read_mta_sts(node: Node) -> MtaSts | None:
    """The MTA-STS section; None after a fault."""
    table = Table.of(node, sections.MTA_STS)
    if table is None:
        return None
    mode: MtaStsMode | None = table.required(
        "mode", one_of(_MODES), 'begin with "testing", later write "enforce"'
    )
    max_age = table.optional("max_age", _MAX_AGE, defaults.MTA_STS_MAX_AGE)
    host = table.required("web_host", domain, "write the name of the web host with the policy file")
    try:
        return MtaSts(need(mode), max_age, need(host))
    except IncompleteError:
        return None


def read_unsubscribe(node: Node) -> Unsubscribe | None:
    """The section of the unsubscribe links; None after a fault."""
    table = Table.of(node, sections.UNSUBSCRIBE)
    if table is None:
        return None
    hint = 'write the name in the links, as "unsubscribe.news.shop.example"'
    hostname = table.required("hostname", domain, hint)
    web_host = table.required("web_host", domain, "write the name of the web host behind it")
    if hostname is not None and hostname == web_host:
        table.at("web_host").fault("is the same name", "write the name that has an address already")
        return None
    try:
        return Unsubscribe(need(hostname), need(web_host))
    except IncompleteError:
        return None


def read_dns(section: Table) -> Dns:
    """The ``dns`` section; what is left out has its default."""
    resolvers = section.optional("resolvers", some(address, _NO_RESOLVER), defaults.RESOLVERS)
    # One that is written twice has one voice.
    resolvers = tuple(dict.fromkeys(resolvers))
    zones: tuple[DnsZone, ...] = section.optional("zones", _zones, ())
    return Dns(resolvers, zones)


def _zones(node: Node) -> tuple[DnsZone, ...] | None:
    entries = named(node)
    if entries is None:
        return None
    found = [_zone(name, child) for name, child in entries]
    return tuple(zone for zone in found if zone is not None)


def _zone(name: str, node: Node) -> DnsZone | None:
    fault = owner_fault(name)
    if fault is not None:
        node.fault(f'"{name}" {fault[0]}', fault[1])
        return None
    table = Table.of(node, sections.DNS_ZONE)
    found = None if table is None else read_updates(table)
    if found is None:
        return None
    return DnsZone(name, found.server, found.port, found.key_name, found.algorithm, found.key)
