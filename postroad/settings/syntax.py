"""What to write instead of what is no Python: other languages' habits, and marks of tools. Pure.

Python names the place, and says of most things only that they are invalid.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_BRACKETS = "mend that line or the one above it: a comma, a quote or a bracket is missing"
_INDENTED = "begin the line below the lines that it belongs to, with blanks and no tabs"
_QUOTED = 'write it in quotes, as "12h"'
MERGED = "keep one of the two, and delete the marks around them"
_AS_IT_SAYS = "write it as Python says"
# A line that git leaves where two versions of it were merged (git-merge(1), "How conflicts are
# presented").
_CONFLICT = re.compile(r"^(<<<<<<<|>>>>>>>|\|\|\|\|\|\|\|)( .*)?$", re.MULTILINE)
_CHARACTER = re.compile(r"invalid (non-printable )?character .*\(?U\+(?P<code>[0-9A-F]{4,6})\)?")
_CURLY = {0x2018, 0x2019, 0x201A, 0x201C, 0x201D, 0x201E}
_QUOTES = {*_CURLY, 0xAB, 0xBB, 0xB4, 0x60}
_DASHES = {0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2212}
_BLANKS = {0xA0, 0x2002, 0x2003, 0x2007, 0x2009, 0x202F, 0x3000}

# What Python says → what to write, where it speaks of one thing alone.
_OF_WORDS: tuple[tuple[str, str], ...] = (
    (r"leading zeros in decimal", "write the number without its zeros; a file's mode is 0o644"),
    (r"invalid (decimal|hexadecimal|octal|binary|imaginary) literal", _QUOTED),
    (r"invalid digit '.' in", _QUOTED),
    (r"Missing parentheses in call", _AS_IT_SAYS),
    (
        r".* outside (async )?(function|loop)",
        "take it out: the file is read from its first line to its last",
    ),
    (r"cannot assign to .* here", 'write a name and no text before "="; in a dictionary, ":"'),
    (r"\(unicode error\)", 'write "/" in place of each backslash'),
    (r"unexpected character after line continuation", "take the backslash out"),
    (r"f-string", 'mend the braces and quotes within it, or take the "f" before it away'),
)
# What stands in the line besides texts and comments → what to write, where Python says no more than
# that it is invalid.
_OF_LINES: tuple[tuple[str, str], ...] = (
    (r"^(<<<<<<<|=======|>>>>>>>)", MERGED),
    (r"(^|[\s,])//(\s|$)|/\*", 'begin a comment with "#"'),
    (r"\b\d{1,3}(\.\d{1,3}){3}\b", 'write the address in quotes, as "192.0.2.1"'),
    (r"\b[0-9a-f]{1,4}:[0-9a-f:]*:", 'write the address in quotes, as "2001:db8::1"'),
    (r"=>", 'write ":" between a key and its value, and "=" after a name'),
    (r"^\s*[\w-]+:\s*$|^\s*- ", 'this is YAML: write Python, as estate = {"hosts": {...}}'),
    (r"^\s*export\s", "take the word export away, and write the value in quotes"),
    (r"\$\w", 'write import os above, and os.environ["NAME"] for a variable'),
)
_TEXTS = re.compile(r""""[^"]*"|'[^']*'|#.*""")


def conflict_line(text: str) -> int | None:
    """The first line that git marks a conflict by; None where there is none."""
    found = _CONFLICT.search(text)
    return None if found is None else text.count("\n", 0, found.start()) + 1


def syntax_mend(error: SyntaxError) -> str:
    """What to write instead of what Python refuses to read."""
    if isinstance(error, IndentationError):
        return _INDENTED
    if found := _CHARACTER.match(error.msg):
        return _of_character(int(found["code"], 16))
    if error.msg.startswith("unterminated"):
        # It may be ended by a quote that is none.
        odd = (ord(letter) for letter in error.text or "" if ord(letter) in _CURLY)
        return next(map(_of_character, odd), _BRACKETS)
    for words, mend in _OF_WORDS:
        if re.match(words, error.msg):
            return mend
    if error.msg.startswith(("invalid syntax", "illegal target")):
        bare = _TEXTS.sub("", error.text or "").rstrip("\n")
        for form, mend in _OF_LINES:
            if re.search(form, bare, re.IGNORECASE):
                return mend
    return _BRACKETS


def _of_character(code: int) -> str:
    if code in _QUOTES:
        return "write a plain \" or ' in its place: word processors and web pages make others"
    if code in _BLANKS:
        return "write a plain blank in its place: this one does not break lines, and looks alike"
    if code in _DASHES:
        return 'write a plain "-" in its place'
    return "take it out, or write it within quotes"


def without_effect(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Statements at the top that look as if they gave a name its value: line, what, mend.

    ``estate: {…}`` is a type to Python, ``estate == {…}`` asks whether it is that.
    """
    bound = {node.id for node in ast.walk(tree) if _is_stored(node) and isinstance(node, ast.Name)}
    for statement in tree.body:
        match statement:
            case ast.AnnAssign(
                target=ast.Name(id=name), annotation=ast.Dict() | ast.List(), value=None
            ):
                yield statement.lineno, f"gives {name} no value", f'write {name} = …, with "="'
            case ast.Expr(value=ast.Compare(left=ast.Name(id=name), ops=[ast.Eq()])) if (
                name not in bound
            ):
                wrong = f"asks what {name} is, and gives it no value"
                yield statement.lineno, wrong, f'write {name} = …, with one "="'


def _is_stored(node: ast.AST) -> bool:
    """Whether ``node`` gives a name a value: an annotation alone does not."""
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
