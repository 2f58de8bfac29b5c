"""What applications may do on a host now and not after a run: by its files, now and then, and by
its firewall. Pure.

A port, a login, an address in From: or MAIL FROM, a limit, a network: each was declared once and is
used since, and whoever uses it is refused as soon as the run is through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from ipaddress import ip_network

from postroad.mail.firewall.read import FirewallState
from postroad.mail.firewall.rule import Rule

#: The files of a stream that tell what applications may do, by their names; none holds a secret.
MASTER, MAIN, FROM, ENVELOPE = "master.cf", "main.cf", "policy.lua", "sender_logins"
TELLING = (MASTER, MAIN, FROM, ENVELOPE)

_DOOR = re.compile(r"^(\S+:[0-9]+) inet ", re.MULTILINE)
_LOGIN = re.compile(r'^  \[ "(.*?)" \] = \{(.*)\},$', re.MULTILINE)
_ADDRESS = re.compile(r'\[ "(.*?)" \] = true')
_SENDER = re.compile(r"^/\^(.+)\$/ (.+)$", re.MULTILINE)
_PARAMETER = re.compile(r"^([a-z_]+) = (\S+)$", re.MULTILINE)
_DURATION = re.compile(r"([0-9]+)([smhdw]?)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "": 86400}


def narrowed(
    stream: str, host: str, before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[str]:
    """A sentence for each thing that applications of ``stream`` may do on ``host`` and will not.

    Both are texts of `TELLING` by their names; what is not in both is not compared.
    """
    if MASTER in before and MASTER in after:
        yield from _doors(stream, host, before[MASTER], after[MASTER])
    if FROM in before and FROM in after:
        yield from _logins(stream, host, before[FROM], after[FROM])
    if ENVELOPE in before and ENVELOPE in after:
        yield from _senders(stream, host, before[ENVELOPE], after[ENVELOPE])
    if MAIN in before and MAIN in after:
        yield from _limits(stream, host, before[MAIN], after[MAIN])


def shut(host: str, found: FirewallState, wanted: Collection[Rule]) -> Iterator[str]:
    """A sentence for each network that the firewall of ``host`` lets to a port, and will not.

    A port that is wanted no more is not told: what listens there is (`narrowed`).
    """
    if found.status is None or not found.status.active:
        return
    ports = {(rule.to, port) for rule in wanted for port in rule.ports}
    lost: dict[tuple[str, str], list[str]] = {}
    for rule in found.rules:
        if not rule.passes or rule.direction != "in" or rule.route:
            continue
        for port in rule.ports:
            if (rule.to, port) in ports and not any(_covers(w, rule, port) for w in wanted):
                lost.setdefault((rule.from_, rule.to), []).append(port)
    for (network, address), closed in lost.items():
        where = f"port {' and '.join(closed)}" + ("" if address == "any" else f" of {address}")
        who = "everybody" if network == "any" else network
        yield (
            f"this run will CLOSE {where} on {host} to {who}: the estate does not name all of that"
            " any more. Have nobody connect from there first"
        )


def _covers(wanted: Rule, old: Rule, port: str) -> bool:
    if not wanted.passes or port not in wanted.ports or wanted.proto not in ("any", old.proto):
        return False
    if wanted.to not in ("any", old.to):
        return False
    if "any" in (wanted.from_, old.from_):
        return wanted.from_ == "any"
    inner, outer = ip_network(old.from_), ip_network(wanted.from_)
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _doors(stream: str, host: str, before: str, after: str) -> Iterator[str]:
    there, wanted = (_outward(_DOOR.findall(text)) for text in (before, after))
    lost = [door for door in there if door not in wanted]
    if lost:
        instead = f"submit to {', '.join(wanted)}" if wanted else "submit elsewhere"
        yield (
            f"this run will CLOSE {', '.join(lost)} on {host}, where applications submit {stream} "
            f"mail. Have them {instead} as soon as it is through"
        )


def _outward(doors: Iterable[str]) -> list[str]:
    return [door for door in doors if not door.startswith("127.")]


def _logins(stream: str, host: str, before: str, after: str) -> Iterator[str]:
    there, wanted = _written(before), _written(after)
    new = [login for login in wanted if login not in there]
    for login, addresses in there.items():
        if login not in wanted:
            renamed = f" (new is {', '.join(new)})" if new else ""
            yield (
                f"this run will CLOSE the {stream} login {login} on {host}: the estate does not "
                f"declare it any more{renamed}. Have no application use it first"
            )
            continue
        lost = [a for a in addresses if not _is_written(a, wanted[login])]
        if lost:
            yield _refused(stream, host, login, f"From: {', '.join(map(_address, lost))}")


def _written(policy: str) -> dict[str, list[str]]:
    """The addresses that each login may write, by the signer's policy."""
    # Its next table is of return paths.
    allowed = policy.partition("\n}\n")[0]
    return {login: _ADDRESS.findall(held) for login, held in _LOGIN.findall(allowed)}


def _is_written(address: str, wanted: Collection[str]) -> bool:
    return address in wanted or address[address.rfind("@") :] in wanted


def _address(written: str) -> str:
    return f"some addresses at {written[1:]}" if written.startswith("@") else written


def _senders(stream: str, host: str, before: str, after: str) -> Iterator[str]:
    there, wanted = _used(before), _used(after)
    for login, addresses in there.items():
        lost = [a for a in addresses if a not in wanted.get(login, ())]
        # Of a login that goes, all is said.
        if lost and login in wanted:
            yield _refused(stream, host, login, f"MAIL FROM:<{'>, <'.join(lost)}>")


def _used(table: str) -> dict[str, list[str]]:
    """The envelope senders of each login, without those that only extend another (VERP)."""
    found: dict[str, list[str]] = {}
    for pattern, logins in _SENDER.findall(table):
        if "[^@]+" in pattern:
            continue
        for login in logins.split(", "):
            found.setdefault(login, []).append(pattern.replace("\\", ""))
    return found


def _refused(stream: str, host: str, login: str, what: str) -> str:
    return (
        f"{stream} mail of the login {login} with {what} is refused on {host} after this run: the "
        "estate does not let it use that any more. Have no application write it first"
    )


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _duration(text: str) -> int:
    found = _DURATION.fullmatch(text)
    return int(found[1]) * _SECONDS[found[2]] if found else 0


# Parameter, how it is read, and what is lost where it gets less.
_LIMITS: tuple[tuple[str, Callable[[str], int], str], ...] = (
    ("message_size_limit", _number, "a message of more than {new} octets is refused"),
    ("smtpd_recipient_limit", _number, "a message to more than {new} recipients is refused"),
    (
        "smtpd_client_connection_count_limit",
        _number,
        "more than {new} connections at once from one address are refused",
    ),
    ("maximal_queue_lifetime", _duration, "mail that waits longer than {new} comes back"),
)


def _limits(stream: str, host: str, before: str, after: str) -> Iterator[str]:
    there, wanted = (dict(_PARAMETER.findall(text)) for text in (before, after))
    for name, read, words in _LIMITS:
        old, new = there.get(name, ""), wanted.get(name, "")
        if 0 < read(new) < read(old):
            said = words.format(new=new)
            yield f"{stream} mail on {host}: {said} after this run, where {old} is the limit now"
