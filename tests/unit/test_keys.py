"""The DKIM keys: which a host must have, what is wrong with those it has, and how they are made."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from postroad.host.found import FileState, HostState, blank
from postroad.host.paths import key_path
from postroad.mail.signing.found import KEYS, KeyState
from postroad.mail.signing.keys import KeyFault, key_faults, script, signing_keys, wanted_keys
from postroad.settings.model import Estate
from tests.unit import estates
from tests.unit.declarations import declaration, put
from tests.unit.machine import Machine
from tests.unit.sandbox import GROUP, OWNER, Sandbox
from tests.unit.states import altered

SUPPLIED = {
    "host": "mail1",
    "stream": "marketing",
    "domain": "news.shop.example",
    "selector": "202601-old",
    "key": {"env": estates.SECRET_VARIABLE},
}
MADE = estates.estate(declaration())
BROUGHT = estates.estate(put(declaration(), ("dkim_keys",), [SUPPLIED]))
FOLDER = "/etc/postroad/marketing/keys/news.shop.example"
OPENDKIM = "opendkim"


def keyed() -> HostState:
    """mail1 with both of its keys as they must be."""
    machine = Machine(declaration())
    machine.answer("sh -s", "install -d /etc/postroad/x/keys/")
    return machine.state


RIGHT = keyed()


def faults(state: HostState, estate: Estate = MADE) -> list[str]:
    return [str(fault) for fault in key_faults(estate, estate.host("mail1"), state)]


def signing(found: tuple[KeyState, ...], estate: Estate = MADE) -> list[KeyState]:
    return list(signing_keys(estate, estate.host("mail1"), found))


def test_one_key_a_stream_and_sending_domain() -> None:
    domains = ["news.shop.example", "deals.news.shop.example"]
    declared = put(declaration(), ("streams", "marketing", "from_domains"), domains)
    declared = put(declared, ("streams", "marketing", "envelope_domain"), "b.news.shop.example")
    estate = estates.estate(declared)
    wanted = list(wanted_keys(estate, estate.host("mail1")))
    assert [(key.stream, key.domain, key.label, key.supplied) for key in wanted] == [
        ("transactional", "shop.example", "mail1", None),
        ("marketing", "news.shop.example", "mail1", None),
        ("marketing", "deals.news.shop.example", "mail1", None),
    ]


def test_a_supplied_key_is_for_its_host_stream_and_domain_alone() -> None:
    first, second = wanted_keys(BROUGHT, BROUGHT.host("mail1"))
    assert first.supplied is None
    assert second.supplied is not None
    assert second.supplied.selector == "202601-old"


def test_keys_as_they_must_be_have_no_fault() -> None:
    assert faults(RIGHT) == []


def test_a_host_without_keys() -> None:
    assert faults(blank()) == [
        "/etc/postroad/transactional/keys/shop.example/*-mail1.pem (missing)",
        f"{FOLDER}/*-mail1.pem (missing)",
    ]


def changed(path: str, **rights: object) -> HostState:
    files = dict(RIGHT.files)
    files[path] = replace(files[path], **rights)  # type: ignore[arg-type]
    return replace(RIGHT, files=files)


KEY = f"{FOLDER}/202611-mail1.pem"


@pytest.mark.parametrize(
    ("state", "named"),
    [
        (changed(KEY, mode=0o644), f"{KEY} (mode 0644, not 0600)"),
        (
            changed(KEY, owner="root"),
            f"{KEY} (owner root:opendkim, not opendkim:opendkim)",
        ),
        (changed(FOLDER, mode=0o755), f"{FOLDER} (mode 0755, not 0750)"),
        (
            changed("/etc/postroad/marketing/keys", group="root"),
            "/etc/postroad/marketing/keys (owner root:root, not root:opendkim)",
        ),
        (
            altered(RIGHT, keys=(RIGHT[KEYS][0], replace(RIGHT[KEYS][1], public_key=""))),
            f"{KEY} (is not a private key)",
        ),
        (altered(RIGHT, keys=RIGHT[KEYS][:1]), f"{FOLDER}/*-mail1.pem (missing)"),
    ],
)
def test_each_fault_is_named_and_it_alone(state: HostState, named: str) -> None:
    assert faults(state) == [named]


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/etc/postroad/marketing/keys", "directory"),
        (FOLDER, "directory"),
        (KEY, "file"),
        (f"{FOLDER}/202501-x.life", "file"),
        (f"{FOLDER}/{KEY}.new", "file"),
    ],
)
@pytest.mark.parametrize("kind", ["symlink", "other"])
def test_what_was_planted_beside_keys_is_named_and_refused(
    path: str, wanted: str, kind: str
) -> None:
    found = FileState(kind, OPENDKIM, OPENDKIM, 0o777)
    state = replace(RIGHT, files={**RIGHT.files, path: found})
    named = f"{path} (is a {kind}, not a {wanted})"
    assert named in faults(state)
    text = script(key_faults(MADE, MADE.host("mail1"), state), {})
    assert named in text.partition("\nexit 1\n")[0]


def test_a_key_of_another_selector_is_not_the_supplied_one() -> None:
    assert faults(RIGHT, BROUGHT) == [f"{FOLDER}/202601-old.pem (missing)"]


def test_one_key_signs_for_a_domain_the_supplied_one_or_the_newest() -> None:
    made = RIGHT[KEYS][1]
    older = replace(made, selector="202301-mail1")
    brought = replace(made, selector="202601-old")
    found = (older, made, brought)
    assert signing(found, BROUGHT) == [brought]
    assert signing(found) == [made]
    assert signing((older, brought)) == [older]


def test_a_key_of_another_month_is_a_key() -> None:
    older = replace(RIGHT[KEYS][1], selector="202301-mail1")
    path = key_path(older.stream, older.domain, older.selector)
    files = {**RIGHT.files, path: FileState("file", OPENDKIM, OPENDKIM, 0o600)}
    assert faults(altered(RIGHT, keys=(RIGHT[KEYS][0], older), files=files)) == []


# ---- the script, run -----------------------------------------------------------------------------


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    # The keys belong to a user of their own; here that is whoever runs the test.
    monkeypatch.setattr("postroad.mail.signing.keys.OWNER", OWNER)
    return Sandbox.at(tmp_path)


def run(
    box: Sandbox, found: tuple[KeyFault, ...], secrets: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return box.sh(placed(box, script(found, secrets or {})))


def placed(box: Sandbox, text: str) -> str:
    """The script where the box is /, and everybody whoever runs the test."""
    for whose in (f"{OWNER}:{OWNER}", f"root:{OWNER}", "root:root"):
        text = text.replace(whose, f"{OWNER}:{GROUP}")
    for folder in ("/etc/postroad", "/etc/theirs"):
        text = text.replace(folder, f"{box.root}{folder}")
    return text


def everything(box: Sandbox) -> dict[str, int]:
    """Each path below etc/postroad with its mode."""
    top = box.root / "etc/postroad"
    return {str(p.relative_to(top)): p.stat().st_mode & 0o7777 for p in top.rglob("*")}


def missing(estate: Estate = MADE) -> tuple[KeyFault, ...]:
    return key_faults(estate, estate.host("mail1"), blank())


def test_missing_keys_are_made_readable_to_the_signer_alone(box: Sandbox) -> None:
    done = run(box, missing())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (made,) = (box.root / "etc/postroad/marketing/keys/news.shop.example").iterdir()
    month, _, label = made.stem.partition("-")
    assert len(month) == 6
    assert month.isdigit()
    assert label == "mail1"
    modes = everything(box)
    assert modes[f"marketing/keys/news.shop.example/{made.name}"] == 0o600
    assert modes["marketing/keys"] == modes["marketing/keys/news.shop.example"] == 0o750
    assert modes["marketing"] == 0o755
    shown = subprocess.run(
        ["openssl", "pkey", "-in", str(made), "-noout", "-text"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "2048 bit" in shown.stdout


def test_a_key_that_is_there_is_never_replaced(box: Sandbox) -> None:
    run(box, missing())
    before = {p: p.read_bytes() for p in box.root.rglob("*.pem")}
    assert len(before) == 2
    assert run(box, missing()).returncode == 0
    assert {p: p.read_bytes() for p in before} == before
    assert leftovers(box) == []


def test_what_a_killed_run_left_is_cleared_away(box: Sandbox) -> None:
    folder = box.root / FOLDER.lstrip("/")
    folder.mkdir(parents=True)
    (folder / ".new.abcdef").write_text("half a key")
    run(box, missing())
    assert leftovers(box) == []


def leftovers(box: Sandbox) -> list[Path]:
    return [p for p in (box.root / "etc").rglob("*") if p.is_file() and p.suffix != ".pem"]


def test_a_supplied_key_is_written_whole(box: Sandbox) -> None:
    path = f"{FOLDER}/202601-old.pem"
    done = run(box, missing(BROUGHT)[1:], {path: "a key's text\n"})
    assert (done.returncode, done.stderr) == (0, "")
    assert box.text(path) == "a key's text\n"
    assert everything(box)["marketing/keys/news.shop.example/202601-old.pem"] == 0o600


def test_a_secret_stands_in_the_script_in_no_argument() -> None:
    path = f"{FOLDER}/202601-old.pem"
    text = script(missing(BROUGHT)[1:], {path: estates.SECRET})
    outside, heredoc = [], False
    for line in text.splitlines():
        if line == "POSTROAD_END":
            heredoc = False
        elif not heredoc:
            outside.append(line)
        heredoc = heredoc or line.endswith("<<'POSTROAD_END'")
    assert len(outside) < len(text.splitlines()) - 1
    assert estates.SECRET not in text
    assert not [line for line in outside if "Y29ycmVjdC" in line]


@pytest.mark.parametrize("mode", [0o777, 0o2700, 0o2755])
def test_rights_of_a_folder_are_mended(box: Sandbox, mode: int) -> None:
    run(box, missing())
    folder = box.root / FOLDER.lstrip("/")
    (made,) = folder.iterdir()
    before = made.read_bytes()
    folder.chmod(mode)
    made.chmod(0o644)
    found = [
        KeyFault(missing()[1].key, FOLDER, f"mode {mode:04o}, not 0750"),
        KeyFault(missing()[1].key, f"{FOLDER}/{made.name}", "mode 0644, not 0600"),
    ]
    done = run(box, tuple(found))
    assert (done.returncode, done.stderr) == (0, "")
    modes = everything(box)
    assert modes["marketing/keys/news.shop.example"] == 0o750
    assert modes[f"marketing/keys/news.shop.example/{made.name}"] == 0o600
    assert made.read_bytes() == before


def test_what_is_no_key_is_left_for_the_operator(box: Sandbox) -> None:
    run(box, missing())
    (made,) = (box.root / FOLDER.lstrip("/")).iterdir()
    made.write_text("rubbish")
    path = f"{FOLDER}/{made.name}"
    done = run(box, (KeyFault(missing()[1].key, path, "is not a private key"),))
    assert done.returncode == 1
    assert done.stderr == f"{box.root}{path} is not a private key: remove or restore it\n"
    assert made.read_text() == "rubbish"


LINKED = put(
    declaration(),
    ("dkim_keys",),
    [{**{k: v for k, v in SUPPLIED.items() if k != "key"}, "on_host": "/etc/theirs/mail.private"}],
)


def taken_over(box: Sandbox) -> subprocess.CompletedProcess[str]:
    """A key is taken over from a folder that is its signer's."""
    return box.sh(placed(box, script(missing(estates.estate(LINKED))[1:], {})))


def private_key(place: Path) -> str:
    place.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "RSA", "-out", place], check=True, capture_output=True
    )
    return place.read_text()


def test_a_key_is_taken_over_from_its_own_place(box: Sandbox) -> None:
    made = private_key(box.root / "etc/theirs/mail.private")
    done = taken_over(box)
    assert (done.returncode, done.stderr) == (0, "")
    assert box.text(f"{FOLDER}/202601-old.pem") == made


@pytest.mark.parametrize("planted", ["file", "folder", "fifo"])
def test_a_key_is_taken_over_through_no_link(box: Sandbox, planted: str) -> None:
    private_key(box.root / "secret/mail.private")
    theirs = box.root / "etc/theirs"
    if planted == "folder":
        theirs.parent.mkdir()
        theirs.symlink_to(box.root / "secret")
    else:
        theirs.mkdir(parents=True)
    if planted == "file":
        (theirs / "mail.private").symlink_to(box.root / "secret/mail.private")
    elif planted == "fifo":
        subprocess.run(["mkfifo", theirs / "mail.private"], check=True)
    done = taken_over(box)
    assert done.returncode == 1
    assert "nothing was taken over" in done.stderr or "is reached by a link" in done.stderr
    assert not list(box.root.rglob("202601-old.pem*"))
