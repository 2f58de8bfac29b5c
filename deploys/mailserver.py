"""From a bare host to a sending server: pyinfra inventories/prod.py deploys/mailserver.py

A table of contents. Each line is a role, in the order in which they happen. In postroad's package,
roles/ has what a role does, templates/ what it puts on the host, and mail/parts/ which file goes
where. Steps of your own may stand between the lines; their order may not change. A run that is
killed anywhere is completed by the next one.
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
    tls,
)

config.REQUIRE_PYINFRA_VERSION = ">=3.10,<4"

site = open_site()  # the estate, validated: every fault at once, before anything else
preflight(site)  # what is wrong with the host, before the first change
base.base(site)  # packages, name, clock, resolver, logs
firewall.open_up(site)  # what later roles need open
tls.certificate(site)  # without one, submission stays closed
dkim.keys(site)  # made on the host, never moved
postfix.instances(site)  # inbound, one instance a stream; each behind its canary
firewall.enforce(site)  # close the rest, switch it on
report(site)  # the records to publish, while a stream waits for them
