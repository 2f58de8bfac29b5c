"""What strangers may bring by port 25: bytes, files, recipients, places, and lines of the log."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from shlex import quote

import pytest

from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.mail import verify
from lab.world.providers import Received
from postroad.host import programs

HOSTS = ("mail1", "mail2")
POSTMASTER = "postmaster@bounce.shop.example"
BOUNCES = "bounce@bounce.shop.example"
MIB = 1024 * 1024
AS_OWNER = "runuser -u postroad-mail -- sh -c"
MAILDIR = "/var/mail/postroad/postmaster/new"

# Of a client: connect from each address in turn, keep the connections, print how many were greeted.
CONNECT = """
import socket, sys
host, *sources = sys.argv[1:]
kept, greeted = [], 0
for source in sources:
    try:
        one = socket.create_connection((host, 25), timeout=5, source_address=(source, 0))
        kept.append(one)
        greeted += one.recv(100).startswith(b"220")
    except OSError:
        pass
print(greeted, flush=True)
sys.stdin.read()
"""


@contextmanager
def filled(guest: Guest, command: str) -> Iterator[None]:
    """Something in the postmaster's Maildir, made by the Maildirs' owner."""
    guest.run(f"{AS_OWNER} 'mkdir -p -m 700 {MAILDIR} && cd {MAILDIR} && {command}'")
    try:
        yield
    finally:
        guest.run(f"find {MAILDIR} -name 'stranger*' -delete")


def rcpt(lab: Lab, guest: Guest, *recipients: str) -> list[str]:
    """What a stranger is answered to each RCPT."""
    steps = [b"EHLO outsider.lab.example\r\n", b"MAIL FROM:<>\r\n"]
    steps += [f"RCPT TO:<{to}>\r\n".encode() for to in recipients]
    said = lab.outsider.converse(guest.ipv4[0], 25, steps, tls="none")
    return [reply[:3] for reply in said[-1 - len(recipients) : -1]]


def answers(lab: Lab, guest: Guest, to: str, code: str) -> Callable[[], bool]:
    """Whether the recipient is answered so: what was measured a second ago may still count."""
    return lambda: rcpt(lab, guest, to) == [code]


@pytest.mark.parametrize("name", HOSTS)
def test_a_full_mailbox_takes_no_more_and_the_others_do(name: str, deployed: Lab) -> None:
    """Eleven messages of 22 MB to postmaster@ filled the disk that receipts need."""
    guest = deployed.targets[name]
    with filled(guest, "truncate -s 270M stranger"):
        wait_until(answers(deployed, guest, POSTMASTER, "452"), 10, "a full mailbox refuses")
        assert rcpt(deployed, guest, BOUNCES) == ["250"]
    wait_until(answers(deployed, guest, POSTMASTER, "250"), 10, "there is room again")


@pytest.mark.parametrize("name", HOSTS)
def test_inbound_stops_before_any_stream_does(name: str, deployed: Lab) -> None:
    """Whatever is on its way by then: a message in each place, in the queue and in a Maildir."""
    guest = deployed.targets[name]
    asked = "-h queue_minfree message_size_limit default_process_limit"

    def limits(instance: str) -> list[int]:
        said = guest.run(f"postconf -c /etc/postfix-{instance} {asked}").stdout
        return [int(line) for line in said.split()]

    free, message, places = limits("inbound")
    for stream in ("transactional", "marketing"):
        wanted, largest, _ = limits(stream)
        assert free - 2 * places * message >= max(wanted, largest * 3 // 2)


@pytest.mark.parametrize("name", HOSTS)
def test_a_stranger_brings_no_more_than_a_report_holds(name: str, deployed: Lab) -> None:
    """No message larger than ours with a report around it, and one recipient for each."""
    guest = deployed.targets[name]
    steps = [b"EHLO outsider.lab.example\r\n", b"MAIL FROM:<> SIZE=22000000\r\n"]
    assert deployed.outsider.converse(guest.ipv4[0], 25, steps, tls="none")[-2][:3] == "552"
    assert rcpt(deployed, guest, POSTMASTER, BOUNCES) == ["250", "452"]


@pytest.mark.parametrize("name", HOSTS)
def test_a_report_may_return_the_largest_message_whole(name: str, deployed: Lab) -> None:
    """With a page for each of its recipients around it (RFC 3464)."""
    guest = deployed.targets[name]
    largest = int(guest.run("postconf -c /etc/postfix-transactional -h message_size_limit").stdout)
    mail_from = f"MAIL FROM:<> SIZE={largest + 1_000_000}\r\n".encode()
    steps = [b"EHLO outsider.lab.example\r\n", mail_from, f"RCPT TO:<{BOUNCES}>\r\n".encode()]
    said = deployed.outsider.converse(guest.ipv4[0], 25, steps, tls="none")
    assert [reply[:3] for reply in said[-3:-1]] == ["250", "250"], said


@pytest.mark.parametrize("name", HOSTS)
def test_the_postmaster_without_a_domain_has_a_budget_as_well(name: str, deployed: Lab) -> None:
    """Of him Postfix asks nothing at RCPT."""
    guest = deployed.targets[name]
    steps = [b"EHLO outsider.lab.example\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<Postmaster>\r\n"]
    with filled(guest, "truncate -s 270M stranger"):

        def is_refused() -> bool:
            said = deployed.outsider.converse(guest.ipv4[0], 25, [*steps, b"DATA\r\n"], tls="none")
            return [reply[:3] for reply in said[-3:-1]] == ["250", "452"]

        wait_until(is_refused, 10, "a full mailbox refuses")


@pytest.mark.parametrize("name", HOSTS)
def test_four_hundred_reports_of_ours_at_once_are_taken(name: str, deployed: Lab) -> None:
    """They are small, and there is room."""
    guest = deployed.targets[name]
    flood = (
        "import smtplib\n"
        "one = smtplib.SMTP('127.0.0.1', 25, 'mail')\n"
        "for number in range(400):\n"
        f"    one.sendmail('', ['{BOUNCES}'], 'Subject: stranger\\n\\n' + 'x' * 2000)\n"
    )
    place = "/var/mail/postroad/transactional/bounces/new"
    guest.run(f"setpriv --reuid=postfix --clear-groups --regid=postfix python3 -c {quote(flood)}")
    wait_until(lambda: int(guest.run(f"ls {place} | wc -l").stdout) >= 400, 60, "all are there")
    guest.run(f"grep -lx 'Subject: stranger' {place}/* | xargs rm")


@pytest.mark.parametrize("name", HOSTS)
def test_without_the_budget_inbound_says_later(name: str, deployed: Lab) -> None:
    """It fails closed, for inbound alone."""
    guest = deployed.targets[name]
    guest.run("systemctl stop postroad-budget")
    try:
        assert rcpt(deployed, guest, POSTMASTER) == ["452"]
    finally:
        guest.run("systemctl start postroad-budget")
    assert rcpt(deployed, guest, POSTMASTER) == ["250"]


@pytest.mark.parametrize("name", HOSTS)
def test_a_network_does_not_take_all_places(name: str, deployed: Lab) -> None:
    """Postfix 3.7 counts single addresses; whoever has one of IPv6 has 2^64 of them."""
    guest, stranger = deployed.targets[name], deployed.hosts["outsider"]
    prefix = stranger.ipv6[0].rpartition("::")[0]
    link = stranger.run("ip -o -6 route get 2001:db8::1 || ip -o -6 addr show scope global").stdout
    device = re.search(r"dev (\S+)|^\d+: (\S+)", link)
    assert device
    dev = device[1] or device[2]
    addresses = [f"{prefix}::beef:{number:x}" for number in range(60)]
    added = "".join(f"address add {one}/64 dev {dev} nodad\n" for one in addresses)
    with ExitStack() as stack:
        stranger.run("ip -batch -", input=added)
        stack.callback(stranger.run, "ip -batch -", input=added.replace("address add", "addr del"))
        sources = " ".join(addresses)
        greeted = stranger.run(
            ["sh", "-c", f"python3 -c '{CONNECT}' {guest.ipv6[0]} {sources} < /dev/null"]
        )
        assert 1 <= int(greeted.stdout) <= 8


@pytest.mark.parametrize("name", HOSTS)
def test_old_reports_go_and_a_large_log_is_rotated(name: str, deployed: Lab) -> None:
    guest = deployed.targets[name]
    queue_manager = (
        "systemctl show -P MainPID postroad-postfix@transactional; pgrep -x qmgr | wc -l"
    )
    before = guest.run(queue_manager).stdout
    old = (
        "touch -t 202001010000 stranger-old; touch stranger-new; ln -s /etc/hostname stranger-link"
    )
    log = "/var/log/postroad/inbound.log"
    with filled(guest, old):
        guest.run(f"head -c 22000000 /dev/zero | tr '\\0' '\\n' >> {log}")
        guest.run("systemctl start postroad-tidy.service")
        left = guest.run(f"ls {MAILDIR}").stdout.split()
        assert {"stranger-new", "stranger-link"} <= set(left)
        assert "stranger-old" not in left
    rotated = guest.run("find /var/log/postroad -name 'inbound.log-*-*' -size +20M").stdout.split()
    assert len(rotated) == 1
    guest.run(["rm", *rotated])
    assert int(guest.run(f"stat -c %s {log} || echo 0").stdout) < MIB
    assert guest.run(queue_manager).stdout == before


@pytest.mark.parametrize("name", HOSTS)
def test_root_is_told_before_the_budget_is_used_up(name: str, deployed: Lab) -> None:
    """By one signed mail, with nothing of anybody's session in it."""
    guest = deployed.targets[name]
    guest.run("rm -f /run/postroad-alarm/*")
    provider = deployed.providers["bigmail"]
    known = [one.path for one in provider.messages()]

    def alarms() -> list[Received]:
        subject = f"{name}.shop.example: postroad-tidy.service is down"
        return [one for one in provider.messages(known=known) if one.subject == subject]

    with filled(guest, "truncate -s 220M stranger"):
        for _ in range(2):
            assert guest.run("systemctl start postroad-tidy.service", check=False).returncode
        wait_until(lambda: bool(alarms()), 30, "the alarm")
    guest.run("systemctl start postroad-tidy.service")
    (alarm,) = alarms()
    assert verify.has_valid_signature(deployed, alarm.raw)
    assert "journalctl -u postroad-tidy.service" in alarm.message.get_content()


def test_root_is_told_of_a_unit_that_does_not_come_back(deployed: Lab) -> None:
    """Though systemd starts it again for ever, and so never holds it for failed."""
    unit, program = "postroad-budget.service", programs.place("postroad.onhost.budget.main")
    provider = deployed.providers["bigmail"]
    known = [one.path for one in provider.messages()]
    wanted = {f"{name}.shop.example: {unit} is down" for name in HOSTS}
    guests = [deployed.targets[name] for name in HOSTS]
    for guest in guests:
        guest.run("rm -f /run/postroad-alarm/*")
        guest.run(f"mv {program} {program}.away && systemctl kill --signal=KILL {unit}")
    try:
        wait_until(
            lambda: wanted <= {one.subject for one in provider.messages(known=known)},
            45,
            "the alarms",
        )
    finally:
        for guest in guests:
            guest.run(f"mv {program}.away {program} && systemctl restart {unit}")
