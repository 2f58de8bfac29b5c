"""What a run asks of a host: what drift needs, and the readings of every room. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from postroad.host import ground
from postroad.host.component import Component
from postroad.host.found import Questions, blank
from postroad.host.ground import GROUND
from postroad.host.parents import above
from postroad.host.paths import (
    ADOPTED,
    CONFIG,
    MAILBOX_USER,
    STAMPS,
    opened_path,
    paths_for,
    pause_path,
)
from postroad.host.reading import Inquiry
from postroad.mail import certificate, return_paths, software, standing, version
from postroad.mail.before import firewall as foreign_firewall
from postroad.mail.before import keys as foreign_keys
from postroad.mail.before import listeners, queues
from postroad.mail.before.listeners import LISTENERS
from postroad.mail.before.queues import QUEUED_ELSEWHERE
from postroad.mail.certificate import CERTIFICATE, REFUSAL
from postroad.mail.firewall import found as firewall
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.leaving import instances
from postroad.mail.leaving.instances import LEAVING
from postroad.mail.leaving.streams import absent_instances
from postroad.mail.parts.order import everything, rows
from postroad.mail.parts.part import Builder
from postroad.mail.render import POSTFIX_PARAMETERS, Renderer, facts_from
from postroad.mail.return_paths import RETURN_PATHS
from postroad.mail.signing.found import KEYS, OFFERED_KEYS, key_places, keys_shell, offered_shell
from postroad.mail.signing.keys import key_folders, wanted_keys
from postroad.mail.software import SOFTWARE, packages
from postroad.mail.standing import LATCHES
from postroad.mail.version import CONVERGED_BY
from postroad.settings.model import Estate, Host

# Asked about on every release; which of them a release has is part of the answer.
PACKAGED_UNITS = ("postfix.service", "postfix@-.service")


def shape(estate: Estate, host: Host) -> Builder:
    """The components of ``host`` with nothing known of it: their paths and units are right."""
    state = blank()
    renderer = Renderer(lambda path: "", lambda ref: "")
    return Builder(estate, host, state, facts_from(state, host, {}), renderer)


def questions(estate: Estate, host: Host) -> Questions:
    """Everything that is asked of ``host``, by one command."""
    parts = tuple(everything(shape(estate, host)))
    wanted = tuple(rows(estate, host))
    places = _places(parts)
    return Questions(
        paths=_each(
            *places,
            *(row.path for row in wanted),
            *(row.only_where for row in wanted if row.only_where),
            *(opened_path(stream) for stream in host.streams),
            *(pause_path(stream) for stream in host.streams),
            *foreign_keys.paths(estate, host),
        ),
        units=_each(
            *PACKAGED_UNITS,
            *foreign_firewall.UNITS,
            *(name for part in parts for name in part.unit_names),
        ),
        packages=packages(estate),
        users=(MAILBOX_USER,),
        stamp_folder=STAMPS,
        sockets=_each(*(one.path for part in parts for unit in part.units for one in unit.sockets)),
        searched=(key_places(shlex.quote(CONFIG)),),
        readings=tuple(readings(estate, host, places)),
    )


def readings(estate: Estate, host: Host, places: Sequence[str]) -> Iterator[Inquiry]:
    """What each room wants to know besides: a new one is asked here, and nowhere else.

    ``places`` are those where something of ours is to be, and the folders above them.
    """
    paths = paths_for(estate)
    kept = _each(*(path for key in wanted_keys(estate, host) for path in key_folders(key)))
    yield FIREWALL.by(firewall.SHELL)
    yield LISTENERS.by(f"m listeners; {listeners.COMMAND}")
    yield QUEUED_ELSEWHERE.by(f"m queued-elsewhere; {queues.probe()}")
    yield LEAVING.by(f"m leaving\n{instances.probe(absent_instances(host))}")
    yield LATCHES.by(standing.LATCHES_SHELL)
    yield RETURN_PATHS.by(f"m return-paths; {return_paths.probe()}")
    yield SOFTWARE.by(software.shell(POSTFIX_PARAMETERS))
    yield KEYS.by(keys_shell(CONFIG))
    yield OFFERED_KEYS.by(offered_shell(foreign_keys.paths(estate, host)))
    yield CERTIFICATE.by(certificate.shell(paths.certificate_chain, paths.certificate_key))
    yield REFUSAL.by(certificate.REFUSAL_SHELL)
    yield CONVERGED_BY.by(version.SHELL)
    yield GROUND.by(
        ground.probe(
            (*places, *kept),
            packages(estate),
            adopted=ADOPTED,
            by_proxy=estate.apt_proxy is not None,
        )
    )


def _places(parts: Sequence[Component]) -> tuple[str, ...]:
    paths = [path for part in parts for path in part.paths]
    return _each(*above(paths), *paths)


def _each(*values: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
