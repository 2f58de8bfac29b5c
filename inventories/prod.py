"""The production hosts: an example to copy. group_data/prod.py declares what they are.

The name of each host is its key under ``estate["hosts"]``; the rest is how pyinfra reaches it.
"""

mail = (
    [
        ("mail1", {"ssh_hostname": "192.0.2.11"}),
        ("mail2", {"ssh_hostname": "192.0.2.21"}),
    ],
    {
        "ssh_user": "root",
        # Host keys are known beforehand: `ssh-keyscan` on a trusted line, then compare.
        "ssh_known_hosts_file": "inventories/known_hosts",
        "ssh_strict_host_key_checking": "yes",
    },
)
