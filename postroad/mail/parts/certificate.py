"""What keeps the certificate fresh: certbot's timer and hook, or the supplied files."""

from __future__ import annotations

from postroad.host.component import Component, Directory, Unit
from postroad.host.paths import CONFIG, RENEWED, RFC2136
from postroad.mail.parts.part import Builder, Part, Rows
from postroad.mail.parts.row import Row
from postroad.settings.model import AcmeTls, Dns01, Estate, SuppliedTls


def _is_acme(estate: Estate) -> bool:
    return isinstance(estate.tls, AcmeTls)


def _is_dns01(estate: Estate) -> bool:
    return isinstance(estate.tls, AcmeTls) and isinstance(estate.tls.challenge, Dns01)


def _is_supplied(estate: Estate) -> bool:
    return isinstance(estate.tls, SuppliedTls)


ROWS = (
    Row(
        "tls/renewed.j2",
        RENEWED,
        mode=0o755,
        wanted=_is_acme,
    ),
    Row(
        "tls/rfc2136.ini.j2",
        RFC2136,
        mode=0o600,
        secret=True,
        wanted=_is_dns01,
    ),
    Row("tls/chain.pem.j2", "/etc/postroad/tls/chain.pem", wanted=_is_supplied),
    Row(
        "tls/key.pem.j2", "/etc/postroad/tls/key.pem", mode=0o600, secret=True, wanted=_is_supplied
    ),
)


def _make(builder: Builder, rows: Rows) -> Component:
    files = builder.files(rows)
    match builder.estate.tls:
        case AcmeTls():
            return Component("certificate", files=files, units=(Unit("certbot.timer"),))
        case SuppliedTls():
            return Component(
                "certificate",
                directories=(Directory(f"{CONFIG}/tls", mode=0o700),),
                files=files,
                gate='openssl x509 -noout -in "$stage/etc/postroad/tls/chain.pem"',
            )
        case _:
            return Component("certificate")


PART = Part(
    "certificate",
    "Keeping the certificate fresh",
    ROWS,
    _make,
)
