"""Every script that goes to a host, rendered once: for those who judge shell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from postroad.host import change
from postroad.host.found import blank, probe
from postroad.mail.acme import request_script
from postroad.mail.before.survey import PROBE
from postroad.mail.installing import install_script
from postroad.mail.leaving import host as leaving
from postroad.mail.leaving import streams
from postroad.mail.leaving.instances import Instance
from postroad.mail.parts.order import every_row, everything
from postroad.mail.parts.part import Builder
from postroad.mail.questions import questions
from postroad.mail.return_paths import Step, wanted
from postroad.mail.return_paths import script as return_paths
from postroad.mail.signing import keys
from postroad.mail.software import packages
from postroad.settings.model import AcmeTls, Estate, Host
from tests.unit import estates
from tests.unit.machine import made_true

INSTANCES = (
    Instance("default", 1, ("sendmail",)),
    Instance("inbound", 0, ("192.0.2.11:25",)),
    Instance("marketing", 2, ("192.0.2.12:587", "unread")),
)


def every_script() -> Iterator[tuple[str, str]]:
    """The name and the text of each."""
    for name, estate, host in estates.hosts():
        for what, text in _of(estate, host):
            yield f"{name}: {what}", text
    yield "survey", PROBE
    yield "what of ours is there", leaving.probe()
    yield "a stream that was taken away", streams.script(INSTANCES, (), 1.0)
    yield from _leaving()


def _of(estate: Estate, host: Host) -> Iterator[tuple[str, str]]:
    yield "its state", probe(questions(estate, host))
    yield "packages", install_script(packages(estate))
    if isinstance(estate.tls, AcmeTls):
        yield "certificate", request_script(estate.tls, host)
    yield "keys", keys.script(keys.key_faults(estate, host, blank()), {})
    taken = [Step("take", path, 1.0) for path in wanted(estate)[:1]]
    yield "return paths", return_paths(taken)
    builder = Builder(estate, host, blank(), estates.facts(estate, host), estates.renderer())
    for part in everything(builder):
        yield f"{part.name}, on a bare host", change.script(part, blank())
        done = replace(made_true(blank(), part), stamps={})
        yield f"{part.name}, not finished", change.script(part, done)


def _leaving() -> Iterator[tuple[str, str]]:
    _, estate, host = estates.hosts()[0]
    rows = list(every_row())
    ours = leaving.Ours(
        INSTANCES,
        frozenset(row.path for row in rows),
        frozenset(row.path for row in rows if row.before != "nothing"),
        frozenset(f"/var/lib/postroad/adopted/{row.part}" for row in rows),
        answers=True,
    )
    builder = Builder(estate, host, blank(), estates.facts(estate, host), estates.renderer())
    yield "closing", leaving.closing(ours)
    yield "stopping", leaving.stopping(ours)
    yield "files", leaving.files(ours, everything(builder))
    yield "early rules", leaving.early_rules(ours)
