"""The one way out of the lab: a caching forwarder for Debian packages on the bridge."""

import shutil
import socket
import subprocess
from pathlib import Path

from lab.hosts.errors import LabError
from lab.hosts.guest import wait_until
from lab.hosts.network import FORWARDER_PORT, MACHINE, Network
from lab.hosts.shell import environment

_PROGRAM = "/usr/sbin/apt-cacher-ng"
_USER = "apt-cacher-ng"
_CACHE = Path("/var/cache/postroad-lab/forwarder")


def start(network: Network, directory: Path, proxy: str) -> int:
    """Start apt-cacher-ng for *network*, through the machine's own *proxy* if it has one.

    It passes on package files and indexes only, and no CONNECT (apt-cacher-ng(8)). *directory*
    keeps its configuration and log; returns its process id when it answers.
    """
    directory.mkdir(parents=True, exist_ok=True)
    shutil.chown(directory, _USER)
    cache = _CACHE / str(network.number)
    cache.mkdir(parents=True, exist_ok=True)
    shutil.chown(cache, _USER)
    settings = [
        f"CacheDir: {cache}",
        f"LogDir: {directory}",
        f"SocketPath: {directory}/socket",
        f"BindAddress: {network.ipv4(MACHINE)}",
        f"Port: {FORWARDER_PORT}",
        "SupportDir: /usr/lib/apt-cacher-ng",
        "ForeGround: 1",
        "ExThreshold: 30",
        # The report page can start an expiry run: not for guests.
        "ReportPage:",
        *([f"Proxy: {proxy}"] if proxy else []),
    ]
    (directory / "acng.conf").write_text("\n".join(settings) + "\n")
    with (directory / "output.log").open("w") as output:
        process = subprocess.Popen(
            [_PROGRAM, "-c", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment(),
            user=_USER,
            group=_USER,
            extra_groups=[],
            start_new_session=True,
            cwd="/",
        )

    def answers() -> bool:
        if process.poll() is not None:
            words = (directory / "output.log").read_text().strip()
            raise LabError(f"package forwarder: ended with {process.returncode}: {words}")
        try:
            socket.create_connection((network.ipv4(MACHINE), FORWARDER_PORT), timeout=1).close()
        except OSError:
            return False
        return True

    wait_until(answers, 10, "package forwarder")
    return process.pid
