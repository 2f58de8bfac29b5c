"""What commands that ask the live hosts have in common: the estate, its records, its faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pyinfra.api.exceptions import PyinfraError
from pyinfra.context import ctx_host

from postroad.commands.output import UnwrittenError
from postroad.dns import dkim
from postroad.dns.dkim import UnusableKeyError
from postroad.dns.missing import missing
from postroad.dns.record import Record
from postroad.dns.records import derive
from postroad.inventory import InventoryError
from postroad.live import (
    UNREACHABLE,
    UnreachableError,
    connected,
    live_certificates,
    live_keys,
    reached,
    withdrawn_keys,
)
from postroad.settings.faults import EstateFaults
from postroad.settings.model import Estate
from postroad.site import Site
from postroad.terminal import complain

T = TypeVar("T")

NOBODY = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """An estate and every record that it needs, with the keys and certificates of its hosts.

    ``gone`` are those that it needs no more, ``lacking`` are sentences about what no host has yet.
    Relative paths start at ``base``.
    """

    estate: Estate
    records: tuple[Record, ...]
    gone: tuple[Record, ...]
    lacking: tuple[str, ...]
    base: Path


def wanted(inventory: Path) -> Wanted:
    """Ask the hosts of the inventory for what they show. Raises what `told` tells."""
    with connected(inventory) as (loaded, sites):
        keys, certificates = live_keys(sites), live_certificates(sites)
        gone = tuple(dkim.records(loaded.estate, withdrawn_keys(sites)))
    records = derive(loaded.estate, keys, certificates)
    lacking = tuple(missing(loaded.estate, keys, certificates))
    return Wanted(loaded.estate, records, gone, lacking, loaded.base)


@dataclass(frozen=True, slots=True)
class Heard(Generic[T]):
    """What the hosts that answered said, in their order; ``status`` is 2 where one did not."""

    answers: tuple[T, ...]
    status: int


def who_answers(inventory: Path, look: Callable[[Site], T]) -> Heard[T]:
    """What ``look`` finds on each host of the inventory; those that do not answer are named.

    Raises what `told` tells.
    """
    answers, silent = [], []
    with reached(inventory) as found:
        silent += [f"{name}: {UNREACHABLE}" for name in found.silent]
        for site in found.sites:
            with ctx_host.use(site.pyhost):
                try:
                    answers.append(look(site))
                except PyinfraError as error:
                    silent.append(f"{site.host.name}: {error}")
    for sentence in silent:
        complain(sentence)
    return Heard(tuple(answers), NOBODY if silent else 0)


def told(work: Callable[[], int]) -> int:
    """What ``work`` returns; 1 where the estate or a key is at fault, 2 where nobody answered."""
    try:
        return work()
    except (EstateFaults, UnusableKeyError) as faults:
        complain(faults)
        return 1
    # Secrets that cannot be read are pyinfra's errors, and so are hosts that cannot be asked.
    except (InventoryError, UnreachableError, PyinfraError, UnwrittenError) as error:
        complain(error)
        return NOBODY
