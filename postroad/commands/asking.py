"""What commands that ask the live hosts have in common: the estate, its records, its faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from postroad.commands.output import UnwrittenError
from postroad.dns import dkim
from postroad.dns.dkim import UnusableKeyError
from postroad.dns.missing import missing
from postroad.dns.record import Record
from postroad.dns.records import derive
from postroad.roles.run.ask import UnansweredError
from postroad.roles.run.inventory import InventoryError
from postroad.roles.run.live import (
    UnreachableError,
    connected,
    given_up,
    live_certificates,
    live_keys,
    of_each,
    reached,
    withdrawn_keys,
)
from postroad.roles.run.site import Site
from postroad.settings.faults import EstateFaults
from postroad.settings.model import Estate
from postroad.settings.secrets import SecretError
from postroad.settings.terminal import complain

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
        former = given_up(sites)
        gone = tuple(dkim.records(loaded.estate, withdrawn_keys(sites)))
    records = derive(loaded.estate, keys, certificates, former)
    lacking = tuple(missing(loaded.estate, keys, certificates))
    return Wanted(loaded.estate, records, gone, lacking, loaded.base)


@dataclass(frozen=True, slots=True)
class Heard(Generic[T]):
    """What the hosts that answered said, in their order, and the names of those that did not.

    ``status`` is 2 where there are any.
    """

    answers: tuple[T, ...]
    silent: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        return NOBODY if self.silent else 0


def who_answers(inventory: Path, look: Callable[[Site], T]) -> Heard[T]:
    """What ``look`` finds on each host of the inventory, side by side.

    Those that do not answer are named on standard error, each with the reason.

    Raises what `told` tells.
    """
    with reached(inventory) as found:
        said = (*found.silent, *of_each(found.sites, look))
    silent = [one for one in said if isinstance(one, UnansweredError)]
    for error in silent:
        complain(error)
    answers = tuple(one for one in said if not isinstance(one, UnansweredError))
    return Heard(answers, tuple(error.host for error in silent))


def told(work: Callable[[], int]) -> int:
    """What ``work`` returns; 1 where the estate or a key is at fault, 2 where nobody answered."""
    try:
        return work()
    except (EstateFaults, UnusableKeyError) as faults:
        complain(faults)
        return 1
    except (InventoryError, UnreachableError, SecretError, UnwrittenError) as error:
        complain(error)
        return NOBODY
