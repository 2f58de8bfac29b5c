"""The firewall lets in what is declared and no more, and lets only Postfix out to port 25."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from itertools import takewhile

from postroad.audit import asking
from postroad.audit.audited import Audited
from postroad.audit.fault import Fault, refute
from postroad.audit.netfilter import Packet, may_leave, parse
from postroad.mail.firewall import allowed
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.firewall.plan import Firewall, plan_firewall, told
from postroad.mail.intake import intake
from postroad.settings.model import Address
from postroad.settings.ports import SYSTEM_MAIL_PORT

LOOPBACK = ip_address("127.0.0.1")

SMTP = 25
# Anybody but root: root's packets are told apart by nothing, nobody's stand for all others.
OTHERS = {"root": 0, "nobody": 65534}


def differing_rules(audited: Audited) -> Iterator[Fault]:
    """What ufw(8) would have to be told to make the firewall the declared one."""
    found = audited.state[FIREWALL]
    if found.status is None:
        yield Fault("ufw is not installed", _unguarded(audited), audited.run)
        return
    if not found.status.enabled or not found.status.loaded:
        how = "switched off" if not found.status.enabled else "not loaded in the kernel"
        yield Fault(f"the firewall is {how}", _unguarded(audited), audited.run)
    if found.unhooked:
        yield Fault(
            "the kernel's built-in chains do not lead to those of ufw: somebody has flushed them",
            f"{_unguarded(audited)}; ufw reload would let nobody in any more",
            audited.run,
        )
    wanted = Firewall(rules=allowed.rules(audited.estate, audited.host))
    for command in plan_firewall(found, wanted).commands:
        yield Fault(
            f"the firewall is not as declared, it would take: {told(command)}",
            "something declared is shut out, or something else is let in",
            audited.run,
        )
    if found.rollback_armed:
        yield Fault(
            "a run that died left the timer armed that switches the firewall off",
            "within a minute every port is open to everybody",
            audited.run,
        )


def _unguarded(audited: Audited) -> str:
    """What follows where ufw does not do its work: now, or from the next boot on."""
    families = (("IPv4", audited.system.rules4), ("IPv6", audited.system.rules6))
    is_open = [
        family
        for family, lines in families
        if parse(lines).policies.get("INPUT", "ACCEPT") == "ACCEPT"
    ]
    if not is_open:
        return "its rules are in the kernel still; from the next boot on every port is open"
    if len(is_open) < len(families):
        return f"by {is_open[0]} every port is open to everybody"
    return "every port is open to everybody"


def _reload(audited: Audited, tool: str, lines: Sequence[str]) -> str:
    """How the kernel gets ufw's rules again; what stands before ufw's chains, ufw leaves there.

    Where the jumps to ufw's chains are gone, its reload would let nobody in any more: a run puts
    them back first, and has a way back if it is shut out itself.
    """
    before = takewhile(lambda rule: "-j ufw" not in rule, _built_in(lines, "OUTPUT"))
    removed = "".join(f"{tool} {rule.replace('-A', '-D', 1)}; " for rule in before)
    return f"{removed}{_again(audited)}"


def _again(audited: Audited) -> str:
    is_safe = not audited.state[FIREWALL].unhooked
    return f"ufw reload; then {audited.run}" if is_safe else audited.run


def _built_in(lines: Sequence[str], chain: str) -> Iterator[str]:
    return (line for line in lines if line.startswith(f"-A {chain} "))


def leaks(audited: Audited) -> Iterator[Fault]:
    """Packets to port 25 elsewhere, as the kernel's rules would treat them.

    Only Postfix's may leave, and none from a lone box.
    """
    postfix = audited.system.postfix_uid
    for family, tool, lines in (
        ("IPv4", "iptables", audited.system.rules4),
        ("IPv6", "ip6tables", audited.system.rules6),
    ):
        rules, mend = parse(lines), _reload(audited, tool, lines)
        for user, uid in OTHERS.items():
            if may_leave(rules, Packet(SMTP, uid)):
                yield Fault(
                    f"{family}: {user} may connect to port {SMTP} elsewhere",
                    "a web application that is broken into sends mail past the signer and the "
                    "suppression list",
                    mend,
                )
        if audited.estate.lone and may_leave(rules, Packet(SMTP, postfix)):
            yield Fault(
                f"{family}: Postfix may connect to port {SMTP} elsewhere from this lone box",
                "what a developer tries out reaches people",
                mend,
            )
        if not audited.estate.lone and not may_leave(rules, Packet(SMTP, postfix)):
            yield Fault(
                f"{family}: Postfix itself may not connect to port {SMTP} elsewhere",
                "no mail leaves",
                mend,
            )


def ways_to_nowhere(audited: Audited) -> Iterator[Fault]:
    """Addresses that no mail host of the internet has, and that Postfix may connect to."""
    if audited.estate.lone:
        return  # Its Postfix may connect to nobody.
    rules = {4: parse(audited.system.rules4), 6: parse(audited.system.rules6)}
    postfix = audited.system.postfix_uid
    asked = asking.nowhere(audited.estate)
    open_to = [to for to in asked if may_leave(rules[to.version], Packet(SMTP, postfix, to))]
    if open_to:
        yield Fault(
            f"Postfix may connect to port {SMTP} of {open_to[0]} ({asked[open_to[0]].what}), and "
            f"of {len(open_to) - 1} other addresses that no mail host of the internet has",
            "only its own tables keep mail from this host's neighbours",
            _reload(audited, *_tool(audited, open_to[0])),
        )


def _tool(audited: Audited, to: Address) -> tuple[str, Sequence[str]]:
    """The command of an address's family, and the rules that the kernel has of it."""
    if to.version == 6:
        return "ip6tables", audited.system.rules6
    return "iptables", audited.system.rules4


def intruders(audited: Audited) -> Iterator[Fault]:
    """Who is let in at the listener that signs what comes, beside Postfix and root."""
    rules = parse(audited.system.rules4)
    mend = _reload(audited, *_tool(audited, LOOPBACK))
    if audited.host.streams and may_leave(
        rules, Packet(SYSTEM_MAIL_PORT, OTHERS["nobody"], LOOPBACK)
    ):
        yield Fault(
            f"nobody may connect to port {SYSTEM_MAIL_PORT} of loopback",
            "any local account has the operator flooded, with signed messages of its own wording",
            mend,
        )
    if not may_leave(rules, Packet(SYSTEM_MAIL_PORT, audited.system.postfix_uid, LOOPBACK)):
        yield Fault(
            f"Postfix itself may not connect to port {SYSTEM_MAIL_PORT} of loopback",
            "root's and cron's mail waits",
            mend,
        )


def open_places(audited: Audited) -> Iterator[Fault]:
    """Families in which one network may take all places of port 25, by the kernel's rules."""
    if not audited.host.inbound:
        return
    limits = intake(audited.estate)
    counted = (("IPv4", audited.system.rules4, 32, 24), ("IPv6", audited.system.rules6, 64, 48))
    for family, lines, client, network in counted:
        rules = [line for line in lines if "--dport 25 " in line and "-before-input " in line]
        for mask, places in (
            (client, limits.places_of_client),
            (network, limits.places_of_network),
        ):
            above = f"--connlimit-above {places} --connlimit-mask {mask} "
            if not any(above in line and line.find("REJECT") > 0 for line in rules):
                yield Fault(
                    f"{family}: nothing limits the places of a /{mask} at port 25",
                    "one stranger takes all of them, and no report gets in",
                    _again(audited),
                )


def test_rules_are_those_declared(audited: Audited) -> None:
    """Both families, defaults, order; active now and after the next boot."""
    refute(differing_rules(audited))


def test_only_postfix_reaches_port_25(audited: Audited) -> None:
    """By the rules that the kernel has, not by the files."""
    refute(leaks(audited))


def test_no_mail_goes_where_no_mail_host_is(audited: Audited) -> None:
    """By the rules that the kernel has; loopback is one of these places."""
    refute(ways_to_nowhere(audited))


def test_only_the_null_client_hands_in_roots_mail(audited: Audited) -> None:
    """Whose the connection is, the kernel knows."""
    refute(intruders(audited))


def test_no_network_takes_all_places(audited: Audited) -> None:
    """Of port 25, by the rules that the kernel has."""
    refute(open_places(audited))
