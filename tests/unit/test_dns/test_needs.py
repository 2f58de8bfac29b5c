"""What opens a stream, and the latch that keeps it open."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest

from postroad.dns.needs import Need, Needs, digest, needs, needs_json
from postroad.dns.records import derive
from postroad.dns.zone import zone_line
from postroad.settings.model import Estate, Host, Stream

from . import estates
from .estates import MAIL1, MAIL2, MARKETING, TRANSACTIONAL, estate

KEYS = (*estates.keys_of_mail1(), *estates.keys_of_mail2())


def needs_of(host: Host = MAIL1, stream: Stream = TRANSACTIONAL, of: Estate | None = None) -> Needs:
    return needs(of or estate(MAIL1, MAIL2), host, stream, KEYS)


def facts(found: Iterable[Need], kind: str) -> list[dict[str, str]]:
    return [dict(need.facts) for need in found if need.kind == kind]


def test_a_stream_needs_its_key_spf_of_both_identities_and_fcrdns() -> None:
    found = needs_of()
    assert facts(found, "dkim") == [
        {"name": "202611-mail1._domainkey.shop.example", "key": estates.public_key(1)}
    ]
    sender, helo = "bounce@bounce.shop.example", "out1.shop.example"
    assert facts(found, "spf") == [
        {"address": "192.0.2.12", "sender": sender, "helo": helo},
        {"address": "2001:db8::12", "sender": sender, "helo": helo},
        {"address": "192.0.2.12", "sender": "", "helo": helo},
        {"address": "2001:db8::12", "sender": "", "helo": helo},
    ]
    assert facts(found, "fcrdns") == [
        {"address": "192.0.2.12", "name": helo},
        {"address": "2001:db8::12", "name": helo},
    ]


def test_streams_of_one_shared_address_need_their_own_key_and_envelope_domain() -> None:
    found = needs_of(MAIL2, MARKETING)
    assert [need["name"] for need in facts(found, "dkim")] == [
        "202611-mail2._domainkey.news.shop.example"
    ]
    assert {need["sender"] for need in facts(found, "spf")} == {
        "",
        "bounce@bounce.news.shop.example",
    }
    assert facts(found, "fcrdns") == [{"address": "198.51.100.21", "name": "mail2.shop.example"}]


def test_what_to_publish_is_what_is_derived() -> None:
    derived = {zone_line(record) for record in derive(estate(MAIL1, MAIL2), KEYS)}
    for need in needs_of():
        assert need.publish
        assert set(need.publish) <= derived
    (dkim,) = [need for need in needs_of() if need.kind == "dkim"]
    assert dkim.publish[0].startswith("202611-mail1._domainkey.shop.example. 3600 IN TXT ")
    fcrdns_v4, fcrdns_v6 = [need for need in needs_of() if need.kind == "fcrdns"]
    assert fcrdns_v4.publish == (
        "12.2.0.192.in-addr.arpa. 3600 IN PTR out1.shop.example.",
        "out1.shop.example. 3600 IN A 192.0.2.12",
    )
    assert fcrdns_v6.publish[1] == "out1.shop.example. 3600 IN AAAA 2001:db8::12"


def test_a_sending_domain_without_a_key_is_named_and_the_others_have_what_they_need() -> None:
    wide = replace(TRANSACTIONAL, from_domains=("shop.example", "shop.test"))
    found = needs(estate(MAIL1), MAIL1, wide, KEYS)
    assert found.keyless == ("shop.test",)
    assert tuple(found) == tuple(needs(estate(MAIL1), MAIL1, TRANSACTIONAL, KEYS))


def test_a_stream_that_the_host_does_not_carry_is_refused() -> None:
    lone = estates.host("mail1", ("192.0.2.11",), MAIL1.ways_out[0])
    with pytest.raises(KeyError, match="mail1 carries no marketing stream"):
        needs(estate(lone), lone, MARKETING, KEYS)


def test_the_json_is_what_the_checker_reads() -> None:
    found = needs_of()
    written = json.loads(needs_json(found))
    assert [(one["kind"], one["publish"]) for one in written] == [
        (need.kind, list(need.publish)) for need in found
    ]
    assert written[0]["name"] == "202611-mail1._domainkey.shop.example"


def test_the_digest_is_stable_whatever_the_order() -> None:
    found = needs_of()
    assert digest(found) == digest(tuple(reversed(tuple(found))))
    assert len(digest(found)) == 64


def test_the_digest_changes_with_anything_that_is_checked() -> None:
    new_key = replace(KEYS[0], public_key_base64=estates.public_key(9))
    moved = replace(
        MAIL1,
        ways_out=(
            estates.way_out("transactional", "out1.shop.example", "192.0.2.99"),
            MAIL1.ways_out[1],
        ),
    )
    other_envelope = replace(TRANSACTIONAL, envelope_domain="return.shop.example")
    digests = {
        digest(needs_of()),
        digest(needs(estate(MAIL1), MAIL1, TRANSACTIONAL, (new_key,))),
        digest(needs(estate(moved), moved, TRANSACTIONAL, KEYS)),
        digest(
            needs(
                replace(estate(MAIL1), streams=(other_envelope, MARKETING)),
                MAIL1,
                other_envelope,
                KEYS,
            )
        ),
        digest(needs_of(stream=MARKETING)),
    }
    assert len(digests) == 5


def test_another_host_or_ttl_closes_no_open_stream() -> None:
    alone, together = needs_of(of=estate(MAIL1)), needs_of()
    assert [need.publish for need in alone] != [need.publish for need in together]
    assert digest(alone) == digest(together)
    slow = replace(estate(MAIL1, MAIL2), record_ttl=86400)
    assert digest(needs_of(of=slow)) == digest(together)
