"""The keys and the certificate of one host, as the estate and the DNS know them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from postroad.dns.dkim import LiveKey
from postroad.dns.needs import as_line, need_of_key
from postroad.dns.tlsa import LiveCertificate
from postroad.host.found import HostState
from postroad.mail.certificate import CERTIFICATE
from postroad.mail.signing.found import KEYS, KeyState
from postroad.mail.signing.keys import former_keys, published_keys, signing_keys, withdrawn_keys
from postroad.mail.standing import LATCHES
from postroad.settings.model import STREAM_NAMES, Estate, Host, StreamName


def live_keys(estate: Estate, host: Host, state: HostState) -> tuple[LiveKey, ...]:
    """The DKIM keys that ``host`` signs with."""
    return _of_streams(host, host.streams, signing_keys(estate, host, state[KEYS]))


def keys_to_publish(estate: Estate, host: Host, state: HostState) -> tuple[LiveKey, ...]:
    """The DKIM keys of ``host`` that belong in the DNS: also those that do not sign (yet, or any
    more)."""
    found = state[KEYS]
    published = (*published_keys(estate, host, found), *former_keys(estate, host, found))
    return _of_streams(host, STREAM_NAMES, published)


def keys_to_withdraw(estate: Estate, host: Host, state: HostState) -> tuple[LiveKey, ...]:
    """The DKIM keys of ``host`` whose records are to be removed from the DNS."""
    return tuple(
        LiveKey(host.name, stream, key.domain, key.selector, "", revoked=True)
        for stream in host.streams
        for key in withdrawn_keys(estate, host, state[KEYS])
        if key.stream == stream
    )


def keys_there(host: Host, state: HostState, stream: StreamName) -> tuple[LiveKey, ...]:
    """Every key that could sign for ``stream``, whoever is to; the last has signed last."""
    there = [
        key
        for key in state[KEYS]
        if key.stream == stream and key.public_key and key.life.revoked is None
    ]
    there.sort(key=lambda key: (key.life.active or 0.0, key.selector))
    return _of_streams(host, (stream,), there)


def verified_keys(host: Host, state: HostState, stream: StreamName) -> tuple[LiveKey, ...]:
    """Those of `keys_there` that the world has verified."""
    known = state[LATCHES].get(stream, ())
    there = keys_there(host, state, stream)
    return tuple(key for key in there if as_line(need_of_key(key)) in known)


def live_certificate(host: Host, state: HostState) -> LiveCertificate | None:
    """The certificate that ``host`` serves; None while it has none."""
    found = state[CERTIFICATE]
    if found is None or not found.spki_sha256:
        return None
    return LiveCertificate(host.name, found.spki_sha256)


def _of_streams(
    host: Host, streams: Iterable[StreamName], keys: Iterable[KeyState]
) -> tuple[LiveKey, ...]:
    found = tuple(keys)
    return tuple(
        _live(host, stream, key) for stream in streams for key in found if key.stream == stream
    )


def _live(host: Host, stream: StreamName, key: KeyState) -> LiveKey:
    revoked = key.life.revoked is not None
    public = "" if revoked else key.public_key
    return LiveKey(host.name, stream, key.domain, key.selector, public, revoked=revoked)
