"""From: as strangers and shops write it: what is taken has one address, the same for every reader.

The patterns of header_checks and the policy in the signer are run as they stand on a host.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice

import lupa.lua54 as lupa
import pytest

from tests.strange import fields, readers
from tests.unit import estates
from tests.unit.declarations import HASH, declaration, put
from tests.unit.postfix_tables import pcre

QUEUE_ID = "4cjWzF6Xb5z5tF"
NUMBER = 2000
ESTATE = estates.estate(declaration())
MAIL1 = ESTATE.host("mail1")
FACTS = estates.facts(ESTATE, MAIL1)
CHECKS = estates.text("/etc/postfix-transactional/header_checks", ESTATE, MAIL1, FACTS)
POLICY = estates.text("/etc/postroad/transactional/policy.lua", ESTATE, MAIL1, FACTS)


Fields = Callable[[int], Iterator[bytes]]
FIELDS = pytest.mark.parametrize("made", [fields.honest, fields.hostile], ids=["honest", "hostile"])


def passes_checks(field: bytes, name: str = "From") -> bool:
    """Whether Postfix lets the field through to the signer. It sees a fold as one octet less."""
    text = field.replace(b"\r\n", b"\n").decode("latin-1")
    answer = pcre(CHECKS, f"{name}: {text}") or ""
    assert answer.startswith(("DUNNO", "REJECT 5."))
    return answer == "DUNNO"


class Signer:
    """The policy in a signer that gives it one message: its header, and the login."""

    def __init__(self, header: dict[str, list[bytes]], login: str | None = "shop") -> None:
        self.header = {
            name: [v.decode("latin-1") for v in values] for name, values in header.items()
        }
        self.login = login
        self.said: list[str] = []
        self.results: list[str] = []

    def get_header(self, ctx: object, name: str, number: int) -> str | None:
        return dict(enumerate(self.header.get(name, []))).get(number)

    def get_mtasymbol(self, ctx: object, name: str) -> str | None:
        return {"{auth_authen}": self.login, "i": QUEUE_ID}[name]

    def log(self, ctx: object, text: str) -> None:
        self.said.append(text)

    def set_result(self, ctx: object, result: str) -> None:
        self.results.append(result)

    def refuses(self, policy: str = POLICY) -> bool:
        """Whether the policy refuses the message."""
        runtime = lupa.LuaRuntime(encoding="latin-1")
        names = ("get_header", "get_mtasymbol", "log", "set_result")
        given = runtime.globals()
        given.odkim = runtime.table_from({name: getattr(self, name) for name in names})
        given.ctx, given.SMFIS_REJECT, given.SMFIS_TEMPFAIL = 0, "refused", "deferred"
        runtime.execute(policy)
        return "refused" in self.results


def passes_policy(field: bytes) -> bool:
    return not Signer({"From": [field]}).refuses()


@cache
def taken(made: Fields) -> tuple[bytes, ...]:
    """The fields of a generator that are let through."""
    return tuple(field for field in islice(made(12), NUMBER) if passes_checks(field))


def test_no_honest_field_is_refused() -> None:
    refused = [f for f in islice(fields.honest(12), NUMBER) if not passes_checks(f)]
    assert refused == []


@FIELDS
def test_the_checks_and_the_policy_are_of_one_mind(made: Fields) -> None:
    """The second holds where the first is taken away, and asks nothing more of what is honest."""
    differ = [f for f in islice(made(12), NUMBER) if passes_checks(f) != passes_policy(f)]
    assert differ == []


def address_seen_by_policy(field: bytes) -> str:
    """The address that the login is held against."""
    signer = Signer({"From": [field]}, login="nobody")
    assert signer.refuses()
    (said,) = signer.said
    found = re.fullmatch(rf"{QUEUE_ID}: refused: login nobody may not write From: (\S+)", said)
    assert found, said
    return found[1]


@pytest.mark.parametrize("reader", readers.PYTHON)
@FIELDS
def test_every_reader_sees_the_address_that_the_login_is_held_against(
    reader: str, made: Fields
) -> None:
    read = readers.PYTHON[reader]
    seen = ((f, read(f), address_seen_by_policy(f)) for f in taken(made))
    wrong = [readers.disagreement(reader, found, f, ours) for f, found, ours in seen]
    assert [said for said in wrong if said] == []


# Tried by hand, and what it says to those who meet it.
REFUSED = (
    'Mario"s Pizza <{a}>',
    '( " ) <{b}> ( " ) <{a}>',
    "Shop, Inc. <{a}>",
    "Shop: {a};",
    "{b}, {a}",
    "<> {a}",
    "Shop [ <{a}>",
    "Shop ( <{a}>",
    '"ceo"@shop.example',
    "=?utf-8?q?ceo?=@shop.example",
)


@pytest.mark.parametrize("form", REFUSED)
@pytest.mark.parametrize("name", ["From", "Sender"])
def test_what_cannot_be_read_in_one_way_is_refused_with_what_to_write(form: str, name: str) -> None:
    field = form.replace("{a}", fields.ADDRESS).replace("{b}", fields.BORROWED)
    answer = pcre(CHECKS, f"{name}: {field}") or ""
    assert answer.startswith('REJECT 5.6.0 write From: as "Name" <somebody@shop.example>')


@pytest.mark.parametrize("name", ["From", "Sender"])
@pytest.mark.parametrize("form", ["{a}", "Shop <{a}>", "{a} (Shop)", '"A, B" <{a}>'])
def test_an_address_longer_than_any_path_is_refused_with_its_length(form: str, name: str) -> None:
    """OpenDKIM cuts it, finds no key for what is left, and says 451 for ever."""
    for octets, begins in ((254, "DUNNO"), (255, "REJECT 5.6.0 "), (900, "REJECT 5.6.0 ")):
        address = "o" * (octets - len("@shop.example")) + "@shop.example"
        answer = pcre(CHECKS, f"{name}: {form.format(a=address)}") or ""
        assert answer.startswith(begins), octets
        assert ("254 octets" in answer) == (octets > 254)


@pytest.mark.parametrize("form", ["{a}", "Shop <{a}>", "{a} (Shop)"])
def test_a_domain_beyond_ascii_is_told_its_own_form(form: str) -> None:
    field = form.format(a="orders@b\u00fccher.example").encode().decode("latin-1")
    assert "xn--" in (pcre(CHECKS, f"From: {field}") or "")
    other = "J\u00f6rg <orders@shop.example>, b@shop.example".encode().decode("latin-1")
    assert "xn--" not in (pcre(CHECKS, f"From: {other}") or "")


@pytest.mark.parametrize(
    ("address", "login", "is_refused"),
    [
        ("bounce@bounce.shop.example", "shop", False),
        ("Bounce+42=a.example@bounce.shop.example", "shop", False),
        ("returns@bounce.shop.example", "shop", True),
        ("returns@bounce.shop.example", "erp", False),
        ("returns+1@bounce.shop.example", "erp", True),
        ("bounce@bounce.shop.example", "erp", True),
        ("bounce+42@bounce.shop.example", "erp", True),
        ("bounce@bounce.shop.example", "nobody", True),
        ("bounce@bounce.shop.example", None, True),
        ("bounce@bounce.news.shop.example", "shop", True),
    ],
)
def test_sender_may_be_the_login_s_own_return_path_and_from_may_not(
    address: str, login: str | None, is_refused: bool
) -> None:
    users = {
        "shop": {"passwords": [HASH]},
        "erp": {"passwords": [HASH], "envelope": ["returns@bounce.shop.example"]},
    }
    estate = estates.estate(put(declaration(), ("streams", "transactional", "users"), users))
    policy = estates.text(
        "/etc/postroad/transactional/policy.lua", estate, estate.host("mail1"), FACTS
    )
    field = f"Shop <{address}>".encode()
    own = ESTATE.system_sender.encode() if login is None else b"orders@shop.example"
    assert Signer({"From": [own], "Sender": [field]}, login).refuses(policy) is is_refused
    assert Signer({"From": [field]}, login).refuses(policy)


@pytest.mark.parametrize("name", ["From ", "From\t", "From\x01", "from ", "Sender "])
def test_a_name_that_readers_do_not_agree_on_is_refused(name: str) -> None:
    assert (pcre(CHECKS, f"{name}: {fields.ADDRESS}") or "").startswith("REJECT ")


@pytest.mark.parametrize(
    ("line", "fate"),
    [
        (f"Resent-From: {fields.ADDRESS}", "REJECT"),
        (f"resent-sender : {fields.ADDRESS}", "REJECT"),
        ("DKIM-Signature: v=1; d=shop.example; b=x", "IGNORE"),
        ("Dkim-Signature : v=1", "IGNORE"),
        ("Authentication-Results: mx.example; dkim=pass", "IGNORE"),
        ("ARC-Seal: i=1", "IGNORE"),
        ("Reply-To: anybody at all", None),
        ("X-From: anybody at all", None),
    ],
)
def test_what_only_others_may_write_is_dropped_or_refused(line: str, fate: str | None) -> None:
    answer = pcre(CHECKS, line)
    assert (answer and answer.split()[0]) == fate


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({}, "no From: header"),
        ({"From": [b"a@shop.example", b"a@shop.example"]}, "more than one From: header"),
        ({"Sender": [b"a@shop.example"] * 2}, "more than one Sender: header"),
        ({"Sender": [b"ceo@elsewhere.example"]}, "may not write Sender: ceo@elsewhere.example"),
        ({"Sender": [b'Mario"s <a@shop.example>']}, "Sender: must hold exactly one plain address"),
    ],
)
def test_the_policy_binds_the_login_to_from_and_sender(
    header: dict[str, list[bytes]], why: str
) -> None:
    whole = {"From": [b"orders@shop.example"], **header} if header else {}
    signer = Signer(whole)
    assert signer.refuses()
    assert why in signer.said[0]


@pytest.mark.parametrize("sign", ["(", "()", '"', "\\(", "[", "a", "<", "(a ", "=?"])
def test_the_time_that_a_field_takes_grows_with_its_length_alone(sign: str) -> None:
    """56 kB of comments in each other took 52 s. What is too long is not looked at."""
    for length in (900, 56_000):
        field = (sign * length)[:length].encode() + b" <orders@shop.example>"
        started = time.process_time()
        passes_policy(field)
        passes_checks(field)
        assert time.process_time() - started < 1
