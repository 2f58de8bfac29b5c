"""multiply.py QUEUE COUNT: COUNT copies of the one message in QUEUE/hold, in QUEUE/incoming.

As if a backup of a long queue were restored: each copy is a queue file of its own, and postsuper -s
gives each its name afterwards (postsuper(1)). Postfix must not run meanwhile.
"""

import os
import pwd
import sys
from pathlib import Path


def main(queue: str, count: int) -> None:
    """Write the copies. Their names are valid queue ids (short ones), and unique."""
    # The queue is hashed (postconf(5) hash_queue_names).
    (held,) = (place for place in Path(queue, "hold").rglob("*") if place.is_file())
    content = held.read_bytes()
    owner = pwd.getpwnam("postfix")
    for number in range(count):
        place = f"{queue}/incoming/{number:012X}"
        # Executable: the message is whole (Postfix's own mark).
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
        os.write(descriptor, content)
        os.fchown(descriptor, owner.pw_uid, owner.pw_gid)
        os.close(descriptor)
    held.unlink()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
