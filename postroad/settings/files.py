"""Paths that an operator writes: where they start, and what no file can be called.

Python raises something else for each: RuntimeError for the home of nobody, ValueError for a null
character, OSError for a name that is longer than a file system takes (path_resolution(7)).
"""

from __future__ import annotations

import errno
from pathlib import Path


def from_base(base: Path, written: str) -> Path:
    """The file that is meant: ~ is a home, and a relative path starts at ``base``.

    Raises OSError, with its reason in ``strerror``, where there can be no such file.
    """
    if "\0" in written:
        raise OSError(errno.EINVAL, "a path holds no null character", written)
    try:
        return base / Path(written).expanduser()
    except RuntimeError:
        account = written.partition("/")[0]
        reason = f"{account} is nobody's home on this machine"
        raise OSError(errno.ENOENT, reason, written) from None


def is_file(path: Path) -> bool:
    """Whether a file is there; what can be the name of none is not there either."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_there(base: Path, written: str) -> bool:
    """Whether the file that `from_base` means is there."""
    try:
        return is_file(from_base(base, written))
    except OSError:
        return False
