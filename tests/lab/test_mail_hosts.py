"""Mail goes to no address that a mail host of the internet cannot have, whatever a record says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.mail import letters, road, shop
from lab.world.zone_text import Record
from tests.lab import host as inside
from tests.lab import mail
from tests.lab.variants import variant

HOSTS = ("mail1", "mail2")
ZONE = "evil.example."
REASON = "mail hosts at private, loopback or other special addresses are not delivered to"

# A name that has these addresses, and one whose mail hosts these are.
ADDRESSES = {
    "loopback": ["127.0.0.1"],
    "this": ["0.0.0.0"],
    "link": ["169.254.169.254"],
    "private": ["10.0.0.1"],
    "carrier": ["100.64.0.1"],
    "broadcast": ["255.255.255.255"],
    "loopback6": ["::1"],
    "unique": ["fd00::1"],
    "link6": ["fe80::1"],
    "mapped": ["::ffff:127.0.0.1"],
    "nat64": ["64:ff9b::7f00:1"],
    "sixtofour": ["2002:7f00:1::1"],
    "both": ["192.168.0.1", "fd00::1"],
}
# Mail hosts that are numbers: smtp(8) takes them for addresses (inet_aton(3)).
NUMBERS = {"number": "127.0.0.1.", "short": "0x7f.1.", "hex": "0x7f000001.", "six": r"\058\0581."}
NO_RECIPIENTS = (
    "x@[127.0.0.1]",
    "x@[{neighbour}]",
    "x@[IPv6:::1]",
    "x@[IPv6:{neighbour6}]",
    "x@127.0.0.1",
    "x@127.1",
    "x@2130706433",
    "x@0x7f.1",
    "x@0x7f000001.",
    "x@0177.0.0.1",
    "x%[127.0.0.1]",
    "x%0x7f.1",
    "x%[127.0.0.1]@[{address}]",
    "x%0x7f.1@[{address}]",
    "[127.0.0.1]!x",
    "@a.example:x@[127.0.0.1]",
    "x@a.example@[127.0.0.1]",
)

on_each = pytest.mark.parametrize("name", HOSTS)


def _records() -> Iterator[Record]:
    for name, addresses in ADDRESSES.items():
        for address in addresses:
            yield (f"{name}.{ZONE}", 60, "AAAA" if ":" in address else "A", address)
        yield (f"mx-{name}.{ZONE}", 60, "MX", f"10 {name}.{ZONE}")
    for name, number in NUMBERS.items():
        yield (f"mx-{name}.{ZONE}", 60, "MX", f"10 {number}")
    yield (f"alias.{ZONE}", 60, "CNAME", f"loopback.{ZONE}")
    yield (f"mx-alias.{ZONE}", 60, "CNAME", f"mx-private.{ZONE}")
    yield (f"mx-two.{ZONE}", 60, "MX", f"10 private.{ZONE}")
    yield (f"mx-two.{ZONE}", 60, "MX", f"20 unique.{ZONE}")
    yield (f"mx-mixed.{ZONE}", 60, "MX", f"10 loopback.{ZONE}")
    yield (f"mx-mixed.{ZONE}", 60, "MX", "20 mx.bigmail.example.")


@pytest.fixture(scope="module")
def evil(deployed: Lab) -> Iterator[Lab]:
    """A domain whose owner writes into its zone what he likes."""
    deployed.dns.load_zone(ZONE, _records())
    road.forget_names(deployed)
    yield deployed
    deployed.dns.remove_zone(ZONE)
    for name in HOSTS:
        inside.empty(deployed.targets[name], "transactional")


def _send(lab: Lab, name: str, recipients: Iterable[str]) -> int:
    """Hand in a receipt for each of them; how long the stream's log was before that."""
    before = len(inside.log(lab.targets[name], "transactional"))
    password = shop.password(shop.USERS["transactional"])
    for recipient in recipients:
        reply = mail.offer(lab, name, letters.receipt(recipient), password)
        assert reply.is_accepted, f"{recipient}: {reply}"
    return before


def _became(guest: Guest, recipients: Iterable[str], skip: int) -> Mapping[str, str]:
    """What became of each recipient's mail in its first try: status, code and text."""
    tried = r"to=<%s>, .* dsn=(\S+), status=(\w+) \((.*)\)"
    found = {
        to: inside.wait_for_log(guest, "transactional", tried % re.escape(to), skip)
        for to in recipients
    }
    return {to: f"{said[2]} {said[1]} {said[3]}" for to, said in found.items()}


@on_each
def test_a_record_that_names_no_mail_host_makes_a_bounce(name: str, evil: Lab) -> None:
    """By MX, by address alone and by alias; at once, and with the reason."""
    names = [*ADDRESSES, *(f"mx-{n}" for n in (*ADDRESSES, *NUMBERS, "alias", "two")), "alias"]
    recipients = [f"x@{one}.evil.example" for one in names]
    before = _send(evil, name, recipients)
    became = _became(evil.targets[name], recipients, before)
    other = {to: said for to, said in became.items() if f"bounced 5.7.1 {REASON}" not in said}
    assert other == {}


@on_each
def test_a_mail_host_beside_one_that_is_none_is_tried(name: str, evil: Lab) -> None:
    before = _send(evil, name, ["x@mx-mixed.evil.example"])
    (said,) = _became(evil.targets[name], ["x@mx-mixed.evil.example"], before).values()
    assert "host mx.bigmail.example[" in said, said


@on_each
def test_an_address_is_no_recipient(name: str, deployed: Lab) -> None:
    stream, user = "transactional", shop.USERS["transactional"]
    neighbour = deployed.hosts["strictmail"]
    values = {
        "address": deployed.targets[name].ipv4[0],
        "neighbour": neighbour.ipv4[0],
        "neighbour6": neighbour.ipv6[0],
    }
    tried = [one.format(**values) for one in NO_RECIPIENTS]
    server, port = mail.DOORS[name, stream]
    said: dict[str, str] = {}
    # After ten refusals smtpd(8) takes a second for each (smtpd_soft_error_limit).
    for some in (tried[:9], tried[9:]):
        steps = [b"EHLO app\r\n", f"MAIL FROM:<{letters.ENVELOPE[stream]}>\r\n".encode()]
        steps += [f"RCPT TO:<{one}>\r\n".encode() for one in some]
        replies = deployed.app.converse(
            server, port, steps, user=user, password=shop.password(user)
        )
        said |= dict(zip(some, replies[2:], strict=False))
    assert {to: reply for to, reply in said.items() if reply[0] != "5"} == {}
    assert said["x@[127.0.0.1]"].startswith("550 5.1.2 <x@[127.0.0.1]>")
    assert said["x@0x7f.1"].startswith("550 5.1.2 ")


@pytest.fixture
def undeclared(evil: Lab, tmp_path: Path, mended: None) -> Lab:
    """The lab, whose estate does not say that its providers are in private networks."""
    changes = {"hosts": shop.estate(evil)["hosts"], "private_networks": []}
    done = variant(tmp_path, changes).deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    return evil


def _calls(lab: Lab, guest: Guest) -> int:
    """How often this host has connected to bigmail, as bigmail tells it."""
    own = "|".join(re.escape(f"[{address}]") for address in (*guest.ipv4, *guest.ipv6))
    return len(re.findall(rf"connect from \S*({own})", "\n".join(lab.providers["bigmail"].log())))


def _came_home(guest: Guest, recipient: str) -> bool:
    """Whether a bounce for this recipient is in the stream's mailbox, with the reason."""
    bounces = (m.as_string() for m in inside.mailbox(guest, "transactional/bounces"))
    return any(recipient in bounce and "5.7.1" in bounce for bounce in bounces)


def test_without_its_declaration_no_private_network_is_reached(undeclared: Lab) -> None:
    """First by Postfix's tables, which bounce; then, without these, by the kernel alone.

    Our own hosts are reached all the same: the bounce comes home.
    """
    local = "x@mx-loopback.evil.example"
    for name in HOSTS:
        guest = undeclared.targets[name]
        to = undeclared.providers["bigmail"].address(f"undeclared-{uuid4().hex[:8]}")
        calls = _calls(undeclared, guest)
        (said,) = _became(guest, [to], _send(undeclared, name, [to])).values()
        assert f"bounced 5.7.1 {REASON}" in said, said
        wait_until(partial(_came_home, guest, to), 10, f"{name}: the bounce")

        postconf = "postconf -c /etc/postfix-transactional -e smtp_dns_reply_filter="
        guest.run(f"{postconf} && systemctl reload postroad-postfix@transactional.service")
        tried = _became(guest, [to, local], _send(undeclared, name, [to, local]))
        for recipient, said in tried.items():
            assert re.match(r"deferred 4\.4\.1 connect to .*: Connection refused", said), recipient
        assert _calls(undeclared, guest) == calls
