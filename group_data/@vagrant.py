"""What the operator of the Vagrant box declares: an estate that the world does not know.

The group is the one that pyinfra's @vagrant connector puts its hosts into. pyinfra runs every file
of group_data for every inventory, so nothing happens here unless the box is in it.
"""

from pyinfra import inventory

__all__ = [
    "_sudo",
    "estate",
    "ssh_allow_agent",
    "ssh_known_hosts_file",
    "ssh_look_for_keys",
    "ssh_strict_host_key_checking",
]

if "@vagrant/mta" in inventory.hosts:
    from lab.mail import vagrant

    # Nobody but Vagrant's own user is let in at first, and he may sudo without a password.
    _sudo = True
    # Its key is believed when it is first seen, and forgotten with the machine.
    ssh_known_hosts_file = str(vagrant.known_hosts())
    ssh_strict_host_key_checking = "accept-new"
    ssh_look_for_keys = False
    ssh_allow_agent = False
    estate = vagrant.estate(vagrant.address(inventory.host_data[vagrant.HOST]))
