"""The books of the fault matrix: each fault of a message is seen."""

from __future__ import annotations

from lab.ledger import Copy, Handed, balance

HANDED = (
    Handed("a", "accepted", "250"),
    Handed("b", "accepted", "250"),
    Handed("c", "refused", "450"),
    Handed("d", "unknown", "closed"),
)
ARRIVED = (Copy("a", is_signed=True), Copy("b", is_signed=True))
ONCE = {"a": 1, "b": 1}


def test_clean_books_count_what_was_handed_in() -> None:
    books = balance(HANDED, ARRIVED, ONCE)
    assert books.is_clean
    assert (books.accepted, books.refused, books.unknown) == (2, 1, 1)
    assert str(books) == "2 accepted"


def test_what_was_accepted_and_is_nowhere_is_lost() -> None:
    books = balance(HANDED, ARRIVED[:1], ONCE)
    assert books.lost == ("b",)
    assert not books.is_clean
    assert str(books) == "2 accepted; lost: b"


def test_what_was_returned_or_waits_is_not_lost() -> None:
    assert balance(HANDED, ARRIVED[:1], ONCE, returned={"b"}).is_clean
    assert balance(HANDED, ARRIVED[:1], ONCE, waiting={"b"}).is_clean


def test_one_unsigned_copy_is_enough() -> None:
    copies = (*ARRIVED, Copy("b", is_signed=False))
    books = balance(HANDED, copies, ONCE)
    assert books.unsigned == ("b",)
    assert not books.is_clean


def test_a_copy_too_many_is_allowed_where_the_first_was_never_acknowledged() -> None:
    books = balance(HANDED, (*ARRIVED, ARRIVED[0]), ONCE)
    assert books.repeated == ("a",)
    assert books.is_clean


def test_sent_again_although_acknowledged_is_a_duplicate() -> None:
    books = balance(HANDED, (*ARRIVED, ARRIVED[0]), {"a": 2, "b": 1})
    assert books.duplicated == ("a",)
    assert books.repeated == ()
    assert not books.is_clean


def test_an_unknown_end_may_have_arrived_or_not() -> None:
    assert balance(HANDED, ARRIVED, ONCE).is_clean
    assert balance(HANDED, (*ARRIVED, Copy("d", is_signed=True)), {**ONCE, "d": 1}).is_clean
