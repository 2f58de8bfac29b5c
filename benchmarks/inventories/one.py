"""One of the lab's hosts, as the whole estate of somebody who has no other."""

from benchmarks.estate import ONE, name
from inventories import lab as _lab

__all__ = ["mail"]

# Every list in an inventory is a group, unless its name begins so.
_hosts, _options = _lab.mail
mail = ([(host, data) for host, data in _hosts if host == name(ONE)], _options)
