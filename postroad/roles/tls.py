"""The certificate that submission and inbound TLS use, and what keeps it fresh."""

from __future__ import annotations

from postroad.mail.parts.context import Builder
from postroad.operations import tls as operations
from postroad.roles.apply import converge, titled
from postroad.roles.own import deploy
from postroad.roles.run.site import Site


@deploy("TLS")
def certificate(site: Site) -> None:
    """A certificate with every name that clients use, and its renewal."""
    converge(site, "Trust in the private authority", Builder.trust)
    converge(site, "Keeping the certificate fresh", Builder.certificate)
    operations.certificate(
        name=titled(site, "Certificate", operations.missing_certificate(site)), site=site
    )
