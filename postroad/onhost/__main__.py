"""PROGRAM ARGUMENT ...: a program of this host's, see `postroad.onhost`.

On a host it lies above the package, and is run as /usr/bin/python3 -IB /usr/local/lib/postroad: by
-I the package beside it is imported and nothing that an environment names, by -B no __pycache__ is
left.
"""

from __future__ import annotations

import sys

from postroad.onhost.common.programs import programs
from postroad.onhost.common.start import called, run


def main(arguments: list[str]) -> int:
    """Run the program that is named first; its exit status, or 2 where there is none."""
    known = programs()
    name = arguments[0] if arguments else ""
    if name not in known:
        said = f"there is no program {name!a}" if name else "a program is to be named"
        print(f"postroad: {said}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    called(name)
    return run(known[name], arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
