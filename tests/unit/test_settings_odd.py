"""Odd values at every key of a declaration: each fault is named, and none is without words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath

import pytest

from postroad.settings import read as reading
from postroad.settings.faults import EstateFaults, Fault
from postroad.settings.read import read
from tests.unit.declarations import HASH, Declaration, Path, declaration, put, second_host

FILE = "group_data/prod.py"
ODD: tuple[object, ...] = (
    *(None, "", " ", "a\0b", "~nouser/x", "x" * 300, 0, -1, 2.5, True, b"x", (), [], {}, {"": 1}),
    *([None], [[]], {"a": None}, {1: 2}, FilePath("x"), float("nan"), object(), {"x"}),
)


def whole() -> Declaration:
    """Every section, and the keys whose default is another key's value."""
    declared = put(declaration(), ("hosts", "mail2"), second_host())
    dns01 = {"server": "192.0.2.53", "key_name": "acme.shop.example", "key": {"env": "TSIG"}}
    for path, value in (
        (("tls", "email"), "acme@shop.example"),
        (("tls", "ca_file"), "root.pem"),
        (("tls", "caa"), "ca.example"),
        (("tls", "directory"), "https://ca.example/dir"),
        (("tls", "challenge"), {"dns-01": dns01}),
        (("dmarc",), {"policy": "none", "reports": "d@shop.example", "stages": {}}),
        (("mta_sts",), {"mode": "testing", "web_host": "www.shop.example"}),
        (("tls_reports",), "tls@shop.example"),
        (("unsubscribe",), {"hostname": "u.news.shop.example", "web_host": "www.shop.example"}),
        (("dkim",), {"rotate_days": 90, "revoked_days": 7}),
        (("dns",), {"resolvers": ["9.9.9.9"], "zones": {"shop.example": dns01}}),
        (("resolver",), {"root_hints_file": "hints", "trust_anchor_file": "anchor"}),
        (("firewall",), {"ssh_port": 22, "open": [], "adopt": "refuse"}),
        (("upgrades",), {"unattended": True, "origins": []}),
        (("system_sender",), "root@shop.example"),
        (("record_ttl",), 3600),
        (("apt_proxy",), "http://192.0.2.1:3142"),
        (("time_servers",), ["ntp.example"]),
        (("log_days",), 30),
        (("port25_probe",), "mx.example"),
        (("private_networks",), []),
        (("other_releases",), []),
        (("lone",), False),
        (("hosts", "mail1", "label"), "m1"),
        (("hosts", "mail1", "inbound"), True),
        (("hosts", "mail1", "ways_out", "marketing", "selector_label"), "n1"),
        (("hosts", "mail1", "ways_out", "marketing", "tls_port"), 465),
        (("hosts", "mail1", "ways_out", "marketing", "starttls_port"), 587),
        (("streams", "marketing", "outbound_tls"), "dane"),
        (("streams", "marketing", "sign_headers"), ["From"]),
        (("streams", "marketing", "oversign_headers"), ["From"]),
        (("streams", "marketing", "limits"), {"message_size": 1_000_000}),
        (("streams", "marketing", "users", "campaigns", "passwords"), [HASH]),
        (("streams", "marketing", "users", "campaigns", "from"), ["hello@news.shop.example"]),
    ):
        declared = put(declared, path, value)
    return declared


def places(value: object, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, below in value.items():
            yield from places(below, (*path, key))
    if isinstance(value, list):
        for index, below in enumerate(value):
            yield from places(below, (*path, index))


def test_the_whole_declaration_has_no_fault() -> None:
    assert read(whole(), FILE)


def refused(declared: Declaration) -> tuple[Fault, ...] | None:
    """The faults of what is refused; None where nothing is."""
    try:
        read(declared, FILE)
    except EstateFaults as found:
        return found.faults
    return None


@pytest.mark.parametrize("path", list(places(whole())), ids=str)
def test_no_value_is_refused_without_a_word(path: Path) -> None:
    """As `None` for the contact of the account was: 'the estate has 0 faults:'."""
    for odd in ODD:
        faults = refused(put(whole(), path, odd))
        assert faults != (), (path, odd)
        for fault in faults or ():
            assert fault.where.startswith(f"{FILE}: estate"), (path, odd)
            assert "fault of postroad's" not in fault.wrong, (path, odd)


@pytest.mark.parametrize("path", [("tls", "email"), ("dmarc", "reports")], ids=str)
def test_none_where_somebody_must_be_written_to(path: Path) -> None:
    with pytest.raises(EstateFaults) as caught:
        read(put(declaration(), path, None), FILE)
    (fault,) = caught.value.faults
    assert fault.where.endswith(f'["{path[-1]}"]')
    assert "or leave the key out" in fault.mend


def test_even_a_reader_that_loses_a_value_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_estate", lambda node: None)
    with pytest.raises(EstateFaults) as caught:
        read(declaration(), FILE)
    assert len(caught.value.faults) == 1
