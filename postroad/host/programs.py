"""What runs on hosts (`postroad.onhost`): its modules, what each needs, and where they lie there.

A program is installed as it lies here, below `TOOLS`. A question (`postroad.onhost.asked`) is sent
as one text with all that it imports: to any host, whatever is installed there. Pure, but that it
reads the package.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from postroad.data import PACKAGE
from postroad.host.paths import TOOLS

#: The folder that holds the package, here.
ROOT = PACKAGE.parent
ROOM = "postroad.onhost"
ASKED = f"{ROOM}.asked"
#: What python3 runs on a host where it is given the folder above the package.
MAIN = f"{ROOM}.__main__"
START = f"{ROOM}.common.start"

# Imports what it is given, by name. A question finds its modules in it before any that a host has.
_IMPORTER = """\
import sys
from importlib.util import spec_from_loader
class Sent:
    def find_spec(self, name, path=None, target=None):
        if name in SENT:
            return spec_from_loader(name, self, is_package=SENT[name][0])
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        exec(compile(SENT[module.__name__][1], module.__name__, "exec"), module.__dict__)
sys.meta_path.insert(0, Sent())
"""


@cache
def installed() -> tuple[str, ...]:
    """The modules that every host has, by their dotted names."""
    return tuple(
        name
        for name in ("postroad", *_of_the_room())
        if name != ASKED and not name.startswith(f"{ASKED}.")
    )


def place(module: str) -> str:
    """Where an installed module lies on a host."""
    return f"{TOOLS}/__main__.py" if module == MAIN else f"{TOOLS}/{source(module)}"


def source(module: str) -> str:
    """The file of a module, below `ROOT`."""
    bare = module.replace(".", "/")
    return f"{bare}/__init__.py" if (ROOT / bare).is_dir() else f"{bare}.py"


@cache
def text(path: str) -> str:
    """What stands in the file of a module; ``path`` is `source`'s."""
    return (ROOT / path).read_text(encoding="utf-8")


def folders() -> tuple[str, ...]:
    """The folders that the installed modules lie in, each before those below it."""
    return tuple(sorted({place(module).rpartition("/")[0] for module in installed()}))


@cache
def places_of(program: str) -> frozenset[str]:
    """The files on a host that a program, as it is called there, is made of."""
    module = f"{ROOM}.{program.replace('-', '_')}.main"
    return frozenset(map(place, (*needs(MAIN), *needs(module))))


@cache
def needs(module: str) -> tuple[str, ...]:
    """The module, and all of the package that it imports, by itself or by what it imports."""
    known: dict[str, None] = {}
    rest = [module]
    while rest:
        name = rest.pop()
        if name not in known:
            known[name] = None
            rest += [name.rpartition(".")[0]] if "." in name else []
            rest += _imported(name)
    return tuple(sorted(known))


@cache
def bundle(question: str) -> str:
    """The text that asks ``question``, a module of `ASKED`; its arguments are the program's."""
    module = f"{ASKED}.{question}"
    sent = {
        name: (source(name).endswith("/__init__.py"), text(source(name)))
        for name in (*needs(module), *needs(START))
    }
    call = f"from {START} import run\nsys.exit(run({module!r}, sys.argv[1:]))\n"
    return f"SENT = {sent!r}\n{_IMPORTER}{call}"


def _of_the_room() -> Iterator[str]:
    top = ROOT / ROOM.replace(".", "/")
    for path in sorted(top.rglob("*.py")):
        yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imported(module: str) -> list[str]:
    """The modules of the package that the text of ``module`` names."""
    names: list[str] = []
    for node in ast.walk(ast.parse(text(source(module)))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    ours = [name for name in names if name == "postroad" or name.startswith("postroad.")]
    return [name for name in dict.fromkeys(ours) if (ROOT / source(name)).is_file()]
