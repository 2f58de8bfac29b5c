"""Every file and folder of the parts' rows is as the model renders it for this host."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.audit.audited import Audited
from postroad.audit.fault import Fault, refute
from postroad.host.component import Component
from postroad.host.drift import CONTENT, LEFT, OLDER_UNITS, Drift, is_as_left, planted
from postroad.host.parents import exposed, mend
from postroad.mail.parts.earlier import instead_of


def differing_files(audited: Audited) -> Iterator[Fault]:
    """Content, owner, group and mode of every row; nothing where nothing must be."""
    for component, drift in audited.drifts():
        if drift.how == LEFT:
            yield Fault(
                f"{drift.thing} was left by an earlier postroad",
                f"{instead_of(drift.thing)} stands in its place: a run brings there what is "
                "started from the old one yet, and takes it away",
                audited.run,
            )
        elif drift.thing.startswith("/"):
            yield Fault(
                f"{drift.thing} is not as declared: {drift.how}",
                _follows(audited, component),
                _mend(audited, component, drift),
            )


def _follows(audited: Audited, component: Component) -> str:
    """What the difference means: somebody's hand, or what a run has not come to yet."""
    if not is_as_left(component, audited.state):
        return "it was changed since postroad wrote it, and nobody has checked it"
    if reason := audited.closed.get(component.name, ""):
        return f"it is as the last run left it; the next one closes the stream: {reason}"
    return "it is as the last run left it, and what is declared has changed since"


def _mend(audited: Audited, component: Component, drift: Drift) -> str:
    if drift in planted(component, audited.state):
        return f"look who made {drift.thing}, and remove it; then {audited.run}"
    if drift.how == CONTENT:
        return f"{audited.run}   (line by line: postroad diff INVENTORY)"
    return audited.run


def unfinished_activations(audited: Audited) -> Iterator[Fault]:
    """Files that are in place, and daemons that were not told."""
    parts = {component.name for component in audited.components}
    for component, drift in audited.drifts():
        if drift.thing in parts and drift.how == OLDER_UNITS:
            yield Fault(
                f"{component.name} runs from older unit files than those in place",
                "what they say anew, as of its sandbox, is not so before it is started again",
                audited.run,
            )
        elif drift.thing in parts:
            yield Fault(
                f"the files of {component.name} are in place, but a run died before its daemons "
                "had read them",
                "the daemons may still work by the files of before",
                audited.run,
            )


def open_parents(audited: Audited) -> Iterator[Fault]:
    """Folders above what is ours that somebody else than root may write."""
    for path, how in exposed(audited.components, audited.state):
        yield Fault(
            f"{path} {how}",
            "who may write there can put a link in the place of what root writes below it, and the "
            "next run is refused",
            f"look what is in {path}, then {mend(path)}",
        )


def test_folders_above_are_root_s(audited: Audited) -> None:
    """Where root writes below, nobody else can plant a link."""
    refute(open_parents(audited))


def test_files_are_as_declared(audited: Audited) -> None:
    """Compared with the text that a run would write."""
    refute(differing_files(audited))


def test_activations_are_finished(audited: Audited) -> None:
    """The stamp of each component is that of its files."""
    refute(unfinished_activations(audited))
