"""The look before the first change: what is wrong with a host is told while it is as it was."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.host.paths import BEFORE
from postroad.mail.before import files
from postroad.mail.brought import pair_doubts, pair_faults, signing_key_fault
from postroad.mail.preflight import warnings
from postroad.mail.signing.keys import key_faults
from postroad.roles.run import made
from postroad.roles.run.closing import closings
from postroad.roles.run.facts.outward import Port25Open
from postroad.roles.run.left_out import alone
from postroad.roles.run.site import Site
from postroad.settings.doubts import doubts
from postroad.settings.model import SecretRef, SuppliedTls
from postroad.settings.terminal import inform, warn


@alone
def preflight(site: Site) -> None:
    """Leave out a host that would be spoilt or could not be finished; warn where mail can wait."""
    made.refuse(site, _brought(site))
    state = site.state()
    if "postfix" not in state.packages:
        inform(
            f"{site.host.name} is bare: files are named here, their text is settled once the "
            "packages are there and postroad knows what they can do"
        )
    for sentence in (*warnings(state), *doubts(site.estate, site.host), *_hardly_brought(site)):
        warn(f"{site.host.name}: {sentence}")
    for sentence in closings(site):
        warn(sentence)
    _name_what_is_kept(site)
    probe = site.estate.port25_probe
    # Asked once, before the first deploy: it costs five seconds where the answer is no.
    if probe is not None and "postfix" not in state.packages and not site.ask(Port25Open(probe)):
        warn(
            f"{site.host.name}: port 25 of {probe} cannot be reached, so mail will wait in the "
            "queue: ask the hoster to open port 25 outward, or send by a relay"
        )


def _brought(site: Site) -> Iterator[str]:
    """What is wrong with the certificate and the keys that the operator brings to this host.

    Read before the first change: SecretError where one cannot be.
    """
    tls = site.estate.tls
    if isinstance(tls, SuppliedTls):
        yield from pair_faults(site.operator_file(tls.chain_file), site.secret(tls.key))
    for fault in key_faults(site.estate, site.host, site.state()):
        supplied = fault.key.supplied
        if fault.how != "missing" or supplied is None or not isinstance(supplied.key, SecretRef):
            continue
        if wrong := signing_key_fault(site.secret(supplied.key)):
            yield f"the {supplied.stream} key {supplied.selector} of {supplied.domain} {wrong}"


def _hardly_brought(site: Site) -> Iterator[str]:
    tls = site.estate.tls
    if isinstance(tls, SuppliedTls):
        chain = site.operator_file(tls.chain_file)
        yield from pair_doubts(chain, site.host.certificate_names, site.state().clock)


def _name_what_is_kept(site: Site) -> None:
    parts = made.components(site)
    if all(part.name in site.state().adopted for part in parts):
        return
    paths = ", ".join(files.replaced(parts, site.state()))
    if paths:
        inform(
            f"{site.host.name}: files of others are replaced, and kept as they were below {BEFORE}:"
            f" {paths}"
        )
