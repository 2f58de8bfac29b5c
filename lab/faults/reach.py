"""Where a fault strikes: the hosts that send, those that receive, and their networks."""

from __future__ import annotations

from lab.hosts.guest import Guest
from lab.hosts.shell import run
from lab.life.session import Lab


def senders(lab: Lab) -> list[Guest]:
    """The bare hosts."""
    return list(lab.targets.values())


def receivers(lab: Lab) -> list[Guest]:
    """The mailbox providers' hosts."""
    return [provider.guest for provider in lab.providers.values()]


def take_rules(guest: Guest, rules: str) -> None:
    """Have the guest's kernel take nft(8)'s ``rules``; a guest has no such program."""
    run_in_network(guest, "nft", "-f", "-", input=rules)


def run_in_network(guest: Guest, *command: str, input: str | None = None) -> None:
    """Run one of this machine's programs in the guest's network."""
    run(["nsenter", f"--target={guest.pid}", "--net", *command], input=input)
