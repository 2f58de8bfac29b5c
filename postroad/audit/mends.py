"""Commands that mend what a run finds as declared, as a daemon that hangs. Pure."""

from __future__ import annotations

from postroad.host.paths import DEFAULT, config_folder


def instance_unit(name: str) -> str:
    """The systemd unit of a Postfix instance."""
    return "postfix" if name == DEFAULT else f"postroad-postfix@{name}"


def restart(unit: str) -> str:
    """The command that starts a unit anew."""
    return f"systemctl restart {unit}"


def reload(name: str) -> str:
    """The command that has a Postfix instance read its files."""
    return f"postfix -c {config_folder(name)} reload"


def restart_instance(name: str) -> str:
    """The command that starts a Postfix instance anew."""
    return restart(instance_unit(name))
