"""Example estates, read as the operator's own are, and what a host of theirs may be like."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from postroad.mail.parts.order import rows
from postroad.mail.render import HostFacts, Renderer
from postroad.mail.signing.found import KeyState
from postroad.settings.model import Estate, Host
from postroad.settings.read import read
from tests.unit.declarations import Declaration, declaration, drop, put, shared
from tests.unit.test_dns.estates import public_key

DATA = Path(__file__).parent / "data"
SECRET = "correct horse battery staple"
SECRET_VARIABLE = "POSTROAD_TEST_SECRET"
_REFERENCE = {"env": SECRET_VARIABLE}

DNS01 = {
    "source": "acme",
    "challenge": {
        "dns-01": {"server": "192.0.2.53", "key_name": "acme.shop.example", "key": _REFERENCE}
    },
}
SUPPLIED = {"source": "supplied", "chain_file": "tls/chain.pem", "key": _REFERENCE}
NONE = {"source": "none"}
PRIVATE_ACME = {"source": "acme", "ca_file": "tls/ca.crt"}


def with_tls(tls: Declaration) -> Declaration:
    return put(declaration(), ("tls",), tls)


def everything_optional() -> Declaration:
    """Each optional thing of an estate at once: every row of the manifest that a host may have."""
    declared = with_tls({**DNS01, "ca_file": "tls/ca.crt"})
    declared["resolver"] = {"root_hints_file": "root.hints", "trust_anchor_file": "root.key"}
    declared["apt_proxy"] = "http://192.0.2.3:3142"
    declared["upgrades"] = {"origins": ["origin=Shop,label=Shop-Security"]}
    declared["time_servers"] = ["192.0.2.123"]
    declared["other_releases"] = ["debian 11"]
    return put(declared, ("streams", "transactional", "outbound_tls"), "dane")


def of_ipv4_only() -> Declaration:
    declared = drop(declaration(), ("hosts", "mail1", "ipv6"))
    return drop(declared, ("hosts", "mail1", "ways_out", "marketing", "ipv6"))


def without_inbound() -> Declaration:
    declared = put(shared(), ("hosts", "mail1"), declaration()["hosts"]["mail1"])
    return put(declared, ("hosts", "mail2", "inbound"), False)


DECLARED: dict[str, Declaration] = {
    "an address a stream": declaration(),
    "one address for both": shared(),
    "dns-01": with_tls(DNS01),
    "a private authority": with_tls(PRIVATE_ACME),
    "supplied certificate": with_tls(SUPPLIED),
    "no certificate": with_tls(NONE),
    "everything optional": everything_optional(),
    "IPv4 only": of_ipv4_only(),
    "inbound elsewhere": without_inbound(),
    "a lone box": {**with_tls(SUPPLIED), "lone": True},
}


def estate(declared: Declaration) -> Estate:
    """The estate of a declaration; a fault in it is the test's own fault."""
    return read(declared, "group_data/test.py")


def hosts() -> list[tuple[str, Estate, Host]]:
    """Every host of every example: (its name in test reports, estate, host)."""
    read_once = {name: estate(declared) for name, declared in DECLARED.items()}
    return [(f"{n}: {h.name}", e, h) for n, e in read_once.items() for h in e.hosts]


@cache
def known_parameters(version: str) -> frozenset[str]:
    """Every main.cf parameter that this version of Postfix knows."""
    known: set[str] = set()
    for line in (DATA / "postfix_parameters.txt").read_text().splitlines():
        if line.startswith("  "):
            known.update(line.split())
        elif not line.startswith("#") and line != "older:" and _newer(line.rstrip(":"), version):
            break
    return frozenset(known)


def _newer(one: str, other: str) -> bool:
    return [int(part) for part in one.split(".")] > [int(part) for part in other.split(".")]


# postconf(5) names the patch levels: 3.6.13 and 3.7.10 know these already.
SMUGGLING = frozenset(
    {
        "cleanup_replace_stray_cr_lf",
        "smtpd_forbid_bare_newline",
        "smtpd_forbid_bare_newline_exclusions",
        "smtpd_forbid_bare_newline_reject_code",
        "smtpd_forbid_unauth_pipelining",
    }
)
FIRST_MEND = frozenset(
    {
        "smtpd_forbid_bare_newline",
        "smtpd_forbid_bare_newline_exclusions",
        "smtpd_forbid_unauth_pipelining",
    }
)
POSTFIX: dict[str, frozenset[str]] = {
    "3.5.25": known_parameters("3.5") | SMUGGLING,
    "3.6.4": known_parameters("3.6"),
    "3.6.13": known_parameters("3.6") | FIRST_MEND,
    "3.7.11": known_parameters("3.7") | SMUGGLING,
    "3.8.6": known_parameters("3.8") | SMUGGLING,
    "3.10.5": known_parameters("3.10"),
}


def live_keys(estate: Estate, host: Host) -> tuple[KeyState, ...]:
    """One live key for each stream and sending domain of ``host``."""
    return tuple(
        KeyState(stream.name, domain, f"202611-{way.selector_label}", public_key(1))
        for stream, way in estate.streams_of(host)
        for domain in stream.from_domains
    )


def facts(estate: Estate, host: Host, postfix: str = "3.7.11") -> HostFacts:
    """The facts of a host that stands: certificate, keys, every stream open."""
    return HostFacts(
        postfix_parameters=POSTFIX[postfix],
        dovecot_version="2.3.19.1",
        certificate=True,
        mailbox_uid=998,
        mailbox_gid=997,
        keys=live_keys(estate, host),
    )


def renderer() -> Renderer:
    """A renderer whose operator's files say what they are, and whose secrets are SECRET."""
    return Renderer(lambda path: f"# text of {path}\n", lambda ref: f"{SECRET}\n")


def text(path: str, estate: Estate, host: Host, facts: HostFacts) -> str:
    """The text of the manifest's row for ``path`` on ``host``."""
    row = next(row for row in rows(estate, host) if row.path == path)
    return renderer().text(row, estate, host, facts)


def closed(facts: HostFacts, **why: str) -> HostFacts:
    """The same facts with streams closed, each for a reason."""
    return replace(facts, closed=why)
