"""The host calls itself what the estate calls it."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.audit.audited import Audited
from postroad.audit.fault import Fault, refute


def other_name(audited: Audited) -> Iterator[Fault]:
    """The kernel's host name, which nothing but a boot reads from /etc/hostname."""
    found, declared = audited.state.hostname, audited.host.hostname
    if found != declared:
        yield Fault(
            f"the running system calls itself {found or 'nothing'}, declared is {declared}",
            "logs and programs that ask for the name give another one, until the next boot",
            f"{audited.run}   (or, on the host: hostname -F /etc/hostname)",
        )


def test_the_host_has_its_name(audited: Audited) -> None:
    """As hostname(1) tells it; the file is one of the parts' rows."""
    refute(other_name(audited))
