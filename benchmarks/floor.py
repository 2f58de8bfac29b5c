"""The least that a first run takes: apt with the same packages, by the same forwarder."""

from __future__ import annotations

import subprocess
import time

from lab.hosts.guest import Guest
from lab.images.recipes import SENDING_PACKAGES

# A bare host has no settings of apt yet.
_PREPARED = """set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
echo 'Acquire::http::Proxy "{proxy}";' > /etc/apt/apt.conf.d/80postroad-proxy
apt-get -q -y update
"""
# As postroad asks for them: without recommends, and with nothing started on the way, which makes
# it quicker.
_INSTALLED = """
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
apt-get -q -y --no-install-recommends install {packages}
rm /usr/sbin/policy-rc.d
"""
_FETCHED = "apt-get -q -y --no-install-recommends --download-only install {packages}"


def install(host: Guest, proxy: str) -> float:
    """Install the packages on a bare host, over SSH: how many seconds it took. RuntimeError."""
    return _timed(host, _PREPARED + _INSTALLED, proxy)


def fetch(host: Guest, proxy: str) -> None:
    """Have the forwarder fetch the packages, so that whoever comes first does not pay for it."""
    _timed(host, _PREPARED + _FETCHED, proxy)


def _timed(host: Guest, script: str, proxy: str) -> float:
    said = script.format(proxy=proxy, packages=" ".join(SENDING_PACKAGES))
    began = time.monotonic()
    done = subprocess.run(
        host.ssh("sh", "-s"), input=said, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise RuntimeError(f"apt on {host.name} failed:\n{done.stdout[-2000:]}\n{done.stderr}")
    return seconds
