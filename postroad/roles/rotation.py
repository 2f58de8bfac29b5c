"""Rotating the DKIM keys that were made on the hosts, a step a run: deploys/rotate_dkim.py."""

from __future__ import annotations

from pyinfra.api.deploy import deploy

from postroad.operations import rotation as operations
from postroad.roles.apply import titled
from postroad.site import Site

_ROTATIONS = operations.Rotations()


@deploy("DKIM rotation")
def rotate(site: Site) -> None:
    """What may be done today: make, watch, switch, revoke or forget keys; mostly nothing."""
    taken = _ROTATIONS.steps(site)
    operations.rotate(name=titled(site, "Rotation", taken), site=site, taken=taken)
