"""What the suite of first and no-op runs is made of: turns, Ansible's words, and the difference."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from benchmarks import playbook
from benchmarks.playbook import Recap
from benchmarks.suites.converge import Case, differences, in_turns
from postroad.host.component import Component, File
from postroad.host.diff import Change
from postroad.host.drift import drift
from postroad.host.found import HostState, blank
from postroad.host.paths import OPENED
from tests.unit.machine import made_true

SAID = """
PLAY [Sending mail servers] ***************************************************************

TASK [Packages] ***************************************************************************
ok: [mail1]
changed: [mail2]

TASK [Units] ******************************************************************************
ok: [mail1] => (item=unbound.service)
changed: [mail2] => (item=unbound.service)

RUNNING HANDLER [Restart the resolver] ****************************************************
changed: [mail2]

PLAY RECAP ********************************************************************************
mail1   : ok=2    changed=0    unreachable=0    failed=0    skipped=1    rescued=0    ignored=0
mail2   : ok=3    changed=3    unreachable=0    failed=1    skipped=1    rescued=0    ignored=0
"""


def test_cases_take_turns_while_their_times_last() -> None:
    order: list[str] = []

    def case(name: str, times: int) -> Case:
        def run() -> float:
            order.append(name)
            return float(len(order))

        return Case(name, run, times)

    taken = in_turns([case("ours", 3), case("other", 3), case("slow", 1)])
    assert order == ["ours", "other", "slow", "ours", "other", "ours", "other"]
    assert taken == {"ours": (1.0, 4.0, 6.0), "other": (2.0, 5.0, 7.0), "slow": (3.0,)}


def test_ansible_s_recap_is_read_by_host() -> None:
    assert playbook.recaps(SAID) == {"mail1": Recap(0, 0, 0), "mail2": Recap(3, 1, 0)}


def test_each_change_of_ansible_is_named() -> None:
    assert list(playbook.changes(SAID)) == [
        "Packages: [mail2]",
        "Units: [mail2] => (item=unbound.service)",
        "Restart the resolver: [mail2]",
    ]


LATCH = f"{OPENED}/transactional"
STREAM = Component("transactional", files=(File("/etc/one", b"one\n"), File(LATCH, b"digest\n")))
BROUGHT = made_true(blank(), STREAM)


def diff(component: Component, state: HostState) -> str:
    """What `postroad diff --json` writes of a host."""
    found = [asdict(Change(one.thing, one.how)) for one in drift(component, state)]
    return json.dumps({"mail1": [{"title": component.name, "changes": found}]})


def test_a_missing_stamp_is_but_our_book_keeping() -> None:
    said = diff(STREAM, replace(BROUGHT, stamps={}))
    assert "activation not finished" in said
    assert list(differences(said)) == []


def test_a_latch_of_other_keys_is_but_our_book_keeping() -> None:
    files = {**BROUGHT.files, LATCH: replace(BROUGHT.files[LATCH], sha256="0" * 64)}
    said = diff(STREAM, replace(BROUGHT, files=files))
    assert "content" in said
    assert list(differences(said)) == []


def test_a_file_that_is_not_as_ours_is_a_difference() -> None:
    files = {**BROUGHT.files, "/etc/one": replace(BROUGHT.files["/etc/one"], mode=0o600)}
    (told,) = differences(diff(STREAM, replace(BROUGHT, files=files)))
    assert told == "mail1: transactional: /etc/one mode 0600, not 0644"
