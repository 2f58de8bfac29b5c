"""Read by pyinfra before anything else: what hosts say reaches no terminal as it is.

Deploys see to it themselves (`postroad.roles.open_site`), but pyinfra tells of hosts that it cannot
connect to before it reads a deploy.
"""

from postroad.terminal import guard

guard()
