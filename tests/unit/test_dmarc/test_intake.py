"""What is taken in, and what is refused with its reason, in bounded memory."""

from __future__ import annotations

import gzip
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from postroad.watch.dmarc.intake import Piece, PlaceError, Refusal, take_in
from postroad.watch.dmarc.unpack import HARMLESS, MAX_PACKED, MAX_UNPACKED, MIB
from tests.unit.test_dmarc.samples import google, gzipped, mail, microsoft, row, zipped

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))
BILLION_LAUGHS = f"<?xml version='1.0'?><!DOCTYPE lolz [{LAUGHS}]><feedback>&l9;</feedback>"
EXTERNAL = (
    "<?xml version='1.0'?><!DOCTYPE f [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
    "<feedback><org_name>&x;</org_name></feedback>"
)
DEFAULTS = "<!DOCTYPE f [<!ATTLIST record a CDATA 'v'>]><feedback><record/></feedback>"


def put(place: Path, name: str, content: str | bytes) -> Path:
    path = place / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def only(place: Path) -> Piece | Refusal:
    (taken,) = take_in(place)
    return taken


def refused(place: Path) -> str:
    taken = only(place)
    assert isinstance(taken, Refusal)
    return taken.reason


@pytest.mark.parametrize("text", [google(), microsoft()], ids=["google", "microsoft"])
@pytest.mark.parametrize(
    ("name", "pack"),
    [("a.xml", str.encode), ("a.xml.gz", gzipped), ("a.zip", zipped), ("misnamed.xml", zipped)],
    ids=["plain", "gzip", "zip", "zip with another name"],
)
def test_a_report_is_taken_in(
    tmp_path: Path, text: str, name: str, pack: Callable[[str], bytes]
) -> None:
    put(tmp_path, name, pack(text))
    taken = only(tmp_path)
    assert isinstance(taken, Piece)
    assert (taken.path.name, taken.attachment, taken.content.records) == (name, None, 1)
    assert "<?xml" not in taken.content.text


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + google().encode(),
        ("\r\n" + google()).encode(),
        google()
        .replace("UTF-8", "ISO-8859-1")
        .replace("google.com", "caf\u00e9")
        .encode("latin-1"),
    ],
    ids=["byte order mark", "an empty line first", "latin-1, as it says"],
)
def test_habits_of_reporters_do_no_harm(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, "a.xml", content)
    assert isinstance(only(tmp_path), Piece)


def zip_of(*names: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name in names:
            archive.writestr(name, google())
    return packed.getvalue()


def encrypted_zip() -> bytes:
    content = bytearray(zipped(google()))
    # APPNOTE.TXT §4.3: the general purpose flags of the local and of the central header.
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(mark) + offset
        content[at : at + 2] = struct.pack("<H", 1)
    return bytes(content)


def lying_zip() -> bytes:
    """A bomb that declares to be small."""
    bomb = zipped(b"<" * (MAX_UNPACKED + 2))
    return bomb.replace(struct.pack("<L", MAX_UNPACKED + 2), struct.pack("<L", 100))


def broken_zip() -> bytes:
    content = bytearray(zip_of("a.xml", method=zipfile.ZIP_STORED))
    content[content.index(b"google.com")] ^= 0xFF
    return bytes(content)


HOSTILE: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is empty"),
    "white": (" \n\n", "is empty"),
    "empty gzip": (gzipped(""), "is empty"),
    "gzip bomb": (gzipped(bytes(MAX_UNPACKED * 4)), "more than 20 MiB"),
    "gzip of too high a ratio": (gzipped(b"<a/>" * (HARMLESS // 2)), "200 times its size"),
    "truncated gzip": (gzipped(google())[:-20], "ends early"),
    "gzip with a wrong digest": (gzipped(google())[:-8] + bytes(8), "broken gzip"),
    "two gzips in one": (gzipped(google()) * 2, "more after the end"),
    "gzip in gzip": (gzipped(gzipped(google())), "holds an archive"),
    "zip in gzip": (gzipped(zipped(google())), "holds an archive"),
    "zip bomb": (zipped(bytes(MAX_UNPACKED * 4)), "more than 20 MiB"),
    "zip bomb that lies": (lying_zip(), "broken zip"),
    "zip of too high a ratio": (zipped(b"<a/>" * (HARMLESS // 2)), "200 times its size"),
    "gzip in zip": (zipped(gzipped(google())), "holds an archive"),
    "zip of two": (zip_of("a.xml", "b.xml"), "2 files"),
    "zip of many": (zip_of(*(f"{n}.xml" for n in range(50))), "many files"),
    "zip of none": (zip_of("folder/"), "0 files"),
    "zip without entries": (zip_of(), "holds an archive"),
    "zip that leads outside": (zip_of("../../etc/cron.d/x"), "lie outside"),
    "zip from the root": (zip_of("/etc/cron.d/x"), "lie outside"),
    "zip with a drive": (zip_of("C:\\x.xml"), "lie outside"),
    "zip packed otherwise": (zip_of("a.xml", method=zipfile.ZIP_LZMA), "otherwise than by deflate"),
    "zip with a password": (encrypted_zip(), "password"),
    "truncated zip": (zipped(google())[:-30], "broken zip"),
    "zip with a wrong digest": (broken_zip(), "broken zip"),
    "xz": (b"\xfd7zXZ\0" + bytes(99), "holds an archive"),
    "billion laughs": (BILLION_LAUGHS, "DOCTYPE"),
    "billion laughs, packed": (gzipped(BILLION_LAUGHS), "DOCTYPE"),
    "external entity": (EXTERNAL, "DOCTYPE"),
    "default attributes": (DEFAULTS, "DOCTYPE"),
    "UTF-16": (google().encode("utf-16"), "not in UTF-8"),
    "UTF-16 without its mark": (google().encode("utf-16-be"), "not in UTF-8"),
    "UTF-32": (google().encode("utf-32"), "not in UTF-8"),
    "UTF-16, it says": (google().replace("UTF-8", "utf-16"), '"utf-16"'),
    "UTF-7, it says": (google().replace("UTF-8", "UTF-7"), '"utf-7"'),
    "latin-1 that says UTF-8": (
        google().replace("google.com", "caf\u00e9").encode("latin-1"),
        "utf-8",
    ),
    "half a report": (google()[:700], "not well-formed"),
    "an entity of its own": ("<feedback>&x;</feedback>", "undefined entity"),
    "JSON": ('{"organization-name": "x"}', "neither XML"),
    "web page": ("<html><body>no</body></html>", "<html>, not <feedback>"),
    "deep": ("<feedback>" + "<a>" * 1000, "nested more than"),
    "crowded": ("<feedback>" + "<a/>" * 1_000_000, "more XML elements"),
    "attributes": (
        "<feedback " + " ".join(f'a{n}=""' for n in range(100_001)) + "/>",
        "more XML elements",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    content, reason = HOSTILE[name]
    put(tmp_path, "report", content)
    assert reason in refused(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_attachment_is_refused_alike(tmp_path: Path, name: str) -> None:
    content, reason = HOSTILE[name]
    data = content.encode() if isinstance(content, str) else content
    maildir = maildir_with(tmp_path, mail(("r.xml.gz", "application/gzip", data)))
    taken = only(maildir)
    assert isinstance(taken, Refusal)
    assert taken.attachment == "r.xml.gz"
    assert reason in taken.reason


def test_a_file_of_100_mb_is_refused_unread(tmp_path: Path) -> None:
    with put(tmp_path, "a.xml", google()).open("r+b") as file:
        file.truncate(100 * MIB)
    tracemalloc.start()
    assert refused(tmp_path) == "has 104,857,600 bytes, more than 10 MiB"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MIB


@pytest.mark.parametrize("pack", [gzipped, zipped])
def test_a_bomb_is_held_within_bounds(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    put(tmp_path, "bomb", pack(bytes(20 * MAX_UNPACKED)))
    tracemalloc.start()
    assert "20 MiB" in refused(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * MAX_UNPACKED


def test_the_largest_file_that_is_taken(tmp_path: Path) -> None:
    filling = os.urandom(MAX_PACKED // 2).hex()
    text = google(row(), f"<!--{filling}-->")
    put(tmp_path, "a.xml.gz", gzip.compress(text.encode(), 1))
    assert isinstance(only(tmp_path), Piece)
    put(tmp_path, "a.xml.gz", text)
    assert "more than 10 MiB" in refused(tmp_path)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    place = tmp_path / "reports"
    place.mkdir()
    (place / "a.xml").symlink_to(put(tmp_path, "elsewhere.xml", google()))
    (place / "b.xml").symlink_to(tmp_path)
    reasons = [taken.reason for taken in take_in(place) if isinstance(taken, Refusal)]
    assert len(reasons) == 2
    assert all("symbolic link" in reason for reason in reasons)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.xml")
    assert refused(tmp_path) == "is no regular file"


def test_folders_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "aside").mkdir()
    put(tmp_path / "aside", "b.xml", "no report")
    put(tmp_path, ".hidden", "no report")
    assert list(take_in(tmp_path)) == []


@pytest.mark.parametrize("place", ["missing", "a.xml"])
def test_a_place_that_is_no_folder(tmp_path: Path, place: str) -> None:
    put(tmp_path, "a.xml", google())
    with pytest.raises(PlaceError, match="is no folder"):
        list(take_in(tmp_path / place))


def maildir_with(place: Path, *mails: bytes) -> Path:
    for name in ("new", "cur", "tmp"):
        (place / name).mkdir()
    for number, content in enumerate(mails):
        put(place / ("new", "cur")[number % 2], f"179340{number}.M1P2.mail1", content)
    return place


def test_mails_of_a_maildir(tmp_path: Path) -> None:
    maildir = maildir_with(
        tmp_path,
        mail(("google.com!shop.example!1!2.zip", "application/zip", zipped(google()))),
        mail(("r.xml.gz", "application/gzip", gzipped(google()))),
        mail(("r.xml", "text/xml", google().encode())),
        mail(("r.gz", "application/octet-stream", gzipped(google()))),
    )
    put(maildir / "tmp", "1793409.M1P2.mail1", "half a m")
    taken = list(take_in(maildir))
    assert [type(one) for one in taken] == [Piece] * 4
    assert {one.attachment for one in taken} == {
        "google.com!shop.example!1!2.zip",
        "r.xml.gz",
        "r.xml",
        "r.gz",
    }


def test_each_attachment_stands_for_itself(tmp_path: Path) -> None:
    both = mail(
        ("good.xml.gz", "application/gzip", gzipped(google())),
        ("bad.xml.gz", "application/gzip", gzipped("no")),
        ("logo.png", "image/png", b"\x89PNG"),
    )
    taken = list(take_in(maildir_with(tmp_path, both)))
    assert [(type(one), one.attachment) for one in taken] == [
        (Piece, "good.xml.gz"),
        (Refusal, "bad.xml.gz"),
    ]


NESTED = b"".join(
    b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(300)
)
HOSTILE_MAILS = {
    "no report": (mail(), "without a report"),
    "no mail": (b"\0" * 99, "without a report"),
    "nested parts": (NESTED, "too many parts"),
    "nested messages": (b"Content-Type: message/rfc822\n\n" * 5000, "cannot be parsed"),
    "lines": (b"\n" * 500_001, "too many parts or lines"),
    "too large": (bytes(16 * MIB), "more than 15 MiB"),
}


@pytest.mark.parametrize("name", HOSTILE_MAILS)
def test_a_hostile_mail_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    content, reason = HOSTILE_MAILS[name]
    assert reason in refused(maildir_with(tmp_path, content))
