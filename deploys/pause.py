"""Stops, drains or resumes a stream on all its hosts, now:

    pyinfra -y inventories/prod.py deploys/pause.py --data stream=marketing --data do=stop

stop: it takes no mail and delivers none; what is queued stays. drain: it takes no mail and delivers
what it has. resume: as before. It stays so, whatever runs, until you say otherwise: see
`postroad docs operating`.
"""

from pyinfra import config

from postroad.roles.mailserver import open_site, pausing, preflight, report

config.REQUIRE_PYINFRA_VERSION = ">=3.10,<4"

site = open_site()  # the estate, validated
wanted = pausing.asked(site)  # which stream, and what of it
preflight(site)  # what is wrong with the host, before the first change
pausing.pause(site, wanted)  # behind the stream's canary, like every change of it
report(site)  # which streams are open now, and which are not
