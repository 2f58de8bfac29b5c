"""Reads where certificates and supplied DKIM keys come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from postroad.settings import defaults, sections
from postroad.settings.model import (
    AcmeTls,
    Dns01,
    Http01,
    NoTls,
    OnHost,
    SecretRef,
    StreamName,
    SuppliedKey,
    SuppliedTls,
    Tls,
)
from postroad.settings.names import read_updates
from postroad.settings.shapes import (
    IncompleteError,
    Node,
    Table,
    choose,
    items,
    need,
    one_of,
    text,
    whole_number,
)
from postroad.settings.streams import stream_name
from postroad.settings.values import (
    REFERENCE_FORMS,
    domain,
    email,
    host_path,
    own_path,
    secret,
    selector,
    url,
)

SOURCE_HINT = 'write {"source": "acme"}, or "supplied" or "none" as the source'


def read_tls(node: Node, admin_email: str | None) -> Tls | None:
    """The certificate source under ``node``; None after a fault."""
    if not isinstance(node.value, Mapping):
        node.fault("is no dictionary", SOURCE_HINT)
        return None
    source_node = node.child("source", node.value.get("source"))
    if "source" not in node.value:
        source_node.fault("is missing", SOURCE_HINT)
        return None
    match one_of(sections.TLS_SOURCES)(source_node):
        case "acme":
            return _acme(node, admin_email)
        case "supplied":
            return _supplied(node)
        case "none":
            Table.of(node, sections.TLS_NONE)
            return NoTls()
        case _:
            return None


def _acme(node: Node, admin_email: str | None) -> AcmeTls | None:
    table = Table.of(node, sections.TLS_ACME)
    if table is None:
        return None
    directory = table.optional("directory", url("https"), defaults.ACME_DIRECTORY)
    mailbox = table.optional("email", email, admin_email)
    ca_file = table.nullable("ca_file", own_path, None)
    challenge = _challenge(table)
    caa = table.nullable("caa", domain, _known_caa(directory))
    if mailbox is None or challenge is None:
        return None
    return AcmeTls(directory, mailbox, ca_file, challenge, caa)


def _known_caa(directory: str) -> str | None:
    name = urlsplit(directory).hostname or ""
    found = [caa for end, caa in defaults.CAA_OF_DIRECTORY.items() if name.endswith(f".{end}")]
    return found[0] if found else None


def _challenge(acme: Table) -> Http01 | Dns01 | None:
    node = acme.at("challenge")
    if "challenge" not in acme.values or node.value == "http-01":
        return Http01()
    if not isinstance(node.value, Mapping) or list(node.value) != ["dns-01"]:
        node.fault("is no known challenge", 'write "http-01" or {"dns-01": {...}}')
        return None
    table = Table.of(node.child("dns-01", node.value["dns-01"]), sections.DNS01)
    if table is None:
        return None
    to = read_updates(table)
    propagation = table.optional(
        "propagation", whole_number(1, 3600, "seconds"), defaults.PROPAGATION_SECONDS
    )
    if to is None:
        return None
    return Dns01(to.server, to.port, to.key_name, to.algorithm, to.key, propagation)


def _supplied(node: Node) -> SuppliedTls | None:
    table = Table.of(node, sections.TLS_SUPPLIED)
    if table is None:
        return None
    chain_file = table.required("chain_file", own_path, "write the path of the chain in PEM form")
    key = table.required("key", secret, REFERENCE_FORMS)
    try:
        return SuppliedTls(need(chain_file), need(key))
    except IncompleteError:
        return None


def read_supplied_keys(
    node: Node,
    carried: Mapping[str, Sequence[StreamName]],
    from_domains: Mapping[StreamName, Sequence[str]],
) -> tuple[SuppliedKey, ...]:
    """The DKIM keys that the operator brings; ``carried`` are the streams of each host."""
    found = []
    places: dict[tuple[str, str, str], str] = {}
    published: dict[tuple[str, str], SecretRef | OnHost] = {}
    for child in items(node) or []:
        table = Table.of(child, sections.DKIM_KEY)
        key = None if table is None else _supplied_key(table, carried, from_domains)
        if key is None or table is None:
            continue
        place = (key.host, key.stream, key.domain)
        first = places.setdefault(place, child.where.split(": ", 1)[1])
        if first != child.where.split(": ", 1)[1]:
            child.fault(
                f"{first} already brings a key for {', '.join(place)}", "write one key for each"
            )
        if published.setdefault((key.selector, key.domain), key.key) != key.key:
            table.at("selector").fault(
                f'"{key.selector}" already names another key at {key.domain}',
                "write another selector: one selector holds one key",
            )
        found.append(key)
    return tuple(found)


def _supplied_key(
    table: Table,
    carried: Mapping[str, Sequence[StreamName]],
    from_domains: Mapping[StreamName, Sequence[str]],
) -> SuppliedKey | None:
    host = table.required("host", text, "write the inventory name of the host that signs")
    written = table.required("stream", text, "write the stream that signs")
    signed = table.required("domain", domain, "write the From: domain that it signs")
    name = table.required("selector", selector, 'write the selector, as "202601-mail1"')
    key = _key_itself(table)
    stream = None if written is None else stream_name(written, table.at("stream"))
    if host is not None and host not in carried:
        table.at("host").fault(f'the estate has no host "{host}"', choose(host, list(carried)))
    elif host is not None and stream is not None and stream not in carried[host]:
        table.at("stream").fault(
            f'host "{host}" carries no {stream} stream', "write a stream among its ways_out"
        )
    if signed is not None and stream is not None and signed not in from_domains.get(stream, ()):
        table.at("domain").fault(
            f"{signed} is no From: domain of the {stream} stream",
            f'add it to estate["streams"]["{stream}"]["from_domains"] or leave the key out',
        )
    try:
        if key is None:
            return None
        return SuppliedKey(need(host), need(stream), need(signed), need(name), key)
    except IncompleteError:
        return None


def _key_itself(table: Table) -> SecretRef | OnHost | None:
    """The key's private half: a secret that the operator keeps, or a file that the host has."""
    on_host: str | None = table.nullable("on_host", host_path, None)
    if on_host is None and table.at("on_host").value is not None:
        return None
    if on_host is None:
        return table.required("key", secret, f'{REFERENCE_FORMS}, or name it by "on_host"')
    if table.at("key").value is not None:
        table.at("on_host").fault(
            'stands beside a "key"', "keep one of them: the key is brought, or is on the host"
        )
    return OnHost(on_host)
