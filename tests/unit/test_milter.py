"""postroad's milter: which key it takes for a signature. What it does is tried in tests/lab."""

from __future__ import annotations

import base64
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from postroad.render import TEMPLATES

SELECTORS = (b"202611-a", b"202611-b", b"202612-a")


@pytest.fixture
def milter(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, with a stand-in for libmilter's binding, of which this asks nothing."""
    libmilter: Any = ModuleType("Milter")
    libmilter.Base, libmilter.CONTINUE = object, 0
    libmilter.noreply = lambda method: method
    libmilter.decode = lambda how: libmilter.noreply
    monkeypatch.setitem(sys.modules, "Milter", libmilter)
    spec = importlib.util.spec_from_file_location("milter", TEMPLATES / "postroad/milter.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(selector: bytes) -> tuple[bytes, int]:
    """A line of the table for a new key, and the key's number."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    line = b" ".join((b"shop.example", selector, base64.b64encode(der)))
    return line, key.public_numbers().n


@pytest.mark.parametrize("asked", SELECTORS)
def test_the_key_of_that_name_is_given_when_the_file_is_read(
    milter: ModuleType, tmp_path: Path, asked: bytes
) -> None:
    """Whichever line is the last, and at the very question that reads the file."""
    table = tmp_path / "public.table"
    rows = {selector: row(selector) for selector in SELECTORS}
    table.write_bytes(b"\n".join([b"# keys", *(line for line, _ in rows.values())]))
    found = milter.PublicKeys(table).get(b"shop.example", asked)
    assert found.public_numbers().n == rows[asked][1]


def test_a_key_that_went_is_remembered_and_another_of_its_name_taken(
    milter: ModuleType, tmp_path: Path
) -> None:
    table = tmp_path / "public.table"
    keys = milter.PublicKeys(table)
    first, second = row(b"a"), row(b"b")
    table.write_bytes(first[0])
    assert keys.get(b"shop.example", b"a").public_numbers().n == first[1]
    (tmp_path / "new").write_bytes(second[0])
    (tmp_path / "new").rename(table)
    assert keys.get(b"shop.example", b"a").public_numbers().n == first[1]
    assert keys.get(b"shop.example", b"b").public_numbers().n == second[1]
    assert keys.get(b"other.example", b"a") is None
