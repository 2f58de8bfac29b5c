"""How every role applies a component: one operation, named after what it will change."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.state import State

from postroad.host.change import script
from postroad.mail.parts.part import Part
from postroad.roles.own import operation
from postroad.roles.run import made
from postroad.roles.run.site import Site
from postroad.settings.terminal import line

NAMED = 3


def titled(site: Site, title: str, things: Sequence[object]) -> str:
    """The name of an operation: its title, and what differs. A dry run is read by these names.

    pyinfra puts the names of all hosts together, so with several hosts each says which it is about.
    """
    if not things:
        return title
    where = f"{site.host.name}: " if len(site.estate.hosts) > 1 else ""
    more = f" and {len(things) - NAMED} more" if len(things) > NAMED else ""
    return f"{title}: {where}{', '.join(map(line, things[:NAMED]))}{more}"


def converge(site: Site, part: Part, told: Sequence[str] = ()) -> None:
    """Add the operation that makes one part true; ``told`` is what that comes to."""
    things = (*told, *made.drift(site, part))
    make_true(name=titled(site, part.title, things), site=site, part=part)


@operation()
def make_true(site: Site, part: Part) -> Generator[StringCommand]:
    """Make one part true on the host, or do nothing where it is.

    + site: the host during this run
    + part: which part
    """
    if not made.drift(site, part):
        host.noop("as declared")
        return
    # The whole script goes over standard input: what it writes is in no argument and in no log.
    yield StringCommand("sh", "-s", _stdin=script(made.component(site, part), site.state()))
    site.forget()


def name_what_differs(state: State) -> None:
    """Leave each operation of a run the names that say what differs, on whichever host it does.

    An operation has a name from each host; pyinfra's table shows one of them, and the bare title
    of a host that is as declared would hide what is wrong with another.
    """
    for meta in state.op_meta.values():
        bare = {n for n in meta.names if any(other.startswith(f"{n}: ") for other in meta.names)}
        meta.names.difference_update(bare)
