"""What `postroad init` asks, and how each answer is read: by the readers of the settings.

An answer is one line of text, whether it was typed or given as an argument. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from postroad.commands.new_estate.plan import Plan, Server
from postroad.commands.new_estate.repository import estate_of
from postroad.settings.faults import EstateFaults, Fault
from postroad.settings.model import STREAM_NAMES
from postroad.settings.read import read
from postroad.settings.shapes import Node, text
from postroad.settings.streams import stream_name
from postroad.settings.values import domain, email, network, own_address

# useradd(8), "CAVEATS": what a login of Debian's may be called.
_LOGIN = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_SERVER_FORM = 'write each as "mail1=192.0.2.11" or "mail1=192.0.2.11,2001:db8::11"'


@dataclass(frozen=True, slots=True)
class Question:
    """One value of a plan: the option that gives it, what is asked, how the answer is read.

    ``read`` notes its faults at the node and then gives None; ``default`` is an answer that follows
    from the plan so far, or None where nobody but the operator can know it.
    """

    field: str
    option: str
    metavar: str
    asks: str
    read: Callable[[Node], object]
    default: Callable[[Plan], str | None]

    def answered(self, plan: Plan, answer: str) -> Plan:
        """The plan with this answer. Raises EstateFaults with what is wrong with it."""
        node = Node(answer.strip(), self.option, [])
        if not node.value:
            node.fault("has no answer", "write one")
        value: Any = None if node.faults else self.read(node)
        if node.faults:
            raise EstateFaults(node.faults)
        return replace(plan, **{self.field: value})


def faults_between(plan: Plan) -> tuple[Fault, ...]:
    """What no answer is wrong with alone, as the settings find it in the whole estate."""
    try:
        read(estate_of(plan), f"group_data/{plan.name}.py")
    except EstateFaults as found:
        return found.faults
    return ()


def _items(node: Node, separators: str) -> Iterator[Node]:
    for item in filter(None, re.split(separators, str(node.value))):
        yield Node(item, node.where, node.faults)


def _networks(node: Node) -> object:
    return tuple(network(one) for one in _items(node, r"[\s,]+"))


def _streams(node: Node) -> object:
    found = (stream_name(str(one.value), one) for one in _items(node, r"[\s,]+"))
    return tuple(dict.fromkeys(found))


def _servers(node: Node) -> object:
    found = [_server(one) for one in _items(node, r"\s+")]
    names = [server.name for server in found if server]
    for name in dict.fromkeys(one for one in names if names.count(one) > 1):
        node.fault(f'"{name}" is there {names.count(name)} times', "write each host once")
    return tuple(found)


def _server(node: Node) -> Server | None:
    name, sign, addresses = str(node.value).partition("=")
    written = addresses.split(",")
    if not (name and sign and addresses):
        node.fault(f'"{node.value}" is no server', _SERVER_FORM)
        return None
    before = len(node.faults)
    text(Node(name, node.where, node.faults))
    found = [own_address(Node(one, node.where, node.faults)) for one in written]
    four = [one for one in found if isinstance(one, IPv4Address)]
    six = [one for one in found if isinstance(one, IPv6Address)]
    if len(node.faults) == before and (len(four) != 1 or len(six) > 1):
        node.fault(
            f'"{node.value}" has {len(four)} IPv4 and {len(six)} IPv6 addresses',
            "write one IPv4 and at most one IPv6 address; addresses of each stream's own are"
            " written into group_data afterwards",
        )
    return Server(name, four[0], next(iter(six), None)) if len(node.faults) == before else None


def _login(node: Node) -> str | None:
    if not _LOGIN.fullmatch(str(node.value)):
        node.fault(f'"{node.value}" is no login of a host', 'write it as "root" or "debian"')
        return None
    return str(node.value)


def _nobody_else_knows(plan: Plan) -> None:
    return None


QUESTIONS = (
    Question(
        "domain",
        "--domain",
        "DOMAIN",
        "The domain that customers know, as shop.example",
        domain,
        _nobody_else_knows,
    ),
    Question(
        "servers",
        "--host",
        "NAME=IPv4[,IPv6]",
        "The servers, each as NAME=IPv4 or NAME=IPv4,IPv6, with blanks between them",
        _servers,
        _nobody_else_knows,
    ),
    Question(
        "admin_email",
        "--admin-email",
        "ADDRESS",
        "The mailbox of who runs them: root's and cron's mail, and DMARC reports",
        email,
        # RFC 5321 §4.5.1: a domain that takes mail has it.
        lambda plan: f"postmaster@{plan.domain}",
    ),
    Question(
        "admin_networks",
        "--admin-network",
        "NETWORK",
        "The networks that you reach them from by SSH; all others are shut out",
        _networks,
        _nobody_else_knows,
    ),
    Question(
        "client_networks",
        "--client-network",
        "NETWORK",
        "The networks that the shop's applications submit mail from",
        _networks,
        _nobody_else_knows,
    ),
    Question(
        "streams",
        "--stream",
        "NAME",
        "The kinds of mail: transactional (receipts, passwords), marketing (campaigns)",
        _streams,
        lambda plan: ", ".join(STREAM_NAMES),
    ),
    Question(
        "ssh_user",
        "--ssh-user",
        "LOGIN",
        "The login on the servers: root, or one that may sudo without a password",
        _login,
        lambda plan: plan.ssh_user,
    ),
)
