"""Rotating the DKIM keys that were made on the hosts, a step a run: deploys/rotate_dkim.py."""

from __future__ import annotations

from postroad.operations import rotation as operations
from postroad.roles.apply import titled
from postroad.roles.own import deploy
from postroad.roles.run.site import Site

_ROTATIONS = operations.Rotations()


@deploy("DKIM rotation")
def rotate(site: Site) -> None:
    """What may be done today: make, publish, watch, switch, revoke, withdraw or forget keys."""
    taken = _ROTATIONS.steps(site)
    own = tuple(step for step in taken if step.host == site.host.name)
    operations.rotate(name=titled(site, "Rotation", own), site=site, taken=own)
    operations.publish(name="Records of the keys", site=site, taken=taken)
