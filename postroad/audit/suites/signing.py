"""Each signer signs what its stream may send so that the world can verify it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.audit.asking import NOBODYS_DOMAIN, UNREADABLE, probe_headers
from postroad.audit.audited import Audited
from postroad.audit.evidence import Signed
from postroad.audit.fault import Fault, refute, unknown
from postroad.audit.mends import restart
from postroad.mail.signing.keys import NO_KEY, KeyFault, key_faults


def _is_nobodys(probe: Signed) -> bool:
    return probe.sender.endswith(f"@{NOBODYS_DOMAIN}")


def _is_stranger(probe: Signed) -> bool:
    return _is_nobodys(probe) and probe.sender != UNREADABLE


def _why(audited: Audited, stream: str, daemon: str = "dkim") -> str:
    """What mends a daemon of the stream that answers wrongly, or not at all."""
    unit = f"postroad-{daemon}@{stream}"
    return f"{audited.mend(stream, restart(unit))}   (why: journalctl -u {unit})"


def wrong_keys(audited: Audited) -> Iterator[Fault]:
    """Keys that are missing, are none, or can be read by others."""
    for fault in key_faults(audited.estate, audited.host, audited.state):
        yield Fault(
            f"signing key: {fault}",
            "mail of that domain is deferred, or somebody else can sign in the shop's name",
            _of_key(audited, fault),
        )


def _of_key(audited: Audited, fault: KeyFault) -> str:
    """What mends a key: no run replaces what is there, nor removes what was planted."""
    if fault.is_planted:
        return f"look who made {fault.path}, and remove it; then {audited.run}"
    if fault.how == NO_KEY:
        return (
            f"put it back from the backup (postroad docs operating), or: rm {fault.path}; then "
            f"{audited.run}   (a new key wants a new record: postroad dns plan)"
        )
    return audited.run


def _waits(audited: Audited, probe: Signed) -> bool:
    """Whether the world cannot verify its domain yet, so that no signer has its key."""
    streams = (now for stream, now in audited.standings.items() if stream == probe.stream)
    domain = probe.sender.rpartition("@")[2]
    return any(domain in now.waiting for now in streams)


def unsigned(audited: Audited) -> Iterator[Fault]:
    """Probes of the stream's own domains that did not come back signed."""
    for probe in audited.signed:
        if not _is_nobodys(probe) and not _waits(audited, probe) and probe.outcome != "signed":
            yield Fault(
                f"the {probe.stream} signer, given a message from {probe.sender}: {probe.outcome}",
                "mail of this stream waits in the shop's own queues, or leaves unsigned",
                _why(audited, probe.stream),
            )


def unverifiable(audited: Audited) -> Iterator[Fault]:
    """Signatures that do not verify, or that leave headers open to be changed."""
    for probe in audited.signed:
        if _waits(audited, probe) and probe.outcome == "signed":
            yield Fault(
                f"the {probe.stream} signer signs {probe.sender}, whose key the world has not seen",
                "receivers take the mail for forged",
                _why(audited, probe.stream),
            )
        elif probe.verdict == "wrong":
            yield Fault(
                f"what the {probe.stream} signer signs for {probe.sender} cannot be verified: "
                f"{probe.reason}",
                "receivers take the mail for forged",
                f"publish the record of the key that is on the host: postroad dns plan; then "
                f"{audited.run}",
            )
        elif probe.outcome == "signed" and not _is_stranger(probe):
            yield from _weak(audited, probe)


def _weak(audited: Audited, probe: Signed) -> Iterator[Fault]:
    stream = next(s for s in audited.estate.streams if s.name == probe.stream)
    domain = probe.sender.rpartition("@")[2]
    if probe.domain != domain:
        yield Fault(
            f"the {probe.stream} signer signs {probe.sender} as {probe.domain}",
            "the signature does not align with From: (RFC 9989), so DMARC does not count it",
            _why(audited, probe.stream),
        )
    sent = {name.lower() for name in probe_headers(probe.sender)}
    wanted = sent & {name.lower() for name in stream.sign_headers}
    missing = sorted(wanted - set(probe.covered))
    if missing:
        yield Fault(
            f"the {probe.stream} signer leaves {', '.join(missing)} out of its signature",
            "anybody can change them on the way; without both list headers no one-click "
            "unsubscription counts (RFC 8058 4)",
            _why(audited, probe.stream),
        )


def believed_strangers(audited: Audited) -> Iterator[Fault]:
    """A From: that nobody may use, and that got through."""
    for probe in audited.signed:
        if _is_stranger(probe) and probe.outcome in ("signed", "passed unsigned", "discarded"):
            yield Fault(
                f"the {probe.stream} signer, given From: {probe.sender}, which no login may use: "
                f"{probe.outcome}",
                "a login can send in anybody's name, past the signature",
                _why(audited, probe.stream),
            )


def let_out_unsigned(audited: Audited) -> Iterator[Fault]:
    """What the signer cannot read, where what stands before it or behind it lets it pass."""
    for probe in audited.signed:
        if probe.sender == UNREADABLE and probe.outcome != "deferred":
            yield Fault(
                f"a From: that the {probe.stream} signer cannot read: {probe.outcome}",
                "mail leaves unsigned, and receivers refuse or distrust it",
                _why(audited, probe.stream, "milter"),
            )


def test_keys_are_there_and_private(audited: Audited) -> None:
    """One for each sending domain, readable for the signer alone."""
    refute(wrong_keys(audited))


def test_signers_sign(audited: Audited) -> None:
    """A probe message for each sending domain, over the signer's own socket."""
    refute(unsigned(audited))


def test_signatures_verify(audited: Audited) -> None:
    """By their mathematics, with the key that the host's resolver finds."""
    refute(unverifiable(audited))
    unknown(
        f"signature for {p.sender}: {p.reason}" for p in audited.signed if p.verdict == "unknown"
    )


def test_strangers_are_not_signed(audited: Audited) -> None:
    """Deferred or refused; never signed, never passed on unsigned."""
    refute(believed_strangers(audited))


def test_nothing_is_let_out_unsigned(audited: Audited) -> None:
    """A From: that the signer cannot read: refused before it, kept back behind it."""
    refute(let_out_unsigned(audited))
