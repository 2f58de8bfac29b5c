"""Every file and folder of the manifest is as the model renders it for this host."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.audit.audited import Audited
from postroad.audit.fault import Fault, refute
from postroad.parents import exposed, mend


def differing_files(audited: Audited) -> Iterator[Fault]:
    """Content, owner, group and mode of every row; nothing where nothing must be."""
    for _, drift in audited.drifts():
        if drift.thing.startswith("/"):
            yield Fault(
                f"{drift.thing} is not as declared: {drift.how}",
                "what stands there was not written by postroad; nobody has checked it",
                audited.run,
            )


def unfinished_activations(audited: Audited) -> Iterator[Fault]:
    """Files that are in place, and daemons that were not told."""
    parts = {component.name for component in audited.components}
    for component, drift in audited.drifts():
        if drift.thing in parts:
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
