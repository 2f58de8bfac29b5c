"""Daemons brought to what is installed: which, in which order, and where it ends."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from postroad.host import paths
from postroad.mail.parts.order import everything
from postroad.mail.parts.part import Builder
from postroad.mail.questions import shape
from postroad.onhost.asked import system
from postroad.onhost.common.systemd import SERVICE
from postroad.onhost.refresh import main as program
from tests.unit import estates

LIBSSL = "/usr/lib/x86_64-linux-gnu/libssl.so.3"
STREAMS = ("marketing", "transactional")
MAPS = f"""\
7f00-7f01 r--p 00000000 00:2a 111                        {LIBSSL} (deleted)
7f01-7f02 r-xp 00001000 00:2a 111                        {LIBSSL} (deleted)
7f02-7f03 r-xp 00001000 00:2a 112                        /usr/lib/x86_64-linux-gnu/libc.so.6
7f03-7f04 rw-s 00000000 00:2a 113                        /var/lib/postfix/smtpd_scache.lmdb (deleted)
7f04-7f05 rwxs 00000000 00:01 114                        /dev/zero (deleted)
7f05-7f06 rw-p 00000000 00:00 0                          [stack]
"""  # noqa: E501 - as the kernel writes them


@pytest.fixture
def refresh() -> ModuleType:
    """The program."""
    return program


def units(*instances: str) -> list[str]:
    kinds = ("postfix", "dkim", "auth")
    return [f"postroad-{kind}@{name}.service" for name in instances for kind in kinds]


class Host:
    """Units of paper: what is outdated, what was restarted, and what does not come back."""

    def __init__(self, refresh: ModuleType, monkeypatch: pytest.MonkeyPatch, *old: str) -> None:
        self.old = {unit: {LIBSSL} for unit in old}
        self.down: set[str] = set()
        self.breaks: set[str] = set()
        self.restarted: list[tuple[str, ...]] = []
        monkeypatch.setattr(refresh, "PATIENCE", 0.0)
        monkeypatch.setattr(refresh, "outdated", lambda: dict(self.old))
        monkeypatch.setattr(refresh, "wait_for_packages", lambda: None)
        monkeypatch.setattr(refresh, "alone", nullcontext)
        monkeypatch.setattr(refresh, "told", lambda *words: "active\n")
        monkeypatch.setattr(refresh, "silent", self.silent)
        monkeypatch.setattr(
            refresh, "ENABLED", SimpleNamespace(glob=lambda _: [Path(u) for u in self.enabled()])
        )
        monkeypatch.setattr(refresh.subprocess, "run", self.run)

    def enabled(self) -> Iterator[str]:
        return (f"postroad-postfix@{name}.service" for name in ("inbound", *STREAMS))

    def silent(self, instance: str) -> str:
        return "port 587: refused" if instance in self.down else ""

    def run(self, command: list[str], **_: object) -> SimpleNamespace:
        assert command[:2] == ["systemctl", "restart"]
        self.restarted.append(tuple(command[2:]))
        for unit in command[2:]:
            self.old.pop(unit, None)
            instance = unit.partition("@")[2].removesuffix(".service")
            if instance in self.breaks:
                self.down.add(instance)
        return SimpleNamespace(stderr="it failed\n")

    def order(self) -> list[str]:
        return [units[0] for units in self.restarted]


def test_a_program_or_library_that_was_replaced_makes_its_service_outdated(
    refresh: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for pid, service in (("7", "postroad-dkim@marketing"), ("8", "cron")):
        place = tmp_path / pid
        place.mkdir()
        (place / "cgroup").write_text(f"0::/system.slice/x.slice/{service}.service\n")
        (place / "maps").write_text(MAPS if pid == "7" else MAPS.replace(" (deleted)", ""))
    monkeypatch.setattr(refresh, "PROC", tmp_path)
    assert refresh.outdated() == {"postroad-dkim@marketing.service": {LIBSSL}}


# What stands in another user's cgroup(s) and maps: units of any name, and bytes that are no text.
THEIRS = "/user.slice/user-7.slice/user@7.service/app.slice/postroad-dkim@transactional.service"


@pytest.mark.parametrize("before", ["0::", "9:name=systemd:"])
def test_a_unit_of_a_user_s_own_is_no_service_of_the_system(
    refresh: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: str
) -> None:
    """`systemd-run --user` makes units of any name, and a name space of one's own any path."""
    place = tmp_path / "7"
    place.mkdir()
    (place / "cgroup").write_text(f"{before}{THEIRS}\n")
    (place / "maps").write_bytes(MAPS.encode() + b"7f0-7f1 r-xp 0 0:1 5 /home/\xff\xfe\n")
    monkeypatch.setattr(refresh, "PROC", tmp_path)
    assert refresh.outdated() == {}
    assert SERVICE.search((place / "cgroup").read_text()) is None


def test_the_lock_is_for_root_alone_whoever_is_first(
    refresh: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever can open a file can lock it; and after a boot an upgrade may be the first."""
    lock = tmp_path / "postroad" / "run.lock"
    monkeypatch.setattr(refresh, "RUN_LOCK", lock)
    with refresh.alone():
        assert (lock.parent.stat().st_mode & 0o777, lock.stat().st_mode & 0o777) == (0o700, 0o600)


def test_the_audit_sees_the_same_and_whatever_else_is_gone() -> None:
    assert set(system.REPLACED.findall(MAPS)) == {LIBSSL, "/dev/zero"}


def test_streams_come_last_and_receipts_last_of_all(
    refresh: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [*units("transactional", "marketing"), "postroad-postfix@inbound.service"]
    host = Host(refresh, monkeypatch, *old, "postfix@-.service", "unbound.service")
    assert refresh.refresh_all() == 0
    assert host.order() == [
        "unbound.service",
        "postfix@-.service",
        "postroad-postfix@inbound.service",
        "postroad-auth@marketing.service",
        "postroad-auth@transactional.service",
    ]


def test_daemons_of_others_and_canaries_are_left_alone(refresh: ModuleType) -> None:
    assert refresh.parts(["ssh.service", *units("canary-marketing"), "cron.service"]) == []


def test_only_the_units_concerned_are_restarted(
    refresh: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(refresh, monkeypatch, *(f"postroad-dkim@{name}.service" for name in STREAMS))
    assert refresh.refresh_all() == 0
    assert host.restarted == [(f"postroad-dkim@{name}.service",) for name in STREAMS]


def test_a_stream_that_does_not_come_back_ends_it_and_is_named(
    refresh: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    host = Host(refresh, monkeypatch, *units(*STREAMS))
    host.breaks = {"marketing"}
    assert refresh.refresh_all() == 1
    assert host.order() == ["postroad-auth@marketing.service"]
    said = capsys.readouterr().err
    assert "marketing does not come back: port 587: refused; it failed" in said
    assert "left on the older programs: transactional" in said
    # Started again, as by the next change of packages, it goes no further.
    assert refresh.refresh_all() == 1
    assert host.order() == ["postroad-auth@marketing.service"]
    assert "transactional was not restarted: marketing does not answer" in capsys.readouterr().err


def test_listeners_are_read_from_what_postfix_says_of_itself(
    refresh: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Hosts with Postfix have /etc/services; where this runs need not.
    ports = {("smtp", "tcp"): 25}
    monkeypatch.setattr(refresh.socket, "getservbyname", lambda *asked: ports[asked])
    services = """\
192.0.2.12:587 inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
[2001:db8::12]:465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes
smtp       inet  n       -       n       -       -       smtpd
cleanup    unix  n       -       n       -       0       cleanup
"""
    assert list(refresh.listeners(services)) == [
        ("192.0.2.12", 587, False),
        ("2001:db8::12", 465, True),
        ("127.0.0.1", 25, False),
    ]


@pytest.fixture
def server() -> Iterator[Callable[[bytes], int]]:
    """Makes a server that greets with these words, and answers to QUIT; gives its port."""
    running: list[socketserver.TCPServer] = []

    def start(greeting: bytes) -> int:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(greeting + b"\r\n")
                for line in self.rfile:
                    self.wfile.write(b"221 bye\r\n" if line[:4] == b"quit" else b"250 yes\r\n")

        made = socketserver.TCPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}).start()
        running.append(made)
        return int(made.server_address[1])

    yield start
    for one in running:
        one.shutdown()
        one.server_close()


@pytest.mark.parametrize(("greeting", "answers"), [(b"220 mail1", True), (b"421 later", False)])
def test_only_220_is_an_answer(
    refresh: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    server: Callable[[bytes], int],
    greeting: bytes,
    answers: bool,
) -> None:
    port = server(greeting)
    service = f"127.0.0.1:{port} inet n - n - - smtpd\n"
    monkeypatch.setattr(refresh, "told", lambda *words: service if "-M" in words else "")
    assert (refresh.silent("marketing") == "") == answers
    monkeypatch.setattr(refresh, "sockets", lambda _: ["/nonexistent/signer.sock"])
    assert refresh.silent("marketing").startswith("/nonexistent/signer.sock: ")


def test_it_waits_for_whom_a_run_waits_for_and_is_where_its_unit_starts_it(
    refresh: ModuleType,
) -> None:
    assert str(refresh.RUN_LOCK) == paths.RUN_LOCK
    _, estate, host = estates.hosts()[0]
    unit = estates.text(
        "/etc/systemd/system/postroad-refresh.service", estate, host, estates.facts(estate, host)
    )
    assert f"ExecStart={paths.REFRESH}\n" in unit
    # Whoever restarts it while packages are changed does not wait for that.
    assert "\nType=exec\n" in unit


def test_every_unit_that_all_share_is_one_of_ours(refresh: ModuleType) -> None:
    _, estate, host = estates.hosts()[0]
    made: Builder = shape(estate, host)
    ours = {unit.name for part in everything(made) for unit in part.units}
    assert set(refresh.SHARED) - ours <= {"postfix@-.service"}
