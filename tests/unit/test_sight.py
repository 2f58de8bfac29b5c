"""Whether the world sees a key: asked of real name servers on loopback."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import IPv4Address

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from postroad.dns import sight
from postroad.dns.dkim import LiveKey

KEY = LiveKey("mail1", "marketing", "news.shop.example", "202611-mail1", "MIIBIjAN")
RIGHT = '"v=DKIM1; k=rsa; h=sha256; t=s; p=MIIB" "IjAN"'
ADDRESSES = (IPv4Address("127.0.0.51"), IPv4Address("127.0.0.52"))


@contextmanager
def resolver(address: IPv4Address, zone: Mapping[str, list[str]]) -> Iterator[None]:
    """A name server that has these TXT records, of some names none, and refuses everything else."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, peer = self.request
            asked = dns.message.from_wire(data)
            answer = dns.message.make_response(asked)
            answer.flags |= dns.flags.RA
            name = asked.question[0].name
            texts = zone.get(name.to_text(omit_final_dot=True))
            if texts is None:
                answer.set_rcode(dns.rcode.REFUSED)
            elif not texts:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            else:
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *texts))
            peer.sendto(answer.to_wire(), self.client_address)

    with socketserver.ThreadingUDPServer((str(address), PORT), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


PORT = 15353


@pytest.fixture(autouse=True)
def _away_from_the_real_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sight, "PORT", PORT)
    monkeypatch.setattr(sight, "SECONDS", 1.0)


def seen(*zones: Mapping[str, list[str]]) -> frozenset[str]:
    first, second = zones
    with resolver(ADDRESSES[0], first), resolver(ADDRESSES[1], second):
        return sight.seen_by_all(ADDRESSES, [KEY])


def test_a_key_that_every_resolver_shows() -> None:
    assert seen({KEY.owner: [RIGHT]}, {KEY.owner: [RIGHT]}) == {KEY.owner}


@pytest.mark.parametrize(
    "other",
    [
        {},
        {KEY.owner: ['"v=DKIM1; k=rsa; p=AAAA"']},
        {KEY.owner: ['"v=DKIM1; p="']},
        {KEY.owner: [RIGHT, '"v=DKIM1; k=rsa; p=AAAA"']},
        {KEY.owner: ['"no tags at all"']},
    ],
    ids=["refused", "another key", "revoked", "two records", "rubbish"],
)
def test_a_key_that_one_resolver_shows_otherwise(other: Mapping[str, list[str]]) -> None:
    assert seen({KEY.owner: [RIGHT]}, other) == frozenset()


def test_a_resolver_that_is_silent_has_not_seen_it() -> None:
    with resolver(ADDRESSES[0], {KEY.owner: [RIGHT]}):
        assert sight.seen_by_all(ADDRESSES, [KEY]) == frozenset()


def test_without_keys_nobody_is_asked() -> None:
    assert sight.seen_by_all(ADDRESSES, []) == frozenset()


@pytest.mark.parametrize(
    ("other", "absent"),
    [
        ({KEY.owner: []}, {KEY.owner}),
        ({KEY.owner: ['"v=DKIM1; p="']}, set()),
        ({}, set()),
    ],
    ids=["no such name", "still there", "refused"],
)
def test_a_name_is_absent_where_every_resolver_says_so(
    other: Mapping[str, list[str]], absent: set[str]
) -> None:
    with resolver(ADDRESSES[0], {KEY.owner: []}), resolver(ADDRESSES[1], other):
        assert sight.absent_for_all(ADDRESSES, [KEY.owner]) == absent
    assert sight.absent_for_all(ADDRESSES, []) == frozenset()
