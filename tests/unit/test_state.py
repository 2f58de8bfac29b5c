"""The state of a host: what the probe prints, here and on hosts of paper, and how it is read."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from postroad.host.found import (
    PART_ENDS,
    SILENT,
    FileState,
    HostState,
    Questions,
    UnitState,
    blank,
    parse,
    probe,
)
from postroad.host.paths import ACME_RENEWAL
from postroad.mail.before.listeners import Listener
from postroad.mail.certificate import CERTIFICATE, CertificateState
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.firewall.read import (
    Connection,
    FirewallState,
    Status,
    parse_connection,
)
from postroad.mail.firewall.rule import parse_rule
from postroad.mail.signing.found import KEYS, OFFERED_KEYS, KeyState, offered_shell
from postroad.mail.software import SOFTWARE
from tests.unit.machine import told
from tests.unit.sandbox import GROUP, OWNER, Sandbox
from tests.unit.states import ASKED, altered, whole

# What a bare Debian 12 container answers (blank lines as they come).
_BARE = """
@@postroad host
0
1795460400.123456789
debian
12
container
7340032
localhost

@@postroad addresses
127.0.0.1
192.0.2.11
::1
2001:db8::11

@@postroad files
/etc/hostname|regular file|root|root|644
/etc/resolv.conf|symbolic link|root|root|777
/etc/cloud/cloud.cfg.d|directory|root|root|2755
/etc/empty|regular empty file|root|root|600
/run/odd|fifo|root|root|644

@@postroad user-namespaces

@@postroad hashes
03cf3e4f9c0a5ed5e3b5b5b9a1ea85ed0d9d2a0f5c3e1f4f9f0b3f8e6cbb11e0  /etc/hostname

@@postroad units
Id=systemd-timesyncd.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
NeedDaemonReload=no

Id=unbound.service
LoadState=not-found
ActiveState=inactive
UnitFileState=
NeedDaemonReload=no

Id=opendkim.service
LoadState=masked
ActiveState=inactive
UnitFileState=masked
NeedDaemonReload=yes

@@postroad packages
openssl|installed|3.0.17-1~deb12u2
postfix|config-files|3.7.11-0+deb12u1
ufw|not-installed|

@@postroad users
postroad-mail

@@postroad groups
postroad-mail

@@postroad stamps

@@postroad postfix

@@postroad parameters

@@postroad dovecot

@@postroad keys

@@postroad lives

@@postroad certificate

@@postroad renewal

@@postroad firewall
ssh=198.51.100.7 50000 192.0.2.11 22

@@postroad listeners
00000000:0016 0 sshd

@@postroad end-names

@@postroad end-services

@@postroad end-packages

"""
READING_ENDS = tuple(one.end for one in ASKED)
BARE = _BARE + "".join(f"@@postroad {end}\n\n" for end in (*READING_ENDS, "end"))

# 100 seconds after the bare host's clock.
ENDS = "notAfter=Nov 23 19:01:40 2026 GMT"

DEPLOYED = altered(
    blank(),
    clock=1795460400.5,
    distribution="ubuntu",
    release="24.04",
    var_free_kib=1000,
    hostname="mail1.shop.example",
    addresses=frozenset({ip_address("192.0.2.11")}),
    files={
        "/etc/a b": FileState("file", "root", "dovecot", 0o640, "a" * 64),
        "/var/mail/postroad": FileState("directory", "postroad-mail", "postroad-mail", 0o2750),
    },
    units={
        "postfix.service": UnitState("loaded", "active", "enabled", False),
        "opendkim.service": UnitState("masked", "inactive", "masked", True),
    },
    packages={"postfix": "3.8.6-1build2", "ufw": "0.36.2-6"},
    users={"postroad-mail": 998},
    groups={"postroad-mail": 997},
    stamps={"default": "b" * 64, "resolv-conf": "c" * 64},
    opened={"marketing": ('{"kind": "spf", "address": "2001:db8::1"}', "a" * 64)},
    postfix_version="3.8.6",
    postfix_is_wrapper=True,
    postfix_parameters=frozenset({"smtpd_forbid_bare_newline", "smtp_bind_address_enforce"}),
    dovecot_version="2.3.21",
    keys=(KeyState("marketing", "news.shop.example", "202611-mail1", "MIIB"),),
    certificate=CertificateState(
        frozenset({"mail1.shop.example", "out1.shop.example"}),
        7_776_000,
        {"authenticator": "standalone", "reuse_key": "True"},
        "MIIB" * 98,
    ),
    firewall=FirewallState(
        status=Status(
            enabled=True,
            loaded=True,
            ipv6=True,
            incoming="deny",
            outgoing="allow",
            routed="deny",
            logging="low",
        ),
        rules4=(parse_rule("allow 25/tcp comment 'bounces'"),),
        rules6=(parse_rule("allow 25/tcp comment 'bounces'"),),
        connection=parse_connection("198.51.100.7 50000 192.0.2.11 22"),
    ),
    listeners=(Listener("0.0.0.0", 25, "master"), Listener("[::]", 25, "master")),
)


def read(text: str) -> HostState:
    return parse(text.splitlines(), ASKED)


def test_a_bare_host() -> None:
    state = read(BARE)
    assert (state.uid, state.clock) == (0, 1795460400.123456789)
    assert (state.distribution, state.release, state.container) == ("debian", "12", True)
    assert (state.var_free_kib, state.hostname) == (7340032, "localhost")
    assert state.has_user_namespaces
    without = read(BARE.replace("user-namespaces\n", "user-namespaces\nnone\n"))
    assert not without.has_user_namespaces
    assert ip_address("2001:db8::11") in state.addresses
    assert (state[SOFTWARE].postfix_version, state[SOFTWARE].postfix_parameters) == (
        "",
        frozenset(),
    )
    assert (state[SOFTWARE].dovecot_version, state[KEYS], state[CERTIFICATE]) == ("", (), None)
    assert (state.users, state.groups, state.stamps) == ({}, {}, {})
    assert state[FIREWALL].status is None
    assert state[FIREWALL].connection == Connection("198.51.100.7", "192.0.2.11", 22)


def test_each_kind_of_path() -> None:
    files = read(BARE).files
    assert files["/etc/hostname"].sha256.startswith("03cf3e4f")
    assert {path: file.kind for path, file in files.items()} == {
        "/etc/hostname": "file",
        "/etc/resolv.conf": "symlink",
        "/etc/cloud/cloud.cfg.d": "directory",
        "/etc/empty": "file",
        "/run/odd": "other",
    }
    assert files["/etc/cloud/cloud.cfg.d"].mode == 0o2755


def test_a_unit_that_systemd_does_not_find_is_not_there() -> None:
    assert read(BARE).units == {
        "systemd-timesyncd.service": UnitState("loaded", "active", "enabled", False),
        "opendkim.service": UnitState("masked", "inactive", "masked", True),
    }


@pytest.mark.parametrize(
    ("sub_state", "restarts", "active"),
    [
        ("start-pre", 0, "activating"),
        ("auto-restart", 0, "auto-restart"),
        ("auto-restart-queued", 0, "auto-restart"),
        ("start", 7, "auto-restart"),
    ],
)
def test_a_unit_that_fails_again_and_again_is_not_about_to_run(
    sub_state: str, restarts: int, active: str
) -> None:
    now = f"ActiveState=activating\nSubState={sub_state}\nNRestarts={restarts}\n"
    seen = BARE.replace("ActiveState=active\n", now)
    assert read(seen).units["systemd-timesyncd.service"].active == active


@pytest.mark.parametrize(
    ("restarts", "since", "is_back"),
    [(0, 999, False), (7, 999, True), (7, 990, False), (7, 996, True)],
)
def test_a_unit_that_dies_at_once_is_seen_while_it_runs(
    restarts: int, since: int, is_back: bool
) -> None:
    now = f"ActiveState=active\nNRestarts={restarts}\nActiveEnterTimestampMonotonic={since}000000\n"
    seen = BARE.replace("ActiveState=active\n", now)
    seen = seen.replace("@@postroad units\n", "@@postroad units\nUptime=1000.25\n")
    unit = read(seen).units["systemd-timesyncd.service"]
    assert (unit.active, unit.is_back) == ("active", is_back)


def test_a_removed_package_is_not_there() -> None:
    assert read(BARE).packages == {"openssl": "3.0.17-1~deb12u2"}


def test_a_deployed_host() -> None:
    assert read(told(DEPLOYED)) == whole(DEPLOYED)


def test_the_first_postfix_with_a_wrapper_unit_is_told_from_the_others() -> None:
    assert not read(told(altered(DEPLOYED, postfix_is_wrapper=False)))[SOFTWARE].postfix_is_wrapper


@pytest.mark.parametrize("lost", range(1, 19))
def test_an_answer_that_was_cut_off_is_no_state(lost: int) -> None:
    sections = BARE.split("@@postroad ")
    cut = "@@postroad ".join(sections[:-lost])
    with pytest.raises(ValueError, match="cut off before its end"):
        read(cut)


@pytest.mark.parametrize(
    "spoilt",
    [
        "\n".join(BARE.splitlines()[:20]),
        BARE.replace("|root|root|644", "|root"),
        BARE.replace("1795460400.123456789", "nan"),
        *(BARE.replace(f"@@postroad {end}\n", "") for end in (*PART_ENDS, *READING_ENDS)),
        BARE.replace("@@postroad units\n", f"@@postroad units\n{SILENT}\n"),
    ],
)
def test_half_an_answer_is_none(spoilt: str) -> None:
    """A shell without processes ends in its own part; what it did not tell is not missing there."""
    assert spoilt != BARE
    with pytest.raises((ValueError, KeyError, IndexError)):
        read(spoilt)


@pytest.mark.parametrize(
    ("certificate", "found"),
    [
        ("", None),
        ("unable to load certificate", None),
        ("notAfter=soon", None),
        (
            "X509v3 Subject Alternative Name: \n    DNS:a.example, DNS:b.example\n" + ENDS,
            CertificateState(frozenset({"a.example", "b.example"}), 99),
        ),
        ("notAfter=Nov 23 18:58:20 2026 GMT", CertificateState(frozenset(), -100)),
        (
            "-----BEGIN PUBLIC KEY-----\nMIIB\nAA==\n-----END PUBLIC KEY-----\n" + ENDS,
            CertificateState(frozenset(), 99, public_key="MIIBAA=="),
        ),
        (
            "-----BEGIN PUBLIC KEY-----\nMIIB\n" + ENDS,
            CertificateState(frozenset(), 99, public_key=""),
        ),
    ],
)
def test_the_certificate(certificate: str, found: CertificateState | None) -> None:
    text = BARE.replace("@@postroad certificate\n", f"@@postroad certificate\n{certificate}\n")
    assert read(text)[CERTIFICATE] == found


def test_keys_come_in_order_whatever_the_shell_s_was() -> None:
    lines = [
        f"/etc/postroad/{stream}/keys/{domain}/{selector}.pem {key}"
        for stream, domain, selector, key in [
            ("transactional", "shop.example", "202611-a", "AAAA"),
            ("marketing", "shop.example", "202611-a", ""),
            ("marketing", "shop.example", "202601-a", "BBBB"),
        ]
    ]
    text = BARE.replace("@@postroad keys\n", "\n".join(["@@postroad keys", *lines, ""]))
    assert read(text)[KEYS] == (
        KeyState("marketing", "shop.example", "202601-a", "BBBB"),
        KeyState("marketing", "shop.example", "202611-a", ""),
        KeyState("transactional", "shop.example", "202611-a", "AAAA"),
    )


# ---- the probe, run ------------------------------------------------------------------------------


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    return Sandbox.at(tmp_path, "one.service")


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def questions(box: Sandbox, *paths: str) -> Questions:
    return replace(box.questions(), paths=paths or ("/",), units=("one.service", "none.service"))


def probed(box: Sandbox, *paths: str) -> HostState:
    found = box.sh(probe(questions(box, *paths)))
    assert found.returncode == 0
    return parse(found.stdout.splitlines(keepends=True), tuple(box.readings()))


def test_the_probe_is_posix_shell(box: Sandbox) -> None:
    text = probe(questions(box))
    checked = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_probe_reads_this_machine(box: Sandbox) -> None:
    state = probed(box)
    assert state.uid == os.geteuid()
    assert abs(state.clock - time.time()) < 60
    assert state.distribution
    assert state.var_free_kib > 0
    assert state.var_free_inodes is None or state.var_free_inodes > 0
    assert state.hostname == os.uname().nodename
    assert state.users == {OWNER: os.geteuid()}
    assert state.groups == {OWNER: os.getegid()}
    assert state.units == {"one.service": UnitState("loaded", "inactive", "", False)}
    assert "no-such-package" not in state.packages
    assert state[CERTIFICATE] is None


def test_the_probe_tells_a_file_s_kind_owner_mode_and_content(box: Sandbox) -> None:
    (box.root / "etc").mkdir(mode=0o751)
    odd = box.root / "etc" / "o'dd | $(name)"
    odd.write_text("text\n")
    odd.chmod(0o640)
    (box.root / "etc/link").symlink_to(odd)
    paths = [str(odd), f"{box.root}/etc", f"{box.root}/etc/link", f"{box.root}/etc/missing"]
    found = probed(box, *paths).files
    assert set(found) == set(paths[:3])
    assert found[paths[0]] == FileState(
        "file", OWNER, GROUP, 0o640, hashlib.sha256(b"text\n").hexdigest()
    )
    assert found[paths[1]] == FileState("directory", OWNER, GROUP, 0o751)
    assert found[paths[2]].kind == "symlink"


def test_the_probe_reads_contents_with_a_sha256sum_that_stops_at_what_is_missing(
    box: Sandbox,
) -> None:
    strict, there = box.root / "strict", box.root / "there"
    strict.write_text('#!/bin/sh\nfor f; do [ -f "$f" ] || exit 1; done; sha256sum "$@"\n')
    strict.chmod(0o755)
    there.write_text("content")
    asked = questions(box, f"{box.root}/missing", str(box.root), str(there))
    said = box.sh(probe(asked).replace("sha256sum", str(strict))).stdout
    found = parse(said.splitlines()).files[str(there)]
    assert found.sha256 == hashlib.sha256(b"content").hexdigest()


def test_the_probe_reads_stamps_as_scripts_write_them(box: Sandbox) -> None:
    folder = box.root / "var/lib/postroad/applied"
    folder.mkdir(parents=True)
    (folder / "resolv-conf").write_text("a" * 64 + "\n")
    (folder / "tools").write_text("b" * 64 + "\n")
    assert probed(box).stamps == {"resolv-conf": "a" * 64, "tools": "b" * 64}


def test_the_probe_reads_keys_and_says_which_are_none(box: Sandbox) -> None:
    folder = box.root / "etc/postroad/marketing/keys/news.shop.example"
    folder.mkdir(parents=True)
    (folder / "202611-mail1.pem").write_text("no key\n")
    made = folder / "202610-mail1.pem"
    words = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out"
    openssl(*words.split(), str(made))
    state = probed(box)
    good, bad = state[KEYS]
    assert (good.selector, bad.selector, bad.public_key) == ("202610-mail1", "202611-mail1", "")
    assert (good.stream, good.domain) == ("marketing", "news.shop.example")
    assert good.public_key.startswith("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A")
    assert str(made) in state.files
    assert str(folder) in state.files
    assert str(folder.parent) in state.files


def test_the_probe_reads_a_certificate(box: Sandbox) -> None:
    words = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=x "
        "-addext subjectAltName=DNS:mail1.shop.example,DNS:out1.shop.example -keyout /dev/null -out"
    )
    openssl(*words.split(), str(box.root / "chain.pem"))
    found = probed(box)[CERTIFICATE]
    assert found is not None
    assert found.names == {"mail1.shop.example", "out1.shop.example"}
    assert 29 * 86400 < found.seconds_left <= 30 * 86400
    assert found.renewal == {}
    # What `openssl x509 -pubkey | openssl pkey -pubin -outform DER | sha256sum` would say.
    chain = load_pem_x509_certificate((box.root / "chain.pem").read_bytes())
    spki = chain.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert found.spki_sha256 == hashlib.sha256(spki).hexdigest()


@pytest.mark.parametrize("public_key", ["", "not base64", "AAA", "ключ"])
def test_a_public_key_that_cannot_be_read_has_no_digest(public_key: str) -> None:
    assert CertificateState(frozenset(), 1, public_key=public_key).spki_sha256 == ""


def test_the_probe_reads_how_the_certificate_is_renewed(box: Sandbox) -> None:
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x"
    openssl(*words.split(), "-keyout", "/dev/null", "-out", str(box.root / "chain.pem"))
    place = box.root / ACME_RENEWAL.lstrip("/")
    place.parent.mkdir(parents=True)
    place.write_text(
        "# renew_before_expiry = 30 days\nversion = 2.1.0\n[renewalparams]\naccount = 0123\n"
        "server = https://ca.example/dir\nauthenticator = standalone\nreuse_key = True\n"
    )
    found = probed(box)[CERTIFICATE]
    assert found is not None
    assert found.renewal == {
        "server": "https://ca.example/dir",
        "authenticator": "standalone",
        "reuse_key": "True",
    }


@pytest.mark.parametrize(
    ("said", "known"),
    [("ID=debian\n", ("debian", "unknown")), (None, ("unknown", "unknown"))],
)
def test_a_release_that_says_little_is_still_a_state(
    box: Sandbox, said: str | None, known: tuple[str, str]
) -> None:
    if said is not None:
        (box.root / "os-release").write_text(said)
    text = probe(questions(box)).replace("/etc/os-release", f"{box.root}/os-release")
    state = parse(box.sh(text).stdout.splitlines(), tuple(box.readings()))
    assert (state.distribution, state.release) == known
    assert state.hostname == os.uname().nodename


def test_the_probe_changes_nothing(box: Sandbox) -> None:
    before = sorted(str(p) for p in box.root.rglob("*"))
    probed(box)
    assert sorted(str(p) for p in box.root.rglob("*")) == before
    assert box.told() == []


def test_what_is_asked_shows_as_numbers_alone(box: Sandbox) -> None:
    assert repr(questions(box)) == "1 paths, 2 units, 2 packages"


def test_the_probe_tells_how_long_keys_are_that_are_to_be_taken_over(box: Sandbox) -> None:
    short, none = box.root / "short.private", box.root / "none.private"
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", str(short))
    none.write_text("no key\n")
    offered = OFFERED_KEYS.by(offered_shell([str(short), str(none), "/no/such.private"]))
    asked = replace(questions(box), readings=[offered])
    state = parse(box.sh(probe(asked)).stdout.splitlines(keepends=True), asked.readings)
    assert state[OFFERED_KEYS] == {str(short): 1024, str(none): 0}


def test_the_probe_tells_which_components_were_made_true_before(box: Sandbox) -> None:
    folder = box.root / "var/lib/postroad/adopted"
    folder.mkdir(parents=True)
    (folder / "tools").touch()
    assert probed(box).adopted == {"tools"}
