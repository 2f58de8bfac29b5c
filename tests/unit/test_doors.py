"""What a run says at its end of where mail is submitted."""

from __future__ import annotations

from typing import Any

from postroad.mail.doors import Door, box
from postroad.settings.model import Estate
from postroad.settings.terminal import WIDE
from tests.unit import estates
from tests.unit.declarations import HASH, Declaration, declaration, put, two_hosts

NOBODY: dict[str, str] = {}


def doors(estate: Estate, **shut: str) -> list[Door]:
    """Every door of the estate; ``shut`` is by host, and holds for both streams."""
    return [
        Door(host, stream, shut.get(host.name, ""))
        for host in estate.hosts
        for stream, _ in estate.streams_of(host)
    ]


def many(count: int) -> Estate:
    """So many hosts, each with one address."""
    hosts: dict[str, Any] = {
        f"mail{number}": {
            "hostname": f"mail{number}.shop.example",
            "ipv4": f"192.0.2.{number}",
            "shared_address": True,
            "ways_out": {"transactional": {}, "marketing": {}},
        }
        for number in range(1, count + 1)
    }
    return estates.estate(put(declaration(), ("hosts",), hosts))


def told(estate: Estate, found: list[Door]) -> str:
    return box(estate, found, NOBODY, NOBODY)


def test_each_open_stream_has_its_servers_ports_login_and_addresses() -> None:
    estate = estates.estate(two_hosts())
    assert told(estate, doors(estate)) == (
        f"+-- Where mail is submitted {'-' * (WIDE - 28)}\n"
        "| The transactional stream is open on mail1, mail2.\n"
        "|   port 587 (STARTTLS) or 465 (TLS) of out1.shop.example (mail1), mail2.shop.example\n"
        "|   from 198.51.100.32/27\n"
        "|   login shop, MAIL FROM bounce@bounce.shop.example, From: at shop.example\n"
        "| The marketing stream is open on mail1, mail2.\n"
        "|   port 587 (STARTTLS) or 465 (TLS) of news1.shop.example (mail1)\n"
        "|   port 2587 (STARTTLS) or 2465 (TLS) of mail2.shop.example\n"
        "|   from 198.51.100.32/27\n"
        "|   login campaigns, MAIL FROM bounce@bounce.news.shop.example,"
        " From: at news.shop.example\n"
        "| To see a message arrive: postroad send-test INVENTORY YOUR-ADDRESS\n"
        f"+{'-' * (WIDE - 1)}"
    )


def test_logins_with_rights_of_their_own_are_told_apart() -> None:
    users: Declaration = {
        "shop": {"passwords": [HASH]},
        "till": {"passwords": [HASH]},
        "returns": {
            "passwords": [HASH],
            "from": ["returns@shop.example"],
            "envelope": ["back@bounce.shop.example"],
        },
    }
    declared = put(declaration(), ("streams", "transactional", "users"), users)
    estate = estates.estate(declared)
    said = told(estate, doors(estate))
    assert (
        "|   login shop, till, MAIL FROM bounce@bounce.shop.example, From: at shop.example\n"
        in said
    )
    assert (
        "|   login returns, MAIL FROM back@bounce.shop.example, From: returns@shop.example\n"
        in said
    )


def test_what_is_closed_is_a_line_that_can_be_looked_for() -> None:
    estate = estates.estate(two_hosts())
    why = "there is no DKIM key at 202611-mail2._domainkey.shop.example" + " and so on" * 5
    said = told(estate, doors(estate, mail2=why))
    assert "| The transactional stream is open on mail1.\n" in said
    assert f"| The transactional stream is closed on mail2: {why}.\n" in said
    assert f"| The marketing stream is closed on mail2: {why}.\n" in said


def test_a_host_without_a_certificate_or_an_answer_is_told_and_nothing_else_of_it() -> None:
    estate = estates.estate(two_hosts())
    ours = [door for door in doors(estate) if door.host.name == "mail1"]
    said = box(estate, ours, {"mail2": "there is no certificate yet"}, NOBODY)
    assert "| Submission is closed on mail2: there is no certificate yet.\n" in said
    assert "mail2.shop.example" not in said
    said = box(estate, ours, NOBODY, {"mail2": "the run failed there"})
    assert "| Nothing is known of mail2: the run failed there.\n" in said
    assert "mail2.shop.example" not in said
    said = box(estate, [], NOBODY, {"mail1": "it was not reached", "mail2": "it was not reached"})
    assert "| Nothing is known of mail1, mail2: it was not reached.\n" in said
    assert "open" not in said
    assert "send-test" not in said, "nothing takes it"


def test_a_domain_that_waits_stands_below_the_open_stream() -> None:
    estate = estates.estate(declaration())
    (door, _) = doors(estate)
    waits = {
        "toys.shop.example": "there is no DKIM key at 202611-mail1._domainkey.toys.shop.example"
    }
    away = {"192.0.2.12": "it has no PTR record"}
    said = told(estate, [Door(door.host, door.stream, waiting=waits, unused=away)])
    assert "|   but 192.0.2.12 is not used yet on mail1: it has no PTR record.\n" in said
    assert "The transactional stream is open on mail1.\n" in said
    assert (
        "|   but From: toys.shop.example waits on mail1: there is no DKIM key at"
        " 202611-mail1._domainkey.toys.shop.example.\n" in said
    )


def test_thirty_hosts_stay_readable() -> None:
    estate = many(30)
    said = told(estate, doors(estate))
    assert "| The transactional stream is open on 30 hosts.\n" in said
    assert all(f"mail{n}.shop.example" in said for n in range(1, 31))
    assert said.count("587 (STARTTLS)") == 2
    assert all(len(line) <= WIDE for line in said.splitlines())
    assert len(said.splitlines()) < 30


def test_reasons_that_differ_by_the_host_alone_are_told_once() -> None:
    estate = many(30)
    shut = {
        host.name: f"there is no DKIM key at 202611-{host.name}._domainkey.shop.example"
        for host in estate.hosts
    }
    del shut["mail7"]
    shut["mail8"] = "192.0.2.8 has no PTR record"
    said = " ".join(told(estate, doors(estate, **shut)).replace("\n|", "").split())
    assert "The transactional stream is open on mail7." in said
    assert "mail29, mail30: there is no DKIM key at 202611-HOST._domainkey.shop.example." in said
    assert "The transactional stream is closed on mail8: 192.0.2.8 has no PTR record." in said
    assert said.count("there is no DKIM key") == 2
    assert len(told(estate, doors(estate, **shut)).splitlines()) <= 20
