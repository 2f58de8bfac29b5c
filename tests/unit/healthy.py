"""A host as the audit finds it when all is well; tests spoil one thing of it."""

from __future__ import annotations

from dataclasses import replace

from postroad.audit.asking import NOBODYS_DOMAIN, postfix, probe_headers, submission_ports
from postroad.audit.audited import Audited, Expectation
from postroad.audit.evidence import (
    Dialogue,
    Instance,
    Log,
    Maildir,
    Room,
    Service,
    Shown,
    Signed,
    Smtp,
    Socket,
    System,
    Upgrades,
)
from postroad.audit.suites.listeners import declared
from postroad.host.found import FileState, HostState, blank
from postroad.host.paths import (
    BUDGET_SOCKET,
    key_folder,
    key_path,
    milter_socket,
    stream_folder,
)
from postroad.mail.certificate import CertificateState, wanted_renewal
from postroad.mail.firewall import allowed
from postroad.mail.firewall.read import FirewallState, Status
from postroad.mail.intake import PLACES_OF_CLIENT, PLACES_OF_NETWORK, intake, without_limits
from postroad.mail.signing.found import KeyState
from postroad.mail.signing.keys import OWNER
from postroad.mail.software import packages
from postroad.mail.standing import Standing
from postroad.settings.mail_hosts import LOOPBACK, NOWHERE
from postroad.settings.model import AcmeTls, Estate, Host, Stream, WayOut
from postroad.settings.ports import SYSTEM_MAIL_PORT
from postroad.settings.read import read
from tests.unit.declarations import declaration
from tests.unit.states import altered

NOW = 1_800_000_000.0
DAY = 86400
POSTFIX_UID = 107
DIGEST = "a" * 64
# What Postfix may not connect to, as iptables(8) tells it.
NOWHERE_RULES = {
    version: tuple(
        f"-A ufw-before-output{' ! -s 127.0.0.0/8' if no.network == LOOPBACK else ''}"
        f" -d {no.network} -p tcp -m tcp --dport 25 -m owner --uid-owner {POSTFIX_UID}"
        " -j REJECT --reject-with tcp-reset"
        for no in NOWHERE
        if no.network.version == version
    )
    for version in (4, 6)
}
RULES = (
    "-P OUTPUT ACCEPT",
    "-N ufw-before-output",
    "-N ufw-logging-deny",
    "-A OUTPUT -j ufw-before-output",
    *(
        f"-A ufw-before-output -o lo -p tcp -m tcp --dport {SYSTEM_MAIL_PORT}"
        f" --tcp-flags FIN,SYN,RST,ACK SYN {what}"
        for what in (
            f"-m owner --uid-owner {POSTFIX_UID} -j ACCEPT",
            "-m owner --uid-owner 0 -j ACCEPT",
            "-j REJECT --reject-with tcp-reset",
        )
    ),
    "-A ufw-before-output -o lo -j ACCEPT",
    "-A ufw-before-output -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    f"-A ufw-before-output -p tcp -m tcp --dport 25 -m owner --uid-owner {POSTFIX_UID} -j ACCEPT",
    "-A ufw-before-output -p tcp -m tcp --dport 25 -m limit --limit 3/min --limit-burst 10"
    " -j ufw-logging-deny",
    "-A ufw-before-output -p tcp -m tcp --dport 25 -j REJECT --reject-with tcp-reset",
)


def places(chain: str, client: int, network: int) -> tuple[str, ...]:
    """What limits one client's places at port 25, and its network's, as iptables(8) shows it."""
    counted = ((PLACES_OF_CLIENT, client), (PLACES_OF_NETWORK, network))
    return tuple(
        f"-A {chain} -p tcp -m tcp --dport 25 --tcp-flags FIN,SYN,RST,ACK SYN -m connlimit "
        f"--connlimit-above {above} --connlimit-mask {mask} --connlimit-saddr -j REJECT "
        "--reject-with tcp-reset"
        for above, mask in counted
    )


TIMES = {"maximal_backoff_time": "1h", "queue_run_delay": "300s", "maximal_queue_lifetime": "5d"}


def audited() -> Audited:
    """The first host of the example estate."""
    estate = read(declaration(), "group_data/prod.py")
    host = estate.hosts[0]
    bare = Audited(
        estate=estate,
        host=host,
        run="pyinfra -y",
        components=(),
        closed=dict.fromkeys(host.streams, ""),
        standings={way.stream: Standing(way) for way in host.ways_out},
        state=_state(estate, host),
        clock_ahead=0.0,
        expectations=tuple(Expectation(s, "ok", "it is there", ()) for s in host.streams),
        system=_system(),
        instances=_instances(estate, host),
        signed=tuple(_signed(stream) for stream, _ in estate.streams_of(host)),
        smtp=_smtp(estate, host),
    )
    sockets = tuple(Socket("tcp", address, port, "master") for address, port in declared(bare))
    return replace(bare, system=replace(bare.system, sockets=sockets))


def _state(estate: Estate, host: Host) -> HostState:
    rules = allowed.rules(estate, host)
    status = Status(
        enabled=True,
        loaded=True,
        ipv6=True,
        incoming="deny",
        outgoing="allow",
        routed="deny",
        logging="low",
    )
    addresses = {*host.addresses, *(a for way in host.ways_out for a in way.addresses)}
    keys = [(s.name, d) for s, _ in estate.streams_of(host) for d in s.from_domains]
    return altered(
        blank(),
        hostname=host.hostname,
        addresses=frozenset(addresses),
        packages=dict.fromkeys(packages(estate), "1"),
        certificate=_certificate(estate, host),
        keys=tuple(KeyState(stream, domain, "202601-mail1", "key") for stream, domain in keys),
        files={path: found for s, d in keys for path, found in _key_files(s, d).items()},
        firewall=FirewallState(
            status=status,
            rules4=tuple(r for r in rules if ":" not in f"{r.from_}{r.to}"),
            rules6=tuple(r for r in rules if "." not in f"{r.from_}{r.to}"),
        ),
    )


def _certificate(estate: Estate, host: Host) -> CertificateState:
    assert isinstance(estate.tls, AcmeTls)
    names = frozenset(host.certificate_names)
    return CertificateState(names, 60 * DAY, wanted_renewal(estate.tls))


def _key_files(stream: str, domain: str) -> dict[str, FileState]:
    folder = FileState("directory", "root", OWNER, 0o750)
    return {
        f"{stream_folder(stream)}/keys": folder,
        key_folder(stream, domain): folder,
        key_path(stream, domain, "202601-mail1"): FileState("file", OWNER, OWNER, 0o600),
    }


def _system() -> System:
    return System(
        sockets=(),
        processes=(),
        failed_units=(),
        rules4=(*NOWHERE_RULES[4], *RULES, *places("ufw-before-input", 32, 24)),
        rules6=(*NOWHERE_RULES[6], *RULES, *places("ufw6-before-input", 64, 48)),
        postfix_uid=POSTFIX_UID,
        name_servers=("127.0.0.1",),
        resolver_fault="",
        synchronised="yes",
        half_installed=(),
        held=(),
        upgrades=Upgrades(
            settings={
                f"APT::Periodic::{name}": "1"
                for name in ("Enable", "Update-Package-Lists", "Unattended-Upgrade")
            },
            blacklist=(),
            kept_back=(),
            fetched=NOW - DAY,
            installed=NOW - DAY,
            declared=NOW - 60 * DAY,
        ),
        drop_ins=(),
        left_ban=False,
        logs=(Log("/var/log/postroad/marketing.log", NOW - 3600, (), 0),),
        rotated={"/var/log/postroad/marketing.log-20270101.gz": NOW - DAY},
        rotation_words=(),
        maildirs=(Maildir("/var/mail/postroad/postmaster", 1 << 20, 12),),
        now=NOW,
    )


def _instances(estate: Estate, host: Host) -> dict[str, Instance]:
    door = {"relayhost": f"[127.0.0.1]:{SYSTEM_MAIL_PORT}"}
    port_25 = (Service("smtp", "inet", "smtpd"),)
    found = {
        "default": _instance({**TIMES, **door}),
        "inbound": _instance({**TIMES, **_inbound(estate)}, port_25),
    }
    for stream, way in estate.streams_of(host):
        services = (
            Service(f"{way.addresses[0]}:{way.starttls_port}", "inet", "smtpd"),
            Service("pickup", "unix", "pickup"),
            Service("cleanup", "unix", "cleanup"),
            Service("smtp", "unix", "smtp"),
        )
        ignored = tuple(postfix(estate, host)["answers"])
        found[stream.name] = _instance({**TIMES, **_parameters(stream, way)}, services, ignored)
    return found


def _inbound(estate: Estate) -> dict[str, str]:
    limits = intake(estate)
    return {
        "message_size_limit": str(limits.message_size),
        "queue_minfree": str(limits.free),
        "default_process_limit": str(limits.places),
        "smtpd_client_connection_count_limit": str(limits.places_of_client),
        "smtpd_client_connection_rate_limit": str(limits.rate_of_client),
        "smtpd_client_event_limit_exceptions": without_limits(estate),
        "smtpd_recipient_limit": "1",
        "smtpd_recipient_restrictions": f"check_policy_service {{ unix:{BUDGET_SOCKET} }}",
    }


def _parameters(stream: Stream, way: WayOut) -> dict[str, str]:
    # What the signer's socket is called is the template's choice; without components it is "".
    own = f"{{ unix:{milter_socket(stream.name)}, default_action=tempfail }}"
    milters = "{ unix:, default_action=tempfail }, " + own
    originated = f"texthash:/etc/postfix-{stream.name}/originated"
    return {
        "smtpd_milters": milters,
        "non_smtpd_milters": milters,
        "milter_default_action": "tempfail",
        "double_bounce_sender": "double-bounce",
        "sender_dependent_default_transport_maps": originated,
        "message_size_limit": str(stream.limits.message_size),
        "smtpd_recipient_limit": str(stream.limits.recipients_per_message),
        "maximal_queue_lifetime": stream.limits.queue_lifetime,
        "bounce_queue_lifetime": stream.limits.queue_lifetime,
        "queue_minfree": str(stream.limits.queue_minfree),
        "qmgr_message_active_limit": str(stream.limits.active_messages),
        "default_process_limit": str(stream.limits.delivery_processes),
        "smtpd_client_connection_count_limit": str(stream.limits.connections_per_client),
        "smtp_helo_name": way.helo,
        "smtp_bind_address": str(way.ipv4 or ""),
        "smtp_bind_address6": str(way.ipv6 or ""),
        "smtp_tls_security_level": stream.outbound_tls,
        "smtp_dns_reply_filter": "pipemap:{}",
        "smtpd_recipient_restrictions": "pcre:/x/recipient_domains, permit_sasl_authenticated",
    }


SILENT = {"notify_classes": "", "delay_warning_time": "0h", "confirm_delay_cleared": "no"}


def _instance(
    parameters: dict[str, str],
    services: tuple[Service, ...] = (),
    ignored: tuple[str, ...] = (),
) -> Instance:
    limits = {"message_size_limit": "1", "queue_minfree": "1", "queue_directory": "/var/spool/x"}
    return Instance(
        words=(),
        missing_folders=(),
        parameters={**limits, **SILENT, **parameters},
        services=services,
        overrides={},
        ignored=ignored,
        written=NOW - 100,
        queue_manager=NOW - 90,
        set_back=0.0,
        next_try=NOW + 3600,
        corrupt=0,
        room=Room(1 << 40, 1 << 20),
        messages=3,
        oldest=NOW - 60,
    )


def _signed(stream: Stream) -> Signed:
    sender = f"probe@{stream.from_domains[0]}"
    covered = tuple(name.lower() for name in probe_headers(sender))
    return Signed(stream.name, sender, "signed", "ok", "", stream.from_domains[0], covered)


def stranger(stream: str, outcome: str) -> Signed:
    """What became of a probe that nobody may send."""
    return Signed(stream, f"probe@{NOBODYS_DOMAIN}", outcome, "", "", "", ())


def _smtp(estate: Estate, host: Host) -> Smtp:
    found = [_dialogue(str(a), 25, host.hostname, False, 1) for a in host.addresses]
    for stream, way in estate.streams_of(host):
        for address, port, _ in submission_ports(way):
            size = stream.limits.message_size
            found.append(_dialogue(str(address), port, way.helo, True, size))
    shown = {DIGEST: Shown(host.certificate_names, 60 * DAY)}
    return Smtp(tuple(found), shown, DIGEST, "")


def _dialogue(address: str, port: int, name: str, submission: bool, size: int) -> Dialogue:
    offered = {"SIZE": str(size)}
    return Dialogue(
        address=address,
        port=port,
        fault="",
        greeting=name,
        before=offered,
        after={**offered, "AUTH": "PLAIN"} if submission else offered,
        tls="TLSv1.3",
        outdated=not submission,
        certificate=DIGEST,
        code=554,
        answer="5.7.1 Access denied",
    )
