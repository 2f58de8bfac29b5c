"""What the audit asks a host beyond its state, from the model and that state alone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from postroad.dns.dkim import LiveKey, key_record
from postroad.host.component import Component
from postroad.host.paths import (
    INSTALL_LOCK,
    LOGS,
    LOGS_READ,
    MAILBOXES,
    STAMPS,
    config_folder,
    milter_socket,
    paths_for,
)
from postroad.mail.installing import POLICY
from postroad.mail.parts import logs
from postroad.mail.render import instances as own_instances
from postroad.settings.mail_hosts import NOWHERE, Nowhere, exceptions
from postroad.settings.model import Address, Estate, Host, Stream, StreamName, User, WayOut

Json = dict[str, Any]

# A name that cannot exist (RFC 6761 6.4): no key, no mailbox and no host is ever behind it.
NOBODYS_DOMAIN = "audit.invalid"
# Who writes a From: that the signer cannot read.
UNREADABLE = f"unreadable@{NOBODYS_DOMAIN}"

# A mail host that is itself a number: smtp(8) connects to it without asking further.
NUMBERS = tuple(
    f"{NOBODYS_DOMAIN}. 60 IN MX 10 {number}." for number in ("127.0.0.1", "0x7f.1", "::1")
)

PARAMETERS = (
    "bounce_queue_lifetime",
    "confirm_delay_cleared",
    "default_process_limit",
    "delay_warning_time",
    "double_bounce_sender",
    "maximal_backoff_time",
    "maximal_queue_lifetime",
    "message_size_limit",
    "meta_directory",
    "milter_default_action",
    "non_smtpd_milters",
    "notify_classes",
    "qmgr_message_active_limit",
    "queue_directory",
    "queue_minfree",
    "queue_run_delay",
    "receive_override_options",
    "relayhost",
    "sender_dependent_default_transport_maps",
    "smtp_bind_address",
    "smtp_bind_address6",
    "smtp_delivery_status_filter",
    "smtp_dns_reply_filter",
    "smtp_helo_name",
    "smtp_tls_security_level",
    "smtpd_client_connection_count_limit",
    "smtpd_client_connection_rate_limit",
    "smtpd_client_event_limit_exceptions",
    "smtpd_milter_maps",
    "smtpd_milters",
    "smtpd_recipient_limit",
    "smtpd_recipient_restrictions",
    "transport_maps",
)


def system(estate: Estate, host: Host) -> Json:
    """For `postroad.onhost.asked.system`."""
    return {
        "logs": LOGS,
        "stamps": STAMPS,
        "read": LOGS_READ,
        "rotation": [row.path for row in logs.PART.wanted_by(estate)],
        "maildirs": maildirs(estate, host),
        "start_ban": POLICY,
        "ban_lock": INSTALL_LOCK,
    }


def maildirs(estate: Estate, host: Host) -> list[str]:
    """The Maildirs that strangers write to."""
    if not host.inbound:
        return []
    kinds = ("bounces", "complaints")
    of_streams = (f"{stream.name}/{kind}" for stream in estate.streams for kind in kinds)
    return [f"{MAILBOXES}/{name}" for name in (*of_streams, "postmaster")]


def nowhere(estate: Estate) -> dict[Address, Nowhere]:
    """Of each network without a mail host of the internet, addresses that no exception covers."""
    allowed = exceptions(estate)
    ends = ((no, (no.network[0], no.network[-1])) for no in NOWHERE)
    return {
        address: no
        for no, addresses in ends
        for address in addresses
        if not any(address in network for network in allowed)
    }


def answer(address: Address) -> str:
    """A record that names this address, as smtp_dns_reply_filter is asked (postconf(5))."""
    kind = "A" if address.version == 4 else "AAAA"
    return f"mx.{NOBODYS_DOMAIN}. 60 IN {kind} {address}"


def postfix(estate: Estate, host: Host) -> Json:
    """For `postroad.onhost.asked.instances`: our own instances, and the packages' one."""
    own = {name: f"/etc/postfix-{name}" for name in own_instances(host)}
    return {
        "instances": {"default": "/etc/postfix", **own},
        "parameters": PARAMETERS,
        "answers": [*map(answer, nowhere(estate)), *NUMBERS],
    }


def signer_socket(components: tuple[Component, ...], stream: str) -> str:
    """The socket that the stream's signer is configured to open; empty where none is."""
    files = (f for c in components if c.name == stream for f in c.files)
    text = next((f.content.decode() for f in files if f.path.endswith("/opendkim.conf")), "")
    found = re.search(r"^Socket\s+local:(\S+)", text, re.MULTILINE)
    return found.group(1) if found else ""


def probes(estate: Estate, host: Host, components: tuple[Component, ...]) -> list[Json]:
    """For `postroad.onhost.asked.signing`.

    One message for each sending domain, and one that nobody may send.
    """
    return [
        probe
        for stream, _ in estate.streams_of(host)
        for probe in (
            *_probes(stream, signer_socket(components, stream.name)),
            _unreadable_probe(stream.name),
        )
    ]


def _unreadable_probe(stream: StreamName) -> Json:
    """What OpenDKIM cannot read, and passes on: for what stands before it and behind it."""
    return {
        "stream": stream,
        "config": config_folder(stream),
        "socket": milter_socket(stream),
        "login": "",
        "sender": UNREADABLE,
        "headers": [*probe_headers(f'Probe"s shop <{UNREADABLE}>').items()],
    }


def without_dns(probes: list[Json], keys: Iterable[LiveKey]) -> list[Json]:
    """The probes of a lone box, whose signatures are held against the keys that are on the host."""
    records = {key.owner.rstrip("."): key_record(key) for key in keys}
    return [{**probe, "records": records} for probe in probes]


def _probes(stream: Stream, socket: str) -> Iterator[Json]:
    for domain in (*stream.from_domains, NOBODYS_DOMAIN):
        user = next((u for u in stream.users if _may_write(u, domain)), None)
        if user is None and domain != NOBODYS_DOMAIN:
            continue
        login = user or (stream.users[0] if stream.users else None)
        sender = _sender(login, domain)
        yield {
            "stream": stream.name,
            "socket": socket,
            "login": login.login if login else "",
            "sender": sender,
            "headers": list(probe_headers(sender).items()),
        }


def probe_headers(sender: str) -> Mapping[str, str]:
    """The headers of a probe: what receivers ask of bulk mail (RFC 5322, RFC 8058) among them."""
    return {
        "From": sender,
        "To": f"nobody@{NOBODYS_DOMAIN}",
        "Subject": "a probe of the audit",
        "Date": "Thu, 01 Jan 2026 00:00:00 +0000",
        "Message-ID": f"<probe@{NOBODYS_DOMAIN}>",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=us-ascii",
        "List-Unsubscribe": f"<https://{NOBODYS_DOMAIN}/>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _may_write(user: User, domain: str) -> bool:
    return any(address.rpartition("@")[2] == domain for address in user.from_addresses)


def _sender(user: User | None, domain: str) -> str:
    mine = user.from_addresses if user else ()
    at_domain = next((a for a in mine if a.rpartition("@")[2] == domain), f"@{domain}")
    return f"probe{at_domain}" if at_domain.startswith("@") else at_domain


def submission_ports(way: WayOut) -> Iterator[tuple[Address, int, bool]]:
    """Address, port and whether TLS comes first, of every listener of one way out."""
    for address in way.addresses:
        yield address, way.starttls_port, False
        yield address, way.tls_port, True


def smtp(estate: Estate, host: Host, submission_is_open: bool) -> Json:
    """For `postroad.onhost.asked.submission`: each listener that others are to reach."""
    listeners = [
        {"address": str(address), "port": 25, "wrapped": False, "sender": ""}
        for address in host.addresses
        if host.inbound
    ]
    for stream, way in estate.streams_of(host):
        for address, port, wrapped in submission_ports(way) if submission_is_open else ():
            place = {"address": str(address), "port": port, "wrapped": wrapped}
            listeners.append({**place, "sender": stream.bounce_address})
    places = paths_for(estate)
    return {
        "chain": places.certificate_chain,
        "key": places.certificate_key,
        "listeners": listeners,
    }
