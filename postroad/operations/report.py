"""The last words of a run: what the operator has to publish before a stream opens."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host, logger
from pyinfra.api import operation
from pyinfra.api.command import StringCommand

from postroad.dns.records import derive
from postroad.dns.zone import work_order
from postroad.settings.model import NoTls
from postroad.site import Site


def last_words(site: Site) -> str:
    """What keeps this host from sending, and the records that mend it; empty where nothing does."""
    lines = []
    if site.state().certificate is None:
        why = (
            'tls.source is "none"'
            if isinstance(site.estate.tls, NoTls)
            else "there is no certificate yet"
        )
        lines.append(f"Submission is closed on {site.host.name}: {why}.")
    closed = {s: reason for s in site.host.streams if (reason := site.closed_because(s))}
    for stream, reason in closed.items():
        lines.append(f"The {stream} stream is closed on {site.host.name}: {reason}.")
    if closed:
        lines += [
            "Publish these records, then run again; the stream opens when the host sees them.",
            "",
            work_order(derive(site.estate, site.live_keys())),
        ]
    return "\n".join(lines)


@operation()
def report(site: Site) -> Generator[StringCommand]:
    """Say it when everything else is done. It changes nothing, so it is never a change."""
    yield from ()
    words = last_words(site) if host.state.is_executing else ""
    if words:
        logger.warning(f"{host.print_prefix}{words}")
    else:
        host.noop("every stream is open")
