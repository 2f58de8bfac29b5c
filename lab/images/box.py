"""Vagrant boxes for LXC, built on this machine: script/vagrant-box [SUITE ...]

A box is a tar archive of metadata.json, lxc-config and rootfs.tar.gz (vagrant-lxc).
"""

import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab.hosts import packages
from lab.hosts.errors import LabError
from lab.hosts.shell import run
from lab.images import building, recipes
from lab.images.recipes import Recipe

DEFAULT = "bookworm"
# The public half of the key that every box is born with, as Vagrant itself brings it; "vagrant up"
# replaces it. Debian's package has it in the first place, HashiCorp's in the second.
INSECURE_KEYS = (
    "/usr/share/rubygems-integration/all/gems/vagrant-*/keys/vagrant.pub",
    "/opt/vagrant/embedded/gems/*/gems/vagrant-*/keys/vagrant.pub",
)
METADATA = {"provider": "lxc", "version": "1.0.0"}
# lxc.container.conf(5). A container that runs systemd needs these mounts; lxcbr0 is lxc-net's.
CONFIG = """\
lxc.include = /usr/share/lxc/config/common.conf
lxc.apparmor.profile = unconfined
lxc.mount.auto = cgroup:mixed proc:mixed sys:mixed
lxc.net.0.type = veth
lxc.net.0.link = lxcbr0
lxc.net.0.flags = up
"""


def name(suite: str) -> str:
    """What Vagrant calls the box of a release; the Vagrantfile calls it the same."""
    return f"postroad/{suite}"


def build(suite: str) -> None:
    """Build the box of one release and add it to Vagrant's; LabError where something fails."""
    recipe = recipes.vagrant(suite)
    building.ensure([recipe], _tell)
    with tempfile.TemporaryDirectory(dir=recipes.CACHE) as folder:
        _tell(f"box {name(suite)}: packing")
        packed = _packed(recipe, Path(folder))
        _vagrant("box", "add", "--force", "--name", name(suite), str(packed))
    _tell(f"box {name(suite)}: added")


def _packed(recipe: Recipe, folder: Path) -> Path:
    (folder / "metadata.json").write_text(json.dumps(METADATA))
    (folder / "lxc-config").write_text(CONFIG)
    tree = folder / "rootfs.tar"
    # The names of the members begin with ./rootfs, and symbolic links keep their targets (S).
    with_links = ("--transform", "s,^[.],./rootfs,S")
    tar = ("tar", "--numeric-owner", "--create", "--file", str(tree))
    run([*tar, "--directory", str(recipe.root), *with_links, "."], timeout=600)
    _add_key(tree, folder)
    run(["gzip", "--fast", str(tree)], timeout=600)
    box = folder / "postroad.box"
    members = ("metadata.json", "lxc-config", "rootfs.tar.gz")
    run(["tar", "--create", "--file", str(box), "--directory", str(folder), *members], timeout=600)
    return box


def _add_key(tree: Path, folder: Path) -> None:
    """Let Vagrant in: the account is the first that the image's useradd(8) made."""
    home = folder / "rootfs/home/vagrant/.ssh"
    home.mkdir(parents=True, mode=0o700)
    (home / "authorized_keys").write_text(_insecure_key().read_text())
    append = ["tar", "--append", "--file", str(tree), "--directory", str(folder)]
    run([*append, "--owner=1000", "--group=1000", "./rootfs/home/vagrant/.ssh"])


def _insecure_key() -> Path:
    found = [place for pattern in INSECURE_KEYS for place in sorted(glob.glob(pattern))]
    if not found:
        raise LabError(f"Vagrant's own public key is in none of {', '.join(INSECURE_KEYS)}")
    return Path(found[-1])


def _vagrant(*words: str) -> None:
    """Run vagrant(1) with the caller's own environment: VAGRANT_HOME is there."""
    if subprocess.run(["vagrant", *words], env=os.environ, check=False).returncode:
        raise LabError(f"vagrant {' '.join(words[:2])} failed, in the words above")


def _tools() -> None:
    lacking = packages.missing(packages.VAGRANT)
    if not lacking:
        return
    _tell(f"installing {', '.join(lacking)}")
    try:
        packages.ensure(packages.VAGRANT)
    except LabError as error:
        raise LabError(
            f"{error}\nDebian 12 has all of them; Debian 13 and Ubuntu 24.04 have no vagrant-lxc"
        ) from error


def _tell(line: str) -> None:
    print(line, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: 0 where every box was added, 1 where one was not."""
    parser = argparse.ArgumentParser(
        prog="script/vagrant-box",
        description="Build Vagrant boxes for LXC with mmdebstrap, and add them to Vagrant's.",
        epilog="Installs by apt, where they are missing: " + ", ".join(packages.VAGRANT),
    )
    parser.add_argument("suite", nargs="*", default=[DEFAULT], help=", ".join(recipes.SUITES))
    suites = parser.parse_args(arguments).suite
    try:
        if os.geteuid() != 0:
            raise LabError("building a root file system needs root")
        for suite in suites:
            recipes.vagrant(suite)  # A name that is none is told before anything is installed.
        _tools()
        for suite in suites:
            build(suite)
    except LabError as error:
        print(f"vagrant-box: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
