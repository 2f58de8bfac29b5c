"""What the estate has taken away from a host: found, closed, drained, removed."""

from __future__ import annotations

import math
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from postroad.mail.leaving import instances
from postroad.mail.leaving.instances import Instance
from postroad.mail.leaving.streams import absent_instances, draining, script, still_to_do
from postroad.mail.return_paths import kept_seconds
from postroad.mail.signing.found import KeyLife, KeyState
from postroad.mail.signing.keys import former_keys, orphan_steps, orphaned_keys
from tests.unit import estates
from tests.unit.declarations import declaration
from tests.unit.sandbox import Sandbox, killed_everywhere

ESTATE = estates.estate(declaration())
MAIL1 = ESTATE.host("mail1")

FROM = ip_address("192.0.2.13")

# postconf(1) of paper: it lists the doors of a file and takes them out, as -M and -MX do.
_POSTCONF = """#!/bin/sh
doors=$2/doors
case $3 in
-h) echo 192.0.2.13; echo ;;
-M) while read -r door; do echo "$door inet n"; done < "$doors"; echo "pickup unix n" ;;
-MX) grep -vxF "${4%/inet}" "$doors" > "$doors.new" || :; mv "$doors.new" "$doors" ;;
esac
"""


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    return with_marketing(tmp_path)


def with_marketing(root: Path) -> Sandbox:
    made = Sandbox.at(
        root, *(f"postroad-{part}@marketing.service" for part in ("postfix", "dkim", "auth"))
    )
    for name, body in (("postconf", _POSTCONF), ("postkick", "#!/bin/sh\n")):
        place = made.root / "bin" / name
        place.write_text(body)
        place.chmod(0o755)
    for path in (
        "etc/postfix-marketing",
        "var/lib/postfix-marketing",
        "etc/postroad/marketing/keys",
        "var/spool/postfix-marketing/deferred/4",
        "var/spool/postfix-marketing/pid",
        "var/lib/postroad/adopted",
        "var/lib/postroad/applied",
        "var/log/postroad",
    ):
        (made.root / path).mkdir(parents=True)
    (made.root / "units/postroad-postfix@marketing.service/active").write_text("active\n")
    (made.root / "etc/postfix-marketing/doors").write_text("192.0.2.13:587\n192.0.2.13:465\n")
    (made.root / "var/spool/postfix-marketing/pid/master.pid").write_text("    1\n")
    for mark in ("adopted", "applied"):
        (made.root / f"var/lib/postroad/{mark}/marketing").touch()
    return made


def found(box: Sandbox) -> tuple[Instance, ...]:
    done = box.sh(moved(box, instances.probe(["marketing", "inbound"])))
    return instances.parse(done.stdout.splitlines())


def leave(box: Sandbox) -> None:
    done = box.sh(moved(box, script(still_to_do(found(box)), (), 0.0)))
    assert (done.returncode, done.stderr) == (0, "")


def moved(box: Sandbox, text: str) -> str:
    for place in ("/etc/postfix-", "/var/spool/", "/var/lib/postfix-", "/etc/postroad"):
        text = text.replace(f"{place}", f"{box.root}{place}")
    return text


def test_a_stream_is_closed_while_it_has_mail_and_removed_when_it_has_none(box: Sandbox) -> None:
    waiting = box.root / "var/spool/postfix-marketing/deferred/4/4jYWrm"
    waiting.touch()
    doors = ("192.0.2.13:587", "192.0.2.13:465")
    assert found(box) == (Instance("marketing", 1, doors, (FROM,)),)
    leave(box)
    assert found(box) == (Instance("marketing", 1, (), (FROM,)),)
    assert waiting.exists()
    # Nothing is left to do but to wait, so that a run changes nothing.
    assert still_to_do(found(box)) == ()
    (sentence,) = draining(found(box))
    assert "still delivers 1 message" in sentence
    waiting.unlink()
    leave(box)
    assert found(box) == ()
    left = {place for place in box.root.rglob("*marketing*") if "units" not in place.parts}
    assert left == set()
    assert (box.root / "var/log/postroad").is_dir()
    assert "disable --now --quiet postroad-postfix@marketing.service" in " ".join(box.told())


def test_doors_that_are_closed_on_paper_are_told_to_postfix(tmp_path: Path) -> None:
    """Wherever the run is cut off, the next one reloads after the last door."""
    instance = Instance("marketing", 1, ("192.0.2.13:587", "192.0.2.13:465"))
    for number, cut in enumerate(killed_everywhere(script((instance,), (), 0.0))):
        (tmp_path / str(number)).mkdir()
        box = with_marketing(tmp_path / str(number))
        (box.root / "var/spool/postfix-marketing/deferred/4/4jYWrm").touch()
        box.sh(moved(box, cut))
        leave(box)
        assert found(box) == (Instance("marketing", 1, (), (FROM,)),)
        assert "reload postroad-postfix@marketing.service" in box.told(), cut


def test_a_host_that_has_what_it_must_is_asked_of_the_others() -> None:
    assert absent_instances(MAIL1) == ()
    without = replace(MAIL1, ways_out=MAIL1.ways_out[:1], inbound=False)
    assert absent_instances(without) == ("marketing", "inbound")


def test_a_key_of_a_domain_that_was_taken_away_is_an_orphan() -> None:
    domain = ESTATE.stream("marketing").from_domains[0]
    wanted = KeyState("marketing", domain, "202611-mail1", "MIIB")
    gone = KeyState("marketing", "old.example", "202611-mail1", "MIIB")
    elsewhere = KeyState("newsletter", "old.example", "202611-mail1", "MIIB")
    # A file that holds no key is somebody's to look at, not ours to remove.
    broken = KeyState("marketing", domain, "202610-mail1", "")
    assert orphaned_keys(ESTATE, MAIL1, (wanted, gone, elsewhere, broken)) == (gone,)


NOW = 1_800_000_000.0
KEPT = kept_seconds(ESTATE)


@pytest.mark.parametrize(
    ("orphaned", "oldest", "how"),
    [
        (None, math.inf, "kept until its mail has been read"),
        (NOW - KEPT + 60, math.inf, None),
        (NOW - KEPT, math.inf, "to be removed"),
        # What waits may have been signed with it; what is not known is not empty.
        (NOW - KEPT, NOW - KEPT - 1, None),
        (NOW - KEPT, None, None),
    ],
)
def test_a_key_of_a_domain_that_was_taken_away_is_kept_while_it_is_read(
    orphaned: float | None, oldest: float | None, how: str | None
) -> None:
    gone = KeyState("marketing", "old.example", "202611-mail1", "MIIB", KeyLife(orphaned=orphaned))
    found = orphan_steps(ESTATE, MAIL1, (gone,), NOW, oldest)
    assert [step.how for step in found] == ([] if how is None else [how])
    # As long as it is there, its record is wanted.
    assert former_keys(ESTATE, MAIL1, (gone,)) == (gone,)
    removal = "rm -f /etc/postroad/marketing/keys/old.example/202611-mail1.pem"
    assert (removal in script((), found, NOW)) == (how == "to be removed")
    if orphaned is None:
        assert "'orphaned 1800000000'" in script((), found, NOW)


def test_a_key_of_a_domain_that_is_declared_again_forgets_that_it_was_none() -> None:
    domain = ESTATE.stream("marketing").from_domains[0]
    life = KeyLife(active=1.0, orphaned=NOW)
    back = KeyState("marketing", domain, "202611-mail1", "MIIB", life)
    (step,) = orphan_steps(ESTATE, MAIL1, (back,), NOW, None)
    assert step.how == "declared again"
    assert "orphaned" not in script((), (step,), NOW)
    assert former_keys(ESTATE, MAIL1, (back,)) == ()


def test_the_keys_of_a_stream_that_is_drained_stay_wanted() -> None:
    without = replace(MAIL1, ways_out=MAIL1.ways_out[:1])
    key = KeyState("marketing", "news.shop.example", "202611-mail1", "MIIB")
    assert former_keys(ESTATE, without, (key,)) == (key,)
    assert orphan_steps(ESTATE, without, (key,), NOW, None) == ()


def test_inbound_stays_for_what_comes_back_of_streams_that_are_drained() -> None:
    stream, inbound = Instance("marketing", 2, ()), Instance("inbound", 0, ("192.0.2.11:25",))
    assert still_to_do((stream, inbound)) == ()
    said = draining((stream, inbound))
    assert "leave its records in the DNS" in said[0]
    assert "takes what comes back of streams that have mail yet" in said[1]
    assert still_to_do((replace(stream, messages=0), inbound)) == (
        replace(stream, messages=0),
        inbound,
    )


def test_from_where_a_stream_that_is_drained_sends_is_read() -> None:
    lines = ["marketing 2 192.0.2.13:587 from=192.0.2.13 from=2001:db8::13", "inbound 0"]
    stream, inbound = instances.parse(lines)
    assert stream == Instance(
        "marketing", 2, ("192.0.2.13:587",), (FROM, ip_address("2001:db8::13"))
    )
    assert inbound == Instance("inbound", 0, ())


def test_the_name_of_the_operation_says_what_is_to_be_done() -> None:
    assert str(Instance("marketing", 0, ())) == "marketing (to be removed)"
    assert (
        str(Instance("marketing", 2, ("587", "465")))
        == "marketing (to be closed, 2 messages to deliver)"
    )
