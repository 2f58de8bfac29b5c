"""The host answers."""

from __future__ import annotations

from postroad.audit.audited import Audited
from postroad.audit.fault import Fault, refute
from postroad.roles.run.ask import UnansweredError


def test_the_host_answers(answer: Audited | UnansweredError) -> None:
    """Over the inventory's own connection, its host key verified."""
    if isinstance(answer, UnansweredError):
        refute([Fault(str(answer), "nothing else is known of it", "mend that, and audit again")])
