"""Readers of the field's own kinds of value: names, addresses, networks, durations, secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from unicodedata import category
from urllib.parse import urlsplit

from postroad.settings.hashes import hash_fault
from postroad.settings.hidden import Hidden
from postroad.settings.mail_hosts import DECLARABLE, is_within
from postroad.settings.model import Address, Network, SecretRef, seconds
from postroad.settings.shapes import (
    Node,
    Reader,
    items,
    text,
    whole_number,
    wrong_type,
)

port = whole_number(1, 65535, "port")

# RFC 5892 App. A.1, A.2: the two characters without a shape that words of some scripts need.
_JOINERS = "\u200c\u200d"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# RFC 5322 §3.2.3 dot-atom; quoted local parts are legal but many receivers refuse them.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL_PART = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_DURATION = re.compile(r"[1-9][0-9]*[smhdw]")
# Postfix counts seconds in an int (postconf(5), "TIME"; conv_time.c ends a daemon beyond).
_MOST_SECONDS = 2**31 - 1
# RFC 5322 §2.2 allows more signs; OpenDKIM reads a list with commas, each name as a pattern
# (libopendkim, dkim_hdrlist).
_HEADER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
# Before it stand a month, a letter where there are several of one month, and a hyphen: 8 of 63.
_SELECTOR_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,53}[a-z0-9])?")
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
# RFC 5321 §4.5.3.1.3: 256 octets of a path, its angle brackets among them.
_ADDRESS_MAX = 254
# Names of records alone may hold it (RFC 8552 §1.1), as zones and keys of updates do.
_UNDERSCORED = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_CLASSLESS = re.compile(r"\d{1,3}/\d{1,3}(\.\d{1,3}){3}\.in-addr\.arpa")
# limits.h of Linux: octets of a path with its end, and of each name in it.
_PATH_MAX, _NAME_MAX = 4095, 255
# Addresses that no host has, and no packet comes from: RFC 6890 (this network, reserved), RFC 3879
# (site-local).
_NOBODY: tuple[Network, ...] = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("240.0.0.0/4"),
    IPv6Network("fec0::/10"),
)
# Nor is one of RFC 6052 a host's own, though packets that were translated come from there.
_NO_HOST: tuple[Network, ...] = (*_NOBODY, IPv6Network("64:ff9b::/96"))
# RFC 4291 §2.5.5.1: unspecified, loopback, and IPv4 addresses in a form that was given up.
_COMPATIBLE, _LOOPBACK6 = IPv6Network("::/96"), IPv6Network("::1")
_EVERYBODY = 'for everybody write "0.0.0.0/0" and "::/0"'
_URL_BEGINS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_RELEASE = re.compile(r"[a-z0-9._-]+ [a-z0-9._-]+")
_COMMENT = re.compile(r"[ !#-&(-~]{1,80}")
# unattended-upgrades, 50unattended-upgrades; its short forms would say the same a second time.
_ORIGIN_KEYS = ("origin", "label", "archive", "codename", "component", "site")
_MATCH = rf"({'|'.join(_ORIGIN_KEYS)})=[A-Za-z0-9 ._:/*${{}}-]+"
_ORIGIN = re.compile(rf"{_MATCH}(,{_MATCH})*")
_HOST_NAME_MAX = 64
# RFC 3986 §3.2.2 (a name, also of one label, or an address) and §3.3, §3.4.
_NAME = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_URL_HOST = rf"({_NAME}(\.{_NAME})*|\[[0-9A-Fa-f:.]+\])"
_URL_PATH = r"/([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

REFERENCE_FORMS = (
    'write {"env": "NAME"}, {"file": "path"} or {"command": ["program", "argument"]}: '
    "secrets are named here, never written"
)


def domain_fault(name: str) -> tuple[str, str] | None:
    """What is wrong with a host or domain name and what to write; None if it is well-formed.

    RFC 1123 §2.1 labels, at least two of them, at most 253 characters; other scripts as A-labels
    (RFC 5890 §2.3.2.1).
    """
    if not name.isascii():
        return "is not ASCII", "write it as A-labels (xn--…), for example with idn(1)"
    if name.endswith("."):
        return "ends with a dot", f'write "{name.rstrip(".")}"'
    if name != name.lower():
        return "has capital letters", f'write "{name.lower()}"'
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return (
            "is no domain name",
            "write labels of letters, digits and hyphens, 63 characters each, joined by dots",
        )
    if odd := next((label for label in labels if not _is_a_label(label)), None):
        return (
            f'has the label "{odd}", which stands for no name (RFC 5891 §5.4)',
            "write what idn(1) makes of the name in its own letters",
        )
    if len(labels) < 2 or labels[-1].isdigit():
        return "is no full domain name", 'write the whole name, as "mail1.shop.example"'
    return None


def _is_a_label(label: str) -> bool:
    """Whether a label is none of another script, or is one that decodes and encodes to itself."""
    if not label.startswith("xn--"):
        return True
    try:
        letters = label[4:].encode().decode("punycode")
        again = letters.encode("punycode").decode()
    except UnicodeError:
        return False
    # Controls and blanks, which no letters are, are how most that was mistyped decodes.
    odd = any(category(letter)[0] in "CZ" and letter not in _JOINERS for letter in letters)
    return again == label[4:] and not letters.isascii() and not odd


def domain(node: Node) -> str | None:
    """A full domain name in lower case, without a trailing dot."""
    name = text(node)
    if name is None:
        return None
    fault = domain_fault(name)
    if fault is not None:
        node.fault(f'"{name}" {fault[0]}', fault[1])
        return None
    return name


def host_name(node: Node) -> str | None:
    """A host's own name, which its kernel takes (sethostname(2): HOST_NAME_MAX) and hosts(5) has.

    The first label stands in /etc/hosts as well, and must not take loopback's name away.
    """
    name = domain(node)
    if name is None:
        return None
    if len(name) > _HOST_NAME_MAX:
        node.fault(
            f'"{name}" has {len(name)} characters',
            f"write at most {_HOST_NAME_MAX}: no kernel takes a longer host name",
        )
        return None
    if name.partition(".")[0] == "localhost":
        node.fault(
            f'"{name}" would be what programs on the host call localhost',
            'write another first label, as "mail1"',
        )
        return None
    return name


def owner_fault(name: str) -> tuple[str, str] | None:
    """The same of a name that only records have.

    Its labels may hold underscores, and that of a part of a reverse zone a slash (RFC 2317 §4).
    """
    if _CLASSLESS.fullmatch(name):
        return None
    if len(name) <= 253 and all(map(_UNDERSCORED.fullmatch, name.split("."))):
        return domain_fault(name.replace("_", "u"))
    return domain_fault(name)


def key_name(node: Node) -> str | None:
    """The name of a TSIG key: a domain name (RFC 8945 §4.2), often of one label."""
    name = text(node)
    if name is None:
        return None
    # One label more makes it full, and changes nothing else about what is looked at.
    fault = owner_fault(name if "." in name else f"{name}.key")
    if fault is not None:
        node.fault(f'"{name}" {fault[0]}', "write the name as the name server has it")
        return None
    return name


def own_path(node: Node) -> str | None:
    """The path of a file of the operator's: whole, or from the folder of the repository.

    What cannot be one is not repeated: a key, or a password in a URL.
    """
    path = text(node)
    if path is None:
        return None
    if _URL_BEGINS.match(path):
        node.fault("is a URL", "write the path of a file: fetch it to there first")
        return None
    names = [name.encode() for name in path.split("/")]
    if len(path.encode()) > _PATH_MAX or max(map(len, names)) > _NAME_MAX:
        node.fault(
            "is longer than any path on a host",
            f"write at most {_PATH_MAX} octets, and {_NAME_MAX} between two slashes",
        )
        return None
    return path


def host_path(node: Node) -> str | None:
    """The whole path of a file on a host."""
    path = own_path(node)
    if path is None:
        return None
    if not path.startswith("/"):
        node.fault(f'"{path}" is no whole path', 'begin it with "/"')
        return None
    return path


def email(node: Node) -> str | None:
    """A mail address: a dot-atom at a full domain name (RFC 5321 §4.1.2 without quoting)."""
    address = text(node)
    if address is None:
        return None
    local, _, at_domain = address.rpartition("@")
    if not _LOCAL_PART.fullmatch(local) or len(local) > 64:
        node.fault("is no mail address", 'write it as "name@shop.example"')
        return None
    if "=?" in local:
        node.fault(
            'holds "=?", which begins an encoded word (RFC 2047 §2) to those who read it in From:',
            "write another address",
        )
        return None
    fault = domain_fault(at_domain)
    if fault is not None:
        node.fault(f'the domain "{at_domain}" {fault[0]}', fault[1])
        return None
    if len(address) > _ADDRESS_MAX:
        node.fault(
            f"has {len(address)} characters",
            f"write an address of at most {_ADDRESS_MAX} (RFC 5321 §4.5.3.1.3)",
        )
        return None
    return address


def sender(node: Node) -> str | None:
    """A mail address, or ``@domain`` for every address at exactly that domain."""
    if isinstance(node.value, str) and node.value.startswith("@"):
        fault = domain_fault(node.value[1:])
        if fault is not None:
            node.fault(f'the domain "{node.value[1:]}" {fault[0]}', fault[1])
            return None
        return node.value
    return email(node)


def address(node: Node) -> Address | None:
    """An IPv4 or IPv6 address of one machine, loopback included."""
    written = text(node)
    if written is None:
        return None
    try:
        found = ip_address(written)
    except ValueError:
        node.fault(f'"{written}" is no IP address', 'write it as "192.0.2.1" or "2001:db8::1"')
        return None
    if (four := _inner(found)) is not None:
        node.fault(f"{found} is an IPv4 address in IPv6's form", f'write "{four}"')
        return None
    scoped = isinstance(found, IPv6Address) and found.scope_id is not None
    nobodys = any(found in known for known in _NO_HOST)
    # Clouds have servers of their own on IPv4's link-local addresses, which need no zone.
    elsewhere = isinstance(found, IPv6Address) and found.is_link_local
    if found.is_multicast or found.is_unspecified or elsewhere or scoped or nobodys:
        node.fault(f"{found} is no address of one host", "write its routed address")
        return None
    return found


def _inner(found: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped, or compatible (RFC 4291 §2.5.5)."""
    if isinstance(found, IPv4Address):
        return None
    if found.ipv4_mapped is not None:
        return found.ipv4_mapped
    is_compatible = 0xFFFF < int(found) < 2**32
    return IPv4Address(int(found)) if is_compatible else None


def own_address(node: Node) -> Address | None:
    """An address that a host of the estate is known by to others."""
    found = address(node)
    if found is not None and (found.is_loopback or found.is_link_local):
        which = "loopback" if found.is_loopback else "link-local"
        node.fault(f"{found} is a {which} address", "write the host's own routed address")
        return None
    return found


def ipv4(node: Node) -> IPv4Address | None:
    """An IPv4 address that one machine can own."""
    found = own_address(node)
    if isinstance(found, IPv6Address):
        node.fault(f"{found} is an IPv6 address", 'write it under "ipv6", and an IPv4 address here')
        return None
    return found


def ipv6(node: Node) -> IPv6Address | None:
    """An IPv6 address that one machine can own."""
    found = own_address(node)
    if isinstance(found, IPv4Address):
        node.fault(f"{found} is an IPv4 address", 'write it under "ipv4", and an IPv6 address here')
        return None
    return found


def _without_zone(written: str) -> str:
    """What may be an address everywhere; ValueError where it names a zone (RFC 4007 §11).

    That is one host's name of a link, and Python takes any text for one.
    """
    if "%" in written:
        raise ValueError(f"{written} has a zone")
    return written


def network(node: Node) -> Network | None:
    """A network in CIDR form without host bits, or one address."""
    written = text(node)
    if written is None:
        return None
    meant = _network_of(written)
    if meant is None:
        node.fault(f'"{written}" is no network', 'write it as "192.0.2.0/24" or "2001:db8::/64"')
        return None
    # First, so that no network is proposed which is refused next.
    if not _of_hosts(meant, node):
        return None
    try:
        return ip_network(_without_zone(written))
    except ValueError:
        host = written.partition("/")[0]
        node.fault(
            f"{written} has host bits set",
            f'write "{meant}" for the network or "{host}" for the one host',
        )
        return None


def _network_of(written: str) -> Network | None:
    """The network that holds what is written; None where that is no address and mask."""
    try:
        return ip_network(_without_zone(written), strict=False)
    except ValueError:
        return None


def _of_hosts(found: Network, node: Node) -> bool:
    """Whether a host can have an address in the network, and packets come from there as such."""
    if isinstance(found, IPv6Network) and found.prefixlen >= 96:
        four = _inner(found.network_address)
        if four is not None:
            node.fault(
                f"{found} is an IPv4 network in IPv6's form",
                f'write "{four}/{found.prefixlen - 96}"',
            )
            return False
    if found.is_multicast:
        node.fault(f"{found} is of multicast, which nobody sends from", "write a network of hosts")
        return False
    compatible = is_within(found, _COMPATIBLE) and found != _LOOPBACK6
    if compatible or any(is_within(found, known) for known in _NOBODY):
        wrong = f"{_written(found)} holds no address that a host can have"
        node.fault(wrong, f"write a network of hosts; {_EVERYBODY}")
        return False
    return True


def _written(found: Network) -> str:
    """A network as one writes it: the one address alone where it holds no other."""
    return str(found.network_address) if found.num_addresses == 1 else str(found)


def private_network(node: Node) -> Network | None:
    """A network of private addresses, which only a declaration lets mail go to."""
    meant = _network_of(node.value) if isinstance(node.value, str) else None
    if meant is None or any(is_within(meant, known) for known in DECLARABLE):
        return network(node)
    node.fault(
        f"{node.value} is no private network",
        "write networks within " + ", ".join(str(known) for known in DECLARABLE) + " alone: what"
        " is public needs no declaration, and loopback and link-local have no mail server",
    )
    return None


def networks(node: Node) -> tuple[Network, ...] | None:
    """A list of networks with at least one."""
    children = items(node)
    if children is None:
        return None
    if not children:
        node.fault("is an empty list", "write at least one network")
    found = [network(child) for child in children]
    # Written twice it is one rule of the firewall.
    return tuple(dict.fromkeys(one for one in found if one is not None))


def time_server(node: Node) -> str | None:
    """A time server: an IP address or a full domain name."""
    written = text(node)
    if written is None:
        return None
    try:
        ip_address(_without_zone(written))
    except ValueError:
        return domain(node)
    found = address(node)
    return None if found is None else str(found)


def origin(node: Node) -> str | None:
    """Where packages come from, as unattended-upgrades matches it (50unattended-upgrades)."""
    written = text(node)
    if written is not None and not _ORIGIN.fullmatch(written):
        node.fault(
            "is no origin of packages",
            'write what `apt-cache policy` shows of it, as "origin=Shop,label=Shop-Security"'
            f" (of {', '.join(_ORIGIN_KEYS)})",
        )
        return None
    return written


def release(node: Node) -> str | None:
    """A distribution and its release, as os-release(5) has its ID and VERSION_ID."""
    written = text(node)
    if written is not None and not _RELEASE.fullmatch(written):
        node.fault(
            "is no release",
            'write ID and VERSION_ID of its /etc/os-release, as "debian 11" '
            '("debian unknown" where it has no VERSION_ID)',
        )
        return None
    return written


def comment_line(node: Node) -> str | None:
    """A short comment that ufw takes: printable, on one line, without quotes (ufw(8))."""
    written = text(node)
    if written is not None and not _COMMENT.fullmatch(written):
        node.fault("is no plain comment", "write at most 80 printable characters without quotes")
        return None
    return written


def duration(node: Node) -> str | None:
    """A Postfix time value: a whole number and its unit (postconf(5), "TIME")."""
    if isinstance(node.value, int):
        node.fault("is a number without its unit", 'write both in quotes, as "12h" or "2d"')
        return None
    written = text(node)
    if written is not None and not _DURATION.fullmatch(written):
        node.fault(f'"{written}" is no duration', 'write a number and s, m, h, d or w, as "4h"')
        return None
    if written is not None and seconds(written) > _MOST_SECONDS:
        node.fault(
            f'"{written}" is longer than Postfix can count',
            f'write at most "{_MOST_SECONDS}s", which are 68 years',
        )
        return None
    return written


def header_name(node: Node) -> str | None:
    """The name of a header field, without its colon."""
    written = text(node)
    if written is not None and not _HEADER.fullmatch(written):
        node.fault(f'"{written}" is no header name', 'write it without colon, as "List-Id"')
        return None
    return written


def selector_label(node: Node) -> str | None:
    """The part of a selector after ``<yyyymm>-``: one DNS label together (RFC 6376 §3.1)."""
    written = text(node)
    if written is not None and not _SELECTOR_LABEL.fullmatch(written):
        node.fault(f'"{written}" is no label', "write at most 55 small letters, digits and hyphens")
        return None
    return written


def selector(node: Node) -> str | None:
    """A DKIM selector: one or more DNS labels (RFC 6376 §3.1), of which some hold underscores."""
    written = text(node)
    if written is None:
        return None
    own, _, rest = written.lower().partition("._domainkey")
    if own and (not rest or rest.startswith(".")) and "._domainkey" in written.lower():
        node.fault(
            f'"{written}" is the name of the whole record',
            f'write "{own}": "._domainkey" and the domain are added to it (RFC 6376 §3.6.2.1)',
        )
        return None
    if any(_UNDERSCORED.fullmatch(part) is None for part in written.split(".")):
        mend = 'write small letters and digits, as "202601-a"'
        if written != written.lower():
            mend = f'write "{written.lower()}", which is the same name in the DNS'
        node.fault(f'"{written}" is no selector', mend)
        return None
    return written


def url(*schemes: str) -> Reader[str]:
    """A reader of a URL with one of these schemes and a host, without user and fragment."""
    form = re.compile(rf"({'|'.join(schemes)})://{_URL_HOST}(:[0-9]{{1,5}})?({_URL_PATH})?")

    def read(node: Node) -> str | None:
        written = text(node)
        if written is not None and not (form.fullmatch(written) and _leads_somewhere(written)):
            # A URL can carry a password, so the message does not repeat it.
            node.fault(
                "is no such URL",
                f'write it as "{schemes[0]}://host/path", with %XX for whatever a URL may not hold'
                " (RFC 3986 §2)",
            )
            return None
        return written

    return read


def _leads_somewhere(written: str) -> bool:
    """Whether the host of a well-formed URL is a name or an address, and its port one."""
    try:
        split = urlsplit(written)
        number, name = split.port, split.hostname or ""
        if ":" in name:
            ip_address(name)
    except ValueError:
        return False
    labels = name.split(".")
    return number != 0 and len(name) <= 253 and all(len(label) <= 63 for label in labels)


def password_hash(node: Node) -> str | None:
    """The hash of a submission password; the message never repeats what was written."""
    written = node.value.unmask() if isinstance(node.value, Hidden) else node.value
    if not isinstance(written, str):
        wrong_type(node, "a password hash")
        return None
    fault = hash_fault(written)
    if fault is not None:
        node.fault(*fault)
        return None
    return written


def user_name(name: str, node: Node) -> str | None:
    """The name of a submission login, which becomes a field of a passwd-file."""
    if not _USER.fullmatch(name):
        node.fault(
            f'"{name}" is no login name',
            "write letters, digits, dot, hyphen, underscore, plus or @, 64 characters at most",
        )
        return None
    return name


def _command(node: Node) -> SecretRef | None:
    """A program and its arguments, of which the program alone is ever printed."""
    words = node.value if isinstance(node.value, list | tuple) else ()
    named = [word for word in words if isinstance(word, str) and word.strip()]
    if not words or len(named) < len(words) or not all(map(str.isprintable, named)):
        node.fault("is no reference to a secret", REFERENCE_FORMS)
        return None
    program = own_path(node.child(0, named[0]))
    return None if program is None else SecretRef("command", tuple(named))


def secret(node: Node) -> SecretRef | None:
    """A reference to a secret; the message never repeats what was written."""
    value = node.value
    if not isinstance(value, Mapping) or len(value) != 1:
        node.fault("is no reference to a secret", REFERENCE_FORMS)
        return None
    source, named = next(iter(value.items()))
    if source == "env" and isinstance(named, str) and _VARIABLE.fullmatch(named):
        return SecretRef("env", (named,))
    if source == "file" and isinstance(named, str) and named:
        path = own_path(node.child("file", named))
        return None if path is None else SecretRef("file", (path,))
    if source == "command":
        return _command(node.child("command", named))
    node.fault("is no reference to a secret", REFERENCE_FORMS)
    return None
