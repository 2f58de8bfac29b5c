"""A declaration without a fault becomes the model, each key left out its default."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address

import pytest

from group_data.prod import estate as example
from postroad.settings import defaults
from postroad.settings.model import (
    AcmeTls,
    Address,
    Allow,
    Dns,
    Dns01,
    DnsZone,
    Estate,
    Http01,
    Limits,
    MtaSts,
    NoTls,
    SecretRef,
    SuppliedKey,
    SuppliedTls,
    Unsubscribe,
    Upgrades,
)
from postroad.settings.read import read
from postroad.settings.rules import aligned
from tests.unit.declarations import HASH, Declaration, declaration, drop, put, shared, two_hosts


def estate(declared: Declaration) -> Estate:
    return read(declared, "group_data/prod.py")


def test_the_example_is_without_a_fault() -> None:
    assert [host.name for host in estate(example).hosts] == ["mail1", "mail2"]


def test_the_model_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        estate(declaration()).log_days = 1  # type: ignore[misc]


def test_what_is_left_out_has_its_default() -> None:
    found = estate(declaration())
    acme = AcmeTls(defaults.ACME_DIRECTORY, "ops@shop.example", None, Http01(), "letsencrypt.org")
    assert found.tls == acme
    assert (found.mta_sts, found.tls_reports, found.unsubscribe) == (None, None, None)
    assert found.dns == Dns(defaults.RESOLVERS, ())
    assert found.supplied_keys == ()
    assert (found.dmarc.policy, found.dmarc.reports) == ("none", "ops@shop.example")
    assert (found.resolver.root_hints_file, found.resolver.trust_anchor_file) == (None, None)
    assert (found.firewall.ssh_port, found.firewall.allowed) == (22, ())
    assert found.system_sender == "root@shop.example"
    assert (found.record_ttl, found.log_days, found.apt_proxy) == (3600, 30, None)
    assert found.upgrades == Upgrades(unattended=True, origins=())
    assert found.time_servers == ()
    assert found.port25_probe == "gmail-smtp-in.l.google.com"
    assert found.other_releases == ()


def test_a_host_with_an_address_a_stream() -> None:
    host = estate(declaration()).host("mail1")
    assert (host.shared_address, host.inbound) == (False, True)
    way = host.way_out("transactional")
    assert way.addresses == (IPv4Address("192.0.2.12"),)
    assert (way.helo, way.selector_label) == ("out1.shop.example", "mail1")
    assert (way.starttls_port, way.tls_port) == (587, 465)
    news = host.way_out("marketing")
    assert news.addresses == (IPv4Address("192.0.2.13"), IPv6Address("2001:db8::13"))
    assert (news.starttls_port, news.tls_port) == (587, 465)


def test_streams_on_a_shared_address_take_the_hosts_own_and_other_ports() -> None:
    host = estate(shared()).host("mail2")
    assert {way.addresses for way in host.ways_out} == {(IPv4Address("192.0.2.21"),)}
    assert {way.helo for way in host.ways_out} == {"mail2.shop.example"}
    ports = {way.stream: (way.starttls_port, way.tls_port) for way in host.ways_out}
    assert ports == {"transactional": (587, 465), "marketing": (2587, 2465)}


def test_an_estate_with_one_stream_only() -> None:
    declared = drop(shared(), ("streams", "transactional"))
    declared = drop(declared, ("hosts", "mail2", "ways_out", "transactional"))
    found = estate(declared)
    assert [stream.name for stream in found.streams] == ["marketing"]
    assert found.system_sender == "root@news.shop.example"


def test_a_single_stream_may_use_the_hosts_own_address_and_name() -> None:
    way = {"ipv4": "192.0.2.11", "helo": "mail1.shop.example"}
    declared = drop(declaration(), ("streams", "marketing"))
    declared = put(declared, ("hosts", "mail1", "ways_out"), {"transactional": way})
    assert estate(declared).host("mail1").way_out("transactional").ipv4 == IPv4Address("192.0.2.11")


def test_a_login_may_use_the_streams_domains_and_its_return_path() -> None:
    (user,) = estate(declaration()).stream("transactional").users
    assert user.from_addresses == ("@shop.example",)
    assert user.envelope_senders == ("bounce@bounce.shop.example",)


def test_two_hashes_are_valid_while_a_password_is_changed() -> None:
    crypt = "{SHA512-CRYPT}$6$rounds=5000$saltsalt$" + "a" * 85 + "."
    bcrypt = "{BLF-CRYPT}$2y$12$" + "." * 53
    path = ("streams", "transactional", "users", "shop", "passwords")
    for hashes in ([HASH, crypt], [bcrypt]):
        (user,) = estate(put(declaration(), path, hashes)).stream("transactional").users
        assert user.password_hashes == tuple(hashes)


def test_limits_left_out_keep_the_streams_default() -> None:
    declared = put(declaration(), ("streams", "marketing", "limits"), {"active_messages": 200})
    found = estate(declared)
    usual = defaults.LIMITS["marketing"]
    assert found.stream("marketing").limits == Limits(
        usual.message_size,
        usual.recipients_per_message,
        usual.queue_lifetime,
        usual.queue_minfree,
        200,
        usual.delivery_processes,
        usual.connections_per_client,
    )
    assert found.stream("transactional").limits == defaults.LIMITS["transactional"]


def test_fewer_signed_headers_leave_fewer_oversigned() -> None:
    path = ("streams", "marketing", "sign_headers")
    stream = estate(put(declaration(), path, ["From", "subject"])).stream("marketing")
    assert stream.sign_headers == ("From", "subject")
    assert stream.oversign_headers == ("From", "Subject")


def test_default_headers_cover_one_click_unsubscription() -> None:
    stream = estate(declaration()).stream("marketing")
    one_click = {"List-Unsubscribe", "List-Unsubscribe-Post"}
    assert one_click <= set(stream.sign_headers)
    assert set(stream.oversign_headers) <= set(stream.sign_headers)


def test_each_source_of_certificates() -> None:
    key = {"command": ["sops", "-d", "tls.key"]}
    supplied = {"source": "supplied", "chain_file": "chain.pem", "key": key}
    ref = SecretRef("command", ("sops", "-d", "tls.key"))
    assert estate(put(declaration(), ("tls",), supplied)).tls == SuppliedTls("chain.pem", ref)
    assert estate(put(declaration(), ("tls",), {"source": "none"})).tls == NoTls()
    dns01 = {"server": "192.0.2.53", "key_name": "acme.shop.example", "key": {"file": "tsig"}}
    server: Address = IPv4Address("192.0.2.53")
    tls = estate(put(declaration(), ("tls", "challenge"), {"dns-01": dns01})).tls
    assert isinstance(tls, AcmeTls)
    assert tls.challenge == Dns01(
        server, 53, "acme.shop.example", "hmac-sha256", SecretRef("file", ("tsig",)), 60
    )


def test_names_beyond_the_hosts() -> None:
    declared = declaration() | {
        "dmarc": {"policy": "none", "stages": {"news.shop.example": "reject"}},
        "mta_sts": {"mode": "testing", "web_host": "www.shop.example"},
        "tls_reports": "tls@shop.example",
        "unsubscribe": {"hostname": "u.news.shop.example", "web_host": "www.shop.example"},
        "dns": {
            "resolvers": ["192.0.2.1", "2001:db8::1"],
            "zones": {
                "shop.example": {
                    "server": "192.0.2.53",
                    "key_name": "postroad",
                    "key": {"env": "TSIG"},
                }
            },
        },
    }
    found = estate(declared)
    assert found.dmarc.policy_of("shop.example") == "none"
    assert found.dmarc.policy_of("news.shop.example") == "reject"
    assert found.mta_sts == MtaSts("testing", defaults.MTA_STS_MAX_AGE, "www.shop.example")
    assert found.tls_reports == "tls@shop.example"
    assert found.unsubscribe == Unsubscribe("u.news.shop.example", "www.shop.example")
    server: Address = IPv4Address("192.0.2.53")
    secret = SecretRef("env", ("TSIG",))
    zone = DnsZone("shop.example", server, 53, "postroad", "hmac-sha256", secret)
    assert found.dns == Dns((IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")), (zone,))


def test_the_authority_s_name_in_caa() -> None:
    own = {"source": "acme", "directory": "https://ca.shop.example/dir"}
    for tls, caa in ((own, None), ({**own, "caa": "ca.shop.example"}, "ca.shop.example")):
        found = estate(put(declaration(), ("tls",), tls)).tls
        assert isinstance(found, AcmeTls)
        assert found.caa == caa


def test_supplied_keys_take_the_place_of_made_ones() -> None:
    streams = ("streams", "marketing", "from_domains")
    declared = put(declaration(), streams, ["news.shop.example", "shop.example"])
    key = {
        "host": "mail1",
        "stream": "marketing",
        "domain": "shop.example",
        "selector": "2025-moved",
        "key": {"env": "DKIM_KEY"},
    }
    # Both streams would make a key "…-mail1" at shop.example, were this one not brought.
    assert estate(put(declared, ("dkim_keys",), [key])).supplied_keys == (
        SuppliedKey(
            "mail1", "marketing", "shop.example", "2025-moved", SecretRef("env", ("DKIM_KEY",))
        ),
    )


def test_an_opening_without_networks_is_for_everybody() -> None:
    opening = {"port": 443, "protocol": "tcp", "comment": "status page"}
    found = estate(put(declaration(), ("firewall", "open"), [opening]))
    assert found.firewall.allowed == (Allow(443, "tcp", defaults.ANYWHERE, "status page"),)


def test_the_probe_of_port_25_can_be_left_away() -> None:
    assert estate(put(declaration(), ("port25_probe",), None)).port25_probe is None


def test_networks_are_parsed() -> None:
    assert estate(declaration()).admin.networks == (IPv4Network("198.51.100.0/24"),)


def test_hosts_and_streams_keep_their_order() -> None:
    found = estate(two_hosts())
    assert [host.name for host in found.hosts] == ["mail1", "mail2"]
    assert [stream.name for stream in found.streams] == ["transactional", "marketing"]


@pytest.mark.parametrize(
    ("one", "other", "yes"),
    [
        ("shop.example", "shop.example", True),
        ("shop.example", "bounce.shop.example", True),
        ("bounce.shop.example", "shop.example", True),
        ("news.shop.example", "bounce.shop.example", True),
        ("myshop.example", "shop.example", False),
        ("shop.example", "other.example", False),
        ("shop.co.uk", "other.co.uk", False),
        ("news.shop.co.uk", "bounce.shop.co.uk", True),
        ("a.shop.com.au", "b.other.com.au", False),
    ],
)
def test_alignment_is_of_one_organization(one: str, other: str, yes: bool) -> None:
    assert aligned(one, other) is yes
    assert aligned(other, one) is yes


def test_no_part_of_the_model_is_mutable() -> None:
    def values(part: object) -> list[object]:
        if is_dataclass(part):
            return [v for f in fields(part) for v in [getattr(part, f.name)]]
        return list(part) if isinstance(part, tuple) else []

    parts: list[object] = [estate(example)]
    while parts:
        part = parts.pop()
        hash(part)
        parts += values(part)
