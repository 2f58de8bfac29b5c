"""The survey's shell on a real file system, and what is made of its answer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.images import tutorial
from postroad.mail.before.survey import PROBE, HandMadeKey, parse
from postroad.mail.before.words import Found, offers, text
from tests.unit import estates
from tests.unit.declarations import declaration

ESTATE = estates.estate(declaration())
MAIL1 = ESTATE.host("mail1")


def surveyed(root: Path) -> list[str]:
    """What the probe says where ``root`` is /."""
    script = PROBE.replace("/etc/", f"{root}/etc/")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def put(root: Path, path: str, content: str) -> Path:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content.replace("/etc/", f"{root}/etc/"))
    return place


def make_key(place: Path) -> None:
    place.parent.mkdir(parents=True)
    command = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]
    subprocess.run([*command, "-out", str(place)], check=True, capture_output=True)


def test_a_host_without_mail_has_nothing_to_tell(tmp_path: Path) -> None:
    seen = parse(surveyed(tmp_path))
    assert (seen.opendkim, seen.main, seen.keys) == ("", "", ())


def test_keys_are_found_by_the_table(tmp_path: Path) -> None:
    put(tmp_path, "/etc/opendkim.conf", tutorial.OPENDKIM)
    put(tmp_path, "/etc/opendkim/KeyTable", f"# names\n{tutorial.KEY_TABLE}")
    key = tmp_path / tutorial.KEY.lstrip("/")
    make_key(key)
    seen = parse(surveyed(tmp_path))
    assert seen.keys == (HandMadeKey(tutorial.DOMAIN, "default", str(key), 1024),)
    assert "TrustedHosts" in seen.opendkim


def test_a_signer_s_one_key_is_found(tmp_path: Path) -> None:
    conf = "Domain a.example, B.example\nSelector mail\nKeyFile /etc/dkimkeys/mail.private\n"
    put(tmp_path, "/etc/opendkim.conf", conf)
    key = tmp_path / "etc/dkimkeys/mail.private"
    make_key(key)
    assert [(k.domain, k.selector, k.bits) for k in parse(surveyed(tmp_path)).keys] == [
        ("a.example", "mail", 1024),
        ("b.example", "mail", 1024),
    ]


def test_a_row_without_its_file_is_no_key(tmp_path: Path) -> None:
    put(tmp_path, "/etc/opendkim.conf", tutorial.OPENDKIM)
    put(tmp_path, "/etc/opendkim/KeyTable", tutorial.KEY_TABLE)
    assert parse(surveyed(tmp_path)).keys == ()


def test_an_answer_that_was_cut_off_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cut off"):
        parse(surveyed(tmp_path)[:-1])


def test_a_key_is_offered_to_the_stream_that_signs_for_its_domain() -> None:
    domain = ESTATE.stream("marketing").from_domains[0]
    keys = (
        HandMadeKey(domain, "old", "/k", 2048),
        HandMadeKey("x.example", "old", "/x", 2048),
        HandMadeKey(domain, "short", "/s", 1024),
    )
    (row,) = offers(ESTATE, MAIL1, keys)
    assert '"stream": "marketing"' in row
    assert '"on_host": "/k"' in row


def test_the_report_leaves_out_what_there_is_not() -> None:
    found = Found("mail1", (), (), (), (), (), ())
    assert text(found) == "mail1: nothing in the way\n"
    assert text(Found("mail1", ("a", "b"), (), (), (), (), ("/etc/hosts",))) == (
        "mail1: 2 in the way\n"
        "  a run refuses it until this is settled:\n    - a\n    - b\n"
        "  files that a run replaces, and keeps aside:\n    - /etc/hosts\n"
    )
