"""A rule of ufw(8) as a value: what it says, ufw's own words for it, and back.

Pure: text and values in, values out. What a host has of them is read in ``read``, what remains to
be done is said in ``plan``, and ``postroad.roles.ufw`` does it.

Two things about ufw 0.36 shape this module (seen on 0.36.2 of Debian 12 and 13):

- ``ufw show added`` prints every rule as one canonical command. That text is a rule's identity.
- Adding a rule that differs from an existing one only in action, logging or comment replaces that
  one where it stands; deleting a rule that is not there succeeds.
"""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_network
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

_PORT = re.compile(r"[0-9]+(:[0-9]+)?")
_INTERFACE = re.compile(r"[A-Za-z0-9_\-.+,=%@]{1,15}")
# iptables' multiport takes 15 ports; a range counts as two.
_MULTIPORT_LIMIT = 15


class UfwError(ValueError):
    """A rule that ufw would refuse, or text that is not ufw's."""


_T = TypeVar("_T", bound=str)


def one_of(what: str, value: str, allowed: tuple[_T, ...]) -> _T:
    """``value``, which must be one of ``allowed``. Raises UfwError, which says ``what`` it is."""
    if value not in allowed:
        raise UfwError(f"{what} {value!r} is unknown; write one of: {', '.join(allowed)}")
    return value


def port_bounds(port: str) -> tuple[int, int]:
    """The first and the last port of a number or a range, as Rule holds them."""
    first, _, last = port.partition(":")
    return int(first), int(last or first)


def _checked_ports(ports: Iterable[str]) -> tuple[str, ...]:
    unique = set(ports)
    for port in unique:
        if not _PORT.fullmatch(port):
            raise UfwError(f"port {port!r} is not a number or a range such as '60000:61000'")
        first, last = port_bounds(port)
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
        one_of("action", self.action, get_args(Action))
        one_of("direction", self.direction, get_args(Direction))
        one_of("proto", self.proto, get_args(Protocol))
        one_of("log", self.log, get_args(Logged))
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

    @property
    def key(self) -> str:
        """What ufw holds to be one rule, whatever its action, logging and comment."""
        return str(replace(self, action="allow", log="", comment=""))

    @property
    def uncommented(self) -> str:
        """The rule without its comment. ufw replaces one that differs in that alone where it is."""
        return str(replace(self, comment=""))

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
    action = one_of("action", rest.pop(0), get_args(Action))
    direction: Direction = "in"
    interfaces = {"in": "", "out": ""}
    while rest and rest[0] in ("in", "out"):
        side = one_of("direction", rest.pop(0), get_args(Direction))
        direction = "in" if interfaces["in"] else side
        if rest[:1] == ["on"]:
            interfaces[side] = rest[1]
            del rest[:2]
    log: Logged = ""
    if rest and rest[0] in ("log", "log-all"):
        log = one_of("log", rest.pop(0), get_args(Logged))
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
        proto=one_of("proto", target.get("proto", "any"), get_args(Protocol)),
        ports=split_ports(target.get("to port", "any")),
        from_=target.get("from", "any"),
        to=target.get("to", "any"),
        from_ports=split_ports(target.get("from port", "any")),
        interface_in=interfaces["in"],
        interface_out=interfaces["out"],
        app=target.get("to app", ""),
        from_app=target.get("from app", ""),
        log=log,
        route=route,
        comment=comment,
    )


def split_ports(ports: str) -> tuple[str, ...]:
    """The ports that ufw lists with commas; none for its word any."""
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
