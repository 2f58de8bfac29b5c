"""What remains to be done until a host's firewall is the declared one, and whom it lets in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import get_args

from postroad.mail.firewall.read import HOOKED, Connection, FirewallState, Status
from postroad.mail.firewall.rule import (
    Argv,
    Direction,
    LogLevel,
    Policy,
    Rule,
    UfwError,
    one_of,
    port_bounds,
)


@dataclass(frozen=True, kw_only=True)
class Firewall:
    """What a host's firewall must be: these rules, no others, and these defaults.

    Rules that block come before those that let pass, whatever their order here. Raises UfwError
    when two rules differ only in what they do.
    """

    rules: tuple[Rule, ...]
    incoming: Policy = "deny"
    outgoing: Policy = "allow"
    routed: Policy = "deny"
    logging: LogLevel = "low"

    def __post_init__(self) -> None:
        for name in ("incoming", "outgoing", "routed"):
            one_of(f"default for {name}", getattr(self, name), get_args(Policy))
        one_of("logging", self.logging, get_args(LogLevel))
        seen: dict[str, Rule] = {}
        for rule in self.rules:
            other = seen.setdefault(rule.key, rule)
            if other is not rule:
                raise UfwError(f"'{rule}' and '{other}' are one rule to ufw: keep one of them")

    @property
    def ordered(self) -> tuple[Rule, ...]:
        """The rules in the order in which the host tries them."""
        return tuple(sorted(self.rules, key=lambda rule: rule.passes))


@dataclass(frozen=True)
class Plan:
    """The commands that remain, in order.

    ``risky``: one of them could shut out the next connection, so that a rollback must be armed.
    """

    commands: tuple[Argv, ...]
    risky: bool


def missing(state: FirewallState, wanted: Iterable[Rule]) -> tuple[Rule, ...]:
    """The wanted rules that the host lacks, in both families or in one."""
    have = {str(rule) for rule in state.rules} - state.halved
    return tuple(rule for rule in wanted if str(rule) not in have)


def plan_allowed(state: FirewallState, wanted: Sequence[Rule]) -> Plan:
    """The commands that open what is wanted and close nothing.

    Raises UfwError for a rule that blocks: that is a matter for plan_firewall.
    """
    for rule in wanted:
        if not rule.passes:
            raise UfwError(f"'{rule}' is not an opening: write allow or limit")
    return Plan(tuple(rule.add() for rule in missing(state, wanted)), risky=False)


def once_allowed(state: FirewallState, wanted: Iterable[Rule]) -> FirewallState:
    """``state`` as it is once the commands of `plan_allowed` have been run."""
    added = missing(state, wanted)
    keys = {rule.key for rule in added}

    def with_added(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        return (*(rule for rule in rules if rule.key not in keys), *added)

    return replace(state, rules4=with_added(state.rules4), rules6=with_added(state.rules6))


def plan_firewall(state: FirewallState, firewall: Firewall) -> Plan:
    """The commands that make the host's firewall this one, neither less nor more; enabling last."""
    status = state.status
    wanted = {str(rule) for rule in firewall.rules}
    replacements = {rule.key: rule for rule in firewall.rules}
    misplaced = _misplaced(state, replacements)
    lacking = missing(state, firewall.rules)

    def replaced(rule: Rule) -> bool:
        successor = replacements.get(rule.key)
        return successor is not None and successor.passes and rule.passes

    gone = [rule for rule in state.rules if str(rule) not in wanted and not replaced(rule)]
    gone += misplaced
    added = {str(rule) for rule in (*lacking, *misplaced)}
    opened = [rule for rule in firewall.rules if str(rule) in added and rule.passes]
    closed = [rule for rule in firewall.rules if str(rule) in added and not rule.passes]
    # What blocks goes first and comes last: in between, the run itself is never shut out by a rule.
    rules = [
        *(rule.delete() for rule in gone if not rule.passes),
        *(rule.add() for rule in opened),
        *(rule.delete() for rule in gone if rule.passes),
        *(rule.prepend() for rule in reversed(closed)),
    ]
    defaults = list(_default_commands(status, firewall))
    logging = list(_logging_commands(status, firewall))
    repairs = list(_repair_commands(status, state.unhooked))
    starting = list(_start_commands(status))
    risky = bool(
        closed
        or repairs
        or starting
        or any(rule.passes for rule in gone)
        or any(command[-1] != "routed" for command in defaults)
    )
    return Plan((*repairs, *rules, *defaults, *logging, *starting), risky)


def _misplaced(state: FirewallState, wanted: dict[str, Rule]) -> list[Rule]:
    """The wanted rules that block, but stand behind a wanted one that lets pass."""
    behind: dict[str, Rule] = {}
    for rules in (state.rules4, state.rules6):
        passing: set[tuple[bool, Direction]] = set()
        for rule in rules:
            successor = wanted.get(rule.key)
            if successor is None:
                continue
            chain = (rule.route, rule.direction)
            if rule.passes and successor.passes:
                passing.add(chain)
            elif str(rule) == str(successor) and chain in passing:
                behind[str(rule)] = rule
    return list(behind.values())


def _default_commands(status: Status | None, firewall: Firewall) -> Iterator[Argv]:
    for direction in ("incoming", "outgoing", "routed"):
        policy: Policy = getattr(firewall, direction)
        if status is None or getattr(status, direction) != policy:
            yield ("ufw", "default", policy, direction)


def _logging_commands(status: Status | None, firewall: Firewall) -> Iterator[Argv]:
    if status is None or status.logging != firewall.logging:
        yield ("ufw", "logging", firewall.logging)


def told(command: Argv) -> str:
    """A command of a plan, as people read it."""
    if command == HOOKED:
        return "the jumps from the kernel's built-in chains to those of ufw"
    return " ".join(command)


def written(command: Argv) -> tuple[str, ...]:
    """The files that a command of a plan writes; ufw(8) makes them anew beside the old."""
    match command:
        case ("sed", *_) | ("ufw", "default", *_):
            return ("/etc/default/ufw",)
        case ("ufw", "--force", "enable" | "disable"):
            return ("/etc/ufw/ufw.conf",)
        case ("ufw", "logging", *_):
            return ("/etc/ufw/ufw.conf", "/etc/ufw/user.rules", "/etc/ufw/user6.rules")
        case ("sh", *_) | ("ufw", "reload"):
            return ()
        case _:
            return ("/etc/ufw/user.rules", "/etc/ufw/user6.rules")


def _repair_commands(status: Status | None, unhooked: bool) -> Iterator[Argv]:
    """Bring ufw to where its rule commands work.

    They fail where it is enabled but its chains are gone, and ``enable`` passes over chains that
    are loaded already.
    """
    if unhooked:
        yield HOOKED
        if status is not None and status.active:
            yield ("ufw", "reload")
    if status is not None and not status.ipv6:
        yield ("sed", "-i", "s/^IPV6=.*/IPV6=yes/", "/etc/default/ufw")
    if status is not None and status.enabled != status.loaded:
        yield ("ufw", "--force", "disable")


def _start_commands(status: Status | None) -> Iterator[Argv]:
    if status is None or not status.active:
        yield ("ufw", "--force", "enable")


def lockout(state: FirewallState, firewall: Firewall) -> str | None:
    """What to tell the operator when the firewall would shut out the run itself, else None.

    A run that did not come by SSH (a local one, or through a container's own door) is not at risk.
    """
    connection = state.connection
    if connection is None or admits(firewall.ordered, firewall.incoming, connection):
        return None
    return (
        f"the firewall would shut out this very run: no rule admits {connection.client} to port "
        f"{connection.port}/tcp of {connection.server} (default incoming: {firewall.incoming}); "
        f"nothing was changed. Open it, for example 'allow from {connection.client} to any port "
        f"{connection.port} proto tcp'"
    )


def admits(rules: Iterable[Rule], incoming: Policy, connection: Connection) -> bool:
    """Whether a new connection like this one would come in.

    The first match wins (ufw(8)). Where it is not known whether a rule matches (it names an
    interface, a source port, or a profile whose ports are unknown), the answer errs on the side of
    the lock-out: such a rule may block, but does not admit.
    """
    for rule in rules:
        if not _may_match(rule, connection):
            continue
        if not rule.passes:
            return False
        if _surely_matches(rule):
            return True
    return incoming == "allow"


def _may_match(rule: Rule, connection: Connection) -> bool:
    return (
        not rule.route
        and rule.direction == "in"
        and rule.proto in ("any", "tcp")
        and (not rule.ports or any(_within(connection.port, port) for port in rule.ports))
        and _covers(rule.from_, connection.client)
        and _covers(rule.to, connection.server)
    )


def _surely_matches(rule: Rule) -> bool:
    unknown_profile = bool(rule.app) and not rule.ports
    return not (rule.interface_in or rule.from_ports or rule.from_app or unknown_profile)


def _within(port: int, ports: str) -> bool:
    first, last = port_bounds(ports)
    return first <= port <= last


def _covers(network: str, address: str) -> bool:
    if network == "any":
        return True
    host, _, mask = network.partition("/")
    base, single = ip_address(host), ip_address(address)
    if base.version != single.version:
        return False
    bits = base.max_prefixlen
    kept = int(ip_address(mask)) if "." in mask else -1 << (bits - int(mask or bits))
    return int(base) & kept == int(single) & kept
