"""A message's journeys: out to strict receivers, in from the world, and from the host itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from itertools import product
from uuid import uuid4

import pytest

from lab.hosts.guest import wait_until
from lab.life.session import Lab
from lab.mail import letters, shop, verify
from lab.mail.letters import Letter
from lab.world.client import Tls
from lab.world.providers import Received
from postroad.settings.model import Estate, StreamName, WayOut
from postroad.settings.ports import SYSTEM_MAIL_PORT
from tests.lab import host

PROVIDERS = ("bigmail", "strictmail")
STREAMS: tuple[StreamName, ...] = ("transactional", "marketing")
WRITE = {"transactional": letters.receipt, "marketing": letters.campaign}


@dataclass(frozen=True)
class Journey:
    """A letter that was posted on mail1, and what the provider keeps of it."""

    stream: StreamName
    provider: str
    way: WayOut
    letter: Letter
    received: Received
    log: list[str]

    @property
    def results(self) -> str:
        return " ".join(" ".join(self.received.authentication_results).split())

    @property
    def hop(self) -> str:
        """The provider's own Received: line, the topmost."""
        return " ".join(str(self.received.message["Received"]).split())


@pytest.fixture(scope="module")
def posted(deployed: Lab, estate: Estate) -> dict[tuple[StreamName, str], Journey]:
    """A letter of each stream to each provider, by mail1; posted once for all tests below."""
    sent = []
    for stream, provider in product(STREAMS, PROVIDERS):
        letter = WRITE[stream](deployed.providers[provider].address("alice"))
        reply = letters.post(deployed, letter)
        assert reply.is_accepted, reply
        sent.append((stream, provider, letter))
    journeys = {}
    for stream, provider, letter in sent:
        received = deployed.providers[provider].wait_for(letter.subject)
        way = estate.host("mail1").way_out(stream)
        log = host.log(deployed.targets["mail1"], stream)
        journeys[stream, provider] = Journey(stream, provider, way, letter, received, log)
    return journeys


@pytest.fixture(params=list(product(STREAMS, PROVIDERS)), ids="-".join)
def journey(
    request: pytest.FixtureRequest, posted: dict[tuple[StreamName, str], Journey]
) -> Journey:
    found = posted[request.param]
    assert isinstance(found, Journey)
    return found


def test_the_signature_verifies_as_received(journey: Journey, deployed: Lab) -> None:
    assert verify.has_valid_signature(deployed, journey.received.raw)


def test_signature_and_return_path_are_aligned(journey: Journey) -> None:
    message = journey.received.message
    domain = str(message["From"]).rpartition("@")[2].rstrip(">")
    signatures = message.get_all("DKIM-Signature", [])
    assert len(signatures) == 1
    assert verify.tags(str(signatures[0]))["d"] == domain
    assert journey.received.envelope_from == letters.ENVELOPE[journey.stream]
    assert journey.received.envelope_from.endswith(f".{domain}")


def test_the_receiver_believes_it(journey: Journey) -> None:
    for method in ("spf", "dkim", "dmarc"):
        assert f"{method}=pass" in journey.results
        assert f"{method}=fail" not in journey.results


def test_it_comes_encrypted_from_the_streams_address_with_its_ptr_name(journey: Journey) -> None:
    seen = re.match(r"from (\S+) \((\S+) \[(?:IPv6:)?([^]]+)\]\) \(using (TLSv1\.\d)", journey.hop)
    assert seen, journey.hop
    helo, pointer, address, tls = seen.groups()
    assert helo == pointer.rstrip(".") == journey.way.helo
    assert address in {str(a) for a in journey.way.addresses}
    assert tls in ("TLSv1.2", "TLSv1.3")


def test_dane_is_verified_where_the_receiver_has_it(journey: Journey) -> None:
    mx = f"mx.{journey.provider}.example"
    levels = {
        found[1]
        for line in journey.log
        if (found := re.search(rf"(\w+) TLS connection (?:established|reused) to {mx}", line))
    }
    wanted = {"Verified"} if journey.provider == "strictmail" else {"Trusted", "Untrusted"}
    assert levels
    assert levels <= wanted


def test_nobody_learns_who_handed_it_in(journey: Journey, deployed: Lab) -> None:
    text = journey.received.raw.decode(errors="replace")
    app = deployed.hosts["app"]
    assert not [name for name in ("app.lab.example", *app.ipv4, *app.ipv6) if name in text]


def test_one_click_unsubscription_is_signed_and_sealed(
    posted: dict[tuple[StreamName, str], Journey],
) -> None:
    """RFC 8058 §3.1: both fields are covered; listed once more than they occur, none is added."""
    message = posted["marketing", "bigmail"].received.message
    covered = verify.tags(str(message["DKIM-Signature"]))["h"].lower().split(":")
    for field in ("list-unsubscribe", "list-unsubscribe-post"):
        assert len(message.get_all(field, [])) == 1
        assert covered.count(field) == 2
    assert covered.count("from") == 2


def _replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        assert raw.count(old) >= 1, old
        at = raw.rindex(old)
        return raw[:at] + new + raw[at + len(old) :]

    return change


def _field_added(field: bytes) -> Callable[[bytes], bytes]:
    return lambda raw: field + b"\n" + raw


def _first_body(field: bytes) -> Callable[[bytes], bytes]:
    return lambda raw: raw.replace(b"\n\n", b"\n" + field + b"\n\n", 1)


TAMPERED: dict[str, Callable[[bytes], bytes]] = {
    "body": _replaced(b"Everything", b"Anything"),
    "From": _replaced(b"news@news.shop.example>", b"boss@news.shop.example>"),
    "Subject": _replaced(b"Subject: Autumn", b"Subject: Winter"),
    "List-Unsubscribe": _replaced(b"<https://news.shop.example/", b"<https://evil.example/"),
    "List-Unsubscribe-Post": _replaced(b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Never"),
    "no List-Unsubscribe-Post": _replaced(
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\n", b""
    ),
    "second From on top": _field_added(b"From: boss@news.shop.example"),
    "second From below": _first_body(b"From: boss@news.shop.example"),
    "second Subject": _field_added(b"Subject: You have won"),
    "second To": _field_added(b"To: somebody@else.example"),
    "second List-Unsubscribe": _field_added(b"List-Unsubscribe: <https://evil.example/>"),
    "second List-Unsubscribe-Post": _field_added(b"List-Unsubscribe-Post: List-Unsubscribe=No"),
    "second Content-Type": _field_added(b"Content-Type: text/html"),
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_tampered_copy_is_found_out(
    change: Callable[[bytes], bytes],
    posted: dict[tuple[StreamName, str], Journey],
    deployed: Lab,
) -> None:
    own = posted["marketing", "bigmail"].received.raw
    changed = change(own)
    assert changed != own
    assert verify.has_valid_signature(deployed, own)
    assert not verify.has_valid_signature(deployed, changed)


@pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("name", ["mail1", "mail2"])
def test_every_entrance_of_every_stream_leads_out(
    name: str, stream: StreamName, tls: Tls, family: int, deployed: Lab, estate: Estate
) -> None:
    """mail2 has one address for both streams, told apart by their ports."""
    way = estate.host(name).way_out(stream)
    address = next(str(a) for a in way.addresses if a.version == family)
    letter = WRITE[stream](deployed.providers["bigmail"].address("bob"))
    reply = letters.post(deployed, letter, tls=tls, way=way, address=address)
    assert reply.is_accepted, reply
    received = deployed.providers["bigmail"].wait_for(letter.subject)
    signature = verify.tags(str(received.message["DKIM-Signature"]))
    assert signature["s"].endswith(f"-{name}")
    assert verify.has_valid_signature(deployed, received.raw)
    assert f"from {way.helo} " in str(received.message["Received"])


@pytest.fixture
def only(deployed: Lab) -> Iterator[Callable[[int], None]]:
    """Take the other family's way to bigmail from mail1, as a broken route would."""
    guest, target = deployed.targets["mail1"], deployed.hosts["bigmail"]
    blocked = {4: ("-6", f"{target.ipv6[0]}/128"), 6: ("-4", f"{target.ipv4[0]}/32")}
    added: list[tuple[str, str]] = []

    def block(version: int) -> None:
        guest.run(["ip", blocked[version][0], "route", "add", "prohibit", blocked[version][1]])
        added.append(blocked[version])

    yield block
    for family, route in added:
        guest.run(["ip", family, "route", "del", "prohibit", route])


@pytest.mark.parametrize("version", [4, 6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("stream", STREAMS)
def test_each_family_leaves_from_the_streams_own_address(
    stream: StreamName,
    version: int,
    only: Callable[[int], None],
    deployed: Lab,
    estate: Estate,
) -> None:
    only(version)
    letter = WRITE[stream](deployed.providers["bigmail"].address("carol"))
    assert letters.post(deployed, letter).is_accepted
    received = deployed.providers["bigmail"].wait_for(letter.subject)
    way = estate.host("mail1").way_out(stream)
    address = next(str(a) for a in way.addresses if a.version == version)
    shown = f"[IPv6:{address}]" if version == 6 else f"[{address}]"
    assert shown in str(received.message["Received"])
    assert "spf=pass" in " ".join(received.authentication_results)


# ---- from the host itself

CRON = """\
From: root (Cron Daemon)
To: root
Subject: {subject}
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Auto-Submitted: auto-generated
X-Cron-Env: <SHELL=/bin/sh>

backup: disk is nearly full
"""


@pytest.mark.parametrize("name", ["mail1", "mail2"])
@pytest.mark.parametrize("user", ["root", "nobody"])
@pytest.mark.parametrize("recipient", ["root", "stranger@strictmail.example"])
def test_the_hosts_own_mail_reaches_the_admin_signed(
    name: str, user: str, recipient: str, deployed: Lab, estate: Estate
) -> None:
    """cron(8) calls sendmail(1) with -i -FCronDaemon -B8BITMIME -oem and the recipient."""
    subject = f"Cron <{user}> {uuid4().hex[:12]}"
    deployed.targets[name].run(
        ["setpriv", f"--reuid={user}", "--clear-groups",
         "/usr/sbin/sendmail", "-i", "-FCronDaemon", "-B8BITMIME", "-oem", recipient],
        input=CRON.format(subject=subject),
    )  # fmt: skip
    received = deployed.providers["bigmail"].wait_for(subject)
    assert received.recipient == estate.admin.email
    assert estate.system_sender in str(received.message["From"])
    # A report on it comes back to the stream: to the system sender it would leave unsigned.
    assert received.envelope_from == estate.stream("transactional").bounce_address
    assert verify.has_valid_signature(deployed, received.raw)
    assert "dmarc=pass" in " ".join(received.authentication_results)


@pytest.mark.parametrize("instance", ["transactional", "marketing", "inbound"])
@pytest.mark.parametrize("name", ["mail1", "mail2"])
def test_sendmail_hands_nothing_to_an_instance_past_its_listeners(
    name: str, instance: str, deployed: Lab
) -> None:
    guest = deployed.targets[name]
    subject = f"Past the listeners {uuid4().hex[:12]}"
    done = guest.run(
        ["setpriv", "--reuid=nobody", "--clear-groups", "/usr/sbin/sendmail",
         "-C", f"/etc/postfix-{instance}", "-f", "orders@shop.example", "alice@bigmail.example"],
        input=f"From: orders@shop.example\nSubject: {subject}\n\nunsigned?\n",
        check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert host.queued(guest, instance, "maildrop") == 0


LOOPBACK = f"""
import smtplib, sys
session = smtplib.SMTP("127.0.0.1", {SYSTEM_MAIL_PORT}, timeout=10, source_address=("127.0.1.1", 0))
session.ehlo("localhost")
for step, argument in ((session.mail, sys.argv[1]), (session.rcpt, sys.argv[2])):
    code, text = step(argument)
    if code >= 400:
        break
print(code, text.decode())
"""


@pytest.mark.parametrize(
    ("sender", "recipient", "code"),
    [
        ("orders@shop.example", shop.ADMIN, "554"),
        # A report of the null client's own; it goes on with the stream's return path.
        ("", shop.ADMIN, "250"),
        ("", "alice@bigmail.example", "554"),
        ("root@shop.example", "alice@bigmail.example", "554"),
        ("root@shop.example", f"{shop.ADMIN.replace('@', '%')}@shop.example", "554"),
        ("root@shop.example", shop.ADMIN, "250"),
    ],
)
def test_the_loopback_listener_takes_one_sender_and_one_recipient(
    sender: str, recipient: str, code: str, deployed: Lab, estate: Estate
) -> None:
    """Also when root comes, who may (who else may: test_local_account)."""
    assert estate.system_sender == "root@shop.example"
    said = deployed.targets["mail1"].run(["python3", "-c", LOOPBACK, sender, recipient]).stdout
    assert said.split()[0] == code, said


# ---- from the world


def _arrived(
    deployed: Lab, folder: str, fits: Callable[[EmailMessage], bool], timeout: float = 30
) -> EmailMessage:
    """The first fitting message in that Maildir of any host: the MX record names several."""
    found: list[EmailMessage] = []

    def look() -> bool:
        for guest in deployed.targets.values():
            found.extend(message for message in host.mailbox(guest, folder) if fits(message))
        return bool(found)

    wait_until(look, timeout, f"{folder}: no such message")
    return found[0]


@pytest.mark.parametrize("stream", STREAMS)
def test_a_bounce_comes_home_and_is_not_signed(stream: StreamName, deployed: Lab) -> None:
    letter = WRITE[stream](deployed.providers["bigmail"].address("bounce"))
    assert letters.post(deployed, letter).is_accepted
    report = _arrived(
        deployed, f"{stream}/bounces", lambda message: letter.subject in message.as_string()
    )
    assert report.get_content_type() == "multipart/report"
    assert str(report["Return-Path"]) == "<>"
    assert report["DKIM-Signature"] is None
    assert "Status: 5." in report.as_string()


def _from_outside(
    deployed: Lab, name: str, recipient: str, sender: str = "eve@lab.example", header: str = ""
) -> tuple[str, str]:
    """Subject, and the reply to a message from the stranger's host."""
    subject = f"From outside {uuid4().hex[:12]}"
    text = f"From: {header or sender}\r\nTo: {recipient}\r\nSubject: {subject}\r\n\r\nHello.\r\n"
    reply = deployed.outsider.submit(
        deployed.targets[name].ipv4[0],
        25,
        mail_from=sender,
        rcpts=[recipient],
        message=text.encode(),
        helo="outsider.lab.example",
        tls="none",
    )
    return subject, f"{reply.code} {reply.text}"


@pytest.mark.parametrize(
    "recipient",
    [
        "postmaster@bounce.shop.example",
        "abuse@bounce.news.shop.example",
        "postmaster@mail1.shop.example",
        "Postmaster@bounce.shop.example",
    ],
)
def test_postmaster_and_abuse_have_a_mailbox(recipient: str, deployed: Lab) -> None:
    subject, said = _from_outside(deployed, "mail1", recipient)
    assert said.startswith("250"), said
    _arrived(deployed, "postmaster", lambda message: message["Subject"] == subject)


@pytest.mark.parametrize("name", ["mail1", "mail2"])
@pytest.mark.parametrize("header", ["orders@shop.example", "news@news.shop.example"])
def test_forged_mail_from_our_own_domain_is_not_signed(
    name: str, header: str, deployed: Lab
) -> None:
    """A signer on port 25 would sign it, and every receiver would believe it."""
    recipient = f"postmaster@{name}.shop.example"
    subject, said = _from_outside(deployed, name, recipient, sender=header, header=header)
    assert said.startswith("250"), said
    forged = _arrived(deployed, "postmaster", lambda message: message["Subject"] == subject)
    assert forged["DKIM-Signature"] is None


@pytest.mark.parametrize("name", ["mail1", "mail2"])
def test_inbound_refuses_unknown_users_and_relaying(name: str, deployed: Lab) -> None:
    _, unknown = _from_outside(deployed, name, "nobody@bounce.shop.example")
    assert re.match(r"550 5\.1\.1 ", unknown), unknown
    _, relayed = _from_outside(deployed, name, "alice@bigmail.example")
    assert re.match(r"554 5\.7\.1 .*Relay access denied", relayed), relayed


def test_a_streams_mail_to_our_own_bounce_address_stays_on_the_host(deployed: Lab) -> None:
    """Without the transport row it would look for an MX, find itself, and bounce as a loop."""
    letter = letters.receipt(letters.ENVELOPE["transactional"])
    assert letters.post(deployed, letter).is_accepted
    arrived = _arrived(
        deployed, "transactional/bounces", lambda message: message["Subject"] == letter.subject
    )
    assert arrived["DKIM-Signature"] is not None
