"""Commands of an account that becomes another by su(1) with a password, when they have a script.

pyinfra hands su its password by a pipe into standard input, which is where our scripts come from:
the script would be lost, and `sh -s` with nothing to do succeeds. The password would be an argument
besides, which every account of the host can read (proc(5), cmdline). su reads it to the end of a
line and no further (misc_conv(3)), so it comes over standard input before the script.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyinfra.api.command import StringCommand

# Where the script begins. An account that su lets through without a question, as root, has left the
# password unread: it must not become the first line of a script.
_BEGINS = "@@postroad-begins"
_SKIP = f'until [ "$l" = {_BEGINS} ]; do IFS= read -r l || exit 1; done;'

#: What su(1) says of a password that is none (pam_strerror(3)).
REFUSALS = ("su: Authentication failure", "su: Permission denied")


def prepared(
    command: StringCommand, arguments: Mapping[str, Any]
) -> tuple[StringCommand, dict[str, Any]]:
    """``command`` and the arguments of pyinfra's connector, with the password where it is read."""
    given = dict(arguments)
    password = given.pop("_su_password", None)
    if not (given.get("_su_user") and password):
        return command, given
    stdin = given.get("_stdin") or ""
    script = stdin if isinstance(stdin, str) else "".join(f"{said}\n" for said in stdin)
    given["_stdin"] = f"{password}\n{_BEGINS}\n{script}"
    return StringCommand(_SKIP, command), given
