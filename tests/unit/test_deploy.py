"""Whole deploys of deploys/mailserver.py under pyinfra's @fake connector: no host, no root."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pyinfra.api.exceptions import PyinfraError

from postroad.host.drift import drift
from postroad.host.found import HostState
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.firewall.read import FirewallState, parse_connection
from postroad.mail.firewall.rule import parse_rule
from postroad.mail.return_paths import RETURN_PATHS
from postroad.mail.signing.found import KEYS, KeyState
from postroad.mail.standing import LATCHES
from postroad.roles.run import made, names
from tests.boxes import unfolded
from tests.unit import estates, runs
from tests.unit.declarations import Declaration, declaration, drop, put, two_hosts
from tests.unit.machine import Machine
from tests.unit.runs import Runner
from tests.unit.states import altered
from tests.unit.test_dns.estates import public_key

ESTATE = declaration()


KEY_VARIABLE = "POSTROAD_TEST_KEY"


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate that the operator brings, and its key, which could sign as well."""
    folder = tmp_path_factory.mktemp("brought")
    words = "req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=x -keyout key -out chain"
    subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)
    return (folder / "chain").read_text(), (folder / "key").read_text()


def operators_files(folder: Path, chain: str) -> Path:
    for name in ("tls/chain.pem", "tls/ca.crt", "root.hints", "root.key"):
        place = folder / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(chain if name == "tls/chain.pem" else f"text of {name}\n")
    return folder


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, brought: tuple[str, str]) -> Runner:
    chain, key = brought
    monkeypatch.setenv(estates.SECRET_VARIABLE, estates.SECRET)
    monkeypatch.setenv(KEY_VARIABLE, key)
    return runs.runner(operators_files(tmp_path, chain), monkeypatch)


def with_its_key(declared: Declaration) -> Declaration:
    """The same, the key of its certificate being one."""
    if declared["tls"]["source"] != "supplied":
        return declared
    return put(declared, ("tls", "key"), {"env": KEY_VARIABLE})


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> HostState:
    """What a first run makes of a bare host."""
    with pytest.MonkeyPatch.context() as patch:
        runner = runs.runner(tmp_path_factory.mktemp("base"), patch)
        return deployed(runner, Machine(ESTATE)).state


@pytest.fixture
def standing(runner: Runner, first_run: HostState) -> Machine:
    """A host that a first run has made as declared."""
    mail1 = Machine(ESTATE, state=first_run)
    runner.has(mail1)
    return mail1


def deployed(runner: Runner, *machines: Machine) -> Machine:
    runner.has(*machines)
    assert not runner.run(machines[0].declared).failed
    for machine in machines:
        for log in (machine.sent, machine.scripts, machine.asked, machine.happened):
            log.clear()
    return machines[0]


# ---- the first run -------------------------------------------------------------------------------


def test_a_bare_host_is_made_in_the_order_in_which_things_need_each_other(runner: Runner) -> None:
    mail1 = Machine(ESTATE)
    runner.has(mail1)
    assert not runner.run(ESTATE).failed
    first = {what: number for number, what in reversed(list(enumerate(mail1.happened)))}

    def come(*whats: str) -> None:
        places = [first[what] for what in whats]
        assert places == sorted(places), whats

    come("packaging", "packages", "user", "identity", "host name")
    come("packages", "tools", "resolver", "resolv-conf", "certbot")
    come("ufw allow 80/tcp comment 'acme http-01'", "certbot", "transactional")
    come("tools", "units", "keys", "transactional", "marketing", "firewall")
    come("units", "logs", "default", "inbound")
    assert mail1.happened[-3:] == ["rollback armed", "ufw --force enable", "rollback disarmed"]
    ssh = next(n for n, what in enumerate(mail1.happened) if "port 22" in what)
    assert ssh < first["ufw --force enable"]


def test_every_component_is_made_once_on_a_bare_host(runner: Runner) -> None:
    mail1 = Machine(ESTATE)
    runner.has(mail1)
    runner.run(ESTATE)
    assert len(set(mail1.happened)) == len(mail1.happened)


def test_after_each_change_the_host_is_read_anew(runner: Runner) -> None:
    mail1 = Machine(ESTATE)
    runner.has(mail1)
    runner.run(ESTATE)
    # The firewall's two operations send several commands each.
    steps = zip(mail1.happened, mail1.readings, strict=True)
    readings = [reading for what, reading in steps if not what.startswith(("ufw ", "rollback "))]
    assert readings == sorted(set(readings))


@pytest.mark.parametrize("name", estates.DECLARED)
def test_every_example_estate_is_deployed_and_stays_as_it_is(runner: Runner, name: str) -> None:
    declared = with_its_key(estates.DECLARED[name])
    names = [host.name for host in estates.estate(declared).hosts]
    machines = [Machine(declared, host) for host in names]
    deployed(runner, *machines)
    assert runner.run(declared).plan == {host: [] for host in names}
    assert [machine.happened for machine in machines] == [[] for _ in names]


# ---- the second run ------------------------------------------------------------------------------


def test_a_second_run_changes_nothing_and_asks_little(runner: Runner, standing: Machine) -> None:
    second = runner.run(ESTATE)
    assert second.plan == {"mail1": []}
    assert standing.sent == []
    assert standing.asked == ["state"]


def test_a_second_run_without_a_plan_changes_nothing_either(
    runner: Runner, standing: Machine
) -> None:
    runner.run(ESTATE, check_for_changes=False)
    assert standing.sent == []


def test_a_dry_run_changes_nothing(runner: Runner) -> None:
    mail1 = Machine(ESTATE)
    runner.has(mail1)
    planned = runner.plan(ESTATE)
    assert len(planned.plan["mail1"]) > 15
    assert mail1.sent == []


# ---- drift ---------------------------------------------------------------------------------------


def found(standing: Machine, state: HostState) -> list[str]:
    """Every drift of a host that was as declared and is now in ``state``."""
    return [str(one) for part in made.components(standing.site()) for one in drift(part, state)]


def test_every_file_that_is_changed_by_hand_is_named_and_it_alone(standing: Machine) -> None:
    own = {p: f for p, f in standing.state.files.items() if f.sha256 and not p.endswith(".pem")}
    assert len(own) > 40
    for path, file in own.items():
        files = {**standing.state.files, path: replace(file, sha256="0" * 64)}
        assert found(standing, replace(standing.state, files=files)) == [f"{path} (content)"]


def test_every_unit_that_is_changed_by_hand_is_named_and_it_alone(standing: Machine) -> None:
    assert len(standing.state.units) > 10
    for name, unit in standing.state.units.items():
        spoilt = replace(unit, unit_file="disabled")
        units = {**standing.state.units, name: spoilt}
        (named,) = found(standing, replace(standing.state, units=units))
        assert named.startswith(f"{name} (is ")


Spoil = Callable[[HostState], HostState]


def without_file(path: str) -> Spoil:
    return lambda s: replace(s, files={p: f for p, f in s.files.items() if p != path})


def with_rights(path: str, mode: int, owner: str = "root") -> Spoil:
    def spoil(state: HostState) -> HostState:
        changed = replace(state.files[path], mode=mode, owner=owner)
        return replace(state, files={**state.files, path: changed})

    return spoil


def with_rules(*rules: str) -> Spoil:
    made = tuple(parse_rule(rule) for rule in rules)
    return lambda s: altered(
        s,
        firewall=replace(
            s[FIREWALL], rules4=(*s[FIREWALL].rules4, *made), rules6=(*s[FIREWALL].rules6, *made)
        ),
    )


def without_first_rule(state: HostState) -> HostState:
    found = state[FIREWALL]
    return altered(state, firewall=replace(found, rules4=found.rules4[1:]))


def status(**changed: object) -> Spoil:
    def spoil(state: HostState) -> HostState:
        found = state[FIREWALL].status
        assert found is not None
        spoilt = replace(found, **changed)  # type: ignore[arg-type]
        return altered(state, firewall=replace(state[FIREWALL], status=spoilt))

    return spoil


USERS = "/etc/postroad/marketing/users"
KEY_FOLDER = "/etc/postroad/transactional/keys/shop.example"


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        (without_file(USERS), [f"Postfix | Stream marketing: {USERS} (missing)"]),
        (
            with_rights(USERS, 0o644),
            [f"Postfix | Stream marketing: {USERS} (mode 0644, not 0640)"],
        ),
        (
            with_rights("/var/mail/postroad/postmaster", 0o700, "nobody"),
            [
                "Postfix | Inbound: /var/mail/postroad/postmaster "
                "(owner nobody:postroad-mail, not postroad-mail:postroad-mail)"
            ],
        ),
        (
            lambda s: replace(s, packages={p: v for p, v in s.packages.items() if p != "unbound"}),
            ["Base | Packages: unbound"],
        ),
        (
            lambda s: replace(s, hostname="renamed"),
            ["Base | Host name: renamed is not mail1.shop.example"],
        ),
        (
            lambda s: replace(s, stamps={n: d for n, d in s.stamps.items() if n != "inbound"}),
            ["Postfix | Inbound: inbound (files in place, activation not finished)"],
        ),
        (
            with_rights(KEY_FOLDER, 0o755, "root"),
            [f"DKIM | Keys: {KEY_FOLDER} (mode 0755, not 0750)"],
        ),
        (
            with_rules("allow 8080/tcp"),
            ["Firewall | Rules and defaults: --force delete allow 8080/tcp"],
        ),
        (status(incoming="allow"), ["Firewall | Rules and defaults: default deny incoming"]),
        (
            status(enabled=False, loaded=False),
            ["Firewall | Rules and defaults: --force enable"],
        ),
        (
            without_first_rule,
            [
                "Firewall | Openings: "
                "allow from 198.51.100.0/24 to any port 22 proto tcp comment 'ssh'"
            ],
        ),
    ],
)
def test_drift_of_each_kind_is_named_alone_mended_and_gone(
    runner: Runner, standing: Machine, spoil: Spoil, names: list[str]
) -> None:
    standing.state = spoil(standing.state)
    assert runner.plan(ESTATE).plan == {"mail1": names}
    assert standing.sent == []
    assert not runner.run(ESTATE).failed
    standing.happened.clear()
    assert runner.run(ESTATE).plan == {"mail1": []}
    assert standing.happened == []


def test_a_lost_key_is_made_anew_and_its_stream_waits_for_the_world(
    runner: Runner, standing: Machine
) -> None:
    lost = [key for key in standing.state[KEYS] if key.stream == "marketing"]
    kept = tuple(key for key in standing.state[KEYS] if key not in lost)
    standing.state = altered(standing.state, keys=kept)
    assert [name.partition(":")[0] for name in runner.plan(ESTATE).plan["mail1"]] == [
        "DKIM | Keys",
        "Postfix | Stream marketing",
    ]
    runner.run(ESTATE)
    assert runner.run(ESTATE).plan == {"mail1": []}


def test_a_name_lists_three_things_and_counts_the_rest(runner: Runner, standing: Machine) -> None:
    spoilt = [path for path in standing.state.files if path.startswith("/etc/postfix-marketing/")]
    files = {p: f for p, f in standing.state.files.items() if p not in spoilt}
    standing.state = replace(standing.state, files=files)
    (named,) = runner.plan(ESTATE).plan["mail1"]
    assert named.endswith(f" and {len(spoilt) - 3} more")
    assert named.count("(missing)") == 3


# ---- two hosts -----------------------------------------------------------------------------------


def test_a_name_that_is_given_up_is_taken_until_no_queue_can_hold_it(runner: Runner) -> None:
    both = two_hosts()
    mail1, mail2 = Machine(both, "mail1"), Machine(both, "mail2")
    deployed(runner, mail1, mail2)
    renamed = put(both, ("streams", "transactional", "envelope_domain"), "return.shop.example")
    mail1.declared = mail2.declared = renamed
    title = "Postfix | Return paths: mail2: bounce@bounce.shop.example (still taken until 20"
    assert any(name.startswith(title) for name in runner.plan(renamed).plan["mail2"])
    runner.run(renamed)
    assert "return paths" in mail1.happened
    # Before what would refuse it.
    assert mail2.happened.index("return paths") < mail2.happened.index("inbound")
    assert runner.plan(renamed).plan == {"mail1": [], "mail2": []}
    assert "queues" not in mail1.asked
    # Marks as they are when the time is over.
    for machine in (mail1, mail2):
        marks = machine.state[RETURN_PATHS]
        aged = {path: at - 30 * 86400 for path, at in marks.returning.items()}
        machine.state = altered(machine.state, return_paths=replace(marks, returning=aged))
    (plan, *_) = runner.plan(renamed).plan["mail2"]
    assert "bounce@bounce.shop.example (let go: no queue can hold mail with it)" in plan
    runner.run(renamed)
    assert not mail1.state[RETURN_PATHS].returning
    assert len(mail2.state[RETURN_PATHS].returned) == 2
    assert runner.plan(renamed).plan == {"mail1": [], "mail2": []}


def test_only_the_host_that_drifted_is_changed(runner: Runner) -> None:
    both = two_hosts()
    mail1, mail2 = Machine(both, "mail1"), Machine(both, "mail2")
    deployed(runner, mail1, mail2)
    mail2.state = without_file("/etc/hosts")(mail2.state)
    planned = runner.run(both)
    assert planned.plan == {
        "mail1": [],
        "mail2": ["Base | Host name and hosts file: mail2: /etc/hosts (missing)"],
    }
    assert (mail1.happened, mail2.happened) == ([], ["identity"])


def test_a_host_that_fails_keeps_no_other_back_and_is_completed_by_the_next_run(
    runner: Runner,
) -> None:
    both = two_hosts()
    mail1, mail2 = Machine(both, "mail1"), Machine(both, "mail2", dies_at=5)
    runner.has(mail1, mail2)
    assert runner.run(both).failed == {"mail2"}
    assert "ufw --force enable" in mail1.happened
    mail2.dies_at = None
    assert not runner.run(both).failed
    assert runner.plan(both).plan == {"mail1": [], "mail2": []}


# ---- killed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("survived", range(1, 29, 4))
def test_a_run_that_died_is_completed_by_the_next(runner: Runner, survived: int) -> None:
    mail1 = Machine(ESTATE, dies_at=survived)
    runner.has(mail1)
    with pytest.raises(PyinfraError, match="No hosts remaining"):
        runner.run(ESTATE)
    assert len(mail1.happened) == survived
    mail1.dies_at = None
    assert not runner.run(ESTATE).failed
    assert len(set(mail1.happened)) == len(mail1.happened), "what was done is not done again"
    assert runner.plan(ESTATE).plan == {"mail1": []}


# ---- refused -------------------------------------------------------------------------------------


def test_a_refused_host_is_left_as_it_is(runner: Runner) -> None:
    mail1 = Machine(ESTATE)
    mail1.state = replace(mail1.state, release="11", var_free_kib=1)
    runner.has(mail1)
    with pytest.raises(PyinfraError) as refused:
        runner.run(ESTATE)
    said = str(refused.value)
    assert said.startswith("mail1 is left as it is:\n  - it runs debian 11")
    assert "\n  - /var has 0 MiB free" in said
    assert mail1.sent == []


def test_a_clock_that_is_wrong_is_refused(runner: Runner) -> None:
    mail1 = Machine(ESTATE, clock_ahead=-7200)
    runner.has(mail1)
    with pytest.raises(PyinfraError, match=r"its clock is 7\d\d\d s behind"):
        runner.plan(ESTATE)


def test_faults_of_the_estate_are_told_at_once_before_anything_is_asked(runner: Runner) -> None:
    mail1 = Machine(ESTATE)
    runner.has(mail1)
    faulty = drop(put(ESTATE, ("admin", "email"), "nobody"), ("streams", "marketing", "users"))
    faulty = put(faulty, ("log_dayz",), 3)
    with pytest.raises(PyinfraError) as told:
        runner.run(faulty)
    said = str(told.value)
    assert "the estate has 3 faults" in said
    for key in ('["admin"]["email"]', '["marketing"]["users"]', '["log_dayz"]'):
        assert key in said
    assert (mail1.asked, mail1.sent) == ([], [])


def test_a_firewall_that_would_shut_out_the_run_itself_is_refused_first(runner: Runner) -> None:
    mail1 = Machine(ESTATE)
    elsewhere = FirewallState(connection=parse_connection("203.0.113.9 50000 192.0.2.11 22"))
    mail1.state = altered(mail1.state, firewall=elsewhere)
    runner.has(mail1)
    with pytest.raises(PyinfraError, match=r"mail1: .* admits 203\.0\.113\.9 to port 22/tcp"):
        runner.run(ESTATE)
    assert mail1.sent == []


@pytest.mark.parametrize(("port25", "warned"), [("open", False), ("shut", True)])
def test_a_blocked_port_25_is_a_warning_since_mail_can_wait(
    runner: Runner, port25: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    mail1 = Machine(ESTATE, port25=port25)
    runner.has(mail1)
    assert not runner.run(ESTATE).failed
    assert mail1.asked.count("port 25") == 1
    assert ("ask the hoster to open port 25 outward" in caplog.text) == warned
    runner.run(ESTATE)
    assert mail1.asked.count("port 25") == 1, "asked of a bare host only"


# ---- streams open when the world can verify them -------------------------------------------------

MAIN_CF = "/etc/postfix-marketing/main.cf"
UNSEEN = "news.shop.example has no SPF record"


def test_a_stream_that_the_world_cannot_verify_stays_closed_and_the_run_says_what_to_publish(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    mail1 = Machine(ESTATE, world=UNSEEN)
    runner.has(mail1)
    assert not runner.run(ESTATE).failed
    assert f"The marketing stream is closed on mail1: {UNSEEN}." in caplog.text
    published = caplog.text.index("Publish these records")
    assert published < caplog.text.index("+-- Where mail is submitted"), "the box is read last"
    assert "_domainkey" in caplog.text
    assert "/var/lib/postroad/opened/marketing" not in mail1.state.files
    assert runner.plan(ESTATE).plan == {"mail1": []}, "waiting is no drift"


def test_a_stream_opens_by_a_run_and_stays_open_when_the_resolver_is_in_trouble(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    mail1 = deployed(runner, Machine(ESTATE, world=UNSEEN))
    closed = mail1.state.files[MAIN_CF].sha256
    mail1.world = ""
    runner.run(ESTATE)
    assert mail1.happened == ["transactional", "marketing"]
    assert mail1.state.files[MAIN_CF].sha256 != closed
    assert "/var/lib/postroad/opened/marketing" in mail1.state.files
    caplog.clear()
    mail1.world = "the resolver does not answer"
    assert runner.run(ESTATE).plan == {"mail1": []}
    assert "closed" not in caplog.text


GROWN = put(
    ESTATE,
    ("streams", "marketing", "from_domains"),
    ["news.shop.example", "toys.news.shop.example"],
)
LATCH = "/var/lib/postroad/opened/marketing"


def test_a_new_domain_waits_alone_and_is_published_before_anything_uses_it(
    runner: Runner, standing: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    mail1 = standing
    main, held = mail1.state.files[MAIN_CF], set(mail1.state[LATCHES]["marketing"])
    mail1.declared, mail1.world = GROWN, UNSEEN
    planned = " ".join(runner.plan(GROWN).plan["mail1"])
    assert "mail From: toys.news.shop.example will wait: it has no DKIM key yet" in planned
    assert "CLOSE" not in planned
    assert not runner.run(GROWN).failed
    assert "CLOSE" not in caplog.text
    assert mail1.happened == ["keys", "marketing"]
    assert f"but From: toys.news.shop.example waits on mail1: {UNSEEN}" in unfolded(caplog.text)
    assert "._domainkey.toys.news.shop.example" in caplog.text.partition("Publish these records")[2]
    assert mail1.state.files[MAIN_CF] == main
    assert set(mail1.state[LATCHES]["marketing"]) == held
    assert runner.plan(GROWN).plan == {"mail1": []}, "waiting is no drift"
    caplog.clear()
    mail1.world = ""
    runner.run(GROWN)
    assert "waits" not in caplog.text
    assert set(mail1.state[LATCHES]["marketing"]) > held


def test_a_domain_that_is_taken_away_closes_nothing(
    runner: Runner, first_run: HostState, caplog: pytest.LogCaptureFixture
) -> None:
    mail1 = deployed(runner, Machine(GROWN, state=first_run))
    mail1.declared, mail1.world = ESTATE, UNSEEN
    caplog.clear()
    said = "marketing mail From: toys.news.shop.example is refused on mail1 after this run"
    assert said in " ".join(runner.plan(ESTATE).plan["mail1"])
    assert not runner.run(ESTATE).failed
    assert caplog.text.count(said) == 2, "once a run"
    assert LATCH in mail1.state.files
    assert "CLOSE" not in caplog.text
    assert "closed" not in caplog.text


def test_what_must_close_is_said_in_a_dry_run_and_before_the_first_change(
    runner: Runner, standing: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    mail1 = standing
    moved = put(ESTATE, ("hosts", "mail1", "ways_out", "marketing", "ipv4"), "192.0.2.19")
    mail1.declared, mail1.world = moved, UNSEEN
    addresses = {*mail1.state.addresses, *mail1.host.way_out("marketing").addresses}
    mail1.state = replace(mail1.state, addresses=frozenset(addresses))
    said = f"this run will CLOSE the marketing stream on mail1: {UNSEEN}"
    assert said in " ".join(runner.plan(moved).plan["mail1"])
    assert said in caplog.text
    assert mail1.sent == []
    assert "So that it need not: publish first what it needs" in caplog.text
    assert "19.2.0.192.in-addr.arpa" in caplog.text
    caplog.clear()
    runner.run(moved)
    assert LATCH not in mail1.state.files
    caplog.clear()
    runner.run(moved)
    assert "CLOSE" not in caplog.text, "it is closed"


def test_a_renamed_host_says_its_old_name_until_the_world_knows_the_new_one(
    runner: Runner, standing: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    mail1 = standing
    renamed = put(ESTATE, ("hosts", "mail1", "ways_out", "marketing", "helo"), "post.shop.example")
    mail1.declared, mail1.world, mail1.authority = renamed, UNSEEN, False
    runner.run(renamed)
    assert "CLOSE" not in caplog.text
    said = "but the HELO name post.shop.example is not used yet on mail1: news1"
    assert said in unfolded(caplog.text)
    assert LATCH in mail1.state.files
    master = mail1.component("marketing")
    assert any(b":587 inet" in f.content for f in master.files), "its certificate is the old one"


def test_a_key_under_another_label_signs_when_it_is_seen_and_the_old_one_is_removed_last(
    runner: Runner, standing: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    mail1 = standing
    blue = put(ESTATE, ("hosts", "mail1", "ways_out", "marketing", "selector_label"), "blue")
    mail1.declared, mail1.world = blue, UNSEEN
    new = KeyState("marketing", "news.shop.example", "202611-blue", public_key(7))
    mail1.state = altered(mail1.state, keys=(*mail1.state[KEYS], new))
    table = "/etc/postroad/marketing/key.table"

    def signs() -> bytes:
        return next(f.content for f in mail1.component("marketing").files if f.path == table)

    assert b"202611-mail1" in signs()
    assert not any("Keys taken away" in name for name in runner.plan(blue).plan["mail1"])
    owners = {
        key.selector for key in names.published_keys(mail1.site()) if key.stream == "marketing"
    }
    assert owners == {"202611-mail1", "202611-blue"}
    mail1.world = ""
    assert b"202611-blue" in signs()
    (*_, last) = runner.plan(blue).plan["mail1"]
    assert last == (
        "Postfix | Keys taken away: 202611-mail1._domainkey.news.shop.example"
        " (kept until its mail has been read)"
    )


def test_a_changed_address_closes_the_stream_until_the_world_knows_it(
    runner: Runner, standing: Machine
) -> None:
    mail1 = standing
    moved = put(ESTATE, ("hosts", "mail1", "ways_out", "marketing", "ipv4"), "192.0.2.19")
    mail1.declared, mail1.world = moved, UNSEEN
    addresses = {*mail1.state.addresses, *mail1.host.way_out("marketing").addresses}
    mail1.state = replace(mail1.state, addresses=frozenset(addresses))
    runner.run(moved)
    assert "marketing" in mail1.happened
    assert "transactional" not in mail1.happened
    assert "/var/lib/postroad/opened/marketing" not in mail1.state.files
    assert "/var/lib/postroad/opened/transactional" in mail1.state.files


def test_without_a_certificate_the_run_goes_on_says_so_and_the_next_asks_again(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    mail1 = deployed(runner, Machine(ESTATE, authority=False))
    assert "Submission is closed on mail1: there is no certificate yet." in caplog.text
    found = mail1.state[FIREWALL].status
    assert found is not None
    assert found.active
    mail1.authority = True
    runner.run(ESTATE)
    assert mail1.happened == ["certbot", "inbound", "transactional", "marketing"]
    assert runner.plan(ESTATE).plan == {"mail1": []}


# ---- the last words ------------------------------------------------------------------------------

BOX = "Where mail is submitted"


def test_a_run_ends_by_saying_where_mail_is_submitted_also_where_it_changes_nothing(
    runner: Runner, standing: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    runner.plan(ESTATE)
    assert BOX not in caplog.text, "a dry run opens nothing"
    assert runner.run(ESTATE).plan == {"mail1": []}
    assert caplog.text.count(BOX) == 1
    assert "The transactional stream is open on mail1." in caplog.text
    assert "port 587 (STARTTLS) or 465 (TLS) of out1.shop.example (mail1)" in caplog.text
    assert "login shop, MAIL FROM bounce@bounce.shop.example, From: at shop.example" in caplog.text
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_of_a_host_that_failed_nothing_is_told_but_that(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    both = two_hosts()
    caplog.set_level("INFO")
    runner.has(Machine(both, "mail1"), Machine(both, "mail2", dies_at=6))
    assert runner.run(both).failed == {"mail2"}
    assert "Nothing is known of mail2: the run failed there." in caplog.text
    assert "is open on mail1.\n" in caplog.text
    assert "2587" not in caplog.text.partition(BOX)[2].partition("send-test")[0]


# ---- secrets -------------------------------------------------------------------------------------

SUPPLIED_KEY = {
    "host": "mail1",
    "stream": "marketing",
    "domain": "news.shop.example",
    "selector": "202601-old",
    "key": {"env": KEY_VARIABLE},
}


@pytest.mark.parametrize("tls", [estates.SUPPLIED, estates.DNS01])
def test_a_secret_is_in_no_command_no_name_and_no_log(
    runner: Runner,
    tls: Declaration,
    caplog: pytest.LogCaptureFixture,
    brought: tuple[str, str],
) -> None:
    caplog.set_level(0)
    declared = with_its_key(put(estates.with_tls(tls), ("dkim_keys",), [SUPPLIED_KEY]))
    key = brought[1].splitlines()
    mail1 = Machine(declared)
    runner.has(mail1)
    planned = runner.run(declared)
    in_scripts = base64.b64encode(brought[1].encode())[:24].decode()
    assert [text for text in mail1.scripts if in_scripts in text], "it is written somewhere"
    shown = [
        *mail1.sent,
        *planned.plan["mail1"],
        *(repr(meta.args) for meta in planned.state.op_meta.values()),
        caplog.text,
    ]
    for text in shown:
        assert estates.SECRET not in text
        assert key[1] not in text
        assert in_scripts not in text
        assert "argon2id" not in text


def test_what_is_brought_and_does_not_fit_is_named_and_nothing_is_changed(runner: Runner) -> None:
    """The secret is no key at all, neither the certificate's nor one that signs."""
    declared = put(
        estates.with_tls(estates.SUPPLIED),
        ("dkim_keys",),
        [{**SUPPLIED_KEY, "key": {"env": estates.SECRET_VARIABLE}}],
    )
    mail1 = Machine(declared)
    runner.has(mail1)
    with pytest.raises(PyinfraError) as refused:
        runner.run(declared)
    assert 'estate["tls"]["key"] holds no private key' in str(refused.value)
    assert "the marketing key 202601-old of news.shop.example holds no private" in str(
        refused.value
    )
    assert estates.SECRET not in str(refused.value)
    assert mail1.sent == []


def test_a_missing_secret_is_named_and_nothing_is_changed(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(estates.SECRET_VARIABLE)
    declared = estates.with_tls(estates.SUPPLIED)
    mail1 = Machine(declared)
    runner.has(mail1)
    with pytest.raises(PyinfraError, match=f"{estates.SECRET_VARIABLE} is not set"):
        runner.run(declared)
    assert mail1.sent == []


class Locked(Machine):
    """A host whose operator locks the certificate's key away once something was done there."""

    def _do(self, command: str, stdin: str) -> str:
        os.environ.pop(KEY_VARIABLE, None)
        return super()._do(command, stdin)


def test_a_secret_that_is_locked_away_meanwhile_is_told_in_a_sentence(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    declared = with_its_key(estates.with_tls(estates.SUPPLIED))
    runner.has(Locked(declared))
    with pytest.raises(PyinfraError, match="No hosts remaining"):
        runner.run(declared)
    assert f"environment variable {KEY_VARIABLE} is not set" in caplog.text
    assert "Traceback" not in caplog.text


def test_an_estate_is_not_given_up_by_a_slip(runner: Runner) -> None:
    declared = two_hosts()
    runner.deploy = runs.DEPLOY.with_name("leave.py")
    runner.has(Machine(declared, "mail1"), Machine(declared, "mail2"))
    with pytest.raises(PyinfraError, match="every host of the estate would leave it: say which"):
        runner.plan(declared)
    assert [machine.asked for machine in runner.machines.values()] == [[], []]
