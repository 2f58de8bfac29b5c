"""Every fault of a declaration: where it is, what is wrong, what to write instead."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from postroad.settings.faults import EstateFaults, Fault
from postroad.settings.read import match_inventory, read
from tests.keys import pem
from tests.unit.declarations import (
    HASH,
    Declaration,
    Path,
    declaration,
    drop,
    put,
    second_host,
    shared,
    two_hosts,
)

FILE = "group_data/prod.py"
MAIL1: Path = ("hosts", "mail1")
RECEIPTS: Path = ("streams", "transactional")
NEWS: Path = ("streams", "marketing")
OUT: Path = (*MAIL1, "ways_out", "transactional")
OUT_NEWS: Path = (*MAIL1, "ways_out", "marketing")


def faults_of(declared: Declaration) -> tuple[Fault, ...]:
    with pytest.raises(EstateFaults) as caught:
        read(declared, FILE)
    return caught.value.faults


def written(path: Path) -> str:
    keys = "".join(f'["{key}"]' if isinstance(key, str) else f"[{key}]" for key in path)
    return f"{FILE}: estate{keys}"


class Case(NamedTuple):
    """A value put at a path, and the one fault it makes (there, unless ``where`` says other)."""

    path: Path
    value: object
    wrong: str
    mend: str
    where: Path | None = None


KEY = {"env": "DKIM_KEY"}
SUPPLIED = {
    "host": "mail1",
    "stream": "transactional",
    "domain": "shop.example",
    "selector": "202601-old",
    "key": KEY,
}
DNS01 = {"server": "192.0.2.53", "key_name": "acme.shop.example", "key": {"env": "TSIG"}}
ZONE = {"server": "192.0.2.53", "key_name": "postroad", "key": {"env": "TSIG"}}


def unprivate(network: str, wrong: str, mend: str) -> Case:
    """A network to which no declaration lets mail go."""
    return Case(("private_networks",), [network], wrong, mend, ("private_networks", 0))


SPOILED = [
    # Shapes
    Case(("admin",), "ops", "is a string", "a dictionary"),
    Case(("hosts",), [], "is a list", "a dictionary"),
    Case((*MAIL1, "inbound"), "yes", "is a string", "True or False"),
    Case(("record_ttl",), "3600", "is a string", "a whole number of seconds"),
    Case(("record_ttl",), True, "is True or False", "a whole number of seconds"),
    Case(("log_days",), 0, "is 0", "between 1 and 3650"),
    Case((*RECEIPTS, "from_domains"), "shop.example", "is a string", "a list"),
    Case((*RECEIPTS, "from_domains"), [], "is an empty list", "write the domains"),
    Case((*MAIL1, "hostname"), None, "is None", "a string"),
    Case((*MAIL1, "hostname"), " ", "is empty", "write a value"),
    # Unknown keys and words
    Case(("stream",), {}, "is no known key", 'write "streams"'),
    Case(("admin", "e-mail"), "x", "is no known key", 'write "email"'),
    Case((*MAIL1, "host_name"), "x", "is no known key", 'write "hostname"'),
    Case((*OUT, "hello"), "x", "is no known key", 'write "helo"'),
    Case((*RECEIPTS, "from_domain"), "x", "is no known key", 'write "from_domains"'),
    Case((*RECEIPTS, "users", "shop", "password"), "x", "is no known key", 'write "passwords"'),
    Case((*NEWS, "limits", "queue_min_free"), 1, "is no known key", 'write "queue_minfree"'),
    Case(("tls", "chain_file"), "x", "is no known key", "ca_file"),
    Case(("dmarc", "rua"), "x", "is no known key", "policy"),
    Case(("resolver", "root_hints"), "x", "is no known key", 'write "root_hints_file"'),
    Case(("firewall", "ssh"), 22, "is no known key", 'write "ssh_port"'),
    Case((*RECEIPTS, "outbound_tls"), "encrypt", '"encrypt" is not known', "dane"),
    Case(("tls", "source"), "acmee", '"acmee" is not known', 'write "acme"'),
    Case(("tls", "source"), 1, "is a number", '"acme"'),
    Case(("dmarc", "policy"), "rejct", '"rejct" is not known', 'write "reject"'),
    Case(("streams", "bulk"), {}, '"bulk" is no stream', "transactional"),
    # Names and mail addresses
    Case((*MAIL1, "hostname"), "mail1", "is no full domain name", "mail1.shop.example"),
    Case((*MAIL1, "hostname"), "mail_1.shop.example", "is no domain name", "labels of letters"),
    Case((*MAIL1, "hostname"), "Mail1.shop.example", "capital", 'write "mail1.shop.example"'),
    Case((*MAIL1, "hostname"), "mail1.shop.example.", "ends with a", 'write "mail1.shop.example"'),
    Case((*OUT, "helo"), "bücher.example", "is not ASCII", "A-labels"),
    Case((*OUT, "helo"), "xn--zz.shop.example", 'label "xn--zz", which stands for no', "idn(1)"),
    Case((*OUT, "helo"), "xn--zz--a.shop.example", 'label "xn--zz--a"', "idn(1)"),
    Case((*OUT, "helo"), "xn--abc-.shop.example", "is no domain name", "labels of letters"),
    Case((*OUT, "helo"), "a.xn--99999999", 'label "xn--99999999"', "idn(1)"),
    Case((*OUT, "helo"), "a." + "b" * 64 + ".example", "is no domain name", "63 characters"),
    Case((*OUT, "helo"), "192.0.2.12", "is no full domain name", "whole name"),
    Case(("admin", "email"), "ops", "is no mail address", "name@shop.example"),
    Case(("admin", "email"), "a..b@shop.example", "is no mail address", "name@shop.example"),
    Case(("admin", "email"), "ops@shop", '"shop" is no full domain name', "whole name"),
    Case(
        ("hosts", "mail1", "hostname"), f"{'a' * 60}.shop.example", "73 characters", "at most 64"
    ),
    Case(
        ("hosts", "mail1", "hostname"), "localhost.shop.example", "call localhost", "first label"
    ),
    Case(("admin", "email"), "a=?b@shop.example", "encoded word", "another address"),
    Case(("admin", "email"), "a\n@shop.example", "do not print", "one line"),
    Case(("apt_proxy",), 'http://apt:3142/"; x "', "no such URL", "%XX"),
    Case(("dmarc", "reports"), "mailto:x", "is no mail address", "name@shop.example"),
    Case((*MAIL1, "label"), "Mail.1", "is no label", "small letters"),
    Case((*OUT, "selector_label"), "a_b", "is no label", "small letters"),
    # Addresses and networks
    Case((*MAIL1, "ipv4"), "192.0.2.256", "is no IP address", "192.0.2.1"),
    Case((*MAIL1, "ipv4"), "2001:db8::11", "is an IPv6 address", 'under "ipv6"'),
    Case((*MAIL1, "ipv6"), "192.0.2.99", "is an IPv4 address", 'under "ipv4"'),
    Case(("private_networks",), "10.0.0.0/8", "is a string", "a list"),
    unprivate("8.8.8.0/24", "is no private network", "no declaration"),
    unprivate("0.0.0.0/0", "is no private network", "no declaration"),
    unprivate("10.0.0.0/7", "is no private network", "10.0.0.0/8"),
    unprivate("127.0.0.0/8", "is no private network", "loopback"),
    unprivate("169.254.169.254", "is no private network", "link-local"),
    unprivate("::1", "is no private network", "loopback"),
    unprivate("2001:db8::/32", "is no private network", "fc00::/7"),
    unprivate("172.16.0.0/11", "172.16.0.0/11 is no private network", "172.16.0.0/12"),
    unprivate("10.0.0.1/8", "has host bits set", "10.0.0.0/8"),
    Case((*OUT, "ipv6"), "fe80::1", "is no address of one host", "routed"),
    Case((*OUT, "ipv4"), "169.254.169.123", "is a link-local address", "own routed"),
    Case((*OUT, "ipv4"), "127.0.0.2", "is a loopback address", "routed"),
    Case((*OUT, "ipv4"), "0.0.0.0", "is no address of one host", "routed"),
    Case(("admin", "networks", 0), "198.51.100.5/24", "has host bits", '"198.51.100.0/24"'),
    Case(("admin", "networks", 0), "198.51.100.5/24", "has host bits", '"198.51.100.5"'),
    Case(("admin", "networks", 0), "224.0.0.1/4", "is of multicast", "network of hosts"),
    Case(("admin", "networks", 0), "0.0.0.0", "0.0.0.0 holds no", '"0.0.0.0/0" and "::/0"'),
    Case(("admin", "networks", 0), "0.0.0.0/32", "0.0.0.0 holds no", '"0.0.0.0/0"'),
    Case(("admin", "networks", 0), "0.0.0.0/8", "0.0.0.0/8 holds no", '"0.0.0.0/0"'),
    Case(("admin", "networks", 0), "0.0.0.7/8", "0.0.0.0/8 holds no", '"0.0.0.0/0"'),
    Case((*RECEIPTS, "clients", 0), "::", ":: holds no", '"::/0"'),
    Case((*RECEIPTS, "clients", 0), "255.255.255.255", "holds no address", "everybody"),
    Case((*RECEIPTS, "clients", 0), "240.0.0.0/4", "holds no address", "everybody"),
    Case((*RECEIPTS, "clients", 0), "::/96", "holds no address", "everybody"),
    Case((*RECEIPTS, "clients", 0), "fec0::/10", "holds no address", "everybody"),
    Case(("firewall", "open"),
         [{"port": 80, "protocol": "tcp", "comment": "x", "networks": ["0.0.0.0"]}],
         "holds no address", "everybody", ("firewall", "open", 0, "networks", 0)),
    Case(("admin", "networks", 0), "fd00::%x y/64", "is no network", "2001:db8::/64"),
    Case(("time_servers",), ["fe80::1%a b"], "is no domain name", "labels of", ("time_servers", 0)),
    Case(("admin", "networks", 0), "office", "is no network", "192.0.2.0/24"),
    Case(("admin", "networks"), [], "is an empty list", "at least one network"),
    Case((*RECEIPTS, "clients"), [], "is an empty list", "at least one network"),
    Case(("time_servers",), ["ntp"], "is no full domain name", "whole name", ("time_servers", 0)),
    Case(("other_releases",), ["bullseye"], "is no release", '"debian 11"', ("other_releases", 0)),
    Case(("apt_proxy",), "proxy:3142", "is no such URL", "http://"),
    Case(("upgrades", "unattended"), "no", "is a string", "True or False"),
    Case(("upgrades", "origin"), "x", "is no known key", 'write "origins"'),
    Case(("upgrades", "origins"), ["security"], "is no origin of packages", "apt-cache policy",
         ("upgrades", "origins", 0)),
    Case(("upgrades", "origins"), ['origin=Shop"; #clear x'], "is no origin of packages",
         "origin=Shop,label=Shop-Security", ("upgrades", "origins", 0)),
    Case(("upgrades", "origins"), ["vendor=Shop"], "is no origin of packages", "codename",
         ("upgrades", "origins", 0)),
    Case(("tls", "directory"), "http://ca.example/dir", "is no such URL", "https://"),
    # Hosts and ways out
    Case(("hosts",), {}, "declares no host", "at least one"),
    Case((*MAIL1, "ways_out", "bulk"), {}, '"bulk" is no stream', "marketing"),
    Case((*MAIL1, "inbound"), False, "no inbound host", '"inbound" to True', ("hosts",)),
    Case((*OUT, "starttls_port"), 70000, "is 70000", "between 1 and 65535"),
    Case((*OUT, "starttls_port"), 25, "is the port of inbound mail", "587"),
    Case((*OUT, "tls_port"), 22, "is the port of SSH", "465"),
    Case((*OUT, "tls_port"), 587, "is the starttls_port too", "465"),
    Case((*OUT, "ipv4"), "192.0.2.13", "already the address of the", "shared_address",
         (*OUT_NEWS, "ipv4")),
    Case((*OUT, "ipv4"), "192.0.2.11", "has the PTR name mail1", "address", (*OUT, "helo")),
    Case((*OUT, "helo"), "mail1.shop.example", "already the name of 192.0.2.11", "leads to"),
    Case(
        (*OUT_NEWS, "helo"), "out1.shop.example", "already the name of 192.0.2.12", "192.0.2.13"
    ),
    # Streams
    Case(("streams",), {}, "declares no stream", "transactional"),
    Case((*RECEIPTS, "envelope_domain"), "bounce.other.example", "not align", "bounce.shop"),
    Case((*NEWS, "envelope_domain"), "bounce.shop.example", "already the transac", "its own"),
    Case(
        (*RECEIPTS, "envelope_domain"), "mail1.shop.example", "a host's own name", "of its own"
    ),
    # Names that others live by
    Case((*RECEIPTS, "envelope_domain"), "shop.example", "is a From: domain",
         '"bounce.shop.example"'),
    Case((*NEWS, "envelope_domain"), "shop.example", "is a From: domain", "nothing else uses"),
    Case((*RECEIPTS, "envelope_domain"), "out1.shop.example", "a host's own name", "of its own"),
    Case((*MAIL1, "hostname"), "shop.example", "is a From: domain", '"mail1.shop.example"'),
    Case((*OUT_NEWS, "helo"), "news.shop.example", "is a From: domain", "nothing else uses"),
    Case(("admin", "email"), "ops@bounce.shop.example", "where ops@bounce.shop.example gets mail",
         "nothing else uses", (*RECEIPTS, "envelope_domain")),
    Case(("dmarc", "reports"), "x@bounce.shop.example", "which inbound would refuse", "of its own",
         (*RECEIPTS, "envelope_domain")),
    Case(("mta_sts",), {"mode": "testing", "web_host": "bounce.shop.example"}, '"web_host"',
         "of its own", (*RECEIPTS, "envelope_domain")),
    Case(("dns",), {"zones": {"bounce.shop.example": ZONE}}, "is the apex of a zone",
         "bounce.bounce.shop.example", (*RECEIPTS, "envelope_domain")),
    Case(("dns",), {"zones": {"out1.shop.example": ZONE}}, "is the apex of a zone",
         "mail1.out1.shop.example", (*OUT, "helo")),
    Case((*RECEIPTS, "users"), {}, "declares no login", "postroad secret hash"),
    Case((*RECEIPTS, "users", "SHOP"), {"passwords": [HASH]}, "are one login", "another name"),
    Case((*RECEIPTS, "users", "a:b"), {"passwords": [HASH]}, "is no login name", "letters"),
    Case((*RECEIPTS, "users", "shop", "passwords"), [HASH] * 3, "has 3 hashes", "two at most"),
    Case((*RECEIPTS, "users", "shop", "passwords"), [], "is an empty list", "secret hash"),
    Case((*RECEIPTS, "sign_headers"), ["To", "Subject"], "lacks From", 'add "From"'),
    Case((*RECEIPTS, "oversign_headers"), ["Sender"], '"Sender" is not among', "sign_headers"),
    *(
        Case((*RECEIPTS, "oversign_headers"), ["From", name], f"{name} is added on the way", name)
        for name in ("Received", "DKIM-Signature", "return-path", "Authentication-Results",
                     "ARC-Seal", "X-Received", "Delivered-To")
    ),
    Case((*RECEIPTS, "oversign_headers"), ["From:"], "is no header name", "without colon",
         (*RECEIPTS, "oversign_headers", 0)),
    Case((*RECEIPTS, "limits", "queue_lifetime"), "2 days", "is no duration", "4h"),
    Case((*RECEIPTS, "limits", "queue_minfree"), 1024, "less than 1.5 times", "15728640"),
    Case((*NEWS, "limits", "queue_minfree"), 67108864, "do not exceed", "much more"),
    Case((*NEWS, "limits", "active_messages"), 0, "is 0", "between 1 and"),
    # Certificates
    Case(("tls",), "acme", "is no dictionary", '{"source": "acme"}'),
    Case(("tls", "challenge"), "tls-alpn-01", "is no known challenge", "http-01"),
    Case(("tls", "challenge"), {"dns-01": {**DNS01, "algorithm": "hmac-md5"}}, "hmac-md5",
         "hmac-sha256", ("tls", "challenge", "dns-01", "algorithm")),
    Case(("tls", "challenge"), {"dns-01": {**DNS01, "key": "c2VjcmV0"}}, "no reference",
         '{"env": "NAME"}', ("tls", "challenge", "dns-01", "key")),
    Case(("tls",), {"source": "supplied", "chain_file": "c.pem", "key": "-----BEGIN"},
         "no reference", '{"file": "path"}', ("tls", "key")),
    Case(("tls",), {"source": "supplied", "key": KEY}, "is missing", "path of the chain",
         ("tls", "chain_file")),
    # Names
    Case(("dmarc", "stages"), {"other.example": "reject"}, "is no sending domain", "shop.example",
         ("dmarc", "stages", "other.example")),
    Case(("dmarc", "stages"), {"shop.example": "refuse"}, '"refuse" is not known', "reject",
         ("dmarc", "stages", "shop.example")),
    Case(("mta_sts",), {"mode": "none", "web_host": "www.shop.example"}, '"none" is not known',
         "testing", ("mta_sts", "mode")),
    Case(("mta_sts",), {"mode": "enforce", "web_host": "www.shop.example", "max_age": 60},
         "is 60", "between 86400", ("mta_sts", "max_age")),
    Case(("mta_sts",), {"mode": "testing"}, "is missing", "policy file", ("mta_sts", "web_host")),
    Case(("unsubscribe",), {"hostname": "u.shop.example", "web_host": "u.shop.example"},
         "is the same name", "has an address", ("unsubscribe", "web_host")),
    Case(("unsubscribe",), {"hostname": "mail1.shop.example", "web_host": "www.shop.example"},
         "has records of its own", "unsubscribe.", ("unsubscribe", "hostname")),
    Case(("unsubscribe",), {"hostname": "shop.example", "web_host": "www.shop.example"},
         "has records of its own", "unsubscribe.", ("unsubscribe", "hostname")),
    Case(("unsubscribe",), {"hostname": "bought.example", "web_host": "www.shop.example"},
         "has records of its own", "unsubscribe.", ("unsubscribe", "hostname")),
    Case(("dns",), {"resolvers": []}, "is an empty list", "leave it out", ("dns", "resolvers")),
    Case(("dns",), {"resolvers": ["resolver"]}, "is no IP address", "192.0.2.1",
         ("dns", "resolvers", 0)),
    Case(("dns",), {"zones": {"shop": ZONE}}, "is no full domain name", "whole name",
         ("dns", "zones", "shop")),
    Case(("dns",), {"zones": {"shop.example": {**ZONE, "key": "c2VjcmV0"}}}, "no reference",
         '{"env": "NAME"}', ("dns", "zones", "shop.example", "key")),
    Case(("tls", "caa"), "letsencrypt", "is no full domain name", "whole name"),
    # Supplied keys
    Case(("dkim_keys",), [{**SUPPLIED, "host": "mail"}], 'no host "mail"', '"mail1"',
         ("dkim_keys", 0, "host")),
    Case(("dkim_keys",), [{**SUPPLIED, "stream": "bulk"}], "is no stream", "marketing",
         ("dkim_keys", 0, "stream")),
    Case(("dkim_keys",), [{**SUPPLIED, "domain": "other.example"}], "is no From: domain",
         "from_domains", ("dkim_keys", 0, "domain")),
    Case(("dkim_keys",), [{**SUPPLIED, "selector": "a b"}], "is no selector", "202601",
         ("dkim_keys", 0, "selector")),
    Case(("dkim_keys",), [{**SUPPLIED, "selector": "s1._domainkey.shop.example"}],
         "the name of the whole record", 'write "s1"', ("dkim_keys", 0, "selector")),
    Case(("dkim_keys",), [{**SUPPLIED, "selector": "S1.eu._DOMAINKEY"}],
         "the name of the whole record", 'write "s1.eu"', ("dkim_keys", 0, "selector")),
    Case(("dkim_keys",), [{**SUPPLIED, "key": {"env": "1x"}}], "no reference", '"command"',
         ("dkim_keys", 0, "key")),
    Case(("dkim_keys",), [SUPPLIED, SUPPLIED], "already brings a key", "one key",
         ("dkim_keys", 1)),
    # Firewall and system mail
    Case(("firewall", "open"), [{"port": 80, "protocol": "icmp", "comment": "x"}], '"icmp"',
         "tcp", ("firewall", "open", 0, "protocol")),
    Case(("firewall", "open"), [{"port": 80, "protocol": "tcp", "comment": "it's"}],
         "is no plain comment", "without quotes", ("firewall", "open", 0, "comment")),
    Case(("firewall", "open"), [{"protocol": "tcp", "comment": "x"}], "is missing", "port",
         ("firewall", "open", 0, "port")),
    Case(("system_sender",), "root@other.example", "not every host signs", "shop.example"),
]  # fmt: skip


@pytest.mark.parametrize("case", SPOILED, ids=lambda case: f"{written(case.path)} {case.wrong}")
def test_a_spoiled_value_is_one_fault_with_its_place_and_mend(case: Case) -> None:
    (fault,) = faults_of(put(declaration(), case.path, case.value))
    assert fault.where == written(case.where or case.path)
    assert case.wrong in fault.wrong
    assert case.mend in fault.mend


MISSING: list[tuple[Path, str]] = [
    (("admin",), '"networks"'),
    (("admin", "email"), "mailbox"),
    (("admin", "networks"), "open to nobody"),
    (("hosts",), '"mail1"'),
    ((*MAIL1, "hostname"), "mail1.shop.example"),
    ((*MAIL1, "ipv4"), "IPv4 address"),
    ((*MAIL1, "ways_out"), '"transactional"'),
    ((*OUT, "ipv4"), '"shared_address" to True'),
    ((*OUT, "helo"), '"shared_address" to True'),
    (("streams",), '"transactional"'),
    ((*RECEIPTS, "from_domains"), "shop.example"),
    ((*RECEIPTS, "envelope_domain"), "bounce.shop.example"),
    ((*RECEIPTS, "clients"), "networks of the applications"),
    ((*RECEIPTS, "users"), "postroad secret hash"),
    ((*RECEIPTS, "users", "shop", "passwords"), "postroad secret hash"),
    (("tls",), '{"source": "acme"}'),
    (("tls", "source"), '{"source": "acme"}'),
]


@pytest.mark.parametrize(("path", "mend"), MISSING, ids=lambda value: str(value))
def test_a_missing_key_is_named_with_what_to_write(path: Path, mend: str) -> None:
    found = {fault.where: fault for fault in faults_of(drop(declaration(), path))}
    fault = found[written(path)]
    assert fault.wrong == "is missing"
    assert mend in fault.mend


def only_fault(declared: Declaration) -> Fault:
    (fault,) = faults_of(declared)
    return fault


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*RECEIPTS, "clients"), ["0.0.0.0/0", "::/0"]),
        ((*RECEIPTS, "clients"), ["127.0.0.1", "::1", "64:ff9b::/96", "169.254.0.0/16"]),
        ((*RECEIPTS, "sign_headers"), ["From", "X_Foo", "X.Shop", "2nd-Id"]),
        ((*RECEIPTS, "sign_headers"), ["From", "Received"]),
        (("time_servers",), ["169.254.169.123"]),
        (("dns", "resolvers"), ["169.254.169.254"]),
        (("dns", "zones"), {"shop.example": {**ZONE, "server": "169.254.169.254"}}),
        (("dns", "zones"), {"0/25.2.0.192.in-addr.arpa": ZONE, "_dmarc.shop.example": ZONE}),
        (("dkim_keys",), [{**SUPPLIED, "selector": "s1.eu"}]),
        (("dkim_keys",), [{**SUPPLIED, "selector": "_domainkey2"}]),
    ],
)
def test_what_the_world_allows_is_taken(path: Path, value: object) -> None:
    read(put(declaration(), path, value), FILE)


@pytest.mark.parametrize("label", ["xn--bcher-kva", "xn--mgbh0fb", "xn--p1ai", "xn--80ak6aa92e"])
def test_a_name_of_another_script_is_taken(label: str) -> None:
    read(put(declaration(), (*OUT, "helo"), f"out1.{label}.example"), FILE)


def test_a_host_without_a_stream() -> None:
    fault = only_fault(put(two_hosts(), ("hosts", "mail2", "ways_out"), {}))
    assert fault.where == written(("hosts", "mail2", "ways_out"))
    assert fault.wrong == "carries no stream"


def test_a_way_out_for_a_stream_that_is_not_declared() -> None:
    fault = only_fault(drop(declaration(), NEWS))
    assert fault.where == written(OUT_NEWS)
    assert 'declares no stream "marketing"' in fault.wrong
    assert "leave this way out away" in fault.mend


def test_a_stream_that_no_host_carries() -> None:
    fault = only_fault(drop(declaration(), OUT_NEWS))
    assert fault.where == written(NEWS)
    assert "carried by no host" in fault.wrong
    assert '"ways_out"' in fault.mend


@pytest.mark.parametrize(
    ("key", "value", "wrong"),
    [
        ("hostname", "mail1.shop.example", "the name mail1.shop.example"),
        ("hostname", "out1.shop.example", "the name out1.shop.example"),
        ("ipv4", "192.0.2.11", "the address 192.0.2.11"),
        ("ipv4", "192.0.2.13", "the address 192.0.2.13"),
        ("ipv6", "2001:db8::11", "the address 2001:db8::11"),
    ],
)
def test_two_hosts_with_one_name_or_address(key: str, value: str, wrong: str) -> None:
    found = faults_of(put(two_hosts(), ("hosts", "mail2", key), value))
    fault = next(f for f in found if f.where == written(("hosts", "mail2", key)))
    assert fault.wrong.startswith(wrong)
    assert 'host "mail1"' in fault.wrong
    assert "only mail2 has" in fault.mend


def test_two_hosts_whose_names_differ_in_capitals_only() -> None:
    fault = only_fault(put(declaration(), ("hosts", "MAIL1"), second_host()))
    assert fault.where == written(("hosts", "MAIL1"))
    assert 'same host name as "mail1"' in fault.wrong
    assert "write each host once" in fault.mend


def test_one_selector_for_the_keys_of_two_hosts() -> None:
    fault = only_fault(
        put(
            drop(two_hosts(), ("hosts", "mail2", "ways_out", "marketing")),
            ("hosts", "mail2", "label"),
            "mail1",
        )
    )
    assert fault.where == written(("hosts", "mail2", "ways_out", "transactional", "selector_label"))
    assert "mail1's transactional stream at shop.example" in fault.wrong
    assert '"selector_label" of its own' in fault.mend


def test_one_selector_for_two_streams_that_sign_for_one_domain() -> None:
    both = put(declaration(), (*NEWS, "from_domains"), ["news.shop.example", "shop.example"])
    fault = only_fault(both)
    assert fault.where == written((*NEWS, "from_domains"))
    assert 'on mail1 "mail1" would name the DKIM keys of both' in fault.wrong
    assert fault.mend.startswith('write a domain of its own, as "news.shop.example"')
    assert '"selector_label" under the marketing ways_out' in fault.mend
    read(put(both, (*OUT_NEWS, "selector_label"), "news1"), FILE)


def test_supplied_keys_under_one_selector_must_be_one_key() -> None:
    keys = [SUPPLIED, {**SUPPLIED, "host": "mail2"}]
    read(put(two_hosts(), ("dkim_keys",), keys), FILE)
    fault = only_fault(
        put(two_hosts(), ("dkim_keys",), [SUPPLIED, {**keys[1], "key": {"env": "OTHER"}}])
    )
    assert fault.where == written(("dkim_keys", 1, "selector"))
    assert "another key at shop.example" in fault.wrong
    assert "another selector" in fault.mend


def test_a_supplied_key_for_a_stream_that_its_host_does_not_carry() -> None:
    declared = drop(two_hosts(), ("hosts", "mail2", "ways_out", "marketing"))
    key = {**SUPPLIED, "host": "mail2", "stream": "marketing", "domain": "news.shop.example"}
    fault = only_fault(put(declared, ("dkim_keys",), [key]))
    assert fault.where == written(("dkim_keys", 0, "stream"))
    assert "carries no marketing stream" in fault.wrong
    assert "ways_out" in fault.mend


def test_streams_on_a_shared_address_need_ports_of_their_own() -> None:
    fault = only_fault(
        put(shared(), ("hosts", "mail2", "ways_out", "marketing", "starttls_port"), 587)
    )
    assert fault.where == written(("hosts", "mail2", "ways_out", "marketing", "starttls_port"))
    assert "port 587 on 192.0.2.21 is already taken" in fault.wrong
    assert "told apart by port" in fault.mend


def test_a_shared_address_has_one_name() -> None:
    fault = only_fault(
        put(shared(), ("hosts", "mail2", "ways_out", "marketing", "helo"), "news2.shop.example")
    )
    assert fault.where == written(("hosts", "mail2", "ways_out", "marketing", "helo"))
    assert "has the PTR name mail2.shop.example" in fault.wrong
    assert 'write "mail2.shop.example"' in fault.mend


def test_an_ipv6_address_has_one_name_too() -> None:
    declared = put(shared(), ("hosts", "mail2", "ipv6"), "2001:db8::21")
    way = {"ipv4": "192.0.2.22", "helo": "news2.shop.example"}
    fault = only_fault(put(declared, ("hosts", "mail2", "ways_out", "marketing"), way))
    assert fault.where == written(("hosts", "mail2", "ways_out", "marketing", "helo"))
    assert "2001:db8::21 already has the PTR name mail2.shop.example" in fault.wrong
    assert "an address of its own" in fault.mend


@pytest.mark.parametrize(
    ("start", "number"),
    [(declaration, 587), (declaration, 465), (shared, 587), (shared, 2587), (shared, 2465)],
)
def test_the_ssh_port_is_no_usual_submission_port(
    start: Callable[[], Declaration], number: int
) -> None:
    """Told once, of what was written: no way out names a port here."""
    fault = only_fault(put(start(), ("firewall", "ssh_port"), number))
    assert fault.where == written(("firewall", "ssh_port"))
    assert f"{number} is where ways out take mail" in fault.wrong
    assert '"starttls_port" or "tls_port" of its own for each way out' in fault.mend


@pytest.mark.parametrize(
    ("ssh", "key", "number", "mend"),
    [
        (2222, "starttls_port", 2222, "as 587"),
        (2222, "tls_port", 587, "as 465"),
        (22, "starttls_port", 465, "as 587"),
    ],
)
def test_the_port_that_is_proposed_is_free(ssh: int, key: str, number: int, mend: str) -> None:
    declared = put(declaration(), ("firewall", "ssh_port"), ssh)
    fault = only_fault(put(declared, (*OUT, key), number))
    assert fault.where == written((*OUT, key))
    assert mend in fault.mend


@pytest.mark.parametrize(("key", "number"), [("starttls_port", 587), ("tls_port", 465)])
def test_a_submission_port_that_is_the_ssh_port_gets_another(key: str, number: int) -> None:
    declared = put(declaration(), ("firewall", "ssh_port"), number)
    declared = put(put(declared, (*OUT, key), number), (*OUT_NEWS, key), number)
    found = faults_of(declared)
    assert [fault.where for fault in found] == [written((*OUT, key)), written((*OUT_NEWS, key))]
    assert all(f"write another, as {number + 3000}" in fault.mend for fault in found)
    declared = put(put(declared, (*OUT, key), number + 3000), (*OUT_NEWS, key), number + 3000)
    read(declared, FILE)


@pytest.mark.parametrize("value", [None, [], "transactional", {"foo": {"helo": "x.example"}}])
def test_what_follows_from_ways_out_that_are_none_is_not_told(value: object) -> None:
    found = faults_of(put(declaration(), (*MAIL1, "ways_out"), value))
    assert {fault.where for fault in found} <= {
        written((*MAIL1, "ways_out")),
        written((*MAIL1, "ways_out", "foo")),
    }


FOLLOWED: list[tuple[Path, object, str]] = [
    ((*MAIL1, "ways_out", "marketing"), None, "a dictionary"),
    ((*MAIL1, "ways_out", "marketing"), [], "a dictionary"),
    ((*MAIL1,), [], "a dictionary"),
    ((*NEWS,), [], "a dictionary"),
    (("hosts", "mail2"), "192.0.2.21", "a dictionary"),
    (("hosts", "mail2", "shared_address"), "yes", "True or False"),
    (("hosts", "mail2", "shared_address"), None, "True or False"),
    (("hosts", "mail2", "ways_out"), ["transactional", "marketing"], "a dictionary"),
]


@pytest.mark.parametrize(("path", "value", "wrong"), FOLLOWED, ids=lambda value: str(value)[:40])
def test_what_only_follows_from_a_fault_is_not_told(path: Path, value: object, wrong: str) -> None:
    key = {**SUPPLIED, "host": "mail2"}
    fault = only_fault(put(put(two_hosts(), ("dkim_keys",), [key]), path, value))
    assert fault.where == written(path)
    assert wrong in fault.wrong


@pytest.mark.parametrize("key", ["way_out", "waysout", "ways", "outs_ways"])
def test_ways_out_misspelt_are_told_once(key: str) -> None:
    ways = declaration()["hosts"]["mail1"]["ways_out"]
    fault = only_fault(put(drop(declaration(), (*MAIL1, "ways_out")), (*MAIL1, key), ways))
    assert fault.where == written((*MAIL1, key))
    assert '"ways_out"' in fault.mend


def test_a_key_with_a_letter_of_another_alphabet_is_told_as_such() -> None:
    odd = "\u0456pv4"
    declared = put(drop(declaration(), (*MAIL1, "ipv4")), (*MAIL1, odd), "192.0.2.11")
    fault = only_fault(declared)
    assert 'write "ipv4" in plain letters: \u0456 (CYRILLIC SMALL LETTER' in fault.mend


def test_system_mail_needs_a_domain_that_every_host_signs_for() -> None:
    apart = drop(drop(two_hosts(), ("hosts", "mail2", "ways_out", "transactional")), OUT_NEWS)
    fault = only_fault(apart)
    assert fault.where == written(("system_sender",))
    assert "no From: domain is signed for on every host" in fault.wrong
    assert '"from_domains"' in fault.mend


@pytest.mark.parametrize(
    ("key", "address", "mend"),
    [
        ("from", "news@news.shop.example", "shop.example"),
        ("from", "@other.example", "shop.example"),
        ("envelope", "x@shop.example", "bounce.shop.example"),
    ],
)
def test_a_user_stays_within_the_domains_of_the_stream(key: str, address: str, mend: str) -> None:
    path: Path = (*RECEIPTS, "users", "shop", key)
    fault = only_fault(put(declaration(), path, [address]))
    assert fault.where == written((*path, 0))
    assert address in fault.wrong
    assert f"write an address at {mend}" in fault.mend


@pytest.mark.parametrize(
    ("address", "wrong", "mend"),
    [
        ("@bounce.shop.example", "every address of a domain", "returns@bounce.shop.example"),
        ("fbl@bounce.shop.example", "complaints", "returns@bounce.shop.example"),
        ("Postmaster+x@bounce.shop.example", "the postmaster", "returns@bounce.shop.example"),
        ("abuse@bounce.shop.example", "abuse", "returns@bounce.shop.example"),
    ],
)
def test_bounces_come_back_to_an_address_that_is_named(address: str, wrong: str, mend: str) -> None:
    path: Path = (*RECEIPTS, "users", "shop", "envelope")
    fault = only_fault(put(declaration(), path, ["bounce@bounce.shop.example", address]))
    assert fault.where == written((*path, 1))
    assert wrong in fault.wrong
    assert mend in fault.mend


@pytest.mark.parametrize(
    "written_password",
    ["correct horse", "{PLAIN}correct horse", "{ARGON2ID}correct horse", "$6$x$correct horse"],
)
def test_a_plain_password_is_refused_and_never_repeated(written_password: str) -> None:
    path: Path = (*RECEIPTS, "users", "shop", "passwords")
    fault = only_fault(put(declaration(), path, [written_password]))
    assert fault.where == written((*path, 0))
    assert "{ARGON2ID}, {SHA512-CRYPT}, {BLF-CRYPT}" in fault.wrong
    assert "postroad secret hash" in fault.mend
    assert "correct horse" not in str(fault)


ARGON2 = "{ARGON2ID}$argon2id$v=%d$m=%d,t=%d,p=1$" + "A" * 22 + "$" + "A" * 43
SHA512 = "{SHA512-CRYPT}$6$rounds=%d$salt$" + "a" * 85 + "."
BLOWFISH = "{BLF-CRYPT}$2y$%s$" + "." * 53


@pytest.mark.parametrize(
    ("password_hash", "wrong"),
    [
        (ARGON2 % (16, 8192, 1), "is no password hash"),
        (ARGON2 % (19, 2**21, 1), "memory 2097152"),
        (ARGON2 % (19, 4, 1), "memory 4"),
        (ARGON2 % (19, 65536, 1000), "passes 1000"),
        (SHA512 % 999, "rounds 999"),
        (SHA512 % 999_999_999, "rounds 999999999"),
        (BLOWFISH % "03", "cost 03"),
        (BLOWFISH % "31", "cost 31"),
    ],
)
def test_a_hash_that_no_host_can_check_is_refused(password_hash: str, wrong: str) -> None:
    """Each was tried: Dovecot answers 535, on every release, or takes longer than Postfix waits."""
    path: Path = (*RECEIPTS, "users", "shop", "passwords")
    fault = only_fault(put(declaration(), path, [password_hash]))
    assert wrong in fault.wrong
    assert "postroad secret hash" in fault.mend


@pytest.mark.parametrize(
    "password_hash",
    [
        ARGON2 % (19, 8, 1),
        ARGON2 % (19, 196_608, 30),
        SHA512 % 1000,
        SHA512 % 5_000_000,
        BLOWFISH % "04",
        BLOWFISH % "14",
    ],
)
def test_a_hash_that_hosts_check_is_taken(password_hash: str) -> None:
    path: Path = (*RECEIPTS, "users", "shop", "passwords")
    estate = read(put(declaration(), path, [password_hash]), FILE)
    (user,) = estate.stream("transactional").users
    assert user.password_hashes == (password_hash,)


@pytest.mark.parametrize("value", ["correct horse", ["correct horse"], {"env": "correct horse"}])
def test_a_secret_where_a_reference_belongs_is_never_repeated(value: object) -> None:
    declared = put(declaration(), ("dkim_keys",), [{**SUPPLIED, "key": value}])
    fault = only_fault(declared)
    assert "correct horse" not in str(fault)
    for form in ('{"env": "NAME"}', '{"file": "path"}', '{"command": ['):
        assert form in fault.mend


def test_a_password_at_the_wrong_place_is_never_repeated() -> None:
    declared = put(declaration(), (*RECEIPTS, "users", "shop"), "correct horse")
    declared = put(declared, (*NEWS, "users", "campaigns", "passwords"), "correct horse")
    declared = put(declared, ("apt_proxy",), "http://user:correct horse@proxy")
    assert "correct horse" not in str(EstateFaults(faults_of(declared)))


PEM = pem(ec.generate_private_key(ec.SECP256R1())).decode()
BEGIN, INSIDE, *_ = PEM.splitlines()
SECRETS = {
    "PEM on one line": f"{BEGIN}{INSIDE}",
    "PEM": PEM,
    "a PEM's inside": INSIDE,
    "a TSIG key": b64encode(b"correct horse correct horse hors").decode(),
    "an age key": f"AGE-SECRET-KEY-1{'HORSE' * 3}",
    "a hash": "$argon2id$v=19$m=65536,t=3,p=4$horse$horse",
    "Dovecot's hash": "{PLAIN}correct horse",
}
NO_PATHS = ("https://shop:horse@vault.example/key", "horse" * 60)
PRINTED: list[tuple[Path, Declaration]] = [
    (("dkim_keys", 0, "key", "file"), {"dkim_keys": [{**SUPPLIED, "key": {}}]}),
    (
        ("dkim_keys", 0, "key", "command", 0),
        {"dkim_keys": [{**SUPPLIED, "key": {"command": [""]}}]},
    ),
    (("dkim_keys", 0, "on_host"), {"dkim_keys": [{**SUPPLIED, "key": None}]}),
    (("tls", "chain_file"), {"tls": {"source": "supplied", "key": KEY}}),
    (("tls", "ca_file"), {}),
    (("tls", "source"), {}),
    (("resolver", "root_hints_file"), {}),
    (("resolver", "trust_anchor_file"), {}),
    (("tls", "challenge", "dns-01", "key_name"), {"tls": {"source": "acme", "challenge": {}}}),
    ((*RECEIPTS, "envelope_domain"), {}),
]


def parts_of(secret: str) -> list[str]:
    """What would give away a secret of many letters, however shortened it were told."""
    return [
        found[at : at + 8]
        for found in re.findall(r"[A-Za-z0-9+/]{16,}", secret)
        for at in range(0, len(found) - 7, 8)
    ]


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize(("path", "section"), PRINTED, ids=lambda value: str(value)[:60])
def test_a_secret_where_its_name_belongs_is_refused_and_never_repeated(
    path: Path, section: Declaration, secret: str
) -> None:
    found = faults_of(put({**declaration(), **section}, path, secret))
    assert "HORSE" not in str(EstateFaults(found)).upper()
    assert "Y29ycm" not in str(EstateFaults(found))
    assert not [part for part in parts_of(secret) if part in str(EstateFaults(found))]
    assert any(fault.where.startswith(written(path[:2])) for fault in found)


@pytest.mark.parametrize("text", NO_PATHS)
@pytest.mark.parametrize(("path", "section"), PRINTED[:5], ids=lambda value: str(value)[:60])
def test_what_is_no_path_is_not_repeated(path: Path, section: Declaration, text: str) -> None:
    (fault,) = faults_of(put({**declaration(), **section}, path, text))
    assert fault.where == written(path)
    assert "horse" not in str(fault)


@pytest.mark.parametrize(
    "path",
    ["secrets/dkim.pem", "~/keys/a.pem", "/etc/ssl/private/shop.key", "MX keys/1=2", "{WEB}/key"],
)
def test_a_path_is_taken(path: str) -> None:
    read(put(declaration(), ("dkim_keys",), [{**SUPPLIED, "key": {"file": path}}]), FILE)
    read(put(declaration(), ("tls", "ca_file"), path), FILE)


def test_a_command_may_be_given_what_is_enciphered() -> None:
    """As key services want it; arguments are never printed."""
    command = ["decipher", "--key", "alias/mail", SECRETS["a TSIG key"]]
    read(put(declaration(), ("dkim_keys",), [{**SUPPLIED, "key": {"command": command}}]), FILE)


def test_every_fault_is_told_at_once_and_in_one_list() -> None:
    declared = put(declaration(), ("admin", "networks", 0), "198.51.100.5/24")
    declared = put(declared, (*MAIL1, "hostname"), "mail1")
    declared = put(declared, (*OUT, "ipv4"), "192.0.2.13")
    declared = put(declared, (*NEWS, "outbound_tls"), "dna")
    declared = put(declared, ("log_day",), 3)
    with pytest.raises(EstateFaults) as caught:
        read(declared, FILE)
    assert len(caught.value.faults) == 5
    lines = str(caught.value).splitlines()
    assert lines[0] == "the estate has 5 faults:"
    assert [line.split(".")[0].strip() for line in lines[1:]] == list("12345")
    assert all(f"{FILE}: estate[" in line for line in lines[1:])


def test_a_declaration_that_is_no_dictionary() -> None:
    with pytest.raises(EstateFaults, match="is a list, not a dictionary"):
        read([], FILE)  # type: ignore[arg-type]


def test_a_name_that_is_no_string() -> None:
    fault = only_fault(put(two_hosts(), ("hosts", 3), {}))
    assert fault.where == f'{FILE}: estate["hosts"][3]'
    assert "as the name" in fault.mend


def test_inventory_and_estate_name_the_same_hosts() -> None:
    assert match_inventory(two_hosts(), ["mail1", "mail2"], FILE) == []
    assert match_inventory(two_hosts(), ["db1", "mail1", "mail2", "web1"], FILE) == []
    (extra,) = match_inventory(two_hosts(), ["mail1", "mail3"], FILE)
    assert extra.where == written(("hosts", "mail2"))
    assert "is no host of the inventory" in extra.wrong
    assert 'write "mail3"' in extra.mend


def test_a_policy_that_demands_tls_needs_a_certificate() -> None:
    declared = put(declaration(), ("mta_sts",), {"mode": "testing", "web_host": "www.shop.example"})
    assert read(declared, FILE).mta_sts
    (fault,) = faults_of(put(declared, ("tls",), {"source": "none"}))
    assert fault.where == written(("mta_sts",))
    assert "has no certificate" in fault.wrong


@pytest.mark.parametrize("name", ["shop.example", "shop.co.uk"])
def test_an_envelope_domain_that_is_bought_is_its_peoples(name: str) -> None:
    declared = put(declaration(), (*RECEIPTS, "from_domains"), [f"letters.{name}"])
    faults = faults_of(put(declared, (*RECEIPTS, "envelope_domain"), name))
    (fault,) = [one for one in faults if one.where == written((*RECEIPTS, "envelope_domain"))]
    assert "is the apex of a zone" in fault.wrong
    assert f'"bounce.{name}"' in fault.mend


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ((*OUT, "helo"), "mta-sts.bounce.shop.example", ("mta_sts",)),
        (("unsubscribe", "hostname"), "people.shop.example", ("unsubscribe", "hostname")),
    ],
)
def test_an_alias_needs_a_name_of_its_own(path: Path, value: str, where: Path) -> None:
    declared = put(declaration(), ("mta_sts",), {"mode": "testing", "web_host": "www.shop.example"})
    declared = put(declared, ("admin", "email"), "ops@people.shop.example")
    web = {"hostname": "unsubscribe.shop.example", "web_host": "www.shop.example"}
    (fault,) = faults_of(put(put(declared, ("unsubscribe",), web), path, value))
    assert fault.where == written(where)


@pytest.mark.parametrize(
    ("path", "address", "wrong"),
    [
        (("admin", "email"), "ops@mail1.shop.example", "is mail1's own name"),
        (("admin", "email"), "ops@out1.shop.example", "is mail1's name for transactional mail"),
        (("admin", "email"), "postmaster@news1.shop.example", "name for marketing mail"),
        (("dmarc", "reports"), "dmarc@mail1.shop.example", "there it is refused"),
        (("tls_reports",), "tls@mail2.shop.example", "is mail2's own name"),
        (("tls_reports",), "postmaster@mail2.shop.example", "is mail2's own name"),
        (("tls", "email"), "acme@mail1.shop.example", "there it is refused"),
    ],
)
def test_a_mailbox_is_where_inbound_does_not_refuse_it(
    path: Path, address: str, wrong: str
) -> None:
    declared = put(two_hosts(), ("hosts", "mail2", "inbound"), False)
    fault = only_fault(put(declared, path, address))
    assert fault.where == written(path)
    assert address in fault.wrong
    assert wrong in fault.wrong
    assert "whose mail people read" in fault.mend


@pytest.mark.parametrize("name", ["postmaster", "Abuse"])
def test_a_host_takes_its_postmasters_mail(name: str) -> None:
    read(put(declaration(), ("admin", "email"), f"{name}@mail1.shop.example"), FILE)


def test_reports_may_come_to_an_address_that_inbound_takes() -> None:
    declared = put(declaration(), ("dmarc", "reports"), "postmaster@bounce.shop.example")
    assert read(declared, FILE).dmarc.reports == "postmaster@bounce.shop.example"
