"""One message, from its submission on a host to what became of it: the edge that does it."""

from __future__ import annotations

import secrets
import ssl
from datetime import UTC, datetime
from pathlib import Path

from postroad.mail.certificate import CERTIFICATE
from postroad.roles.run import streams
from postroad.roles.run.facts.followed import Followed
from postroad.roles.run.site import Site
from postroad.roles.run.tunnel import connected
from postroad.settings.files import from_base
from postroad.settings.model import AcmeTls, Estate, SuppliedTls
from postroad.settings.secrets import Secret
from postroad.watch.send_test.letter import Letter, letter
from postroad.watch.send_test.outcome import Fated, Outcome, followed, refused, selector_of
from postroad.watch.send_test.plan import Trial
from postroad.watch.send_test.session import Submitted, submit
from postroad.watch.trace.story import Story, found

UNCERTIFIED = "submission is closed: the host has no certificate yet"
RESUME = "to resume it: pyinfra -y INVENTORY deploys/pause.py --data stream={} --data do=resume"


class TrustError(Exception):
    """The authority's certificate that the estate names cannot be read; the message says which."""


def trust(estate: Estate, base: Path) -> ssl.SSLContext:
    """Whom an application trusts: the system's authorities, or those of SSL_CERT_FILE.

    Besides, the private authority that the estate names, and the certificate of a lone box, which
    has signed itself. Raises TrustError.
    """
    context = ssl.create_default_context()
    match estate.tls:
        case AcmeTls(ca_file=str(path)):
            _believe(context, base, path)
        case SuppliedTls(chain_file=path) if estate.lone:
            _believe(context, base, path)
    return context


def _believe(context: ssl.SSLContext, base: Path, written: str) -> None:
    file = base / written
    try:
        file = from_base(base, written)
        context.load_verify_locations(cafile=file)
    except OSError as error:
        raise TrustError(f"{file}: no certificates to trust: {error.strerror or error}") from None


def closed(site: Site, trial: Trial) -> str:
    """Why the stream takes no mail there, with the mend; empty where it should. May ask."""
    if site.state()[CERTIFICATE] is None:
        return UNCERTIFIED
    name = trial.stream.name
    why = streams.closed_because(site, name)
    return f"{why}; {RESUME.format(name)}" if streams.pause_of(site, name) else why


def send(
    site: Site, trial: Trial, password: Secret, trusted: ssl.SSLContext, wait: float
) -> Outcome:
    """Submit the message and follow it for so many seconds. Raises UnansweredError."""
    token = secrets.token_hex(5)
    written = letter(
        site.host.name,
        trial.stream,
        trial.user,
        trial.sender,
        trial.recipient,
        token,
        datetime.now(UTC),
    )
    taken = _submitted(site, trial, password, trusted, written)
    if not taken.queue_id:
        return _outcome(trial, written, taken, None, wait)
    said = site.ask(Followed(taken.queue_id, trial.stream.name, wait))
    stories = [story for one in found(site.host.name, said) for story in one.stories]
    return _outcome(trial, written, taken, next(iter(stories), None), wait)


def _submitted(
    site: Site, trial: Trial, password: Secret, trusted: ssl.SSLContext, written: Letter
) -> Submitted:
    way = trial.host.way_out(trial.stream.name)
    try:
        with connected(site.pyhost, way.addresses[0], way.starttls_port) as channel:
            return submit(channel, way.helo, trusted, trial.user.name, password.unmask(), written)
    except OSError as error:
        return Submitted("", "connection", str(error))


def _outcome(
    trial: Trial, written: Letter, taken: Submitted, story: Story | None, wait: float
) -> Outcome:
    way = trial.host.way_out(trial.stream.name)
    if taken.queue_id:
        fated = followed(story, trial.recipient, wait)
    else:
        fated = Fated("refused", refused(taken.step, taken.words))
    return Outcome(
        host=trial.host.name,
        stream=trial.stream.name,
        fate=fated.fate,
        words=fated.words,
        relay=fated.relay,
        server=f"{way.helo}:{way.starttls_port}",
        login=trial.user.name,
        sender=trial.sender,
        mail_from=trial.stream.envelope_domain,
        subject=written.subject,
        queue_id=taken.queue_id,
        selector=selector_of(story),
    )
