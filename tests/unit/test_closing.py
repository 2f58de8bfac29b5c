"""What a run says of what it takes away, on a host whose streams are open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroad.commands.diff import _parts
from postroad.host.found import FileState
from postroad.host.paths import opened_path, pause_path
from postroad.mail.before.listeners import Listener
from postroad.mail.certificate import CertificateState
from postroad.mail.firewall import allowed
from postroad.mail.firewall.read import FirewallState
from postroad.mail.leaving.instances import Instance
from postroad.mail.signing.found import KEYS
from postroad.roles.run.closing import closings, outlook
from postroad.roles.run.facts.world import Seen
from tests.unit.declarations import HASH, Declaration, declaration, put
from tests.unit.machine import INSTALLED_UFW, made_true
from tests.unit.states import altered
from tests.unit.test_site_opening import Answering, keyed, latched

HOST = ("hosts", "mail1")
WAY = (*HOST, "ways_out", "marketing")
DOMAINS = ("streams", "marketing", "from_domains")
NO_PTR = Seen("wrong", "there is no PTR record")


def changed(declared: Declaration) -> Answering:
    """An open host of which something else is declared now, and nothing new can be verified."""
    machine = latched(keyed())
    machine.declared, machine.verdicts = declared, [NO_PTR] * 20
    return machine


def test_nothing_is_said_where_nothing_closes() -> None:
    for declared in (
        declaration(),
        put(declaration(), (*WAY, "helo"), "post.shop.example"),
        put(declaration(), DOMAINS, ["news.shop.example", "toys.news.shop.example"]),
    ):
        assert list(closings(changed(declared).site())) == []


@pytest.mark.parametrize(
    ("declared", "first"),
    [
        (put(declaration(), (*WAY, "ipv4"), "192.0.2.19"), "19.2.0.192.in-addr.arpa. 3600 IN PTR"),
        (
            put(declaration(), ("streams", "marketing", "envelope_domain"), "re.news.shop.example"),
            're.news.shop.example. 3600 IN TXT "v=spf1',
        ),
        (put(declaration(), DOMAINS, ["toys.news.shop.example"]), "keep a From: domain that works"),
    ],
)
def test_what_closes_is_said_with_its_reason_and_what_to_do_first(
    declared: Declaration, first: str
) -> None:
    machine = changed(declared)
    if "toys" in str(declared):
        (key, *_) = (k for k in machine.state[KEYS] if k.stream == "marketing")
        toys = replace(key, domain="toys.news.shop.example")
        machine.state = altered(machine.state, keys=(*machine.state[KEYS], toys))
    (said,) = closings(machine.site())
    assert said.startswith("this run will CLOSE the marketing stream on mail1: there is no PTR")
    assert first in said.partition("So that it need not: ")[2]
    assert outlook(machine.site(), "marketing") == (said.partition(". So that")[0],)
    (told,) = next(_parts(machine.site())).changes
    assert told.thing == said


def test_a_stream_that_takes_no_mail_is_not_closed() -> None:
    moved = put(declaration(), (*WAY, "ipv4"), "192.0.2.19")
    never = keyed([NO_PTR] * 20)
    never.declared = moved
    assert list(closings(never.site())) == []
    paused = changed(moved)
    mark = FileState("file", "root", "root", 0o644, "x")
    files = {**paused.state.files, pause_path("marketing"): mark}
    paused.state = replace(paused.state, files=files)
    assert list(closings(paused.site())) == []


def test_a_domain_that_is_taken_away_is_said_once() -> None:
    both = put(declaration(), DOMAINS, ["news.shop.example", "toys.news.shop.example"])
    machine = Answering(both)
    machine.answer("sh -s", "install -d /etc/postroad/x/keys/")
    machine = latched(machine)
    machine.declared = declaration()
    (said,) = closings(machine.site())
    assert said.startswith("marketing mail From: toys.news.shop.example is refused on mail1")
    assert list(closings(latched(machine).site())) == []


def test_a_stream_that_is_taken_away_from_a_host_is_closed() -> None:
    machine = latched(keyed())
    machine.state = altered(
        machine.state, leaving=(Instance("transactional", 3, ("192.0.2.12:587",)),)
    )
    (said,) = closings(machine.site())
    assert said.startswith("this run will CLOSE the transactional stream on mail1: the estate ")


def test_without_a_certificate_every_open_door_is_closed() -> None:
    declared = put(declaration(), ("tls",), {"source": "none"})
    machine = changed(declared)
    assert list(closings(machine.site())) == []
    address = machine.host.way_out("marketing").ipv4
    machine.state = altered(machine.state, listeners=(Listener(f"{address}", 465, "master"),))
    (said,) = closings(machine.site())
    assert said.startswith(
        'this run will CLOSE the marketing stream on mail1: tls.source is "none"'
    )


def served(before: Declaration, after: Declaration) -> Answering:
    """A host that a run for ``before`` has left open, of which ``after`` is declared now."""
    machine = Answering(before)
    machine.answer("sh -s", "install -d /etc/postroad/x/keys/")
    certificate = CertificateState(frozenset(machine.host.certificate_names), 10**7)
    machine.state = altered(machine.state, certificate=certificate)
    machine = latched(machine)
    for stream in machine.host.streams:
        component = machine.component(stream)
        machine.state = made_true(machine.state, component)
        machine.contents |= {file.path: file.content for file in component.files}
    rules = tuple(allowed.rules(machine.estate, machine.host))
    status = replace(INSTALLED_UFW, enabled=True, loaded=True)
    machine.state = altered(machine.state, firewall=FirewallState(status=status, rules4=rules))
    machine.declared = after
    return machine


USERS = ("streams", "marketing", "users")
CLIENTS = ("streams", "marketing", "clients")
LIMITS = ("streams", "marketing", "limits")
LOGIN = {"passwords": [HASH]}
NEWS = {**LOGIN, "from": ["a@news.shop.example", "b@news.shop.example"]}
RICH = put(declaration(), USERS, {"campaigns": NEWS, "other": LOGIN})


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            declaration(),
            put(declaration(), (*WAY, "starttls_port"), 2587),
            ["this run will CLOSE 192.0.2.13:587, [2001:db8::13]:587 on mail1"],
        ),
        (
            declaration(),
            put(declaration(), (*WAY, "tls_port"), 2465),
            ["this run will CLOSE 192.0.2.13:465, [2001:db8::13]:465 on mail1"],
        ),
        (
            declaration(),
            put(declaration(), CLIENTS, ["198.51.100.32/28"]),
            ["CLOSE port 587 and 465 of 192.0.2.13 on mail1 to 198.51.100.32/27: the estate"],
        ),
        (declaration(), put(declaration(), CLIENTS, ["198.51.100.0/24"]), []),
        (
            declaration(),
            put(declaration(), ("admin", "networks"), ["198.51.100.0/25"]),
            ["this run will CLOSE port 22 on mail1 to 198.51.100.0/24: the estate"],
        ),
        (
            declaration(),
            put(declaration(), USERS, {"mailer": LOGIN}),
            ["CLOSE the marketing login campaigns on mail1: the estate does not declare it any"],
        ),
        (
            RICH,
            put(RICH, (*USERS, "campaigns", "from"), ["a@news.shop.example"]),
            ["mail of the login campaigns with From: b@news.shop.example is refused on mail1"],
        ),
        (
            RICH,
            put(RICH, (*USERS, "other", "from"), ["a@news.shop.example"]),
            ["the login other with From: some addresses at news.shop.example is refused"],
        ),
        (RICH, put(RICH, (*USERS, "campaigns", "from"), ["@news.shop.example"]), []),
        (
            put(RICH, (*USERS, "other", "envelope"), ["x@bounce.news.shop.example"]),
            put(RICH, (*USERS, "other", "envelope"), ["y@bounce.news.shop.example"]),
            ["the login other with MAIL FROM:<x@bounce.news.shop.example> is refused on mail1"],
        ),
        (
            put(declaration(), (*LIMITS, "message_size"), 20_000_000),
            put(declaration(), (*LIMITS, "message_size"), 10_000_000),
            ["of more than 10000000 octets is refused after this run, where 20000000 is"],
        ),
        (
            put(declaration(), (*LIMITS, "recipients_per_message"), 100),
            put(declaration(), (*LIMITS, "recipients_per_message"), 10),
            ["to more than 10 recipients is refused after this run, where 100 is the limit"],
        ),
        (
            put(declaration(), (*LIMITS, "queue_lifetime"), "5d"),
            put(declaration(), (*LIMITS, "queue_lifetime"), "20h"),
            ["mail that waits longer than 20h comes back after this run, where 5d is the limit"],
        ),
        (
            put(declaration(), (*LIMITS, "message_size"), 10_000_000),
            put(declaration(), (*LIMITS, "message_size"), 20_000_000),
            [],
        ),
    ],
)
def test_what_applications_may_not_do_any_more_is_said(
    before: Declaration, after: Declaration, told: list[str]
) -> None:
    said = list(closings(served(before, after).site()))
    assert len(said) == len(told)
    for sentence, part in zip(said, told, strict=True):
        assert part in sentence


def test_of_a_stream_that_takes_no_mail_nothing_is_taken_away() -> None:
    machine = served(declaration(), put(declaration(), USERS, {"mailer": LOGIN}))
    files = {p: f for p, f in machine.state.files.items() if p != opened_path("marketing")}
    machine.state = replace(machine.state, files=files)
    assert not [said for said in closings(machine.site()) if "login" in said]


def test_a_lone_box_closes_for_nobody() -> None:
    machine = changed(put(declaration(), DOMAINS, ["toys.news.shop.example"]))
    site = machine.site()
    assert any("CLOSE" in said for said in closings(site))
    site = machine.site()
    site.estate = replace(site.estate, lone=True)
    assert not any("CLOSE" in said for said in closings(site))
    assert outlook(site, "marketing") == ()
