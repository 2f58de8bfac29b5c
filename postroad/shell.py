"""Shell that root may run where somebody else could have planted a link. Pure.

A name is looked up anew each time, so that a look at it before (``[ ! -L ]``) promises nothing
where others may write. Two things do: below folders that root alone may write, what is there stays
what it is; and the folder that a shell stands in is no name any more.
"""

from __future__ import annotations

#: ``folder PATH OWNER:GROUP MODE`` makes one as declared, and ends the script at what is none. It
#: acts on the folder it stands in. Five digits: with four, chmod(1) would keep a set-group-ID bit.
FOLDER = (
    'folder() { mkdir -p "${1%/*}"; [ -e "$1" ] || [ -L "$1" ] || mkdir "$1"; '
    '(cd "${1%/*}/" && above=$(pwd -P) && cd "./${1##*/}" 2>/dev/null && '
    '[ "$(pwd -P)" = "${above%/}/${1##*/}" ] && chown "$2" . && chmod "$3" .) || '
    '{ echo "$1: is a link, or no folder: look who made it, and remove it" >&2; exit 1; }; }'
)

#: ``rights PATH OWNER:GROUP MODE`` of a file in a folder that root alone may write, and of nothing
#: else: a link, soft or hard, that was planted while others could write there is still there.
RIGHTS = (
    'rights() { [ -f "$1" ] && [ ! -L "$1" ] && [ "$(stat -c %h "$1")" = 1 ] || '
    '{ echo "$1: is a link, or no file: look who made it, and remove it" >&2; exit 1; }; '
    'chown -h "$2" "$1"; chmod "$3" "$1"; }'
)
