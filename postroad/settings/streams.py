"""Reads the ``streams`` section: kinds of mail, who submits them, and their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from postroad.settings import defaults, sections
from postroad.settings.meant import nearest
from postroad.settings.model import (
    STREAM_NAMES,
    Limits,
    OutboundTls,
    Stream,
    StreamName,
    User,
    bounce_address,
)
from postroad.settings.rules import aligned, among, covered, queue_space
from postroad.settings.shapes import (
    IncompleteError,
    Node,
    Reader,
    Table,
    choose,
    many,
    named,
    need,
    one_of,
    some,
    whole_number,
)
from postroad.settings.values import (
    domain,
    duration,
    header_name,
    networks,
    password_hash,
    sender,
    user_name,
)

# What inbound takes at an envelope domain besides bounces (templates/postfix/mailboxes.j2).
NO_RETURN_PATHS = {
    "fbl": "complaints",
    "postmaster": "letters to the postmaster",
    "abuse": "letters about abuse",
}
# A line of opendkim.conf(5) has 1023 octets (config.c, BUFRSZ), the keyword and blanks among them.
_LONGEST_LIST = 990
# What every hop adds or replaces (RFC 5321 §4.4, RFC 6376, RFC 8601, RFC 8617): a signature that
# says "no more of them than these" (RFC 6376 §8.15) is broken by the first that carries the mail.
_OF_HOPS = frozenset(
    (
        "authentication-results",
        "delivered-to",
        "dkim-signature",
        "received",
        "received-spf",
        "return-path",
        "x-original-to",
        "x-received",
    )
)
_OUTBOUND_TLS: tuple[OutboundTls, ...] = ("dane", "may")


@dataclass(frozen=True, slots=True)
class ReadStream:
    """What could be read of one stream; ``stream`` is None where a part of it has a fault."""

    name: StreamName
    node: Node
    from_domains: tuple[str, ...]
    envelope_domain: str | None
    limits: Limits
    stream: Stream | None


def stream_name(name: str, node: Node) -> StreamName | None:
    """A stream that postroad knows."""
    for known in STREAM_NAMES:
        if name == known:
            return known
    node.fault(f'"{name}" is no stream', choose(name, STREAM_NAMES))
    return None


def meant_stream(name: str, others: Mapping[str, object]) -> StreamName | None:
    """The stream that a name which is none most likely means, where that one is not there as well.

    It is read on as that one, so that its absence is no second fault.
    """
    likely = nearest(name, STREAM_NAMES)
    return next((known for known in STREAM_NAMES if known == likely and known not in others), None)


def read_streams(node: Node) -> list[ReadStream]:
    """Every stream under ``node``; the faults are noted there."""
    entries = named(node)
    if entries is not None and not entries:
        node.fault("declares no stream", 'declare "transactional", "marketing" or both')
    found = []
    for name, child in entries or []:
        known = stream_name(name, child) or meant_stream(name, dict(entries or []))
        table = Table.of(child, sections.STREAM)
        if known is not None and table is not None:
            found.append(_stream(known, table))
    return found


def _stream(name: StreamName, table: Table) -> ReadStream:
    from_domains = table.required(
        "from_domains",
        some(domain, "write the domains that From: may hold"),
        'write the domains that From: may hold, as ["shop.example"]',
    )
    envelope_domain = table.required(
        "envelope_domain", domain, 'write the domain of MAIL FROM, as "bounce.shop.example"'
    )
    from_domains = None if from_domains is None else tuple(dict.fromkeys(from_domains))
    domains = from_domains or ()
    if envelope_domain is not None:
        _check_alignment(domains, envelope_domain, table.at("envelope_domain"))
    clients = table.required(
        "clients",
        networks,
        'write the networks of the applications that submit, as ["192.0.2.0/24"]',
    )
    users = _users(table, domains, envelope_domain)
    limits = _limits(table.at("limits"), defaults.LIMITS[name])
    signed = table.optional(
        "sign_headers", some(header_name, "name From at least"), defaults.SIGN_HEADERS
    )
    oversigned = table.optional(
        "oversign_headers", many(header_name), among(defaults.OVERSIGN_HEADERS, signed)
    )
    if not among(["From"], signed):
        table.at("sign_headers").fault("lacks From", 'add "From": RFC 6376 §5.4 requires it')
    of_hops = tuple(filter(is_of_hops, oversigned))
    if of_hops:
        table.at("oversign_headers").fault(
            f"{of_hops[0]} is added on the way, so that no signature would verify after it",
            f'take {", ".join(of_hops)} out here and of "sign_headers" (RFC 6376 §5.4)',
        )
    else:
        covered(signed, oversigned, table.at("oversign_headers"))
    for key, names in (("sign_headers", signed), ("oversign_headers", oversigned)):
        if len(",".join(names)) > _LONGEST_LIST:
            table.at(key).fault(
                f"has {len(','.join(names))} characters in all",
                f"write fewer, of at most {_LONGEST_LIST} together: OpenDKIM reads no longer line",
            )
    outbound_tls = table.optional("outbound_tls", one_of(_OUTBOUND_TLS), defaults.OUTBOUND_TLS)
    try:
        stream = Stream(
            name=name,
            from_domains=need(from_domains),
            envelope_domain=need(envelope_domain),
            clients=need(clients),
            users=need(users),
            outbound_tls=outbound_tls,
            sign_headers=signed,
            oversign_headers=oversigned,
            limits=limits,
        )
    except IncompleteError:
        stream = None
    return ReadStream(name, table.node, domains, envelope_domain, limits, stream)


def is_of_hops(header: str) -> bool:
    """Whether a header field is one that those who carry a message add or replace."""
    name = header.lower()
    return name in _OF_HOPS or name.startswith("arc-")


def _check_alignment(domains: tuple[str, ...], envelope_domain: str, node: Node) -> None:
    """One fault for all of them: what mends one of two brands would spoil the other."""
    apart = [domain for domain in domains if not aligned(domain, envelope_domain)]
    if not apart:
        return
    fitting = [d for d in (*apart, *domains) if all(aligned(d, other) for other in domains)]
    if fitting:
        mend = f'write a domain under it, as "bounce.{fitting[0]}"'
    else:
        mend = (
            f"no domain aligns with all of {', '.join(domains)} (RFC 9989): a stream carries one"
            f" brand, and has one return path. Move {', '.join(apart)} to the other stream, or to"
            " an estate of its own"
        )
    thing = "domain" if len(apart) == 1 else "domains"
    node.fault(f"{envelope_domain} does not align with the From: {thing} {', '.join(apart)}", mend)


def _users(
    table: Table, domains: tuple[str, ...], envelope_domain: str | None
) -> tuple[User, ...] | None:
    hint = 'write {"shop": {"passwords": ["{ARGON2ID}…"]}}; `postroad secret hash` makes the hash'
    entries = table.required("users", named, hint)
    if entries is None:
        return None
    if not entries:
        table.at("users").fault("declares no login", hint)
    first: dict[str, str] = {}
    for name, node in entries:
        # Postfix holds logins against its tables without regard to case.
        if (other := first.setdefault(name.lower(), name)) != name:
            node.fault(f'"{name}" and "{other}" are one login to Postfix', "write another name")
    found = [_user(name, node, domains, envelope_domain) for name, node in entries]
    return tuple(user for user in found if user is not None)


def _user(
    name: str, node: Node, domains: tuple[str, ...], envelope_domain: str | None
) -> User | None:
    login = user_name(name, node)
    table = Table.of(node, sections.USER)
    if table is None:
        return None
    mend = "write the hash that `postroad secret hash` prints, or two while it is being changed"
    passwords = table.required("passwords", some(password_hash, mend), mend)
    if passwords is not None and len(passwords) > 2:
        table.at("passwords").fault(
            f"has {len(passwords)} hashes", "keep two at most: the old one and the new one"
        )
    envelope_domains = () if envelope_domain is None else (envelope_domain,)
    from_addresses = table.optional(
        "from",
        some(_sender_at(domains, "from_domains"), "write an address or leave the key out"),
        tuple(f"@{d}" for d in domains),
    )
    envelope_senders = table.optional(
        "envelope",
        some(_return_path(envelope_domains), "write an address or leave the key out"),
        tuple(map(bounce_address, envelope_domains)),
    )
    try:
        return User(need(login), need(passwords), from_addresses, envelope_senders)
    except IncompleteError:
        return None


def _sender_at(domains: tuple[str, ...], key: str) -> Reader[str]:
    def read(node: Node) -> str | None:
        address = sender(node)
        # Where the domains themselves have a fault there is nothing to compare with.
        if address is not None and domains and address.rpartition("@")[2] not in domains:
            node.fault(
                f'{address} is outside the stream\'s "{key}"',
                "write an address at " + " or ".join(domains),
            )
            return None
        return address

    return read


def _return_path(domains: tuple[str, ...]) -> Reader[str]:
    """A whole address at the envelope domain: bounces to it come back, and are taken."""
    at_domain = _sender_at(domains, "envelope_domain")

    def read(node: Node) -> str | None:
        address = at_domain(node)
        if address is None:
            return None
        local_part, _, domain = address.rpartition("@")
        named = local_part.lower().partition("+")[0]
        if not local_part:
            node.fault(
                f"{address} is every address of a domain, and bounces come back to those that are "
                "named",
                f'name each, as "returns{address}"; bounce+anything{address} is there without',
            )
        elif named in NO_RETURN_PATHS:
            node.fault(
                f"{address} is where {NO_RETURN_PATHS[named]} arrive, and no bounces",
                f'write another, as "returns@{domain}"',
            )
        else:
            return address
        return None

    return read


def _limits(node: Node, default: Limits) -> Limits:
    if node.value is None:
        return default
    table = Table.of(node, sections.LIMITS)
    if table is None:
        return default
    size = whole_number(1024, 1024**4, "bytes")
    limits = Limits(
        message_size=table.optional("message_size", size, default.message_size),
        recipients_per_message=table.optional(
            "recipients_per_message",
            whole_number(1, 1000, "recipients"),
            default.recipients_per_message,
        ),
        queue_lifetime=table.optional("queue_lifetime", duration, default.queue_lifetime),
        queue_minfree=table.optional("queue_minfree", size, default.queue_minfree),
        active_messages=table.optional(
            "active_messages", whole_number(1, 1_000_000, "messages"), default.active_messages
        ),
        delivery_processes=table.optional(
            "delivery_processes", whole_number(1, 2000, "processes"), default.delivery_processes
        ),
        connections_per_client=table.optional(
            "connections_per_client",
            whole_number(1, 10_000, "connections"),
            default.connections_per_client,
        ),
    )
    queue_space(limits, node)
    return limits
