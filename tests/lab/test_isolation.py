"""No stream waits for another: not in the queue, not for disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lab.faults import slow
from lab.faults.slow import SlowProvider
from lab.hosts.errors import LabError
from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.mail import letters, shop
from lab.mail.letters import Letter
from lab.world.client import Burst
from lab.world.providers import Provider
from postroad.settings.model import Estate, StreamName
from tests.lab import host

FROM = {"transactional": "orders@shop.example", "marketing": "news@news.shop.example"}
RECEIPTS = 10


@pytest.fixture
def guest(deployed: Lab) -> Guest:
    return deployed.targets["mail1"]


@pytest.fixture
def bigmail(deployed: Lab) -> Provider:
    return deployed.providers["bigmail"]


@pytest.fixture
def slow_provider(deployed: Lab, guest: Guest) -> Iterator[SlowProvider]:
    with slow.running(deployed) as provider, empty_queues(guest):
        yield provider


@contextmanager
def empty_queues(guest: Guest) -> Iterator[None]:
    """Both streams without mail, of others before and of ours afterwards."""
    for stream in shop.USERS:
        host.empty(guest, stream)
    yield
    for stream in shop.USERS:
        host.empty(guest, stream)


def _campaign(lab: Lab, stream: StreamName, count: int) -> Burst:
    """A campaign of ``count`` letters to the slow provider, by the login of ``stream``."""
    user = shop.USERS[stream]
    return lab.app.burst(
        letters.SERVER[stream],
        465,
        user=user,
        password=shop.password(user),
        mail_from=letters.ENVELOPE[stream],
        recipient=f"somebody@{slow.DOMAIN}",
        message=(
            f"From: {FROM[stream]}\r\nTo: somebody@{slow.DOMAIN}\r\n"
            "Subject: Autumn sale NUMBER\r\nMessage-ID: <NUMBER@news.shop.example>\r\n"
            "Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n\r\nEverything for autumn.\r\n"
        ),
        count=count,
    )


def _backlog(lab: Lab, guest: Guest, estate: Estate, stream: StreamName) -> int:
    """One and a half times what the queue manager of ``stream`` may hold; its limit."""
    limit = estate.stream(stream).limits.active_messages
    sent = _campaign(lab, stream, limit * 3 // 2)
    assert sent.accepted == limit * 3 // 2, sent
    wait_until(lambda: _active(guest, stream) >= limit, 20, f"{stream}: full active queue")
    return limit


def _active(guest: Guest, stream: StreamName) -> int:
    return host.queued(guest, stream, "active")


def _receipts(lab: Lab) -> list[Letter]:
    posted = [letters.receipt(lab.providers["bigmail"].address("alice")) for _ in range(RECEIPTS)]
    for letter in posted:
        reply = letters.post(lab, letter, tls="implicit")
        assert reply.is_accepted, reply
    return posted


def _wait_for_receipts(bigmail: Provider, wanted: list[Letter], sender: Guest) -> None:
    try:
        bigmail.wait_for_all([letter.subject for letter in wanted], 60)
    except LabError as error:
        end = "\n".join(host.log(sender, "transactional")[-30:])
        raise LabError(f"{error}\n{end}") from error


def _delivered(bigmail: Provider, wanted: list[Letter]) -> int:
    subjects = {letter.subject for letter in wanted}
    return len([message for message in bigmail.messages() if message.subject in subjects])


def test_receipts_pass_a_full_marketing_queue(
    slow_provider: SlowProvider, guest: Guest, bigmail: Provider, deployed: Lab, estate: Estate
) -> None:
    limit = _backlog(deployed, guest, estate, "marketing")
    receipts = _receipts(deployed)
    _wait_for_receipts(bigmail, receipts, guest)
    assert _active(guest, "marketing") >= limit
    assert host.queued(guest, "marketing") == limit * 3 // 2
    assert slow_provider.taken() == 0
    slow_provider.let_go()
    wait_until(lambda: slow_provider.taken() == limit * 3 // 2, 60, "the whole campaign delivered")


def test_in_one_shared_instance_the_same_receipts_wait(
    slow_provider: SlowProvider, guest: Guest, bigmail: Provider, deployed: Lab, estate: Estate
) -> None:
    """The mechanism taken away: the campaign goes by the instance that carries the receipts."""
    limit = _backlog(deployed, guest, estate, "transactional")
    receipts = _receipts(deployed)
    # Another instance on the same host still delivers, so it is the shared queue that waits.
    for _ in range(3):
        letter = letters.campaign(bigmail.address("alice"))
        assert letters.post(deployed, letter, tls="implicit").is_accepted
        bigmail.wait_for(letter.subject)
    assert _delivered(bigmail, receipts) == 0
    assert _active(guest, "transactional") >= limit
    slow_provider.let_go()
    _wait_for_receipts(bigmail, receipts, guest)


@pytest.fixture
def small_disk(guest: Guest) -> Iterator[None]:
    """Both queues on one file system with less room than marketing leaves free for receipts."""
    streams = ("transactional", "marketing")
    units = " ".join(f"postroad-postfix@{stream}" for stream in streams)
    disk = "/run/small-disk"
    guest.run(
        f"systemctl stop {units} && mkdir {disk} && mount -t tmpfs -o size=512m small {disk}"
        + "".join(
            f" && cp -a /var/spool/postfix-{stream} {disk}/{stream}"
            f" && mount --bind {disk}/{stream} /var/spool/postfix-{stream}"
            for stream in streams
        )
        + f" && systemctl start {units}"
    )
    yield
    guest.run(
        f"systemctl stop {units}"
        + "".join(f"; umount /var/spool/postfix-{stream}" for stream in streams)
        + f"; umount {disk} && rmdir {disk} && systemctl start {units}"
    )


@pytest.fixture
def without_minfree(guest: Guest, small_disk: None) -> Iterator[Callable[[], None]]:
    place = "/etc/postfix-marketing"
    reload = "systemctl reload postroad-postfix@marketing"

    def take_away() -> None:
        guest.run(
            f"cp -p {place}/main.cf /run/main.cf.kept && postconf -c {place} queue_minfree=0"
            f" && {reload}"
        )

    yield take_away
    guest.run(f"mv /run/main.cf.kept {place}/main.cf && {reload}")


def test_marketing_leaves_receipts_the_disk(
    without_minfree: Callable[[], None], bigmail: Provider, deployed: Lab, estate: Estate
) -> None:
    free = 512 * 1024 * 1024
    assert estate.stream("marketing").limits.queue_minfree > free
    assert estate.stream("transactional").limits.queue_minfree < free
    campaign = letters.campaign(bigmail.address("alice"))
    refused = letters.post(deployed, campaign)
    assert (refused.stage, refused.code, refused.text[:5]) == ("mail", 452, "4.3.1"), refused
    receipt = letters.receipt(bigmail.address("alice"))
    assert letters.post(deployed, receipt).is_accepted
    bigmail.wait_for(receipt.subject)
    without_minfree()
    assert letters.post(deployed, campaign).is_accepted
    bigmail.wait_for(campaign.subject)
