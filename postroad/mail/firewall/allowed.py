"""What the firewall of a host lets in: the rules that the estate needs, from the model alone."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.mail.firewall.rule import Rule
from postroad.settings.model import AcmeTls, Estate, Host, Http01, Network


def rules(estate: Estate, host: Host) -> tuple[Rule, ...]:
    """Every rule of ``host``, each once; SSH for the admins comes first."""
    found: dict[str, Rule] = {}
    for rule in _wanted(estate, host):
        # To ufw, two rules that differ only in their comment are one.
        found.setdefault(rule.uncommented, rule)
    return tuple(found.values())


def not_for_mail(estate: Estate) -> Iterator[Rule]:
    """The rules that a host keeps when it leaves: SSH, and what is declared besides mail."""
    for network in estate.admin.networks:
        yield _from(network, estate.firewall.ssh_port, "ssh")
    yield from _declared(estate)


def _wanted(estate: Estate, host: Host) -> Iterator[Rule]:
    for network in estate.admin.networks:
        yield _from(network, estate.firewall.ssh_port, "ssh")
    if host.inbound:
        yield _open(25, "bounces and complaints")
    if isinstance(estate.tls, AcmeTls) and isinstance(estate.tls.challenge, Http01):
        yield _open(80, "acme http-01")
    for stream, way in estate.streams_of(host):
        for network in stream.clients:
            for address in way.addresses:
                if address.version == network.version:
                    for port in (way.starttls_port, way.tls_port):
                        yield _from(network, port, f"{stream.name} submission", str(address))
    yield from _declared(estate)


def _declared(estate: Estate) -> Iterator[Rule]:
    for allow in estate.firewall.allowed:
        for network in allow.networks:
            yield Rule(
                action="allow",
                proto=allow.protocol,
                ports=(str(allow.port),),
                from_=_any(network),
                comment=allow.comment,
            )


def _open(port: int, comment: str) -> Rule:
    return Rule(action="allow", proto="tcp", ports=(str(port),), comment=comment)


def _from(network: Network, port: int, comment: str, to: str = "any") -> Rule:
    return Rule(
        action="allow",
        proto="tcp",
        ports=(str(port),),
        from_=_any(network),
        to=to,
        comment=comment,
    )


def _any(network: Network) -> str:
    """ufw's own spelling of a network: the whole family is any."""
    return "any" if network.prefixlen == 0 else str(network)
