"""await_count.py FILE COUNT SECONDS: wait until smtp-sink(1) has taken COUNT messages; print when.

FILE is what `smtp-sink -c` writes, a line that it keeps writing over. The time is in seconds since
the epoch. Exit status 1, with the count so far, where SECONDS pass without a message more.
"""

import os
import re
import sys
import time

POLL = 0.005


def main(place: str, wanted: int, patience: float) -> int:
    """0 with the time printed."""
    last, moved = -1, time.monotonic()
    while (taken := count(place)) < wanted:
        if taken != last:
            last, moved = taken, time.monotonic()
        if time.monotonic() - moved > patience:
            print(f"{taken} of {wanted} messages", file=sys.stderr)
            return 1
        time.sleep(POLL)
    print(time.time())
    return 0


def count(place: str) -> int:
    """How many messages the sink has taken."""
    with open(place, "rb") as file:
        file.seek(max(0, os.path.getsize(place) - 200))
        found = re.findall(rb"mesg=\s*(\d+)", file.read())
    return int(found[-1]) if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
