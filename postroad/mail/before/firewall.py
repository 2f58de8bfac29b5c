"""Rules and firewalls that somebody else has set up. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from postroad.host.found import HostState, UnitState
from postroad.mail.firewall import allowed
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.firewall.read import FirewallState
from postroad.mail.firewall.rule import Rule
from postroad.settings.model import Estate, Host

# Each flushes or overrules ufw's rules when it starts, or is overruled by them.
OTHERS = {
    "firewalld.service": "firewalld",
    "nftables.service": "nftables.service",
    "netfilter-persistent.service": "netfilter-persistent",
    "shorewall.service": "Shorewall",
}
DOCKER = "docker.service"
UNITS = (*OTHERS, DOCKER)
COMPONENT = "firewall"


def removed(estate: Estate, host: Host, found: FirewallState) -> tuple[Rule, ...]:
    """The rules of the host that a run would remove."""
    kept = {rule.uncommented for rule in allowed.rules(estate, host)}
    return tuple(rule for rule in found.rules if rule.uncommented not in kept)


def refusals(estate: Estate, host: Host, state: HostState) -> Iterator[str]:
    """Why the firewall of ``host`` must not be taken over as it is."""
    for unit, name in OTHERS.items():
        if _is_active(state.units, unit):
            yield (
                f"{name} is at work on it, beside which ufw's rules do not hold: declare under "
                f'"firewall" what it lets in, and then: systemctl disable --now {unit}'
            )
    if COMPONENT in state.adopted or estate.firewall.adopt == "purge":
        return
    rules = removed(estate, host, state[FIREWALL])
    if rules:
        listed = ", ".join(f"`{rule}`" for rule in rules)
        yield (
            f"its firewall has rules that the estate does not declare: {listed}: write those to "
            'keep under estate["firewall"]["open"], and "adopt": "purge" in estate["firewall"] '
            "to have the others removed"
        )


def warnings(state: HostState) -> Iterator[str]:
    """What postroad cannot keep on a host that runs this beside it."""
    if _is_active(state.units, DOCKER):
        yield (
            "Docker is at work on it: ports that containers publish are open past ufw, and mail "
            "that they send to port 25 leaves past postroad, unsigned: keep containers that "
            "publish ports or send mail on another host"
        )


def _is_active(units: Mapping[str, UnitState], name: str) -> bool:
    return name in units and units[name].active in ("active", "reloading", "activating")
