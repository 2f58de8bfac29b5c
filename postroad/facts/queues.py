"""The edge that asks since when the oldest message of each queue has been there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

# postqueue(1) -j: an object a line. One that cannot be read would count as an empty queue.
_OLDEST = """
import json, subprocess, sys
oldest = {}
for stream in sys.argv[1:]:
    listed = subprocess.run(["postqueue", "-c", f"/etc/postfix-{stream}", "-j"],
                            stdout=subprocess.PIPE, check=True, text=True).stdout
    arrivals = [json.loads(line)["arrival_time"] for line in listed.splitlines()]
    if arrivals:
        oldest[stream] = min(arrivals)
print(json.dumps(oldest))
"""


class OldestQueued(FactBase[dict[str, float]]):
    """Arrival of the oldest message, in seconds of the epoch, by stream; empty queues are left out.

    A host whose queues cannot be listed has failed.
    """

    def command(self, streams: Sequence[str]) -> StringCommand:
        return StringCommand("python3 -c", QuoteString(_OLDEST), *streams)

    def process(self, output: Iterable[str]) -> dict[str, float]:
        text = "\n".join(output)
        try:
            return {str(stream): float(since) for stream, since in json.loads(text).items()}
        except (ValueError, AttributeError) as error:
            raise FactProcessError(f"postqueue -j answered {text[:200]!r}: {error}") from error
