"""What the operator brings is held against itself before a host is changed."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from postroad.mail.brought import pair_doubts, pair_faults, signing_key_fault

NAMES = ("mail1.shop.example", "out1.shop.example")
DAY = 86400


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A chain for mail1 and everything right below shop.example, and its key."""
    return made(tmp_path_factory.mktemp("pair"), "DNS:mail1.shop.example,DNS:*.shop.example")


def made(folder: Path, names: str) -> tuple[str, str]:
    chain, key = folder / "chain.pem", folder / "key.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=x"
    openssl(
        *words.split(),
        "-addext",
        f"subjectAltName={names}",
        "-keyout",
        str(key),
        "-out",
        str(chain),
    )
    return chain.read_text(), key.read_text()


def test_a_pair_that_fits_is_taken(pair: tuple[str, str]) -> None:
    assert list(pair_faults(*pair)) == []


def test_a_pair_that_does_not_fit_is_told(pair: tuple[str, str], tmp_path: Path) -> None:
    chain, key = pair
    other, its_key = made(tmp_path, "DNS:x.example")
    (reason,) = pair_faults(chain, its_key)
    assert "does not fit the certificate" in reason
    (reason,) = pair_faults(other + chain, key)
    assert "write the server's own first" in reason
    assert list(pair_faults(chain + other, key)) == []


@pytest.mark.parametrize("nothing", ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n", "\x00"])
def test_what_is_no_certificate_or_no_key_is_told(pair: tuple[str, str], nothing: str) -> None:
    (reason,) = pair_faults(nothing, pair[1])
    assert "holds no certificate" in reason
    (reason,) = pair_faults(pair[0], nothing)
    assert "holds no private key" in reason
    assert pair[1] not in reason


def test_an_encrypted_key_is_told(pair: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "key").write_text(pair[1])
    closed = tmp_path / "closed"
    openssl(
        "pkey", "-in", str(tmp_path / "key"), "-aes128", "-passout", "pass:x", "-out", str(closed)
    )
    (reason,) = pair_faults(pair[0], closed.read_text())
    assert "is encrypted" in reason


def test_names_and_times_are_doubts(pair: tuple[str, str]) -> None:
    now = time.time()
    chain = pair[0]
    assert list(pair_doubts(chain, NAMES, now)) == []
    (doubt,) = pair_doubts(chain, ("a.b.shop.example", *NAMES), now)
    assert "is not for a.b.shop.example, where" in doubt
    (doubt,) = pair_doubts(chain, NAMES, now + 11 * DAY)
    assert "ended 2 days ago" in doubt or "ended 1 days ago" in doubt
    (doubt,) = pair_doubts(chain, NAMES, now - DAY)
    assert "not valid yet" in doubt
    assert list(pair_doubts("x", NAMES, now)) == []


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", ""),
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024", "has 1024 bits"),
        ("genpkey -algorithm ed25519", "is no RSA key"),
    ],
)
def test_a_key_that_signs(words: str, wrong: str, tmp_path: Path) -> None:
    openssl(*words.split(), "-out", str(tmp_path / "key"))
    said = signing_key_fault((tmp_path / "key").read_text())
    assert said.startswith(wrong)
    assert bool(said) == bool(wrong)
    assert "holds no private key" in signing_key_fault("x")
