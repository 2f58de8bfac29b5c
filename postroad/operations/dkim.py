"""The DKIM keys: made on the host where it has none, or brought by the operator."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api.command import StringCommand

from postroad.host.paths import key_path
from postroad.mail.signing.keys import KeyFault, key_faults, script
from postroad.operations.own import operation
from postroad.roles.run.site import Site
from postroad.settings.model import SecretRef


def faults(site: Site) -> tuple[KeyFault, ...]:
    """What of the host's keys is not as it must be."""
    return key_faults(site.estate, site.host, site.state())


@operation()
def keys(site: Site) -> Generator[StringCommand]:
    """Make, bring or mend the keys; a key that is there is never replaced."""
    found = faults(site)
    if not found:
        host.noop("every key is there")
        return
    secrets = {
        key_path(s.stream, s.domain, s.selector): site.secret(s.key)
        for s in (fault.key.supplied for fault in found if fault.how == "missing")
        if s is not None and isinstance(s.key, SecretRef)
    }
    yield StringCommand("sh", "-s", _stdin=script(found, secrets))
    site.forget()
