"""A host leaves the estate, while it is still declared:

    pyinfra -y inventories/prod.py deploys/leave.py --limit mail2

Its instances take no new mail and deliver what they have. A run that finds none waiting takes back
everything of ours; one that does says what is still to be delivered, and is run again. It ends by
saying what stays, and which records to delete: see `postroad docs operating`.
"""

from pyinfra import config

from postroad.roles.mailserver import open_site, taking_back

config.REQUIRE_PYINFRA_VERSION = ">=3.10,<4"

site = open_site()  # the estate, validated
departure = taking_back.departing(site)  # meant, and what of ours is there
taking_back.leave(departure)  # close, drain, take back; say what stays
