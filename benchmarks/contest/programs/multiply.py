"""multiply.py QUEUE COUNT: COUNT copies of the one message in QUEUE/hold, in QUEUE/incoming.

As if a backup of a long queue were restored: each copy is a queue file of its own, and postsuper -s
gives each its name afterwards (postsuper(1)). Postfix must not run meanwhile.
"""

import os
import pwd
import sys


def main(queue: str, count: int) -> None:
    """Write the copies. Their names are valid queue ids (short ones), and unique."""
    (held,) = os.listdir(f"{queue}/hold")
    with open(f"{queue}/hold/{held}", "rb") as file:
        content = file.read()
    owner = pwd.getpwnam("postfix")
    for number in range(count):
        place = f"{queue}/incoming/{number:012X}"
        # Executable: the message is whole (Postfix's own mark).
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
        os.write(descriptor, content)
        os.fchown(descriptor, owner.pw_uid, owner.pw_gid)
        os.close(descriptor)
    os.unlink(f"{queue}/hold/{held}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
