"""How each format of a host's files says a value as it is: one writer a format, no other way.

The templates use them as filters. What a format cannot say at all is a `FormatError`: the settings
refuse such a value long before (`postroad.settings.values`), so that one is a fault of ours.
`tests/lab/test_formats.py` asks each format's own reader.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping

from postroad.settings.faults import PlainError

Writer = Callable[..., str]


class FormatError(PlainError):
    """A value that a format has no words for. The message never repeats it: it may be a secret."""


def line(text: str) -> str:
    """``text`` in a place that ends with its line: a comment, a name of its own.

    No line break of any kind and no other control character (Unicode counts more than ``\\n``).
    """
    if not text.isprintable():
        raise FormatError(
            "a value of several lines, or with characters that do not print: write it in one line"
        )
    return text


def main_cf(text: str) -> str:
    """``text`` as (a part of) the value of a main.cf parameter (postconf(5), "$name").

    Only where no list or brace of the parameter's own meaning gives it another one. A ``#`` after
    a space is no comment there, but Postfix 3.10 warns that one may be meant: an expression that
    expands to nothing stands before it (``${name:value}`` is the value where $name is empty).
    """
    return re.sub(r"(?:(?<=\s)|^)#", "${mail_name:}#", line(text).replace("$", "$$"))


def static_map(address: str) -> str:
    """A mail address as the one answer of a ``static:`` map in main.cf (DATABASE_README).

    Braces at the beginning would quote what they hold. A quoted local part is the same address
    (RFC 5321 §4.1.2), and canonical(5) reads the answer as it reads a header.
    """
    local, at, domain = address.rpartition("@")
    quoted = f'"{local}"{at}{domain}' if local.startswith("{") else line(address)
    return quoted.replace("$", "$$")


def table_key(key: str) -> str:
    """``key`` at the beginning of a line of a texthash: table, which folds case (postmap(1)).

    A line that begins with ``#`` is a comment in all of Postfix's tables, and this one has no
    quoting: what may begin so is written as a pattern (`pcre`).
    """
    if not key or key.startswith("#") or any(c.isspace() for c in line(key)):
        raise FormatError("a key that a texthash: table cannot hold")
    return key


def pcre(text: str) -> str:
    """``text`` literally within a pattern of pcre_table(5), whatever its delimiter.

    A backslash before whatever is no letter or digit takes its meaning away (pcrepattern(3),
    "Backslash"). Those that never have one stay as they are, so that people can read names.
    """
    plain = "-_@ "
    return "".join(c if c.isalnum() or c in plain else f"\\{c}" for c in line(text))


def pcre_extended(address: str) -> str:
    """A pattern, as `pcre` writes it, of ``address`` with any extension: ``bounce+anything@``.

    Of what is sent to one recipient each, a return path can name the message (VERP).
    """
    local, _, domain = address.rpartition("@")
    return f"{pcre(local)}\\+[^@]+@{pcre(domain)}"


def pcre_answer(text: str) -> str:
    """``text`` as the answer of a line of pcre_table(5) ("TEXT SUBSTITUTION")."""
    return line(text).replace("$", "$$")


def apt(text: str) -> str:
    """``text`` as a value of apt.conf(5): quoted, with no way to say a quotation mark itself."""
    if '"' in line(text):
        raise FormatError("a quotation mark in a value of apt.conf")
    return f'"{text}"'


def ini(text: str) -> str:
    """``text`` as a value of the files that certbot(1) reads by ConfigObj.

    Bare where that says the same; else quoted (ConfigObj's documentation, "The Config File
    Format"): commas would make a list, ``#`` a comment.
    """
    bare = line(text) and text == text.strip() and not set(text) & set(",#\"'")
    if bare:
        return text
    mark = "'" if '"' in text else '"'
    if mark in text or "%(" in text:
        raise FormatError("both quotation marks, or a %(name), in a value of ConfigObj")
    return f"{mark}{text}{mark}"


def unit_word(text: str) -> str:
    """``text`` as one word of a command in a unit file, without its quotation marks where it
    needs none (systemd.service(5), "Command lines"; systemd.unit(5), "Specifiers")."""
    escaped = line(text).replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    needs_marks = not text or any(c.isspace() or c in "\"';\\" for c in text)
    quoted = escaped.replace('"', '\\"')
    return f'"{quoted}"' if needs_marks else escaped


def shell(text: str) -> str:
    """``text`` as one word of a shell script (POSIX shell, 2.2)."""
    return shlex.quote(line(text))


def passwd_field(text: str) -> str:
    """``text`` as a field of a passwd-file (Dovecot's documentation, "Passwd-file")."""
    if ":" in line(text) or text != text.strip() or text.startswith("#") or not text:
        raise FormatError("a field that a passwd-file cannot hold")
    return text


def lua(text: str) -> str:
    """``text`` as a Lua string literal (Lua manual §3.1).

    All but plain ASCII as decimal escapes of its bytes: those mean the same in every version.
    """
    return f'"{"".join(_lua_byte(byte) for byte in text.encode())}"'


def _lua_byte(byte: int) -> str:
    plain = 0x20 <= byte < 0x7F and byte not in b'"\\'
    return chr(byte) if plain else f"\\{byte:03}"


FILTERS: Mapping[str, Writer] = {
    writer.__name__: writer
    for writer in (
        line,
        main_cf,
        static_map,
        table_key,
        pcre,
        pcre_answer,
        pcre_extended,
        apt,
        ini,
        unit_word,
        shell,
        passwd_field,
        lua,
    )
}
