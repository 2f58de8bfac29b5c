"""The lab's bare hosts, over SSH like any others. `script/lab up` brings them up."""

from pyinfra.api.exceptions import PyinfraError

import lab

try:
    _lab = lab.load()
except lab.LabError as error:
    # pyinfra shows its own errors as one line, and others as a traceback.
    raise PyinfraError(str(error)) from error

mail = (
    [(name, {"ssh_hostname": host.ipv4[0]}) for name, host in _lab.targets.items()],
    {
        "ssh_user": "root",
        "ssh_key": str(_lab.ssh_key),
        "ssh_known_hosts_file": str(_lab.known_hosts),
        "ssh_strict_host_key_checking": "yes",
        "ssh_look_for_keys": False,
        "ssh_allow_agent": False,
    },
)
