"""Secrets: fetched from where the operator said, hidden everywhere else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from pyinfra_cli.util import json_encode  # type: ignore[import-untyped]

from postroad.settings.model import SecretRef
from postroad.settings.secrets import Secret, SecretError, resolve

VALUE = "correct horse"


def test_a_secret_hides_itself() -> None:
    secret = Secret(VALUE)
    shown = [str(secret), repr(secret), f"{secret}", json.dumps({"s": secret}, default=json_encode)]
    assert all(VALUE not in text for text in shown)
    assert secret.unmask() == VALUE


def test_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTROAD_TEST", VALUE)
    assert resolve(SecretRef("env", ("POSTROAD_TEST",)), tmp_path).unmask() == VALUE
    monkeypatch.delenv("POSTROAD_TEST")
    with pytest.raises(SecretError, match="variable POSTROAD_TEST is not set: export it"):
        resolve(SecretRef("env", ("POSTROAD_TEST",)), tmp_path)


def test_from_a_file_beside_the_inventories(tmp_path: Path) -> None:
    place = tmp_path / "key"
    place.write_text(f"{VALUE}\nsecond line\n")
    place.chmod(0o640)
    assert resolve(SecretRef("file", ("key",)), tmp_path).unmask() == f"{VALUE}\nsecond line"


def test_a_file_that_is_open_to_everybody(tmp_path: Path) -> None:
    place = tmp_path / "key"
    place.write_text(VALUE)
    place.chmod(0o644)
    with pytest.raises(SecretError, match="is open to everybody: chmod o=") as caught:
        resolve(SecretRef("file", ("key",)), tmp_path)
    assert VALUE not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="key cannot be read: No such file"):
        resolve(SecretRef("file", ("key",)), tmp_path)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    place = tmp_path / "key"
    place.write_bytes(b"\xff\xfe")
    place.chmod(0o600)
    with pytest.raises(SecretError, match="is not UTF-8 text"):
        resolve(SecretRef("file", ("key",)), tmp_path)


def command(*words: str) -> SecretRef:
    return SecretRef("command", (sys.executable, "-c", *words))


def test_from_a_command(tmp_path: Path) -> None:
    ref = command("import os, sys; print(os.getcwd(), sys.stdin.read())")
    assert resolve(ref, tmp_path).unmask().split() == [str(tmp_path)]


def test_a_command_that_fails_shows_neither_output_nor_arguments(tmp_path: Path) -> None:
    ref = command(f"import sys; print({VALUE!r}); sys.exit({VALUE!r})")
    with pytest.raises(SecretError, match="ended with status 1: run it by hand") as caught:
        resolve(ref, tmp_path)
    assert VALUE not in str(caught.value)


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="no-such-command cannot be started"):
        resolve(SecretRef("command", ("no-such-command",)), tmp_path)


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(SecretError, match="empty secret"):
        resolve(command(f"import sys; sys.stdout.write({text!r})"), tmp_path)


@pytest.mark.parametrize("path", ["~nouser-at-all/key", "a\0b", "x" * 300])
def test_a_file_that_can_be_none(path: str, tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="cannot be read: "):
        resolve(SecretRef("file", (path,)), tmp_path)
