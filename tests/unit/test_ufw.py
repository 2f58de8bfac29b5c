"""ufw rules and plans as values.

test_ufw_data/added.txt is what ``ufw show added`` printed after 46 different ``ufw`` commands, and
tuples.txt the ``### tuple ###`` lines of user.rules (4) and user6.rules (6) at that moment. ufw
0.36.2-1 (Debian 12) and 0.36.2-9 (Debian 13) wrote the same, byte for byte.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from postroad.mail.firewall.plan import Firewall, admits, lockout, plan_allowed, plan_firewall, told
from postroad.mail.firewall.read import (
    Connection,
    FirewallState,
    Status,
    parse_added,
    parse_connection,
    parse_state,
    parse_status,
    parse_tuple,
)
from postroad.mail.firewall.rule import Action, Direction, Logged, Rule, UfwError, parse_rule

DATA = Path(__file__).parent / "test_ufw_data"
TEMPLATES = Path(__file__).parents[2] / "templates" / "ufw"
ADDED = (DATA / "added.txt").read_text()
LINES = [line.removeprefix("ufw ") for line in ADDED.splitlines()[1:]]
TUPLES = [(line[0], line[2:]) for line in (DATA / "tuples.txt").read_text().splitlines()]

STATUS_TEXT = """\
ENABLED=yes
LOGLEVEL=low
IPV6=yes
DEFAULT_INPUT_POLICY="DROP"
DEFAULT_OUTPUT_POLICY="ACCEPT"
DEFAULT_FORWARD_POLICY="DROP"
loaded=yes
"""
STATUS = Status(
    enabled=True,
    loaded=True,
    ipv6=True,
    incoming="deny",
    outgoing="allow",
    routed="deny",
    logging="low",
)
SSH = parse_rule("allow 22/tcp comment 'ssh'")
SMTP = parse_rule("allow 25/tcp")
HOSTILE = parse_rule("deny from 203.0.113.0/24")
HOSTILE6 = parse_rule("deny from 2001:db8:bad::/48")
RUN = Connection("192.0.2.7", "198.51.100.1", 22)
RUN6 = Connection("2001:db8::7", "2001:db8::1", 22)


def on_host(*rules: Rule, status: Status | None = STATUS) -> FirewallState:
    """A host on which ufw stored these rules."""
    return FirewallState(
        status=status,
        rules4=tuple(rule for rule in rules if ":" not in rule.from_ + rule.to),
        rules6=tuple(rule for rule in rules if "." not in rule.from_ + rule.to),
        connection=RUN,
    )


def commands(state: FirewallState, firewall: Firewall) -> list[str]:
    return [shlex.join(command) for command in plan_firewall(state, firewall).commands]


def test_chains_that_nothing_leads_to_are_hooked_in_again_before_anything_else() -> None:
    """Else the reload of ufw's that follows lets nobody in: tests/lab/test_firewall.py."""
    wanted = Firewall(rules=(SSH, SMTP))
    found = parse_state(f"{STATUS_TEXT}unhooked=yes\n")
    assert found.unhooked
    plan = plan_firewall(found, wanted)
    assert plan.risky
    assert "the jumps from the kernel's built-in chains" in told(plan.commands[0])
    assert told(plan.commands[1]) == "ufw reload"
    assert "iptables" in " ".join(plan.commands[0])
    off = replace(found, status=replace(STATUS, enabled=False, loaded=False))
    words = [told(command) for command in plan_firewall(off, wanted).commands]
    assert (words[0], words[-1]) == (told(plan.commands[0]), "ufw --force enable")
    assert "ufw reload" not in words


@pytest.mark.parametrize("line", LINES)
def test_every_line_of_ufw_show_added_survives_reading_and_writing(line: str) -> None:
    assert str(parse_rule(line)) == line


def test_rules_read_from_files_are_those_of_ufw_show_added_in_its_order() -> None:
    state = parse_state("".join(f"rule{family}={text}\n" for family, text in TUPLES))
    assert [str(rule) for rule in state.rules] == LINES
    assert [str(rule) for rule in parse_added(ADDED)] == LINES
    assert not state.halved


def test_every_combination_of_parts_survives_reading_and_writing() -> None:
    ends = (("any", ()), ("any", ("25",)), ("any", ("25", "60000:61000")))
    ends4 = (*ends, ("192.0.2.0/24", ()), ("192.0.2.1", ("25",)))
    ends6 = (("any", ()), ("2001:db8::/32", ()), ("2001:db8::1", ("25",)))
    seen = set()
    for verb, side, log, comment, route, family in itertools.product(
        get_args(Action),
        get_args(Direction),
        get_args(Logged),
        ("", "a why"),
        (False, True),
        (ends4, ends6),
    ):
        for (from_, from_ports), (to, ports), interface in itertools.product(
            family, family, ("", "eth0")
        ):
            rule = Rule(
                action=verb,
                direction=side,
                proto="tcp",
                from_=from_,
                from_ports=from_ports,
                to=to,
                ports=ports,
                interface_in=interface if side == "in" else "",
                interface_out=interface if side == "out" else "",
                log=log,
                route=route,
                comment=comment,
            )
            assert parse_rule(str(rule)) == rule
            seen.add(str(rule))
    assert len(seen) > 5000


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("allow 587,25/tcp", "allow 25,587/tcp"),
        ("allow 25,25/tcp", "allow 25/tcp"),
        ("allow from 192.0.2.7/32", "allow from 192.0.2.7"),
        ("allow from 10.0.0.0/255.0.0.0", "allow from 10.0.0.0/8"),
        ("allow from 2001:DB8:0::1/128", "allow from 2001:db8::1"),
        ("allow in 25/tcp", "allow 25/tcp"),
        (
            "allow proto tcp from 192.0.2.7 to any port 22",
            "allow from 192.0.2.7 to any port 22 proto tcp",
        ),
    ],
)
def test_a_rule_is_written_as_ufw_stores_it(written: str, stored: str) -> None:
    assert str(parse_rule(written)) == stored


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("permit 25/tcp", "write one of: allow, deny, limit, reject"),
        ("allow", "names no port, address or interface"),
        ("route", "too early"),
        ("allow 25/sctp", "'sctp' is unknown"),
        ("allow 0/tcp", "not within 1 to 65535"),
        ("allow 70000/tcp", "not within 1 to 65535"),
        ("allow 30:20/tcp", "lower end first"),
        ("allow 25,587", "need proto 'tcp' or 'udp'"),
        ("allow to any port 25 proto esp", "has no ports"),
        ("allow from 10.1.2.3/8", "write '10.0.0.0/8'"),
        ("allow from 0.0.0.0/0 to any port 25", "write 'any'"),
        ("allow from mail.example", "not an IPv4 or IPv6 address"),
        ("allow from 10.0.0.0/33", "no valid prefix length"),
        ("allow from 10.0.0.1 to 2001:db8::1", "mixes IPv4 and IPv6"),
        ("allow from 2001:db8::1 proto igmp", "for IPv4 only"),
        ("allow out on eth/0", "not an interface name"),
        ("allow in on eth0 out on eth1", "cannot name 'eth1'"),
        ("allow from any via eth0", "'via' is not expected"),
        ("allow from", "'from' has no value"),
        ("allow 25/tcp comment 'unclosed", "not quoted well"),
        ("allow 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16/tcp", "write two rules"),
    ],
)
def test_a_rule_that_ufw_would_refuse_says_what_is_wrong(line: str, fault: str) -> None:
    with pytest.raises(UfwError) as error:
        parse_rule(line)
    assert fault in str(error.value)
    assert line in str(error.value)


def test_a_comment_cannot_end_its_own_quotes() -> None:
    with pytest.raises(UfwError, match="comment"):
        replace(SMTP, comment="it's")


@pytest.mark.parametrize(
    "text", ["", "ERROR: You need to be root", "Added user rules:\nufw nonsense"]
)
def test_an_error_is_never_taken_for_an_empty_set_of_rules(text: str) -> None:
    with pytest.raises(UfwError):
        parse_added(text)


def test_no_rules_are_no_rules() -> None:
    assert parse_added("Added user rules (see 'ufw status' for running firewall):\n(None)") == []


@pytest.mark.parametrize(
    "line", ["allow tcp 25", "allow tcp 25 ::/0 any ::/0 sideways", "x y z a b c d"]
)
def test_a_malformed_tuple_is_refused(line: str) -> None:
    with pytest.raises(UfwError, match="tuple"):
        parse_tuple(line)


def test_the_state_of_a_host() -> None:
    text = STATUS_TEXT + "rule4=allow tcp 25 0.0.0.0/0 any 0.0.0.0/0 in\nrollback=armed\n"
    state = parse_state(text + "ssh=192.0.2.7 50000 198.51.100.1 22\n")
    assert state == FirewallState(
        status=STATUS, rules4=(SMTP,), rollback_armed=True, connection=RUN
    )
    assert state.halved == {"allow 25/tcp"}


def test_a_host_without_ufw_has_no_status() -> None:
    assert parse_status("") is None
    assert parse_state("ssh=192.0.2.7 50000 198.51.100.1 22\n") == FirewallState(connection=RUN)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LOGLEVEL=low", "LOGLEVEL=loud"),
        ('DEFAULT_INPUT_POLICY="DROP"', 'DEFAULT_INPUT_POLICY="MAYBE"'),
        ("IPV6=yes\n", ""),
        ("loaded=yes", "ERROR"),
        ("loaded=yes", "loaded=yes\nssh=what"),
    ],
)
def test_a_state_that_makes_no_sense_is_refused(old: str, new: str) -> None:
    with pytest.raises(UfwError):
        parse_state(STATUS_TEXT.replace(old, new))


@pytest.mark.parametrize(
    ("text", "client"),
    [
        ("fe80::1%eth0 50000 fe80::2%eth0 22", "fe80::1"),
        ("::ffff:192.0.2.7 50000 ::ffff:198.51.100.1 22", "192.0.2.7"),
    ],
)
def test_addresses_of_a_connection_are_plain(text: str, client: str) -> None:
    assert parse_connection(text).client == client


@pytest.mark.parametrize(
    ("lines", "connection", "answer"),
    [
        (["allow 22/tcp"], RUN, True),
        (["limit 22"], RUN6, True),
        (["allow 20:30/tcp"], RUN, True),
        (["allow 25/tcp"], RUN, False),
        (["allow 22/udp"], RUN, False),
        (["allow out 22/tcp"], RUN, False),
        (["route allow 22/tcp"], RUN, False),
        (["allow from 192.0.2.0/24 to any port 22 proto tcp"], RUN, True),
        (["allow from 192.0.2.0/24 to any port 22 proto tcp"], RUN6, False),
        (["allow from 192.0.3.0/24"], RUN, False),
        (["allow from 2001:db8::/32"], RUN6, True),
        (["allow from any to 198.51.100.1 port 22"], RUN, True),
        (["allow from any to 198.51.100.2 port 22"], RUN, False),
        (["allow in on eth0 to any port 22"], RUN, False),
        (["allow from any port 1024:65535 to any port 22 proto tcp"], RUN, False),
        (["allow OpenSSH"], RUN, False),
        (["deny from 192.0.2.7", "allow 22/tcp"], RUN, False),
        (["deny in on eth1", "allow 22/tcp"], RUN, False),
        (["allow 22/tcp", "deny from 192.0.2.7"], RUN, True),
        (["reject from 2001:db8::/32", "allow 22/tcp"], RUN, True),
    ],
)
def test_the_first_rule_that_matches_decides(
    lines: list[str], connection: Connection, answer: bool
) -> None:
    assert admits([parse_rule(line) for line in lines], "deny", connection) is answer


def test_what_no_rule_matches_meets_the_default() -> None:
    assert admits([], "allow", RUN)
    assert not admits([], "reject", RUN)


def test_a_set_that_shuts_out_the_run_is_named() -> None:
    message = lockout(on_host(), Firewall(rules=(SMTP,)))
    assert message is not None
    assert "192.0.2.7 to port 22/tcp" in message
    assert lockout(on_host(), Firewall(rules=(SSH,))) is None
    assert lockout(replace(on_host(), connection=None), Firewall(rules=(SMTP,))) is None


def test_a_block_declared_last_still_shuts_out_the_run() -> None:
    own = parse_rule("deny from 192.0.2.0/24")
    assert lockout(on_host(), Firewall(rules=(SSH, own))) is not None


def test_a_host_as_declared_needs_nothing() -> None:
    plan = plan_firewall(on_host(HOSTILE, SSH, SMTP), Firewall(rules=(SMTP, SSH, HOSTILE)))
    assert plan.commands == ()
    assert not plan.risky


def test_a_bare_host_is_enabled_last() -> None:
    fresh = on_host(status=replace(STATUS, enabled=False, loaded=False, logging="off"))
    plan = plan_firewall(fresh, Firewall(rules=(SSH, HOSTILE)))
    assert [shlex.join(command) for command in plan.commands] == [
        "ufw allow 22/tcp comment ssh",
        "ufw prepend deny from 203.0.113.0/24 comment ''",
        "ufw logging low",
        "ufw --force enable",
    ]
    assert plan.risky


def test_blocks_end_up_in_the_order_of_their_declaration() -> None:
    firewall = Firewall(rules=(SSH, HOSTILE, HOSTILE6))
    prepended = [command[4] for command in plan_firewall(on_host(SSH), firewall).commands]
    assert prepended == [HOSTILE6.from_, HOSTILE.from_]


def test_adding_an_opening_is_no_risk() -> None:
    plan = plan_firewall(on_host(SSH), Firewall(rules=(SSH, SMTP)))
    assert [command[:3] for command in plan.commands] == [("ufw", "allow", "25/tcp")]
    assert not plan.risky


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (on_host(SSH, SMTP), ["ufw --force delete allow 25/tcp"]),
        (on_host(parse_rule("limit 22/tcp")), ["ufw allow 22/tcp comment ssh"]),
        (
            on_host(parse_rule("deny 22/tcp")),
            ["ufw --force delete deny 22/tcp", "ufw allow 22/tcp comment ssh"],
        ),
        (
            on_host(SSH, parse_rule("route allow in on eth0 out on eth1")),
            ["ufw --force route delete allow in on eth0 out on eth1"],
        ),
        (replace(on_host(SSH), rules6=()), ["ufw allow 22/tcp comment ssh"]),
        (on_host(SSH, status=replace(STATUS, incoming="allow")), ["ufw default deny incoming"]),
        (on_host(SSH, status=replace(STATUS, outgoing="reject")), ["ufw default allow outgoing"]),
        (on_host(SSH, status=replace(STATUS, routed="allow")), ["ufw default deny routed"]),
        (on_host(SSH, status=replace(STATUS, logging="full")), ["ufw logging low"]),
        (
            on_host(SSH, status=replace(STATUS, loaded=False)),
            ["ufw --force disable", "ufw --force enable"],
        ),
        (
            on_host(SSH, status=replace(STATUS, enabled=False)),
            ["ufw --force disable", "ufw --force enable"],
        ),
        (
            on_host(SSH, status=replace(STATUS, ipv6=False)),
            ["sed -i 's/^IPV6=.*/IPV6=yes/' /etc/default/ufw", "ufw --force enable"],
        ),
    ],
)
def test_each_drift_is_mended_by_its_own_command(state: FirewallState, expected: list[str]) -> None:
    assert commands(state, Firewall(rules=(SSH,))) == expected


@pytest.mark.parametrize("blocker", [HOSTILE, HOSTILE6])
def test_a_block_that_stands_behind_an_opening_is_moved_before_it(blocker: Rule) -> None:
    firewall = Firewall(rules=(blocker, SSH))
    assert commands(on_host(SSH, blocker), firewall) == [
        f"ufw --force delete {blocker}",
        f"ufw prepend {blocker} comment ''",
    ]
    assert commands(on_host(blocker, SSH), firewall) == []


def test_removing_an_opening_or_adding_a_block_is_a_risk() -> None:
    assert plan_firewall(on_host(SSH, SMTP), Firewall(rules=(SSH,))).risky
    assert plan_firewall(on_host(SSH), Firewall(rules=(SSH, HOSTILE))).risky
    assert not plan_firewall(on_host(SSH, HOSTILE), Firewall(rules=(SSH,))).risky


def test_two_rules_that_are_one_to_ufw_are_refused() -> None:
    with pytest.raises(UfwError, match="one rule to ufw"):
        Firewall(rules=(SSH, parse_rule("limit 22/tcp")))


def test_openings_only_open() -> None:
    assert plan_allowed(on_host(SSH, HOSTILE), [SSH]).commands == ()
    assert plan_allowed(on_host(SSH), [SMTP]).commands == (
        ("ufw", "allow", "25/tcp", "comment", ""),
    )
    with pytest.raises(UfwError, match="not an opening"):
        plan_allowed(on_host(), [HOSTILE])


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("before.rules", "07eb19578acc8e971e0e6c782c196fdcc4d2f46b440da3db98a3bdf9b5181edf"),
        ("before6.rules", "86fae82fe9375b1fe8221e8f6570f159e1844daac103c2e2316c487c019623cd"),
    ],
)
def test_the_rules_files_are_ufws_own_but_for_our_blocks(name: str, digest: str) -> None:
    # The digest is that of the rules (comments aside) in /usr/share/ufw/iptables of ufw 0.36.2.
    text = (TEMPLATES / f"{name}.j2").read_text()
    block = re.compile("^# postroad: .*?^# postroad: end$", re.DOTALL | re.MULTILINE)
    *before, others = block.finditer(text)
    assert others[0].startswith("# postroad: only")
    rest = block.sub("", text)
    rules = "".join(f"{line}\n" for line in rest.splitlines() if line and not line.startswith("#"))
    assert hashlib.sha256(rules.encode()).hexdigest() == digest
    loopback = text.index("-o lo -j ACCEPT\n")
    assert before[-1].end() < loopback < others.start()
