"""The lab's hosts that postroad is deployed to, among others that carry other software."""

from benchmarks.contest.ours import is_ours
from inventories import lab as _lab

__all__ = ["mail"]

# Every list in an inventory is a group, unless its name begins so.
_hosts, _options = _lab.mail
mail = ([(name, data) for name, data in _hosts if is_ours(name)], _options)
