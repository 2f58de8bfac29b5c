"""Root goes through no link that a service account has planted."""

from __future__ import annotations

import pytest

from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import road

MAILBOXES = "/var/mail/postroad"
KEYS = "/etc/postroad/marketing/keys/news.shop.example"

# Where each account may write, asked of the kernel and not of the declarations: folders in which
# root does nothing by name. /etc/dkimkeys is the package's, and nothing of ours.
BOXES = {f"{MAILBOXES}/{name}" for name in ("postmaster", "transactional", "marketing")}
SOCKETS = {f"/run/postroad-dkim-{stream}" for stream in ("transactional", "marketing")}
BUDGET = "/run/postroad-budget"
ACCOUNTS = {
    "postroad-mail": {BUDGET, *BOXES},
    "opendkim": {"/etc/dkimkeys", *SOCKETS},
    "dovecot": set(),
    "unbound": set(),
    "nobody": set(),
}
PLACES = (
    "/etc /usr/local /var/lib/postroad /var/log/postroad /run/postroad* /var/spool/postfix*"
    f" /var/lib/postfix* {MAILBOXES}"
)


def writable(guest: Guest, account: str) -> set[str]:
    """The folders of ours, and above them, in which ``account`` may make a file."""
    asked = f"runuser -u {account} -- find {PLACES} -type d -writable -prune -print 2>/dev/null"
    return set(guest.run(f"{asked} || :").stdout.split())


@pytest.mark.parametrize("account", ACCOUNTS)
def test_no_account_may_write_where_root_acts(deployed: Lab, account: str) -> None:
    for guest in deployed.targets.values():
        assert writable(guest, account) <= ACCOUNTS[account], guest.name


def test_planted_links_are_named_and_refused_and_nothing_changes_where_they_lead(
    deployed: Lab, mended: None
) -> None:
    first, second = deployed.targets["mail1"], deployed.targets["mail2"]
    # As the version before had them: the accounts' own, and full of what they put there.
    first.run(
        f"chown postroad-mail:postroad-mail {MAILBOXES}; runuser -u postroad-mail -- sh -c "
        f"'cd {MAILBOXES} && mv postmaster kept && ln -s /etc/cron.d postmaster'"
    )
    second.run(
        f"chown opendkim:opendkim {KEYS}; chmod 700 {KEYS}; runuser -u opendkim -- sh -c"
        f" 'cd {KEYS} && ln -s /etc/shadow 202501-mail2.life && mkfifo 202502-mail2.life &&"
        " ln -s /etc/cron.d/made 202503-mail2.life.new'"
    )
    before = {guest.name: _targets(guest) for guest in (first, second)}
    try:
        runs = [road.deploy("--limit", guest.name) for guest in (first, second)]
        said = "".join(done.stdout + done.stderr for done in runs)
        assert all(done.returncode != 0 for done in runs)
        # Both are told before the first change, and not on the way.
        assert f"{KEYS}/202502-mail2.life (is a other, not a file)" in said
        assert "Starting operation" not in said
        assert f"{MAILBOXES}/postmaster (is a symlink, not a directory): look who made it" in said
        assert f"{KEYS}/202501-mail2.life (is a symlink, not a file): nothing was changed" in said
        assert {guest.name: _targets(guest) for guest in (first, second)} == before
    finally:
        first.run(f"cd {MAILBOXES} && rm postmaster && mv kept postmaster")
        second.run(f"rm -f {KEYS}/20250*")


def _targets(guest: Guest) -> str:
    return guest.run("stat -c '%n %U %G %a %Z' /etc/cron.d /etc/cron.d/* /etc/shadow").stdout
