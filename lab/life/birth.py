"""What a guest is born with: keys, names, and for the internet's hosts their daemons' files."""

import hashlib
import shutil
import stat
import uuid
from collections.abc import Iterable
from pathlib import Path

from lab.hosts import keys
from lab.hosts.guest import Guest
from lab.hosts.network import RESOLVER
from lab.hosts.seed import Seed
from lab.images import ubuntu_like
from lab.world.internet import HOSTS, Surroundings


def conceive(guest: Guest, around: Surroundings) -> bool:
    """Write the guest's configuration and seed; return whether they differ from the last ones."""
    guest.directory.mkdir(parents=True, exist_ok=True)
    new = guest.directory / "seed.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    seed = Seed(new, guest.image)
    _plant_common(seed, guest, around)
    mounts: list[tuple[Path, str]] = []
    if guest.name in HOSTS:
        fixed = HOSTS[guest.name]
        fixed.plant(seed, around)
        mounts = [(around.data / source, target) for source, target in fixed.mounts.items()]
    for source, _ in mounts:
        source.mkdir(parents=True, exist_ok=True)
    config = guest.directory / "config"
    before = (_digest(guest.seed), config.read_text() if config.exists() else "")
    config.write_text(guest.configuration(mounts))
    shutil.rmtree(guest.seed, ignore_errors=True)
    new.rename(guest.seed)
    return before != (_digest(guest.seed), config.read_text())


def make_ssh_keys(guests: Iterable[Guest]) -> None:
    """Make the lab's SSH key and every host's, and write known_hosts for strict checking."""
    lines = []
    for guest in guests:
        keys.ssh_key(guest.ssh_key)
        addresses = ",".join([guest.name, *guest.ipv4, *guest.ipv6])
        lines.append(f"{addresses} {keys.ssh_key(_host_key(guest))}\n")
        guest.known_hosts.write_text("".join(lines))


def _host_key(guest: Guest) -> Path:
    return guest.known_hosts.parent / "hosts" / guest.name


def _plant_common(seed: Seed, guest: Guest, around: Surroundings) -> None:
    host_key = _host_key(guest)
    public = keys.ssh_key(host_key)
    seed.file("/etc/ssh/ssh_host_ed25519_key", host_key.read_text(), 0o600)
    seed.file("/etc/ssh/ssh_host_ed25519_key.pub", public + "\n")
    seed.directory("/root/.ssh", 0o700)
    seed.file("/root/.ssh/authorized_keys", keys.ssh_key(guest.ssh_key) + "\n", 0o600)
    if guest.is_ubuntu_like:
        ubuntu_like.plant(seed, guest)
    else:
        _plant_names(seed, guest)
    # systemd takes a machine without an id for a first boot and presets every unit anew.
    identity = uuid.uuid5(uuid.NAMESPACE_OID, f"{around.signing_key.pem}{guest.name}")
    seed.file("/etc/machine-id", identity.hex + "\n", 0o444)


def _plant_names(seed: Seed, guest: Guest) -> None:
    seed.file("/etc/hostname", guest.name + "\n")
    seed.file("/etc/hosts", f"127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\t{guest.name}\n")
    seed.file("/etc/resolv.conf", f"nameserver {guest.network.ipv4(RESOLVER)}\n")


def _digest(tree: Path) -> str:
    """A digest of everything in *tree*: names, modes, owners, contents."""
    total = hashlib.sha256()
    for place in sorted(tree.rglob("*")):
        status = place.lstat()
        row = (str(place.relative_to(tree)), status.st_mode, status.st_uid, status.st_gid)
        total.update(repr(row).encode())
        if stat.S_ISREG(status.st_mode):
            total.update(place.read_bytes())
        elif stat.S_ISLNK(status.st_mode):
            total.update(str(place.readlink()).encode())
    return total.hexdigest()
