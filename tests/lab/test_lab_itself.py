"""The lab is what it claims to be: a signed, walled-in internet whose receivers refuse."""

import base64
import dataclasses
import email.utils
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import dkim
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lab import Guest, Lab, Record
from lab.hosts import state
from lab.hosts.guest import wait_until
from lab.hosts.shell import run
from lab.world.client import SmtpReply, Tls
from lab.world.nameserver import TSIG_NAME
from lab.world.zone_text import pointer
from tests.lab.checkouts import checkout, load, script, traces, up

PROVIDERS = ("bigmail", "strictmail")
DOMAIN = "sender-of-tests.example"
UNALIGNED = "unaligned-of-tests.example"
SELECTOR = "test"

# RFC 5737: an address that nobody has.
OUTSIDE = "198.51.100.7"


def ask(lab: Lab, name: str, kind: str) -> dns.message.Message:
    """What the public resolver answers, with DNSSEC."""
    question = dns.message.make_query(name, kind, want_dnssec=True)
    return dns.query.udp(question, lab.network.ipv4(3), timeout=10)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (".", "SOA"),
        ("example.", "SOA"),
        ("ca.lab.example.", "A"),
        ("bigmail.example.", "MX"),
        ("_25._tcp.mx.strictmail.example.", "TLSA"),
        ("nobody.example.", "A"),
    ],
)
def test_chain_of_trust_reaches_from_the_root(lab: Lab, name: str, kind: str) -> None:
    answer = ask(lab, name, kind)
    assert answer.flags & dns.flags.AD, answer


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_reverse_zones_are_signed_and_lead_back(lab: Lab, family: str) -> None:
    address = getattr(lab.hosts["app"], family)[0]
    back = ask(lab, pointer(address), "PTR")
    assert back.flags & dns.flags.AD
    assert "app.lab.example." in back.answer[0].to_text()
    forth = ask(lab, "app.lab.example.", "A" if family == "ipv4" else "AAAA")
    assert address in forth.answer[0].to_text()


def test_the_resolver_does_not_believe_a_zone_that_its_parent_does_not_vouch_for(lab: Lab) -> None:
    zone = "bogus-of-tests.example."
    lab.dns.load_zone(zone, [(f"www.{zone}", 60, "A", lab.network.ipv4(41))])
    try:
        assert ask(lab, f"www.{zone}", "A").flags & dns.flags.AD
        keyring = dns.tsigkeyring.from_text({TSIG_NAME: lab.dns.tsig_secret})
        change = dns.update.UpdateMessage("example.", keyring=keyring, keyalgorithm="hmac-sha256")
        change.replace(zone, 60, "DS", f"1 13 2 {'00' * 32}")
        reply = dns.query.tcp(change, lab.network.ipv4(2), timeout=10)
        assert reply.rcode() == dns.rcode.NOERROR
        lab.dns.flush()
        assert ask(lab, f"www.{zone}", "A").rcode() == dns.rcode.SERVFAIL
    finally:
        lab.dns.remove_zone(zone)
    assert ask(lab, f"www.{zone}", "A").rcode() == dns.rcode.NXDOMAIN


@dataclasses.dataclass(frozen=True)
class Sender:
    """A domain whose mail the application host may send, and how it is done."""

    lab: Lab
    key: bytes
    records: tuple[Record, ...]

    def letter(self, to: str, domain: str = DOMAIN, *, signs: bool = True) -> bytes:
        """A message from *domain*, signed for DOMAIN."""
        text = (
            f"From: shop@{domain}\r\nTo: {to}\r\nSubject: {secrets.token_hex(8)}\r\n"
            f"Date: {email.utils.formatdate()}\r\nMessage-ID: <{secrets.token_hex(8)}@{DOMAIN}>\r\n"
            "\r\nHello\r\n"
        ).encode()
        if not signs:
            return text
        return bytes(dkim.sign(text, SELECTOR.encode(), DOMAIN.encode(), self.key)) + text

    def send(
        self, provider: str, letter: bytes | None = None, tls: Tls = "starttls", to: str = "anna"
    ) -> SmtpReply:
        """Hand *letter* to the provider's MX; return its last reply."""
        address = self.lab.providers[provider].address(to)
        return self.lab.app.submit(
            self.lab.providers[provider].kind.mx,
            25,
            mail_from=f"returns@{DOMAIN}",
            rcpts=[address],
            message=letter or self.letter(address),
            tls=tls,
            ca_pem=self.lab.acme_ca.read_text(),
        )

    def without(self, part: str) -> list[Record]:
        """The records but those whose owner or text has *part* in it."""
        return [row for row in self.records if part not in row[0] and part not in row[3]]


@pytest.fixture
def sender(lab: Lab) -> Iterator[Sender]:
    """A domain with SPF, DKIM and DMARC for the application host."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    public = base64.b64encode(der).decode()
    app = lab.hosts["app"]
    spf = f'"v=spf1 ip4:{app.ipv4[0]} ip6:{app.ipv6[0]} -all"'
    records: tuple[Record, ...] = (
        (f"{DOMAIN}.", 60, "TXT", spf),
        (f"{DOMAIN}.", 60, "MX", "10 app.lab.example."),
        (f"_dmarc.{DOMAIN}.", 60, "TXT", '"v=DMARC1; p=none"'),
        (
            f"{SELECTOR}._domainkey.{DOMAIN}.",
            60,
            "TXT",
            f'"v=DKIM1; k=rsa; p={public[:200]}" "{public[200:]}"',
        ),
        (f"_dmarc.{UNALIGNED}.", 60, "TXT", '"v=DMARC1; p=none"'),
    )
    lab.dns.publish(records)
    yield Sender(lab, pem, records)
    lab.dns.remove_zone(f"{DOMAIN}.")
    lab.dns.remove_zone(f"{UNALIGNED}.")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_provider_takes_and_keeps_what_is_signed_aligned_and_encrypted(
    lab: Lab, sender: Sender, provider: str
) -> None:
    letter = sender.letter(lab.providers[provider].address("anna"))
    assert sender.send(provider, letter).is_accepted
    subject = email.message_from_bytes(letter)["Subject"]
    received = lab.providers[provider].wait_for(subject)
    assert received.raw.replace(b"\r\n", b"\n").endswith(letter.replace(b"\r\n", b"\n"))
    assert received.envelope_from == f"returns@{DOMAIN}"
    assert received.recipient == lab.providers[provider].address("anna")
    results = " ".join(received.authentication_results)
    for verdict in ("spf=pass", "dkim=pass", "dmarc=pass"):
        assert verdict in results


@pytest.mark.parametrize(
    ("provider", "code"), [("bigmail", "550 5.7.30"), ("strictmail", "550 5.7.515")]
)
def test_unsigned_mail_is_refused(sender: Sender, provider: str, code: str) -> None:
    letter = sender.letter("anna@bigmail.example", signs=False)
    assert_refused(sender.send(provider, letter), code, "data")


@pytest.mark.parametrize(
    ("provider", "code"), [("bigmail", "550 5.7.30"), ("strictmail", "550 5.7.515")]
)
def test_a_changed_letter_is_refused(sender: Sender, provider: str, code: str) -> None:
    letter = sender.letter("anna@bigmail.example").replace(b"Hello", b"Hallo")
    assert_refused(sender.send(provider, letter), code, "data")


@pytest.mark.parametrize(
    ("provider", "code"), [("bigmail", "550 5.7.27"), ("strictmail", "550 5.7.515")]
)
def test_mail_from_an_address_that_spf_does_not_name_is_refused(
    lab: Lab, sender: Sender, provider: str, code: str
) -> None:
    lab.dns.publish([*sender.without("v=spf1"), (f"{DOMAIN}.", 60, "TXT", '"v=spf1 -all"')])
    assert_refused(sender.send(provider), code, "data")


@pytest.mark.parametrize(
    ("provider", "code"), [("bigmail", "550 5.7.26"), ("strictmail", "550 5.7.515")]
)
def test_mail_with_neither_spf_nor_dkim_is_refused(
    lab: Lab, sender: Sender, provider: str, code: str
) -> None:
    lab.dns.publish(sender.without("v=spf1"))
    letter = sender.letter("anna@bigmail.example", signs=False)
    assert_refused(sender.send(provider, letter), code, "data")


@pytest.mark.parametrize(
    ("provider", "code"), [("bigmail", "550 5.7.40"), ("strictmail", "550 5.7.515")]
)
def test_mail_of_a_domain_without_dmarc_is_refused(
    lab: Lab, sender: Sender, provider: str, code: str
) -> None:
    lab.dns.publish(sender.without("v=DMARC1"))
    assert_refused(sender.send(provider), code, "data")


@pytest.mark.parametrize(
    ("provider", "code"), [("bigmail", "421 4.7.32"), ("strictmail", "550 5.7.515")]
)
def test_unaligned_mail_is_refused(sender: Sender, provider: str, code: str) -> None:
    letter = sender.letter("anna@bigmail.example", UNALIGNED)
    assert_refused(sender.send(provider, letter), code, "data")


def test_unaligned_mail_is_refused_by_the_domains_own_policy(lab: Lab, sender: Sender) -> None:
    lab.dns.load_zone(
        f"{UNALIGNED}.", [(f"_dmarc.{UNALIGNED}.", 60, "TXT", '"v=DMARC1; p=reject"')]
    )
    letter = sender.letter("anna@bigmail.example", UNALIGNED)
    assert_refused(sender.send("bigmail", letter), "550 5.7.26", "data")


def test_a_forged_verdict_is_not_believed(sender: Sender) -> None:
    forged = (
        b"Authentication-Results: mx.bigmail.example; spf=pass; dkim=pass; dmarc=pass\r\n"
        + sender.letter("anna@bigmail.example", signs=False)
    )
    assert_refused(sender.send("bigmail", forged), "550 5.7.30", "data")


@pytest.mark.parametrize(
    ("provider", "code"), [("bigmail", "550 5.7.1"), ("strictmail", "550 5.7.512")]
)
def test_a_second_from_field_is_refused(sender: Sender, provider: str, code: str) -> None:
    letter = b"From: other@elsewhere.example\r\n" + sender.letter("anna@bigmail.example")
    assert_refused(sender.send(provider, letter), code, "data")


@pytest.mark.parametrize(
    ("provider", "code"), [("bigmail", "550 5.7.29"), ("strictmail", "530 5.7.0")]
)
def test_plaintext_is_refused(sender: Sender, provider: str, code: str) -> None:
    assert_refused(sender.send(provider, tls="none"), code, "mail")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_host_without_ptr_is_refused(lab: Lab, sender: Sender, provider: str) -> None:
    app = lab.hosts["app"]
    back = [(pointer(address), 60, "PTR", "app.lab.example.") for address in app.ipv4 + app.ipv6]
    for owner, *_ in back:
        lab.dns.withdraw(owner, "PTR")
    try:
        assert_refused(sender.send(provider), "550 5.7.25", "mail")
    finally:
        lab.dns.publish(back)
    assert sender.send(provider).is_accepted


@pytest.mark.parametrize("provider", PROVIDERS)
def test_mailboxes_that_refuse(sender: Sender, provider: str) -> None:
    assert_refused(sender.send(provider, to="unknown"), "550 5.1.1", "rcpt")
    assert_refused(sender.send(provider, to="reject"), "550 5.1.1", "rcpt")
    assert_refused(sender.send(provider, to="defer"), "452 4.2.2", "rcpt")


def test_a_mailbox_that_fails_after_acceptance_reports_it(lab: Lab, sender: Sender) -> None:
    app = lab.hosts["app"]
    app.run("rm -rf /tmp/reports && install -d -o nobody /tmp/reports")
    app.run("systemd-run --unit=reports smtp-sink -u nobody -d /tmp/reports/report. inet:25 10")
    try:
        wait_until(lambda: "LISTEN" in app.run("ss -Hltn sport = :25").stdout, 10, "smtp-sink")
        assert sender.send("bigmail", to="bounce").is_accepted
        wait_until(lambda: app.run("cat /tmp/reports/report.* 2>/dev/null", check=False)
                   .stdout.find("Final-Recipient") > 0, 30, "report")  # fmt: skip
        report = app.run("cat /tmp/reports/report.*").stdout
    finally:
        app.run("systemctl stop reports")
    assert "multipart/report" in report
    assert "Final-Recipient: rfc822; bounce@bigmail.example" in report
    assert "Action: failed" in report
    assert f"X-Postfix-Sender: rfc822; returns@{DOMAIN}" in report


def test_a_providers_certificate_is_the_one_that_its_tlsa_record_names(lab: Lab) -> None:
    mx = "mx.strictmail.example"
    tlsa = ask(lab, f"_25._tcp.{mx}.", "TLSA").answer[0][0].to_text()
    check = (
        f"openssl s_client -brief -starttls smtp -connect {mx}:25 -verify_return_error"
        f" -dane_tlsa_domain {mx} -dane_tlsa_rrdata"
    )
    app = lab.hosts["app"]
    assert app.run(f"echo QUIT | {check} '{tlsa}'", check=False).returncode == 0
    other = tlsa[:-4] + ("0000" if tlsa[-4:] != "0000" else "1111")
    assert app.run(f"echo QUIT | {check} '{other}'", check=False).returncode != 0


def assert_refused(reply: SmtpReply, code: str, stage: str) -> None:
    basic, enhanced = code.split()
    assert (reply.code, reply.text.split()[0], reply.stage) == (int(basic), enhanced, stage)


def test_authority_issues_a_certificate_that_http_01_earned(lab: Lab) -> None:
    outsider = lab.hosts["outsider"]
    outsider.write_file("/tmp/ca.pem", lab.acme_ca.read_text())
    settings = [
        f"CA={lab.acme_directory}",
        "CURL_OPTS='--cacert /tmp/ca.pem'",
        "BASEDIR=/tmp/acme",
        "WELLKNOWN=/tmp/www/.well-known/acme-challenge",
        "KEY_ALGO=prime256v1",
    ]
    outsider.run(
        "rm -rf /tmp/acme /tmp/www && mkdir -p /tmp/acme /tmp/www/.well-known/acme-challenge"
    )
    outsider.write_file("/tmp/acme/config", "\n".join(settings) + "\n")
    dehydrated = "dehydrated --config /tmp/acme/config"
    order = f"{dehydrated} --cron --domain outsider.lab.example"
    outsider.run(f"{dehydrated} --register --accept-terms")
    assert outsider.run(order, check=False).returncode != 0, "nothing answered on port 80"
    outsider.run("systemd-run --unit=www python3 -m http.server --bind :: -d /tmp/www 80")
    try:
        wait_until(lambda: "LISTEN" in outsider.run("ss -Hltn sport = :80").stdout, 10, "server")
        outsider.run(order)
    finally:
        outsider.run("systemctl stop www")
    outsider.run(
        "curl -sSf --cacert /tmp/ca.pem https://ca.lab.example:15000/roots/0 > /tmp/root.pem"
    )
    outsider.run("curl -sSf --cacert /tmp/ca.pem https://ca.lab.example:15000/intermediates/0"
                 " > /tmp/between.pem")  # fmt: skip
    outsider.run(
        "openssl verify -CAfile /tmp/root.pem -untrusted /tmp/between.pem"
        " -verify_hostname outsider.lab.example /tmp/acme/certs/outsider.lab.example/cert.pem"
    )


def test_hosts_get_packages_and_nothing_else_through_the_forwarder(lab: Lab) -> None:
    target = next(iter(lab.targets.values()))
    update = target.run(
        f"apt-get -o Acquire::http::Proxy={lab.apt_proxy} -o APT::Update::Error-Mode=any update",
        timeout=180,
    )
    assert "Reading package lists" in update.stdout
    get = f"curl -s -o /dev/null -w %{{http_code}} --max-time 10 --proxy {lab.apt_proxy}"
    app = lab.hosts["app"]
    assert app.run(f"{get} http://{OUTSIDE}/index.html", check=False).stdout == "403"
    tunnel = app.run(f"{get} --proxytunnel http://ca.lab.example:15000/roots/0", check=False)
    assert tunnel.stdout == "000"


def test_the_machine_itself_is_closed_to_guests(lab: Lab) -> None:
    app = lab.hosts["app"]
    bridge = lab.network.ipv4(1)
    with socket.create_server((bridge, 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection((bridge, port), timeout=5).close()
        assert not reaches(app, address=bridge, port=port)
        with admitted(lab, "input", f"tcp dport {port}"):
            assert reaches(app, address=bridge, port=port)


def test_nothing_leaves_the_lab(lab: Lab, beyond: tuple[str, int]) -> None:
    app = lab.hosts["app"]
    address, port = beyond
    assert not reaches(app, address=address, port=port)
    with (
        admitted(lab, "forward", f"ip daddr {address}"),
        admitted(lab, "forward", f"ip saddr {address}"),
    ):
        assert reaches(app, address=address, port=port)
    assert not reaches(app, address=address, port=port)
    assert app.run(f"getent hosts {OUTSIDE}", check=False, timeout=30).stdout == ""


def reaches(guest: Guest, address: str, port: int) -> bool:
    """Whether a TCP connection from *guest* comes about within two seconds."""
    attempt = f"import socket; socket.create_connection(('{address}', {port}), 2)"
    return guest.run(["python3", "-c", attempt], check=False).returncode == 0


@contextmanager
def admitted(lab: Lab, chain: str, match: str) -> Iterator[None]:
    """The wall with a hole in it: what the test before it would see if the wall were not there."""
    table = ["inet", lab.network.bridge]
    run(["nft", "insert", "rule", *table, chain, *match.split(), "counter", "accept"])
    try:
        yield
    finally:
        listed = run(["nft", "--handle", "list", "chain", *table, chain]).stdout
        handle = re.search(rf"{re.escape(match)} counter .*# handle (\d+)", listed)
        assert handle, listed
        run(["nft", "delete", "rule", *table, chain, "handle", handle.group(1)])


@pytest.fixture
def beyond(lab: Lab) -> Iterator[tuple[str, int]]:
    """A server outside the lab that this machine would forward packets to: its address and port.

    The range is for benchmarks (RFC 2544), so that nobody is there.
    """
    number, bridge = lab.network.number, lab.network.bridge
    space, ours, port = f"{bridge}-beyond", f"{bridge}o", 8080
    # Not ip-netns(8): it wants a root that is a mount point, which that of a chroot is not.
    inside = f"nsenter --net=/run/netns/{space}"
    here, there = f"198.18.{number}.1", f"198.18.{number}.2"
    switches = [Path(f"/proc/sys/net/ipv4/conf/{name}/forwarding") for name in (bridge, ours)]
    run(["ip", "netns", "add", space])
    run(["ip", "link", "add", ours, "type", "veth", "peer", "name", "eth0", "netns", space])
    before = switches[0].read_text()
    try:
        for command in (
            f"ip address add {here}/30 dev {ours}",
            f"ip link set {ours} up",
            f"{inside} ip address add {there}/30 dev eth0",
            f"{inside} ip link set eth0 up",
            f"{inside} ip route add default via {here}",
        ):
            run(command.split())
        for switch in switches:
            switch.write_text("1")
        serve = [*inside.split(), sys.executable, "-m", "http.server", str(port), "--bind", there]
        with subprocess.Popen(
            serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as server:
            try:
                wait_until(lambda: answers(there, port), 20, "server outside the lab")
                yield there, port
            finally:
                server.kill()
    finally:
        switches[0].write_text(before)
        run(["ip", "link", "delete", ours])
        run(["ip", "netns", "delete", space])


def answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """Another checkout, whose lab is its own."""
    with checkout(tmp_path):
        yield tmp_path


def test_down_leaves_nothing(lab: Lab, clone: Path) -> None:
    content = up(clone)
    number = content["number"]
    assert number != lab.network.number, "it steps around the lab that is there"
    seen = " ".join(traces(number))
    for part in ("ether", "table inet", "apt-cacher-ng", "lxc.payload", "/run/", "/var/lib/"):
        assert part in seen, f"no {part} among the traces: the test looks in the wrong place"
    assert script(clone, "down").returncode == 0
    assert traces(number) == []
    assert not (clone / "build/lab/lab.json").exists()
    assert lab.hosts["app"].is_running(), "another clone's lab is left alone"


def test_a_crashed_lab_is_cleared_away_and_a_wounded_one_mended(clone: Path) -> None:
    number = up(clone)["number"]
    theirs = load(clone)
    theirs.hosts["only"].write_file("/root/kept", "yes")
    theirs.hosts["bigmail"].kill()
    os.kill(theirs.state.processes["forwarder"].pid, signal.SIGKILL)
    up(clone)
    mended = load(clone)
    assert mended.hosts["bigmail"].is_running()
    assert mended.state.processes["forwarder"].is_alive()
    assert mended.hosts["only"].read_file("/root/kept") == "yes"

    for guest in mended.hosts.values():
        pid = guest.pid
        assert pid, guest  # 0 would be this process's whole group (kill(2)).
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(g.is_running() for g in mended.hosts.values()), 20, "power cut")
    # Whether or not the kernel is done with the host's own: something by this name is in the way.
    run(["ip", "link", "add", mended.hosts["bigmail"].cable, "type", "dummy"], check=False)
    up(clone)
    assert load(clone).hosts["only"].run("ls /root/kept", check=False).returncode != 0
    script(clone, "down")
    assert traces(number) == []


def test_two_that_come_up_at_once_are_one_lab(clone: Path) -> None:
    with ThreadPoolExecutor() as pool:
        numbers = {content["number"] for content in pool.map(up, [clone, clone])}
    assert len(numbers) == 1


def test_a_target_is_bare_and_known(clone: Path) -> None:
    up(clone)
    theirs = load(clone)
    only = theirs.hosts["only"]
    for program in ("python3", "postconf", "ufw", "sudo", "curl"):
        assert only.run(f"command -v {program}", check=False).stdout == "", program
    assert only.run("systemctl --failed --plain --no-legend").stdout == ""
    assert f"nameserver {theirs.network.ipv4(3)}" in only.read_file("/etc/resolv.conf")
    assert run(only.ssh("hostname")).stdout == "only\n"
    theirs.known_hosts.write_text("")
    assert run(only.ssh("hostname"), check=False).returncode == 255


def test_a_host_can_be_rebooted_cut_off_and_reset(clone: Path) -> None:
    up(clone)
    only = load(clone).hosts["only"]
    only.write_file("/root/kept", "yes")
    only.reboot()
    addresses = only.run("ip -brief address show dev eth0").stdout
    assert all(address in addresses for address in only.ipv4 + only.ipv6)
    assert only.read_file("/root/kept") == "yes"
    only.kill()
    assert not only.is_running()
    only.start()
    assert only.read_file("/root/kept") == "yes"
    only.reset()
    assert only.run("test -e /root/kept", check=False).returncode == 1


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("mail9", "NAME:SUITE:OCTET"),
        ("mail9:bookworm:x", "NAME:SUITE:OCTET"),
        ("mail9:sarge:11", "no suite 'sarge'"),
        ("mail9:bookworm:300", "from 5 to 254"),
        ("ns:bookworm:11", "host of the internet"),
        ("mail9:bookworm:31", "both want the last octet 31"),
    ],
)
def test_a_faulty_target_is_named(clone: Path, target: str, words: str) -> None:
    done = script(clone, "up", "--target", target)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    with state.lock():
        nameless = state.without_record()
    assert nameless == [], "a lab that never was leaves nothing"
