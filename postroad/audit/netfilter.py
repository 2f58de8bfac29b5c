"""What becomes of a packet that leaves the host, by the rules that the kernel has. Pure.

Reads the output of ``iptables -S`` and ``ip6tables -S`` (iptables(8)); knows the matches that ufw
and postroad write, and takes any other for one that may or may not hold.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Literal

from postroad.settings.model import Address

Holds = Literal["no", "maybe", "yes"]

_NOT: Mapping[Holds, Holds] = {"no": "yes", "maybe": "maybe", "yes": "no"}

_NO_MATCH = ("-A", "-j", "--reject-with", "--limit", "--limit-burst", "--log-prefix", "--comment")
_LOOPBACK = "lo"


@dataclass(frozen=True, slots=True)
class Packet:
    """The first packet of a TCP connection to a port, of a process of this user.

    It goes elsewhere, or to ``to``; from an address of the host that is not loopback.
    """

    port: int
    uid: int
    to: Address | None = None

    @property
    def is_inside(self) -> bool:
        """Whether it stays on the host."""
        return self.to is not None and self.to.is_loopback


@dataclass(frozen=True, slots=True)
class Rules:
    """The filter table: each chain's rules in their order, and the policy of the built-in ones."""

    chains: Mapping[str, tuple[str, ...]]
    policies: Mapping[str, str] = field(default_factory=dict)


def parse(lines: Sequence[str]) -> Rules:
    """The table that these lines tell."""
    chains: dict[str, tuple[str, ...]] = {}
    policies: dict[str, str] = {}
    for line in lines:
        words = line.split()
        if words[:1] == ["-P"]:
            policies[words[1]] = words[2]
        if words[:1] == ["-A"]:
            chains[words[1]] = (*chains.get(words[1], ()), line)
    return Rules(chains, policies)


def may_leave(rules: Rules, packet: Packet) -> bool:
    """Whether the packet gets out, or may: only what surely stops it counts against that."""
    outcome = _through("OUTPUT", rules, packet)
    return (outcome or rules.policies.get("OUTPUT", "ACCEPT")) == "ACCEPT"


def _through(chain: str, rules: Rules, packet: Packet) -> str:
    for rule in rules.chains.get(chain, ()):
        words = shlex.split(rule)
        target = words[words.index("-j") + 1] if "-j" in words else ""
        holds = _holds(words, packet)
        if holds == "no" or not target:
            continue
        outcome = _through(target, rules, packet) if target in rules.chains else target
        if outcome == "ACCEPT" or (outcome in ("DROP", "REJECT") and holds == "yes"):
            return outcome
        if target == "RETURN" and holds == "yes":
            return ""
    return ""


def _holds(words: Sequence[str], packet: Packet) -> Holds:
    """Whether a rule's matches hold for the packet; ``limit`` and the unknown ones may."""
    result: Holds = "yes"
    for before, option, value in zip(["", *words[:-1]], words, [*words[1:], ""], strict=True):
        holds = _match(option, value, packet)
        if before == "!":
            holds = _NOT[holds]
        if holds == "no":
            return "no"
        if holds == "maybe":
            result = "maybe"
    return result


def _match(option: str, value: str, packet: Packet) -> Holds:
    match option:
        case "-o":
            if packet.is_inside or value == _LOOPBACK:
                return _either(packet.is_inside == (value == _LOOPBACK))
            return "maybe"
        case "-d" if packet.to is not None:
            return _either(packet.to in ip_network(value))
        case "-s":
            return "no" if ip_network(value).is_loopback else "maybe"
        case "--tcp-flags":
            # It begins with SYN alone: "FIN,SYN,RST,ACK SYN" is what --syn stands for.
            return "yes" if value == "FIN,SYN,RST,ACK" else "maybe"
        case "-p":
            return "yes" if value in ("tcp", "all") else "no"
        case "--dport":
            return _either(_covers(value, packet.port))
        case "--dports":
            return _either(any(_covers(part, packet.port) for part in value.split(",")))
        case "--uid-owner":
            return _either(value == str(packet.uid))
        case "--ctstate" | "--state":
            return _either("NEW" in value.split(","))
        case "-m":
            return "maybe" if value not in ("tcp", "owner", "conntrack", "multiport") else "yes"
    known = option in _NO_MATCH or not option.startswith("-")
    return "yes" if known else "maybe"


def _covers(ports: str, port: int) -> bool:
    first, _, last = ports.partition(":")
    return int(first) <= port <= int(last or first)


def _either(holds: bool) -> Holds:
    return "yes" if holds else "no"
