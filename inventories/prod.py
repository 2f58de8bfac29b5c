"""The production hosts: an example to copy. group_data/prod.py declares what they are.

The name of each host is its key under ``estate["hosts"]``; the rest is how pyinfra reaches it.
"""

from pathlib import Path

mail = (
    [
        ("mail1", {"ssh_hostname": "192.0.2.11"}),
        ("mail2", {"ssh_hostname": "192.0.2.21"}),
    ],
    {
        "ssh_user": "root",
        # Host keys are known beforehand: `ssh-keyscan` on a trusted line into the file known_hosts
        # beside this one, then compare (docs/getting-started.md). It is found from any folder.
        "ssh_known_hosts_file": str(Path(__file__).resolve().with_name("known_hosts")),
        "ssh_strict_host_key_checking": "yes",
    },
)
