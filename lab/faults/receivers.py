"""Receivers that say nothing, take their time, drop connections, or refuse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.reach import receivers, run_in_network, senders, take_rules
from lab.life.session import Lab
from lab.world.fill import fill


@contextmanager
def hanging(lab: Lab) -> Iterator[None]:
    """The receivers take connections and say nothing."""
    try:
        for guest in receivers(lab):
            guest.run("systemctl kill --signal=STOP postfix.service")
        yield
    finally:
        for guest in receivers(lab):
            guest.run("systemctl kill --signal=CONT postfix.service")


@contextmanager
def tarpits(lab: Lab) -> Iterator[None]:
    """The receivers take two seconds for every greeting, every recipient and every DATA."""
    waits = (
        "smtpd_client_restrictions=sleep 2",
        "smtpd_data_restrictions=sleep 2",
        "smtpd_delay_reject=no",
    )
    try:
        for guest in receivers(lab):
            guest.run(["postconf", "-e", *waits])
            guest.run(["postfix", "reload"])
        yield
    finally:
        for guest in receivers(lab):
            guest.run(["postconf", "-X", *(wait.partition("=")[0] for wait in waits)])
            guest.run(["postfix", "reload"])


@contextmanager
def dropping(lab: Lab) -> Iterator[None]:
    """The receivers drop connections wherever they are, in the middle of messages too."""
    unit = "lab-dropping"
    try:
        for guest in receivers(lab):
            guest.run(
                f"systemd-run --quiet --collect --unit={unit} sh -c"
                " 'while :; do pkill -9 -x smtpd; sleep 0.3; done'"
            )
        yield
    finally:
        for guest in receivers(lab):
            guest.run(["systemctl", "stop", unit], check=False)


_COUNTED = "/proc/sys/net/netfilter/nf_conntrack_acct"


@contextmanager
def silent_after_the_message(lab: Lab) -> Iterator[None]:
    """The receivers take messages, and no reply to one arrives before its connection is cut."""
    try:
        for guest in receivers(lab):
            # Connections are counted from their beginning (nf_conntrack-sysctl).
            run_in_network(guest, "sh", "-c", f"echo 1 > {_COUNTED}")
            take_rules(guest, fill("silent.nft"))
            guest.run(["pkill", "-x", "smtpd"], check=False)
        yield
    finally:
        for guest in senders(lab):
            run_in_network(guest, "ss", "-K", "dport = :25")
        for guest in receivers(lab):
            take_rules(guest, "delete table inet lab")


@contextmanager
def answering(reply: str, lab: Lab) -> Iterator[None]:
    """The receivers answer every recipient with ``reply``."""
    place = "/etc/postfix/recipients"
    kept = {guest.name: guest.read_file(place) for guest in receivers(lab)}
    try:
        for guest in receivers(lab):
            guest.write_file(place, f"/./ {reply}\n")
            guest.run(["postfix", "reload"])
        yield
    finally:
        for guest in receivers(lab):
            guest.write_file(place, kept[guest.name])
            guest.run(["postfix", "reload"])
