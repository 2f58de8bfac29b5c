"""The reader of what libraries wrote: each thing that may come otherwise is told."""

from __future__ import annotations

import pytest

from tests.libraries import letters, reader
from tests.libraries.letters import FORMS, LANGUAGES, LIBRARIES, File, Letter

LETTER = Letter(
    key="de-1",
    stream="transactional",
    sender=("Käse, Köln", "orders@shop.example"),
    to=(("Jörg", "alice@bigmail.example"),),
    subject="Größe 🎉",
    text="Größe: 42 €\n",
    html='<p>Größe</p><img src="cid:logo">\n',
    images=(File("logo.png", "image/png", b"PNG", "logo"),),
    attachments=(File("Größe.pdf", "application/pdf", b"PDF"),),
    calendar="BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
    forwarded=b"From: else@elsewhere.example\r\nSubject: Complaint\r\n\r\nNo.\r\n",
    headers={"List-Id": "<shop.example>"},
)
ARRIVED = """\
Return-Path: <bounce@bounce.shop.example>
DKIM-Signature: v=1; d=shop.example
From: =?utf-8?q?K=C3=A4se=2C_K=C3=B6ln?= <orders@shop.example>
To: =?utf-8?q?J=C3=B6rg?= <alice@bigmail.example>
Subject: =?utf-8?q?Gr=C3=B6=C3=9Fe?= =?utf-8?b?IPCfjok=?=
X-Letter: de-1
List-Id: <shop.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8; format=flowed
Content-Transfer-Encoding: quoted-printable

Gr=C3=B6=C3=9Fe:=20
 42 =E2=82=AC

--b
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<p>Gr=C3=B6=C3=9Fe</p><img src=3D"cid:x@y">

--b
Content-Type: text/calendar; method=REQUEST

BEGIN:VCALENDAR
END:VCALENDAR

--b
Content-Type: image/png
Content-ID: <x@y>
Content-Transfer-Encoding: base64

UE5H

--b
Content-Type: application/pdf
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf

UERG

--b
Content-Type: message/rfc822

From: else@elsewhere.example
Subject: Complaint

No.

--b--
"""


def test_what_came_as_it_was_meant_has_no_faults() -> None:
    assert list(reader.faults(LETTER, ARRIVED.encode())) == []
    assert reader.key_of(ARRIVED.encode()) == LETTER.key


@pytest.mark.parametrize(
    ("was", "came", "told"),
    [
        ("IPCfjok=", "IPCfjoo=", "subject: "),
        ("=C3=B6ln?= <orders@", "=C3=B6l?= <orders@", "From: "),
        ("<orders@shop", "<boss@shop", "From: "),
        ("<alice@", "<bob@", "To: "),
        ("X-Letter", "Bcc: hidden@bigmail.example\nX-Letter", "Bcc: "),
        ("X-Letter", "Cc: bob@bigmail.example\nX-Letter", "Cc: "),
        ("X-Letter", "Reply-To: bob@bigmail.example\nX-Letter", "Reply-To: "),
        ("List-Id: <shop.example>\n", "", "List-Id: "),
        ("DKIM-Signature: v=1; d=shop.example\n", "", "signatures: "),
        ("X-Letter", "DKIM-Signature: v=1; d=shop.example\nX-Letter", "signatures: "),
        (" 42 =E2", " 43 =E2", "text: "),
        ("<p>Gr=C3", "<p>gr=C3", "page: "),
        ("cid:x@y", "cid:x@z", "logo.png: not there"),
        ("UE5H", "UE5I", "logo.png: not there"),
        ("UERG", "UERH", "Größe.pdf, application/pdf, "),
        ("%9Fe.pdf", "%9Fen.pdf", "Größe.pdf, application/pdf, "),
        ("application/pdf", "application/x-pdf", "Größe.pdf, application/pdf, "),
        ("END:VCALENDAR", "END:VEVENT", "invitation: "),
        ("Complaint", "Compliment", "forwarded: "),
        ("message/rfc822", "text/plain", "forwarded: "),
    ],
)
def test_what_came_otherwise_is_told(was: str, came: str, told: str) -> None:
    assert was in ARRIVED
    found = list(reader.faults(LETTER, ARRIVED.replace(was, came, 1).encode()))
    assert any(fault.startswith(told) for fault in found), found


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_short_form_has_every_language_and_every_form(library: letters.Library) -> None:
    chosen = [letter.key.rsplit("-", 1)[0].split("-", 1) for letter in letters.some(library, 3)]
    assert {tag for tag, _ in chosen} == {language.tag for language in LANGUAGES}
    assert {f"_{form}" for _, form in chosen} == {form.__name__ for form in FORMS[library]}
    every = list(letters.every(library))
    assert len(every) == len(LANGUAGES) * len(FORMS[library])
    assert len({letter.key for letter in every}) == len(every)
