"""Where a first repository goes: nothing that is there is touched, and nothing is left half."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path


def in_the_way(folder: Path, wanted: Iterable[Path]) -> list[Path]:
    """What is there already, where files of ours would be or the folders that hold them."""
    ways = {place for path in wanted for place in (path, *path.parents)}
    return sorted(
        place
        for place in (folder / way for way in ways)
        if (place.exists() or place.is_symlink()) and not place.is_dir()
    ) + sorted(folder / path for path in wanted if (folder / path).is_dir())


def write(folder: Path, files: Mapping[Path, str]) -> None:
    """Write every file into ``folder``, or none: whatever ends it, what was made goes again.

    Raises OSError, a FileExistsError where somebody else has made one meanwhile.
    """
    with ExitStack() as undone:
        for path, text in files.items():
            place = folder / path
            for parent in reversed(place.parents):
                if not parent.exists():
                    parent.mkdir()
                    undone.callback(parent.rmdir)
            with place.open("x", encoding="utf-8") as file:
                undone.callback(place.unlink)
                file.write(text)
        undone.pop_all()
