"""The certificate that submission and inbound TLS use, and what keeps it fresh."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api.command import StringCommand

from postroad.mail.acme import request_script
from postroad.mail.certificate import CERTIFICATE, certificate_faults, former_names
from postroad.mail.parts import certificate as fresh
from postroad.mail.parts import trust
from postroad.roles.apply import converge, titled
from postroad.roles.own import deploy, operation
from postroad.roles.run.site import Site
from postroad.settings.model import AcmeTls


@deploy("TLS")
def certificate(site: Site) -> None:
    """A certificate with every name that clients use, and its renewal."""
    converge(site, trust.PART)
    converge(site, fresh.PART)
    request(name=titled(site, "Certificate", missing_certificate(site)), site=site)


def missing_certificate(site: Site) -> tuple[str, ...]:
    """What the host's certificate lacks; renewal in time is the timer's, not the run's."""
    if not isinstance(site.estate.tls, AcmeTls):
        return ()
    return certificate_faults(site.estate.tls, site.host, site.state()[CERTIFICATE])


def _former(site: Site) -> tuple[str, ...]:
    return former_names(site.host, site.state()[CERTIFICATE])


@operation()
def request(site: Site) -> Generator[StringCommand]:
    """Get the certificate where there is none with every name that clients use."""
    tls = site.estate.tls
    if not isinstance(tls, AcmeTls) or not missing_certificate(site):
        host.noop("the certificate has every name")
        return
    yield StringCommand("sh", "-s", _stdin=request_script(tls, site.host, _former(site)))
    site.forget()
