"""Shell that root may run where somebody else could have planted a link. Pure.

A name is looked up anew each time, so that a look at it before (``[ ! -L ]``) promises nothing
where others may write. Two things do: below folders that root alone may write, what is there stays
what it is; and the folder that a shell stands in is no name any more.
"""

from __future__ import annotations

#: ``folder PATH OWNER:GROUP MODE`` makes one as declared, and ends the script at what is none. It
#: walks there from the root on, and acts on the folder it stands in; a link on the way is followed
#: where root alone may write, since it is root's then. Five digits: with four, chmod(1) would keep
#: a set-group-ID bit.
FOLDER = (
    "folder() { (rest=${1#/}; cd / || exit; "
    'while [ -n "$rest" ]; do name=${rest%%/*}; here=$(pwd -P); link=no; '
    'case $rest in */*) rest=${rest#*/}; if [ -O . ] && [ -z "$(find . -maxdepth 0 -perm /022)" ]; '
    "then link=yes; fi;; *) rest=;; esac; "
    '[ -e "./$name" ] || [ -L "./$name" ] || (umask 022; mkdir "./$name") || exit; '
    'cd "./$name" 2>/dev/null || exit; '
    '[ $link = yes ] || [ "$(pwd -P)" = "${here%/}/$name" ] || exit; done; '
    'chown "$2" . && chmod "$3" .) || '
    '{ echo "$1: is a link, or no folder: look who made it, and remove it" >&2; exit 1; }; }'
)

#: ``rights PATH OWNER:GROUP MODE`` of a file in a folder that root alone may write, and of nothing
#: else: a link, soft or hard, that was planted while others could write there is still there.
RIGHTS = (
    'rights() { [ -f "$1" ] && [ ! -L "$1" ] && [ "$(stat -c %h "$1")" = 1 ] || '
    '{ echo "$1: is a link, or no file: look who made it, and remove it" >&2; exit 1; }; '
    'chown -h "$2" "$1"; chmod "$3" "$1"; }'
)
