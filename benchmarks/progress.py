"""What a benchmark says while it works."""

from __future__ import annotations

from datetime import datetime


def tell(line: str) -> None:
    """Say what goes on, and at what time: a whole run takes longer than anybody watches."""
    print(f"{datetime.now():%H:%M:%S}  {line}", flush=True)
