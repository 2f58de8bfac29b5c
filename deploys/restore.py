"""Puts a host in the place of one that is lost, with its keys and its certificate:

    pyinfra inventories/prod.py deploys/restore.py --limit mail1 --data backups=/srv/backups/mail

Like deploys/mailserver.py, with one line more. A host that has keys of its own keeps them: what is
there is never replaced: `postroad docs operating`.
"""

from pyinfra import config

from postroad.roles.mailserver import (
    base,
    dkim,
    firewall,
    open_site,
    postfix,
    preflight,
    report,
    restoring,
    tls,
)

config.REQUIRE_PYINFRA_VERSION = ">=3.10,<4"

site = open_site()  # the estate, validated
backup = restoring.backup_of(site)  # there, whole, and one of ours
preflight(site)  # what is wrong with the host, before the first change
base.base(site)  # packages and users, who are to own what is put back
restoring.restore(site, backup)  # keys, pauses, latches, certificate, mailboxes
firewall.open_up(site)
tls.certificate(site)  # only what the backup did not have
dkim.keys(site)
postfix.instances(site)
firewall.enforce(site)
report(site)
