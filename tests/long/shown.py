"""What an audit shows to people."""

from __future__ import annotations

import re


def waived(said: str) -> set[str]:
    """The checks that it lists as waived."""
    return set(re.findall(r"SKIPPED .*: waived: ([\w.]+): ", said))
