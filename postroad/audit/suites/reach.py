"""The host answers."""

from __future__ import annotations

from postroad.audit.audited import Audited
from postroad.audit.fault import Fault, refute
from postroad.audit.gather import SilentError


def test_the_host_answers(answer: Audited | SilentError) -> None:
    """Over the inventory's own connection, its host key verified."""
    if isinstance(answer, SilentError):
        refute([Fault(str(answer), "nothing else is known of it", "mend that, and audit again")])
