"""Listeners that the canary adds, for what the staged ones do not let it try."""

from __future__ import annotations

import re
from collections.abc import Sequence

from postroad.onhost.canary.listeners import Listener
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.tables import parameter

# From these on.
OPENED_PORT = 20587
LONE_PORT = 20687
BARE_PORT = 20787
LISTS = ("client", "helo", "sender", "relay", "recipient")
# A cleanup(8) that looks at no header itself.
UNCHECKED = "unchecked"
# Logins without TLS, for the canary's own network alone.
BARE = {
    "smtpd_tls_security_level": "none",
    "smtpd_tls_auth_only": "no",
    "smtpd_sasl_auth_enable": "yes",
}


def is_closed(canary: Canary) -> bool:
    """Whether the stream answers that it is closed (stream.main.cf)."""
    relay = parameter(canary, "smtpd_relay_restrictions")
    return re.search(r"static:\{451 [^}]* is closed[^}]*\}", relay) is not None


def opened(canary: Canary, staged: Sequence[Listener]) -> tuple[Listener, ...]:
    """The staged listeners once more, with the same options; but a closed stream is open, and
    without a certificate a login needs no TLS."""
    submission = [one for one in staged if one.takes_logins]
    system = [one for one in staged if not one.takes_logins]
    relay = {"smtpd_relay_restrictions": "permit_sasl_authenticated,reject"}
    wanted = [dict(one.options) | relay for one in submission] or [BARE | relay]
    wanted += [
        dict(one.options)
        | {"smtpd_relay_restrictions": one.options["smtpd_recipient_restrictions"]}
        for one in system
        if "smtpd_recipient_restrictions" in one.options
    ]
    return _added(canary, OPENED_PORT, wanted)


def lone_lists(canary: Canary) -> tuple[Listener, ...]:
    """A listener for each restriction list, which asks nothing else: smtpd(8) reads a list only as
    far as the first word that decides, and finds a misspelt word only there."""
    return _added(canary, LONE_PORT, [_lone_options(name) for name in LISTS])


def unchecked(canary: Canary) -> Listener:
    """A listener whose mail meets the milters alone, without what stands before them."""
    row = (
        f"{UNCHECKED} unix n - n - 0 cleanup\n    -o header_checks=\n    -o milter_header_checks=\n"
    )
    with (canary.config / "master.cf").open("a", encoding="utf-8") as master:
        master.write(row)
    options = BARE | {"cleanup_service_name": UNCHECKED}
    options["smtpd_relay_restrictions"] = "permit_sasl_authenticated,reject"
    (made,) = _added(canary, BARE_PORT, [options])
    return made


def _lone_options(name: str) -> dict[str, str]:
    # With no list at all that refuses relaying, smtpd(8) does not even start.
    last = "permit" if name == "recipient" else "reject"
    others = {f"smtpd_{other}_restrictions": "" for other in LISTS}
    others["smtpd_relay_restrictions"] = last
    del others[f"smtpd_{name}_restrictions"]
    return BARE | others


def _added(
    canary: Canary, first_port: int, wanted: Sequence[dict[str, str]]
) -> tuple[Listener, ...]:
    made = tuple(
        Listener("127.0.0.1", first_port + number, options) for number, options in enumerate(wanted)
    )
    with (canary.config / "master.cf").open("a", encoding="utf-8") as master:
        master.writelines(one.master_row for one in made)
    return made
