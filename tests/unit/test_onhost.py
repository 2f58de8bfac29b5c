"""What runs on hosts: it imports itself alone, and is whole where it is installed or sent."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from postroad.host import programs
from postroad.host.answers import AnswerError
from postroad.host.asked import Asked, Asking, json_of
from postroad.host.paths import PROGRAM, TOOLS
from postroad.mail.parts.order import every_row, everything
from postroad.mail.questions import shape
from postroad.mail.render import TEMPLATES
from postroad.onhost.common.programs import command
from postroad.onhost.common.programs import programs as known
from postroad.settings.model import Estate
from tests.unit import estates
from tests.unit.declarations import declaration

ROOM = programs.ROOT / "postroad/onhost"
MODULES = sorted(ROOM.rglob("*.py"))
QUESTIONS = sorted(p.stem for p in (ROOM / "asked").glob("*.py") if p.stem != "__init__")
PROGRAMS = sorted(known())
# Debian's packages: python3-dkim, python3-dnspython, python3-spf, python3-cryptography.
PACKAGES = {"dkim", "dns", "spf", "cryptography"}
NAMED = [str(path.relative_to(ROOM)) for path in MODULES]


def imported(path: Path) -> Iterator[str]:
    """Every module that a file names to import, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: an import that is relative"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in names if (programs.ROOT / programs.source(name)).is_file()}
            yield from modules or {node.module or ""}


def strange(path: Path) -> list[str]:
    """What it may not import: of postroad but this room, another program, what no host has."""
    own = path.relative_to(ROOM).parts
    mine = {own[0], "common"} if len(own) > 1 else {"common"}
    found = []
    for name in imported(path):
        top, *rest = name.split(".")
        if top != "postroad":
            found += [] if top in PACKAGES | sys.stdlib_module_names else [name]
        elif rest[:1] != ["onhost"] or (len(rest) > 1 and rest[1] not in mine):
            found.append(name)
    return found


@pytest.mark.parametrize("path", MODULES, ids=NAMED)
def test_it_imports_nothing_but_its_own_program_and_what_all_share(path: Path) -> None:
    assert strange(path) == []


@pytest.mark.parametrize(
    "line",
    [
        "import postroad.settings.model",
        "from postroad.onhost.canary.mail import Mail",
        "from postroad.onhost.canary import mail",
        "from postroad.host import paths",
        "import jinja2",
    ],
)
def test_another_import_would_be_seen(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOM", tmp_path)
    (tmp_path / "milter").mkdir()
    (tmp_path / "milter/main.py").write_text(f"def f():\n    {line}\n")
    assert strange(tmp_path / "milter/main.py") != []


@pytest.mark.parametrize("path", MODULES, ids=NAMED)
def test_the_oldest_python_of_a_host_can_read_it(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


# ---- what is installed ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`TOOLS`, with nothing but what the manifest puts into it."""
    root = tmp_path_factory.mktemp("tools")
    for row in every_row():
        if row.path.startswith(f"{TOOLS}/") and not row.template.endswith(".j2"):
            place = root / row.path.removeprefix(f"{TOOLS}/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(programs.text(row.template))
    return root


def called(
    host: Path, *words: str, stdin: str = "", environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """Run it there as a host does; the distribution's python3 has the packages that ours has."""
    python, *flags, folder = PROGRAM.split()
    assert (python, folder) == ("/usr/bin/python3", TOOLS)
    return subprocess.run(
        [sys.executable, *flags, str(host), *words],
        input=stdin,
        env=dict(environment),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


WRONG = {name: ["no such word"] * 5 for name in PROGRAMS} | {"alarm": []}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_is_whole_where_it_is_installed_and_leaves_nothing_there(
    host: Path, program: str
) -> None:
    """A wrong call imports all that it needs."""
    before = sorted(host.rglob("*"))
    done = called(host, program, *WRONG[program])
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "Traceback" not in done.stderr
    assert program in done.stderr
    assert sorted(host.rglob("*")) == before


@pytest.mark.parametrize("words", [[], ["no-such"], ["asked"], ["../canary"]])
def test_a_program_that_is_none_is_told_with_those_that_there_are(
    host: Path, words: list[str]
) -> None:
    done = called(host, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"there are {', '.join(PROGRAMS)}\n")
    assert done.stderr.count("\n") == 1


def test_a_program_answers_there_as_it_does_here(host: Path) -> None:
    done = called(host, "world-sees", stdin="[]")
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, [], "")
    refused = called(host, "world-sees", stdin="{}")
    assert refused.returncode == 2
    assert "expected a list of needs" in refused.stderr


def test_the_environment_brings_no_module(host: Path, tmp_path: Path) -> None:
    """One of the name of a package's, where -I must not look."""
    (tmp_path / "dns.py").write_text("raise SystemExit('another dns')\n")
    done = called(host, "resolver-proof", "x", environment={"PYTHONPATH": str(tmp_path)})
    assert done.stderr == "usage: resolver-proof\n"


def test_a_program_goes_by_its_name(host: Path) -> None:
    """As pkill(1) and whoever reads ps(1) knows it."""
    shown = (
        "import runpy, sys, threading; sys.argv[:] = ['x', 'alarm'];"
        f"sys.path.insert(0, {str(host)!r})\n"
        f"try: runpy.run_path({str(host)!r}, run_name='__main__')\n"
        "except SystemExit: print(open('/proc/self/comm').read().strip())"
    )
    done = subprocess.run(
        [sys.executable, "-IBc", shown], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == "alarm\n", done.stderr


@pytest.mark.parametrize("unit", ["milter@", "alarm@", "budget", "refresh"])
def test_the_journal_has_a_program_s_words_under_its_name(unit: str) -> None:
    """By itself systemd would take the name of what it starts, python3 (systemd.exec(5))."""
    text = (TEMPLATES / f"systemd/postroad-{unit}.service.j2").read_text(encoding="utf-8")
    assert f"\nSyslogIdentifier={unit.rstrip('@')}\n" in text


def test_questions_are_not_installed(host: Path) -> None:
    assert not (host / "postroad/onhost/asked").exists()
    assert (host / "postroad/onhost/canary/main.py").is_file()


def test_one_program_runs_another_of_the_same_tree() -> None:
    python, *words = command("budget", "serve")
    assert (python, words) == (
        sys.executable,
        ["-IB", str(programs.ROOT), "budget", "serve"],
    )


# ---- what a program is made of -------------------------------------------------------------------


def test_a_program_is_made_of_what_it_imports_and_no_more() -> None:
    milter = programs.places_of("milter")
    assert f"{TOOLS}/postroad/onhost/milter/main.py" in milter
    assert f"{TOOLS}/postroad/onhost/common/systemd.py" in milter
    assert f"{TOOLS}/__main__.py" in milter
    assert not [path for path in milter if "/canary/" in path or "/resolver" in path]
    # An import of a module by its folder's name, and one that another brings.
    canary = programs.places_of("canary")
    assert f"{TOOLS}/postroad/onhost/common/signature.py" in canary
    assert milter <= {row.path for row in every_row()}


def test_what_imports_what_is_read_from_any_form_of_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {
        "postroad/__init__.py": "",
        "postroad/onhost/__init__.py": "",
        "postroad/onhost/a.py": "import postroad.onhost.b\nfrom os import path\n",
        "postroad/onhost/b.py": "def f():\n    from postroad.onhost import c, MISSING\n",
        "postroad/onhost/c.py": "from postroad.onhost.a import x\n",
        "postroad/onhost/d.py": "",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(programs, "ROOT", tmp_path)
    programs.text.cache_clear()
    try:
        found = programs.needs.__wrapped__("postroad.onhost.a")
    finally:
        programs.text.cache_clear()
    assert found == (
        "postroad",
        "postroad.onhost",
        "postroad.onhost.a",
        "postroad.onhost.b",
        "postroad.onhost.c",
    )


@pytest.mark.parametrize(
    ("module", "restarted"),
    [
        ("postroad.onhost.milter.main", True),
        ("postroad.onhost.common.systemd", True),
        ("postroad.onhost.canary.mail", False),
        ("postroad.onhost.common.resolver", False),
    ],
)
def test_a_stream_is_restarted_where_what_its_milter_imports_changes(
    module: str, restarted: bool
) -> None:
    estate: Estate = estates.estate(declaration())
    (stream,) = (
        part
        for part in everything(shape(estate, estate.hosts[0]))
        if part.name == estate.hosts[0].streams[0]
    )
    made = {file.path for file in stream.unit_files}
    assert (programs.place(module) in made) is restarted


# ---- what is sent --------------------------------------------------------------------------------

ARGUMENTS = {
    "backup": [json.dumps({"places": ["/nowhere/at/all"], "kinds": []})],
    "instances": [json.dumps({"instances": {}, "parameters": [], "answers": []})],
    "resolved": ["[]"],
    "resolves": ["/nowhere/resolv.conf"],
    "settled": ["4XyZ", "no-such-instance", "0"],
    "signing": ["[]"],
    "submission": [json.dumps({"chain": "/nowhere", "key": "/nowhere", "listeners": []})],
}
STATUS = {"resolves": 1}


def asked(question: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Ask it as one text over standard input, with nothing around it."""
    return subprocess.run(
        [sys.executable, "-IB", "-", *arguments],
        input=programs.bundle(question),
        env={},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_one_text_that_needs_nothing_beside_it(question: str) -> None:
    done = asked(question, *ARGUMENTS.get(question, []))
    if question in ("system", "trace"):
        # Without its arguments it ends where it reads them, with everything imported.
        assert f"postroad.onhost.asked.{question}" in done.stderr
        assert "ImportError" not in done.stderr
        assert "ModuleNotFound" not in done.stderr
    else:
        assert (done.returncode, done.stderr) == (STATUS.get(question, 0), "")


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_fits_into_one_argument(question: str) -> None:
    """The shell gets it as one (execve(2): 128 KiB), with each of its quotes as five octets."""
    assert len(Asked(Asking(question, "", list)).script().encode()) < 100_000


def test_a_host_that_has_a_postroad_of_its_own_is_asked_with_ours(tmp_path: Path) -> None:
    """As a box from which somebody deploys."""
    (tmp_path / "postroad").mkdir()
    (tmp_path / "postroad/__init__.py").write_text("raise SystemExit('another postroad')\n")
    text = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{programs.bundle('resolved')}"
    done = subprocess.run(
        [sys.executable, "-IB", "-", "[]"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("{}", "")


def test_an_answer_is_read_as_what_the_question_says_it_is() -> None:
    question = Asked(
        Asking[tuple[int, ...]]("resolved", "numbers", json_of(tuple[int, ...]), 7), "a b"
    )
    assert (question.about, question.seconds) == ("numbers", 7)
    assert question.script().endswith(" 'a b'")
    assert question.read(["[1,", "2]"]) == (1, 2)
    with pytest.raises(AnswerError):
        question.read(['["x"]'])
