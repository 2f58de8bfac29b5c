"""The lab's network: one bridge, its addresses, and a wall around it."""

import ipaddress
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from lab.hosts.errors import LabError
from lab.hosts.shell import run

MACHINE = 1
NAMESERVER = 2
RESOLVER = 3
CA = 4
BIGMAIL = 31
STRICTMAIL = 32
APPLICATION = 41
OUTSIDER = 51

FORWARDER_PORT = 3142

_LAST_NUMBER = 99


@dataclass(frozen=True)
class Network:
    """Addresses and names of the lab with this number. A host is known by its last octet.

    ``mark`` is the lab's own, ten hexadecimal digits: it tells what this lab has made from what
    another one with the same number has (`lab.hosts.state.mark`).
    """

    number: int
    mark: str

    @property
    def bridge(self) -> str:
        """The bridge's interface name; also the name of the lab's nftables table."""
        return f"prlab{self.number}"

    @property
    def bridge_mac(self) -> str:
        """The bridge's address, which says whose it is: locally administered (RFC 9542 2.1)."""
        return ":".join(["02", *(self.mark[at : at + 2] for at in range(0, 10, 2))])

    @property
    def hosts_prefix(self) -> str:
        """How the names of this lab's hosts begin, and of no other's on the whole machine."""
        return f"{self.bridge}-{self.mark}-"

    @property
    def ipv4_range(self) -> ipaddress.IPv4Network:
        """The lab's IPv4 range, a /24."""
        return ipaddress.IPv4Network(f"10.{77 + self.number}.0.0/24")

    @property
    def ipv6_range(self) -> ipaddress.IPv6Network:
        """The lab's IPv6 range, a /64 of unique local addresses (RFC 4193)."""
        return ipaddress.IPv6Network(f"fd77:{self.number}::/64")

    def ipv4(self, suffix: int) -> str:
        """The IPv4 address with this last octet."""
        return str(self.ipv4_range.network_address + suffix)

    def ipv6(self, suffix: int) -> str:
        """The IPv6 address that ends in the same digits as the IPv4 address does."""
        return str(self.ipv6_range.network_address + int(str(suffix), 16))

    def cable(self, suffix: int) -> str:
        """The interface on this machine that joins the host with this last octet to the bridge."""
        return f"{self.bridge}v{suffix}"

    def mac(self, suffix: int) -> str:
        """A locally administered MAC address that stays the same from one birth to the next.

        With a new one each time, neighbours would keep the old one for seconds.
        """
        return f"02:50:52:{self.number:02x}:00:{suffix:02x}"

    @property
    def ipv4_reverse_zone(self) -> str:
        """The zone of the range's PTR records (RFC 1035 §3.5)."""
        return f"0.{77 + self.number}.10.in-addr.arpa."

    @property
    def ipv6_reverse_zone(self) -> str:
        """The zone of the range's PTR records (RFC 3596 §2.5)."""
        pointer = self.ipv6_range.network_address.reverse_pointer
        host_nibbles = (128 - self.ipv6_range.prefixlen) // 4
        return ".".join(pointer.split(".")[host_nibbles:]) + "."

    @property
    def forwarder(self) -> str:
        """The URL of the package forwarder, as `Acquire::http::Proxy` wants it (apt.conf(5))."""
        return f"http://{self.ipv4(MACHINE)}:{FORWARDER_PORT}"


def claim(taken: Iterable[int], mark: str) -> Network:
    """The first network whose number is not *taken* and whose ranges this machine does not use.

    From here on it is this lab's: its bridge is there. A network namespace has a name once, so of
    those who want a number at the same time, from whichever root, the kernel lets one have it.
    What a lab that was killed has claimed before is its own still.
    """
    skipped = set(taken)
    free = [Network(number, mark) for number in range(_LAST_NUMBER + 1) if number not in skipped]
    for network in free:
        if is_ours(network):
            return network
    used = _used_ranges()
    for network in free:
        if not any(_overlap(network, other) for other in used) and _claimed(network):
            return network
    raise LabError("no free range: 10.77.0.0/24 to 10.176.0.0/24 are all in use on this machine")


def _claimed(network: Network) -> bool:
    """Whether the bridge could be made. It has its lab's mark from its first moment."""
    bridge = ["ip", "link", "add", network.bridge, "address", network.bridge_mac]
    # Without an address of its own, a bridge takes the lowest of its ports', which change.
    made = run([*bridge, "type", "bridge", "stp_state", "0", "forward_delay", "0"], check=False)
    if made.returncode != 0 and not _exists(network.bridge):
        raise LabError(f"no bridge can be made: {made.stderr.strip()}")
    return made.returncode == 0


def unclaim(mark: str) -> None:
    """Take away what a lab has that was killed when it had claimed a number and nothing else."""
    for number in range(_LAST_NUMBER + 1):
        if is_ours(Network(number, mark)):
            remove(Network(number, mark))


def is_ours(network: Network) -> bool:
    """Whether the bridge is there, and this lab's."""
    shown = run(["ip", "-j", "link", "show", network.bridge], check=False)
    return shown.returncode == 0 and json.loads(shown.stdout)[0]["address"] == network.bridge_mac


def is_free_of_labs() -> bool:
    """Whether no lab, of whichever root, has a bridge here."""
    names = (link["ifname"] for link in json.loads(run(["ip", "-j", "link"]).stdout))
    return not any(re.fullmatch(r"prlab\d+", name) for name in names)


_Range = ipaddress.IPv4Network | ipaddress.IPv6Network


def _overlap(network: Network, other: _Range) -> bool:
    if isinstance(other, ipaddress.IPv4Network):
        return network.ipv4_range.overlaps(other)
    return network.ipv6_range.overlaps(other)


def _used_ranges() -> list[_Range]:
    """Every range that this machine has an address in or a route to, but the default routes."""
    ranges: list[_Range] = []
    for family in ("-4", "-6"):
        shown = run(["ip", "-j", family, "route", "show", "table", "all"]).stdout
        for route in json.loads(shown or "[]"):
            if route["dst"] != "default":
                ranges.append(ipaddress.ip_network(route["dst"], strict=False))
    return [known for known in ranges if known.prefixlen > 0 and not known.is_multicast]


def _exists(interface: str) -> bool:
    return run(["ip", "link", "show", interface], check=False).returncode == 0


def _cables(network: Network) -> list[str]:
    """The cables that are there, whether or not a host has its other end."""
    names = [link["ifname"] for link in json.loads(run(["ip", "-j", "link"]).stdout)]
    possible = {network.cable(suffix) for suffix in range(256)}
    return [name for name in names if name in possible]


def is_up(network: Network) -> bool:
    """Whether bridge and wall are there, and this lab's."""
    table = run(["nft", "list", "table", "inet", network.bridge], check=False)
    return table.returncode == 0 and is_ours(network)


def make(network: Network) -> None:
    """Build the wall around a bridge that is ours, then give it its addresses."""
    bridge = network.bridge
    # Whoever had the bridge before has left no wall, or one that nobody needs.
    anew = f"table inet {bridge}\ndelete table inet {bridge}\n"
    run(["nft", "-f", "-"], input=anew + _wall(network))
    for address, options in (
        (f"{network.ipv4(MACHINE)}/{network.ipv4_range.prefixlen}", []),
        (f"{network.ipv6(MACHINE)}/{network.ipv6_range.prefixlen}", ["nodad"]),
    ):
        run(["ip", "address", "replace", address, "dev", bridge, *options])
    run(["ip", "link", "set", bridge, "up"])


def remove(network: Network) -> None:
    """Take away cables, wall and bridge, whichever of them is there; nothing of another lab's.

    The bridge goes last: as long as it is there, the number is nobody else's. Where somebody has
    taken it away by hand, it is claimed once more, and what is left behind it is ours to remove.
    The kernel takes a cable away some time after its host has ended; without its bridge it would
    still be in the way of the next host. Raises LabError where an interface stays.
    """
    if not is_ours(network) and not _claimed(network):
        return
    _delete(_cables(network))
    if run(["nft", "list", "table", "inet", network.bridge], check=False).returncode == 0:
        run(["nft", "delete", "table", "inet", network.bridge])
    _delete([network.bridge])


def _delete(interfaces: Iterable[str]) -> None:
    for interface in interfaces:
        deleted = run(["ip", "link", "delete", interface], check=False)
        if deleted.returncode != 0 and _exists(interface):
            raise LabError(f"interface {interface} is left: {deleted.stderr.strip()}")


def _wall(network: Network) -> str:
    """Guests reach each other and the package forwarder; nothing else of, or beyond, the machine.

    Protocols 1 and 58 are ICMP and ICMPv6: a small machine has no names for them.
    The bridge-to-bridge row matters where br_netfilter sends bridged frames through `forward`.
    """
    bridge = network.bridge
    return f"""
table inet {bridge} {{
    chain input {{
        type filter hook input priority filter - 5; policy accept;
        iifname != "{bridge}" accept
        ct state established,related accept
        meta l4proto {{ 1, 58 }} accept
        ip daddr {network.ipv4(MACHINE)} tcp dport {FORWARDER_PORT} accept
        counter drop
    }}
    chain forward {{
        type filter hook forward priority filter - 5; policy accept;
        iifname "{bridge}" oifname "{bridge}" accept
        iifname "{bridge}" counter drop
        oifname "{bridge}" counter drop
    }}
}}
"""
