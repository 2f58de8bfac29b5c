"""The tally of the fault matrix: each fault of a message is seen."""

from __future__ import annotations

from lab.mail.tally import Copy, Handed, count

HANDED = (
    Handed("a", "accepted", "250"),
    Handed("b", "accepted", "250"),
    Handed("c", "refused", "450"),
    Handed("d", "unknown", "closed"),
)
ARRIVED = (Copy("a", is_signed=True), Copy("b", is_signed=True))
ONCE = {"a": 1, "b": 1}


def test_a_clean_tally_counts_what_was_handed_in() -> None:
    tally = count(HANDED, ARRIVED, ONCE)
    assert tally.is_clean
    assert (tally.accepted, tally.refused, tally.unknown) == (2, 1, 1)
    assert str(tally) == "2 accepted"


def test_what_was_accepted_and_is_nowhere_is_lost() -> None:
    tally = count(HANDED, ARRIVED[:1], ONCE)
    assert tally.lost == ("b",)
    assert not tally.is_clean
    assert str(tally) == "2 accepted; lost: b"


def test_what_was_returned_or_waits_is_not_lost() -> None:
    assert count(HANDED, ARRIVED[:1], ONCE, returned={"b"}).is_clean
    assert count(HANDED, ARRIVED[:1], ONCE, waiting={"b"}).is_clean


def test_one_unsigned_copy_is_enough() -> None:
    copies = (*ARRIVED, Copy("b", is_signed=False))
    tally = count(HANDED, copies, ONCE)
    assert tally.unsigned == ("b",)
    assert not tally.is_clean


def test_a_copy_too_many_is_allowed_where_the_first_was_never_acknowledged() -> None:
    tally = count(HANDED, (*ARRIVED, ARRIVED[0]), ONCE)
    assert tally.repeated == ("a",)
    assert tally.is_clean


def test_sent_again_although_acknowledged_is_a_duplicate() -> None:
    tally = count(HANDED, (*ARRIVED, ARRIVED[0]), {"a": 2, "b": 1})
    assert tally.duplicated == ("a",)
    assert tally.repeated == ()
    assert not tally.is_clean


def test_an_unknown_end_may_have_arrived_or_not() -> None:
    assert count(HANDED, ARRIVED, ONCE).is_clean
    assert count(HANDED, (*ARRIVED, Copy("d", is_signed=True)), {**ONCE, "d": 1}).is_clean
