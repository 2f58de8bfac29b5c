"""The logs are quiet, rotated, and kept no longer than declared."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.audit.audited import Audited
from postroad.audit.fault import Fault, refute
from postroad.host.paths import LOGS_READ

DAY = 86400
# Rotated daily at a random hour, and only by a timer that may sleep over a reboot.
OLDEST_CURRENT = 3 * DAY


def trouble(audited: Audited) -> Iterator[Fault]:
    """Lines of Postfix that say fatal, panic or error, since the last change of the host.

    Or since somebody has said that he has read them.
    """
    for log in audited.system.logs:
        if log.troubles:
            yield Fault(
                f"{log.path} tells of {log.troubles} fatal errors since the last change",
                "a daemon gave up on something that it was to do",
                f"mend what the last line says; then, that the audit forgets it: touch {LOGS_READ}",
                tuple(log.trouble),
            )


def unrotated(audited: Audited) -> Iterator[Fault]:
    """Logs that grow for ever, or stay for ever."""
    follows = "the disk fills, and addresses of people are kept longer than declared"
    mend = f"systemctl start logrotate.service; journalctl -u logrotate; then {audited.run}"
    for line in audited.system.rotation_words:
        yield Fault(f"logrotate complains: {line}", follows, mend)
    for log in audited.system.logs:
        age = audited.system.now - (log.oldest or audited.system.now)
        if age > OLDEST_CURRENT:
            yield Fault(f"{log.path} goes back {age / DAY:.0f} days", follows, mend)
    kept = audited.estate.log_days
    for path, written in audited.system.rotated.items():
        age = audited.system.now - written
        if written and age > kept * DAY + OLDEST_CURRENT:
            yield Fault(f"{path} is {age / DAY:.0f} days old, declared are {kept}", follows, mend)


def test_logs_are_quiet(audited: Audited) -> None:
    """Nothing fatal in the current logs."""
    refute(trouble(audited))


def test_logs_are_rotated(audited: Audited) -> None:
    """By what is in them, not by what is configured."""
    refute(unrotated(audited))
