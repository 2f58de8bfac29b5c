"""`postroad dns publish` against a real primary: what is ours, whole, and nothing else."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.rdata
import pytest
from dns.zonefile import read_rrsets

from lab.hosts import here
from lab.life.session import Lab
from lab.mail import road
from lab.world.zone_text import Record
from tests.lab.variants import Variant, variant

ZONE = "shop.example."
SPF = "bounce.shop.example."
FOREIGN = (
    ("www.shop.example.", 300, "A", "192.0.2.80"),
    ("bounce.shop.example.", 300, "TXT", '"google-site-verification=abc"'),
    # A shop's zone often has one: nothing that it makes stands at a name of ours.
    ("*.shop.example.", 300, "TXT", '"v=spf1 -all"'),
)

Row = tuple[str, str, str]


@pytest.fixture
def bare(lab: Lab) -> Iterator[Lab]:
    """The lab with nothing in the shop's zone; everything is published again afterwards."""
    lab.dns.load_zone(ZONE, [])
    yield lab
    lab.dns.load_zone(ZONE, [])
    road.publish(lab)


def served(lab: Lab, zone: str = ZONE) -> set[Row]:
    """Owner, type and data of what stands in a zone, but for what makes it a zone."""
    return {
        (owner, kind, data)
        for owner, _, kind, data in lab.dns.dump(zone)
        if kind not in ("SOA", "NS", "DS")
    }


def wanted() -> set[Row]:
    """Every record that the estate needs, PTR records apart."""
    parsed = read_rrsets(road.zone(), origin=".", rdclass=None, relativize=False)
    return {
        (rrset.name.to_text(), rrset.rdtype.name, rdata.to_text())
        for rrset in parsed
        for rdata in rrset
        if rrset.rdtype.name != "PTR"
    }


def row(record: Record) -> Row:
    owner, _, kind, data = record
    return owner, kind, dns.rdata.from_text("IN", kind, data).to_text()


def test_a_bare_zone_is_filled_and_then_there_is_nothing_to_do(bare: Lab) -> None:
    said = road.publish(bare)
    assert "the primary holds all of it" in said
    assert "receivers check MAIL FROM" in said
    assert served(bare) == wanted()
    reverse = served(bare, bare.network.ipv4_reverse_zone)
    assert ("12." + bare.network.ipv4_reverse_zone, "PTR", "out1.shop.example.") in reverse
    assert "Nothing to publish." in road.publish(bare)
    # Another zone's new file undoes nothing.
    bare.dns.load_zone("other.example.", [])
    bare.dns.remove_zone("other.example.")
    assert served(bare) == wanted()


def test_what_is_not_ours_survives(bare: Lab) -> None:
    # As it was when there was one host more.
    own = bare.targets["mail1"].ipv4[1]
    old = (SPF, 300, "TXT", f'"v=spf1 ip4:192.0.2.99 ip4:{own} ~all"')
    mx = (SPF, 300, "MX", "10 mail1.shop.example.")
    bare.dns.load_zone(ZONE, [*FOREIGN, old, mx])
    said = road.publish(bare)
    assert f"goes TXT {old[3]}" in said
    assert f"stays TXT {FOREIGN[1][3]}" in said
    assert served(bare) == wanted() | {row(record) for record in FOREIGN}
    assert "Nothing to publish." in road.publish(bare)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("TXT", '"v=spf1 include:_spf.bigmail.example ip4:192.0.2.25 -all"'),
        ("TXT", '"v=spf1 redirect=_spf.big" "mail.example"'),
        ("MX", "10 mx.bigmail.example."),
        ("CNAME", "u1.bigmail.example."),
    ],
)
def test_what_an_office_lives_by_stays_and_nothing_beside_it(
    bare: Lab, kind: str, data: str
) -> None:
    office = (SPF, 300, kind, data)
    bare.dns.load_zone(ZONE, [office])
    for _ in range(2):
        done = road.postroad("dns", "publish", "--yes", str(road.INVENTORY))
        assert done.returncode == 1, done.stderr
        assert f"in the way  {SPF.rstrip('.')}  " in done.stdout
        assert f"stays {kind} " in done.stdout
        there = served(bare)
        assert {one for one in there if one[0].endswith(SPF)} == {row(office)}
        # What has nothing to do with it is published.
        assert ("bounce.news.shop.example.", "MX") in {one[:2] for one in there}


def test_what_a_wildcard_serves_a_from_domain_stays(bare: Lab) -> None:
    wild = [
        ("*.shop.example.", 300, "MX", "10 office.elsewhere.example."),
        ("*.shop.example.", 300, "A", "192.0.2.80"),
    ]
    bare.dns.load_zone(ZONE, wild)
    done = road.postroad("dns", "publish", "--yes", str(road.INVENTORY))
    assert done.returncode == 1, done.stderr
    assert "in the way  _dmarc.news.shop.example  TXT" in done.stdout
    assert "news.shop.example. 300 IN MX 10 office.elsewhere.example." in done.stdout
    assert "news.shop.example. 300 IN A 192.0.2.80" in done.stdout
    there = served(bare)
    assert not [one for one in there if one[0].endswith("news.shop.example.")]
    # What stands at no such name is published: it is the estate's own.
    assert ("mail1.shop.example.", "A") in {one[:2] for one in there}
    # What it says to write settles it; a name with nothing but names beneath it exists.
    bare.dns.load_zone(ZONE, [*wild, ("www.news.shop.example.", 300, "A", "192.0.2.81")])
    assert "the primary holds all of it" in road.publish(bare)


def test_a_zone_that_changes_under_the_plan_is_left_as_it_is(bare: Lab) -> None:
    with at_the_question(road.INVENTORY) as question:
        assert "  add     bounce.shop.example  TXT" in question.asked
        bare.dns.load_zone(ZONE, [(SPF, 60, "TXT", '"v=spf1 -all"')])
        before = served(bare)
        said = question.answer("y")
    assert question.status() == 1
    assert "shop.example at " in said
    assert "was changed by somebody else since it was looked at" in said
    assert served(bare) == before


def test_a_refusal_at_the_question_changes_nothing(bare: Lab) -> None:
    with at_the_question(road.INVENTORY) as question:
        assert "Nothing was changed." in question.answer("n")
    assert question.status() == 1
    assert served(bare) == set()


def test_without_a_terminal_nothing_is_changed(bare: Lab) -> None:
    done = road.postroad("dns", "publish", str(road.INVENTORY))
    assert done.returncode == 1
    assert "add --yes" in done.stderr
    assert served(bare) == set()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"key": {"env": "WRONG_TSIG"}}, "its secret is another one (BADSIG)"),
        ({"key_name": "stranger"}, "it has no key of that name and algorithm (BADKEY)"),
        ({"server": "127.0.0.1", "port": 1}, "cannot be reached by TCP: Connection refused"),
    ],
    ids=["secret", "name", "server"],
)
def test_a_wrong_key_is_told_in_plain_words(
    lab: Lab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, object],
    told: str,
) -> None:
    monkeypatch.setenv("WRONG_TSIG", "d3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmc=")
    other = _with_zone(lab, tmp_path, ZONE.rstrip("."), changed)
    done = road.postroad("dns", "publish", "--yes", str(other.inventory))
    assert done.returncode == 2
    assert told in done.stderr
    assert "nothing was changed" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_zone_that_the_primary_does_not_serve_is_told(lab: Lab, tmp_path: Path) -> None:
    other = _with_zone(lab, tmp_path, "news.shop.example", {})
    done = road.postroad("dns", "publish", "--yes", str(other.inventory))
    assert done.returncode == 2
    assert "does not serve the zone news.shop.example" in done.stderr


def test_the_key_is_in_no_argument_and_no_output(bare: Lab, tmp_path: Path) -> None:
    record = tmp_path / "programs"
    trace = ["strace", "-f", "-v", "-s", "1000000", "-e", "trace=execve", "-o", str(record)]
    command = [sys.executable, "-m", "postroad", "dns", "publish", "--yes", str(road.INVENTORY)]
    done = subprocess.run(
        [*trace, *command],
        cwd=here.CLONE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "the primary holds all of it" in done.stdout
    secret = bare.tsig_key.read_text().strip()
    programs = record.read_text()
    assert "execve(" in programs
    # Numbers, so that no report of a test shows it.
    assert [n for n, t in enumerate((done.stdout, done.stderr, programs)) if secret in t] == []


def _with_zone(lab: Lab, folder: Path, zone: str, changed: dict[str, object]) -> Variant:
    """mail2's estate with one zone, declared otherwise."""
    declared = {
        "server": lab.network.ipv4(2),
        "key_name": "operator",
        "key": {"file": str(lab.tsig_key)},
        **changed,
    }
    return variant(folder, {"dns": {"zones": {zone: declared}}})


class Question:
    """A `postroad dns publish` that waits for its operator's answer on a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self._process = process
        self._terminal = terminal
        self.asked = self._read_until("[y/N]")

    def answer(self, text: str) -> str:
        """Answer it; returns all that it says then."""
        os.write(self._terminal, f"{text}\n".encode())
        return self._read_until(None)

    def status(self) -> int:
        """How it ended."""
        return self._process.wait(60)

    def _read_until(self, mark: str | None) -> str:
        said, deadline = "", time.monotonic() + 60
        while mark is None or mark not in said:
            ready, _, _ = select.select([self._terminal], [], [], deadline - time.monotonic())
            assert ready, said
            try:
                said += os.read(self._terminal, 65536).decode()
            except OSError:  # The other side of the terminal is closed: pty(7).
                assert mark is None, said
                break
        return " ".join(said.split("\r\n")) if mark is None else said


@contextmanager
def at_the_question(inventory: Path) -> Iterator[Question]:
    """Start the command on a terminal of its own, and wait until it asks."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "postroad", "dns", "publish", str(inventory)],
        cwd=here.CLONE,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        yield Question(process, ours)
    finally:
        process.kill()
        process.wait(10)
        os.close(ours)
