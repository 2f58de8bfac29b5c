"""The tutorial's configuration, line by line; and a stream's own, of which little is said."""

from __future__ import annotations

import pytest

from lab.images import tutorial
from postroad.mail.before.lines import Finding, findings, main_lines, opendkim_lines
from tests.unit import estates

MAIN = tutorial.MAIN.format(hostname="mail1.shop.example")
FOUND = findings(tutorial.OPENDKIM, MAIN)


def told(name: str) -> list[Finding]:
    return [found for found in FOUND if found.line.name == name]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("TrustedHosts", "does not start with it, so that mail leaves unsigned"),
        ("Mode", "verifies what comes in"),
        ("Canonicalization", "breaks the signature"),
        ("AutoRestart", "hides crashes"),
        ("AutoRestartRate", "goes with AutoRestart"),
        ("Socket", "every local user can have mail signed"),
        ("SigningTable", "a From: that no row matches leaves unsigned"),
        ("SignHeaders", "one-click"),
        ("OversignHeaders", "a second From:"),
        ("milter_default_action", "while the signer is down mail leaves unsigned"),
        ("smtpd_milters", "what sendmail(1) hands in"),
        ("smtpd_use_tls", "says nothing of mail that leaves"),
        ("smtpd_tls_cert_file", "self-signed"),
        ("smtpd_tls_protocols", "lets TLS 1.0 and 1.1 in"),
        ("smtpd_tls_mandatory_protocols", "lets TLS 1.0 and 1.1 in"),
        ("smtpd_client_message_rate_limit", "no warm-up"),
        ("default_destination_rate_delay", "slows all receivers alike"),
        ("inet_interfaces", "the whole internet"),
        ("mynetworks", "neighbours"),
        ("smtp_tls_security_level", "without TLS"),
        ("inet_protocols", "by IPv6 wherever"),
    ],
)
def test_each_line_of_the_tutorial_that_does_harm_is_told(name: str, says: str) -> None:
    (found,) = told(name)
    assert says in found.fault


def test_nothing_else_is_told() -> None:
    assert len(FOUND) == 21


def test_a_finding_says_where_it_stands() -> None:
    assert str(told("Mode")[0]).startswith("/etc/opendkim.conf:11: Mode sv: it verifies")
    assert str(told("SignHeaders")[0]).startswith("/etc/opendkim.conf: SignHeaders (not set): ")


def test_what_is_not_there_is_not_judged() -> None:
    assert findings("", "") == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128", False),
        ("mynetworks = 127.0.0.1, 192.0.2.1", False),
        ("mynetworks = 127.0.0.0/8, 192.0.2.0/24", True),
        ("mynetworks = 127.0.0.0/8\n  [2001:db8::]/64", True),
        ("milter_default_action = tempfail", False),
        ("inet_interfaces = loopback-only", False),
        ("smtpd_milters =", False),
    ],
)
def test_only_what_does_harm_is_told(line: str, said: bool) -> None:
    good = "smtp_tls_security_level = may\ninet_protocols = all\n"
    assert bool(findings("", good + line)) is said


def test_comments_and_continued_lines_are_read_as_the_daemons_do() -> None:
    text = "# mynetworks = all\nmynetworks =\n  192.0.2.0/24\n# between\n  192.0.2.1\n"
    (line,) = main_lines(text)
    assert (line.number, line.value) == (2, "192.0.2.0/24 192.0.2.1")
    (line,) = opendkim_lines("#Mode v\n  Mode\ts  # signs\n")
    assert (line.number, line.name, line.value) == (2, "Mode", "s")


def test_a_stream_of_postroad_has_no_such_line() -> None:
    (_, estate, host), *_ = estates.hosts()
    facts = estates.facts(estate, host)
    signer = estates.text("/etc/postroad/marketing/opendkim.conf", estate, host, facts)
    main = estates.text("/etc/postfix-marketing/main.cf", estate, host, facts)
    # Its signing table is the one whose last row names no key.
    assert {found.line.name for found in findings(signer, main)} == {"SigningTable"}
