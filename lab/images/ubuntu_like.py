"""An Ubuntu server's habits, on a Debian guest: what it finds set up, and what its hoster says.

cloud-init is told names, addresses and resolver by NoCloud's seed, as Proxmox and others write it.
User data outranks every file in /etc/cloud, and hosters use it: host name and /etc/hosts are
cloud-init's at each boot (https://docs.cloud-init.io: NoCloud, Network configuration version 2).
"""

import json

from lab.hosts.guest import Guest
from lab.hosts.network import MACHINE, RESOLVER
from lab.hosts.seed import Seed

SEED = "/var/lib/cloud/seed/nocloud-net"

# As Ubuntu's own ssh.socket is, from 22.10 on.
_SSH_SOCKET = """\
[Socket]
ListenStream=
ListenStream=0.0.0.0:22
ListenStream=[::]:22
BindIPv6Only=ipv6-only
FreeBind=yes
"""


def plant(seed: Seed, guest: Guest) -> None:
    """Put what makes *guest* behave as an Ubuntu server does; its packages are its image's."""
    seed.file("/etc/systemd/system/ssh.socket.d/ubuntu.conf", _SSH_SOCKET)
    # Ubuntu's needrestart asks nobody where nobody is there to answer.
    seed.file("/etc/needrestart/conf.d/50-ubuntu.conf", "$nrconf{restart} = q(a);\n")
    seed.file("/etc/cloud/cloud.cfg.d/90_dpkg.cfg", "datasource_list: [ NoCloud, None ]\n")
    seed.file(f"{SEED}/meta-data", f"instance-id: {guest.container}\n", 0o600)
    seed.file(f"{SEED}/user-data", f"#cloud-config\n{json.dumps(_user_data(guest))}\n", 0o600)
    seed.file(f"{SEED}/network-config", json.dumps(_network(guest)) + "\n", 0o600)


def _user_data(guest: Guest) -> dict[str, object]:
    return {
        "hostname": guest.name,
        "fqdn": f"{guest.name}.hoster.example",
        "manage_etc_hosts": True,
        "preserve_hostname": False,
        # The guest's SSH keys are planted with it, and root is who logs in.
        "ssh_deletekeys": False,
        "disable_root": False,
        "users": [],
        # Would be generated for half a minute.
        "locale": False,
    }


def _network(guest: Guest) -> dict[str, object]:
    network = guest.network
    return {
        "version": 2,
        "ethernets": {
            "eth0": {
                "addresses": [
                    *(f"{address}/24" for address in guest.ipv4),
                    *(f"{address}/64" for address in guest.ipv6),
                ],
                "routes": [
                    {"to": "0.0.0.0/0", "via": network.ipv4(MACHINE)},
                    {"to": "::/0", "via": network.ipv6(MACHINE)},
                ],
                "nameservers": {"addresses": [network.ipv4(RESOLVER)]},
            }
        },
    }
