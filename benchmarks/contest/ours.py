"""postroad as one of the contenders: deployed as its operator would, with the defaults' limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks import converged
from benchmarks.contest import signatures
from benchmarks.contest.contender import Contender
from benchmarks.contest.door import Door
from benchmarks.paths import HERE
from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import letters, shop
from postroad.host.paths import config_folder
from postroad.roles.run.inventory import load
from postroad.settings.model import Estate, StreamName

INVENTORY = HERE / "inventories" / "sending.py"

_SENDER = {"transactional": "orders@shop.example", "marketing": "news@news.shop.example"}


def is_ours(name: str) -> bool:
    """Whether the bare host *name* is one that postroad is deployed to."""
    return name.startswith("mail")


def without_limits(estate: Mapping[str, Any]) -> dict[str, Any]:
    """An estate with the defaults in place of the limits that its streams declare."""
    streams = {
        name: {key: value for key, value in stream.items() if key != "limits"}
        for name, stream in estate["streams"].items()
    }
    return {**estate, "streams": streams}


def deploy(lab: Lab) -> None:
    """Deploy until the streams are open and a dry run names nothing, or RuntimeError."""
    hosts = [guest for name, guest in lab.targets.items() if is_ours(name)]
    converged.bring(lab, hosts, INVENTORY)


def door(estate: Estate, host: str, stream: StreamName) -> Door:
    """Where the shop's application hands in the mail of a stream at one of our hosts."""
    ways = {one.name: way for one, way in estate.streams_of(estate.host(host))}
    user = shop.USERS[stream]
    return Door(
        host=ways[stream].helo,
        port=ways[stream].tls_port,
        tls="implicit",
        user=user,
        password=shop.password(user),
        mail_from=letters.ENVELOPE[stream],
        sender=_SENDER[stream],
    )


def contender(running: Lab, name: str, host: str) -> Contender:
    """The transactional stream of one of our hosts, under the *name* that its figures have."""
    return Contender(
        name,
        running.targets[host],
        door(load(INVENTORY).estate, host, "transactional"),
        "grep -c 'status=sent ' /var/log/postroad/transactional.log || :",
        signatures.signed_in_the_world(running),
    )


@contextmanager
def changed(guest: Guest, stream: StreamName, setting: str) -> Iterator[None]:
    """A parameter of a stream's main.cf, as postconf(1) takes it, is another within the block."""
    place = config_folder(stream)
    # Restarted, not reloaded: there, connections may meet processes that are about to leave.
    restart = f"systemctl restart postroad-postfix@{stream}"
    guest.run(
        f"cp -p {place}/main.cf /run/main.cf.kept && postconf -c {place} '{setting}' && {restart}"
    )
    try:
        yield
    finally:
        guest.run(f"mv /run/main.cf.kept {place}/main.cf && {restart}")
