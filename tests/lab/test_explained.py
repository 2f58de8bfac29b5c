"""What became of a message, by whatever of it is known; and of who never got so far."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest

from lab.hosts.guest import wait_until
from lab.life.session import Lab
from lab.mail import road, shop
from tests.lab import host as inside
from tests.lab import mail

INVENTORY = str(road.INVENTORY)
STREAM = "transactional"
POSTFIX = f"-c /etc/postfix-{STREAM}"
# More than an application may have open at once.
MANY = """
import socket, sys
kept = []
for number in range(60):
    one = socket.socket(socket.AF_INET)
    one.settimeout(10)
    one.connect((sys.argv[1], int(sys.argv[2])))
    kept.append(one)
assert kept[-1].recv(200).startswith(b"421 ")
"""
# No client of ours, but somebody's browser.
WEB = """
import socket, sys
one = socket.socket(socket.AF_INET)
one.settimeout(10)
one.connect((sys.argv[1], int(sys.argv[2])))
one.recv(200)
one.sendall(b"GET / HTTP/1.1\\r\\n")
one.recv(200)
"""


@pytest.fixture(params=["mail1", "mail2"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def emptied(name: str, deployed: Lab) -> Iterator[None]:
    yield
    inside.empty(deployed.targets[name], STREAM)


def explained(what: str) -> str:
    done = road.postroad("explain", INVENTORY, what)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("{id}@shop.example", "{id}@shop.example"),
        ("{id}@shop.example", "<{id}@shop.example>"),
        ("< {id}@shop.example >", "{id}@shop.example"),
        ("(by a script) <{id}@shop.example>", "(by a script) <{id}@shop.example>"),
        ("(by a script) <{id}@shop.example>", "{id}@shop.example"),
        ("<j\u00f6-{id}@shop.example>", "<j\u00f6-{id}@shop.example>"),
        ("<j\u00f6-{id}@shop.example>", "j\u00f6-{id}@shop.example"),
    ],
)
def test_a_message_is_found_however_its_id_is_written(
    name: str, field: str, asked: str, deployed: Lab
) -> None:
    server, port = mail.DOORS[name, STREAM]
    user = shop.USERS[STREAM]
    token = uuid4().hex
    named = field.format(id=token)
    message = f"From: orders@shop.example\r\nMessage-ID: {named}\r\nSubject: x\r\n\r\nx\r\n"
    reply = deployed.app.submit(
        server,
        port,
        mail_from="bounce@bounce.shop.example",
        rcpts=["alice@bigmail.example"],
        message=message.encode(),
        user=user,
        password=shop.password(user),
    )
    assert reply.is_accepted, reply
    (queue_id,) = re.findall(r"queued as (\w+)", reply.text)
    assert f"{name} {STREAM} {queue_id}: " in explained(asked.format(id=token))


@pytest.mark.usefixtures("emptied")
def test_what_was_queued_anew_and_what_was_deleted_are_told_apart(name: str, deployed: Lab) -> None:
    guest = deployed.targets[name]
    inside.empty(guest, STREAM)
    letter = mail.hand_in(deployed, name, STREAM, to="defer")
    wait_until(lambda: inside.queued(guest, STREAM, "deferred") == 1, 30, "deferred")
    old = (
        guest.run(f"postqueue {POSTFIX} -j").stdout.partition('"queue_id": "')[2].partition('"')[0]
    )
    guest.run(f"postsuper {POSTFIX} -r {old}")
    assert re.search(rf"{old}: queued anew by hand \(postsuper -r\)[:,] ", explained(old))
    guest.run(f"postkick {POSTFIX} public pickup W")
    new = inside.wait_for_log(guest, STREAM, rf"(\w+): uid=.* orig_id={old}$", timeout=90)[1]
    wait_until(lambda: inside.queued(guest, STREAM, "deferred") == 1, 30, "deferred again")
    said = explained(old)
    assert f"{old}: queued anew by hand (postsuper -r), as {new}\n" in said
    assert f"{name} {STREAM} {new}: waits\n" in said
    guest.run(f"postsuper {POSTFIX} -d {new}")
    assert f"{new}: deleted by hand (postsuper -d)\n" in explained(
        str(letter.message["Message-ID"])
    )


def test_what_met_the_door_is_told_by_the_address_of_the_application(
    name: str, deployed: Lab
) -> None:
    server, port = mail.DOORS[name, STREAM]
    guest, app = deployed.targets[name], deployed.app.guest
    written = len(inside.log(guest, STREAM))
    old = f"openssl s_client -4 -starttls smtp -connect {server}:{port} -tls1_1"
    app.run(f"{old} -cipher DEFAULT@SECLEVEL=0 </dev/null", check=False)
    app.run(["python3", "-c", WEB, server, str(port)])
    app.run(["python3", "-c", MANY, server, str(port)])
    inside.wait_for_log(guest, STREAM, "lost connection after CONNECT", skip=written)
    said = explained(app.ipv4[0])
    here = said[said.index(f"{name} {STREAM}: ") :]
    assert f"{name} {STREAM}: no TLS was agreed on\n" in said
    assert "TLS library problem: " in here
    assert f"{name} {STREAM}: too much at once\n" in said
    assert "non-SMTP command from " in here


def test_a_login_is_found_in_any_case(name: str, deployed: Lab) -> None:
    user = shop.USERS[STREAM]
    server, port = mail.DOORS[name, STREAM]
    deployed.app.submit(
        server,
        port,
        mail_from="bounce@bounce.shop.example",
        rcpts=["alice@bigmail.example"],
        message=b"",
        user=user.title(),
        password="wrong",
    )
    assert "Password mismatch" in explained(user.upper())
