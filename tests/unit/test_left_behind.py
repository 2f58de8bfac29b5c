"""What stays of a host that has left: on it, and in the DNS."""

from __future__ import annotations

from dataclasses import replace

from postroad.dns.dkim import LiveKey
from postroad.mail.leaving.words import names, names_text, on_host
from postroad.settings.model import OnHost, SuppliedKey
from tests.unit import estates
from tests.unit.declarations import declaration, two_hosts
from tests.unit.test_dns.estates import public_key

ESTATE = estates.estate(two_hosts())
DOMAIN = ESTATE.stream("marketing").from_domains[0]
KEY = LiveKey("mail2", "marketing", DOMAIN, "202611-mail2", public_key(1))


def told(keys: tuple[LiveKey, ...] = (KEY,)) -> str:
    return names_text(names(ESTATE, {"mail2"}, keys, ()), ESTATE, {"mail2"})


def test_records_of_the_host_alone_are_deleted_and_shared_ones_hold_less() -> None:
    found = names(ESTATE, {"mail2"}, (KEY,), ())
    deleted = {(record.owner, record.type) for record in found.deleted}
    changed = {(record.owner, record.type) for record in found.changed}
    assert (ESTATE.host("mail2").hostname, "A") in deleted
    assert (KEY.owner, "TXT") in deleted
    envelope = ESTATE.stream("marketing").envelope_domain
    assert {(envelope, "TXT"), (envelope, "MX")} <= changed
    stays = {ESTATE.host("mail1").hostname, DOMAIN}
    assert not stays & {owner for owner, _ in deleted | changed}


def test_keys_are_deleted_last() -> None:
    text = told()
    assert text.index("delete these") < text.index("a week later") < text.index(KEY.owner)
    # Where nobody knows them any more, their names are told.
    assert f"*-mail2._domainkey.{DOMAIN}" in told(keys=())


def test_a_key_that_another_host_signs_with_stays() -> None:
    brought = [
        SuppliedKey(host, "marketing", DOMAIN, KEY.selector, OnHost("/etc/k.pem"))
        for host in ("mail1", "mail2")
    ]
    shared = replace(ESTATE, supplied_keys=tuple(brought))
    assert KEY.owner not in {r.owner for r in names(shared, {"mail2"}, (KEY,), ()).deleted}


def test_an_estate_that_is_given_up_needs_no_name_at_all() -> None:
    alone = estates.estate(declaration())
    found = names(alone, {"mail1"}, (), ())
    assert found.changed == ()
    assert {"MX", "PTR", "A"} <= {record.type for record in found.deleted}
    assert "PTR of 192.0.2.11, at its hoster" in names_text(found, alone, {"mail1"})


def test_a_domain_that_sends_nothing_any_more_says_so() -> None:
    alone = estates.estate(declaration())
    text = names_text(names(alone, {"mail1"}, (), ()), alone, {"mail1"})
    deleted, replaced = text.split("replace these")
    assert f'_dmarc.{DOMAIN}  TXT  "v=DMARC1; p=reject"' in replaced
    assert f'{alone.stream("marketing").envelope_domain}  TXT  "v=spf1 -all"' in replaced
    # A host's own name is gone with its address, and its SPF with it.
    assert f"{alone.host('mail1').hostname}  TXT\n" in deleted
    # What other hosts still send by is no such domain.
    assert "replace these" not in told()


def test_what_stays_on_the_host_is_told() -> None:
    text = on_host(ESTATE, "mail2", files=("/etc/hostname",), kept=("/var/lib/postroad/before/x",))
    assert "certbot delete --cert-name postroad" in text
    assert "/etc/hostname: as postroad wrote it" in text
    assert "/var/lib/postroad/before/x: was there before" in text
    assert "resolver" not in text
    assert "does not answer" in on_host(ESTATE, "mail2", keeps_resolver=True)


def test_who_takes_what_may_come_back_is_told() -> None:
    assert "may come for 12 days: mail1 takes them" in on_host(ESTATE, "mail2")
    alone = estates.estate(declaration())
    assert "no host of the estate takes them any more" in on_host(alone, "mail1")
