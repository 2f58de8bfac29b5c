"""What Python refuses in a file that the operator wrote, as a fault: file, line, mend. Pure.

Inventories, group_data and deploy files are code. What Python says of them is right and short, but
it comes with the frames of whoever read the file, which say nothing to its writer.
"""

from __future__ import annotations

import ast
import pkgutil
import re
import sys
from codecs import BOM_UTF8 as _MARK
from collections.abc import Iterator
from traceback import walk_tb
from types import TracebackType
from warnings import catch_warnings

from postroad.settings.faults import Fault
from postroad.settings.meant import nearest
from postroad.settings.syntax import MERGED, conflict_line, syntax_mend, without_effect

# What other languages call them, and pages about YAML and JSON; in whatever case.
_WORDS = {
    **dict.fromkeys(("true", "yes", "on"), "True"),
    **dict.fromkeys(("false", "no", "off"), "False"),
    **dict.fromkeys(("null", "none", "nil", "undefined"), "None"),
}
_ENCODED = 'save it as UTF-8, as in vim by ":set fileencoding=utf-8"'
_HERE = "mend it there"
_RELATIVE = "write it without the dots, and put that file beside the inventory's folder"


def unreadable(content: bytes, file: str) -> Fault | None:
    """Why Python cannot even read ``file``; None where it can. The file is not run."""
    if content.startswith(_MARK):
        return Fault(_at(file, 1), "begins with a byte order mark", "save it as UTF-8 without one")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return Fault(_at(file, line), "is no UTF-8 text", _ENCODED)
    if "\0" in text:
        # Of which every version of Python says something else, and none where.
        line = text[: text.index("\0")].count("\n") + 1
        return Fault(_at(file, line), "holds a null byte", f"delete it, or {_ENCODED}")
    try:
        with catch_warnings(action="ignore"):
            tree = ast.parse(text)
            # What is no statement at its place, as return is, is found by compiling alone.
            compile(tree, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        return _conflict(text, file) or _syntax(error, file)
    for number, wrong, mend in without_effect(tree):
        return Fault(_at(file, number), wrong, mend)
    return None


def _conflict(text: str, file: str) -> Fault | None:
    line = conflict_line(text)
    if line is None:
        return None
    wrong = "is a mark of git's, of two versions that it could not merge"
    return Fault(_at(file, line), wrong, MERGED)


def failed(error: BaseException, file: str, place: str) -> Fault:
    """What went wrong while Python ran ``file``, which it knows as ``place``."""
    if isinstance(error, SyntaxError):
        return _syntax(error, file if error.filename in (None, place) else str(error.filename))
    line = _line(error.__traceback__, place)
    if isinstance(error, SystemExit):
        return Fault(_at(file, line), "ends Python (sys.exit)", "take that out: it hides all else")
    return Fault(_at(file, line), f"{type(error).__name__}: {error}", _mend(error))


def _at(file: str, line: int | None) -> str:
    return file if line is None else f"{file}: line {line}"


def _syntax(error: SyntaxError, file: str) -> Fault:
    return Fault(_at(file, error.lineno), error.msg, syntax_mend(error))


def _line(traceback: TracebackType | None, place: str) -> int | None:
    """The innermost line of the operator's own file: below it are those whom it called."""
    lines = [n for frame, n in walk_tb(traceback) if frame.f_code.co_filename == place]
    return lines[-1] if lines else None


def _mend(error: BaseException) -> str:
    match error:
        case NameError(name=str(name)) if name.casefold() in _WORDS:
            return f"write {_WORDS[name.casefold()]}"
        case NameError(name=str(name)) if name.lower().startswith("hid"):
            return 'write Hidden("…"), and above it: from postroad.settings.hidden import Hidden'
        case NameError(name=str(name)):
            return f'write "{name}" in quotes if it is a text, or define it above'
        case ModuleNotFoundError(name=str(name)):
            return _of_module(name)
        case ImportError(name=str(name)) if likely := _of_import(error, name):
            return f"write {likely}"
        case ImportError() if "relative import" in str(error):
            return _RELATIVE
        case KeyError(args=["'__name__' not in globals"]):
            return _RELATIVE
        case KeyError(args=[str(name)]) if _raised_in(error.__traceback__) == "os":
            return f"export {name} before the run: the environment has no such variable"
        case KeyError():
            return "name a key that is there"
        case OSError(filename=str(name)):
            return f"put {name} there, or correct its name"
    return _HERE


def _of_module(name: str) -> str:
    """What to write instead of a module that is not there; its package may be."""
    package, _, last = name.rpartition(".")
    if package in sys.modules:
        beside = getattr(sys.modules[package], "__path__", ())
        likely = nearest(last, [module.name for module in pkgutil.iter_modules(beside)])
        of = f", which has no {last}" if likely is None else f": write {package}.{likely}"
        return f"correct the name {name}{of}"
    return (
        f"correct the name {name}, put {name.partition('.')[0]}.py beside the inventory's"
        " folder, or install it into the Python that runs this"
    )


def _of_import(error: ImportError, module: str) -> str | None:
    """The name of ``module`` that is most like the one that could not be imported from it."""
    found = re.match(r"cannot import name '(\w+)'", str(error))
    public = [name for name in vars(sys.modules.get(module, object)) if name[0] != "_"]
    return None if found is None else nearest(found[1], public)


def _raised_in(traceback: TracebackType | None) -> str:
    """The module whose line raised; empty where nothing is known of it."""
    frames = [frame for frame, _ in walk_tb(traceback)]
    return str(frames[-1].f_globals.get("__name__", "")) if frames else ""


def assigned(text: str) -> dict[str, int]:
    """The names that a file gives values at its top level, and the line of each."""
    names = {}
    for statement in ast.parse(text).body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)])
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr())
            ):
                names[name] = statement.lineno
    return names


def odd_groups(text: str, file: str) -> Iterator[Fault]:
    """What of an inventory pyinfra stumbles over, or takes for hosts of one letter.

    A group is a list of hosts, or ``(list, data)``; a host is a name, or ``(name, data)``. Only
    what is written out is judged: what is computed is pyinfra's to see.
    """
    for name, value in _groups(text):
        match value:
            case ast.Tuple(elts=[ast.Constant(value=str(host)), *_]):
                mend = f'write {name} = [("{host}", {{...}})]: a group is a list'
                yield _of_group(file, value, f"{name} is one host, not a group", mend)
            case ast.Tuple(elts=[ast.List(), *rest]) if len(rest) != 1:
                wrong = f"{name} is neither a list of hosts nor (list, data)"
                yield _of_group(file, value, wrong, f"write {name} = ([...], {{...}})")
            case ast.List(elts=hosts) | ast.Tuple(elts=[ast.List(elts=hosts), _]):
                yield from _odd_hosts(hosts, name, file)


def _odd_hosts(hosts: list[ast.expr], group: str, file: str) -> Iterator[Fault]:
    for host in hosts:
        match host:
            case (
                ast.Tuple(elts=[ast.Constant(value=str(name))])
                | ast.Tuple(
                    elts=[
                        ast.Constant(value=str(name)),
                        ast.Constant() | ast.List() | ast.Set(),
                        *_,
                    ]
                )
            ):
                yield _of_group(
                    file,
                    host,
                    f'{group}: host "{name}" has no dictionary behind its name',
                    f'write ("{name}", {{"ssh_hostname": "192.0.2.11"}})',
                )


def passed_over(text: str, file: str) -> Iterator[Fault]:
    """The groups that pyinfra leaves out, with hardly a word, for what is in them."""
    for name, value in _groups(text):
        yield from _passed_over(name, value, file)


def _passed_over(name: str, value: ast.expr, file: str) -> Iterator[Fault]:
    match value:
        case ast.List(elts=hosts) | ast.Tuple(elts=[ast.List(elts=hosts), _]):
            for host in hosts:
                yield from _no_host(name, host, file)
        case ast.Dict() | ast.Set() | ast.Constant(value=str()):
            mend = f'write {name} = [("mail1", {{"ssh_hostname": "192.0.2.11"}})]'
            yield _of_group(file, value, f"{name} is no list of hosts", mend)


def _no_host(group: str, host: ast.expr, file: str) -> Iterator[Fault]:
    match host:
        case ast.Dict():
            mend = 'write ("mail1", {...}): the name and its data in parentheses'
            yield _of_group(file, host, f"{group}: a dictionary is no host", mend)
        case ast.List(elts=[ast.Constant(value=str(written)), *_]):
            mend = f'write ("{written}", {{...}}), in parentheses'
            yield _of_group(file, host, f"{group}: a list is no host", mend)
        case ast.Constant(value=it) if not isinstance(it, str):
            mend = 'write its name as a string, as "mail1"'
            yield _of_group(file, host, f"{group}: {it!r} is no host", mend)


def may_name_hosts(text: str) -> bool:
    """Whether an inventory has a group, or computes or imports what may be one."""
    if any(_may_bring_groups(statement) for statement in ast.parse(text).body):
        return True
    literals = (ast.Constant, ast.Dict, ast.Set)
    return any(
        not isinstance(value, literals) and not list(_passed_over(name, value, ""))
        for name, value in _groups(text)
    )


def _may_bring_groups(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.ImportFrom):
        return (statement.module or "").partition(".")[0] not in sys.stdlib_module_names
    return isinstance(statement, ast.For | ast.With | ast.Try | ast.If)


def _groups(text: str) -> Iterator[tuple[str, ast.expr]]:
    """What an inventory assigns at its top level, but for names that pyinfra leaves out."""
    for statement in ast.parse(text).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name[0] != "_":
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if (
                name[0] != "_"
            ):
                yield name, value


def _of_group(file: str, node: ast.expr, wrong: str, mend: str) -> Fault:
    return Fault(_at(file, node.lineno), wrong, mend)
