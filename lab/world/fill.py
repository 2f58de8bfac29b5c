"""Configuration files of the lab's daemons: texts in lab/etc with @names@ to fill in."""

import re
from pathlib import Path

from lab.hosts.errors import LabError

_FILES = Path(__file__).parents[1] / "etc"
_NAME = re.compile(r"@(\w*)@")


def fill(template: str, **values: str) -> str:
    """The text of lab/etc/*template* with every @name@ replaced by its value; @@ is an @.

    Raises LabError for a name without a value.
    """
    return filled((_FILES / template).read_text(), f"lab/etc/{template}", **values)


def filled(text: str, origin: str, **values: str) -> str:
    """*text* filled in the same way; *origin* says in an error where it comes from."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if not name:
            return "@"
        if name not in values:
            raise LabError(f"{origin}: no value for @{name}@")
        return values[name]

    return _NAME.sub(value, text)
