"""The packages' own instance as null client. Its unit differs from release to release.

The package's own signer never starts: it goes with the server that it may have signed for.
"""

from __future__ import annotations

from postroad.host.component import Component, Unit
from postroad.host.paths import ADOPTED, GENERATOR_MASK
from postroad.mail.parts.canary import canary
from postroad.mail.parts.part import Builder, Part, Rows
from postroad.mail.parts.row import Row
from postroad.mail.software import SOFTWARE

# What somebody else's Postfix took while its signer is already gone would leave unsigned.
_REST = f"[ -e {ADOPTED}/default ] || systemctl stop postfix.service"


ROWS = (
    Row(
        "postfix/default.main.cf.j2",
        "/etc/postfix/main.cf",
        reader="postfix.service",
        before="perhaps",
    ),
    Row(
        "postfix/default.master.cf.j2",
        "/etc/postfix/master.cf",
        reader="postfix.service",
        before="perhaps",
    ),
    Row(
        "postfix/default.sender_canonical.j2",
        "/etc/postfix/sender_canonical",
        reader="postfix.service",
        before="perhaps",
    ),
    Row(
        "postfix/default.header_checks.j2",
        "/etc/postfix/header_checks",
        reader="postfix.service",
        before="perhaps",
    ),
)


def _make(builder: Builder, rows: Rows) -> Component:
    reads = tuple(row.path for row in rows)
    units: tuple[Unit, ...]
    if builder.state[SOFTWARE].postfix_is_wrapper:
        units = (Unit("postfix.service"), Unit("postfix@-.service", enabled=False, reads=reads))
    else:
        units = (Unit("postfix.service", reads=reads),)
    return Component(
        "default",
        files=builder.files(rows),
        units=units,
        masked=("opendkim.service",),
        gate=canary("default"),
        activate=(_REST, f"rm -f {GENERATOR_MASK}"),
    )


PART = Part(
    "default",
    "Null client for root's mail",
    ROWS,
    _make,
    # What ran before us signed, or did not: whether it is to run again is its operator's to say.
    then=("systemctl disable --now --quiet postfix.service",),
)
