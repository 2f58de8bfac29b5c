"""DKIM keys that somebody else made on a host, and that the estate takes over. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.host.found import HostState
from postroad.mail.signing.found import KEYS, OFFERED_KEYS
from postroad.mail.signing.keys import BITS, wanted_keys
from postroad.settings.model import Estate, Host, OnHost


def paths(estate: Estate, host: Host) -> Iterator[str]:
    """Where the keys are that ``host`` is to take over."""
    for key in wanted_keys(estate, host):
        if key.supplied is not None and isinstance(key.supplied.key, OnHost):
            yield key.supplied.key.path


def refusals(estate: Estate, host: Host, state: HostState) -> Iterator[str]:
    """A sentence for each key that is declared to be on the host and is not."""
    have = {(key.stream, key.domain, key.selector) for key in state[KEYS]}
    for key in estate.supplied_keys:
        if key.host != host.name or not isinstance(key.key, OnHost):
            continue
        if (key.stream, key.domain, key.selector) in have:
            continue
        found = state.files.get(key.key.path)
        if found is not None and found.kind == "symlink":
            yield (
                f"{key.key.path} is to be taken over as the {key.stream} key of {key.domain}, and "
                "is a link, which its owner may turn: write where the file itself is "
                '("on_host" in estate["dkim_keys"])'
            )
            continue
        if found is None or found.kind != "file":
            yield (
                f"{key.key.path} is to be taken over as the {key.stream} key "
                f"{key.selector}._domainkey.{key.domain}, and no such file is on the host: correct "
                'the path ("on_host" in estate["dkim_keys"]), or leave the key out and a new one '
                "is made"
            )
            continue
        bits = state[OFFERED_KEYS].get(key.key.path)
        if bits is not None and bits < BITS:
            what = f"has {bits} bits, and receivers want {BITS}" if bits else "holds no private key"
            yield (
                f"{key.key.path} is to be taken over as the {key.stream} key of {key.domain}, and "
                f'{what}: leave it out of estate["dkim_keys"], and a new one is made'
            )
