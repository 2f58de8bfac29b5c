"""Return paths that the estate has given up: marked, taken for as long as mail may come, let go."""

from __future__ import annotations

import math
import os
import subprocess
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from postroad.dns.former import Former
from postroad.dns.record import Record
from postroad.dns.records import derive
from postroad.mail import return_paths
from postroad.mail.parts.order import rows
from postroad.mail.render import inbound_domains
from postroad.mail.return_paths import DAY, Marks, ReturnPath, Step, steps, wanted
from postroad.settings.model import Estate, Host
from tests.unit import estates
from tests.unit.declarations import HASH, Declaration, declaration, drop, put, two_hosts
from tests.unit.postfix_tables import logical, pcre

ESTATE = estates.estate(declaration())
NOW = 1_800_000_000.0
KEPT = return_paths.kept_seconds(ESTATE)
TABLE = "/etc/postfix-inbound/mailboxes"
GIVEN_UP = "/etc/postfix-inbound/given_up"
OLD = ReturnPath("transactional", "bounce@bounce.shop.example")


def renamed(domain: str = "return.shop.example") -> Estate:
    declared = put(declaration(), ("streams", "transactional", "envelope_domain"), domain)
    return estates.estate(declared)


def used(estate: Estate, host: str = "mail1") -> Marks:
    """What a host knows after a run of ``estate``: read as a run reads it, from its tables."""
    lines = []
    one = estate.host(host)
    for row in rows(estate, one):
        if row.path.endswith(("/mailboxes", "/sender_access")):
            text = estates.text(row.path, estate, one, estates.facts(estate, one))
            lines += [f"{row.path}:{line}" for line in text.splitlines() if line.startswith("/")]
    return return_paths.parse(lines)


def verbs(taken: tuple[Step, ...]) -> dict[str, str]:
    return {step.path.address: step.verb for step in taken}


def test_what_a_host_has_taken_is_read_from_its_own_tables() -> None:
    users = {
        "shop": {"passwords": [HASH]},
        "erp": {"passwords": [HASH], "envelope": ["in.v/o'ice+1@bounce.shop.example"]},
    }
    estate = estates.estate(put(declaration(), ("streams", "transactional", "users"), users))
    assert used(estate).used == set(wanted(estate))
    assert len(used(estate).used) == 5


def test_tables_of_earlier_versions_are_read_too() -> None:
    found = return_paths.parse(
        [rf"{TABLE}:/^bounce(\+[^@]+)?@bounce\.shop\.example$/ transactional/bounces/"]
    )
    assert found.used == {OLD}


@pytest.mark.parametrize(
    ("after", "given_up"),
    [
        (renamed(), {"bounce@bounce.shop.example", "fbl@bounce.shop.example"}),
        (
            estates.estate(
                drop(
                    drop(declaration(), ("streams", "marketing")),
                    ("hosts", "mail1", "ways_out", "marketing"),
                )
            ),
            {"bounce@bounce.news.shop.example", "fbl@bounce.news.shop.example"},
        ),
        (ESTATE, set()),
    ],
    ids=["renamed", "taken away", "as it was"],
)
def test_what_is_given_up_is_marked(after: Estate, given_up: set[str]) -> None:
    taken = steps(after, used(ESTATE), (), NOW, None)
    assert verbs(taken) == dict.fromkeys(given_up, "take")
    assert all((step.since, step.until) == (NOW, NOW + KEPT) for step in taken)


def test_one_address_of_a_login_is_given_up_alone() -> None:
    users = {"shop": {"passwords": [HASH], "envelope": ["returns@bounce.shop.example"]}}
    before = estates.estate(put(declaration(), ("streams", "transactional", "users"), users))
    assert verbs(steps(ESTATE, used(before), (), NOW, None)) == {
        "returns@bounce.shop.example": "take"
    }


def test_a_stream_that_moves_to_another_host_gives_nothing_up() -> None:
    def carrying(marketing: str) -> Declaration:
        other = {"mail1": "mail2", "mail2": "mail1"}[marketing]
        return drop(two_hosts(), ("hosts", other, "ways_out", "marketing"))

    before, after = estates.estate(carrying("mail1")), estates.estate(carrying("mail2"))
    for host in ("mail1", "mail2"):
        assert steps(after, used(before, host), (), NOW, None) == ()
        one = after.host(host)
        table = estates.text(TABLE, after, one, estates.facts(after, one))
        # Every inbound host takes what comes back of every stream: the MX leads to all of them.
        assert pcre(table, "bounce+1@bounce.news.shop.example") == "marketing/bounces/"


def marked(since: float) -> Marks:
    return Marks(used=used(ESTATE).used, returning={OLD: since})


@pytest.mark.parametrize(
    ("age", "oldest", "verb"),
    [
        (60, math.inf, None),
        (KEPT - 60, math.inf, None),
        (KEPT, math.inf, "let go"),
        (KEPT, NOW - DAY, "let go"),
        # A queue of ours has mail from before: what a stopped stream holds, for instance.
        (KEPT, NOW - KEPT - 1, "take"),
        (2 * DAY, NOW - 3 * DAY, "take"),
        # What is not known is not empty.
        (KEPT, None, None),
    ],
)
def test_it_is_let_go_when_no_queue_can_hold_it(
    age: float, oldest: float | None, verb: str | None
) -> None:
    found = verbs(steps(renamed(), marked(NOW - age), (), NOW, oldest))
    found.pop("fbl@bounce.shop.example")
    assert found == ({} if verb is None else {OLD.address: verb})


def test_queues_are_asked_only_where_it_matters() -> None:
    assert not return_paths.asks_for_queues(renamed(), marked(NOW - 60), NOW)
    assert return_paths.asks_for_queues(renamed(), marked(NOW - 2 * DAY), NOW)
    assert not return_paths.asks_for_queues(ESTATE, marked(NOW - 2 * DAY), NOW)


def test_what_is_declared_again_is_forgotten() -> None:
    let_go = replace(marked(NOW - 60), returned=frozenset({OLD}))
    assert verbs(steps(ESTATE, let_go, (), NOW, None)) == {OLD.address: "forget"}


def test_inbound_that_moves_takes_its_marks_along() -> None:
    # A host that was bare learns from the others of the run what may come back.
    (step,) = steps(renamed(), Marks(), [Marks(returning={OLD: NOW - 3 * DAY})], NOW, None)
    assert (step.path, step.since) == (OLD, NOW - 3 * DAY)
    moved_and_renamed = steps(renamed(), Marks(), [used(ESTATE)], NOW, None)
    assert OLD in {one.path for one in moved_and_renamed}
    # Marks of one run are one: nothing is to do a minute later.
    mine = Marks(returning={OLD: NOW - 60})
    assert steps(renamed(), mine, [Marks(returning={OLD: NOW})], NOW, None) == ()
    # Who has let it go takes it from nobody.
    assert steps(renamed(), Marks(returned=frozenset({OLD})), [mine], NOW, None) == ()


def test_a_host_that_still_sends_with_it_begins_the_time_anew() -> None:
    # mail1 was left out of the last run: it is the old estate's.
    (first, *_) = steps(renamed(), marked(NOW - 5 * DAY), [used(ESTATE)], NOW, NOW)
    assert (first.path, first.since) == (OLD, NOW)


def after_marking() -> tuple[Estate, Host, Marks]:
    estate = renamed()
    taken = steps(estate, used(ESTATE), (), NOW, None)
    return estate, estate.host("mail1"), Marks(returning={one.path: NOW for one in taken})


def test_inbound_and_the_streams_know_what_may_come_back() -> None:
    estate, host, marks = after_marking()
    facts = replace(estates.facts(estate, host), return_paths=marks)
    table = estates.text(TABLE, estate, host, facts)
    for address in ("bounce@bounce.shop.example", "bounce+a=b@bounce.shop.example"):
        assert pcre(table, address) == "transactional/bounces/"
    assert pcre(table, "fbl@bounce.shop.example") == "transactional/complaints/"
    assert pcre(table, "bounce@return.shop.example") == "transactional/bounces/"
    main = estates.text("/etc/postfix-inbound/main.cf", estate, host, facts)
    assert "bounce.shop.example" not in inbound_domains(estate, host)
    assert "return.shop.example, bounce.news.shop.example, bounce.shop.example\n" in main
    # A stream's own report of mail that is queued with it goes there, and not to "error:".
    transport = estates.text("/etc/postfix-transactional/transport", estate, host, facts)
    assert "\nbounce.shop.example inbound:[127.0.0.1]:25\n" in transport
    assert pcre(estates.text(GIVEN_UP, estate, host, facts), OLD.address) is None


def test_what_was_let_go_is_refused_with_its_reason() -> None:
    estate, host, _ = after_marking()
    facts = replace(estates.facts(estate, host), return_paths=Marks(returned=frozenset({OLD})))
    given_up = estates.text(GIVEN_UP, estate, host, facts)
    assert all(" 550 5.1.6 " in row for row in logical(given_up))
    for address in ("bounce@bounce.shop.example", "Bounce+x@Bounce.shop.example"):
        said = pcre(given_up, address)
        assert said is not None
        assert "no mail with it can be under way" in said
    assert pcre(given_up, "bounce@return.shop.example") is None
    table = estates.text(TABLE, estate, host, facts)
    assert pcre(table, "bounce@bounce.shop.example") is None
    # Declared again, it is what it was.
    again = logical(estates.text(GIVEN_UP, ESTATE, host, facts))
    assert again == []


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(return_paths, "STATE", str(tmp_path))
    monkeypatch.setattr(return_paths, "RETURNING", f"{tmp_path}/returning")
    monkeypatch.setattr(return_paths, "RETURNED", f"{tmp_path}/returned")
    return tmp_path


def sh(text: str) -> list[str]:
    done = subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


ODD = ReturnPath("marketing", "a'b/c$d%2f+e@" + ".".join(["x" * 60] * 4) + ".example")


def test_marks_are_read_as_they_were_written(box: Path) -> None:
    taken = [Step("take", one, 1_700_000_000) for one in (OLD, ODD)]
    for _ in range(2):
        sh(return_paths.script(taken))
        found = return_paths.parse(sh(return_paths.probe()))
        assert found.returning == {OLD: 1_700_000_000, ODD: 1_700_000_000}
    os.utime(box / "returning" / OLD.mark, (1_600_000_000, 1_600_000_000))
    assert return_paths.parse(sh(return_paths.probe())).returning[OLD] == 1_600_000_000
    sh(return_paths.script([Step("let go", OLD), Step("let go", ODD)]))
    found = return_paths.parse(sh(return_paths.probe()))
    assert not found.returning
    assert found.returned == {OLD, ODD}
    sh(return_paths.script([Step("forget", OLD)]))
    assert return_paths.parse(sh(return_paths.probe())).returned == {ODD}


def test_strange_marks_are_passed_over() -> None:
    names = ("other/a.example/b", "marketing/a.example", "marketing//x", "x")
    lines = [f"mark 1.5 {return_paths.RETURNING}/{name}" for name in names]
    assert return_paths.parse([*lines, f"{TABLE}:/^(postmaster|abuse)@/ postmaster/"]) == Marks()


def test_the_dry_run_says_what_becomes_of_each() -> None:
    assert str(Step("take", OLD, NOW, NOW + KEPT)) == (
        "bounce@bounce.shop.example (still taken until 2027-01-27)"
    )
    assert "no queue can hold mail" in str(Step("let go", OLD))


def test_the_time_is_that_of_all_queues() -> None:
    # 2 days in ours, 5 in a receiver's, 5 for its report.
    assert KEPT == 12 * DAY
    longer = put(declaration(), ("streams", "marketing", "limits"), {"queue_lifetime": "30d"})
    assert return_paths.kept_seconds(estates.estate(longer)) == 40 * DAY


def test_the_names_of_what_may_come_back_stay_wanted() -> None:
    estate, _, marks = after_marking()
    former = Former(return_paths.given_up_domains(estate, marks))
    assert former.domains == (("transactional", "bounce.shop.example"),)

    def of(name: str, records: tuple[Record, ...]) -> set[tuple[str, str]]:
        return {(one.type, one.data) for one in records if one.owner == name}

    before = of("bounce.shop.example", derive(ESTATE, ()))
    assert before
    assert of("bounce.shop.example", derive(estate, (), (), former)) == before
    assert of("bounce.shop.example", derive(estate, ())) == set()
    rest = {r.data for r in derive(estate, (), (), former)} - {r.data for r in derive(estate, ())}
    assert rest == set()
    assert derive(estate, (), (), former) != derive(estate, ())


def test_of_a_stream_that_is_gone_mail_may_come_back_and_none_is_promised_to_leave() -> None:
    records = derive(ESTATE, (), (), Former((("newsletter", "bounce.old.shop.example"),)))
    (mx,) = [one for one in records if one.owner == "bounce.old.shop.example"]
    assert (mx.type, mx.data) == ("MX", "10 mail1.shop.example.")


def test_a_host_that_drains_a_stream_may_still_send_it() -> None:
    away = ip_address("203.0.113.9")
    former = Former(draining=(("transactional", away), ("newsletter", away)))
    records = {r.owner: r.data for r in derive(ESTATE, (), (), former) if "v=spf1" in r.data}
    assert f"ip4:{away} " in records["bounce.shop.example"]
    assert f"ip4:{away} " not in records["bounce.news.shop.example"]
    assert f"ip4:{away} " not in records["out1.shop.example"]
