"""The host listens where it is declared to, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from postroad.audit.asking import submission_ports
from postroad.audit.audited import Audited
from postroad.audit.evidence import Socket
from postroad.audit.fault import Fault, refute
from postroad.audit.mends import restart, restart_instance
from postroad.host.paths import INBOUND
from postroad.mail.certificate import CERTIFICATE
from postroad.mail.render import system_stream
from postroad.settings.model import AcmeTls, Http01
from postroad.settings.ports import SINK_PORT, SYSTEM_MAIL_PORT

# Programs of ours: they listen on loopback too only where declared. Others may.
OURS = ("master", "opendkim", "dovecot", "unbound")
DNS_PORT = 53

# What something listens for; the first word is the component that has it there.
RESOLVER, SINK, SYSTEM_MAIL = "resolver", "sink", "the host's own mail"

Place = tuple[str, int]


def declared(audited: Audited) -> dict[Place, str]:
    """Each place where something must listen, and what for."""
    places = {("127.0.0.1", DNS_PORT): RESOLVER}
    # Without an address of its own the host does not speak IPv6 (unbound.conf(5), do-ip6).
    if audited.host.ipv6 is not None:
        places["::1", DNS_PORT] = RESOLVER
    if audited.host.streams:
        places["127.0.0.1", SYSTEM_MAIL_PORT] = SYSTEM_MAIL
    if audited.estate.lone:
        places["127.0.0.1", SINK_PORT] = f"the {SINK} of a lone box"
    if audited.host.inbound:
        for own in ("127.0.0.1", *(str(a) for a in audited.host.addresses)):
            places[own, 25] = INBOUND
    if audited.state[CERTIFICATE] is not None:
        for stream, way in audited.estate.streams_of(audited.host):
            for address, port, _ in submission_ports(way):
                places[str(address), port] = f"{stream.name} submission"
    return places


def _permitted_ports(audited: Audited) -> set[int]:
    """What may listen, but need not: the operator's own services, and certbot for a moment."""
    firewall = audited.estate.firewall
    ports = {firewall.ssh_port, *(one.port for one in firewall.allowed)}
    tls = audited.estate.tls
    if isinstance(tls, AcmeTls) and isinstance(tls.challenge, Http01):
        ports.add(80)
    return ports


def _is_of_interest(socket: Socket) -> bool:
    if socket.protocol == "udp":
        return socket.port == DNS_PORT
    wildcard = socket.address == "*"
    return wildcard or not ip_address(socket.address).is_loopback or socket.program in OURS


def silent_places(audited: Audited) -> Iterator[Fault]:
    """Places where nothing listens."""
    found = {(s.address, s.port) for s in audited.system.sockets if s.protocol == "tcp"}
    for (address, port), purpose in declared(audited).items():
        if (address, port) not in found:
            yield Fault(
                f"nothing listens on {address} port {port} ({purpose})",
                "who connects there is refused",
                _started(audited, purpose),
            )


def _started(audited: Audited, purpose: str) -> str:
    """What has something listen there again: a restart, where a run finds all as declared."""
    component = purpose.removeprefix("the ").partition(" ")[0]
    unit = {RESOLVER: "unbound", SINK: "postroad-sink"}.get(component)
    if purpose == SYSTEM_MAIL:
        component = system_stream(audited.estate, audited.host).name
    command = restart_instance(component) if unit is None else restart(unit)
    return f"{audited.mend(component, command)}   (why: ss -ltnp; journalctl -e)"


def undeclared_places(audited: Audited) -> Iterator[Fault]:
    """Places where something listens that nobody declared."""
    wanted, permitted = declared(audited), _permitted_ports(audited)
    for socket in audited.system.sockets:
        is_declared = (socket.address, socket.port) in wanted or (
            socket.protocol == "tcp" and socket.port in permitted
        )
        if _is_of_interest(socket) and not is_declared:
            yield Fault(
                f"{socket} listens, and nobody declared it",
                "the firewall is all that keeps strangers out, or nothing does",
                "stop and disable that service, bind it to 127.0.0.1, or declare it under "
                'estate["firewall"]["open"]',
            )


def test_every_declared_place_listens(audited: Audited) -> None:
    """Address by address: a wildcard does not count for one."""
    refute(silent_places(audited))


def test_nothing_else_listens(audited: Audited) -> None:
    """Neither on an address of the host nor, for programs of ours, on loopback."""
    refute(undeclared_places(audited))
