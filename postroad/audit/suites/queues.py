"""The queues move, and there is room for more."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.audit.audited import Audited
from postroad.audit.evidence import Instance, answered
from postroad.audit.fault import Fault, refute
from postroad.audit.mends import restart_instance
from postroad.host.paths import config_folder
from postroad.mail.intake import intake

# What a second or two of leap, or the steps of a clock that is kept right, do not reach.
SLACK_SECONDS = 60
# Of a disk. A message on its way has up to three files (queue, bounce and trace), a process some.
LEAST_INODES = 1000
# The same as on the host itself, where root is told by mail (postroad/onhost/budget/main.py).
NEARLY_FULL = 0.8
# postconf(5) time units; Postfix's own default for these parameters is the second.
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds(value: str) -> int:
    """A Postfix time value in seconds; 0 where it is none, which `postfix check` does not see."""
    unit = value[-1:]
    return number(value[:-1]) * _SECONDS[unit] if unit in _SECONDS else number(value)


def number(value: str) -> int:
    """A Postfix integer; 0 where it is none."""
    return int(value) if value.isdecimal() else 0


def _readable(audited: Audited, *parts: str) -> Iterator[tuple[str, Instance]]:
    """The instances whose configuration Postfix can read; of the others it says so itself.

    Raises NotAnsweredError for those that did not answer one of the parts, behind all others.
    """
    for name, one in answered(audited.instances, "parameters", *parts):
        if one.is_readable:
            yield name, one


def _lifetime(audited: Audited, name: str, instance: Instance) -> int:
    streams = {stream.name: stream for stream in audited.estate.streams}
    declared = streams[name].limits.queue_lifetime if name in streams else ""
    return seconds(declared or instance.parameters["maximal_queue_lifetime"])


def stuck_mail(audited: Audited) -> Iterator[Fault]:
    """Mail that should have bounced: its last try is due one back-off after its lifetime."""
    for name, instance in _readable(audited, "messages", "oldest"):
        if instance.oldest is None:
            continue
        late = ("maximal_backoff_time", "queue_run_delay")
        allowed = sum(seconds(instance.parameters[parameter]) for parameter in late)
        allowed += _lifetime(audited, name, instance)
        age = audited.system.now - instance.oldest
        if age > allowed:
            yield Fault(
                f"the {name} queue holds mail that is {age / 3600:.0f} hours old "
                f"({instance.messages} messages in all); its lifetime is over",
                "the queue manager does not come round: nothing behind it moves either",
                f"postqueue -c {config_folder(name)} -p; {restart_instance(name)}",
            )


def waiting_for_another_time(audited: Audited) -> Iterator[Fault]:
    """Timers, or mail, of a time that the clock was set back from.

    Postfix remembers when to do a thing next, not in how long. What was deferred by a clock that
    was ahead is left alone until that time has come, and so is every periodic task.
    """
    for name, instance in _readable(audited, "set_back", "next_try"):
        mend = f"{restart_instance(name)}; postqueue -c {config_folder(name)} -f"
        if instance.set_back > SLACK_SECONDS:
            yield Fault(
                f"the clock was set back by {instance.set_back / 60:.0f} minutes while the {name} "
                "instance ran",
                "until the clock has caught up, nothing that is deferred is tried again",
                mend,
            )
        longest = seconds(instance.parameters["maximal_backoff_time"])
        wait = instance.next_try - audited.system.now
        if wait > longest + SLACK_SECONDS:
            yield Fault(
                f"the {name} queue holds mail that is left alone for {wait / 60:.0f} minutes, by a "
                f"clock that was ahead; the longest wait is {longest / 60:.0f}",
                "it arrives late, or comes back",
                mend,
            )


def corrupt_mail(audited: Audited) -> Iterator[Fault]:
    """Messages that Postfix has put aside because it could not read them."""
    for _, instance in _readable(audited, "corrupt"):
        if instance.corrupt:
            place = f"{instance.parameters['queue_directory']}/corrupt"
            yield Fault(
                f"{instance.corrupt} messages in {place} could not be read",
                "they are accepted and will never be delivered; the disk may be dying",
                f"postcat {place}/*; then, when you have what you need, rm {place}/*"
                "   (why: dmesg, smartctl)",
            )


def full_disks(audited: Audited) -> Iterator[Fault]:
    """Disks with less room than smtpd(8) wants before it takes a message, or no inodes for it."""
    for name, instance in _readable(audited, "room"):
        least = number(instance.parameters["queue_minfree"])
        # smtpd_check_size: half as much again as the largest message, whatever queue_minfree says.
        least = max(least, number(instance.parameters["message_size_limit"]) * 3 // 2)
        inodes = instance.room.inodes
        if inodes is not None and inodes < LEAST_INODES:
            yield Fault(
                f"the {name} queue's disk has {inodes} inodes free, it needs {LEAST_INODES}",
                "each message is a file: the instance takes no mail, or accepts and cannot go on",
                "look for many small files, and remove them: du --inodes -xS / | sort -n | tail",
            )
        if instance.room.bytes < least:
            yield Fault(
                f"the {name} queue's disk has {instance.room.bytes >> 20} MiB free, it needs "
                f"{least >> 20}",
                "the instance refuses all mail with 452 until there is room",
                "journalctl --vacuum-size=200M; apt-get clean; then look for what is large: "
                "du -xh / | sort -h | tail",
            )


def full_mailboxes(audited: Audited) -> Iterator[Fault]:
    """Maildirs that strangers have nearly filled: told before their mail is refused."""
    limits = intake(audited.estate)
    for maildir in audited.system.maildirs:
        share = max(maildir.bytes / limits.maildir_bytes, maildir.files / limits.maildir_files)
        if share > NEARLY_FULL:
            yield Fault(
                f"{maildir.path} has {maildir.bytes >> 20} MiB in {maildir.files} files, "
                f"{share:.0%} of what it may have",
                "mail to its address is refused with 452 as long as it is full: reports are lost",
                f"take out of it what you need, remove the rest; it goes after "
                f"{audited.estate.log_days} days by itself",
            )


def test_no_mail_outlives_its_time(audited: Audited) -> None:
    """What is on hold does not count."""
    refute(stuck_mail(audited))


def test_no_mail_waits_for_another_time(audited: Audited) -> None:
    """Neither the queue nor the daemons are of a time that is still to come."""
    refute(waiting_for_another_time(audited))


def test_no_mail_is_corrupt(audited: Audited) -> None:
    """Nothing accepted is lost."""
    refute(corrupt_mail(audited))


def test_disks_have_room(audited: Audited) -> None:
    """More than each instance keeps free."""
    refute(full_disks(audited))


def test_mailboxes_have_room(audited: Audited) -> None:
    """Those that strangers write to."""
    refute(full_mailboxes(audited))
