"""`postroad init`: what it writes passes the check as it is, and what is there stays as it was."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from postroad.commands import cli
from postroad.commands.new_estate import place
from postroad.commands.new_estate.plan import UNANSWERED, Plan
from postroad.commands.new_estate.questions import QUESTIONS, faults_between
from postroad.commands.new_estate.repository import estate_of, files
from postroad.roles.run.inventory import load
from postroad.settings.faults import EstateFaults
from postroad.settings.hidden import Hidden
from postroad.settings.passwords import hashed
from tests.unit import interrupts

CLONE = Path(__file__).parents[3]
ALL = {
    "--domain": "toys.example",
    "--host": "mail1=192.0.2.5,2001:db8::5",
    "--admin-network": "198.51.100.0/28",
    "--client-network": "203.0.113.7",
}


def words(**changed: str | None) -> list[str]:
    """The arguments of a whole estate; ``admin_network=None`` leaves --admin-network out."""
    given = {**ALL, **{f"--{name.replace('_', '-')}": text for name, text in changed.items()}}
    return [word for option, text in given.items() if text is not None for word in (option, text)]


def written(folder: Path) -> dict[str, str]:
    return {
        str(one.relative_to(folder)): one.read_text() for one in folder.rglob("*") if one.is_file()
    }


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have somebody type these lines, and then leave."""

    def typed(*lines: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))

    return typed


@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--host", "mail2=192.0.2.6"],
        ["--stream", "transactional"],
        ["--stream", "marketing"],
        ["--ssh-user", "debian"],
        ["--name", "shop"],
        ["--name", "mail"],
        ["--name", "all"],
        ["--admin-email", "o'neill+ops@toys.example"],
        ["--admin-network", "2001:db8:1::/64"],
        ["--domain", "xn--bcher-kva.example"],
    ],
    ids=lambda more: " ".join(more) or "the least",
)
def test_what_it_writes_passes_the_check_as_it_is(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "estates" / "mail"
    given = [one for one in words() if one not in ("--domain", ALL["--domain"])]
    domain = [] if "--domain" in more else ["--domain", ALL["--domain"]]
    assert cli.main(["init", str(folder), "--yes", *given, *domain, *more]) == 0
    (inventory,) = (folder / "inventories").glob("*.py")
    assert cli.main(["settings", "check", str(inventory)]) == 0
    assert capsys.readouterr().out.count("no password opens this login yet") in (1, 2)
    estate = load(inventory).estate
    assert str(estate.hosts[0].ipv4) == "192.0.2.5"


def test_its_deploys_and_config_are_the_checkout_s_own(tmp_path: Path) -> None:
    assert cli.main(["init", str(tmp_path), "--yes", *words()]) == 0
    for ours in (CLONE / "config.py", *(CLONE / "deploys").glob("*.py")):
        name = ours.relative_to(CLONE)
        assert (tmp_path / name).read_text() == ours.read_text(), name
    its = {one.name for one in (tmp_path / "deploys").iterdir()}
    assert its == {one.name for one in (CLONE / "deploys").glob("*.py")}


def test_what_is_checked_is_what_is_written(tmp_path: Path) -> None:
    """The estate is judged from its text, and the text says the same when Python runs it."""
    run: dict[str, Any] = {}
    exec(files(UNANSWERED)[Path("group_data/prod.py")], run)

    def shown(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shown(one) for key, one in value.items()}
        if isinstance(value, list):
            return [shown(one) for one in value]
        return value.unmask() if isinstance(value, Hidden) else value

    assert shown(run["estate"]) == estate_of(UNANSWERED)
    assert faults_between(UNANSWERED) == ()


def test_a_login_opens_when_its_hash_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["init", str(tmp_path), "--yes", *words(stream="transactional")]) == 0
    estate = tmp_path / "group_data" / "prod.py"
    text = estate.read_text().replace("Hidden(NOT_YET)", f'Hidden("{hashed("correct horse")}")')
    estate.write_text(text)
    capsys.readouterr()
    assert cli.main(["settings", "check", str(tmp_path / "inventories" / "prod.py")]) == 0
    assert "no password" not in capsys.readouterr().out


def test_nothing_written_is_secret_and_secrets_are_ignored(tmp_path: Path) -> None:
    assert cli.main(["init", str(tmp_path), "--yes", *words()]) == 0
    assert not any("argon2id$" in text.lower() for text in written(tmp_path).values())
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for name in ("secrets/tsig.key", "backups/mail1.tar", ".env", ".venv/bin/python"):
        ignored = ["git", "-C", str(tmp_path), "check-ignore", "-q", name]
        assert subprocess.run(ignored, check=False).returncode == 0, name
    for name in written(tmp_path):
        ignored = ["git", "-C", str(tmp_path), "check-ignore", "-q", name]
        assert ".git/" in name or subprocess.run(ignored, check=False).returncode == 1, name


@pytest.mark.parametrize(
    "there",
    ["README.md", ".gitignore", "config.py", "inventories/prod.py", "deploys/leave.py"],
)
def test_nothing_that_is_there_is_overwritten(
    there: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / there
    own.parent.mkdir(exist_ok=True)
    own.write_text("mine\n")
    assert cli.main(["init", str(tmp_path), "--yes", *words()]) == 1
    said = capsys.readouterr()
    assert (said.out, str(own) in said.err, "nothing was written" in said.err) == ("", True, True)
    assert written(tmp_path) == {there: "mine\n"}


@pytest.mark.parametrize("kind", ["a file for a folder", "a dead link", "a folder for a file"])
def test_what_is_in_the_way_is_named(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind == "a file for a folder":
        (tmp_path / "deploys").write_text("")
    elif kind == "a dead link":
        (tmp_path / "README.md").symlink_to(tmp_path / "nowhere")
    else:
        (tmp_path / "config.py").mkdir()
    (own,) = tmp_path.iterdir()
    assert cli.main(["init", str(tmp_path), "--yes", *words()]) == 1
    assert str(own) in capsys.readouterr().err
    assert list(tmp_path.rglob("*")) == [own]


def test_a_file_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "mail"
    own.write_text("mine\n")
    assert cli.main(["init", str(own), "--yes", *words()]) == 1
    assert cli.main(["init", str(own / "deeper"), "--yes", *words()]) == 2
    said = capsys.readouterr().err
    assert said.count(str(own)) == 2
    assert said.count("nothing was written") == 2
    assert written(tmp_path) == {"mail": "mine\n"}


def test_a_folder_with_other_things_in_it_is_fine(tmp_path: Path) -> None:
    (tmp_path / "terraform").mkdir()
    (tmp_path / "terraform" / "main.tf").write_text("# mine\n")
    assert cli.main(["init", str(tmp_path), "--yes", *words()]) == 0
    assert written(tmp_path)["terraform/main.tf"] == "# mine\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes everywhere")
def test_a_place_where_nothing_can_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", "/proc/mail", "--yes", *words()]) == 2
    assert "nothing was written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"domain": None}, "--domain: is missing; write --domain DOMAIN"),
        ({"host": None}, "--host: is missing; write --host NAME=IPv4[,IPv6]"),
        ({"admin_network": None}, "--admin-network: is missing"),
        ({"client_network": None}, "--client-network: is missing"),
        ({"domain": "Toys.example"}, 'has capital letters; write "toys.example"'),
        ({"domain": "toys"}, "is no full domain name"),
        ({"domain": "https://toys.example"}, "is no domain name"),
        ({"domain": ""}, "--domain: has no answer"),
        ({"host": "192.0.2.5"}, '"192.0.2.5" is no server; write each as'),
        ({"host": "mail1="}, '"mail1=" is no server'),
        ({"host": "mail1=192.0.2.500"}, '"192.0.2.500" is no IP address'),
        ({"host": "mail1=2001:db8::5"}, "has 0 IPv4 and 1 IPv6 addresses"),
        ({"host": "mail1=192.0.2.5,192.0.2.6"}, "has 2 IPv4 and 0 IPv6 addresses"),
        ({"host": "mail_1=192.0.2.5"}, "is no domain name"),
        ({"host": "mail1=192.0.2.5 mail1=192.0.2.6"}, '"mail1" is there 2 times'),
        ({"host": "a=192.0.2.5 b=192.0.2.5"}, 'already that of host "a"'),
        ({"host": "bounce=192.0.2.5"}, "bounce.toys.example is a host's own name"),
        ({"host": "localhost=192.0.2.5"}, "what programs on the host call localhost"),
        ({"host": "ma\udcffil=192.0.2.5"}, "holds characters that do not print"),
        ({"host": "ma\x1bil=192.0.2.5"}, "holds characters that do not print"),
        ({"domain": "toys\udcff.example"}, "holds characters that do not print"),
        ({"host": 'a"b=192.0.2.5'}, "is no domain name"),
        ({"admin_network": ","}, "is an empty list"),
        ({"admin_network": "198.51.100.7/24"}, "has host bits set"),
        ({"client_network": "shop"}, '"shop" is no network'),
        ({"admin_email": "ops"}, "is no mail address"),
        ({"stream": "bulk"}, 'write "marketing"'),
        ({"ssh_user": "Debian User"}, "is no login of a host"),
    ],
    ids=lambda one: " ".join(map(str, one.items())) if isinstance(one, dict) else "",
)
def test_an_argument_is_judged_by_the_rules_of_the_settings(
    changed: dict[str, str | None], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["init", str(tmp_path), "--yes", *words(**changed)]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_all_that_is_wrong_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = words(domain="Toys.example", admin_network="x", client_network=None)
    assert cli.main(["init", str(tmp_path), "--yes", *given]) == 2
    said = capsys.readouterr().err
    assert all(option in said for option in ("--domain:", "--admin-network:", "--client-network:"))


def test_each_answer_is_judged_at_once_and_asked_again(
    tmp_path: Path, answers: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(
        "Toys.example",
        "toys.example",
        "a=192.0.2.5 b=192.0.2.5",
        "a=192.0.2.5 b=192.0.2.6",
        "",
        "",
        "198.51.100.0/28, 2001:db8::/64",
        "203.0.113.7",
        "bulk",
        "",
        "",
    )
    assert cli.main(["init", str(tmp_path)]) == 0
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(";")[0].strip() for line in said] == [
        '"Toys.example" has capital letters',
        'the address 192.0.2.5 is already that of host "a"',
        "has no answer",
        '"bulk" is no stream',
    ]
    estate = load(tmp_path / "inventories" / "prod.py").estate
    assert estate.admin.email == "postmaster@toys.example"
    assert [stream.name for stream in estate.streams] == ["transactional", "marketing"]


def test_what_is_given_is_not_asked(tmp_path: Path, answers: Any) -> None:
    answers("postmaster@toys.example", "transactional", "root")
    assert cli.main(["init", str(tmp_path), *words()]) == 0


def test_who_stops_answering_leaves_nothing(
    tmp_path: Path, answers: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    answers("toys.example")
    assert cli.main(["init", str(tmp_path / "mail")]) == 2
    assert "nothing was written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_at_a_question_leaves_nothing(tmp_path: Path) -> None:
    """As a person: at a terminal, in the middle of the questions."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "postroad", "init", str(tmp_path / "mail")],
        cwd=CLONE,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=interrupts.heeded,
    )
    os.close(theirs)
    os.write(ours, b"toys.example\n")
    seen = b""
    while b"The servers" not in seen:
        seen += os.read(ours, 1000)
    # Python loses a signal that comes between its prompt and its read(2): a person presses again.
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)
    assert process.poll() == cli.INTERRUPTED
    os.close(ours)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("after", range(10))
def test_whatever_ends_the_writing_leaves_nothing(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, or a full disk, at each of the files."""
    opened = Path.open
    seen: list[Path] = []

    def interrupted(path: Path, *how: Any, **also: Any) -> Any:
        if len(seen) == after:
            raise KeyboardInterrupt
        seen.append(path)
        return opened(path, *how, **also)

    wanted = files(UNANSWERED)
    assert len(wanted) == 10
    (tmp_path / "mine").write_text("")
    monkeypatch.setattr(Path, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        place.write(tmp_path / "new" / "mail", wanted)
    assert [one.name for one in tmp_path.rglob("*")] == ["mine"]


def test_a_file_that_somebody_makes_meanwhile_is_kept(tmp_path: Path) -> None:
    wanted = files(UNANSWERED)
    (tmp_path / "deploys").mkdir()
    (tmp_path / "deploys" / "pause.py").write_text("mine\n")
    with pytest.raises(FileExistsError):
        place.write(tmp_path, wanted)
    assert written(tmp_path) == {"deploys/pause.py": "mine\n"}


def test_every_default_is_an_answer() -> None:
    plan: Plan = UNANSWERED
    for question in QUESTIONS:
        if (default := question.default(plan)) is not None:
            plan = question.answered(plan, default)
    assert faults_between(plan) == ()
    with pytest.raises(EstateFaults):
        QUESTIONS[0].answered(plan, " ")
