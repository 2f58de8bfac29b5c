"""Instances that a host has and the estate declares no more: how they are found. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from postroad.host.paths import ADOPTED, DEFAULT, config_folder, queue_folder
from postroad.host.reading import Reading, section
from postroad.settings.model import Address

_WANTED = "/etc/systemd/system/multi-user.target.wants"

# What stands for a listener where mail comes in by sendmail(1): the null client has no other.
SENDMAIL = "sendmail"
# What stands for those that are closed on paper, where a run was cut off before Postfix knew.
UNREAD = "unread"
_FROM = "from="


@dataclass(frozen=True, slots=True)
class Instance:
    """A Postfix instance of ours that the estate has no more; ``doors`` are its listeners.

    They are called what master.cf(5) calls them (``192.0.2.11:587``), or `SENDMAIL`, `UNREAD`.
    ``sources`` are the addresses that its mail leaves from.
    """

    name: str
    messages: int
    doors: tuple[str, ...]
    sources: tuple[Address, ...] = ()

    def __str__(self) -> str:
        if self.messages == 0:
            return f"{self.name} (to be removed)"
        return f"{self.name} (to be closed, {counted(self.messages)} to deliver)"


def probe(names: Iterable[str]) -> str:
    """Shell that prints a line for each of these that is there: its messages and listeners."""
    return "\n".join(
        f"if {_is_ours(name)}; then echo {name} $({messages(name)}) $({doors(name)})"
        f" $({sources(name)}); fi"
        for name in names
    )


def _is_ours(name: str) -> str:
    """A shell test. A run that was killed may have started an instance that has no mark yet."""
    mark = f"[ -e {ADOPTED}/{name} ]"
    return mark if name == DEFAULT else f"{mark} || [ -L {_WANTED}/{unit(name)} ]"


def unit(name: str) -> str:
    """The systemd unit of an instance of ours that is not the packages' own."""
    return f"postroad-postfix@{name}.service"


def parse(lines: Iterable[str]) -> tuple[Instance, ...]:
    """Read the output of `probe`; ValueError where it is none."""
    return tuple(map(_instance, lines))


def _instance(line: str) -> Instance:
    name, messages, *words = line.split()
    found = [word.removeprefix(_FROM) for word in words if word.startswith(_FROM)]
    doors = tuple(word for word in words if not word.startswith(_FROM))
    return Instance(name, int(messages), doors, tuple(map(ip_address, found)))


def messages(name: str) -> str:
    """Shell that prints how many messages the instance has queued.

    They move while they are counted: each is met in one folder at least, and counts once.
    """
    queues = ("deferred", "hold", "maildrop", "incoming", "active", "deferred")
    folders = " ".join(f"{queue_folder(name)}/{queue}" for queue in queues)
    return f"find {folders} -type f -printf '%f\\n' 2>/dev/null | sort -u | wc -l"


def doors(name: str) -> str:
    """Shell that prints the listeners of the instance's master.cf, a line each."""
    asked = f"postconf -c {config_folder(name)}"
    if name == DEFAULT:
        users = f"{asked} -h authorized_submit_users"
        return f'[ -z "$({users})" ] || echo {SENDMAIL}'
    unread = f"[ ! -e {unread_mark(name)} ] || echo {UNREAD}"
    return f"{asked} -M | awk '$2 == \"inet\" {{print $1}}'; {unread}"


def sources(name: str) -> str:
    """Shell that prints the addresses that the instance sends from, a line each."""
    if name == DEFAULT:
        return ":"
    asked = f"postconf -c {config_folder(name)} -h smtp_bind_address smtp_bind_address6"
    return f"{asked} | sed -n 's/^\\(..*\\)$/{_FROM}\\1/p'"


def unread_mark(name: str) -> str:
    """A file that is there from the first change of an instance's doors to its reload.

    It goes with a reboot, after which Postfix has read what stands there.
    """
    return f"/run/postroad/closing-{name}"


def counted(number: int) -> str:
    """A number of messages, in words."""
    return "1 message" if number == 1 else f"{number} messages"


#: Those of them that the host has.
LEAVING: Reading[tuple[Instance, ...]] = Reading("leaving", section("leaving", parse), ())
