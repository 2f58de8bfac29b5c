"""The daemons of the staged configuration, started from their unit templates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from postroad.onhost.canary.commands import run, wait_for
from postroad.onhost.canary.journal import QUOTED_LINES, Journal
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.refusal import RefusedError
from postroad.onhost.canary.stage import age
from postroad.onhost.canary.tables import parameter


def write_drop_ins(canary: Canary) -> None:
    """Redirect the units to the copies, and bind their lives and their network to ours."""
    # The copies, and the live keys: those are not staged.
    seen = f"BindReadOnlyPaths={canary.home} -/etc/postroad/{canary.name}"
    settings = {
        "postfix": f"Environment=MAIL_CONFIG={canary.config}\nReadWritePaths={canary.home}\n",
        "dkim": f"Environment=CONFIG={canary.folder / 'opendkim.conf'}\n{seen}\n",
        "milter": f"Environment=CONFIG={canary.folder / 'public.table'}\n{seen}\n",
        "auth": f"Environment=CONFIG={canary.folder / 'dovecot.conf'}\n{seen}\n",
    }
    for unit in canary.daemons:
        kind = unit.removeprefix("postroad-").partition("@")[0]
        Path(f"/run/systemd/system/{unit}.d/canary.conf").write_text(
            "[Unit]\n"
            f"BindsTo={canary.unit}\nAfter={canary.unit}\nJoinsNamespaceOf={canary.unit}\n"
            "CollectMode=inactive-or-failed\n"
            "[Service]\n"
            f"{settings[kind]}"
            "PrivateNetwork=yes\nRestart=no\nExecStop=\nExecStopPost=\nKillSignal=SIGKILL\n"
            # Ended so, they have not failed, and nobody is told (OnFailure=).
            "SuccessExitStatus=SIGKILL\n",
            encoding="utf-8",
        )


def start(canary: Canary, journal: Journal) -> None:
    """Start the daemons; RefusedError, with their words, where one of them does not."""
    age(canary)
    for unit in canary.daemons:
        if run("systemctl", "start", unit).returncode:
            raise RefusedError(did_not_start(unit, journal.lines(unit)))
    if canary.is_stream:
        wait_for_logins(canary, journal)


def wait_for_logins(canary: Canary, journal: Journal) -> None:
    """The login daemon is up before its socket is."""
    unit, place = canary.logins, Path(parameter(canary, "smtpd_sasl_path"))

    def answering() -> bool | None:
        if run("systemctl", "is-active", unit).returncode:
            raise RefusedError(did_not_start(unit, journal.lines(unit)))
        return place.is_socket() or None

    wait_for(answering, f"{unit} opens no socket where Postfix looks for logins, {place}")


def did_not_start(unit: str, words: Sequence[str]) -> str:
    """Why a unit is down, in its own words and systemd's."""
    text = "\n".join(words[-QUOTED_LINES:])
    hint = ""
    if "-dkim@" in unit and "11/SEGV" in text:
        hint = "\n(opendkim crashes on any error in its SetupPolicyScript: look there first)"
    return f"{unit} does not start:\n{text}{hint}"
