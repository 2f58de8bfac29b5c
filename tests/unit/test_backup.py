"""A backup holds what it may and nothing else; what it says of itself is not believed."""

from __future__ import annotations

import base64
import errno
import gzip
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from postroad.commands import backup as command
from postroad.host.programs import bundle
from postroad.mail.backup.archive import (
    QUESTION,
    SAVED,
    Answer,
    NoBackupError,
    checked,
    decoded,
)
from postroad.mail.backup.places import PLACES
from postroad.mail.backup.restoring import script
from tests.keys import pem
from tests.unit import estates
from tests.unit.declarations import declaration
from tests.unit.sandbox import GROUP, OWNER

ESTATE = estates.estate(declaration())
KEY = "etc/postroad/marketing/keys/news.shop.example/202611-mail1.pem"
LIFE = KEY.replace(".pem", ".life")
MAIL = "var/mail/postroad/postmaster/new/1700000000.Vfe01I2M3.mail1"
ACCOUNT_KEY = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "d"}
AUTHORITY = "acme-v02.api.letsencrypt.org/directory"
ACCOUNT = f"etc/letsencrypt/accounts/{AUTHORITY}/{'0' * 32}"
ELSEWHERE = f"etc/letsencrypt/accounts/acme.example/directory/{'1' * 32}"
ARCHIVE = "etc/letsencrypt/archive/postroad"
LIVE = "etc/letsencrypt/live/postroad/privkey.pem"
RENEWAL = "etc/letsencrypt/renewal/postroad.conf"


@cache
def signing_key() -> bytes:
    return pem(rsa.generate_private_key(65537, 2048))


@cache
def pair() -> tuple[bytes, bytes]:
    """A certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail1.shop.example")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=90))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), pem(key)


def _changed(before: bytes, after: bytes) -> bytes:
    """The certificate with other octets in it, in PEM form."""
    der = x509.load_pem_x509_certificate(pair()[0]).public_bytes(serialization.Encoding.DER)
    assert before in der
    text = base64.b64encode(der.replace(before, after, 1))
    return b"-----BEGIN CERTIFICATE-----\n" + text + b"\n-----END CERTIFICATE-----\n"


def of_version(number: int) -> bytes:
    """A certificate that says it is of another version than there is."""
    return _changed(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01" + bytes([number]))


def with_point_off_its_curve() -> bytes:
    key = x509.load_pem_x509_certificate(pair()[0]).public_key()
    point = key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return _changed(point, point[:-1] + bytes([point[-1] ^ 1]))


Entry = tuple[str, bytes, dict[str, object]]


def entry(name: str, content: bytes = b"", **header: object) -> Entry:
    return name, content, header


def archive(*entries: Entry, how: int = tarfile.USTAR_FORMAT, with_key: bool = True) -> bytes:
    """A tar archive of these members; each header says what its entry wants it to."""
    made = io.BytesIO()
    own = [entry(KEY, signing_key())] if with_key else []
    with tarfile.open(fileobj=made, mode="w", format=how) as tar:
        for name, content, header in (*entries, *own):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for attribute, value in header.items():
                setattr(info, attribute, value)
            tar.addfile(info, io.BytesIO(content))
    return made.getvalue()


def certificate(number: int = 3) -> tuple[Entry, ...]:
    cert, key = pair()
    names = {"cert": cert, "chain": cert, "fullchain": cert * 2, "privkey": key}
    return tuple(entry(f"{ARCHIVE}/{n}{number}.pem", content) for n, content in names.items())


def account(name: str = ACCOUNT) -> tuple[Entry, ...]:
    return tuple(
        entry(f"{name}/{part}.json", json.dumps(ACCOUNT_KEY).encode())
        for part in ("private_key", "regr", "meta")
    )


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "etc/cron.d/evil",
        "/etc/cron.d/evil",
        f"/{KEY}",
        "etc/postroad/marketing/keys/../../../cron.d/evil",
        "./etc/cron.d/evil",
        "etc//cron.d/evil",
        "etc/postroad/marketing/keyset",
        "etc/postroad/marketing/main.cf",
        "etc/letsencrypt/cli.ini",
        "etc/letsencrypt/renewal-hooks/pre/evil",
        "var/lib/postroad/applied/marketing",
        "var/spool/postfix-marketing/deferred/A/A1",
        "etc/postroad/elsewhere/keys/a.example/x.pem",
    ],
)
def test_no_file_of_another_place(name: str) -> None:
    with pytest.raises(NoBackupError, match="is outside of what a backup holds") as told:
        checked(archive(entry(name, b"x")))
    assert ascii(name) in str(told.value)


LINK = tarfile.SYMTYPE


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        (entry(LIVE, type=LINK, linkname="/etc/shadow"), "is a link to '/etc/shadow'"),
        (entry(LIVE, type=LINK, linkname="../../../shadow"), "is a link to"),
        (entry(LIVE, type=LINK, linkname="../../archive/www/privkey1.pem"), "is a link to"),
        (entry(MAIL, type=LINK, linkname="/etc/shadow"), "is a link to"),
        (entry(KEY, type=LINK, linkname="/etc/shadow"), "is a link to"),
        (
            entry("var/mail/postroad/postmaster", type=LINK, linkname="/etc/cron.d"),
            "is a link to",
        ),
        (entry(MAIL, type=tarfile.LNKTYPE, linkname="etc/shadow"), "is a hard link"),
        (entry(MAIL, type=tarfile.CHRTYPE), "is a device"),
        (entry(MAIL, type=tarfile.BLKTYPE), "is a device"),
        (entry(MAIL, type=tarfile.FIFOTYPE), "is a FIFO"),
        (entry(MAIL, type=tarfile.GNUTYPE_SPARSE), "is a file with holes"),
        (entry(MAIL, type=b"Z"), "is of the unknown type"),
        (entry(MAIL, type=b"7"), "is of the unknown type"),
        (entry(MAIL, b"x", mode=0o4755), "set-user-ID"),
        (entry(MAIL, b"x", mode=0o2755), "set-user-ID"),
        (entry("root", type=tarfile.DIRTYPE), "is outside of what a backup holds"),
        (entry("var/mail/other", type=tarfile.DIRTYPE), "is outside of what a backup holds"),
    ],
)
def test_nothing_but_plain_files(odd: Entry, says: str) -> None:
    with pytest.raises(NoBackupError, match=says) as told:
        checked(archive(odd, with_key=odd[0] != KEY))
    assert odd[0] in str(told.value)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (KEY, b"no key\n", "is no RSA private key"),
        (KEY, signing_key()[:-60], "is no RSA private key"),
        (KEY, pair()[1], "is no RSA private key"),
        (LIFE, b"active 1\nrm -rf /\n", "does not tell a key's life"),
        (LIFE, b"active $(id)\n", "does not tell"),
        (LIFE, b"x" * 70_000, "is larger than 65536 octets"),
        ("etc/postroad/marketing/pause", b"stop\nid\n", "is no pause"),
        (KEY, signing_key() + b"x" * 4096, "is larger than 4096 octets"),
        (f"{ARCHIVE}/cert1.pem", of_version(3), "is no certificate"),
        (f"{ARCHIVE}/cert1.pem", with_point_off_its_curve(), "is no certificate"),
        (LIFE, b"active 1\nactive 2\n", "does not tell"),
        (f"{ACCOUNT}/private_key.json", b'{"kty": "RSA"}', "is no private key in JSON form"),
        (f"{ARCHIVE}/cert1.pem", b"no certificate", "is no certificate"),
        (f"{ARCHIVE}/privkey1.pem", b"no key", "is no private key"),
        (f"{ACCOUNT}/private_key.json", b"[]", "is no JSON object"),
        (f"{ACCOUNT}/regr.json", b"{", "is no JSON object"),
        (f"{ACCOUNT}/meta.json", b"\xff", "is no JSON object"),
        (f"{ACCOUNT}/meta.json", b"[" * 60_000, "is no JSON object"),
    ],
)
def test_every_content_is_of_its_kind(name: str, content: bytes, says: str) -> None:
    with pytest.raises(NoBackupError, match=says) as told:
        checked(archive(entry(name, content), with_key=name != KEY))
    assert name in str(told.value)


def test_a_pause_that_was_made_by_hand_is_kept() -> None:
    kept = checked(archive(entry("etc/postroad/marketing/pause", b"")))
    assert "/etc/postroad/marketing/pause" in [piece.path for piece in kept.pieces]


def test_nothing_is_a_file_and_a_folder() -> None:
    box = "var/mail/postroad/postmaster/new/new"
    kept = checked(archive(entry(box, b"x"), entry(f"{box}/1", b"x")))
    assert kept.passed_over == (f"/{box}/1",)


def test_a_certificate_is_that_of_its_key() -> None:
    others = pem(ec.generate_private_key(ec.SECP256R1()))
    swapped = [e if "privkey" not in e[0] else entry(e[0], others) for e in certificate()]
    with pytest.raises(NoBackupError, match="is not the key of the certificate beside it"):
        checked(archive(*swapped))


@pytest.mark.parametrize("header", [{"path": "etc/cron.d/evil"}, {"uid": "0"}, {"size": "1"}])
def test_no_header_changes_another(header: dict[str, str]) -> None:
    with pytest.raises(NoBackupError, match="is an extended header"):
        checked(archive(entry(MAIL, b"x", pax_headers=header), how=tarfile.PAX_FORMAT))


def test_no_member_is_there_twice() -> None:
    with pytest.raises(NoBackupError, match=f"'{MAIL}' is in it twice"):
        checked(archive(entry(MAIL, b"one"), entry(MAIL, b"two")))


def long_named(said: str, header: str) -> bytes:
    """An archive in which GNU's long name is ``said``, and the member's own header has another."""
    made = io.BytesIO()
    for name, content in (("././@LongLink", said.encode() + b"\0"), (header, b"x")):
        info = tarfile.TarInfo(name)
        info.type = tarfile.GNUTYPE_LONGNAME if name.startswith("././@") else tarfile.REGTYPE
        info.size = len(content)
        made.write(info.tobuf(tarfile.USTAR_FORMAT))
        made.write(content.ljust(512, b"\0"))
    made.write(archive())
    return made.getvalue()


def test_a_long_name_is_that_of_its_own_member() -> None:
    assert len(f"{ACCOUNT}/private_key.json") > 100
    kept = checked(archive(*account(), how=tarfile.GNU_FORMAT))
    assert f"/{ACCOUNT}/private_key.json" in [piece.path for piece in kept.pieces]
    with pytest.raises(NoBackupError, match="is a long name of another member"):
        checked(long_named(MAIL, "etc/cron.d/evil"))
    long = "etc/cron.d/" + "x" * 120
    with pytest.raises(NoBackupError, match="is outside of what a backup holds"):
        checked(long_named(long, long[:100]))


def with_size(octets: bytes) -> bytes:
    """An archive in which a size is written as ``octets``."""
    made = bytearray(archive(entry(MAIL, b"x")))
    made[124:136] = octets
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made[:512])
    return bytes(made)


WHOLE = archive(entry(MAIL, b"x" * 2000))


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"", "cut off before its end"),
        (b"\0" * 1024, "it holds no key"),
        (gzip.compress(WHOLE), "it is no tar archive"),
        (b"\x1f\x8b" + b"0" * 600, "it is no tar archive"),
        (b"SQLite format 3\0" * 64, "it is no tar archive"),
        (WHOLE.rstrip(b"\0"), "cut off"),
        (WHOLE + b"more", "it goes on after its end"),
        (WHOLE + WHOLE, "it goes on after its end"),
        (with_size(b"77777777777\0"), f"'{MAIL}' is larger"),
        (with_size(b"\x80" + b"\0" * 10 + b"\1"), "has no number"),
        (with_size(b"-0000000001\0"), "has no number"),
        (archive(with_key=False), "it holds no key"),
    ],
)
def test_what_is_no_whole_archive_is_refused(bad: bytes, says: str) -> None:
    with pytest.raises(NoBackupError, match=says):
        checked(bad)


def test_an_archive_that_was_cut_off_anywhere_is_refused() -> None:
    for end in range(0, len(WHOLE.rstrip(b"\0")), 97):
        with pytest.raises(NoBackupError, match=r"cut off|no number"):
            checked(WHOLE[:end])


# ---- what is taken, and what becomes of it -------------------------------------------------------


def spread(kept: bytes, root: Path) -> subprocess.CompletedProcess[str]:
    """Run the script where ``root`` is /, and everybody whoever runs the test."""
    text = script(checked(kept), ESTATE)
    payload = text.partition("<<'POSTROAD_END'\n")[2].partition("POSTROAD_END")[0]
    text = text.replace(payload, f"{base64.b64encode(_as_me(payload, root)).decode()}\n")
    for whose in ("root:root", "root:opendkim", "root:postroad-mail"):
        text = text.replace(whose, f"{OWNER}:{GROUP}")
    for place in ("/etc/", "/var/", "/run/"):
        for before in (" ", "=", ">"):
            text = text.replace(f"{before}{place}", f"{before}{root}{place}")
    text = text.replace('"$kept/root$1"', f'"$kept/root${{1#{root}}}"')
    root.mkdir(exist_ok=True)
    return subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, check=False)


def _as_me(payload: str, root: Path) -> bytes:
    """The archive with its owners told in a file beside ``root``, and replaced."""
    ours = io.BytesIO()
    owners = []
    with (
        tarfile.open(fileobj=io.BytesIO(base64.b64decode(payload))) as tar,
        tarfile.open(fileobj=ours, mode="w") as again,
    ):
        for member in tar:
            owners.append(f"{member.uname}:{member.gname} {member.mode:o} {member.name}")
            member.uname, member.gname = OWNER, GROUP
            again.addfile(member, tar.extractfile(member) if member.isreg() else None)
    root.with_name("owners").write_text("\n".join(owners))
    return ours.getvalue()


def tree(root: Path) -> dict[str, str]:
    """Every file and link below ``root`` with its mode."""
    found = (p for p in root.rglob("*") if p.is_symlink() or not p.is_dir())
    return {str(p.relative_to(root)): f"{p.lstat().st_mode & 0o7777:o}" for p in found}


def test_what_stood_on_a_host_alone_comes_back_with_our_owners_and_modes(tmp_path: Path) -> None:
    new = tmp_path / "new"
    wrong: dict[str, object] = {"mode": 0o777, "uname": "root", "uid": 0}
    kept = archive(
        entry(LIFE, b"active 1\n", **wrong),
        entry(MAIL, b"a bounce", **wrong),
        entry("etc/postroad/marketing/pause", b"stop\n", **wrong),
        entry("var/lib/postroad/opened/marketing", b"0" * 64 + b"\n", **wrong),
        *certificate(2),
        *certificate(3),
        *account(),
        *account(ELSEWHERE),
    )
    # Whether the world could verify it is asked anew.
    assert checked(kept).passed_over[0] == "/var/lib/postroad/opened/marketing"
    done = spread(kept, new)
    assert (done.returncode, done.stderr) == (0, "")
    found = tree(new)
    assert found.pop("run/postroad/run.lock")
    assert found == {
        KEY: "600",
        LIFE: "600",
        MAIL: "600",
        "etc/postroad/marketing/pause": "644",
        f"{ACCOUNT}/private_key.json": "400",
        f"{ACCOUNT}/regr.json": "644",
        f"{ACCOUNT}/meta.json": "644",
        **{f"{ARCHIVE}/{name}3.pem": "644" for name in ("cert", "chain", "fullchain")},
        f"{ARCHIVE}/privkey3.pem": "600",
        **{
            f"etc/letsencrypt/live/postroad/{name}.pem": "777"
            for name in ("cert", "chain", "fullchain", "privkey")
        },
        RENEWAL: "644",
    }
    assert (new / LIVE).read_bytes() == pair()[1]
    owners = (tmp_path / "owners").read_text().splitlines()
    assert f"opendkim:opendkim 600 {KEY}" in owners
    assert f"root:opendkim 750 {KEY.rpartition('/')[0]}" in owners
    assert f"postroad-mail:postroad-mail 600 {MAIL}" in owners
    assert f"root:root 600 {LIFE}" in owners
    assert not [line for line in owners if " 777 " in line and "/live/" not in line]


def test_mail_that_is_put_back_is_not_old(tmp_path: Path) -> None:
    """It would go at once for its age (postroad/onhost/budget/main.py)."""
    before = time.time() - 60
    assert spread(archive(entry(MAIL, b"a bounce", mtime=1)), tmp_path / "new").returncode == 0
    assert (tmp_path / "new" / MAIL).stat().st_mtime > before


def test_how_certbot_renews_is_the_estate_s(tmp_path: Path) -> None:
    evil = b"[renewalparams]\npre_hook = touch /root/evil\nserver = https://evil.example/\n"
    kept = archive(*certificate(), *account(), entry(RENEWAL, evil))
    assert checked(kept).passed_over == (f"/{RENEWAL}",)
    assert spread(kept, tmp_path / "new").returncode == 0
    text = (tmp_path / "new" / RENEWAL).read_text()
    assert "hook" not in text
    assert f"server = https://{AUTHORITY}\n" in text
    assert f"account = {'0' * 32}\n" in text
    assert "key_type = ecdsa\n" in text


def test_what_is_there_stays(tmp_path: Path) -> None:
    there = tmp_path / "new/var/mail/postroad/postmaster/cur/1.old"
    there.parent.mkdir(parents=True)
    there.write_text("there before")
    done = spread(archive(entry(MAIL, b"a bounce")), tmp_path / "new")
    assert done.returncode == 0
    assert "/var/mail/postroad/postmaster is there, and stays" in done.stderr
    assert there.read_text() == "there before"
    assert not (tmp_path / "new" / MAIL).exists()


def test_a_planted_link_is_no_way_out(tmp_path: Path) -> None:
    target, mailboxes = tmp_path / "target", tmp_path / "new/var/mail/postroad"
    target.mkdir()
    mailboxes.parent.mkdir(parents=True)
    mailboxes.symlink_to(target)
    done = spread(archive(entry(MAIL, b"a bounce")), tmp_path / "new")
    assert done.returncode == 1
    assert "is a link, or no folder" in done.stderr
    assert list(target.iterdir()) == []
    assert not (tmp_path / "new" / KEY).exists()


# ---- what a host gives ---------------------------------------------------------------------------


def saved(root: Path) -> Answer:
    """What the program on the host prints where ``root`` is /."""
    asked = json.loads(QUESTION)
    asked["places"] = [f"{root}{place}" for place in asked["places"]]
    asked["kinds"] = [[f"{root}(?:{pattern})", most] for pattern, most in asked["kinds"]]
    done = subprocess.run(
        [sys.executable, "-IB", "-c", bundle(SAVED.module), json.dumps(asked)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return decoded(done.stdout.splitlines())


def put(root: Path, path: str, content: bytes) -> Path:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return place


def names(answer: Answer, root: Path) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(answer.archive)) as tar:
        return sorted(name.removeprefix(f"{root}/".lstrip("/")) for name in tar.getnames())


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host with one key and one mail."""
    put(tmp_path, KEY, signing_key())
    put(tmp_path, MAIL, b"a bounce")
    return tmp_path


def test_odd_files_are_left_out_and_told(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir((host / MAIL).parent)  # A socket's path must be short.
    Path("1.link").symlink_to("/etc/shadow")
    os.mkfifo("2.fifo")
    Path("4.\nline").write_bytes(b"x")
    Path(os.fsdecode(b"5.\xff")).write_bytes(b"x")
    with Path("6.huge").open("wb") as huge:
        huge.truncate(65 * 1024 * 1024)
    long = "7." + "x" * 150
    Path(long).write_bytes(b"x")
    put(host, "var/mail/postroad/postmaster/tmp/8.half", b"x")
    put(host, RENEWAL, b"pre_hook = id\n")
    (host / "var/mail/postroad/marketing").symlink_to("/etc")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("3.socket")
        answer = saved(host)
    assert names(answer, host) == [KEY, MAIL]
    told = {path.rpartition("/")[2]: why for path, why in answer.left_out}
    odd = ["1.link", "2.fifo", "3.socket", "4.\nline", "5.\udcff", "6.huge", long, "marketing"]
    assert sorted(told) == sorted(odd)
    assert told["2.fifo"] == "is no file or folder"
    assert told["6.huge"] == "is larger than 67108864 octets"


def test_a_folder_that_was_led_elsewhere_is_not_followed(host: Path) -> None:
    for folder in ("etc/postroad/marketing/keys", "var/mail/postroad/postmaster"):
        (host / folder).rename(host / "moved")
        (host / folder).symlink_to(host / "moved")
        assert names(saved(host), host) == [name for name in (KEY, MAIL) if folder not in name]
        (host / folder).unlink()
        (host / "moved").rename(host / folder)


def test_folders_within_folders_end_somewhere(host: Path) -> None:
    """Deeper than Python calls itself, and than a path may be."""
    deep = "d/" * 1500
    subprocess.run(
        ["sh", "-c", "cd var/mail/postroad/postmaster && mkdir -p $0 && cd -P $0 && : > x", deep],
        cwd=host,
        check=True,
    )
    answer = saved(host)
    # By the system's own means: what clears up after tests calls itself as well.
    subprocess.run(["rm", "-rf", "var/mail/postroad/postmaster/d"], cwd=host, check=True)
    assert names(answer, host) == [KEY, MAIL]
    (told,) = answer.left_out
    assert told[1] == "is deeper than anything that is kept"


def test_a_bare_host_has_nothing_to_keep(tmp_path: Path) -> None:
    with pytest.raises(NoBackupError, match="it holds no key"):
        checked(saved(tmp_path).archive)


@pytest.mark.parametrize(
    "lines", [[], ["YWJ"], ["YWJ", "[]"], ["YWJj"], ["YWJj", "{"], ["YWJj", "[1]"]]
)
def test_an_answer_that_was_cut_off_is_refused(lines: Sequence[str]) -> None:
    with pytest.raises(NoBackupError, match="cut off"):
        decoded(lines)


def test_a_backup_is_never_shown() -> None:
    whole = archive()
    assert "PRIVATE" not in repr(checked(whole)) + repr(Answer(whole))


def test_the_places_are_whole_paths() -> None:
    assert all(place.startswith("/") and not place.endswith("/") for place in PLACES)


# ---- what is kept on the operator's machine


def test_an_archive_is_kept_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "mail1.tar"
    command.written(place, b"older")
    assert place.stat().st_mode & 0o777 == 0o600

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        command.written(place, b"newer")
    assert place.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [place]


def test_two_backups_at_once_write_to_names_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, sync = tmp_path / "mail1.tar", os.fsync

    def meanwhile(file: int) -> None:
        monkeypatch.setattr(os, "fsync", sync)
        command.written(place, b"the other")
        sync(file)

    monkeypatch.setattr(os, "fsync", meanwhile)
    command.written(place, b"one")
    assert place.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [place]


def test_the_folder_is_of_whoever_keeps_and_closed_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kept"
    assert command.unfit(folder) == ""
    assert not folder.exists()
    folder.mkdir(mode=0o700)
    assert command.unfit(folder) == ""
    folder.chmod(0o750)
    assert "chmod 700" in command.unfit(folder)
    folder.chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert "belongs to another account" in command.unfit(folder)
