"""The clock is right: signatures, certificates and DNSSEC hang on it."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.audit.audited import Audited
from postroad.audit.fault import Fault, refute
from postroad.mail.preflight import CLOCK_SECONDS

_MEND = "systemctl restart systemd-timesyncd; timedatectl timesync-status (UDP 123 outward)"


def wrong_clock(audited: Audited) -> Iterator[Fault]:
    """A clock that is far from that of the machine that asks."""
    ahead = audited.clock_ahead
    if abs(ahead) > CLOCK_SECONDS:
        yield Fault(
            f"the clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this "
            "machine's",
            "signatures and certificates count as not yet valid, or as over",
            _MEND,
        )


def loose_clock(audited: Audited) -> Iterator[Fault]:
    """A clock that nothing keeps right; a container's is its machine's."""
    if audited.system.synchronised == "no" and not audited.state.container:
        yield Fault("the clock is not synchronised", "it will be wrong some day", _MEND)


def test_the_clock_is_right(audited: Audited) -> None:
    """Within a minute of the machine that asks."""
    refute(wrong_clock(audited))


def test_the_clock_is_kept_right(audited: Audited) -> None:
    """By systemd's own account (timedatectl(1))."""
    refute(loose_clock(audited))
