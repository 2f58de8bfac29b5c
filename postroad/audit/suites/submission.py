"""Applications can hand mail in, over good TLS, and only with a login. Nothing relays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from postroad.audit.asking import submission_ports
from postroad.audit.audited import Audited
from postroad.audit.evidence import Dialogue
from postroad.audit.fault import Fault, refute
from postroad.audit.mends import reload, restart, restart_instance
from postroad.host.paths import ACME_LINEAGE, paths_for
from postroad.mail.certificate import (
    CERTIFICATE,
    DAY,
    DAYS_LEFT,
    certificate_faults,
    renewal_faults,
)
from postroad.settings.model import AcmeTls, NoTls

_NO_MAIL = "applications cannot hand in any mail there"
_NO_MORE = "from then on no application connects"
# Whose certificate the operator brings.
_OWN = 'put a new certificate at estate["tls"]["chain_file"]'


@dataclass(frozen=True, slots=True)
class Door:
    """A listener with what is declared of it; ``size`` is None where the model has no limit."""

    said: Dialogue
    purpose: str
    name: str
    size: int | None
    submission: bool
    wrapped: bool

    def __str__(self) -> str:
        return f"{self.purpose} on {self.said}"

    @property
    def instance(self) -> str:
        """The Postfix instance that listens there."""
        return self.purpose.partition(" ")[0]


def doors(audited: Audited) -> Iterator[Door]:
    """Every listener that was spoken to."""
    said = {(d.address, d.port): d for d in audited.smtp.listeners}
    for address in audited.host.addresses:
        if (str(address), 25) in said:
            heard = said[str(address), 25]
            yield Door(heard, "inbound", audited.host.hostname, None, False, False)
    for stream, way in audited.estate.streams_of(audited.host):
        for where, port, wrapped in submission_ports(way):
            if (str(where), port) in said:
                size = stream.limits.message_size
                found = said[str(where), port]
                yield Door(found, f"{stream.name} submission", way.helo, size, True, wrapped)


def _heard(audited: Audited) -> Iterator[Door]:
    return (door for door in doors(audited) if not door.said.fault)


def closed(audited: Audited) -> Iterator[Fault]:
    """Submission that has no certificate, or does not answer."""
    if audited.state[CERTIFICATE] is None and not isinstance(audited.estate.tls, NoTls):
        yield Fault(
            "there is no certificate, so submission is closed",
            "applications cannot hand in any mail",
            f"{audited.run}   (its TLS step says what the authority says)",
        )
    for door in doors(audited):
        if door.said.fault:
            yield Fault(
                f"{door} does not answer: {door.said.fault}",
                _NO_MAIL if door.submission else "bounces, complaints and letters do not come in",
                f"{audited.mend(door.instance, restart_instance(door.instance))}"
                f"   (why: /var/log/postroad/{door.instance}.log)",
            )


def impostors(audited: Audited) -> Iterator[Fault]:
    """Listeners that give another name or limit than the model: they run by other files."""
    for door in _heard(audited):
        size = (door.said.after or door.said.before).get("SIZE", "")
        if door.said.greeting != door.name:
            yield Fault(
                f"{door} calls itself {door.said.greeting or 'nothing'}, declared is {door.name}",
                "it runs by another configuration than the declared one",
                _reread(audited, door),
            )
        if door.size is not None and size != str(door.size):
            yield Fault(
                f"{door} takes messages of {size or 'any number of'} bytes, declared are "
                f"{door.size}",
                "it runs by another configuration than the declared one",
                _reread(audited, door),
            )


def _reread(audited: Audited, door: Door) -> str:
    return audited.mend(door.instance, reload(door.instance))


def old_tls(audited: Audited) -> Iterator[Fault]:
    """TLS before 1.2 where passwords are sent (RFC 8996, RFC 8314 4.1)."""
    for door in _heard(audited):
        if door.submission and (door.said.outdated or not door.said.tls):
            how = "takes TLS 1.1 or 1.0" if door.said.outdated else "has no TLS"
            yield Fault(f"{door} {how}", "passwords can be read on the way", _reread(audited, door))


def other_renewals(audited: Audited) -> Iterator[Fault]:
    """Ways to renew the certificate that are not those declared."""
    found = audited.state[CERTIFICATE]
    if found is None or not isinstance(audited.estate.tls, AcmeTls):
        return
    for fault in renewal_faults(audited.estate.tls, found):
        yield Fault(
            f"the {fault}",
            "its renewal may fail, and with its end applications cannot hand in any mail",
            audited.run,
        )


def wrong_certificates(audited: Audited) -> Iterator[Fault]:
    """Names, end, and whether it is the one on disk."""
    for door in _heard(audited):
        shown = audited.smtp.certificates.get(door.said.certificate)
        if shown is None:
            continue
        if door.submission and door.name not in shown.names:
            yield Fault(
                f"{door} shows a certificate for {', '.join(shown.names) or 'no name'}, not for "
                f"{door.name}",
                "applications that verify it, as they should, do not connect",
                _for_names(audited, door),
            )
        if shown.seconds_left < DAYS_LEFT * DAY:
            yield Fault(
                f"{door} shows a certificate that {_end(shown.seconds_left)}",
                _when_over(door, shown.seconds_left),
                _renewed(audited),
            )
        if door.said.certificate != audited.smtp.installed:
            chain = paths_for(audited.estate).certificate_chain
            yield Fault(
                f"{door} shows another certificate than the one in {chain}",
                "it was renewed, and the old one is still shown until it ends",
                "systemctl reload postfix.service",
            )


def _when_over(door: Door, seconds_left: int) -> str:
    """What follows from the end of the certificate that a listener shows."""
    if not door.submission:
        return "who verifies it, as by MTA-STS, does not deliver bounces and complaints"
    return "no application connects" if seconds_left <= 0 else _NO_MORE


def _end(seconds_left: int) -> str:
    if seconds_left <= 0:
        return f"ended {-seconds_left / DAY:.1f} days ago"
    return f"ends in {seconds_left / DAY:.1f} days"


def _renewed(audited: Audited) -> str:
    """How there will be a fresh certificate."""
    tls = audited.estate.tls
    if isinstance(tls, AcmeTls):
        if certificate_faults(tls, audited.host, audited.state[CERTIFICATE]):
            return audited.run
        return "certbot renew   (why it did not: journalctl -u certbot; systemctl list-timers)"
    return f"{_OWN}; then {audited.run}"


def _for_names(audited: Audited, door: Door) -> str:
    """How the certificate gets a name that it lacks."""
    tls, found = audited.estate.tls, audited.state[CERTIFICATE]
    if isinstance(tls, AcmeTls) and certificate_faults(tls, audited.host, found):
        return audited.run
    if found is None or door.name in found.names:
        return _reread(audited, door)
    return f"{_OWN}, for {door.name}; then {audited.run}"


def lost_keys(audited: Audited) -> Iterator[Fault]:
    """A private key that is gone or none, while the daemons that run have it in memory."""
    if not audited.smtp.key_fault:
        return
    tls = audited.estate.tls
    if not isinstance(tls, AcmeTls):
        anew = f"{_OWN}, and its own key; then "
    elif certificate_faults(tls, audited.host, audited.state[CERTIFICATE]):
        anew = ""
    else:
        # What a run does not see of it, it would not mend.
        anew = f"certbot delete --non-interactive --cert-name {ACME_LINEAGE}; then "
    yield Fault(
        f"the certificate's key {paths_for(audited.estate).certificate_key} cannot be used: "
        f"{audited.smtp.key_fault}",
        "only daemons that run already have it: within minutes, applications find no TLS",
        f"{anew}{audited.run}   (or put it back from the backup: postroad docs operating)",
    )


def open_logins(audited: Audited) -> Iterator[Fault]:
    """A login before TLS, none after it, or one where mail from strangers comes in."""
    for door in _heard(audited):
        if "AUTH" in door.said.before or (not door.submission and "AUTH" in door.said.after):
            where = "before TLS" if door.submission else "to strangers"
            yield Fault(
                f"{door} offers a login {where}",
                "passwords can be read or guessed",
                _reread(audited, door),
            )
        if door.submission and "AUTH" not in door.said.after:
            yield Fault(
                f"{door} offers no login",
                "applications cannot hand in any mail there",
                f"{audited.mend(door.instance, restart(f'postroad-auth@{door.instance}'))}"
                f"   (why: journalctl -u postroad-auth@{door.instance})",
            )


def open_relays(audited: Audited) -> Iterator[Fault]:
    """A recipient elsewhere, from a client without a login, that was not refused."""
    for door in _heard(audited):
        if door.said.code < 400:
            yield Fault(
                f"{door} takes mail for anybody from anybody (RCPT TO was answered "
                f"{door.said.code} {door.said.answer})",
                "it is an open relay, and will be on every list within hours",
                f"systemctl stop 'postroad-postfix@*'; then {audited.run}",
            )


def test_listeners_answer(audited: Audited) -> None:
    """Every one of them, on every address."""
    refute(closed(audited))


def test_listeners_are_who_they_must_be(audited: Audited) -> None:
    """Name and size as the running daemon tells them."""
    refute(impostors(audited))


def test_tls_is_of_today(audited: Audited) -> None:
    """1.2 or later, proved by a client that knows no more than 1.1."""
    refute(old_tls(audited))


def test_certificates_are_good(audited: Audited) -> None:
    """The right names, two weeks left, and the one that is installed."""
    refute(wrong_certificates(audited))


def test_certificates_have_their_keys(audited: Audited) -> None:
    """A daemon that starts now can show the certificate on disk."""
    refute(lost_keys(audited))


def test_certificates_renew_as_declared(audited: Audited) -> None:
    """As certbot remembers it: from the declared authority, by the declared challenge."""
    refute(other_renewals(audited))


def test_logins_only_after_tls(audited: Audited) -> None:
    """Offered there, and nowhere else."""
    refute(open_logins(audited))


def test_nothing_relays_without_login(audited: Audited) -> None:
    """Inbound neither; no mail is sent to find out."""
    refute(open_relays(audited))
