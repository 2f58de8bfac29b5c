"""What independent judges find and why it stays: the source of the tables in docs/security.md.

A finding that is not here fails tests/long/test_judges.py: meet it in the
product, or answer it here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from lab.faults.judges import Finding


@dataclass(frozen=True)
class Answer:
    """Why findings of one name stay: ``says`` are patterns of their words (fnmatch).

    ``places``: host, or kinds of doors: submission, inbound.
    """

    judge: str
    places: tuple[str, ...]
    name: str
    says: tuple[str, ...]
    because: str

    def answers(self, finding: Finding) -> bool:
        """Whether this is the finding that is meant, in that place and in those words."""
        return (
            (finding.judge, finding.name) == (self.judge, self.name)
            and finding.place in self.places
            and any(fnmatchcase(finding.words, words) for words in self.says)
        )

    @property
    def row(self) -> str:
        """Its row of the table."""
        where = "" if self.judge == "lynis" else f" ({', '.join(self.places)})"
        said = "; ".join(words.replace("*", "…") for words in self.says)
        return f"| {self.name}{where} | {said} | {self.because} |"


def unanswered(found: Iterable[Finding]) -> list[str]:
    """The findings that nothing here answers, as the judge worded them."""
    return sorted({str(one) for one in found if not any(a.answers(one) for a in ANSWERS)})


def _testssl(places: str, name: str, says: str, because: str) -> Answer:
    return Answer("testssl.sh", tuple(places.split()), name, (says,), because)


def _lynis(name: str, *says: str, because: str) -> Answer:
    return Answer("lynis", ("host",), name, says, because)


_EVERY_DOOR = "submission inbound"

TESTSSL = (
    _testssl(
        _EVERY_DOOR,
        "engine_problem",
        "No engine or GOST support via engine *",
        "of the judge's own OpenSSL, not of the host",
    ),
    _testssl(
        _EVERY_DOOR,
        "cipher_order",
        "NOT a cipher order configured",
        "on purpose (`tls_preempt_cipherlist = no`, as Mozilla's guideline): none of the ciphers "
        "at a door is to be avoided, and a client without AES hardware knows best",
    ),
    _testssl(
        "inbound",
        "cipherlist_AVERAGE",
        "offered",
        "CBC ciphers for senders that have nothing newer: they would else come without any TLS, "
        "which a stranger's server may (RFC 7435). Submission does not offer them",
    ),
    _testssl(
        "inbound",
        "LUCKY13",
        "potentially vulnerable, uses TLS CBC ciphers",
        "the same ciphers; OpenSSL computes them in constant time since 1.0.1d",
    ),
    _testssl(
        _EVERY_DOOR,
        "cert_validityPeriod",
        "* days",
        "the lab's authority issues for five years; a public one for 90 days or less",
    ),
    _testssl(
        _EVERY_DOOR,
        "cert_revocation",
        "Neither CRL nor OCSP URI provided",
        "the lab's authority names none; what a certificate holds is its authority's",
    ),
    _testssl(
        _EVERY_DOOR,
        "sessionresumption_ticket",
        "check failed because of connect problem",
        "now and then, at any door: the judge hangs up before its ticket has come, which TLS 1.3 "
        "sends after the handshake (RFC 8446 §4.6.1); a client that waits a second has it",
    ),
)

_OPERATOR = "the operator's"

LYNIS = (
    _lynis("LYNIS", "This release is more than 4 months old. *", because="of the judge itself"),
    _lynis("DEB-0280", "Install libpam-tmpdir *", because=_OPERATOR),
    _lynis("DEB-0810", "Install apt-listbugs *", because=_OPERATOR),
    _lynis("DEB-0811", "Install apt-listchanges *", because=_OPERATOR),
    _lynis("DEB-0831", "Install needrestart*", because=_OPERATOR),
    _lynis(
        "DEB-0880",
        "Install fail2ban *",
        because="logins are taken from `clients` alone, by ufw, and Postfix limits their tries; "
        "sshd's are the operator's",
    ),
    _lynis(
        "BOOT-5180",
        "Determine runlevel and services at startup",
        because="of the judge, which does not know this release's systemd",
    ),
    _lynis(
        "BOOT-5264",
        "*systemd-analyze security SERVICE* for each service",
        because="done for ours, below; the others are the distribution's",
    ),
    _lynis("KRNL-5788", "/vmlinuz or /boot/vmlinuz", because="a container has no kernel"),
    _lynis(
        "KRNL-5820",
        "* disabling of core dump in /etc/security/limits.conf file",
        because="our units may not dump core (`LimitCORE=0`); systemd does not read that file",
    ),
    _lynis(
        "KRNL-6000",
        "dev.*",
        "fs.*",
        "kernel.*",
        because="the kernel's: a container's are its machine's, and a machine's are its operator's",
    ),
    _lynis(
        "KRNL-6000",
        "net.ipv4.conf.all.log_martians *",
        "net.ipv4.conf.default.log_martians *",
        because="a log line for each stray packet is a stranger's way to fill the disk",
    ),
    _lynis(
        "KRNL-6000",
        "net.ipv4.conf.all.rp_filter *",
        "net.ipv4.conf.all.send_redirects *",
        "net.ipv4.conf.default.accept_source_route *",
        because="these hosts forward nothing and trust no address by its look: submission takes a "
        "login as well, and source routes are off by `conf.all`",
    ),
    _lynis("AUTH-9230", "Configure password hashing rounds *", because=_OPERATOR),
    _lynis("AUTH-9262", "Install a PAM module for password strength *", because=_OPERATOR),
    _lynis(
        "AUTH-9286",
        "Configure minimum password age *",
        "Configure maximum password age *",
        because="no account of ours has a password",
    ),
    _lynis("AUTH-9328", "Default umask *", because="our units have `UMask=0077`"),
    _lynis(
        "FILE-6310",
        "To decrease the impact of a full * file system, *",
        because=(
            "each stream leaves the others their disk (`queue_minfree`), and a full one loses no "
            "mail: [reliability](reliability.md)"
        ),
    ),
    _lynis(
        "FILE-7524",
        "permissions of file /etc/ssh/sshd_config *",
        "permissions of file /etc/cron.* are not matching expected value (755 != 700)",
        "permissions of file /etc/crontab are not matching expected value (644 != 600)",
        because="the distribution's own modes; they hold no secret",
    ),
    _lynis("USB-1000", "Disable drivers like USB storage *", because=_OPERATOR),
    _lynis("STRG-1846", "Disable drivers like firewire storage *", because=_OPERATOR),
    _lynis(
        "NETW-3200",
        "Determine if protocol * is really needed *",
        because="our units may use no other families than IP, UNIX and netlink",
    ),
    _lynis("PKGS-7370", "Install debsums *", because=_OPERATOR),
    _lynis(
        "PKGS-7392",
        "*vulnerable packages*",
        "Update your system with apt-get update, *",
        because="upgrades are the operator's; the lab's images are as old as they are",
    ),
    _lynis("PKGS-7394", "Install package apt-show-versions *", because=_OPERATOR),
    _lynis("PKGS-7420", "Consider using a tool to automatically apply upgrades", because=_OPERATOR),
    _lynis(
        "FIRE-4513",
        "Check iptables rules *",
        because=(
            "rules that nobody has met yet are meant to be there; the audit names any that is not "
            "declared"
        ),
    ),
    _lynis(
        "SSH-7408",
        *(
            f"{setting} *"
            for setting in (
                "AllowTcpForwarding",
                "ClientAliveCountMax",
                "Compression",
                "LogLevel",
                "MaxAuthTries",
                "MaxSessions",
                "Port",
                "TCPKeepAlive",
                "X11Forwarding",
                "AllowAgentForwarding",
            )
        ),
        because="sshd is how the operator gets in: postroad leaves it alone",
    ),
    _lynis("LOGG-2154", "Enable logging to an external logging host *", because=_OPERATOR),
    _lynis("BANN-7126", "Add a legal banner to /etc/issue, *", because=_OPERATOR),
    _lynis("BANN-7130", "Add legal banner to /etc/issue.net, *", because=_OPERATOR),
    _lynis("ACCT-9622", "Enable process accounting", because=_OPERATOR),
    _lynis("ACCT-9626", "Enable sysstat *", because=_OPERATOR),
    _lynis("ACCT-9628", "Enable auditd *", because=_OPERATOR),
    _lynis(
        "FINT-4350",
        "Install a file integrity tool *",
        because="of ours every file is compared with what is declared, by each dry run and audit",
    ),
    _lynis(
        "TOOL-5002",
        "Determine if automation tools are present *",
        because="postroad is one, and leaves no agent to be found",
    ),
    _lynis("HRDN-7230", "* malware scanner*", because=_OPERATOR),
)

ANSWERS = (*TESTSSL, *LYNIS)


@dataclass(frozen=True)
class Level:
    """The exposure level of a kind of unit by systemd-analyze(1): what it was, what it may be."""

    unit: str
    before: float
    now: float
    rest: str

    @property
    def row(self) -> str:
        """Its row of the table."""
        return f"| `{self.unit}` | {self.before} | {self.now} | {self.rest} |"


LEVELS = (
    Level("postroad-dkim@", 3.1, 0.4, "its UNIX socket"),
    Level("postroad-milter@", 0.4, 0.4, "its UNIX socket"),
    Level("postroad-auth@", 4.1, 2.0, "Dovecot's master is root, and becomes `dovecot`"),
    Level(
        "postroad-postfix@",
        4.3,
        2.7,
        "Postfix's master is root, becomes `postfix`, and is on the network",
    ),
)
