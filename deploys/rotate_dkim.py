"""Rotates DKIM keys: pyinfra -y inventories/prod.py deploys/rotate_dkim.py

Made to run from a timer, once a day or more often, at any moment. A run takes what steps may be
taken now, on all hosts together, and nothing where none may.
`postroad docs rotation` tells the whole life.
"""

from pyinfra import config

from postroad.roles.mailserver import open_site, postfix, preflight, report, rotation

config.REQUIRE_PYINFRA_VERSION = ">=3.10,<4"

site = open_site()  # the estate, validated
preflight(site)  # what is wrong with the host, before the first change
rotation.rotate(site)  # the next steps in the lives of its keys
postfix.instances(site)  # a new key signs only behind the stream's canary
report(site)  # the records to publish, for keys that the world does not see yet
