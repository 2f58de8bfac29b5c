"""An estate that grows and changes: what the world can verify flows, the new part alone waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from email.policy import SMTP
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from lab.life.session import Lab
from lab.mail import letters, road, shop, traffic
from lab.world.client import SmtpReply
from tests.boxes import unfolded
from tests.lab import mail
from tests.lab.plans import changed
from tests.lab.variants import Variant, variant

TOYS = "toys.shop.example"
HOSTS = ("mail1", "mail2")
Change = Callable[[Any], None]


@pytest.fixture
def as_declared(deployed: Lab) -> Iterator[Lab]:
    """The lab, as declared again afterwards."""
    yield deployed
    for _ in range(2):
        # The first run makes what the second sees published.
        road.publish(deployed)
        done = road.deploy()
        assert done.returncode == 0, done.stdout + done.stderr
    assert road.plan() == []


@pytest.fixture
def changing(as_declared: Lab, tmp_path: Path) -> Callable[[Change], Variant]:
    """The lab's estate with both hosts, changed in place by a function."""
    made = iter(range(9))

    def change(work: Change) -> Variant:
        declared = shop.estate(as_declared)
        changed = {"hosts": deepcopy(declared["hosts"]), "streams": deepcopy(declared["streams"])}
        work(changed)
        folder = tmp_path / str(next(made))
        folder.mkdir()
        return variant(folder, changed)

    return change


def said(variant: Variant) -> str:
    """What a run of the variant says, the lines of its box put together; it must succeed."""
    done = variant.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    return unfolded(done.stdout + done.stderr)


def names(variant: Variant) -> str:
    return "\n".join(name for entry in variant.plan() for name in entry["names"])


def post(lab: Lab, host: str, sender: str) -> tuple[letters.Letter, SmtpReply]:
    """A receipt From: ``sender``, submitted on ``host``."""
    letter = letters.receipt(lab.providers["bigmail"].address("alice"))
    letter.message.replace_header("From", sender)
    server, port = mail.DOORS[host, "transactional"]
    reply = lab.app.submit(
        server,
        port,
        mail_from=letters.ENVELOPE["transactional"],
        rcpts=[letter.recipient],
        message=letter.message.as_bytes(policy=SMTP),
        user=shop.USERS["transactional"],
        password=shop.password(shop.USERS["transactional"]),
    )
    return letter, reply


def all_taken(flow: traffic.Flow) -> None:
    """Not one message was refused or lost."""
    found = flow.tally()
    assert found.is_clean, found
    assert {one.words for one in flow.handed() if one.outcome != "accepted"} == set()


def with_toys(estate: Any) -> None:
    estate["streams"]["transactional"]["from_domains"].append(TOYS)


def test_a_new_domain_waits_alone_until_its_key_is_seen(
    as_declared: Lab, changing: Callable[[Change], Variant]
) -> None:
    """On both releases, with the other domains' mail flowing all the time."""
    lab, toys = as_declared, changing(with_toys)
    with traffic.flowing(lab) as flow:
        planned = names(toys)
        assert f"mail From: {TOYS} will wait: it has no DKIM key yet" in planned
        assert "CLOSE" not in planned
        told = said(toys)
        assert "CLOSE" not in told
        for host in HOSTS:
            waits = f"{TOYS} waits on {host}: there is no DKIM key at "
            assert f"but From: {waits}" in told, told
            for sender in (f"Toys <orders@{TOYS}>", f"Orders@{TOYS.upper()} (toys)"):
                _, reply = post(lab, host, sender)
                assert (reply.stage, reply.code) == ("data", 451), reply
                assert f"mail From: {TOYS} waits: there is no DKIM key at " in reply.text
            _, reply = post(lab, host, f"Toys <orders@old.{TOYS}>")
            assert reply.code == 550, reply
        assert names(toys) == "", "waiting is no drift"
        audit = road.postroad("audit", str(toys.inventory))
        assert audit.returncode == 1, audit.stdout
        assert f"transactional: mail From: {TOYS} waits: " in audit.stdout
        assert "cannot be verified" not in audit.stdout, audit.stdout

        assert f"{TOYS}" in road.publish(lab, toys.inventory)
        assert "waits" not in said(toys)
        posted = [post(lab, host, f"Toys <orders@{TOYS}>") for host in HOSTS]
        assert [reply.is_accepted for _, reply in posted] == [True, True], posted
        for letter, _ in posted:
            arrived = lab.providers["bigmail"].wait_for(letter.subject)
            results = " ".join(arrived.authentication_results)
            assert "dkim=pass" in results
            assert f"header.d={TOYS}" in results

        done = road.deploy()
        assert done.returncode == 0, done.stdout + done.stderr
        assert "CLOSE" not in done.stdout + done.stderr
        assert post(lab, "mail1", f"orders@{TOYS}")[1].code == 550
        flow.wait_for(2, "accepted")
        all_taken(flow)


def test_another_helo_name_is_said_when_it_is_one(
    as_declared: Lab, changing: Callable[[Change], Variant]
) -> None:
    lab, guest = as_declared, as_declared.targets["mail1"]

    def rename(estate: Any) -> None:
        estate["hosts"]["mail1"]["ways_out"]["transactional"]["helo"] = "post1.shop.example"

    def helo() -> str:
        return guest.run("postconf -c /etc/postfix-transactional -hx smtp_helo_name").stdout.strip()

    renamed = changing(rename)
    told = said(renamed)
    assert "CLOSE" not in told
    waits = "the HELO name post1.shop.example is not used yet on mail1: out1.shop.example"
    assert f"but {waits}" in told
    assert helo() == "out1.shop.example"
    mail.flows(lab, [("mail1", "transactional"), ("mail1", "marketing")])
    road.publish(lab, renamed.inventory)
    said(renamed)
    assert helo() == "post1.shop.example"
    mail.flows(lab, [("mail2", "transactional")])


def test_an_address_that_is_new_waits_and_the_other_is_used(
    as_declared: Lab, changing: Callable[[Change], Variant]
) -> None:
    lab, guest = as_declared, as_declared.targets["mail1"]

    def without(estate: Any) -> None:
        del estate["hosts"]["mail1"]["ways_out"]["transactional"]["ipv6"]

    def sends_from() -> str:
        asked = "postconf -c /etc/postfix-transactional -hx smtp_bind_address6"
        return guest.run(asked).stdout.strip()

    assert "CLOSE the transactional stream" not in said(changing(without))
    assert sends_from() == ""
    own = guest.ipv6[1]
    lab.dns.withdraw(f"{ip_address(own).reverse_pointer}.", "PTR")
    road.forget_names(lab)
    done = road.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    told = unfolded(done.stdout + done.stderr)
    assert f"but the address {own} is not used yet on mail1: {own} has no PTR record" in told
    assert sends_from() == ""
    mail.flows(lab, [("mail1", "transactional")])
    road.publish(lab)
    assert changed(road.deploy("--json"))
    assert ip_address(sends_from()) == ip_address(own)


def test_another_label_signs_when_its_key_is_seen(
    as_declared: Lab, changing: Callable[[Change], Variant]
) -> None:
    lab, guest = as_declared, as_declared.targets["mail1"]
    table = "/etc/postroad/transactional/key.table"

    def relabel(estate: Any) -> None:
        estate["hosts"]["mail1"]["ways_out"]["transactional"]["selector_label"] = "blue"

    relabelled = changing(relabel)
    with traffic.flowing(lab) as flow:
        told = said(relabelled)
        assert "CLOSE" not in told
        assert "but the new DKIM key of shop.example is not used yet on mail1" in told
        assert "-blue:" not in guest.read_file(table)
        flow.wait_for(2, "accepted")
        road.publish(lab, relabelled.inventory)
        said(relabelled)
        assert "-blue:" in guest.read_file(table)
        flow.wait_for(2, "accepted")
        assert names(relabelled) == ""
        # Its mail is under way: it stays until that has been read, and signs nothing.
        kept = "/etc/postroad/transactional/keys/shop.example/*-mail1.life"
        assert "orphaned " in guest.run(f"cat {kept}").stdout
        assert "-mail1:" not in guest.read_file(table)
        all_taken(flow)


def test_what_must_close_is_said_before_anything_changes(
    as_declared: Lab, changing: Callable[[Change], Variant]
) -> None:
    def swap(estate: Any) -> None:
        ways = estate["hosts"]["mail1"]["ways_out"]
        one, other = ways["transactional"], ways["marketing"]
        for key in ("ipv4", "ipv6"):
            one[key], other[key] = other[key], one[key]

    swapped = changing(swap)
    planned = names(swapped)
    for stream in ("transactional", "marketing"):
        assert f"this run will CLOSE the {stream} stream on mail1: " in planned
    done = road.pyinfra("--dry", str(swapped.inventory), str(road.DEPLOY))
    assert "this run will CLOSE the transactional stream on mail1: " in done.stdout + done.stderr
    assert "So that it need not: publish first" in done.stdout + done.stderr
    mail.flows(as_declared)
