"""How much strangers may bring in by port 25, and leave on the disk. Pure.

The sums: inbound takes no mail below ``free``, which is what the streams want to have free and
twice what can be on its way by then, once in the queue and once in a Maildir. Each Maildir takes
no mail beyond its own budget; what is on its way by then goes beyond it, and that is at most one
message for each of the places.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroad.settings.model import Address, Estate

MIB = 1024 * 1024
# Sessions at once: of all, of one address (IPv6: of one /64), of one network (/24, /48).
PLACES = 40
PLACES_OF_CLIENT = 8
PLACES_OF_NETWORK = 16
# Connections and messages a minute of one address or /64.
RATE_OF_CLIENT = 120
# A report may return the whole message (RFC 3462), and tells of up to a thousand recipients, each
# in words and once more for programs (RFC 3464).
WRAPPING = MIB
# At least, and so many messages: root is told at four fifths, before there is no room for one more.
MAILDIR_BYTES = 256 * MIB
MAILDIR_MESSAGES = 10
MAILDIR_FILES = 20_000
# Of inbound's log, before it is rotated, and how many of those are kept.
LOG_BYTES = 20 * MIB
LOGS = 20


@dataclass(frozen=True, slots=True)
class Intake:
    """The limits of the inbound instance; sizes are bytes."""

    message_size: int
    free: int
    maildir_bytes: int
    places: int = PLACES
    places_of_client: int = PLACES_OF_CLIENT
    places_of_network: int = PLACES_OF_NETWORK
    rate_of_client: int = RATE_OF_CLIENT
    maildir_files: int = MAILDIR_FILES
    log_bytes: int = LOG_BYTES
    logs: int = LOGS


def intake(estate: Estate) -> Intake:
    """The limits of every inbound instance of the estate."""
    limits = [stream.limits for stream in estate.streams]
    message = max(one.message_size for one in limits) + WRAPPING
    free = max(max(one.queue_minfree for one in limits), 3 * message // 2)
    maildir = max(MAILDIR_BYTES, MAILDIR_MESSAGES * message)
    return Intake(message, free + 2 * PLACES * message, maildir)


def senders(estate: Estate) -> tuple[Address, ...]:
    """The addresses that streams send from on hosts without inbound: their reports come to another
    host's, a campaign's at once. On a host that has it they come by loopback."""
    without = (host for host in estate.hosts if not host.inbound)
    ways = (way for host in without for _, way in estate.streams_of(host))
    return tuple(dict.fromkeys(address for way in ways for address in way.addresses))


def without_limits(estate: Estate) -> str:
    """Whose sessions at inbound have no limits (postconf(5), smtpd_client_event_limit_exceptions):
    the estate's own streams hand in their reports, by loopback or from another host."""
    said = (f"[{one}]/128" if one.version == 6 else f"{one}/32" for one in senders(estate))
    return ", ".join(["127.0.0.1/32", *said])
