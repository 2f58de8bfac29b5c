"""A backup holds what it may and nothing else, and is put back as it was."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from postroad.backup import PLACES, SAVE, Backup, NoBackupError, checked, decoded, script

KEY = "etc/postroad/marketing/keys/news.shop.example/202611-mail1.pem"


def archive(*members: tuple[str, str], **changed: object) -> bytes:
    """A tar archive of files, or of links where ``type`` says so."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in (*members, (KEY, "key\n")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for attribute, value in changed.items() if name != KEY else ():
                setattr(info, attribute, value)
            tar.addfile(info, io.BytesIO(content.encode()))
    return made.getvalue()


def moved(text: str, root: Path) -> str:
    """The script where ``root`` is /."""
    for old, new in (("cd / ", f"cd {root} "), ("-C /", f"-C {root}"), ("/run/", f"{root}/run/")):
        text = text.replace(old, new)
    return text.replace("--same-owner ", "")


def saved(root: Path) -> bytes:
    done = subprocess.run(
        ["sh", "-c", moved(SAVE, root)], capture_output=True, text=True, check=True
    )
    return decoded(done.stdout.splitlines())


def put(root: Path, path: str, content: str, mode: int = 0o600) -> Path:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content)
    place.chmod(mode)
    return place


def test_what_stands_on_a_host_alone_comes_back_as_it_was(tmp_path: Path) -> None:
    lost, new = tmp_path / "lost", tmp_path / "new"
    new.mkdir()
    put(lost, KEY, "key\n")
    put(lost, "etc/letsencrypt/archive/postroad/privkey1.pem", "tls\n")
    live = lost / "etc/letsencrypt/live/postroad"
    live.mkdir(parents=True)
    (live / "privkey.pem").symlink_to("../../archive/postroad/privkey1.pem")
    put(lost, "etc/postfix-marketing/main.cf", "rendered\n", 0o644)
    kept = saved(lost)
    assert KEY in checked(kept)
    done = subprocess.run(
        ["sh", "-s"], input=moved(script(kept), new), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (new / KEY).read_text() == "key\n"
    assert (new / KEY).stat().st_mode & 0o777 == 0o600
    assert (new / "etc/letsencrypt/live/postroad/privkey.pem").read_text() == "tls\n"
    assert not (new / "etc/postfix-marketing").exists()
    assert list((new / "run/postroad").iterdir()) == []


def test_a_bare_host_has_nothing_to_keep(tmp_path: Path) -> None:
    with pytest.raises(NoBackupError, match="it holds no key"):
        checked(saved(tmp_path))


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"", "it is no tar archive"),
        (b"\x1f\x8b" + b"0" * 600, "it is no tar archive"),
        (archive(("etc/cron.d/evil", "x")), "outside of what a backup holds"),
        (archive(("etc/postroad/marketing/keys/../../../cron.d/evil", "x")), "outside"),
        (archive(("/etc/postroad/marketing/keyset", "x")), "outside"),
        (
            archive(("etc/letsencrypt/live/a", ""), type=tarfile.SYMTYPE, linkname="/etc/shadow"),
            "is a link to /etc/shadow",
        ),
        (
            archive(("etc/letsencrypt/live/a", ""), type=tarfile.SYMTYPE, linkname="../../../x"),
            "is a link to",
        ),
        (
            archive(("etc/letsencrypt/live/a", ""), type=tarfile.LNKTYPE, linkname="etc/shadow"),
            "is neither file, folder nor symbolic link",
        ),
        (archive(("etc/letsencrypt/live/a", ""), type=tarfile.CHRTYPE), "is neither file"),
    ],
)
def test_what_is_no_backup_is_refused(bad: bytes, says: str) -> None:
    with pytest.raises(NoBackupError, match=says):
        checked(bad)


def test_an_answer_that_was_cut_off_is_refused() -> None:
    with pytest.raises(NoBackupError, match="cut off"):
        decoded(["YWJ"])


def test_a_backup_is_never_shown() -> None:
    assert "key" not in repr(Backup("mail1", archive()))


def test_the_places_are_whole_paths() -> None:
    assert all(place.startswith("/") and not place.endswith("/") for place in PLACES)
