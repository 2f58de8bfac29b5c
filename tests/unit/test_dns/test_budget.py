"""What no zone, resolver or receiver would bear is told with its mend."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroad.dns.budget import ANSWER_OCTETS, faults
from postroad.dns.record import Record, RecordType
from postroad.dns.records import derive
from postroad.dns.text import txt

from . import estates
from .estates import MAIL1, MAIL2, whole_estate


def record(owner: str, kind: RecordType, data: str) -> Record:
    return Record(owner, 60, kind, data, "a test")


def text(owner: str, value: str) -> Record:
    return record(owner, "TXT", txt(value))


def test_a_whole_estate_is_within_its_budget() -> None:
    keys = [*estates.keys_of_mail1(), *estates.keys_of_mail2()]
    assert faults(derive(whole_estate(MAIL1, MAIL2), keys, estates.CERTIFICATES)) == ()
    assert faults(()) == ()


def test_a_long_domain_keeps_its_key_of_2048_bits() -> None:
    domain = f"{'a' * 60}.{'b' * 60}.example"
    key = replace(estates.keys_of_mail1()[0], domain=domain)
    assert faults(derive(whole_estate(MAIL1), [key])) == ()


@pytest.mark.parametrize(
    "owner", [f"_25._tcp.{'a' * 64}.example", f"_dmarc.{'.'.join(['a' * 60] * 4)}.example"]
)
def test_a_name_that_dns_cannot_hold(owner: str) -> None:
    (fault,) = faults([text(owner, "x"), text("b.example", "v=spf1 a a a a a a a a a a a -all")])
    assert fault.startswith(f"{owner}: its TXT record cannot be written (")
    assert fault.endswith("choose shorter names")


def test_a_string_of_more_than_255_octets() -> None:
    (fault,) = faults([record("a.example", "TXT", f'"{"x" * 256}"')])
    assert fault.startswith("a.example: its TXT record cannot be written (")
    assert faults([record("a.example", "TXT", f'"{"x" * 255}"')]) == ()


def test_an_alias_stands_alone() -> None:
    alias = record("a.example", "CNAME", "b.example.")
    address = record("a.example", "A", "192.0.2.1")
    assert faults([alias]) == ()
    (crowded,) = faults([alias, address, text("a.example", "x")])
    assert crowded.startswith("a.example: is an alias and has A, TXT as well")
    (two,) = faults([alias, record("a.example", "CNAME", "c.example.")])
    assert "another CNAME as well" in two


def test_an_unsubscribe_name_that_a_policy_host_has() -> None:
    declared = whole_estate(MAIL1)
    assert declared.unsubscribe is not None
    unsubscribe = replace(
        declared.unsubscribe, hostname="mta-sts.bounce.shop.example", web_host="other.example"
    )
    (fault,) = faults(derive(replace(declared, unsubscribe=unsubscribe), ()))
    assert fault.startswith("mta-sts.bounce.shop.example: is an alias and has another CNAME")


def test_two_spf_records_at_one_name() -> None:
    records = [text("a.example", "v=spf1 -all"), text("a.example", "v=spf1 ~all")]
    (fault,) = faults(records)
    assert fault.startswith("a.example: has 2 SPF records")
    assert faults([*records[:1], text("a.example", "v=spf10 -all")]) == ()


@pytest.mark.parametrize(
    ("terms", "asking"),
    [
        ("include:b.example " * 11, 11),
        ("include:b.example " * 10 + "redirect=b.example", 11),
        ("a mx ptr a:x mx:x ptr:x a/24 mx/24 exists:x +a ?include:x", 11),
        ("include:b.example " * 10, 0),
        ("ip4:192.0.2.1 ip6:2001:db8::1 all exp=a.example " * 5, 0),
    ],
)
def test_spf_look_ups_are_counted(terms: str, asking: int) -> None:
    found = faults([text("a.example", f"v=spf1 {terms.strip()}")])
    assert bool(found) == bool(asking)
    if found:
        assert found[0].startswith(f"a.example: SPF takes {asking} look-ups")


def test_spf_counts_every_text_at_its_name() -> None:
    policy = text("a.example", "v=spf1 -all")
    fits = text("a.example", "x" * (450 - len("a.example") - len("v=spf1 -all")))
    assert faults([policy, fits]) == ()
    (fault,) = faults([policy, fits, text("a.example", "y")])
    assert fault.startswith("a.example: name and TXT records have 451 octets, and 450 fit")


def test_so_many_addresses_that_even_parts_do_not_help() -> None:
    """Long names as well: each part then holds few addresses."""
    envelope = f"{'.'.join(['bounce'] * 25)}.shop.example"
    hosts = [
        estates.host(
            f"m{n}",
            (f"2001:db8:aaaa:bbbb:cccc:dddd:eeee:{n:x}",),
            estates.way_out(
                "transactional",
                f"m{n}.shop.example",
                f"192.0.2.{n}",
                f"2001:db8:aaaa:bbbb:cccc:dddd:eeee:{n:x}",
            ),
        )
        for n in range(100, 160)
    ]
    declared = whole_estate(*hosts)
    stream = replace(estates.TRANSACTIONAL, envelope_domain=envelope)
    found = faults(derive(replace(declared, streams=(stream, estates.MARKETING)), ()))
    assert [fault for fault in found if fault.startswith(f"{envelope}: SPF takes ")]
    assert [fault for fault in found if fault.startswith(f"{envelope}: name and TXT")]


def test_an_answer_that_does_not_come_through() -> None:
    header, name, question = 12, len("k.example") + 2, 4
    room = ANSWER_OCTETS - header - name - question - 12
    strings = -(-room // 256)
    assert faults([text("k.example", "x" * (room - strings))]) == ()
    (fault,) = faults([text("k.example", "x" * (room - strings + 1))])
    assert fault.startswith(f"k.example: an answer with its TXT records has {ANSWER_OCTETS + 1}")
    assert fault.endswith("RSA with 2048 bits")


@pytest.mark.parametrize(
    ("kind", "data", "mend"),
    [
        ("MX", "10 host{}.somewhere.shop.example.", "let fewer hosts take mail in"),
        ("A", "192.0.2.{}", "publish less there"),
    ],
)
def test_each_kind_of_answer_has_its_mend(kind: RecordType, data: str, mend: str) -> None:
    (fault,) = faults([record("a.example", kind, data.format(n)) for n in range(100)])
    assert fault.endswith(mend)
