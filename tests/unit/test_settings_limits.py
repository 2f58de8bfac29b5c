"""What no host, signer, zone or standard takes is refused in settings, and nothing else.

Each value is held against who will take it: RFC, manual page or system call.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import pytest

from postroad.dns.check.fcrdns import both_ways
from postroad.dns.check.said import Said
from postroad.mail.signing.found import KeyState
from postroad.mail.signing.keys import WantedKey
from postroad.mail.signing.rotation import Place, new_selector
from postroad.settings.doubts import doubts
from postroad.settings.faults import EstateFaults, Fault
from postroad.settings.hidden import NOT_YET
from postroad.settings.model import Estate
from postroad.settings.read import read
from tests.unit import estates
from tests.unit.declarations import Declaration, Path, declaration, drop, put

STREAM: Path = ("streams", "transactional")
HOST: Path = ("hosts", "mail1")
ZONE = {"server": "192.0.2.53", "key_name": "k", "key": {"env": "X"}}
LABEL = "a" * 63


def faults_of(declared: Declaration) -> tuple[Fault, ...]:
    try:
        read(declared, "x.py")
    except EstateFaults as error:
        return error.faults
    return ()


def length(octets: int, end: str = ".example") -> str:
    """A domain of so many characters."""
    labels = [LABEL] * 4
    whole = ".".join(labels) + end
    return whole[len(whole) - octets :].lstrip(".-").rjust(octets, "b")


@dataclass(frozen=True)
class Limit:
    """``most`` is taken, ``beyond`` is not, and the fault says ``wrong`` and ``mend``."""

    path: Path
    most: Any
    beyond: Any
    wrong: str
    mend: str
    prepare: Callable[[Declaration], Declaration] = copy.deepcopy

    def __str__(self) -> str:
        return f"{self.path[-1]} {self.wrong}"


def address_of(octets: int) -> str:
    return f"{'x' * 64}@{length(octets - 65)}"


LIMITS = [
    Limit(("admin", "email"), address_of(254), address_of(255), "has 255 characters", "254"),
    Limit(
        ("admin", "email"), f"{'x' * 64}@b.example", f"{'x' * 65}@b.example", "no mail address", ""
    ),
    Limit(("dmarc", "reports"), address_of(254), address_of(255), "has 255", "RFC 5321"),
    Limit((*HOST, "label"), "a" * 55, "a" * 56, "is no label", "at most 55"),
    Limit((*HOST, "hostname"), f"{'a' * 50}.b.example", f"{LABEL}.b.example", "characters", "64"),
    Limit(
        (*STREAM, "limits"),
        {"queue_lifetime": "2147483647s"},
        {"queue_lifetime": "3551w"},
        "longer than Postfix can count",
        "2147483647s",
    ),
    Limit(
        (*STREAM, "limits"),
        {"queue_lifetime": "24855d"},
        {"queue_lifetime": "99999999999999999999d"},
        "longer than Postfix can count",
        "at most",
    ),
    Limit((*HOST, "ipv4"), "192.0.2.11", "0.1.2.3", "no address of one host", "routed"),
    Limit((*HOST, "ipv4"), "192.0.2.11", "240.0.0.1", "no address of one host", "routed"),
    Limit((*HOST, "ipv4"), "192.0.2.11", "255.255.255.255", "no address of one host", "routed"),
    Limit((*HOST, "ipv6"), "2001:db8::11", "::ffff:192.0.2.11", "in IPv6's form", '"192.0.2.11"'),
    Limit((*HOST, "ipv6"), "2001:db8::11", "::192.0.2.11", "in IPv6's form", '"192.0.2.11"'),
    Limit((*HOST, "ipv6"), "2001:db8::11", "64:ff9b::c000:20b", "no address of one", "routed"),
    Limit((*HOST, "ipv6"), "2001:db8::11", "fec0::1", "no address of one host", "routed"),
    Limit(("time_servers",), ["192.0.2.1"], ["224.0.1.1"], "no address of one host", "routed"),
    Limit(("dns",), {"resolvers": ["192.0.2.1"]}, {"resolvers": ["0.0.0.0"]}, "no address", ""),
    Limit(
        (*STREAM, "clients"), ["192.0.2.0/24"], ["::ffff:192.0.2.0/120"], "IPv6's form",
        '"192.0.2.0/24"',
    ),
    Limit((*STREAM, "clients"), ["192.0.2.0/24"], ["224.0.0.0/4"], "multicast", "of hosts"),
    Limit(("admin", "networks"), ["192.0.2.0/31"], ["192.0.2.1/31"], "host bits", "192.0.2.0/31"),
    Limit(("firewall",), {"ssh_port": 2222}, {"ssh_port": 25}, "25 is the port of inbound", "sshd"),
    Limit(("firewall",), {"ssh_port": 326}, {"ssh_port": 327}, "327 is the port of root's", "sshd"),
    Limit(("firewall",), {"ssh_port": 65535}, {"ssh_port": 65536}, "is 65536", "65535"),
    Limit(
        (*HOST, "ways_out", "transactional", "starttls_port"), 588, 327, "the port of root's", ""
    ),
    Limit(("apt_proxy",), "http://a:65535", "http://a:65536", "no such URL", "as"),
    Limit(("apt_proxy",), "http://a:1", "http://a:0", "no such URL", "as"),
    Limit(("apt_proxy",), "http://[2001:db8::1]:80", "http://[:::]:80", "no such URL", "as"),
    Limit(("apt_proxy",), f"http://{LABEL}.example", f"http://a{LABEL}.example", "no such URL", ""),
    Limit(
        (*STREAM, "sign_headers"),
        ["From", "Date"],
        ["From", *(f"X-{'a' * 50}{n}" for n in range(20))],
        "characters in all",
        "OpenDKIM reads no longer line",
        lambda declared: put(declared, (*STREAM, "oversign_headers"), ["From"]),
    ),
    Limit(
        (*HOST[:1],),
        declaration()["hosts"],
        {**declaration()["hosts"], "x\ny": declaration()["hosts"]["mail1"]},
        "is no name",
        "one line",
    ),
]  # fmt: skip


@pytest.mark.parametrize("limit", LIMITS, ids=str)
def test_the_last_that_is_taken_and_the_first_that_is_not(limit: Limit) -> None:
    start = limit.prepare(declaration())
    assert faults_of(put(start, limit.path, limit.most)) == ()
    found = faults_of(put(start, limit.path, limit.beyond))
    assert [f for f in found if limit.wrong in f.wrong and limit.mend in f.mend], found


KEY = {
    "host": "mail1", "stream": "transactional", "domain": "shop.example", "selector": "x",
    "on_host": "/etc/x.pem",
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "is_taken"),
    [
        ("/" + "a" * 255, True),
        ("/" + "a" * 256, False),
        ("/" + "é" * 128, False),
        ("/a" * 2047, True),
        ("/a" * 2048, False),
        ("/x\ny", False),
        ("/x\0y", False),
        ("x", False),
    ],
)
def test_a_path_is_one_that_a_host_can_have(path: str, is_taken: bool) -> None:
    declared = {**declaration(), "dkim_keys": [{**KEY, "on_host": path}]}
    assert (faults_of(declared) == ()) == is_taken


# ---- names of records


def test_a_domain_leaves_room_for_the_names_of_its_keys() -> None:
    most = 253 - len("202601a-mail1._domainkey.")
    for octets, is_taken in ((most, True), (most + 1, False)):
        domain = length(octets, ".shop.example")
        assert len(domain) == octets
        declared = put(declaration(), (*STREAM, "from_domains"), ["shop.example", domain])
        found = faults_of(declared)
        assert (found == ()) == is_taken
    (fault,) = found
    assert "too many for the names of its DKIM keys" in fault.wrong
    assert f"at most {most}" in fault.mend


def test_a_brought_selector_leaves_room_for_its_domain() -> None:
    long = ".".join([LABEL] * 4)[:230].rstrip(".")
    declared = {**declaration(), "dkim_keys": [{**KEY, "selector": long}]}
    (fault,) = faults_of(declared)
    assert "too many for the names of its DKIM keys" in fault.wrong


def test_an_envelope_domain_leaves_room_for_what_stands_below_it() -> None:
    for octets, count in ((242, 0), (243, 1)):
        domain = length(octets, ".shop.example")
        users = put(declaration(), (*STREAM, "envelope_domain"), domain)
        for login in users["streams"]["transactional"]["users"].values():
            login.pop("envelope", None)
        assert len(faults_of(users)) == count


def test_a_second_key_of_one_month_still_has_a_selector() -> None:
    """RFC 1035 §2.3.4: a label has 63 octets, and the letter is one of them."""
    declared = put(declaration(), (*HOST, "label"), "a" * 55)
    host = read(declared, "x.py").hosts[0]
    label = host.way_out("transactional").selector_label
    key = WantedKey("transactional", "shop.example", label, None)
    signing = KeyState("transactional", "shop.example", f"202601-{label}", "key")
    selector = new_selector(Place("mail1", key, signing, (), (), ()), 1_767_225_600.0)
    assert selector == f"202601a-{label}"
    assert len(selector) == 63


def test_the_policy_s_web_host_is_no_alias_of_itself() -> None:
    declared = {
        **declaration(),
        "mta_sts": {"mode": "testing", "web_host": "mta-sts.bounce.shop.example"},
    }
    (fault,) = faults_of(declared)
    assert "would be an alias of itself" in fault.wrong


# ---- what the world allows


TAKEN: list[tuple[Path, Any]] = [
    ((*STREAM, "from_domains"), ["shop.example", "x.shop.example"]),
    ((*STREAM, "from_domains"), ["shop.example", "1.shop.example"]),
    ((*STREAM, "from_domains"), ["shop.example", "1-2.shop.example"]),
    ((*STREAM, "from_domains"), ["shop.example", "xn--jrg-sna.shop.example"]),
    ((*STREAM, "from_domains"), ["shop.example", "shop.example"]),
    ((*STREAM, "clients"), ["192.0.2.0/31", "2001:db8::/127", "192.0.2.7", "0.0.0.0/0"]),
    ((*STREAM, "clients"), ["192.0.2.0/24", "192.0.2.0/24"]),
    ((*STREAM, "clients"), ["192.0.2.0/255.255.255.0"]),
    (("admin", "email"), "ops+mail@shop.example"),
    (("admin", "email"), "o@b.example"),
    (("dns",), {"zones": {"_domainkey.shop.example": ZONE}}),
    (("dns",), {"zones": {"_acme-challenge.mail1.shop.example": ZONE}}),
    (("dns",), {"zones": {"shop.example": {**ZONE, "key_name": "acme_update"}}}),
    (("dns",), {"resolvers": ["192.0.2.1", "192.0.2.1"]}),
    (("dkim_keys",), [{**KEY, "selector": "s1024_a"}]),
    (("dkim_keys",), [{**KEY, "selector": "k"}]),
    (("time_servers",), ["2001:db8::1", "ntp.example.net"]),
    (("time_servers",), ["127.0.0.1"]),
]


@pytest.mark.parametrize(("path", "value"), TAKEN, ids=str)
def test_what_the_world_allows_is_taken(path: Path, value: Any) -> None:
    assert faults_of(put(declaration(), path, value)) == ()


@pytest.mark.parametrize("login", ["shop+news", "1", "a@b.example", "Shop-1", "x" * 64])
def test_a_login_is_what_frameworks_call_it(login: str) -> None:
    declared = declaration()
    users = declared["streams"]["transactional"]["users"]
    name = next(iter(users))
    users[login] = users.pop(name)
    assert faults_of(declared) == ()


def test_dovecot_takes_the_plus_sign_of_a_login() -> None:
    declared = declaration()
    users = declared["streams"]["transactional"]["users"]
    users["shop+news"] = users.pop(next(iter(users)))
    place = "/etc/postroad/transactional/dovecot.conf"
    for one, is_there in ((declared, True), (declaration(), False)):
        estate = estates.estate(one)
        host = estate.hosts[0]
        text = estates.text(place, estate, host, estates.facts(estate, host))
        assert ("auth_username_chars = " in text) == is_there
        assert ("-_@+\n" in text) == is_there


def test_what_is_written_twice_counts_once() -> None:
    declared = put(declaration(), (*STREAM, "from_domains"), ["shop.example", "shop.example"])
    declared = put(declared, (*STREAM, "clients"), ["192.0.2.0/24", "192.0.2.0/24"])
    declared = put(declared, ("dns",), {"resolvers": ["192.0.2.1", "192.0.2.1"]})
    estate = read(declared, "x.py")
    stream = estate.stream("transactional")
    assert (len(stream.from_domains), len(stream.clients), len(estate.dns.resolvers)) == (1, 1, 1)


# ---- mends that do not contradict each other


def test_what_is_required_is_not_to_be_left_out() -> None:
    (fault,) = faults_of(put(declaration(), (*HOST, "ipv4"), None))
    assert "leave the key out" not in fault.mend
    assert "IPv4 alone are not reached" in fault.mend
    (fault,) = faults_of(drop(declaration(), (*HOST, "ipv4")))
    assert "IPv4 alone are not reached" in fault.mend


def test_two_brands_in_one_stream_have_one_mend() -> None:
    declared = put(declaration(), (*STREAM, "from_domains"), ["shop.example", "toys.example"])
    (fault,) = faults_of(declared)
    assert "does not align with the From: domain toys.example" in fault.wrong
    assert "bounce.toys.example" not in fault.mend
    assert "Move toys.example to the other stream" in fault.mend


def test_two_domains_of_one_brand_have_one_mend_that_fits_both() -> None:
    declared = put(declaration(), (*STREAM, "from_domains"), ["a.shop.example", "b.shop.example"])
    declared = put(declared, (*STREAM, "envelope_domain"), "bounce.other.example")
    found = [fault for fault in faults_of(declared) if "align" in fault.wrong]
    (fault,) = found
    assert "domains a.shop.example, b.shop.example" in fault.wrong
    assert 'as "bounce.a.shop.example"' in fault.mend
    mended = put(declared, (*STREAM, "envelope_domain"), "bounce.a.shop.example")
    assert not [fault for fault in faults_of(mended) if "align" in fault.wrong]


# ---- what is told, and not refused


def told_of(estate: Estate) -> list[str]:
    return list(doubts(estate, estate.hosts[0]))


@pytest.mark.parametrize("address", ["10.0.0.5", "172.31.0.5", "192.168.1.5", "100.64.0.5"])
def test_a_private_address_is_told(address: str) -> None:
    estate = read(put(declaration(), (*HOST, "ipv4"), address), "x.py")
    (told,) = doubts(estate, estate.hosts[0])
    assert f'estate["hosts"]["mail1"]["ipv4"]: {address} is a private address' in told
    assert "have the hoster put a public address" in told


def test_a_private_way_out_is_told() -> None:
    way: Path = (*HOST, "ways_out", "marketing", "ipv6")
    estate = read(put(declaration(), way, "fd00::5"), "x.py")
    (told,) = doubts(estate, estate.hosts[0])
    assert '["ways_out"]["marketing"]["ipv6"]: fd00::5 is a private' in told


@pytest.mark.parametrize("address", ["100::1", "64:ff9b:1::1", "2001::1", "2002:c000:221::1"])
def test_an_address_that_nobody_answers_is_told(address: str) -> None:
    estate = read(put(declaration(), (*HOST, "ipv6"), address), "x.py")
    (told,) = doubts(estate, estate.hosts[0])
    assert f'["mail1"]["ipv6"]: {estate.hosts[0].ipv6} is ' in told
    assert "have the hoster route" in told


@pytest.mark.parametrize(
    ("networks", "told"), [(["2001:db8:1::/64"], 1), (["2001:db8:1::/64", "192.0.2.0/24"], 0)]
)
def test_clients_of_the_ip_version_that_a_host_lacks_are_told(
    networks: list[str], told: int
) -> None:
    estate = read(put(declaration(), (*STREAM, "clients"), networks), "x.py")
    found = list(doubts(estate, estate.hosts[0]))
    assert len(found) == told
    assert all("all are IPv6 networks" in one and "nobody can submit" in one for one in found)


def test_admins_who_are_shut_out_are_told() -> None:
    declared = put(declaration(), ("admin", "networks"), ["2001:db8:1::/64"])
    estate = read(declared, "x.py")
    assert list(doubts(estate, estate.hosts[0])) == []
    estate = read(drop(declared, (*HOST, "ipv6")), "x.py")
    (told,) = doubts(estate, estate.hosts[0])
    assert "let nobody in by SSH" in told


def test_headers_that_others_may_take_away_are_told() -> None:
    declared = put(declaration(), (*STREAM, "sign_headers"), ["From", "Received", "Subject"])
    (told,) = told_of(read(declared, "x.py"))
    assert '["transactional"]["sign_headers"]: Received may be taken away' in told
    assert told_of(read(declaration(), "x.py")) == []


def test_one_web_host_for_policy_and_links_is_told() -> None:
    web = "www.shop.example"
    declared = put(declaration(), ("mta_sts",), {"mode": "testing", "web_host": web})
    links = {"hostname": "mta-sts.bounce.shop.example", "web_host": web}
    (told,) = told_of(read(put(declared, ("unsubscribe",), links), "x.py"))
    assert "mta-sts.bounce.shop.example is where the MTA-STS policy is fetched" in told
    assert '"unsubscribe.news.shop.example"' in told


def test_a_hash_that_may_have_been_cut_is_told_and_not_repeated() -> None:
    whole = declaration()["streams"]["transactional"]["users"]["shop"]["passwords"][0]
    path: Path = (*STREAM, "users", "shop", "passwords")
    (told,) = told_of(read(put(declaration(), path, [whole[:-3]]), "x.py"))
    assert '["shop"]["passwords"][0]: its digest has 30 octets' in told
    assert whole[-20:-3] not in told
    assert told_of(read(put(declaration(), path, [NOT_YET]), "x.py")) == []


def test_public_addresses_and_worlds_of_their_own_are_not_told() -> None:
    estate = read(declaration(), "x.py")
    assert [told for host in estate.hosts for told in doubts(estate, host)] == []
    own = put(declaration(), (*HOST, "ipv4"), "10.0.0.5")
    estate = read(put(own, ("resolver",), {"root_hints_file": "x"}), "x.py")
    assert list(doubts(estate, estate.hosts[0])) == []


def test_nobody_is_sent_to_his_hoster_for_the_name_of_a_private_address() -> None:
    def nothing(name: str, kind: str) -> Said:
        return Said(frozenset(), 60, secure=False)

    for address, mend in (("10.0.0.5", "public address on the host"), ("192.0.2.1", "set its PTR")):
        (fault,) = both_ways(nothing, ip_address(address), "out1.shop.example", "required")
        assert mend in fault.mend
