"""What the audit names as a mend mends: faults that no file shows, and the run that finds them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import road
from tests.lab.seeded import QUIET, UNITS
from tests.lab.test_audit import HOST, Audit, audit

__all__ = ["audit"]

LIVE = "/etc/letsencrypt/live/postroad"
KEYS = "submission.certificates_have_their_keys"
TROUBLE = (
    "echo \"$(date '+%b %e %H:%M:%S') mail1 postfix-marketing/smtpd[1]: fatal: no reason\""
    " >> /var/log/postroad/marketing.log"
)


@pytest.fixture
def host(deployed: Lab) -> Iterator[Guest]:
    """A deployed host. A new certificate has its record as well afterwards."""
    for guest in deployed.targets.values():
        guest.run("touch /var/lib/postroad/applied/tools")
    yield deployed.hosts[HOST]
    road.publish(deployed)


def mended_by_a_run() -> str:
    done = road.deploy()
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert road.plan() == []
    return done.stdout + done.stderr


def mend(detail: str) -> str:
    """The first command that a fault names."""
    return detail.partition("\n  mend: ")[2].splitlines()[0]


def test_daemons_that_run_and_are_of_no_use_are_mended_by_a_run(host: Guest, audit: Audit) -> None:
    """A signer that a signal has stopped, a socket of another group, one that is gone, a key that
    does not fit: each is named with the run as its mend, and the run mends it."""
    assert audit("-k", HOST).of("wrong") == {}
    host.run("systemctl kill --signal=STOP postroad-dkim@marketing.service")
    host.run("chgrp root /run/postroad-dkim-transactional/signer.sock")
    host.run("rm /run/postroad-milter-transactional/milter.sock")
    host.run("chmod 700 /run/postroad-auth-marketing")
    host.run(
        f"cp -L {LIVE}/privkey.pem /run/kept.pem; rm {LIVE}/privkey.pem;"
        f" openssl genpkey -algorithm RSA -out {LIVE}/privkey.pem 2>/dev/null"
    )
    heard = audit("-k", HOST)
    wrong = heard.of("wrong")
    for words in (
        "postroad-dkim@marketing.service stands still",
        "signer.sock is of group root, not postfix",
        "milter.sock is gone",
        "/run/postroad-auth-marketing has mode 0700, not 0711",
    ):
        assert words in wrong[UNITS], heard.output
    assert mend(wrong[UNITS]).startswith("pyinfra ")
    assert mend(wrong[KEYS]).startswith("pyinfra ")
    said = mended_by_a_run()
    assert "stands still" in said
    heard = audit("-k", HOST)
    left = heard.of("wrong")
    left.pop(QUIET, None)
    assert left == {}, heard.output


def test_a_signer_that_hangs_is_mended_by_the_command_that_is_named(
    host: Guest, audit: Audit
) -> None:
    """Nothing that a run looks at shows it: its threads wait for each other, say."""
    # A socket that takes connections, and nobody behind it.
    host.run(
        "cd /run/postroad-dkim-marketing && mv signer.sock own.sock && systemd-run --quiet"
        " --unit=audit-hangs --uid=opendkim --gid=postfix python3 -c 'import socket, time;"
        ' s = socket.socket(socket.AF_UNIX); s.bind("/run/postroad-dkim-marketing/signer.sock");'
        " s.listen(); time.sleep(900)' && until [ -S signer.sock ]; do :; done;"
        " chmod 770 signer.sock"
    )
    try:
        heard = audit("-k", HOST)
        said = mend(heard.of("wrong")["signing.signers_sign"])
        assert said.startswith("systemctl restart postroad-dkim@marketing"), heard.output
        host.run(said.partition("   (")[0])
        assert "signing.signers_sign" not in audit("-k", HOST).of("wrong")
    finally:
        host.run("systemctl stop audit-hangs.service; systemctl restart postroad-dkim@marketing")


def test_trouble_is_forgotten_when_its_mend_was_done(host: Guest, audit: Audit) -> None:
    host.run(f"cp -p /var/log/postroad/marketing.log /run/log; {TROUBLE}")
    try:
        told = audit("-k", HOST).of("wrong")[QUIET]
        host.run("sleep 1.1; " + mend(told).rpartition(": ")[2])
        assert QUIET not in audit("-k", HOST).of("wrong")
    finally:
        host.run(
            "cat /run/log > /var/log/postroad/marketing.log; rm -f /var/lib/postroad/logs-read"
        )


def test_copies_of_system_files_below_the_queue_are_no_complaint(host: Guest, audit: Audit) -> None:
    """As Debian's package leaves them for a chroot: nothing of ours is in one."""
    folder = "/var/spool/postfix/etc"
    host.run(
        f"mkdir -p {folder} && for f in hosts resolv.conf services; do date > {folder}/$f; done"
    )
    try:
        assert audit("-k", HOST).of("wrong") == {}
    finally:
        host.run(f"rm -r {folder}")
