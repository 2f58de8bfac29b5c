"""What the world sees of a host: open ports, certificate, the address its mail comes from."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lab.hosts.errors import LabError
from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.mail import letters, road, shop, verify
from lab.world.ca import NAME as AUTHORITY
from lab.world.client import Client
from postroad.mail.firewall import allowed
from postroad.mail.firewall.rule import Rule
from postroad.settings.model import Estate
from tests.lab import host

HOSTS = ("mail1", "mail2")

# ---- ports


def _admits(rule: Rule, source: str, target: str) -> bool:
    """Whether a packet from source to target matches the rule's addresses."""
    from_, to = ip_address(source), ip_address(target)
    return rule.action == "allow" and all(
        wanted == "any" or address in ip_network(wanted)
        for wanted, address in ((rule.from_, from_), (rule.to, to))
    )


def _declared(estate: Estate, name: str, source: str, target: str) -> set[int]:
    """The TCP ports of ``target`` that the estate opens to ``source``."""
    rules = allowed.rules(estate, estate.host(name))
    return {int(port) for rule in rules if _admits(rule, source, target) for port in rule.ports}


def _seen_and_declared(
    lab: Lab, estate: Estate, client: Client, targets: dict[str, str]
) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
    """For each address in targets (address → host's name): ports that answer, ports declared."""
    families = [[t for t in targets if ":" in t], [t for t in targets if ":" not in t]]
    known = {
        int(port)
        for name in set(targets.values())
        for rule in allowed.rules(estate, estate.host(name))
        for port in rule.ports
    }
    with ThreadPoolExecutor(len(families)) as pool:
        scans = list(pool.map(lambda family: client.scan(family, known), filter(None, families)))
    seen = {target: set(ports) for scan in scans for target, ports in scan.items()}
    own = {6: client.guest.ipv6[0], 4: client.guest.ipv4[0]}
    declared = {
        target: _declared(estate, name, own[ip_address(target).version], target)
        for target, name in targets.items()
    }
    return seen, declared


def test_a_stranger_reaches_the_declared_ports_and_no_others(deployed: Lab, estate: Estate) -> None:
    """Each host's own address, and a stream's: nobody but the shop has business there."""
    targets = {
        address: name
        for name in HOSTS
        for address in (*deployed.targets[name].ipv4[:2], deployed.targets[name].ipv6[-1])
    }
    seen, declared = _seen_and_declared(deployed, estate, deployed.outsider, targets)
    assert seen == declared
    assert set().union(*declared.values()) == {25, 80}


def test_the_shop_reaches_submission_too(deployed: Lab, estate: Estate) -> None:
    targets = {
        str(address): name
        for name in HOSTS
        for address in estate.host(name).way_out("transactional").addresses
        if (name, address.version) in (("mail1", 6), ("mail2", 4))
    }
    seen, declared = _seen_and_declared(deployed, estate, deployed.app, targets)
    assert seen == declared
    assert {587, 465} < set().union(*declared.values())


CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 25), timeout=5).close()
    print("connected")
except OSError as error:
    print(type(error).__name__)
"""


def _to_port_25(guest: Guest, user: str, address: str) -> str:
    """What a process of ``user`` on the host meets at port 25 of ``address``."""
    argv = ["setpriv", f"--reuid={user}", "--clear-groups", "python3", "-c", CONNECT, address]
    return guest.run(argv).stdout.strip()


@pytest.mark.parametrize("name", HOSTS)
def test_only_postfix_reaches_port_25_of_the_world(name: str, deployed: Lab) -> None:
    guest, bigmail = deployed.targets[name], deployed.hosts["bigmail"]
    for address in (bigmail.ipv4[0], bigmail.ipv6[0]):
        said = {user: _to_port_25(guest, user, address) for user in ("root", "nobody", "postfix")}
        assert said == {
            "root": "ConnectionRefusedError",
            "nobody": "ConnectionRefusedError",
            "postfix": "connected",
        }


@pytest.mark.usefixtures("mended")
def test_without_the_firewall_both_tests_would_tell(deployed: Lab, estate: Estate) -> None:
    guest, bigmail = deployed.targets["mail2"], deployed.hosts["bigmail"]
    guest.run("ufw disable")
    seen, declared = _seen_and_declared(
        deployed, estate, deployed.outsider, {guest.ipv4[0]: "mail2"}
    )
    assert seen[guest.ipv4[0]] - declared[guest.ipv4[0]] >= {22, 465, 587}
    assert _to_port_25(guest, "root", bigmail.ipv4[0]) == "connected"


# ---- the certificate

HANDSHAKE = """
import base64, json, smtplib, socket, ssl, sys
address, port, name, ca = json.load(sys.stdin)
context = ssl.create_default_context(cadata=ca)
if port % 1000 == 465:
    wire = context.wrap_socket(socket.create_connection((address, port), 10), server_hostname=name)
else:
    session = smtplib.SMTP(address, port, timeout=10)
    session._host = name
    session.starttls(context=context)
    wire = session.sock
print(base64.b64encode(wire.getpeercert(True)).decode())
"""

ROOT = f"""
import ssl, urllib.request
context = ssl._create_unverified_context()
print(urllib.request.urlopen("https://{AUTHORITY}:15000/roots/0", context=context).read().decode())
"""


@dataclass(frozen=True)
class Eyes:
    """A client that trusts the authority's root, and nothing else."""

    client: Client
    root: str

    def certificate(self, address: str, port: int, name: str) -> x509.Certificate:
        """What is shown there to somebody who wants ``name``; LabError where it is not valid."""
        order = json.dumps([address, port, name, self.root])
        said = self.client.guest.run(["python3", "-c", HANDSHAKE], input=order).stdout
        return x509.load_der_x509_certificate(base64.b64decode(said))


@pytest.fixture(scope="module")
def shop_eyes(deployed: Lab) -> Eyes:
    root = deployed.hosts["app"].run(["python3", "-c", ROOT]).stdout
    return Eyes(deployed.app, root)


@pytest.mark.parametrize("name", HOSTS)
def test_the_certificate_has_every_name_and_is_the_authoritys(
    name: str, shop_eyes: Eyes, deployed: Lab, estate: Estate
) -> None:
    declared = estate.host(name)
    for way in declared.ways_out:
        for wanted in declared.certificate_names:
            shop_eyes.certificate(str(way.addresses[0]), way.tls_port, wanted)
        own = shop_eyes.certificate(str(way.addresses[-1]), way.starttls_port, way.helo)
        names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert set(names.get_values_for_type(x509.DNSName)) == set(declared.certificate_names)
    outside = Eyes(deployed.outsider, shop_eyes.root)
    outside.certificate(deployed.targets[name].ipv4[0], 25, declared.hostname)
    with pytest.raises(LabError, match="Hostname mismatch"):
        outside.certificate(deployed.targets[name].ipv4[0], 25, "other.shop.example")


# One session that is open while the certificate is renewed, and ends after it.
RENEW = """
import json, smtplib, ssl, subprocess, sys
address, user, password, sender, recipient, message = json.load(sys.stdin)
context = ssl._create_unverified_context()
with smtplib.SMTP_SSL(address, 465, context=context, timeout=60) as session:
    session.login(user, password)
    session.mail(sender)
    renewed = subprocess.run(
        ["certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew", "--non-interactive"],
        capture_output=True, text=True,
    )
    assert renewed.returncode == 0, renewed.stdout + renewed.stderr
    session.rcpt(recipient)
    code, text = session.data(message.encode())
print(code, text.decode())
"""


@pytest.fixture
def waiting(deployed: Lab) -> Iterator[str]:
    """The queue id of a message that waits on mail1, since the receiver defers it."""
    letter = letters.receipt(deployed.providers["bigmail"].address("defer"))
    reply = letters.post(deployed, letter)
    assert reply.is_accepted, reply
    guest = deployed.targets["mail1"]
    queue_id = reply.text.split()[-1]
    host.wait_for_log(guest, "transactional", rf"{queue_id}: .*status=deferred")
    yield queue_id
    host.empty(guest, "transactional")


def test_renewal_keeps_key_connections_and_queue(
    waiting: str, shop_eyes: Eyes, deployed: Lab, estate: Estate
) -> None:
    guest, way = deployed.targets["mail1"], estate.host("mail1").way_out("transactional")
    address = str(way.addresses[0])
    before = shop_eyes.certificate(address, 465, way.helo)
    letter = letters.receipt(deployed.providers["bigmail"].address("alice"))
    order = [
        address,
        "shop",
        shop.password("shop"),
        letters.ENVELOPE["transactional"],
        letter.recipient,
        letter.message.as_string(),
    ]
    said = guest.run(["python3", "-c", RENEW], input=json.dumps(order), timeout=120).stdout
    assert said.startswith("250 "), said

    def renewed() -> bool:
        now = shop_eyes.certificate(address, 465, way.helo)
        return now.serial_number != before.serial_number

    wait_until(renewed, 20, "the new certificate served")
    assert _key(shop_eyes.certificate(address, 465, way.helo)) == _key(before)
    received = deployed.providers["bigmail"].wait_for(letter.subject)
    assert verify.has_valid_signature(deployed, received.raw)
    assert waiting in guest.run("postqueue -c /etc/postfix-transactional -p").stdout
    assert road.plan() == []


def _key(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("name", HOSTS)
def test_renewal_has_its_own_timer(name: str, deployed: Lab) -> None:
    asked = "systemctl is-enabled certbot.timer; systemctl is-active certbot.timer"
    said = deployed.targets[name].run(asked).stdout
    assert said.split() == ["enabled", "active"]


# ---- the address that mail comes from


@dataclass(frozen=True)
class LostAddresses:
    """mail1 without the addresses of its transactional way out (a failed interface script)."""

    guest: Guest
    addresses: tuple[str, ...]

    def take(self) -> None:
        for address in self.addresses:
            self.guest.run(f"ip address del {address} dev eth0")

    def give_back(self) -> None:
        for address in self.addresses:
            self.guest.run(f"ip address replace {address} dev eth0 nodad")


@pytest.fixture
def lost(deployed: Lab, estate: Estate) -> LostAddresses:
    way = estate.host("mail1").way_out("transactional")
    addresses = tuple(f"{a}/{64 if a.version == 6 else 24}" for a in way.addresses)
    return LostAddresses(deployed.targets["mail1"], addresses)


@pytest.fixture
def stuck(deployed: Lab, lost: LostAddresses) -> Iterator[str]:
    """The subject of a letter that was queued before the addresses were lost."""
    guest, bigmail = lost.guest, deployed.hosts["bigmail"]
    routes = [f"{bigmail.ipv4[0]}/32", f"{bigmail.ipv6[0]}/128"]
    for route in routes:
        guest.run(f"ip route add prohibit {route}")
    try:
        letter = letters.receipt(deployed.providers["bigmail"].address("alice"))
        reply = letters.post(deployed, letter)
        assert reply.is_accepted, reply
        deferred = rf"{reply.text.split()[-1]}: .*status=deferred"
        host.wait_for_log(guest, "transactional", deferred)
    finally:
        for route in routes:
            guest.run(f"ip route del prohibit {route}")
    lost.take()
    yield letter.subject
    lost.give_back()
    host.empty(guest, "transactional")


@pytest.fixture
def edit(deployed: Lab, lost: LostAddresses) -> Iterator[Callable[[str], None]]:
    """Change the transactional main.cf of mail1 by hand, until the end of the test."""
    guest, place = deployed.targets["mail1"], "/etc/postfix-transactional"
    guest.run(f"cp -p {place}/main.cf /run/main.cf.kept")
    reload = "systemctl reload postroad-postfix@transactional"

    def change(setting: str) -> None:
        guest.run(f"postconf -c {place} {setting} && {reload}")

    yield change
    # Postfix cannot even be reloaded while an address of its interfaces is missing.
    lost.give_back()
    guest.run(f"mv /run/main.cf.kept {place}/main.cf && {reload}")


def _flush(guest: Guest) -> None:
    guest.run("postqueue -c /etc/postfix-transactional -f")


def test_mail_waits_for_its_own_address(
    stuck: str, lost: LostAddresses, deployed: Lab, estate: Estate
) -> None:
    bigmail, way = deployed.providers["bigmail"], estate.host("mail1").way_out("transactional")
    seen = len(bigmail.log())
    with pytest.raises(LabError, match="no local interface found"):
        _flush(lost.guest)
    lost.guest.run(["systemctl", "restart", "postroad-postfix@transactional"], check=False)
    assert not [line for line in bigmail.log()[seen:] if " connect from " in line]
    lost.give_back()
    lost.guest.run(["systemctl", "restart", "postroad-postfix@transactional"])
    _flush(lost.guest)
    hop = str(bigmail.wait_for(stuck).message["Received"])
    assert any(str(address) in hop for address in way.addresses)


def test_without_the_mechanism_mail_leaves_from_another_address(
    stuck: str, edit: Callable[[str], None], lost: LostAddresses, deployed: Lab
) -> None:
    """Two walls: the daemons do not start without their interface, and smtp(8) is told to bind."""
    bigmail = deployed.providers["bigmail"]
    skip, seen = len(host.log(lost.guest, "transactional")), len(bigmail.log())
    edit("inet_interfaces=loopback-only")
    _flush(lost.guest)
    host.wait_for_log(lost.guest, "transactional", "status=deferred", skip=skip)
    assert not [line for line in bigmail.log()[seen:] if " connect from " in line]
    edit("smtp_bind_address_enforce=no")
    _flush(lost.guest)
    bigmail.wait_for_log(r" connect from mail1\.shop\.example", skip=seen)
