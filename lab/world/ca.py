"""The lab's ACME authority: Pebble, validating http-01 and dns-01 through the lab's resolver."""

import json

from lab.hosts.network import RESOLVER, Network
from lab.hosts.seed import Seed
from lab.world import certificates
from lab.world.fill import fill

NAME = "ca.lab.example"
DIRECTORY = f"https://{NAME}:14000/dir"

_CONFIG = {
    "pebble": {
        "listenAddress": "0.0.0.0:14000",
        # Serves the root that signs what Pebble issues: /roots/0.
        "managementListenAddress": "0.0.0.0:15000",
        "certificate": "/etc/pebble/api.pem",
        "privateKey": "/etc/pebble/api.key",
        "httpPort": 80,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
    }
}


def plant(seed: Seed, network: Network, api: str) -> None:
    """Write the files of the authority's host; *api* is its API's key and certificate."""
    seed.file("/etc/pebble/api.key", api, 0o600)
    seed.file("/etc/pebble/api.pem", certificates.certificate(api))
    seed.file("/etc/pebble/config.json", json.dumps(_CONFIG, indent=2) + "\n")
    seed.service("pebble.service", fill("pebble.service", resolver=network.ipv4(RESOLVER)))
