"""Mail that another mail server has left on a host, and its rest while it is replaced. Pure.

A run replaces the packages' Postfix by a null client, and removes other servers that provide the
same (mail-transport-agent, Debian policy §11.6). What they had queued would then be sent by nobody,
or by the wrong one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from postroad.host.reading import Reading, section
from postroad.host.told import numbers

# The component of the packages' Postfix: once it was finished, that queue is ours, also to a run
# that completes what another began. Anybody can put mail into it.
_OURS = "default"


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server that may have been there before: where it queues, and how it is drained.

    ``messages`` are shell patterns of the files that stand for one message each, ``units`` what
    runs of it.
    """

    name: str
    messages: tuple[str, ...]
    look: str
    drain: str
    units: tuple[str, ...] = ()


_POSTFIX = "/var/spool/postfix"

SERVERS = (
    Server(
        "Postfix",
        tuple(
            f"{_POSTFIX}/{queue}/{depth}"
            for queue in ("maildrop", "incoming", "active", "deferred", "hold")
            for depth in ("*", "*/*")
        ),
        "postqueue -p",
        "postqueue -f",
    ),
    # Split over one-letter folders or not (Exim specification, split_spool_directory).
    Server(
        "Exim",
        ("/var/spool/exim4/input/*-H", "/var/spool/exim4/input/?/*-H"),
        "exim4 -bp",
        "exim4 -qff",
        ("exim4.service", "exim4-base.timer"),
    ),
    Server(
        "Sendmail",
        ("/var/spool/mqueue/qf*", "/var/spool/mqueue/*/qf*"),
        "mailq",
        "sendmail -q",
        ("sendmail.service",),
    ),
    Server(
        "OpenSMTPD",
        ("/var/spool/smtpd/queue/*/*",),
        "smtpctl show queue",
        "smtpctl schedule all",
        ("opensmtpd.service",),
    ),
)


def probe() -> str:
    """Shell that prints each server's name and how many messages it has, where it has any."""
    return _probe(SERVERS)


def _probe(servers: Iterable[Server]) -> str:
    return "\n".join(
        f'n=0; for f in {" ".join(server.messages)}; do [ -f "$f" ] && n=$((n + 1)); done; '
        f'[ $n -eq 0 ] || echo "{server.name} $n"'
        for server in servers
    )


def refusals(queued: Mapping[str, int], adopted: Collection[str]) -> Iterator[str]:
    """A sentence for each server that still has mail; ``adopted`` is what has been ours once."""
    for server in SERVERS:
        count = queued.get(server.name, 0)
        if not count or (server.name == "Postfix" and _OURS in adopted):
            continue
        things = "message" if count == 1 else "messages"
        yield (
            f"{server.name} still has {count} {things} in its own queue, which nobody would send "
            f"any more: look there (`{server.look}`), have it emptied (`{server.drain}`) or remove "
            "what is in it, then run again"
        )


def replacing(install: str) -> str:
    """Shell that runs the command ``install``, which replaces the servers: they rest meanwhile.

    Packages cannot stop what they remove, because nothing of theirs may be started or stopped by
    them; and what came in since the queues were looked at would be left behind. Where it fails,
    what ran before runs again.
    """
    others = [server for server in SERVERS if server.units]
    units = " ".join(unit for server in others for unit in server.units)
    return f"""rested=
wake() {{ for unit in $rested; do systemctl start "$unit" 8>&- || :; done; }}
for unit in {units}; do
if systemctl -q is-active "$unit"; then systemctl stop "$unit"; rested="$rested $unit"; fi
done
left=$({_probe(others)})
if [ -n "$left" ]; then
wake
echo "mail came in meanwhile, and is left where it is: $left; run again" >&2
exit 1
fi
{install} || {{ status=$?; wake; exit $status; }}"""


#: Numbers of messages, by the mail server that has them.
QUEUED_ELSEWHERE: Reading[Mapping[str, int]] = Reading(
    "queued-elsewhere", section("queued-elsewhere", numbers), {}
)
