"""The lab's hosts behind the relays of `benchmarks.slow`: else an inventory like any other."""

from benchmarks.slow import behind_relays
from inventories.lab import mail as direct

__all__ = ["mail"]

mail = behind_relays(direct)
