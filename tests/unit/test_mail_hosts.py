"""Where no mail host of the internet is, and what a host is told of it."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

import pytest

from postroad.settings.mail_hosts import NOWHERE, exceptions, is_nowhere
from postroad.settings.model import Estate
from tests.unit import estates
from tests.unit.declarations import declaration, put, two_hosts

DECLARED = ["10.8.0.0/24", "10.9.0.7", "fd00:8::/64"]


def estate(networks: list[str]) -> Estate:
    """The example estate, with mail servers in these networks."""
    return estates.estate(put(declaration(), ("private_networks",), networks))


def text(of: Estate, path: str) -> str:
    """A file of its first host."""
    return estates.text(path, of, of.hosts[0], estates.facts(of, of.hosts[0]))


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.255.255",
     "192.168.1.1", "192.0.0.1", "198.19.0.1", "224.0.0.1", "255.255.255.255", "::", "::1",
     "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1",
     "2002:a00:1::1", "2001:db8::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
     "fec0::1", "ff02::1"],
)  # fmt: skip
def test_no_mail_host_of_the_internet_is_at(address: str) -> None:
    assert is_nowhere(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255",
     "172.32.0.0", "192.167.255.255", "198.17.255.255", "223.255.255.255", "2001:200::1",
     "2003::1", "2600::1", "2a00:1450:4001::1b"],
)  # fmt: skip
def test_mail_hosts_may_be_at(address: str) -> None:
    assert not is_nowhere(ip_address(address))


def test_what_python_knows_as_special_is_among_them() -> None:
    """Python's ipaddress has the registries of IANA; it shares no line with the table."""
    for version, size in ((4, 2**32), (6, 2**128)):
        step = size // 4093
        make = type(ip_address("::" if version == 6 else "0.0.0.0"))
        every = (make(number * step + number) for number in range(4093))
        missed = [a for a in every if (not a.is_global or a.is_multicast) and not is_nowhere(a)]
        assert missed == []


def test_no_network_of_the_table_is_in_another() -> None:
    for version in (4, 6):
        known = [no.network for no in NOWHERE if no.network.version == version]
        assert not [(a, b) for a in known for b in known if a != b and a.overlaps(b)]


def test_the_estates_own_inbound_hosts_are_exceptions() -> None:
    # Their addresses are of documentation: no mail host of the internet has one.
    found = estates.estate(two_hosts())
    own = {ip_network(a) for host in found.inbound_hosts for a in host.addresses}
    assert set(exceptions(found)) == own


def test_declared_networks_are_exceptions() -> None:
    assert {str(network) for network in exceptions(estate(DECLARED))} == {
        "10.8.0.0/24", "10.9.0.7/32", "192.0.2.11/32", "fd00:8::/64", "2001:db8::11/128",
    }  # fmt: skip


def test_each_family_of_the_table_has_its_own_exceptions() -> None:
    """cidr_table(5) takes "if !" of one family for false where the address is of the other."""
    lines = text(estate(DECLARED), "/etc/postfix-marketing/nowhere").splitlines()
    rules = [line for line in lines if not line.startswith("#")]
    opened: list[str] = []
    for line in rules:
        if line.startswith("if !"):
            opened.append(line[4:])
        elif line == "endif":
            opened.pop()
        else:
            network = ip_network(line.removesuffix(" IGNORE"))
            assert {ip_network(one).version for one in opened} == {network.version}
    assert opened == []
    assert sum(line.endswith(" IGNORE") for line in rules) == len(NOWHERE)


@pytest.mark.parametrize(("name", "version"), [("before.rules", 4), ("before6.rules", 6)])
def test_the_kernel_is_told_the_same(name: str, version: int) -> None:
    written = text(estate(DECLARED), f"/etc/ufw/{name}")
    postfix = r"^-A .*--dport 25 -m owner --uid-owner postfix.*$"
    rules = re.findall(postfix, written, re.MULTILINE)
    targets = [re.search(r"-j (\w+)", rule)[1] for rule in rules]  # type: ignore[index]
    told = [re.search(r"-d (\S+)", rule) for rule in rules]
    named = [ip_network(found[1]) for found in told if found]
    allowed = [network for network in exceptions(estate(DECLARED)) if network.version == version]
    refused = [no.network for no in NOWHERE if no.network.version == version]
    assert named == [*allowed, *refused]
    assert targets == ["ACCEPT"] * len(allowed) + ["REJECT"] * len(refused) + ["ACCEPT"]


RECIPIENTS = r"/etc/postfix-transactional/recipient_domains"


def refused(address: str) -> bool:
    """Whether the table of recipients refuses an address; pcre_table(5): case does not count."""
    beyond, name = (r for r in text(estate([]), RECIPIENTS).splitlines() if not r.startswith("#"))
    assert beyond.startswith("/[^ -~]/ 553 ")
    assert name.startswith("!/")
    return not re.search(name[2 : name.rindex("/ 550")], address, re.IGNORECASE)


@pytest.mark.parametrize(
    "address",
    ["a@[10.0.0.1]", "a@[IPv6:::1]", "a@[8.8.8.8]", "a@10.0.0.1", "a@0x7f.1", "a@127.0x1",
     "a@0x7f000001", "a@2130706433", "a%[10.0.0.1]@[192.0.2.12]", "a@b.example@[10.0.0.1]", "a",
     "a@", "a@shop", "a@shop..example", "a@::1", "a@fe80::1", "a@shop.example/x", "a@0177.1."],
)  # fmt: skip
def test_an_address_is_no_recipients_domain(address: str) -> None:
    assert refused(address)


@pytest.mark.parametrize(
    "address",
    ["a@shop.example", "A@SHOP.Example", "a@shop.example.", "a@xn--bcher-kva.xn--p1ai", "a@3m.com",
     "a@163.com", "a@1.2.3.example", "a@my_host.shop.example", '"a@[10.0.0.1]"@shop.example',
     "a@0x7f.example", "a+b@mail.co.uk"],
)  # fmt: skip
def test_a_name_is(address: str) -> None:
    assert not refused(address)


def test_answers_are_filtered_and_what_is_left_of_nothing_bounces() -> None:
    main = text(estate([]), "/etc/postfix-transactional/main.cf")
    assert "\nsmtp_dns_reply_filter = pipemap:{pcre:" in main
    assert "\nsmtp_delivery_status_filter = pcre:" in main
