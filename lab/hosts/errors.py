"""The one exception of the lab."""


class LabError(Exception):
    """Something the lab needs is missing or failed; the text says what, and what to do."""
