"""The world can verify what the streams send, and so the streams are open."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.audit.audited import Audited, Expectation
from postroad.audit.fault import Fault, refute, unknown
from postroad.mail.pause import found
from postroad.mail.signing.keys import key_faults


def closed_streams(audited: Audited) -> Iterator[Fault]:
    """Streams that take no mail."""
    for stream, reason in audited.closed.items():
        if reason and not found(audited.state, stream):
            yield Fault(
                f"the {stream} stream takes no mail: {reason}",
                "applications get 451, and keep their mail",
                _opened_by(audited, stream),
            )


def waiting_parts(audited: Audited) -> Iterator[Fault]:
    """Parts of an open stream that the world cannot verify yet."""
    for stream, now in audited.standings.items():
        if audited.closed.get(stream):
            continue
        for domain, reason in now.waiting.items():
            yield Fault(
                f"{stream}: mail From: {domain} waits: {reason}",
                "applications get 451 for it, and keep it; all else flows",
                _by_records(audited),
            )
        for what, reason in now.unused.items():
            yield Fault(
                f"{stream}: {what} is not used yet: {reason}",
                "the stream goes on as it was, and stops when that is no longer true",
                _by_records(audited),
            )


def _by_records(audited: Audited) -> str:
    return f"publish what `postroad dns plan` prints; then {audited.run}"


def _opened_by(audited: Audited, stream: str) -> str:
    """What opens a stream: a run alone where the host lacks something, else records as well."""
    is_seen = [e.verdict == "ok" for e in audited.expectations if e.stream == stream]
    keys = key_faults(audited.estate, audited.host, audited.state)
    if any(fault.key.stream == stream for fault in keys) or (is_seen and all(is_seen)):
        return audited.run
    return _by_records(audited)


def paused_streams(audited: Audited) -> Iterator[str]:
    """Streams that their operator has paused: as wanted, and not to be forgotten."""
    for stream, reason in audited.closed.items():
        if found(audited.state, stream):
            resume = f"deploys/pause.py --data stream={stream} --data do=resume"
            yield f"the {stream} stream is {reason}; to resume it: {resume}"


def _of_open_streams(audited: Audited, verdict: str) -> Iterator[Expectation]:
    for expectation in audited.expectations:
        if expectation.verdict == verdict and not audited.closed.get(expectation.stream):
            yield expectation


def wrong_records(audited: Audited) -> Iterator[Fault]:
    """What the host's resolver sees otherwise than an open stream needs it."""
    for expectation in _of_open_streams(audited, "wrong"):
        yield Fault(
            f"{expectation.stream}: {expectation.reason}",
            "the stream is open, and receivers refuse or distrust what it sends",
            "publish these:" if expectation.publish else "publish what `postroad dns plan` prints",
            expectation.publish,
        )


def test_streams_are_open(audited: Audited) -> None:
    """A stream that waits for its records sends nothing, nor does one that is paused; beside an
    open one no domain, name, address or key waits."""
    refute((*closed_streams(audited), *waiting_parts(audited)))
    unknown(paused_streams(audited))


def test_the_world_can_verify(audited: Audited) -> None:
    """By evaluation, as a receiver would; no verdict where nobody answers."""
    refute(wrong_records(audited))
    unknown(f"{e.stream}: {e.reason}" for e in _of_open_streams(audited, "unknown"))
