"""Programs that run on hosts of the lab, by the hosts' own Python, Perl, Node.js, PHP and shell.

Each stands alone, and imports nothing of the lab: a host has nothing but its text.
"""

from pathlib import Path

FOLDER = Path(__file__).parent


def program(name: str) -> str:
    """The text of lab/onhost/*name*."""
    return (FOLDER / name).read_text(encoding="utf-8")
