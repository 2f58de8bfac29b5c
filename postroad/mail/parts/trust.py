"""The root of a private certificate authority, trusted by the whole host."""

from __future__ import annotations

from postroad.host.component import Component
from postroad.mail.parts.part import Builder, Part, Rows
from postroad.mail.parts.row import Row
from postroad.settings.model import AcmeTls, Estate


def _has_authority(estate: Estate) -> bool:
    return isinstance(estate.tls, AcmeTls) and bool(estate.tls.ca_file)


ROWS = (
    Row(
        "tls/ca.crt.j2", "/usr/local/share/ca-certificates/postroad-acme.crt", wanted=_has_authority
    ),
)


def _make(builder: Builder, rows: Rows) -> Component:
    return Component(
        "trust",
        files=builder.files(rows),
        activate=("update-ca-certificates >/dev/null 2>&1",),
    )


PART = Part(
    "trust",
    "Trust in the private authority",
    ROWS,
    _make,
    then=("update-ca-certificates --fresh >/dev/null 2>&1",),
)
