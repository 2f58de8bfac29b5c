"""What the root file systems of guests are made of: a recipe for each."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.hosts.errors import LabError
from postroad.mail import software

CACHE = Path("/var/cache/postroad-lab/images")

DEBIAN_SUITES = ("bullseye", "bookworm", "trixie")
UBUNTU_SUITES = ("jammy", "noble")
# Debian 13 with its packages of what an Ubuntu server runs beside mail (lab/images/ubuntu_like.py).
_UBUNTU_LIKE = "ubuntu-like"
SUITES = (*DEBIAN_SUITES, *UBUNTU_SUITES, _UBUNTU_LIKE)
# Debian 12 where the packages of a sending host are installed and none of them runs: for those who
# want many hosts and know from one how long packages take (benchmarks/estate.py).
FURNISHED = "bookworm-furnished"

_BARE_PACKAGES = ("ca-certificates", "dbus", "iproute2", "openssh-server", "systemd-sysv")
_UBUNTU_LIKE_PACKAGES = (
    *_BARE_PACKAGES,
    "apparmor",
    "cloud-init",
    "libnss-resolve",
    "needrestart",
    "netplan.io",
    "systemd-resolved",
    "ufw",
)
# What a hoster's image has besides, and pyinfra and Vagrant count on.
_BOX_PACKAGES = ("ifupdown", "isc-dhcp-client", "python3", "sudo")
_WORLD_PACKAGES = (
    *_BARE_PACKAGES,
    "curl",
    "dehydrated",
    "gnupg",
    "knot",
    "knot-dnsutils",
    # What shops write their mail with, beside Python and what npm has (lab/mail/libraries.py).
    "libphp-phpmailer",
    "php-cli",
    "php-symfony-mailer",
    # Two readers of mail that share nothing with each other, nor with Python's.
    "libemail-mime-perl",
    "nginx",
    "nmap",
    "node-nodemailer",
    "nodejs",
    "opendkim",
    "opendmarc",
    "openssl",
    "pebble",
    "postfix",
    "postfix-policyd-spf-python",
    "python3-milter",
    "swaks",
    "unbound",
    "libnet-ssleay-perl",
    "libio-socket-ssl-perl",
)
_WORLD_SERVICES = ("knot", "nginx", "opendkim", "opendmarc", "pebble", "postfix", "unbound")

# These timers run as everywhere and never elapse, not even for a lab that is up at midnight: a test
# that wants upgrades, a rotation or a renewal starts the service.
_NEVER = "[Timer]\\nOnCalendar=\\nOnCalendar=2199-01-01\\nPersistent=no\\n"

# Run in the new tree ($1 is its root). Keys, ids and package lists are each guest's own; the
# builder's apt settings have no place in a guest.
_CLEAN = (
    'rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/apt/apt.conf.d/99mmdebstrap',
    'rm -f "$1"/etc/resolv.conf "$1"/etc/hostname',
    ': > "$1"/etc/machine-id',
    'chroot "$1" passwd --quiet --lock root',
    "for t in apt-daily apt-daily-upgrade certbot logrotate; do"
    ' d="$1/usr/lib/systemd/system/$t.timer.d";'
    f' mkdir -p "$d" && printf "{_NEVER}" > "$d/lab.conf"; done',
)

# As on Ubuntu from 22.10 on: systemd holds port 22, and networkd does what netplan writes.
_UBUNTU_UNITS = (
    'chroot "$1" systemctl --quiet disable ssh.service',
    'chroot "$1" systemctl --quiet enable ssh.socket systemd-networkd.service',
)
# What a run installs on the lab's sending hosts.
SENDING_PACKAGES = (*software.BASE, "certbot", "unattended-upgrades")
_FURNISHED_PACKAGES = (*_BARE_PACKAGES, *SENDING_PACKAGES)
_FURNISHED_UNITS = (
    'chroot "$1" systemctl --quiet disable dovecot.service dovecot.socket opendkim.service'
    " postfix.service unbound.service",
)
# Installed systems of that time have one /usr; bootstrapped ones had not.
_MORE_PACKAGES = {"bullseye": ("usrmerge",)}


# A box's host keys are made at its first start: no two hosts may have the same (sshd(8), -t).
_HOST_KEYS_UNIT = (
    "[Unit]\\nDescription=SSH host keys of this box\\nBefore=ssh.service\\n"
    "ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key\\n"
    "[Service]\\nType=oneshot\\nExecStart=/usr/bin/ssh-keygen -A\\n"
    "[Install]\\nWantedBy=multi-user.target\\n"
)


@dataclass(frozen=True)
class Recipe:
    """What an image is made of. Any change of it makes another image."""

    name: str
    suite: str
    packages: tuple[str, ...]
    commands: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that stand for the whole recipe."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:12]

    @property
    def root(self) -> Path:
        """Where the finished tree is."""
        return CACHE / f"{self.name}-{self.digest}"


def bare(suite: str) -> Recipe:
    """A host as a hoster hands it over: systemd, sshd, and little more."""
    if suite == FURNISHED:
        # A name of its own: images of the same name and another recipe are forgotten.
        units = (*_FURNISHED_UNITS, *_CLEAN)
        return Recipe("furnished", "bookworm", _FURNISHED_PACKAGES, units)
    if suite not in SUITES:
        raise LabError(f"no suite {suite!r}: use one of {', '.join(SUITES)}")
    if suite == _UBUNTU_LIKE:
        commands = (*_UBUNTU_UNITS, *_CLEAN)
        return Recipe(f"bare-{suite}", "trixie", _UBUNTU_LIKE_PACKAGES, commands)
    packages = (*_BARE_PACKAGES, *_MORE_PACKAGES.get(suite, ()))
    return Recipe(f"bare-{suite}", suite, packages, _CLEAN)


def vagrant(suite: str) -> Recipe:
    """What a Vagrant box holds: a bare host that takes its address by DHCP, and a user `vagrant`.

    Its insecure key is Vagrant's well-known one, which `vagrant up` replaces. The commands name no
    file outside of the tree: the key and the network are added when the box is packed
    (lab/images/box.py).
    """
    own = bare(suite)
    user = (
        'chroot "$1" useradd --create-home --shell /bin/bash vagrant',
        'echo "vagrant ALL=(ALL) NOPASSWD: ALL" > "$1"/etc/sudoers.d/vagrant',
        'chmod 440 "$1"/etc/sudoers.d/vagrant',
        'printf "auto lo eth0\\niface lo inet loopback\\niface eth0 inet dhcp\\n"'
        ' > "$1"/etc/network/interfaces',
        ': > "$1"/etc/fstab',
        f'printf "{_HOST_KEYS_UNIT}" > "$1"/etc/systemd/system/box-host-keys.service',
        'chroot "$1" systemctl --quiet enable box-host-keys.service',
    )
    packages = (*own.packages, *_BOX_PACKAGES)
    return Recipe(f"vagrant-{suite}", suite, packages, (*user, *own.commands))


def world() -> Recipe:
    """The hosts that are the rest of the internet; each enables the daemons that it needs."""
    disable = f'chroot "$1" systemctl --quiet disable {" ".join(_WORLD_SERVICES)}'
    return Recipe("world", "bookworm", _WORLD_PACKAGES, (disable, *_CLEAN))
