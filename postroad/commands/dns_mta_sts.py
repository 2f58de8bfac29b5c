"""``postroad dns mta-sts INVENTORY DOMAIN``: the policy file that the domain's web host serves."""

from __future__ import annotations

import argparse
from pathlib import Path

from postroad.commands.asking import told
from postroad.dns.mta_sts import policy
from postroad.roles.run.inventory import load
from postroad.settings.terminal import complain, tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory, and one of its envelope domains."""
    parser.add_argument("inventory", type=Path, metavar="INVENTORY")
    parser.add_argument("domain", metavar="DOMAIN", help="envelope domain of a stream")


def run(arguments: argparse.Namespace) -> int:
    """0 written, 1 faults or no such policy, 2 the inventory does not load. Asks no host."""
    return told(lambda: _write(arguments))


def _write(arguments: argparse.Namespace) -> int:
    estate = load(arguments.inventory).estate
    domains = [stream.envelope_domain for stream in estate.streams]
    if estate.mta_sts is None:
        complain('no policy is declared: write estate["mta_sts"]')
        return 1
    if arguments.domain not in domains:
        known = ", ".join(domains)
        complain(f"{arguments.domain} is no envelope domain: name one of {known}")
        return 1
    for each in policy(estate, estate.mta_sts).splitlines():
        tell(each, end="\r\n")  # RFC 8461 §3.2.
    return 0
