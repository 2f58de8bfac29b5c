"""What daemons run from is replaced: all run from what is there, one stream after another."""

from __future__ import annotations

from lab.faults import upgrades
from lab.life.session import Lab
from lab.mail import road
from postroad.host.paths import STAMPS
from tests.lab import downtimes, mail, plans

# The one that all of them run; libssl is mapped by Postfix's daemons only while there is mail.
REPLACE = "cd /usr/lib/*-linux-gnu && cp -p libc.so.6 libc.so.6.new && mv libc.so.6.new libc.so.6"
# The least that dpkg can be told to change; its hook comes after it as after everything.
CHANGE = "dpkg --configure --pending"


def test_daemons_follow_a_replaced_library_one_stream_after_another(deployed: Lab) -> None:
    guest = deployed.targets["mail1"]
    guest.run(REPLACE)
    old = upgrades.outdated(guest)
    streams = {f"postroad-postfix@{name}.service" for name in downtimes.STREAMS}
    assert streams | {"postroad-postfix@inbound.service", "unbound.service"} <= set(old)
    since = downtimes.now(guest)
    guest.run(CHANGE)
    upgrades.wait_until_refreshed(guest)
    assert downtimes.together(guest, since) == []
    for name in downtimes.STREAMS:
        assert len(downtimes.of(guest, name, since)) == 1, downtimes.words(guest, since)
    mail.flows(deployed, [("mail1", name) for name in downtimes.STREAMS])
    assert road.plan() == []


def test_units_follow_a_changed_unit_file(deployed: Lab) -> None:
    """As after an upgrade of postroad itself: by its stamp, the stream was started from another."""
    guest = deployed.targets["mail1"]
    guest.run(f"sed -i 's/[.].*/.0/' {STAMPS}/marketing")
    older = "marketing (runs from an older unit file, and is restarted)"
    assert plans.named(road.plan()) == {("mail1", older)}
    since = downtimes.now(guest)
    assert road.deploy().returncode == 0
    assert len(downtimes.of(guest, "marketing", since)) == 1
    assert downtimes.of(guest, "transactional", since) == []
    mail.flows(deployed, [("mail1", "marketing")])
    assert road.plan() == []
