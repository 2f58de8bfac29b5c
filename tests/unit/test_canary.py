"""The canary's modules: whole as they lie on a host, its own Python's, and in no module's way."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from postroad.host.paths import CANARY, CANARY_FOLDER
from postroad.mail.parts.manifest import rows
from postroad.mail.render import TEMPLATES
from tests.unit import estates

SOURCE = TEMPLATES / "postroad" / "canary"
MODULES = sorted(path.name for path in SOURCE.glob("*.py"))


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The folder, with nothing but what the manifest puts into the one on a host."""
    estate = estates.estate(estates.DECLARED["an address a stream"])
    folder = tmp_path / "canary"
    folder.mkdir()
    for row in rows(estate, estate.hosts[0]):
        if row.path.startswith(f"{CANARY_FOLDER}/"):
            shutil.copy(TEMPLATES / row.template, folder / row.path.rpartition("/")[2])
    return folder


def test_it_is_whole_where_it_is_installed_and_leaves_nothing_there(installed: Path) -> None:
    """A wrong call imports every module."""
    command = CANARY.replace(CANARY_FOLDER, str(installed)).split()
    # The distribution's python3 has the modules that this environment's has here.
    command[0] = sys.executable
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr.split(":")[0]) == (2, "", "usage")
    assert sorted(path.name for path in installed.iterdir()) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_the_oldest_python_of_a_host_can_read_it(module: str) -> None:
    ast.parse((SOURCE / module).read_text(encoding="utf-8"), feature_version=(3, 10))


def test_no_module_has_the_name_of_one_of_python_s() -> None:
    """They come first on the path, for all that they import as well."""
    assert {Path(module).stem for module in MODULES} & sys.stdlib_module_names == set()


@pytest.mark.parametrize("module", MODULES)
def test_the_list_of_rooms_names_it(module: str) -> None:
    listed = ast.get_docstring(ast.parse((SOURCE / "__main__.py").read_text(encoding="utf-8")))
    assert listed is not None
    rooms = listed.partition("The rooms")[2].replace(",", " ").split()
    assert module == "__main__.py" or Path(module).stem in rooms


@pytest.mark.parametrize(
    ("line", "complains"),
    [
        ("cleanup[7]: warning: file system clock is 1 seconds ahead of local clock", False),
        ("cleanup[7]: warning: resetting file time stamps - this hurts performance", False),
        ("smtpd[7]: warning: unknown[10.0.0.1]: SASL PLAIN authentication failed: x", False),
        ("smtpd[7]: warning: unknown smtpd restriction: rejct", True),
        ("cleanup[7]: fatal: unsupported dictionary type: hush", True),
    ],
)
def test_words_that_say_nothing_of_the_configuration_are_none(
    installed: Path, line: str, complains: bool
) -> None:
    """Two of them are a busy host's own (cleanup(8) and its clock), one the canary provokes."""
    asked = (
        "import sys; from journal import HARMLESS, POSTFIX_COMPLAINT as words; line = sys.argv[1]; "
        "print(bool(words.search(line) and not HARMLESS.search(line)))"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", asked, f"Nov 23 12:00:00 mail1 postfix-marketing/{line}"],
        cwd=installed,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{complains}\n"


def test_whom_a_login_may_write_as_is_read_from_what_is_rendered(
    installed: Path, tmp_path: Path
) -> None:
    """The policy has a table of return paths as well."""
    estate = estates.estate(estates.DECLARED["an address a stream"])
    host, stream = estate.hosts[0], estate.streams[0].name
    facts = estates.facts(estate, host)
    for name, path in (
        ("policy.lua", f"/etc/postroad/{stream}/policy.lua"),
        ("sender_logins", f"/etc/postfix-{stream}/sender_logins"),
        ("users", f"/etc/postroad/{stream}/users"),
    ):
        (tmp_path / name).write_text(estates.text(path, estate, host, facts))
    asked = (
        "from types import SimpleNamespace as Canary\n"
        "from pathlib import Path\n"
        "from logins import logins\n"
        f"place = Path({str(tmp_path)!r})\n"
        "print([one.from_grants for one in logins(Canary(config=place, folder=place))])\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", asked], cwd=installed, capture_output=True, text=True
    )
    wanted = [user.from_addresses for user in estate.streams[0].users]
    assert done.stdout == f"{wanted}\n", done.stderr


def test_a_domain_that_waits_is_found_in_header_checks_and_asks_for_no_good_letter(
    installed: Path, tmp_path: Path
) -> None:
    """Its logins may have none; a login whose domains neither wait nor are signed is refused."""
    (tmp_path / "header_checks").write_text(
        "/^From: x$/x REJECT 4.7.1 mail From: toys.example waits: there is no DKIM key at a.b\n"
        "/^/ REJECT 5.7.1 From: and Sender: must end in one address at shop.example\n"
    )
    asked = (
        "from types import SimpleNamespace\n"
        "from pathlib import Path\n"
        "from logins import Login, waiting\n"
        "from refusal import RefusedError\n"
        "from submission import good_letters, waiting_letters\n"
        f"waits = waiting(SimpleNamespace(config=Path({str(tmp_path)!r})))\n"
        "assert waits == {'toys.example'}, waits\n"
        "sender = ('bounce@b.example',)\n"
        "shop = Login('shop', ('@shop.example', '@toys.example'), sender)\n"
        "toys = Login('toys', ('orders@toys.example',), sender)\n"
        "lost = Login('lost', ('@old.example',), sender)\n"
        "signing = {'shop.example': None}\n"
        "assert good_letters([shop, toys], signing, waits) == [(shop, 'canary@shop.example')]\n"
        "assert [a for _, a in waiting_letters([shop], waits)] == ['canary@toys.example']\n"
        "assert good_letters([toys], signing, waits) == []\n"
        "try:\n"
        "    good_letters([shop, lost], signing, waits)\n"
        "except RefusedError as refusal:\n"
        "    print(refusal)\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", asked],
        cwd=installed,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("login lost: no From: address in policy.lua")
