"""What the estate has taken away from a host: found, closed, drained, removed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from postroad import taken_away
from postroad.keys import orphaned_keys
from postroad.leaving import absent_instances, draining, script, still_to_do
from postroad.state import KeyState
from postroad.taken_away import Instance
from tests.unit import estates
from tests.unit.declarations import declaration
from tests.unit.sandbox import Sandbox, killed_everywhere

ESTATE = estates.estate(declaration())
MAIL1 = ESTATE.host("mail1")

# postconf(1) of paper: it lists the doors of a file and takes them out, as -M and -MX do.
_POSTCONF = """#!/bin/sh
doors=$2/doors
case $3 in
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
    done = box.sh(moved(box, taken_away.probe(["marketing", "inbound"])))
    return taken_away.parse(done.stdout.splitlines())


def leave(box: Sandbox) -> None:
    done = box.sh(moved(box, script(still_to_do(found(box)), ())))
    assert (done.returncode, done.stderr) == (0, "")


def moved(box: Sandbox, text: str) -> str:
    for place in ("/etc/postfix-", "/var/spool/", "/var/lib/postfix-", "/etc/postroad"):
        text = text.replace(f"{place}", f"{box.root}{place}")
    return text


def test_a_stream_is_closed_while_it_has_mail_and_removed_when_it_has_none(box: Sandbox) -> None:
    waiting = box.root / "var/spool/postfix-marketing/deferred/4/4jYWrm"
    waiting.touch()
    assert found(box) == (Instance("marketing", 1, ("192.0.2.13:587", "192.0.2.13:465")),)
    leave(box)
    assert found(box) == (Instance("marketing", 1, ()),)
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
    for number, cut in enumerate(killed_everywhere(script((instance,), ()))):
        (tmp_path / str(number)).mkdir()
        box = with_marketing(tmp_path / str(number))
        (box.root / "var/spool/postfix-marketing/deferred/4/4jYWrm").touch()
        box.sh(moved(box, cut))
        leave(box)
        assert found(box) == (Instance("marketing", 1, ()),)
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
    assert "rm -f /etc/postroad/marketing/keys/old.example/202611-mail1.pem" in script((), (gone,))


def test_the_name_of_the_operation_says_what_is_to_be_done() -> None:
    assert str(Instance("marketing", 0, ())) == "marketing (to be removed)"
    assert (
        str(Instance("marketing", 2, ("587", "465")))
        == "marketing (to be closed, 2 messages to deliver)"
    )
