"""Lines of a hand-made configuration that do harm: which, why, and what postroad has instead. Pure.

Most of them stand in tutorials that are copied from one another; each was tried on the daemons that
Debian ships, or is told by their manual pages (opendkim.conf(5), postconf(5)).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Network, ip_network

OPENDKIM, MAIN = "/etc/opendkim.conf", "/etc/postfix/main.cf"


@dataclass(frozen=True, slots=True)
class Line:
    """One setting of a file; ``number`` is where it stands, 0 where it does not."""

    file: str
    number: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A line that does harm, or one that is missing."""

    line: Line
    fault: str
    instead: str

    def __str__(self) -> str:
        where = f"{self.line.file}:{self.line.number}" if self.line.number else self.line.file
        what = f"{self.line.name} {self.line.value}".strip()
        absent = "" if self.line.number else " (not set)"
        return f"{where}: {what}{absent}: {self.fault}; {self.instead}"


@dataclass(frozen=True, slots=True)
class _Rule:
    """A setting by name, and when its value does harm."""

    name: str
    harms: Callable[[str], bool]
    fault: str
    instead: str


def _any(value: str) -> bool:
    return True


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda value: re.search(pattern, value, re.IGNORECASE) is not None


def _is_wide(value: str) -> bool:
    """Whether mynetworks holds more than single addresses and loopback (postconf(5))."""
    return any(map(_holds_others, re.split(r"[,\s]+", value)))


def _holds_others(word: str) -> bool:
    try:
        network = ip_network(word.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return False
    mapped = isinstance(network, IPv6Network) and network.network_address.ipv4_mapped
    loopback = mapped.is_loopback if mapped else network.is_loopback
    return network.num_addresses > 1 and not loopback


_OPENDKIM = (
    _Rule(
        "TrustedHosts",
        _any,
        "OpenDKIM knows no such setting and does not start with it, so that mail leaves unsigned",
        "postroad signs what a login hands in, wherever it comes from",
    ),
    _Rule(
        "Mode",
        _matches("v"),
        "it verifies what comes in as well, which costs look-ups and changes bounces",
        "postroad's signers only sign",
    ),
    _Rule(
        "Canonicalization",
        _matches("^simple|/simple|^relaxed$"),
        "a relay that changes white space breaks the signature",
        "postroad writes relaxed/relaxed",
    ),
    _Rule(
        "AutoRestart",
        _matches("^(y|t|1)"),
        "it hides crashes, and may fork without end",
        "under postroad systemd restarts the signer, and the audit says so",
    ),
    _Rule(
        "AutoRestartRate",
        _any,
        "it goes with AutoRestart",
        "under postroad systemd restarts the signer",
    ),
    _Rule(
        "Socket",
        _matches("^inet"),
        "every local user can have mail signed there, and localhost may be another address to "
        "Postfix than to OpenDKIM",
        "postroad's signers listen on UNIX sockets that Postfix alone can open",
    ),
    _Rule(
        "SigningTable",
        _any,
        "a From: that no row matches leaves unsigned",
        "postroad's last row names no key, so that such mail is refused",
    ),
)
_OPENDKIM_MISSING = (
    (
        "SignHeaders",
        "List-Unsubscribe-Post is not signed, so that one-click unsubscribes do not count "
        "(RFC 8058 §4)",
        "postroad signs it",
    ),
    (
        "OversignHeaders",
        "a second From: or Subject: can be added to a signed message",
        "postroad oversigns the headers that people see",
    ),
)

_MAIN = (
    _Rule(
        "milter_default_action",
        _matches("^accept$"),
        "while the signer is down mail leaves unsigned",
        "postroad has such mail wait",
    ),
    _Rule(
        "smtpd_use_tls",
        _any,
        "it is obsolete since Postfix 2.3, and says nothing of mail that leaves",
        "postroad writes smtpd_tls_security_level and smtp_tls_security_level",
    ),
    _Rule(
        "smtpd_tls_cert_file",
        _matches("snakeoil"),
        "it is self-signed: clients that verify refuse it",
        "postroad gets a certificate for the names that clients use",
    ),
    _Rule(
        "smtpd_tls_protocols",
        _matches("!SSLv"),
        "excluding old versions one by one lets TLS 1.0 and 1.1 in",
        "postroad writes >=TLSv1.2 where TLS is demanded",
    ),
    _Rule(
        "smtpd_tls_mandatory_protocols",
        _matches("!SSLv"),
        "excluding old versions one by one lets TLS 1.0 and 1.1 in",
        "postroad writes >=TLSv1.2",
    ),
    _Rule(
        "smtpd_client_message_rate_limit",
        _matches("[1-9]"),
        "it limits who hands mail in, not what leaves, and exempts mynetworks: no warm-up",
        "nothing takes its place yet: keep a new address's volume low in your application",
    ),
    _Rule(
        "default_destination_rate_delay",
        _matches("[1-9]"),
        "it slows all receivers alike, and one error then defers everything for a receiver",
        "nothing takes its place yet: postroad delivers as receivers take it",
    ),
    _Rule(
        "inet_interfaces",
        _matches("^all$"),
        "it listens to the whole internet",
        "postroad listens where a stream's applications hand in, and on port 25 for bounces alone",
    ),
    _Rule(
        "mynetworks",
        _is_wide,
        "neighbours in that network may send as you",
        "postroad trusts logins, never addresses",
    ),
)
_MAIN_MISSING = (
    (
        "smtp_tls_security_level",
        "mail leaves without TLS, which Gmail marks and others refuse",
        "postroad writes may, or dane where you declare it",
    ),
    (
        "inet_protocols",
        "mail leaves by IPv6 wherever the host has it, also without a PTR and SPF for it",
        "postroad binds each stream to the addresses that you declare",
    ),
)


def opendkim_lines(text: str) -> Iterator[Line]:
    """The settings of an opendkim.conf: a name, white space, a value (opendkim.conf(5))."""
    for number, raw in enumerate(text.splitlines(), 1):
        name, _, value = raw.partition("#")[0].strip().partition(" ")
        if "\t" in name:
            name, _, value = raw.partition("#")[0].strip().partition("\t")
        if name:
            yield Line(OPENDKIM, number, name, value.strip())


def main_lines(text: str) -> Iterator[Line]:
    """The settings of a main.cf, continued lines joined (postconf(5))."""
    joined: list[tuple[int, str]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        if raw[0] in " \t" and joined:
            joined[-1] = (joined[-1][0], f"{joined[-1][1]} {raw.strip()}")
        else:
            joined.append((number, raw))
    for number, raw in joined:
        name, _, value = raw.partition("=")
        yield Line(MAIN, number, name.strip(), value.strip())


def findings(opendkim: str, main: str) -> tuple[Finding, ...]:
    """What does harm in the two files; an empty text is a file that is not there."""
    found: list[Finding] = []
    if opendkim:
        lines = tuple(opendkim_lines(opendkim))
        found += _judged(lines, _OPENDKIM)
        found += _missing(lines, OPENDKIM, _OPENDKIM_MISSING)
    if main:
        lines = tuple(main_lines(main))
        found += _judged(lines, _MAIN)
        found += _milters(lines)
        found += _missing(lines, MAIN, _MAIN_MISSING)
    return tuple(found)


def _judged(lines: Sequence[Line], rules: Sequence[_Rule]) -> Iterator[Finding]:
    for line in lines:
        for rule in rules:
            # OpenDKIM's names are taken in any case; Postfix's are not, and are lower-case.
            if line.name.lower() == rule.name.lower() and rule.harms(line.value):
                yield Finding(line, rule.fault, rule.instead)


def _missing(
    lines: Sequence[Line], file: str, wanted: Sequence[tuple[str, str, str]]
) -> Iterator[Finding]:
    there = {line.name.lower() for line in lines}
    for name, fault, instead in wanted:
        if name.lower() not in there:
            yield Finding(Line(file, 0, name, ""), fault, instead)


def _milters(lines: Sequence[Line]) -> Iterator[Finding]:
    set_to = {line.name: line for line in lines if line.value}
    if "smtpd_milters" in set_to and "non_smtpd_milters" not in set_to:
        yield Finding(
            set_to["smtpd_milters"],
            "without non_smtpd_milters beside it, what sendmail(1) hands in (cron, PHP) leaves "
            "unsigned",
            "postroad takes it through the stream's own listener, where it is signed",
        )
