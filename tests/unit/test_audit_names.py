"""The audit of names: each verdict is told by one check, as a fault or as a doubt."""

from __future__ import annotations

import pytest

from postroad.audit.suites import names
from postroad.dns.check import lists
from postroad.dns.check.checks import Facts, checks
from postroad.dns.check.list_data import read
from postroad.dns.check.mta_sts import Page
from postroad.dns.check.signature import Probe
from postroad.dns.check.verdict import Verdict
from postroad.settings.model import Address

from .test_dns import estates

ESTATE = estates.whole_estate(estates.MAIL1, estates.MAIL2)
PROBE = Probe("mail1", "marketing", "news.shop.example", "signed", b"")
FACTS = Facts(estates.keys_of_mail1(), (), estates.CERTIFICATES, (PROBE,))


def no_page(host: str, path: str, address: Address) -> Page:
    raise AssertionError("nobody is asked here")


def told_of(check: str) -> list[names.Topic]:
    verdict = Verdict(check, "x", "ok", "required", "")
    return [topic for topic in names.TOPICS if names.of([verdict], topic)]


def test_every_check_has_one_topic() -> None:
    listed = lists.verdicts(read(), estates.MAIL1, {})
    known = {
        *(one.check for one in checks(ESTATE, FACTS, no_page)),
        *(one.check for one in listed),
    }
    assert {check: len(told_of(check)) for check in known} == dict.fromkeys(known, 1)
    used = {topic for check in known for topic in told_of(check)}
    assert used == set(names.TOPICS)


WRONG = Verdict("SPF record", "a.example", "wrong", "required", "it has none", "publish one")
WEAK = Verdict("SPF record", "b.example", "wrong", "recommended", "it is long", "cut it")
UNKNOWN = Verdict("SPF record", "c.example", "unknown", "required", "nobody answers")
FINE = Verdict("SPF record", "d.example", "ok", "required", "all is well")
ELSE = Verdict("192.0.2.53", "e.example", "unknown", "recommended", "it is silent")


def test_what_is_required_fails_the_check() -> None:
    with pytest.raises(pytest.fail.Exception) as failed:
        names.test_spf_passes_for_every_source([FINE, WEAK, UNKNOWN, WRONG])
    assert str(failed.value) == (
        "a.example: it has none\n"
        "  so:   receivers refuse or distrust what is sent, or anybody may send it\n"
        "  mend: publish one"
    )


def test_the_rest_is_doubt() -> None:
    with pytest.raises(pytest.skip.Exception) as skipped:
        names.test_spf_passes_for_every_source([FINE, WEAK, UNKNOWN])
    assert str(skipped.value) == (
        "unknown: b.example: recommended: it is long; cut it; c.example: nobody answers"
    )
    names.test_spf_passes_for_every_source([FINE, ELSE])


def test_a_source_without_a_say_is_doubt() -> None:
    names.test_whoever_is_asked_answers([UNKNOWN])
    with pytest.raises(pytest.skip.Exception, match=r"e\.example: it is silent"):
        names.test_whoever_is_asked_answers([UNKNOWN, ELSE])


def test_a_list_that_answers_nobody_is_no_news() -> None:
    shy = Verdict("DNS list Shy, IPv4", "mail1", "unknown", "recommended", "it refuses")
    names.test_no_address_is_on_a_list([shy])
    with pytest.raises(pytest.skip.Exception, match="it refuses"):
        names.test_no_address_is_on_a_list(
            [shy, Verdict("DNS list", "m", "unknown", "required", "it refuses")]
        )
    listed = Verdict("DNS list A for 192.0.2.1", "mail1", "wrong", "required", "listed", "ask")
    with pytest.raises(pytest.fail.Exception, match="listed"):
        names.test_no_address_is_on_a_list([listed])
