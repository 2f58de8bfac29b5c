"""The audit sees what is broken: each check is seen to fail on a host that is broken in its way.

A broken host fails exactly the checks that a case names, so that what an earlier case left behind
would be seen too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab import control, road
from lab.guest import Guest
from lab.session import Lab

AUDIT = (sys.executable, "-m", "postroad", "audit")
HOST = "mail1"
ESTATE = "the estate"
MARKETING = "/etc/postfix-marketing"
FILES = "files.files_are_as_declared"
UNITS = "units.units_are_as_declared"
UNREAD = "postfix.daemons_have_read_their_files"
UNSIGNED = "postfix.nothing_can_leave_unsigned"
VALUES = "postfix.values_are_those_declared"
RULES = "firewall.rules_are_those_declared"
PORT_25 = "firewall.only_postfix_reaches_port_25"
WORLD = "dns.the_world_can_verify"
VERIFY = "signing.signatures_verify"
PACKAGES = "packages.packages_are_installed"
WHOLE = "packages.the_package_manager_is_whole"

RELOAD = f"postfix -c {MARKETING} reload"
RESTART_SIGNER = "systemctl restart postroad-dkim@marketing.service"


@dataclass(frozen=True)
class Case:
    """A way to break a host, the way back, and what the audit must say of it, check by check."""

    name: str
    breaking: str
    mending: str
    said: Mapping[str, str]

    def __str__(self) -> str:
        return self.name


def edited(path: str, breaking: str, after: str = "") -> tuple[str, str]:
    """Commands that edit a file, and those that put it back as it was, times included."""
    kept = f"/run/audit-kept{path.replace('/', '-')}"
    then = f" && {after}" if after else ""
    return f"cp -p {path} {kept} && {breaking}{then}", f"cp -p {kept} {path}; rm {kept}{then}"


def postconf(*settings: str, after: str = "") -> tuple[str, str]:
    """An edit of the marketing stream's main.cf by postconf(1)."""
    quoted = " ".join(f"'{setting}'" for setting in settings)
    return edited(f"{MARKETING}/main.cf", f"postconf -c {MARKETING} -e {quoted}", after)


def submission_override(setting: str, after: str = "") -> tuple[str, str]:
    """An edit of the options of the marketing stream's STARTTLS listeners."""
    services = f"$(postconf -c {MARKETING} -M | awk '/:587 /{{print $1}}')"
    command = f'for s in {services}; do postconf -c {MARKETING} -P "$s/inet/{setting}"; done'
    return edited(f"{MARKETING}/master.cf", command, after)


CASES = [
    Case(
        "a file is edited",
        *edited("/etc/mailname", "echo by-hand >> /etc/mailname"),
        {FILES: "/etc/mailname is not as declared: content"},
    ),
    Case(
        "a file is open to all",
        f"chmod 666 {MARKETING}/body_checks",
        f"chmod 644 {MARKETING}/body_checks",
        {FILES: "mode 0666, not 0644"},
    ),
    Case(
        "an activation died",
        "mv /var/lib/postroad/applied/logs /run/audit-stamp",
        "mv /run/audit-stamp /var/lib/postroad/applied/logs",
        {"files.activations_are_finished": "the files of logs are in place"},
    ),
    Case(
        "a timer is stopped",
        "systemctl stop logrotate.timer",
        "systemctl start logrotate.timer",
        {UNITS: "logrotate.timer is inactive"},
    ),
    Case(
        "a mask is lifted",
        "systemctl unmask --quiet dovecot.socket",
        "systemctl mask --quiet dovecot.socket",
        {UNITS: "dovecot.socket is not masked"},
    ),
    Case(
        "a program is replaced under its daemon",
        "cp -p /usr/sbin/opendkim /usr/sbin/opendkim.new"
        " && mv /usr/sbin/opendkim.new /usr/sbin/opendkim",
        "systemctl restart 'postroad-dkim@*'",
        {"units.daemons_run_what_is_installed": "still runs an older /usr/sbin/opendkim"},
    ),
    Case(
        "a unit has failed",
        "systemd-run --quiet --unit=audit-fails --wait false || :",
        "systemctl reset-failed audit-fails.service",
        {"units.no_unit_has_failed": "audit-fails.service has failed"},
    ),
    Case(
        "a parameter does not exist",
        *edited(f"{MARKETING}/main.cf", f"echo no_such_thing = 1 >> {MARKETING}/main.cf"),
        {
            FILES: f"{MARKETING}/main.cf",
            UNREAD: "marketing instance runs by an older configuration",
            "postfix.configuration_is_without_complaint": "no_such_thing",
        },
    ),
    Case(
        "a limit is another one",
        *postconf("queue_minfree = 1"),
        {
            FILES: f"{MARKETING}/main.cf",
            UNREAD: "marketing instance",
            VALUES: "marketing: queue_minfree is 1, declared is",
        },
    ),
    Case(
        "a file was written and not read",
        *edited(f"{MARKETING}/main.cf", f"touch {MARKETING}/main.cf"),
        {UNREAD: "a file was written"},
    ),
    Case(
        "a dead signer would let mail pass",
        *postconf("milter_default_action = accept"),
        {FILES: f"{MARKETING}/main.cf", UNREAD: "marketing", UNSIGNED: "when the signer is dead"},
    ),
    Case(
        "a listener goes past the signer",
        *submission_override("receive_override_options=no_milters"),
        {FILES: f"{MARKETING}/master.cf", UNREAD: "marketing", UNSIGNED: "no_milters"},
    ),
    Case(
        "something else listens",
        "systemd-run --quiet --unit=audit-listens python3 -m http.server 8080"
        " && until ss -Hltn | grep -q :8080; do :; done",
        "systemctl stop audit-listens.service",
        {"listeners.nothing_else_listens": "0.0.0.0:8080/tcp (python3) listens"},
    ),
    Case(
        "a signer is stopped",
        "systemctl stop postroad-dkim@marketing.service",
        "systemctl start postroad-dkim@marketing.service",
        {
            UNITS: "postroad-dkim@marketing.service is inactive",
            "signing.signers_sign": "the marketing signer, given a message from",
            "submission.listeners_answer": "Try again later",
        },
    ),
    Case(
        "a key can be read by others",
        "chmod 644 /etc/postroad/marketing/keys/*/*.pem",
        "chmod 600 /etc/postroad/marketing/keys/*/*.pem",
        {
            "signing.keys_are_there_and_private": "mode 0644, not 0600",
            "signing.signers_sign": "given a message from probe@news.shop.example: deferred",
        },
    ),
    Case(
        "a signer lets strangers pass",
        *edited(
            "/etc/postroad/marketing/opendkim.conf",
            "cd /etc/postroad/marketing && grep -v no-key-for signing.table > /run/audit-table"
            " && sed -i -e /^SetupPolicyScript/d"
            " -e 's,^SigningTable.*,SigningTable refile:/run/audit-table,' opendkim.conf",
            RESTART_SIGNER,
        ),
        {
            FILES: "/etc/postroad/marketing/opendkim.conf",
            "signing.strangers_are_not_signed": "passed unsigned",
        },
    ),
    Case(
        "old TLS is taken",
        *postconf(
            "smtpd_tls_mandatory_protocols = >=TLSv1",
            "smtpd_tls_mandatory_ciphers = low",
            "tls_low_cipherlist = ALL:@SECLEVEL=0",
            after=RELOAD,
        ),
        {FILES: f"{MARKETING}/main.cf", "submission.tls_is_of_today": "takes TLS 1.1 or 1.0"},
    ),
    Case(
        "passwords are asked for in the clear",
        *edited(
            f"{MARKETING}/master.cf",
            f"sed -i 's/smtpd_tls_security_level=encrypt/smtpd_tls_security_level=may"
            f" -o smtpd_tls_auth_only=no/' {MARKETING}/master.cf",
            RELOAD,
        ),
        {
            FILES: f"{MARKETING}/master.cf",
            "submission.logins_only_after_tls": "offers a login before TLS",
            "submission.tls_is_of_today": "takes TLS 1.1 or 1.0",
        },
    ),
    Case(
        "a stream relays for anybody",
        *postconf(
            "smtpd_client_restrictions =",
            "smtpd_sender_restrictions =",
            "mynetworks = 0.0.0.0/0, [::]/0",
            "smtpd_relay_restrictions = permit_mynetworks, reject",
            "smtpd_recipient_restrictions = permit_mynetworks, reject",
            after=RELOAD,
        ),
        {
            FILES: f"{MARKETING}/main.cf",
            "submission.nothing_relays_without_login": "takes mail for anybody from anybody",
        },
    ),
    Case(
        "the running daemon has another limit",
        *postconf("message_size_limit = 4096000", after=RELOAD),
        {
            FILES: f"{MARKETING}/main.cf",
            VALUES: "message_size_limit is 4096000",
            "submission.listeners_are_who_they_must_be": "takes messages of 4096000 bytes",
        },
    ),
    Case(
        "a listener is gone",
        *edited(
            f"{MARKETING}/master.cf",
            f"sed -i '/^[0-9.]*:587 inet/,/^[^ ]/{{/:587 inet/d;/^ /d}}' {MARKETING}/master.cf",
            "systemctl restart postroad-postfix@marketing.service",
        ),
        {
            FILES: f"{MARKETING}/master.cf",
            "listeners.every_declared_place_listens": "port 587 (marketing submission)",
            "submission.listeners_answer": "Connection refused",
        },
    ),
    Case(
        "the certificate is about to end",
        "cp -a /etc/letsencrypt/live/postroad /run/audit-live && cd /etc/letsencrypt/live/postroad"
        " && names=$(openssl x509 -in cert.pem -noout -ext subjectAltName"
        " | sed -n 's/ *DNS/DNS/gp')"
        " && rm fullchain.pem privkey.pem"
        " && openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=audit -keyout privkey.pem"
        ' -out fullchain.pem -addext "subjectAltName=$names" 2>/dev/null && chmod 600 privkey.pem'
        " && systemctl reload postfix.service",
        "rm -r /etc/letsencrypt/live/postroad && mv /run/audit-live /etc/letsencrypt/live/postroad"
        " && systemctl reload postfix.service",
        {"submission.certificates_are_good": "shows a certificate that ends in 3.0 days"},
    ),
    Case(
        "a certificate would be renewed from elsewhere",
        *edited(
            "/etc/letsencrypt/renewal/postroad.conf",
            "sed -i 's,^server = .*,server = https://ca.example/,' "
            "/etc/letsencrypt/renewal/postroad.conf",
        ),
        {"submission.certificates_renew_as_declared": "server https://ca.example/, not "},
    ),
    Case(
        "a port is opened",
        "ufw allow 8080/tcp >/dev/null",
        "ufw delete allow 8080/tcp >/dev/null",
        {RULES: "delete allow 8080/tcp"},
    ),
    Case(
        "the firewall is off",
        "ufw disable >/dev/null",
        "ufw --force enable >/dev/null",
        {RULES: "the firewall is switched off", PORT_25: "root may connect to port 25 elsewhere"},
    ),
    Case(
        "the kernel lets anybody send mail",
        "iptables -I ufw-before-output 1 -p tcp --dport 25 -j ACCEPT",
        "iptables -D ufw-before-output 1",
        {PORT_25: "IPv4: nobody may connect to port 25 elsewhere"},
    ),
    Case(
        "another resolver is asked",
        *edited("/etc/resolv.conf", "echo nameserver 192.0.2.1 >> /etc/resolv.conf"),
        {
            FILES: "/etc/resolv.conf",
            "resolver.the_host_asks_itself_only": "the host asks 127.0.0.1, 192.0.2.1",
        },
    ),
    Case(
        "the resolver believes everything",
        "unbound-control -q local_data . 60 IN NS audit.invalid.",
        "unbound-control -q local_data_remove .",
        {"resolver.answers_are_validated": "not validated (no AD bit)"},
    ),
    Case(
        "mail is older than it may be",
        "cp -p /etc/postfix/main.cf /run/audit-main"
        " && echo defer_transports = smtp >> /etc/postfix/main.cf && postfix reload 2>/dev/null"
        " && echo old | sendmail root"
        " && until ls /var/spool/postfix/deferred/*/* >/dev/null 2>&1; do :; done"
        # The time record of the queue file (record.h, REC_TYPE_TIME): seconds of the epoch.
        " && LC_ALL=C sed -i -E 's/(T.)1[0-9]{9} /\\11500000000 /' /var/spool/postfix/deferred/*/*",
        "cp -p /run/audit-main /etc/postfix/main.cf; rm /run/audit-main;"
        " postsuper -d ALL 2>/dev/null; postfix reload 2>/dev/null",
        {FILES: "/etc/postfix/main.cf", "queues.no_mail_outlives_its_time": "hours old"},
    ),
    Case(
        "a message is corrupt",
        "install -o postfix -m 700 /dev/null /var/spool/postfix-marketing/corrupt/AUDIT",
        "rm /var/spool/postfix-marketing/corrupt/AUDIT",
        {"queues.no_mail_is_corrupt": "1 messages in /var/spool/postfix-marketing/corrupt"},
    ),
    Case(
        "the disk is full",
        "systemctl stop postroad-postfix@marketing.service"
        " && mount -t tmpfs -o size=8m,mode=755 tmpfs /var/spool/postfix-marketing"
        " && systemctl start postroad-postfix@marketing.service",
        "systemctl stop postroad-postfix@marketing.service"
        " && umount /var/spool/postfix-marketing"
        " && systemctl start postroad-postfix@marketing.service",
        {"queues.disks_have_room": "the marketing queue's disk has"},
    ),
    Case(
        "the clock is ahead",
        'printf \'#!/bin/sh\\n[ "$1" = +%%s.%%N ] && set -- -d "5 minutes" "$1"\\n'
        'exec /usr/bin/date "$@"\\n\' > /usr/local/bin/date && chmod 755 /usr/local/bin/date',
        "rm /usr/local/bin/date",
        {"clock.the_clock_is_right": "s ahead of this machine's"},
    ),
    Case(
        "a package is half installed",
        *edited(
            "/var/lib/dpkg/status",
            "sed -i '/^Package: dns-root-data$/,/^$/s/^Status: .*/Status: install ok unpacked/'"
            " /var/lib/dpkg/status",
        ),
        {PACKAGES: "dns-root-data is not installed", WHOLE: "packages are half installed"},
    ),
    Case(
        "services may not start",
        "printf '#!/bin/sh\\n# Written by postroad\\nexit 101\\n' > /usr/sbin/policy-rc.d",
        "rm /usr/sbin/policy-rc.d",
        {WHOLE: "/usr/sbin/policy-rc.d is left behind"},
    ),
    Case(
        "a daemon gave up",
        "cp -p /var/log/postroad/marketing.log /run/audit-log"
        " && echo \"$(date '+%b %e %H:%M:%S') mail1 postfix-marketing/smtpd[1]: fatal: no reason\""
        " >> /var/log/postroad/marketing.log",
        "cat /run/audit-log > /var/log/postroad/marketing.log; rm /run/audit-log",
        {"logs.logs_are_quiet": "fatal: no reason"},
    ),
    Case(
        "a log is not rotated",
        "echo \"$(date -d '9 days ago' '+%b %e %H:%M:%S') mail1 postfix/master[1]: started\""
        " > /var/log/postroad/audit.log",
        "rm /var/log/postroad/audit.log",
        {"logs.logs_are_rotated": "/var/log/postroad/audit.log goes back 9 days"},
    ),
]


@dataclass(frozen=True)
class Heard:
    """What one call of ``postroad audit`` said."""

    status: int
    output: str
    results: list[dict[str, str]]

    def of(self, verdict: str) -> dict[str, str]:
        """The checks with this verdict, and what they say."""
        return {r["check"]: r["detail"] for r in self.results if r["verdict"] == verdict}

    def of_the_estate(self) -> dict[str, str]:
        """The checks of the estate as a whole that are not ok."""
        return {
            r["check"]: r["detail"]
            for r in self.results
            if r["host"] == ESTATE and r["verdict"] != "ok"
        }


Audit = Callable[..., Heard]


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    """``postroad audit inventories/lab.py``, as an operator calls it."""

    def call(*options: str) -> Heard:
        report = tmp_path / "report.json"
        done = subprocess.run(
            [*AUDIT, str(road.INVENTORY), "--json", str(report), *options],
            cwd=control.CLONE,
            env={**os.environ, "PYTHONPATH": str(control.CLONE)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        results = json.loads(report.read_text()) if report.exists() else []
        return Heard(done.returncode, f"{done.stdout}{done.stderr}", results)

    return call


@pytest.fixture
def host(deployed: Lab) -> Guest:
    """A deployed host. Its logs' past does not count: other tests break things on purpose."""
    for guest in deployed.targets.values():
        guest.run("touch /var/lib/postroad/applied/tools")
    return deployed.hosts[HOST]


@pytest.fixture
def world(deployed: Lab) -> Iterator[Lab]:
    """The lab, whose DNS may be spoilt: it is as the model says again afterwards."""
    yield deployed
    road.publish(deployed)
    forget_names(deployed)


def forget_names(lab: Lab) -> None:
    """Have the host's resolver ask for everything anew."""
    lab.hosts[HOST].run("unbound-control -q flush_zone .")


def test_healthy_hosts_have_no_fault(host: Guest, audit: Audit, tmp_path: Path) -> None:
    """Every check of both hosts passes, and every form of report says so."""
    junit = tmp_path / "junit.xml"
    heard = audit("--junit", str(junit))
    assert heard.status == 0, heard.output
    assert {r["verdict"] for r in heard.results} == {"ok"}
    assert {r["host"] for r in heard.results} == {"mail1", "mail2", ESTATE}
    cases = ElementTree.parse(junit).getroot().iter("testcase")
    assert len(list(cases)) == len(heard.results)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_is_seen(case: Case, host: Guest, audit: Audit) -> None:
    """The checks that the case names fail with what it names, and no other check."""
    try:
        host.run(case.breaking)
        heard = audit("-k", HOST)
    finally:
        host.run(case.mending)
    wrong = heard.of("wrong")
    assert set(wrong) == set(case.said), heard.output
    assert heard.status == 1
    for check, words in case.said.items():
        assert words in wrong[check]
        assert "\n  mend: " in wrong[check]


def test_a_missing_address_is_seen(host: Guest, audit: Audit) -> None:
    """An address of a way out that the host has lost."""
    address = host.ipv4[2]
    shown = host.run(f"ip -o -4 address show to {address}").stdout.split()
    device, prefix = shown[1], shown[3]
    host.run(f"ip address del {prefix} dev {device}")
    try:
        wrong = audit("-k", HOST).of("wrong")
    finally:
        host.run(f"ip address add {prefix} dev {device}")
    assert set(wrong) == {"postfix.addresses_are_on_the_host", "submission.listeners_answer"}
    assert (
        f"{address}, from which marketing mail leaves" in wrong["postfix.addresses_are_on_the_host"]
    )


def test_the_named_mend_mends(host: Guest, audit: Audit) -> None:
    """What a fault says under "mend" is a command that works as it stands."""
    host.run("ufw delete allow 25/tcp >/dev/null")
    fault = audit("-k", HOST).of("wrong")[RULES]
    command = fault.partition("\n  mend: ")[2].splitlines()[0].split()
    assert command[0] == "pyinfra"
    assert road.pyinfra(*command[1:]).returncode == 0
    assert audit("-k", HOST).status == 0


def test_what_the_world_misses_is_seen(world: Lab, audit: Audit) -> None:
    """What is required is wrong; what is recommended is a doubt, as what nobody knows."""
    world.dns.withdraw("_dmarc.shop.example.")
    world.dns.withdraw("_smtp._tls.bounce.shop.example.")
    heard = audit("-k", "names")
    assert set(heard.of("wrong")) == {"names.dmarc_is_as_declared"}
    assert set(heard.of("unknown")) == {"names.tls_is_announced_as_it_is"}
    fault = heard.of("wrong")["names.dmarc_is_as_declared"]
    assert "shop.example has no DMARC record" in fault
    assert '\n  mend: publish _dmarc.shop.example. 60 IN TXT "v=DMARC1; p=none;' in fault
    doubt = heard.of("unknown")["names.tls_is_announced_as_it_is"]
    assert "recommended: _smtp._tls.bounce.shop.example has no TLS reporting record" in doubt


def test_a_key_that_is_not_published_is_seen(host: Guest, world: Lab, audit: Audit) -> None:
    """The signature verifies for nobody, though the signer does its work."""
    selector = host.run("basename /etc/postroad/marketing/keys/*/*.pem .pem").stdout.strip()
    world.dns.withdraw(f"{selector}._domainkey.news.shop.example.", "TXT")
    forget_names(world)
    wrong = audit("-k", HOST).of("wrong")
    assert set(wrong) == {VERIFY, WORLD}
    assert "its key is not in the DNS" in wrong[VERIFY]
    assert f"{selector}._domainkey.news.shop.example" in wrong[WORLD]


def test_a_wrong_record_is_seen(host: Guest, world: Lab, audit: Audit) -> None:
    """An open stream whose SPF record is gone."""
    world.dns.withdraw("bounce.news.shop.example.", "TXT")
    forget_names(world)
    wrong = audit("-k", HOST).of("wrong")
    assert set(wrong) == {WORLD}
    assert "v=spf1" in wrong[WORLD]


def test_no_answer_is_no_fault(host: Guest, world: Lab, audit: Audit) -> None:
    """Names that nobody answers for are unknown: a warning, never a reason to change a record."""
    host.run("unbound-control -q local_zone news.shop.example. always_refuse")
    try:
        heard = audit("-k", HOST, "--nagios")
    finally:
        host.run("unbound-control -q local_zone_remove news.shop.example.")
    assert heard.of("wrong") == {}
    assert set(heard.of("unknown")) == {VERIFY, WORLD}
    assert heard.status == 1
    assert heard.output.startswith("POSTROAD WARNING - mail1: ")
    assert len(heard.output.splitlines()) == 1


def test_a_closed_stream_is_seen(host: Guest, world: Lab, audit: Audit) -> None:
    """A stream that has lost its latch while the world cannot verify it."""
    latch = "/var/lib/postroad/opened/marketing"
    host.run(f"mv {latch} /run/audit-latch")
    world.dns.withdraw("bounce.news.shop.example.", "TXT")
    forget_names(world)
    try:
        wrong = audit("-k", HOST).of("wrong")
    finally:
        host.run(f"mv /run/audit-latch {latch}")
    assert set(wrong) == {FILES, "dns.streams_are_open"}
    assert "the marketing stream takes no mail" in wrong["dns.streams_are_open"]


def test_a_silent_host_is_seen(host: Guest, audit: Audit) -> None:
    """It alone is wrong; of all else nothing is known, and the other host is judged as ever.

    What it alone can tell of the estate's names, its keys, is not known either.
    """
    host.run("systemctl stop ssh.service")
    try:
        heard = audit("--nagios")
    finally:
        host.run("systemctl start ssh.service")
        host.wait_for_ssh()
    assert set(heard.of("wrong")) == {"reach.the_host_answers"}
    assert {r["host"] for r in heard.results if r["verdict"] == "unknown"} == {HOST, ESTATE}
    assert set(heard.of_the_estate()) == {
        "names.dkim_records_are_those_of_the_keys",
        "names.whoever_is_asked_answers",
    }
    assert {r["verdict"] for r in heard.results if r["host"] == "mail2"} == {"ok"}
    assert heard.status == 2
    assert heard.output.startswith("POSTROAD CRITICAL - mail1: reach.the_host_answers: mail1 does")
    assert len(heard.output.splitlines()) == 1


def test_an_inventory_that_does_not_load_is_told(lab: Lab, audit: Audit, tmp_path: Path) -> None:
    """Nothing is audited, so nothing is well: 3 for Nagios."""
    nowhere = str(tmp_path / "nowhere.py")
    done = subprocess.run(
        [*AUDIT, nowhere, "--nagios"],
        cwd=control.CLONE,
        env={**os.environ, "PYTHONPATH": str(control.CLONE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stdout == f"POSTROAD UNKNOWN - {nowhere}: there is no such inventory file\n"
