"""Secrets of the operator: fetched late, on the controller, and hidden from every log."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from postroad.settings.faults import PlainError
from postroad.settings.files import from_base
from postroad.settings.hidden import Hidden
from postroad.settings.model import SecretRef

_COMMAND_SECONDS = 60


class SecretError(PlainError):
    """A secret could not be fetched; the message names its source, never its content."""


class Secret(Hidden):
    """A secret's text. It prints as ``*MASKED*`` everywhere; `unmask` gives the text."""


def resolve(ref: SecretRef, base: Path) -> Secret:
    """Fetch the secret that ``ref`` names, without the line end that editors and tools add.

    Relative files and commands start from ``base``. Raises SecretError where the variable is
    unset, the file is missing or open to everybody, the command fails, or the secret is empty.
    """
    match ref.source:
        case "env":
            text = _from_environment(ref.value[0])
        case "file":
            text = _from_file(base, ref.value[0])
        case "command":
            text = _from_command(ref.value, base)
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise SecretError(f"{describe(ref)} holds an empty secret: fill it")
    return Secret(secret)


def describe(ref: SecretRef) -> str:
    """The source of a secret in words: safe to show, since arguments may say too much."""
    match ref.source:
        case "env":
            return f"environment variable {ref.value[0]}"
        case "file":
            return f"file {ref.value[0]}"
        case "command":
            return f"command {ref.value[0]}"


def _from_environment(name: str) -> str:
    if name not in os.environ:
        raise SecretError(f"environment variable {name} is not set: export it before the run")
    return os.environ[name]


def _from_file(base: Path, written: str) -> str:
    try:
        path = from_base(base, written)
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & 0o007:
                raise SecretError(f"file {path} is open to everybody: chmod o= {path}")
            return file.read()
    except OSError as error:
        raise SecretError(f"file {error.filename} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SecretError(f"file {path} is not UTF-8 text: write the secret as text") from None


def _from_command(words: tuple[str, ...], base: Path) -> str:
    name = words[0]
    try:
        done = subprocess.run(
            words,
            cwd=base,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        text = done.stdout.decode("utf-8")
    except OSError as error:
        raise SecretError(f"command {name} cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise SecretError(f"command {name} took over {_COMMAND_SECONDS} seconds") from None
    except UnicodeDecodeError:
        raise SecretError(f"command {name} printed no UTF-8 text") from None
    if done.returncode != 0:
        # Neither its output nor its arguments: both may hold the secret or a part of it.
        raise SecretError(
            f"command {name} ended with status {done.returncode}: run it by hand to see why"
        )
    return text
