"""The canary: its list of rooms, which words complain, and whose letters are good."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from postroad.onhost.canary import main
from postroad.onhost.canary.journal import HARMLESS, POSTFIX_COMPLAINT
from postroad.onhost.canary.keys import Key
from postroad.onhost.canary.logins import Login, logins, waiting
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.refusal import RefusedError
from postroad.onhost.canary.submission import good_letters, waiting_letters
from tests.unit import estates

SOURCE = Path(main.__file__).parent
MODULES = sorted(path.name for path in SOURCE.glob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_the_list_of_rooms_names_it(module: str) -> None:
    listed = ast.get_docstring(ast.parse((SOURCE / "main.py").read_text(encoding="utf-8")))
    assert listed is not None
    rooms = listed.partition("The rooms")[2].replace(",", " ").split()
    assert module in ("__init__.py", "main.py") or Path(module).stem in rooms


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
def test_words_that_say_nothing_of_the_configuration_are_none(line: str, complains: bool) -> None:
    """Two of them are a busy host's own (cleanup(8) and its clock), one the canary provokes."""
    said = f"Nov 23 12:00:00 mail1 postfix-marketing/{line}"
    assert bool(POSTFIX_COMPLAINT.search(said) and not HARMLESS.search(said)) is complains


class Copy(Canary):
    """A canary whose copy of an instance lies in the stage itself."""

    @property
    def config(self) -> Path:
        return self.stage


def test_whom_a_login_may_write_as_is_read_from_what_is_rendered(tmp_path: Path) -> None:
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
    there = cast(Canary, SimpleNamespace(config=tmp_path, folder=tmp_path))
    assert [one.from_grants for one in logins(there)] == [
        user.from_addresses for user in estate.streams[0].users
    ]


def test_a_domain_that_waits_is_found_in_header_checks_and_asks_for_no_good_letter(
    tmp_path: Path,
) -> None:
    """Its logins may have none; a login whose domains neither wait nor are signed is refused."""
    (tmp_path / "header_checks").write_text(
        "/^From: x$/x REJECT 4.7.1 mail From: toys.example waits: there is no DKIM key at a.b\n"
        "/^/ REJECT 5.7.1 From: and Sender: must end in one address at shop.example\n"
    )
    waits = waiting(Copy("marketing", tmp_path))
    assert waits == {"toys.example"}
    sender = ("bounce@b.example",)
    shop = Login("shop", ("@shop.example", "@toys.example"), sender)
    toys = Login("toys", ("orders@toys.example",), sender)
    lost = Login("lost", ("@old.example",), sender)
    signing = {"shop.example": Key("shop.example", "a", Path("/nowhere"))}
    assert good_letters([shop, toys], signing, waits) == [(shop, "canary@shop.example")]
    assert [address for _, address in waiting_letters([shop], waits)] == ["canary@toys.example"]
    assert good_letters([toys], signing, waits) == []
    with pytest.raises(RefusedError, match=r"^login lost: no From: address in policy\.lua"):
        good_letters([shop, lost], signing, waits)
