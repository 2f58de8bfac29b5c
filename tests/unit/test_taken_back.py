"""A host that leaves the estate: what of ours is on it, and the shell that takes it back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from postroad.host.paths import ADOPTED, BEFORE
from postroad.mail.firewall.allowed import rules as wanted
from postroad.mail.firewall.read import FirewallState, parse_connection
from postroad.mail.firewall.rule import parse_rule
from postroad.mail.leaving import host as leaving_host
from postroad.mail.leaving.host import SYSTEM_DOORS, Ours
from postroad.mail.leaving.instances import Instance
from postroad.mail.parts.order import everything
from postroad.mail.questions import shape
from tests.unit import estates
from tests.unit.declarations import declaration, put
from tests.unit.machine import INSTALLED_UFW
from tests.unit.sandbox import Sandbox, killed_everywhere

ESTATE = estates.estate(declaration())
MAIL1 = ESTATE.host("mail1")
PARTS = tuple(everything(shape(ESTATE, MAIL1)))

# What a host has, and what is left of it: its own files, and those that nobody else has.
OURS = (
    "/etc/apt/apt.conf.d/81postroad-conffiles",
    "/etc/hosts",
    "/etc/logrotate.d/postroad",
    "/etc/postfix/main.cf",
    "/etc/postfix/master.cf",
    "/etc/postroad/tls/key.pem",
    "/etc/resolv.conf",
    "/etc/systemd/system/postroad-dkim@.service",
    "/etc/unbound/unbound.conf",
    "/usr/local/lib/postroad/postroad/onhost/canary/main.py",
    "/var/lib/postroad/opened/marketing",
    *(f"{ADOPTED}/{p.name}" for p in PARTS if p.name not in ("transactional", "marketing")),
)
THEIRS = {
    "/etc/hosts": "theirs",
    "/etc/postfix/master.cf": "theirs",
    "/etc/resolv.conf": "nameserver 127.0.0.1",
    "/etc/unbound/unbound.conf": "theirs",
}
# Named as ours is, but not for the manifest to know.
NEIGHBOURS = ("/etc/postfix/dynamicmaps.cf", "/var/log/postroad/marketing.log")

_PATHS = re.compile(
    r"(?<![\w$\"}])/(?=etc/|usr/local/|var/)(?!etc/letsencrypt|var/lib/postroad|run/postroad)"
)


def moved(box: Sandbox, text: str) -> str:
    return _PATHS.sub(f"{box.root}/", text)


def make(box: Sandbox, path: str, text: str = "ours") -> None:
    place = box.root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def tree(box: Sandbox) -> dict[str, str]:
    """Every file but the sandbox's own, with its text."""
    top = ("etc", "usr", "var", "run")
    places = (place for name in top for place in (box.root / name).rglob("*") if place.is_file())
    return {f"/{place.relative_to(box.root)}": place.read_text() for place in places}


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    return made(tmp_path)


def made(root: Path) -> Sandbox:
    box = Sandbox.at(root)
    for name in ("hostname", "postconf", "postkick", "update-ca-certificates"):
        place = root / "bin" / name
        place.write_text(f'#!/bin/sh\necho "{name} $*" >> {root}/told\n')
        place.chmod(0o755)
    # It has no reload here, and nothing to unmask.
    systemctl = root / "bin" / "systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$*" >> {root}/told\n')
    for path in (*OURS, *NEIGHBOURS):
        make(box, path)
    for path, text in THEIRS.items():
        make(box, f"{BEFORE}{path}", text)
    return box


def found(box: Sandbox, answers: bool = True) -> Ours:
    """What the probe finds. That the old resolver answers is said here: nobody is asked."""
    done = box.sh(moved(box, leaving_host.probe()))
    said = done.stdout.replace(str(box.root), "").splitlines()
    ours = leaving_host.parse(line for line in said if line != "answers")
    return replace(ours, answers=answers)


def take_back(box: Sandbox, answers: bool = True) -> None:
    done = box.sh(moved(box, leaving_host.files(found(box, answers), PARTS)))
    assert (done.returncode, done.stderr) == (0, "")


def test_what_was_there_before_is_put_back_and_the_rest_is_gone(box: Sandbox) -> None:
    take_back(box)
    assert tree(box) == {**THEIRS, **dict.fromkeys(NEIGHBOURS, "ours")}
    ours = found(box)
    assert (ours.marks, ours.kept, leaving_host.parts(ours)) == (frozenset(), frozenset(), ())
    told = box.told()
    assert "disable --now --quiet postfix.service" in told
    assert "disable --now --quiet unbound.service" in told
    assert "unmask --quiet dovecot.socket" in told
    assert "disable --quiet dovecot.socket" in told
    assert told.index("daemon-reload") > 0


def test_a_run_that_is_cut_off_anywhere_is_completed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = made(tmp_path / "whole")
    script = leaving_host.files(found(whole), PARTS)
    take_back(whole)
    for number, cut in enumerate(killed_everywhere(script)):
        (tmp_path / str(number)).mkdir()
        box = made(tmp_path / str(number))
        assert box.sh(moved(box, cut)).returncode != 0
        take_back(box)
        assert tree(box) == tree(whole), cut
        # Units are told again: nobody knows how far the first run had come.
        assert set(plain(box)) == set(plain(whole)), cut


def test_what_no_run_of_ours_has_finished_is_somebody_else_s(box: Sandbox) -> None:
    for part in ("default", "identity"):
        (box.root / f"{ADOPTED}/{part}".lstrip("/")).unlink()
    make(box, "/etc/mailname", "theirs")
    take_back(box)
    assert tree(box)["/etc/postfix/main.cf"] == "ours"
    assert tree(box)["/etc/mailname"] == "theirs"


def test_a_file_that_a_host_cannot_be_without_stays_and_is_told(box: Sandbox) -> None:
    make(box, "/etc/hostname")
    assert leaving_host.staying(found(box)) == ("/etc/hostname",)
    take_back(box)
    assert tree(box)["/etc/hostname"] == "ours"
    # It is the host's now: the next run has nothing to do.
    assert leaving_host.parts(found(box)) == ()


def test_a_former_file_that_has_no_place_is_told(box: Sandbox) -> None:
    make(box, f"{BEFORE}/etc/postfix-marketing/main.cf", "theirs")
    assert leaving_host.not_put_back(found(box)) == (f"{BEFORE}/etc/postfix-marketing/main.cf",)
    take_back(box)
    assert tree(box)[f"{BEFORE}/etc/postfix-marketing/main.cf"] == "theirs"
    assert leaving_host.parts(found(box)) == ()


def test_our_resolver_stays_where_no_other_answers(box: Sandbox) -> None:
    take_back(box, answers=False)
    left = tree(box)
    assert (left["/etc/resolv.conf"], left["/etc/unbound/unbound.conf"]) == ("ours", "ours")
    assert left[f"{BEFORE}/etc/resolv.conf"] == THEIRS["/etc/resolv.conf"]
    assert not [line for line in box.told() if "unbound" in line]
    ours = found(box, answers=False)
    assert ours.keeps_resolver
    assert leaving_host.parts(ours) == ()
    # Its operator has mended that: the rest goes.
    take_back(box)
    assert tree(box) == {**THEIRS, **dict.fromkeys(NEIGHBOURS, "ours")}


def test_a_resolver_on_loopback_alone_does_not_answer(box: Sandbox) -> None:
    done = box.sh(moved(box, leaving_host.probe()))
    assert "answers" not in done.stdout.splitlines()


def test_an_answer_that_was_cut_off_is_none() -> None:
    with pytest.raises(ValueError, match="cut off"):
        leaving_host.parse(["path /etc/hosts"])


@pytest.mark.parametrize("door", SYSTEM_DOORS)
def test_the_null_client_s_way_out_is_closed_after_it(box: Sandbox, door: str) -> None:
    null_client = Instance("default", 1, ("sendmail",))
    stream = Instance("transactional", 0, ("192.0.2.12:587", door))
    ours = Ours((null_client, stream))
    (_, closed) = leaving_host.to_close(ours)
    assert closed.doors == ("192.0.2.12:587",)
    # It waits for what comes in last, too.
    make(box, "/var/spool/postfix-transactional/pid/master.pid", "  1\n")
    empty = Ours((replace(null_client, messages=0), stream))
    make(box, "/var/spool/postfix/maildrop/4jYWrm")
    box.sh(moved(box, leaving_host.closing(empty)))
    assert "postconf -c /etc/postfix-transactional -MX 192.0.2.12:587/inet" in plain(box)
    assert f"postconf -c /etc/postfix-transactional -MX {door}/inet" not in plain(box)
    (box.root / "var/spool/postfix/maildrop/4jYWrm").unlink()
    box.sh(moved(box, leaving_host.closing(empty)))
    assert f"postconf -c /etc/postfix-transactional -MX {door}/inet" in plain(box)
    closing = [line for line in plain(box) if line.startswith("postconf")]
    assert closing[0] == "postconf -c /etc/postfix -e authorized_submit_users="


def test_inbound_is_closed_last_for_what_comes_back(box: Sandbox) -> None:
    inbound = Instance("inbound", 0, ("192.0.2.11:25",))
    stream = Instance("marketing", 1, ("192.0.2.13:587",))
    assert [one.name for one in leaving_host.to_close(Ours((inbound, stream)))] == ["marketing"]
    closed = "postconf -c /etc/postfix-inbound -MX 192.0.2.11:25/inet"
    empty = Ours((inbound, replace(stream, messages=0)))
    make(box, "/var/spool/postfix-marketing/incoming/4jYWrm")
    box.sh(moved(box, leaving_host.closing(empty)))
    assert closed not in plain(box)
    (box.root / "var/spool/postfix-marketing/incoming/4jYWrm").unlink()
    box.sh(moved(box, leaving_host.closing(empty)))
    assert closed in plain(box)
    alone = leaving_host.closing(Ours((inbound,)))
    assert box.sh(moved(box, alone)).returncode == 0


def plain(box: Sandbox) -> list[str]:
    return [line.replace(str(box.root), "") for line in box.told()]


def test_what_comes_in_at_the_last_moment_is_delivered_first(box: Sandbox) -> None:
    ours = Ours(tuple(Instance(name, 0, ()) for name in ("default", "inbound", "marketing")))
    make(box, "/var/spool/postfix-marketing/incoming/4jYWrm")
    make(box, "/etc/postroad/marketing/users")
    box.sh(moved(box, leaving_host.stopping(ours)))
    all_units = (
        "postfix.service postroad-postfix@inbound.service postroad-postfix@marketing.service"
    )
    assert plain(box) == [f"stop {all_units}", f"start {all_units}"]
    (box.root / "var/spool/postfix-marketing/incoming/4jYWrm").unlink()
    box.sh(moved(box, leaving_host.stopping(ours)))
    assert not (box.root / "var/spool/postfix-marketing").exists()
    assert not (box.root / "etc/postroad/marketing").exists()


def test_a_host_with_mail_is_told_what_it_waits_for() -> None:
    ours = Ours((Instance("marketing", 2, ()), Instance("inbound", 0, ())))
    assert leaving_host.waiting(ours, {}) == ("marketing still has 2 messages to deliver",)
    (sentence,) = leaving_host.waiting(ours, {"marketing": "stop"})
    assert "stopped by its operator: drain it by deploys/pause.py" in sentence


ADOPTED_FIREWALL = Ours(marks=frozenset({f"{ADOPTED}/firewall"}))


def rules(state: FirewallState, ours: Ours = ADOPTED_FIREWALL) -> Iterator[str]:
    return map(str, leaving_host.rules(ESTATE_WITH_WEB, ESTATE_WITH_WEB.host("mail1"), ours, state))


ESTATE_WITH_WEB = estates.estate(
    put(
        declaration(),
        ("firewall",),
        {"open": [{"port": 443, "protocol": "tcp", "comment": "the shop"}]},
    )
)


def test_of_the_firewall_only_what_is_for_mail_goes() -> None:
    host = ESTATE_WITH_WEB.host("mail1")
    stranger = parse_rule("allow 9999/tcp")
    state = FirewallState(status=INSTALLED_UFW, rules4=(*wanted(ESTATE_WITH_WEB, host), stranger))
    gone = list(rules(state))
    assert "allow 25/tcp comment 'bounces and complaints'" in gone
    left = [str(rule) for rule in state.rules if str(rule) not in gone]
    assert not [rule for rule in gone if "443" in rule or "'ssh'" in rule or "9999" in rule]
    assert len(left) == 3
    # Where postroad is no more, a rule like ours is somebody else's.
    assert list(rules(state, Ours())) == []


def test_the_run_is_never_shut_out() -> None:
    only = parse_rule("allow 25/tcp")
    active = replace(INSTALLED_UFW, enabled=True, loaded=True)
    came = parse_connection("198.51.100.7 50000 192.0.2.11 25")
    state = FirewallState(status=active, rules4=(only,), connection=came)
    assert "would shut out this very run" in str(leaving_host.lockout(state, (only,)))
    assert leaving_host.lockout(state, ()) is None
    assert leaving_host.lockout(replace(state, status=INSTALLED_UFW), (only,)) is None
