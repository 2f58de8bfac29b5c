"""Which messages a test consists of, as whom, and what stands in them."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from postroad.settings.model import Estate, SecretRef
from postroad.watch.send_test.letter import SenderError, letter, sender_of
from postroad.watch.send_test.logins import LoginError, source_of
from postroad.watch.send_test.plan import Meant, MeantError, trials
from tests.unit import estates
from tests.unit.declarations import HASH, Declaration, declaration, put, two_hosts

BOTH = estates.estate(two_hosts())
USERS: Declaration = {
    "shop": {"passwords": [HASH]},
    "till": {"passwords": [HASH], "from": ["till@shop.example"]},
}
TWO_LOGINS = estates.estate(put(declaration(), ("streams", "transactional", "users"), USERS))


def meant(estate: Estate, **what: Any) -> list[tuple[str, str, str, str]]:
    return [
        (one.host.name, one.stream.name, one.user.name, one.sender)
        for one in trials(estate, Meant("me@mail.example", **what))
    ]


def test_a_message_for_each_stream_of_each_host() -> None:
    shop = ("transactional", "shop", "send-test@shop.example")
    news = ("marketing", "campaigns", "send-test@news.shop.example")
    assert meant(BOTH) == [
        ("mail1", *shop),
        ("mail1", *news),
        ("mail2", *shop),
        ("mail2", *news),
    ]
    assert meant(BOTH, host="mail2", stream="marketing") == [("mail2", *news)]
    assert meant(BOTH, sender="@news.shop.example", host="mail1") == [("mail1", *news)]


def test_a_stream_with_several_logins_is_tested_as_the_one_that_is_named() -> None:
    with pytest.raises(LoginError, match="has the logins shop, till: name one of them"):
        meant(TWO_LOGINS)
    with pytest.raises(LoginError, match="has the logins shop, till"):
        meant(TWO_LOGINS, logins=["shop", "till"])
    found = meant(TWO_LOGINS, logins=["till"])
    assert found[0] == ("mail1", "transactional", "till", "till@shop.example")
    assert found[1][2] == "campaigns"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"host": "mail11"}, "the estate has no host mail11; write mail1"),
        ({"host": "x"}, "the estate has no host x; it has mail1, mail2"),
        ({"logins": ["campaings"]}, "no login campaings; write campaigns"),
        ({"sender": "@toys.example"}, "no From: domain toys.example; it has shop.example, news"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(what: Declaration, words: str) -> None:
    with pytest.raises(MeantError, match=words):
        meant(BOTH, **what)


def test_a_login_and_an_address_are_one_in_any_case_as_for_the_server() -> None:
    users = {
        "WooCommerce": {"passwords": [HASH]},
        "till": {"passwords": [HASH], "from": ["Till@shop.example"]},
    }
    estate = estates.estate(put(declaration(), ("streams", "transactional", "users"), users))
    for written in ("woocommerce", "WooCommerce", "WOOCOMMERCE"):
        assert meant(estate, logins=[written])[0][2] == "WooCommerce"
    assert meant(estate, logins=["till"], sender="tILL@SHOP.example")[0][2] == "till"
    assert meant(estate, logins=["Till"], sender="Till@shop.example")[0][3] == "Till@shop.example"
    with pytest.raises(SenderError, match="may not send as orders@"):
        meant(estate, logins=["till"], sender="orders@shop.example")


def test_a_stream_that_the_estate_or_the_host_has_not_is_told() -> None:
    alone = two_hosts()
    del alone["hosts"]["mail2"]["ways_out"]["marketing"]
    with pytest.raises(MeantError, match="no host that is meant carries marketing"):
        meant(estates.estate(alone), host="mail2", stream="marketing")
    one = declaration()
    del one["streams"]["marketing"], one["hosts"]["mail1"]["ways_out"]["marketing"]
    one["hosts"]["mail1"].pop("ipv6")
    with pytest.raises(MeantError, match="no stream marketing; it has transactional"):
        meant(estates.estate(one), stream="marketing")


def test_what_a_login_may_not_write_is_not_tried() -> None:
    (_, till) = TWO_LOGINS.stream("transactional").users
    assert sender_of(till, "till@shop.example") == "till@shop.example"
    with pytest.raises(SenderError, match=r"may not send as orders@shop\.example; its From"):
        sender_of(till, "orders@shop.example")
    with pytest.raises(SenderError, match="every From: domain of the login till waits"):
        sender_of(till, waiting=["shop.example"])


def test_the_message_says_what_it_is_and_is_one_that_honest_programs_write() -> None:
    stream = BOTH.stream("marketing")
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    sender = "send-test@news.shop.example"
    made = letter("mail2", stream, stream.users[0], sender, "me@mail.example", "3f2a", now)
    assert made.mail_from == "bounce@bounce.news.shop.example"
    read = message_from_bytes(made.octets, policy=default)
    assert read["Subject"] == made.subject == "postroad test 3f2a: marketing on mail2"
    assert (read["From"], read["To"]) == (sender, "me@mail.example")
    assert read["Message-ID"] == "<3f2a@news.shop.example>"
    assert read["Date"].datetime == now
    assert b"\n" not in made.octets.replace(b"\r\n", b"")
    assert max(map(len, made.octets.splitlines())) < 100


@pytest.mark.parametrize(
    ("text", "login", "source", "value"),
    [
        ("shop=env:SHOP_PASSWORD", "shop", "env", ("SHOP_PASSWORD",)),
        ("shop=file:~/a=b:c", "shop", "file", ("~/a=b:c",)),
        (
            "shop=command:pass show 'mail/my shop'",
            "shop",
            "command",
            ("pass", "show", "mail/my shop"),
        ),
    ],
)
def test_a_password_is_named_by_where_it_is(
    text: str, login: str, source: Any, value: tuple[str, ...]
) -> None:
    assert source_of(text) == (login, SecretRef(source, value))


@pytest.mark.parametrize("text", ["hunter2", "shop=hunter2", "shop:hunter2", "shop=env:", "=env:X"])
def test_a_password_that_is_typed_there_is_not_repeated_but_warned_of(text: str) -> None:
    with pytest.raises(LoginError) as told:
        source_of(text)
    assert "hunter2" not in str(told.value)
    assert "change it" in str(told.value)


def test_a_command_that_no_shell_would_split_is_no_source() -> None:
    with pytest.raises(LoginError):
        source_of("shop=command:pass 'show")
