"""ufw(8) as values: rules, the state of a host, and the steps from one to the other.

Pure: text and values in, values out. The facts and operations that carry these to a host are
``postroad.roles.run.facts.ufw`` and ``postroad.operations.ufw``.

Three things about ufw 0.36 shape this module (seen on 0.36.2 of Debian 12 and 13):

- ``ufw show added`` prints every rule as one canonical command. That text is a rule's identity.
- IPv4 and IPv6 rules are two lists. ``ufw show added`` merges them, so it can tell neither a rule
  whose IPv6 half was deleted by number nor the order among IPv6 rules. The state is therefore
  read from the ``### tuple ###`` lines of ``/etc/ufw/user.rules`` and ``user6.rules``.
- Adding a rule that differs from an existing one only in action, logging or comment replaces that
  one where it stands; deleting a rule that is not there succeeds.
"""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Literal, TypeVar, get_args

Action = Literal["allow", "deny", "limit", "reject"]
Direction = Literal["in", "out"]
Protocol = Literal["any", "tcp", "udp", "ipv6", "esp", "ah", "igmp", "gre", "vrrp"]
Logged = Literal["", "log", "log-all"]
Policy = Literal["allow", "deny", "reject"]
LogLevel = Literal["off", "low", "medium", "high", "full"]
Argv = tuple[str, ...]

#: ufw accepts these for IPv4 only (ufw/util.py, ``ipv4_only_protocols``).
IPV4_ONLY: frozenset[Protocol] = frozenset({"ipv6", "igmp"})

#: The transient systemd timer that disables the firewall unless a fresh connection stops it.
ROLLBACK_UNIT = "postroad-ufw-rollback"

_POLICIES: dict[str, Policy] = {"ACCEPT": "allow", "DROP": "deny", "REJECT": "reject"}
_PORT = re.compile(r"[0-9]+(:[0-9]+)?")
_INTERFACE = re.compile(r"[A-Za-z0-9_\-.+,=%@]{1,15}")
# iptables' multiport takes 15 ports; a range counts as two.
_MULTIPORT_LIMIT = 15


class UfwError(ValueError):
    """A rule that ufw would refuse, or text that is not ufw's."""


_T = TypeVar("_T", bound=str)


def _one_of(what: str, value: str, allowed: tuple[_T, ...]) -> _T:
    if value not in allowed:
        raise UfwError(f"{what} {value!r} is unknown; write one of: {', '.join(allowed)}")
    return value


def _port_bounds(port: str) -> tuple[int, int]:
    first, _, last = port.partition(":")
    return int(first), int(last or first)


def _checked_ports(ports: Iterable[str]) -> tuple[str, ...]:
    unique = set(ports)
    for port in unique:
        if not _PORT.fullmatch(port):
            raise UfwError(f"port {port!r} is not a number or a range such as '60000:61000'")
        first, last = _port_bounds(port)
        if not 1 <= first <= last <= 65535 or (":" in port and first == last):
            raise UfwError(f"port {port!r} is not within 1 to 65535, lower end first")
    if len(unique) + sum(":" in port for port in unique) > _MULTIPORT_LIMIT:
        raise UfwError(
            f"{len(unique)} ports in one rule; ufw takes {_MULTIPORT_LIMIT}, a range counting as "
            "two: write two rules"
        )
    return tuple(sorted(unique, key=lambda port: [int(end) for end in port.split(":")]))


def _prefix_length(mask: str, host: str) -> str:
    if "." not in mask:
        return mask
    try:
        return str(ip_network(f"{host}/{mask}", strict=False).prefixlen)
    except ValueError:
        return mask  # not contiguous: ufw keeps it as it was written


def _checked_address(address: str) -> str:
    """Write an address as ufw stores it (ufw/util.py, ``normalize_address``).

    ufw masks the host bits of an IPv4 network itself; here they are an error, because a rule whose
    text differs from what was declared is a surprise. It keeps those of an IPv6 network.
    """
    if address == "any":
        return address
    host, _, mask = address.partition("/")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        host = socket.inet_ntop(family, socket.inet_pton(family, host))
    except OSError:
        raise UfwError(f"address {address!r} is not an IPv4 or IPv6 address or network") from None
    mask = _prefix_length(mask, host)
    if mask == "0":
        raise UfwError(f"address {address!r} is every address; write 'any'")
    if not mask or mask == ("128" if family == socket.AF_INET6 else "32"):
        return host
    if "." not in mask:
        _check_network(host, mask)
    return f"{host}/{mask}"


def _check_network(host: str, mask: str) -> None:
    try:
        network = ip_network(f"{host}/{mask}", strict=False)
    except ValueError:
        raise UfwError(f"address '{host}/{mask}' has no valid prefix length") from None
    if network.version == 4 and str(network) != f"{host}/{mask}":
        raise UfwError(f"address '{host}/{mask}' has host bits set; write '{network}'")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One ufw rule, normalised as ufw stores it (ufw(8), RULE SYNTAX).

    ``ports`` and ``from_ports`` hold numbers or ranges as text (``"25"``, ``"60000:61000"``); empty
    means any. ``app`` and ``from_app`` name application profiles; a profile's ports are known only
    when the rule was read from a host. ``interface_in`` goes with direction ``in``,
    ``interface_out`` with ``out``; both only with ``route``. Raises UfwError.
    """

    action: Action
    direction: Direction = "in"
    proto: Protocol = "any"
    ports: tuple[str, ...] = ()
    from_: str = "any"
    to: str = "any"
    from_ports: tuple[str, ...] = ()
    interface_in: str = ""
    interface_out: str = ""
    app: str = ""
    from_app: str = ""
    log: Logged = ""
    route: bool = False
    comment: str = ""

    def __post_init__(self) -> None:
        _one_of("action", self.action, get_args(Action))
        _one_of("direction", self.direction, get_args(Direction))
        _one_of("proto", self.proto, get_args(Protocol))
        _one_of("log", self.log, get_args(Logged))
        object.__setattr__(self, "ports", _checked_ports(self.ports))
        object.__setattr__(self, "from_ports", _checked_ports(self.from_ports))
        object.__setattr__(self, "from_", _checked_address(self.from_))
        object.__setattr__(self, "to", _checked_address(self.to))
        self._check_protocol()
        self._check_family()
        self._check_interfaces()
        if not self.comment.isprintable() or "'" in self.comment:
            raise UfwError(f'comment {self.comment!r} may hold neither "\'" nor control characters')

    def _check_protocol(self) -> None:
        for ports in (self.ports, self.from_ports):
            if ports and self.proto not in ("any", "tcp", "udp"):
                raise UfwError(f"protocol {self.proto} has no ports")
            if self.proto == "any" and (len(ports) > 1 or ":" in "".join(ports)):
                raise UfwError(f"ports {','.join(ports)} need proto 'tcp' or 'udp'")

    def _check_family(self) -> None:
        families = {":" in address for address in (self.from_, self.to) if address != "any"}
        if len(families) > 1:
            raise UfwError(f"from {self.from_} to {self.to} mixes IPv4 and IPv6: write two rules")
        if True in families and self.proto in IPV4_ONLY:
            raise UfwError(f"protocol {self.proto} is for IPv4 only")

    def _check_interfaces(self) -> None:
        for interface in filter(None, (self.interface_in, self.interface_out)):
            if not _INTERFACE.fullmatch(interface) or interface in (".", ".."):
                raise UfwError(f"interface {interface!r} is not an interface name")
        foreign = self.interface_out if self.direction == "in" else self.interface_in
        if foreign and not self.route:
            raise UfwError(f"a rule for direction {self.direction!r} cannot name {foreign!r}")

    @property
    def passes(self) -> bool:
        """Whether a packet that matches goes through (``limit``: until its rate is exceeded)."""
        return self.action in ("allow", "limit")

    @property
    def words(self) -> Argv:
        """The rule as arguments, in the canonical order, without ``route`` and comment."""
        words: list[str] = [self.action]
        if self.interface_in:
            words += ["in", "on", self.interface_in]
        if self.interface_out:
            words += ["out", "on", self.interface_out]
        elif self.direction == "out":
            words.append("out")
        words += [self.log] if self.log else []
        return (*words, *self._target())

    def _target(self) -> Argv:
        anywhere = self.from_ == self.to == "any"
        unbound = not (self.interface_in or self.interface_out)
        proto = () if self.proto == "any" or self.app or self.from_app else ("proto", self.proto)
        ports = ",".join(self.ports)
        if anywhere and unbound and not (self.from_ports or self.from_app):
            if self.app:
                return (self.app,)
            if ports:
                return (ports if self.proto == "any" else f"{ports}/{self.proto}",)
            return ("to", "any", *proto)
        source = _endpoint("from", self.from_, self.from_app, ",".join(self.from_ports))
        return (*source, *_endpoint("to", self.to, self.app, ports), *proto)

    def __str__(self) -> str:
        """The exact line of ``ufw show added``, without its leading ``ufw``."""
        words = [f"'{word}'" if " " in word else word for word in self.words]
        head = ["route"] if self.route else []
        tail = ["comment", f"'{self.comment}'"] if self.comment else []
        return " ".join([*head, *words, *tail])

    def add(self) -> Argv:
        """The command that appends this rule, or replaces the one it differs from in name only."""
        return ("ufw", *self._route, *self.words, *self._comment)

    def prepend(self) -> Argv:
        """The command that puts this rule before all others."""
        return ("ufw", *self._route, "prepend", *self.words, *self._comment)

    def delete(self) -> Argv:
        """The command that removes this rule from both families; its comment plays no part."""
        return ("ufw", "--force", *self._route, "delete", *self.words)

    @property
    def _route(self) -> Argv:
        return ("route",) if self.route else ()

    @property
    def _comment(self) -> Argv:
        # Given even when empty: without it ufw keeps the comment of the rule it replaces.
        return ("comment", self.comment)


def _endpoint(word: str, address: str, app: str, ports: str) -> Argv:
    if address == "any" and not app and not ports:
        return ()
    tail = ("app", app) if app else ("port", ports) if ports else ()
    return (word, address, *tail)


def _key(rule: Rule) -> str:
    """What ufw holds to be one rule, whatever its action, logging and comment."""
    return str(replace(rule, action="allow", log="", comment=""))


def parse_rule(line: str) -> Rule:
    """Read one canonical rule command, with or without its leading ``ufw``. Raises UfwError."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UfwError(f"rule {line!r} is not quoted well: {error}") from None
    if words[:1] == ["ufw"]:
        del words[0]
    try:
        return _rule_from_words(words)
    except IndexError:
        raise UfwError(f"rule {line!r}: it ends too early") from None
    except UfwError as error:
        raise UfwError(f"rule {line!r}: {error}") from None


def _rule_from_words(words: list[str]) -> Rule:
    route = words[0] == "route"
    rest = words[1:] if route else words[:]
    action = _one_of("action", rest.pop(0), get_args(Action))
    direction: Direction = "in"
    interfaces = {"in": "", "out": ""}
    while rest and rest[0] in ("in", "out"):
        side = _one_of("direction", rest.pop(0), get_args(Direction))
        direction = "in" if interfaces["in"] else side
        if rest[:1] == ["on"]:
            interfaces[side] = rest[1]
            del rest[:2]
    log: Logged = ""
    if rest and rest[0] in ("log", "log-all"):
        log = _one_of("log", rest.pop(0), get_args(Logged))
    comment = ""
    if "comment" in rest:
        at = rest.index("comment")
        comment = rest[at + 1]
        del rest[at : at + 2]
    if not rest and not any(interfaces.values()):
        raise UfwError("it names no port, address or interface")
    target = _short_target(rest[0]) if len(rest) == 1 else _full_target(rest)
    return Rule(
        action=action,
        direction=direction,
        proto=_one_of("proto", target.get("proto", "any"), get_args(Protocol)),
        ports=_split_ports(target.get("to port", "any")),
        from_=target.get("from", "any"),
        to=target.get("to", "any"),
        from_ports=_split_ports(target.get("from port", "any")),
        interface_in=interfaces["in"],
        interface_out=interfaces["out"],
        app=target.get("to app", ""),
        from_app=target.get("from app", ""),
        log=log,
        route=route,
        comment=comment,
    )


def _split_ports(ports: str) -> tuple[str, ...]:
    return () if ports == "any" else tuple(ports.split(","))


def _short_target(word: str) -> dict[str, str]:
    if word in ("from", "to", "proto"):
        raise UfwError(f"{word!r} has no value")
    if not word[:1].isdigit():
        return {"to app": word}
    ports, _, proto = word.partition("/")
    return {"to port": ports, "proto": proto or "any"}


def _full_target(words: list[str]) -> dict[str, str]:
    target: dict[str, str] = {}
    side = ""
    pairs = iter(words)
    for word in pairs:
        value = next(pairs, None)
        if value is None:
            raise UfwError(f"{word!r} has no value")
        if word in ("from", "to"):
            side = word
            target[word] = value
        elif word in ("port", "app") and side:
            target[f"{side} {word}"] = value
        elif word == "proto":
            target[word] = value
        else:
            raise UfwError(f"{word!r} is not expected here")
    return target


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
            action=_one_of("action", kind, get_args(Action)),
            direction=_one_of("direction", re.split("[_!]", side)[0], get_args(Direction)),
            proto=_one_of("proto", proto, get_args(Protocol)),
            ports=_split_ports(ports),
            from_=_any_address(from_),
            to=_any_address(to),
            from_ports=_split_ports(from_ports),
            interface_in=interfaces.get("in", ""),
            interface_out=interfaces.get("out", ""),
            app=app,
            from_app=from_app,
            log=_one_of("log", log, get_args(Logged)),
            route=verb.startswith("route:"),
            comment=bytes.fromhex(comment).decode(),
        )
    except ValueError as error:
        raise UfwError(f"rule tuple {line!r}: {error}") from None


def _any_address(address: str) -> str:
    return "any" if address in ("0.0.0.0/0", "::/0") else address


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
class State:
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

_HOOKED: Argv = ("sh", "-c", HOOK)

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


def parse_state(text: str) -> State:
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
    return State(
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
            logging=_one_of("LOGLEVEL", found["LOGLEVEL"], get_args(LogLevel)),
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
    first, last = _port_bounds(ports)
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
            _one_of(f"default for {name}", getattr(self, name), get_args(Policy))
        _one_of("logging", self.logging, get_args(LogLevel))
        seen: dict[str, Rule] = {}
        for rule in self.rules:
            other = seen.setdefault(_key(rule), rule)
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


def missing(state: State, wanted: Iterable[Rule]) -> tuple[Rule, ...]:
    """The wanted rules that the host lacks, in both families or in one."""
    have = {str(rule) for rule in state.rules} - state.halved
    return tuple(rule for rule in wanted if str(rule) not in have)


def plan_openings(state: State, wanted: Sequence[Rule]) -> Plan:
    """The commands that open what is wanted and close nothing.

    Raises UfwError for a rule that blocks: that is a matter for plan_firewall.
    """
    for rule in wanted:
        if not rule.passes:
            raise UfwError(f"'{rule}' is not an opening: write allow or limit")
    return Plan(tuple(rule.add() for rule in missing(state, wanted)), risky=False)


def opened(state: State, wanted: Iterable[Rule]) -> State:
    """``state`` as it is once the commands of `plan_openings` have been run."""
    added = missing(state, wanted)
    keys = {_key(rule) for rule in added}

    def with_added(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        return (*(rule for rule in rules if _key(rule) not in keys), *added)

    return replace(state, rules4=with_added(state.rules4), rules6=with_added(state.rules6))


def plan_firewall(state: State, firewall: Firewall) -> Plan:
    """The commands that make the host's firewall this one, neither less nor more; enabling last."""
    status = state.status
    wanted = {str(rule) for rule in firewall.rules}
    replacements = {_key(rule): rule for rule in firewall.rules}
    misplaced = _misplaced(state, replacements)
    lacking = missing(state, firewall.rules)

    def replaced(rule: Rule) -> bool:
        successor = replacements.get(_key(rule))
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


def _misplaced(state: State, wanted: dict[str, Rule]) -> list[Rule]:
    """The wanted rules that block, but stand behind a wanted one that lets pass."""
    behind: dict[str, Rule] = {}
    for rules in (state.rules4, state.rules6):
        passing: set[tuple[bool, Direction]] = set()
        for rule in rules:
            successor = wanted.get(_key(rule))
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
    if command == _HOOKED:
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
        yield _HOOKED
        if status is not None and status.active:
            yield ("ufw", "reload")
    if status is not None and not status.ipv6:
        yield ("sed", "-i", "s/^IPV6=.*/IPV6=yes/", "/etc/default/ufw")
    if status is not None and status.enabled != status.loaded:
        yield ("ufw", "--force", "disable")


def _start_commands(status: Status | None) -> Iterator[Argv]:
    if status is None or not status.active:
        yield ("ufw", "--force", "enable")


def lockout(state: State, firewall: Firewall) -> str | None:
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
