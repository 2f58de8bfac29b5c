"""What the libraries are asked to write: letters of every form, in nine languages."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Literal
from uuid import uuid4

from postroad.settings.model import StreamName

Library = Literal["PHPMailer", "Symfony", "Nodemailer", "Python"]
LIBRARIES: tuple[Library, ...] = ("PHPMailer", "Symfony", "Nodemailer", "Python")

Named = tuple[str, str]
"""A display name, which may be empty, and an address."""

FROM: Mapping[StreamName, str] = {
    "transactional": "orders@shop.example",
    "marketing": "news@news.shop.example",
}
RECEIVER = "bigmail.example"


@dataclass(frozen=True)
class File:
    """What goes along: its file name, media type and octets; ``cid`` where the page shows it."""

    name: str
    type: str
    content: bytes
    cid: str = ""


@dataclass(frozen=True)
class Letter:
    """What is meant, whoever writes it. Empty fields are left out."""

    key: str
    """Names the letter in its header field X-Letter."""
    stream: StreamName
    sender: Named
    to: tuple[Named, ...]
    subject: str
    text: str
    cc: tuple[Named, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[Named, ...] = ()
    html: str = ""
    images: tuple[File, ...] = ()
    attachments: tuple[File, ...] = ()
    calendar: str = ""
    """An invitation, beside the text (RFC 6047)."""
    forwarded: bytes = b""
    """A message of somebody else's, as message/rfc822."""
    headers: Mapping[str, str] = field(default_factory=dict)
    encoding: Literal["", "quoted-printable", "base64", "8bit"] = ""
    """Of the text; empty: the library's own choice."""
    signed: Literal["", "smime", "pgp", "dkim"] = ""
    """By the application itself."""

    def order(self) -> dict[str, object]:
        """As the programs in lab/onhost/libraries take it."""
        return {
            **asdict(self),
            "from": self.sender,
            "images": [_ordered(one) for one in self.images],
            "attachments": [_ordered(one) for one in self.attachments],
            "forwarded": b64encode(self.forwarded).decode(),
            "headers": {**self.headers, "X-Letter": self.key},
        }

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everybody who gets a copy."""
        return (*(address for _, address in (*self.to, *self.cc)), *self.bcc)


def _ordered(file: File) -> dict[str, str]:
    return {**asdict(file), "content": b64encode(file.content).decode()}


@dataclass(frozen=True)
class Language:
    """What a shop writes in one language."""

    tag: str
    shop: str
    customer: str
    subject: str
    text: str
    file: str


LANGUAGES = (
    Language(
        "en",
        'The "Corner" Shop, Ltd. 🛍️',
        "Zoë O'Brien",
        "Your order – thank you 🎉",
        "Dear Zoë,\n\nthank you for your order – it’s on its way.\n\nTotal: £42.00 ✅\n",
        "Invoice – 42.pdf",
    ),
    Language(
        "de",
        "Süßwaren & Käse, Köln",
        "Jörg Müller-Lüdenscheidt",
        "Ihre Bestellung: Rückgabe, Größe und Überweisung",
        "Guten Tag Jörg,\n\nvielen Dank für Ihre Bestellung in Größe 42.\nÄÖÜ äöü ß €\n",
        "Rechnung für Größe 42.pdf",
    ),
    Language(
        "fr",
        "L’épicerie « Chez Zoé »",
        "François Lefèvre",
        "Votre commande a été expédiée : à bientôt !",
        "Bonjour François,\n\nvotre commande a été expédiée : où qu’elle soit, œuvre de maître.\n",
        "Reçu de l’été.pdf",
    ),
    Language(
        "es",
        "Tienda El Niño",
        "María José Núñez",
        "¡Gracias por tu compra! ¿Qué tal?",
        "¡Hola, María José!\n\n¿Qué tal? Tu pedido llegará mañana, señora Núñez.\n",
        "Año nuevo – niño.pdf",
    ),
    Language(
        "ru",
        "Магазин «Ёлка»",
        "Наталья Щёголева",
        "Ваш заказ отправлен: спасибо за покупку",
        "Здравствуйте, Наталья!\n\nСъешь же ещё этих мягких французских булок.\n",
        "Счёт № 42.pdf",
    ),
    Language(
        "fa",
        "فروشگاه گل‌ها",
        "ژاله پورچنگیز",
        "سفارش شما ارسال شد؛ سپاسگزاریم",
        "سلام ژاله،\n\nسفارش شماره ۴۲ شما ارسال شد. می‌خواهیم نظرتان را بدانیم.\n",
        "فاکتور ۴۲.pdf",
    ),
    Language(
        "ar",
        "متجر الزهور",
        "خالد عبد الرحمن",
        "تم شحن طلبك رقم ٤٢، شكرًا لك",
        "مرحبًا خالد،\n\nتم شحن طلبك (Order 42) اليوم. المجموع: ٤٢٫٠٠ €\n",
        "فاتورة ٤٢.pdf",
    ),
    Language(
        "tr",
        "Çiçekçi İğdır",
        "Işıl Öğüş",
        "Siparişiniz yola çıktı: İstanbul’dan Iğdır’a",
        "Merhaba Işıl,\n\nsiparişiniz yola çıktı. Pijamalı hasta yağız şoföre çabucak güvendi.\n",
        "Fatura İĞÜŞÖÇı.pdf",
    ),
    Language(
        "zh",
        "花店（北京）有限公司",
        "王小明",
        "您的订单已发货,谢谢惠顾",
        "王小明,您好:\n\n您的订单已经发货。預計明天送達,𠮷野家旁邊。\n",
        "发票 42 号.pdf",
    ),
)

# Not what any text could be: an octet of each kind, and ends of lines of every kind.
BINARY = bytes(range(256)) * 8 + b"\r\n\n\r.\r\n..\r\nFrom here\r\n"
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cf"
    "c000000301010018dd8db00000000049454e44ae426082"
)


def _plain(language: Language) -> dict[str, object]:
    return {}


def _page(language: Language) -> dict[str, object]:
    page = (
        f'<html lang="{language.tag}"><body><p>{language.customer}</p>\n'
        f'<p>{language.subject} &amp; <img src="cid:logo" alt="😀"></p></body></html>\n'
    )
    return {"html": page, "images": (File("logo", "image/png", _PNG, "logo"),)}


def _attached(language: Language) -> dict[str, object]:
    table = f"{language.customer};42,00 €\n{language.shop};1\n".encode()
    return {
        "attachments": (
            File(language.file, "application/pdf", b"%PDF-1.4\n" + BINARY),
            File("table.csv", "text/csv", table),
        )
    }


def _invitation(language: Language) -> dict[str, object]:
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//shop.example//EN",
        "METHOD:REQUEST",
        "BEGIN:VEVENT",
        f"UID:{language.tag}@shop.example",
        "DTSTAMP:20261123T120000Z",
        "DTSTART:20261224T120000Z",
        f"SUMMARY:{language.shop.replace(',', chr(92) + ',')}",
        "END:VEVENT",
        "END:VCALENDAR",
    )
    page = f"<p>{language.subject}</p>\n"
    return {"html": page, "calendar": "".join(f"{line}\r\n" for line in lines)}


def _forwarded(language: Language) -> dict[str, object]:
    """A complaint of a customer's: From: is another's, with fields that only signers write."""
    message = (
        "Received: from mx.elsewhere.example by mail.elsewhere.example;\r\n"
        "\tMon, 23 Nov 2026 12:00:00 +0000\r\n"
        "DKIM-Signature: v=1; a=rsa-sha256; d=elsewhere.example; s=x;\r\n"
        " h=from; bh=AAAA; b=AAAA\r\n"
        "Authentication-Results: mail.elsewhere.example; dkim=pass\r\n"
        "From: Somebody <somebody@elsewhere.example>, Else <else@elsewhere.example>\r\n"
        "Sender: else@elsewhere.example\r\n"
        "To: orders@shop.example\r\n"
        "Bcc: hidden@elsewhere.example\r\n"
        "Return-Path: <somebody@elsewhere.example>\r\n"
        "X-Originating-IP: [192.0.2.1]\r\n"
        "Subject: =?utf-8?q?Gr=C3=B6=C3=9Fe?=\r\n"
        "Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n"
        "Message-ID: <complaint@elsewhere.example>\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
        "\r\n"
        "Die Gr=C3=B6=C3=9Fe stimmt nicht.\r\n"
        "--\r\n"
        "Jemand\r\n"
    )
    return {"forwarded": message.encode()}


def _eight_bit(language: Language) -> dict[str, object]:
    """Symfony sends its lines as they are, ended by a bare LF."""
    text = f"{language.text}{language.subject}\n \t\n{'x' * 997}\n"
    return {"encoding": "8bit", "text": text}


def _quoted(language: Language) -> dict[str, object]:
    return {"encoding": "quoted-printable", "text": f"{language.text}=3D = \n.\nFrom here\n"}


def _base64(language: Language) -> dict[str, object]:
    return {"encoding": "base64"}


def _long(language: Language) -> dict[str, object]:
    """Lines far beyond 998 octets, and a subject of many lines."""
    text = f"{language.text}{language.subject * 60}\n{'https://shop.example/' + 'a' * 2500}\n"
    return {"text": text, "subject": f"{language.subject} 🚚 " * 8 + language.customer}


def _odd(language: Language) -> dict[str, object]:
    """What SMTP, mboxes and soft breaks trip over, and ends of lines as texts from forms have."""
    text = f"{language.text}.\n..\n.dot\nFrom here\n>From there\ntab\t \nend =\n--\n-- \nx\r\ny\n"
    return {"text": text, "subject": f" =?utf-8?Q? {language.subject} ?= "}


def _many(language: Language) -> dict[str, object]:
    return {
        "to": tuple((language.customer, f"customer{n}@{RECEIVER}") for n in range(20)),
        "cc": tuple(("", f"copy{n}@{RECEIVER}") for n in range(18)),
        "bcc": (f"hidden1@{RECEIVER}", f"hidden2@{RECEIVER}"),
    }


def _listed(language: Language) -> dict[str, object]:
    url = "https://news.shop.example/unsubscribe/0123456789abcdef"
    return {
        "stream": "marketing",
        "headers": {
            "List-Id": "<news.shop.example>",
            "List-Unsubscribe": f"<{url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Precedence": "bulk",
            "Feedback-ID": "42:autumn:news",
        },
    }


def _own_dkim(language: Language) -> dict[str, object]:
    return {"signed": "dkim", "stream": "marketing"}


def _smime(language: Language) -> dict[str, object]:
    return {"signed": "smime"}


def _smime_eight_bit(language: Language) -> dict[str, object]:
    return {"signed": "smime", "encoding": "8bit"}


def _smime_attached(language: Language) -> dict[str, object]:
    return {"signed": "smime", **_attached(language)}


def _pgp(language: Language) -> dict[str, object]:
    return {"signed": "pgp", **_attached(language)}


def _pgp_eight_bit(language: Language) -> dict[str, object]:
    return {"signed": "pgp", "encoding": "8bit"}


Form = Callable[[Language], dict[str, object]]
_FOR_ALL: tuple[Form, ...] = (
    _plain,
    _page,
    _attached,
    _invitation,
    _forwarded,
    _quoted,
    _base64,
    _long,
    _odd,
    _listed,
    _many,
)
# What each library has an interface for.
FORMS: Mapping[Library, tuple[Form, ...]] = {
    "PHPMailer": (*_FOR_ALL, _eight_bit, _own_dkim, _smime, _smime_eight_bit, _smime_attached),
    "Symfony": (*_FOR_ALL, _eight_bit, _own_dkim, _smime, _smime_eight_bit, _smime_attached),
    "Nodemailer": (*_FOR_ALL, _own_dkim),
    "Python": (*_FOR_ALL, _eight_bit, _smime, _smime_eight_bit, _pgp, _pgp_eight_bit),
}


def every(library: Library) -> Iterator[Letter]:
    """Every form in every language."""
    for language in LANGUAGES:
        for form in FORMS[library]:
            yield _written(form, language)


def some(library: Library, each: int) -> Iterator[Letter]:
    """So many of each language: all languages, and in turn all forms."""
    turn = count()
    forms = FORMS[library]
    for language in LANGUAGES:
        for _ in range(each):
            yield _written(forms[next(turn) % len(forms)], language)


def _written(form: Form, language: Language) -> Letter:
    name = form.__name__.strip("_")
    key = f"{language.tag}-{name}-{uuid4().hex[:12]}"
    special = form(language)
    stream: StreamName = "marketing" if special.get("stream") == "marketing" else "transactional"
    usual: dict[str, object] = {
        "key": key,
        "stream": stream,
        "sender": (language.shop, FROM[stream]),
        "to": ((language.customer, f"alice@{RECEIVER}"),),
        "reply_to": ((language.shop, f"help@{FROM[stream].partition('@')[2]}"),),
        "subject": language.subject,
        "text": language.text,
    }
    return Letter(**{**usual, **special})  # type: ignore[arg-type]


def digest(octets: bytes) -> str:
    """Of a file, for a line that says that it is another one."""
    return hashlib.sha256(octets).hexdigest()[:16]
