"""Shell that goes to hosts: the form of every script, and words that its lines may use. Pure.

Where somebody else could have planted a link, a name is looked up anew each time, so that a look at
it before (``[ ! -L ]``) promises nothing where others may write. Two things do: below folders that
root alone may write, what is there stays what it is; and the folder that a shell stands in is no
name any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from postroad.host.paths import INSTALL_LOCK, MAKE_RUN_FOLDER, RUN_LOCK

# What keeps root from changing what is otherwise as it should be: nobody is to remove that.
_KEPT = (
    "cannot be made, or given its owner and rights: leave it where it is, and look what forbids "
    "it, an attribute (lsattr -d, chattr(1)) or a mount (findmnt -T)"
)

#: ``folder PATH OWNER:GROUP MODE`` makes one as declared, and ends the script at what is none. It
#: walks there from the root on, and acts on the folder it stands in; a link on the way is followed
#: where root alone may write, since it is root's then. Five digits: with four, chmod(1) would keep
#: a set-group-ID bit.
FOLDER = (
    "folder() { (rest=${1#/}; cd / || exit 4; "
    'while [ -n "$rest" ]; do name=${rest%%/*}; here=$(pwd -P); link=no; '
    'case $rest in */*) rest=${rest#*/}; if [ -O . ] && [ -z "$(find . -maxdepth 0 -perm /022)" ]; '
    "then link=yes; fi;; *) rest=;; esac; "
    '[ -e "./$name" ] || [ -L "./$name" ] || (umask 022; mkdir "./$name") || exit 4; '
    'cd "./$name" 2>/dev/null || exit 3; '
    '[ $link = yes ] || [ "$(pwd -P)" = "${here%/}/$name" ] || exit 3; done; '
    'chown "$2" . && chmod "$3" . || exit 4) || '
    '{ [ $? = 3 ] && echo "$1: is a link, or no folder: look who made it, and remove it" >&2 || '
    f'echo "$1: {_KEPT}" >&2; exit 1; }}; }}'
)

#: ``rights PATH OWNER:GROUP MODE`` of a file in a folder that root alone may write, and of nothing
#: else: a link, soft or hard, that was planted while others could write there is still there.
RIGHTS = (
    'rights() { [ -f "$1" ] && [ ! -L "$1" ] && [ "$(stat -c %h "$1")" = 1 ] || '
    '{ echo "$1: is a link, or no file: look who made it, and remove it" >&2; exit 1; }; '
    'chown -h "$2" "$1" && chmod "$3" "$1" || '
    f'{{ echo "$1: {_KEPT}" >&2; exit 1; }}; }}'
)


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock (flock(1)) that a script holds from its first line to its last.

    ``descriptor`` is the file descriptor of its shell that holds it: what must not hold it on, a
    daemon that is started or what a gate leaves behind, is given none (``9>&-``). It is waited for
    ``seconds``; then ``busy`` is told, and nothing was done.
    """

    path: str
    descriptor: int
    seconds: int
    busy: str

    def taken(self) -> Iterator[str]:
        """Shell that waits for the lock, and ends the script where it is not to be had."""
        yield f"{MAKE_RUN_FOLDER}; exec {self.descriptor}>{self.path}"
        yield (
            f"flock -w {self.seconds} {self.descriptor} || "
            f"{{ echo '{self.busy} is still at work on this host' >&2; exit 1; }}"
        )


#: One change of a host at a time.
RUN = Lock(RUN_LOCK, 9, 120, "another run")
#: Held while packages are installed, which takes longer; policy-rc.d(8) asks for it.
INSTALLATION = Lock(INSTALL_LOCK, 8, 300, "another installation")


@dataclass(frozen=True, slots=True)
class Script:
    """A script (POSIX sh) that changes a host; root runs it, from standard input.

    ``words`` are the functions that the ``lines`` call. ``umask`` is what files are made with that
    say nothing else. It ends at the first command that fails.
    """

    lines: tuple[str, ...] = field(repr=False)
    words: tuple[str, ...] = field(default=(), repr=False)
    umask: str = "077"
    lock: Lock = RUN

    def __str__(self) -> str:
        """Its text. It is run when all of it has come, and never reads what follows it."""
        begun = (f"set -eu; umask {self.umask}; export LC_ALL=C", *self.lock.taken(), *self.words)
        return "\n".join(["postroad() {", *begun, *self.lines, "}", "postroad </dev/null", ""])


def script(lines: Iterable[str], *words: str) -> str:
    """The text of the `Script` of these lines, which call these words."""
    return str(Script(tuple(lines), words))
