"""What the package carries besides its modules, and where that lies."""

from __future__ import annotations

from pathlib import Path

#: Of the package (PEP 440). A run leaves it on hosts; CHANGELOG.md says what each brought.
VERSION = "0.2.0"

_HERE = Path(__file__).resolve().parent
PACKAGE = _HERE.parent


def shipped(name: str) -> Path:
    """A file or folder that the wheel has here, and a checkout at its top (pyproject.toml)."""
    return next(p for p in (_HERE / name, PACKAGE.parent / name) if p.exists())
