"""What the daemons of a stream write themselves: reports to our own bounce addresses alone.

Each test has a daemon write in one of the ways that Postfix knows, and reads in the log and at the
providers where it went.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.mail import shop
from lab.world.client import SmtpReply
from tests.lab import host, mail, queues

HOSTS = ("mail1", "mail2")
STREAM = "transactional"
EVERYTHING = "bounce, 2bounce, data, delay, policy, protocol, resource, software"


@contextmanager
def settings(guest: Guest, *values: str) -> Iterator[None]:
    """The stream with other values of main.cf, and as it was afterwards."""
    folder = f"/etc/postfix-{STREAM}"
    kept = "/run/originate-main.cf"
    reload = f"systemctl reload postroad-postfix@{STREAM}"
    quoted = " ".join(f"'{value}'" for value in values)
    guest.run(f"cp -p {folder}/main.cf {kept} && postconf -c {folder} -e {quoted} && {reload}")
    try:
        yield
    finally:
        guest.run(f"cp -p {kept} {folder}/main.cf; rm {kept}; {reload}")


def submit(lab: Lab, name: str, sender: str, to: str) -> SmtpReply:
    """A message of the application's, from this sender."""
    server, port = mail.DOORS[name, STREAM]
    return lab.app.submit(
        server,
        port,
        mail_from=sender,
        rcpts=[to],
        message=b"From: orders@shop.example\r\nSubject: x\r\n\r\nx\r\n",
        user=shop.USERS[STREAM],
        password=shop.password(shop.USERS[STREAM]),
    )


def written_by_daemons(lines: list[str]) -> dict[str, str]:
    """The recipients of what had no sender or Postfix's own, and what became of it, by the log."""
    text = "\n".join(lines)
    ids = re.findall(r"qmgr\[\d+\]: (\w+): from=<(?:|double-bounce@[^>]*)>,", text)
    found = {}
    for queue_id in ids:
        for to, fate in re.findall(rf": {queue_id}: to=<([^>]*)>.*? (relay=.*)", text):
            found[to] = fate
    return found


def nothing_of_daemons_left(lines: list[str]) -> None:
    """What the daemons wrote was delivered on this host, or nowhere."""
    for to, fate in written_by_daemons(lines).items():
        ours = re.search(r"@bounce\.(news\.)?shop\.example$", to) and "127.0.0.1" in fate
        assert ours or fate.startswith("relay=none"), f"{to}: {fate}"


@pytest.mark.parametrize("name", HOSTS)
def test_a_full_disk_writes_to_nobody(name: str, deployed: Lab) -> None:
    """Each session that was refused for want of room told its transcript, with the password."""
    guest = deployed.targets[name]
    before = len(host.log(guest, STREAM))
    with settings(guest, "queue_minfree = 4000000000000000"):
        reply = submit(deployed, name, "bounce@bounce.shop.example", "alice@bigmail.example")
        assert (reply.code, reply.stage) == (452, "mail")
        host.wait_for_log(guest, STREAM, r"disconnect from", before)
    lines = host.log(guest, STREAM)[before:]
    assert not written_by_daemons(lines)
    assert not re.search(r"cleanup\[\d+\]: \w+: message-id", "\n".join(lines))


@pytest.mark.parametrize("name", HOSTS)
def test_notices_that_somebody_asks_for_stay_on_the_host(name: str, deployed: Lab) -> None:
    """The floor under it: with every class of notice, and warnings of a delay, nothing leaves."""
    guest = deployed.targets[name]
    before = len(host.log(guest, STREAM))
    notices = (
        *(f"{kind}notice_recipient = {shop.ADMIN}" for kind in ("error_", "bounce_", "2bounce_")),
        f"delay_notice_recipient = {shop.ADMIN}",
    )
    nobody = "bounce+nobody-reads-this@bounce.shop.example"
    where = f"/etc/postfix-{STREAM}"
    guest.run(f"echo '{nobody} error:5.7.1 refused' > {where}/transport-test")
    maps = f"transport_maps = texthash:{where}/transport-test, texthash:{where}/transport"
    with settings(
        guest, f"notify_classes = {EVERYTHING}", "delay_warning_time = 1s", maps, *notices
    ):
        # A policy of ours, a protocol error, and a receiver that refuses: bounce and double bounce.
        for to in ("alice@nodots", "reject@bigmail.example", "defer@bigmail.example"):
            submit(deployed, name, nobody, to)
        host.wait_for_log(guest, STREAM, r"to=<reject@bigmail.example>.*status=bounced", before)
        host.wait_for_log(guest, STREAM, r"to=<bounce\+nobody-reads[^>]*>.*status=bounced", before)
        host.wait_for_log(guest, STREAM, r"from=<double-bounce@", before)
        host.empty(guest, STREAM)
    guest.run(["rm", f"{where}/transport-test"])
    nothing_of_daemons_left(host.log(guest, STREAM)[before:])


@pytest.mark.parametrize("name", HOSTS)
def test_a_report_about_the_hosts_own_mail_stays_on_the_host(name: str, deployed: Lab) -> None:
    """It went to the address in From:, at the shop's own domain, unsigned."""
    guest = deployed.targets[name]
    before = len(host.log(guest, STREAM))
    subject = f"Refused {uuid4().hex[:12]}"
    where = f"/etc/postfix-{STREAM}"
    route = f"{where}/transport-test"
    guest.run(f"echo '{shop.ADMIN} error:5.7.1 not today' > {route}")
    try:
        with settings(guest, f"transport_maps = texthash:{route}, texthash:{where}/transport"):
            guest.run(["sendmail", "root"], input=f"Subject: {subject}\n\nx\n")
            host.wait_for_log(guest, STREAM, r"status=bounced \(not today\)", before)
            host.wait_for_log(guest, STREAM, r"to=<bounce@bounce\.shop\.example>.*sent", before)
    finally:
        guest.run(["rm", route])
    nothing_of_daemons_left(host.log(guest, STREAM)[before:])


@pytest.mark.parametrize("name", HOSTS)
def test_nobody_asks_for_reports_of_success(name: str, deployed: Lab) -> None:
    """NOTIFY= and RET= are refused, though Postfix knows them, and so is its own sender."""
    server, port = mail.DOORS[name, STREAM]
    user = shop.USERS[STREAM]
    own = deployed.targets[name].run(
        ["postconf", "-c", f"/etc/postfix-{STREAM}", "-h", "myhostname"]
    )
    steps = [
        b"HELO app.lab.example\r\n",
        b"MAIL FROM:<bounce@bounce.shop.example> RET=FULL\r\n",
        f"MAIL FROM:<double-bounce@{own.stdout.strip()}>\r\n".encode(),
        b"RCPT TO:<alice@bigmail.example>\r\n",
        b"RSET\r\n",
        b"MAIL FROM:<bounce@bounce.shop.example>\r\n",
        b"RCPT TO:<alice@bigmail.example> NOTIFY=SUCCESS\r\n",
    ]
    said = deployed.app.converse(server, port, steps, user=user, password=shop.password(user))
    assert [reply[:3] for reply in said[1:7]] == ["501", "250", "550", "250", "250", "501"], said


@pytest.mark.parametrize("name", HOSTS)
def test_what_should_not_be_in_a_queue_is_found_there(name: str, deployed: Lab) -> None:
    """The judge of every lab test, judged: it names unsigned mail and says nothing of signed."""
    guest = deployed.targets[name]
    bare = ("non_smtpd_milters =", "authorized_submit_users = root")
    with settings(guest, *bare, "default_transport = retry:4.0.0 not now"):
        mail.hand_in(deployed, name, STREAM)
        assert queues.strange_mail(guest) == []
        sendmail = ["sendmail", "-C", f"/etc/postfix-{STREAM}", "-f", "x@shop.example"]
        guest.run(
            [*sendmail, "a@bigmail.example"],
            input="From: x@shop.example\n\nx\n",
        )
        wait_until(lambda: len(queues.strange_mail(guest)) == 1, 10, "the unsigned message")
        host.empty(guest, STREAM)
    assert queues.strange_mail(guest) == []
