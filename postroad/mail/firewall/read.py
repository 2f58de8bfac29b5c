"""What a host's ufw(8) and kernel have: the question, its answer, and that answer as values.

IPv4 and IPv6 rules are two lists. ``ufw show added`` merges them, so it can tell neither a rule
whose IPv6 half was deleted by number nor the order among IPv6 rules (seen on ufw 0.36.2 of Debian
12 and 13). The state is therefore read from the ``### tuple ###`` lines of ``/etc/ufw/user.rules``
and ``user6.rules``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import get_args

from postroad.mail.firewall.rule import (
    IPV4_ONLY,
    Action,
    Direction,
    Logged,
    LogLevel,
    Policy,
    Protocol,
    Rule,
    UfwError,
    one_of,
    parse_rule,
    split_ports,
)

#: The transient systemd timer that disables the firewall unless a fresh connection stops it.
ROLLBACK_UNIT = "postroad-ufw-rollback"

_POLICIES: dict[str, Policy] = {"ACCEPT": "allow", "DROP": "deny", "REJECT": "reject"}


@dataclass(frozen=True, kw_only=True)
class Status:
    """What ufw is set to, and whether its chains are loaded."""

    enabled: bool
    loaded: bool
    ipv6: bool
    incoming: Policy
    outgoing: Policy
    routed: Policy
    logging: LogLevel

    @property
    def active(self) -> bool:
        """Whether the firewall filters both families now, and will after a reboot."""
        return self.enabled and self.loaded and self.ipv6


@dataclass(frozen=True)
class Connection:
    """The SSH connection that the run came by, as the host sees it."""

    client: str
    server: str
    port: int


@dataclass(frozen=True, kw_only=True)
class FirewallState:
    """The state of one host. ``status`` is None while ufw is not installed.

    ``unhooked``: ufw has chains in the kernel that the built-in ones do not lead to.
    """

    status: Status | None = None
    rules4: tuple[Rule, ...] = ()
    rules6: tuple[Rule, ...] = ()
    rollback_armed: bool = False
    unhooked: bool = False
    connection: Connection | None = None

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule once, in the order of ``ufw show added``."""
        return tuple({str(rule): rule for rule in (*self.rules4, *self.rules6)}.values())

    @property
    def halved(self) -> frozenset[str]:
        """The rules meant for both families that only one of them has."""
        return frozenset(
            str(rule)
            for rule in {*self.rules4} ^ {*self.rules6}
            if rule.from_ == rule.to == "any" and rule.proto not in IPV4_ONLY
        )


# The jumps from the built-in chains, in the order of ufw-init-functions.
_HOOKS = ("before-logging", "before", "after", "after-logging", "reject", "track")
_CHAINS = ("INPUT", "OUTPUT", "FORWARD")
_EACH_FAMILY = "for t in iptables ip6tables; do p=ufw; [ $t = iptables ] || p=ufw6;"

# ufw makes these jumps together with its chains, and never again: where somebody has flushed the
# built-in ones (iptables -F), whatever it loads filters nothing, and its default of DROP shuts
# everybody out.
_UNHOOKED = (
    f"{_EACH_FAMILY} if $t -S 2>/dev/null | awk -v p=$p '"
    '$1 == "-N" && $2 == p "-before-input" {there = 1} '
    f'$1 == "-A" && $2 ~ /^({"|".join(_CHAINS)})$/ && $3 == "-j" && index($4, p "-") == 1 '
    "{seen[$2 $4]} END {for (one in seen) n++;"
    f" exit !(there && n < {len(_HOOKS) * len(_CHAINS)})}}'; then echo unhooked=yes; fi; done"
)

#: Shell that puts the jumps to ufw's chains back, all at once and in their order, where ufw has
#: chains. What others have in the built-in chains stays. ``ufw reload`` then fills the chains.
HOOK = (
    f"{_EACH_FAMILY} $t -n -L $p-before-input >/dev/null 2>&1 || continue; "
    f"for k in {' '.join(_HOOKS)}; do for c in {' '.join(map(str.lower, _CHAINS))}; do "
    "$t -N $p-$k-$c 2>/dev/null || :; done; done; { echo '*filter'; "
    '$t -S | sed -n "s/^-A \\([A-Z]*\\) -j $p-/-D \\1 -j $p-/p"; '
    f"for k in {' '.join(_HOOKS)}; do for c in {' '.join(_CHAINS)}; do "
    'echo "-A $c -j $p-$k-$(echo $c | tr A-Z a-z)"; done; done; echo COMMIT; } | '
    "$t-restore -n || exit 1; done"
)

#: Shell that has the kernel take ufw's files anew, where ufw is at work; for a guarded change.
RELOAD = (
    "if ufw status | grep -q '^Status: active'; then "
    f'if [ "$({_UNHOOKED})" ]; then ({HOOK}); fi; ufw reload >/dev/null; fi'
)

#: The same as a command of a plan.
HOOKED: tuple[str, ...] = ("sh", "-c", HOOK)

_STATUS = (
    "grep -hE '^(ENABLED|LOGLEVEL|IPV6|DEFAULT_(INPUT|OUTPUT|FORWARD)_POLICY)='"
    " /etc/ufw/ufw.conf /etc/default/ufw"
    # Asked of the kernel as ufw itself does; both, since a half-loaded firewall is not loaded.
    " && if iptables -n -L ufw-user-input >/dev/null 2>&1"
    " && ip6tables -n -L ufw6-user-input >/dev/null 2>&1;"
    " then echo loaded=yes; else echo loaded=no; fi"
)

#: Prints the lines that parse_status reads; nothing where ufw is not installed. Needs root.
STATUS_COMMAND = f"if test -x /usr/sbin/ufw; then {_STATUS}; fi"

#: Prints the lines that parse_state reads. Needs root.
#: sudo(8) drops SSH_CONNECTION, hence the search through the parent processes.
STATE_COMMAND = (
    f"if test -x /usr/sbin/ufw; then {_STATUS}"
    " && sed -n 's/^### tuple ### /rule4=/p' /etc/ufw/user.rules"
    " && sed -n 's/^### tuple ### /rule6=/p' /etc/ufw/user6.rules"
    f" && if systemctl is-active --quiet {ROLLBACK_UNIT}.timer; then echo rollback=armed; fi"
    f" && {_UNHOOKED}; fi"
    ' && pid=$$; while test "${pid:-0}" -gt 1;'
    ' do ssh=$(tr "\\0" "\\n" <"/proc/$pid/environ" | sed -n "s/^SSH_CONNECTION=/ssh=/p");'
    ' if test -n "$ssh"; then echo "$ssh"; break; fi;'
    ' pid=$(sed -n "s/^PPid:[[:space:]]*//p" "/proc/$pid/status"); done'
)


def parse_status(text: str) -> Status | None:
    """Read the output of STATUS_COMMAND. Raises UfwError."""
    return parse_state(text).status


def parse_state(text: str) -> FirewallState:
    """Read the output of STATE_COMMAND. Raises UfwError."""
    found: dict[str, str] = {}
    rules: dict[str, list[Rule]] = {"rule4": [], "rule6": []}
    for line in filter(None, text.splitlines()):
        key, equals, value = line.partition("=")
        if not equals:
            raise UfwError(f"the state of ufw holds an unexpected line {line!r}")
        if key in rules:
            rules[key].append(parse_tuple(value))
        else:
            found[key] = value.strip("\"'")
    ssh = found.pop("ssh", "")
    armed = found.pop("rollback", "") == "armed"
    unhooked = found.pop("unhooked", "") == "yes"
    return FirewallState(
        status=_status(found) if found else None,
        rules4=tuple(rules["rule4"]),
        rules6=tuple(rules["rule6"]),
        rollback_armed=armed,
        unhooked=unhooked,
        connection=parse_connection(ssh) if ssh else None,
    )


def _status(found: dict[str, str]) -> Status:
    try:
        return Status(
            enabled=found["ENABLED"] == "yes",
            loaded=found["loaded"] == "yes",
            ipv6=found["IPV6"] == "yes",
            incoming=_POLICIES[found["DEFAULT_INPUT_POLICY"]],
            outgoing=_POLICIES[found["DEFAULT_OUTPUT_POLICY"]],
            routed=_POLICIES[found["DEFAULT_FORWARD_POLICY"]],
            logging=one_of("LOGLEVEL", found["LOGLEVEL"], get_args(LogLevel)),
        )
    except KeyError as error:
        raise UfwError(
            f"/etc/ufw/ufw.conf or /etc/default/ufw: {error} is missing or has an unknown value"
        ) from None


def parse_connection(text: str) -> Connection:
    """Read the value of SSH_CONNECTION (ssh(1), ENVIRONMENT). Raises UfwError."""
    try:
        client, _, server, port = text.split()
        return Connection(_plain(client), _plain(server), int(port))
    except ValueError:
        raise UfwError(f"SSH_CONNECTION {text!r} is not 'client port server port'") from None


def _plain(address: str) -> str:
    parsed = ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)


def parse_added(text: str) -> list[Rule]:
    """Read the output of ``LC_ALL=C ufw show added``; it is the same while ufw is inactive.

    Raises UfwError on anything else, so that an error message is never taken for an empty set.
    """
    header, *lines = text.strip().splitlines() or [""]
    if not header.startswith("Added user rules"):
        raise UfwError(f"'ufw show added' began with {header!r}, not with 'Added user rules'")
    return [] if lines == ["(None)"] else [parse_rule(line) for line in lines]


def parse_tuple(line: str) -> Rule:
    """Read what follows ``### tuple ###`` in user.rules or user6.rules. Raises UfwError.

    Source: ufw/backend_iptables.py, ``_write_rules`` and ``_read_rules``.
    """
    body, _, comment = line.partition(" comment=")
    fields = body.split()
    if not 6 <= len(fields) <= 9:
        raise UfwError(f"rule tuple {line!r} has {len(fields)} fields, not 6 to 9")
    # ufw before 0.30 wrote no direction.
    side = fields.pop() if len(fields) in (7, 9) else "in"
    verb, proto, ports, to, from_ports, from_, *apps = fields
    kind, _, log = verb.removeprefix("route:").partition("_")
    app, from_app = ("" if name == "-" else name.replace("%20", " ") for name in apps or "--")
    interfaces = dict(part.split("_", 1) for part in side.split("!") if "_" in part)
    try:
        return Rule(
            action=one_of("action", kind, get_args(Action)),
            direction=one_of("direction", re.split("[_!]", side)[0], get_args(Direction)),
            proto=one_of("proto", proto, get_args(Protocol)),
            ports=split_ports(ports),
            from_=_any_address(from_),
            to=_any_address(to),
            from_ports=split_ports(from_ports),
            interface_in=interfaces.get("in", ""),
            interface_out=interfaces.get("out", ""),
            app=app,
            from_app=from_app,
            log=one_of("log", log, get_args(Logged)),
            route=verb.startswith("route:"),
            comment=bytes.fromhex(comment).decode(),
        )
    except ValueError as error:
        raise UfwError(f"rule tuple {line!r}: {error}") from None


def _any_address(address: str) -> str:
    return "any" if address in ("0.0.0.0/0", "::/0") else address
