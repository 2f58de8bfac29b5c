"""Configuration files of the lab's daemons: texts in lab/etc with @names@ to fill in."""

import re
from pathlib import Path

from lab.errors import LabError

_FILES = Path(__file__).parent / "etc"
_NAME = re.compile(r"@(\w*)@")


def fill(template: str, **values: str) -> str:
    """The text of lab/etc/*template* with every @name@ replaced by its value; @@ is an @.

    Raises LabError for a name without a value.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if not name:
            return "@"
        if name not in values:
            raise LabError(f"lab/etc/{template}: no value for @{name}@")
        return values[name]

    return _NAME.sub(value, (_FILES / template).read_text())
