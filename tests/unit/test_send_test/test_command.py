"""What is wrong with a call of ``postroad send-test``, told before any host is asked."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from postroad.commands import cli, send_test
from postroad.roles.run.ask import UnansweredError
from postroad.roles.run.inventory import Loaded
from postroad.roles.run.live import Reached
from postroad.roles.run.site import Site
from postroad.settings.secrets import Secret
from postroad.watch.send_test.outcome import Outcome
from postroad.watch.send_test.plan import Trial

PRODUCTION = Path(__file__).parents[3] / "inventories" / "prod.py"
ADDRESS = "me@mail.example"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def call(*words: str) -> int:
    try:
        return cli.main(["send-test", str(PRODUCTION), *words])
    except SystemExit as ended:
        return int(str(ended.code))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "required: address"),
        (["me"], "'me': is no mail address; write it as"),
        (["me@gmail"], 'the domain "gmail" is no full domain name'),
        (["jörg@mail.example"], "is no mail address"),
        (["me@kölln.example"], "write it as A-labels (xn--…)"),
        (["a b@mail.example"], "is no mail address"),
        ([ADDRESS, "--stream", "transactions"], "invalid choice: 'transactions'"),
        ([ADDRESS, "--host", "mail11"], "the estate has no host mail11; write mail1"),
        ([ADDRESS, "--login", "shopp"], "the estate has no login shopp; write shop"),
        ([ADDRESS, "--from", "x@other.example"], "the estate has no From: domain other.example"),
        ([ADDRESS, "--from", "x@@y"], "is no mail address"),
        ([ADDRESS, "--wait", "0"], "'0': write seconds, from 1 to 600"),
        ([ADDRESS, "--wait", "nan"], "'nan': write seconds, from 1 to 600"),
        ([ADDRESS, "--password", "shop=hunter2"], "this names no place where a password is"),
        ([ADDRESS, "--password", "shopp=env:X"], "names the login shopp; there are shop"),
        ([ADDRESS, "--json", "/nowhere/x.json"], "make its folder first"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*words) == 2
    shown = capsys.readouterr()
    assert said in " ".join(shown.err.split())
    assert "hunter2" not in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


# ---- with hosts that need no connection ----------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that submissions were made with; mail2's marketing stream is closed."""
    used: list[str] = []

    @contextmanager
    def reaching(loaded: Loaded, names: set[str]) -> Iterator[Reached]:
        sites = [Site(host, loaded.estate, loaded.base) for host in loaded.hosts]
        yield Reached(loaded, [site for site in sites if site.host.name in names], ())

    def closed(site: Site, trial: Trial) -> str:
        is_closed = (site.host.name, trial.stream.name) == ("mail2", "marketing")
        return "stopped by its operator" if is_closed else ""

    def send(site: Site, trial: Trial, password: Secret, *rest: object) -> Outcome:
        used.append(f"{trial.user.name} {password.unmask()}")
        if password.unmask() == "gone":
            raise UnansweredError(site.host.name, "no answer")
        return Outcome(site.host.name, trial.stream.name, "delivered", "250 Ok", "mx")

    monkeypatch.setattr(send_test, "reaching", reaching)
    monkeypatch.setattr(send_test, "closed", closed)
    monkeypatch.setattr(send_test, "send", send)
    return used


def test_each_login_is_asked_for_once_and_a_closed_stream_is_told(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("one\ntwo\r\n"))
    assert call(ADDRESS) == 1
    assert sorted(asked) == ["campaigns two", "shop one", "shop one"]
    said = capsys.readouterr().out
    assert "mail2 marketing: closed: stopped by its operator\n" in said
    assert "mail1 marketing: delivered to mx: 250 Ok\n" in said


def test_a_password_comes_from_where_it_is_named(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setenv("SHOP", "a secret")
    place = tmp_path / "campaigns"
    place.write_text("another\n")
    place.chmod(0o600)
    sources = ["--password", "shop=env:SHOP", "--password", f"campaigns=file:{place}"]
    assert call(ADDRESS, "--host", "mail1", *sources) == 0
    assert sorted(asked) == ["campaigns another", "shop a secret"]


def test_names_are_the_same_in_any_case_as_for_the_server(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setenv("SHOP", "a secret")
    words = ["--from", "Orders@Shop.Example", "--login", "Shop", "--password", "SHOP=env:SHOP"]
    assert call("Me@Mail.Example", "--host", "mail1", *words) == 0
    assert asked == ["shop a secret"]


def test_a_terminal_is_asked_without_echo(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    prompts: list[str] = []

    def getpass(prompt: str) -> str:
        prompts.append(prompt)
        return "typed"

    monkeypatch.setattr("getpass.getpass", getpass)
    assert call(ADDRESS, "--stream", "transactional", "--host", "mail1") == 0
    assert prompts == ["Password of shop: "]
    assert asked == ["shop typed"]


def test_a_closed_stream_needs_no_password(asked: list[str]) -> None:
    assert call(ADDRESS, "--host", "mail2", "--stream", "marketing") == 1
    assert asked == []


@pytest.mark.parametrize("typed", ["", "\n"])
def test_without_a_password_it_is_not_tried(
    asked: list[str],
    typed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert call(ADDRESS) == 2
    assert "there is no password for the login shop: type it, or name where" in (
        capsys.readouterr().err
    )
    monkeypatch.setattr("sys.stdin", None)
    assert call(ADDRESS) == 2
    assert asked == []


def test_a_source_that_gives_nothing_is_named_without_what_it_holds(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(ADDRESS, "--password", "shop=env:NOT_SET_ANYWHERE") == 2
    assert "environment variable NOT_SET_ANYWHERE is not set" in capsys.readouterr().err


def test_a_host_that_is_not_reached_is_named_and_the_others_are_tried(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = vars(send_test)["reaching"]

    @contextmanager
    def one_is_away(loaded: Loaded, names: set[str]) -> Iterator[Reached]:
        with inner(loaded, names) as found:
            here = [site for site in found.sites if site.host.name == "mail1"]
            yield Reached(loaded, here, (UnansweredError("mail2", "no connection"),))

    monkeypatch.setattr(send_test, "reaching", one_is_away)
    monkeypatch.setattr("sys.stdin", io.StringIO("one\ntwo\n"))
    assert call(ADDRESS) == 2
    shown = capsys.readouterr()
    assert shown.err == "mail2: no connection\n"
    assert "mail1 marketing: delivered" in shown.out
    assert "mail2" not in shown.out


def test_what_is_not_answered_of_one_message_is_unknown_of_it_alone(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("one\ngone\n"))
    assert call(ADDRESS) == 2
    shown = capsys.readouterr().out
    assert "mail1 transactional: delivered" in shown
    assert "mail1 marketing: unknown: no answer" in shown
    assert "mail2 transactional: delivered" in shown
