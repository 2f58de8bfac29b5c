"""A firewall that somebody has opened by iptables(8): a run closes it again, and still gets in."""

from __future__ import annotations

import pytest

from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import road

# What ufw makes with its chains, and never again.
HOOKS = "for t in iptables ip6tables; do $t -S | grep -cE '^-A (INPUT|OUTPUT|FORWARD) -j ufw'; done"
FLUSHED = {
    "both families": "for t in iptables ip6tables; do $t -F; $t -P INPUT ACCEPT; done",
    "one family": "iptables -F; iptables -P INPUT ACCEPT",
    "with drift of the early rules": (
        "iptables -F; iptables -P INPUT ACCEPT; echo '#x' >> /etc/ufw/before.rules"
    ),
    "switched off": "ufw disable; iptables -F; ip6tables -F",
}


def rules(guest: Guest) -> list[str]:
    return sorted(guest.run("iptables -S; ip6tables -S").stdout.splitlines())


@pytest.mark.parametrize("name", ["mail1", "mail2"])
@pytest.mark.parametrize("how", FLUSHED.values(), ids=FLUSHED.keys())
def test_flushed_chains_are_hooked_in_again(how: str, name: str, deployed: Lab) -> None:
    """By ufw's reload alone nobody would come in any more."""
    guest = deployed.targets[name]
    before = rules(guest)
    guest.run(how)
    told = road.postroad("audit", str(road.INVENTORY)).stdout
    assert "do not lead to those of ufw" in told
    assert "mend: ufw reload" not in told
    done = road.deploy()
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert guest.run(HOOKS).stdout.split() == ["18", "18"]
    assert rules(guest) == before
    assert road.plan() == []
    assert road.postroad("audit", str(road.INVENTORY)).returncode == 0
