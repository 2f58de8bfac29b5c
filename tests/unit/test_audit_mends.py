"""The audit names what mends a fault, in words that do not frighten: a run only where one does.

tests/lab/test_mends.py seeds the faults on real hosts, and does what the audit says.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from postroad.audit.audited import Audited
from postroad.audit.evidence import Log, Shown, Signed, Socket, Upgrades
from postroad.audit.fault import Fault
from postroad.audit.suites import (
    dns,
    files,
    firewall,
    listeners,
    logs,
    packages,
    postfix,
    signing,
    submission,
)
from postroad.host.component import Component, Directory, File, Unit
from postroad.host.found import FileState
from postroad.mail.certificate import CERTIFICATE
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.signing.found import KEYS
from postroad.onhost.asked import instances as of_postfix
from postroad.onhost.asked import system as of_system
from postroad.settings.model import SecretRef, SuppliedTls
from tests.unit.healthy import DAY, NOW, audited, stranger
from tests.unit.machine import made_true
from tests.unit.states import altered

Check = Callable[[Audited], Iterable[Fault]]
STREAM = Component(
    "marketing",
    files=(File("/etc/postfix-marketing/main.cf", b"wanted"),),
    units=(Unit("postroad-postfix@marketing.service"),),
)


def as_declared(host: Audited | None = None, *parts: Component) -> Audited:
    """A host on which a run finds these components as declared."""
    host = audited() if host is None else host
    parts = parts or (STREAM,)
    for part in parts:
        host = replace(host, state=made_true(host.state, part))
    return replace(host, components=parts)


def edited(host: Audited) -> Audited:
    """The same, with its main.cf edited by hand."""
    path = STREAM.files[0].path
    changed = {**host.state.files, path: FileState("file", "root", "root", 0o644, "other")}
    return replace(host, state=replace(host.state, files=changed))


def mends(check: Check, host: Audited) -> list[str]:
    return [fault.mend for fault in check(host)]


def probed(host: Audited, outcome: str) -> Audited:
    signed = tuple(replace(p, outcome=outcome) for p in host.signed if p.stream == "marketing")
    return replace(host, signed=signed)


def test_a_signer_that_hangs_is_restarted_where_a_run_finds_it_as_declared() -> None:
    host = probed(as_declared(), "does not answer")
    (mend,) = mends(signing.unsigned, host)
    assert mend.startswith("systemctl restart postroad-dkim@marketing   (why: ")
    (mend,) = mends(signing.unsigned, edited(host))
    assert mend.startswith(f"{host.run}   (why: ")


def test_a_milter_that_hangs_is_restarted() -> None:
    host = as_declared()
    unread = Signed("marketing", "unreadable@audit.invalid", "does not answer", "", "", "", ())
    (mend,) = mends(signing.let_out_unsigned, replace(host, signed=(unread,)))
    assert mend.startswith("systemctl restart postroad-milter@marketing   (why: ")


def test_a_listener_that_hangs_is_restarted() -> None:
    host = as_declared()
    door = next(d for d in host.smtp.listeners if d.port == 587 and d.after.get("AUTH"))
    name = next(d for d in submission.doors(host) if d.said == door).instance
    host = as_declared(host, replace(STREAM, name=name))
    dead = replace(host, smtp=replace(host.smtp, listeners=(replace(door, fault="Timeout"),)))
    (mend,) = mends(submission.closed, dead)
    assert mend.startswith(f"systemctl restart postroad-postfix@{name}   (why: ")
    mute = replace(door, after={k: v for k, v in door.after.items() if k != "AUTH"})
    (mend,) = mends(
        submission.open_logins, replace(host, smtp=replace(host.smtp, listeners=(mute,)))
    )
    assert mend.startswith(f"systemctl restart postroad-auth@{name}   (why: ")


def test_what_does_not_listen_is_started_anew_where_a_run_finds_it_as_declared() -> None:
    host = replace(audited(), system=replace(audited().system, sockets=()))
    names = ("resolver", "inbound", "transactional", "marketing")
    host = as_declared(host, *(replace(STREAM, name=name) for name in names))
    found = {mend.partition("   (")[0] for mend in mends(listeners.silent_places, host)}
    assert found == {
        "systemctl restart unbound",
        *(f"systemctl restart postroad-postfix@{name}" for name in names[1:]),
    }


def test_no_mend_is_a_run_that_changes_nothing() -> None:
    """Of every fault of an instance that is as declared: its files are those that a run writes."""
    host = as_declared()
    broken = replace(
        host.instances["marketing"],
        words=("postconf: warning: x: unused parameter: a=b",),
        queue_manager=None,
        parameters={
            **host.instances["marketing"].parameters,
            "queue_minfree": "1",
            "smtpd_milters": "",
            "notify_classes": "resource",
            "smtp_dns_reply_filter": "",
        },
        ignored=(),
    )
    host = replace(host, instances={**host.instances, "marketing": broken})
    checks: tuple[Check, ...] = (
        postfix.words,
        postfix.other_values,
        postfix.unread_files,
        postfix.unsigned_paths,
        postfix.ways_to_nowhere,
        postfix.daemons_that_write,
    )
    for check in checks:
        found = mends(check, host)
        assert found, check
        assert not [mend for mend in found if host.run in mend], check
        assert mends(check, edited(host))[0].startswith(host.run)


def test_a_key_is_mended_by_what_mends_it() -> None:
    host = audited()
    path = next(p for p in host.state.files if p.endswith(".pem"))
    keys = tuple(replace(key, public_key="") for key in host.state[KEYS])
    none = replace(host, state=altered(host.state, keys=keys))
    assert f"rm {path}; then {host.run}" in mends(signing.wrong_keys, none)[0]
    link = {**host.state.files, path: FileState("symlink", "opendkim", "opendkim", 0o777)}
    planted = replace(host, state=replace(host.state, files=link))
    assert f"look who made {path}, and remove it" in mends(signing.wrong_keys, planted)[0]


def test_what_was_planted_is_for_somebody_to_look_at() -> None:
    folder = Component("logs", directories=(Directory("/var/log/postroad"),))
    host = replace(audited(), components=(folder,))
    link = {"/var/log/postroad": FileState("symlink", "syslog", "syslog", 0o777)}
    host = replace(host, state=replace(host.state, files=link))
    assert mends(files.differing_files, host) == [
        f"look who made /var/log/postroad, and remove it; then {host.run}"
    ]


# ---- words: whose change it was


def said(check: Check, host: Audited) -> str:
    return "\n".join(map(str, check(host)))


def test_what_a_run_is_still_to_change_was_not_changed_by_somebody() -> None:
    left = as_declared()
    wanted = replace(STREAM, files=(replace(STREAM.files[0], content=b"wanted since"),))
    told = said(files.differing_files, replace(left, components=(wanted,)))
    assert "as the last run left it, and what is declared has changed since" in told
    assert "line by line: postroad diff" in told
    told = said(files.differing_files, edited(left))
    assert "it was changed since postroad wrote it" in told


def test_a_stream_that_is_to_be_closed_was_not_changed_by_somebody() -> None:
    latch = File("/var/lib/postroad/opened/marketing", b"digest")
    left = as_declared(None, replace(STREAM, files=(*STREAM.files, latch)))
    closing = replace(
        STREAM, files=(replace(STREAM.files[0], content=b"defer all"),), absent=(latch.path,)
    )
    closed = {"marketing": "the key in the DNS is another one"}
    told = said(files.differing_files, replace(left, components=(closing,), closed=closed))
    assert told.count("the next one closes the stream: the key in the DNS is another one") == 2
    assert "was changed since postroad wrote it" not in told


def test_what_runs_from_older_unit_files_was_left_by_no_run_that_died() -> None:
    made = File("/etc/systemd/system/postroad-postfix@.service", b"new")
    left = as_declared(None, replace(STREAM, unit_files=(replace(made, content=b"old"),)))
    host = replace(left, components=(replace(STREAM, unit_files=(made,)),))
    told = said(files.unfinished_activations, host)
    assert "marketing runs from older unit files" in told
    assert "died" not in told
    dead = replace(left, state=replace(left.state, stamps={}))
    assert "a run died" in said(files.unfinished_activations, dead)


# ---- words: times


def shown(days: float, supplied: bool = False) -> Audited:
    host = audited()
    door = next(d for d in submission.doors(host) if d.submission)
    certificate = Shown((door.name,), int(days * DAY))
    smtp = replace(host.smtp, listeners=(door.said,), certificates={"a" * 64: certificate})
    if supplied:
        tls = SuppliedTls("chain.pem", SecretRef("env", ("KEY",)))
        host = replace(host, estate=replace(host.estate, tls=tls))
    return replace(host, smtp=smtp)


def test_an_end_that_is_past_is_past() -> None:
    assert "ended 2.0 days ago\n  so:   no application connects" in said(
        submission.wrong_certificates, shown(-2)
    )
    assert "ends in 3.0 days\n  so:   from then on" in said(submission.wrong_certificates, shown(3))


def test_port_25_is_no_application_s() -> None:
    host = audited()
    door = next(d for d in submission.doors(host) if not d.submission)
    dead = replace(door.said, fault="Timeout")
    told = said(submission.closed, replace(host, smtp=replace(host.smtp, listeners=(dead,))))
    assert "bounces, complaints and letters do not come in" in told
    over = {"a" * 64: Shown((door.name,), -DAY)}
    smtp = replace(host.smtp, listeners=(door.said,), certificates=over)
    told = said(submission.wrong_certificates, replace(host, smtp=smtp))
    assert "application" not in told


def test_a_certificate_of_the_operator_s_is_not_renewed_by_certbot() -> None:
    told = said(submission.wrong_certificates, shown(-2, supplied=True))
    assert "certbot" not in told
    assert 'put a new certificate at estate["tls"]["chain_file"]' in told


def test_a_key_that_does_not_fit_is_mended_by_the_run_that_sees_it() -> None:
    host = audited()
    bad = replace(host, smtp=replace(host.smtp, key_fault="key values mismatch"))
    (mend,) = mends(submission.lost_keys, bad)
    assert mend.startswith("certbot delete ")
    found = host.state[CERTIFICATE]
    assert found is not None
    found = replace(found, key_fault="does not fit it")
    seen = replace(bad, state=altered(bad.state, certificate=found))
    (mend,) = mends(submission.lost_keys, seen)
    assert mend.startswith(host.run)
    tls = SuppliedTls("chain.pem", SecretRef("env", ("KEY",)))
    (mend,) = mends(submission.lost_keys, replace(seen, estate=replace(host.estate, tls=tls)))
    assert mend.startswith('put a new certificate at estate["tls"]["chain_file"], and its own key')


def test_nothing_is_20787_days_old() -> None:
    never = Upgrades(audited().system.upgrades.settings, (), (), 0.0, 0.0, 0.0)
    host = replace(audited(), system=replace(audited().system, upgrades=never))
    assert said(packages.failing_upgrades, host) == ""
    gone = replace(audited().system, rotated={"/var/log/postroad/x.log-20270101": 0.0})
    assert said(logs.unrotated, replace(audited(), system=gone)) == ""


def test_no_text_of_the_audit_counts_from_the_epoch() -> None:
    """Where nothing was ever written, no age of decades is told."""
    host = audited()
    zeros = replace(
        host.system,
        upgrades=Upgrades({}, (), (), 0.0, 0.0, 0.0),
        rotated={"/x.log-1": 0.0},
        logs=(Log("/x.log", None, (), 0),),
    )
    host = replace(host, system=zeros)
    for check in (packages.failing_upgrades, logs.unrotated):
        assert not re.search(r"\d{4,} days", said(check, host))


# ---- words: the firewall


def with_firewall(
    enabled: bool, loaded: bool, policy4: str = "DROP", policy6: str = "DROP"
) -> Audited:
    host = audited()
    status = host.state[FIREWALL].status
    assert status is not None
    found = replace(host.state[FIREWALL], status=replace(status, enabled=enabled, loaded=loaded))
    system = replace(
        host.system,
        rules4=(f"-P INPUT {policy4}", *host.system.rules4),
        rules6=(f"-P INPUT {policy6}", *host.system.rules6),
    )
    return replace(host, state=altered(host.state, firewall=found), system=system)


def test_rules_that_are_loaded_keep_ports_closed() -> None:
    told = said(firewall.differing_rules, with_firewall(enabled=False, loaded=True))
    assert "is switched off" in told
    assert "every port is open to everybody" not in told
    assert "from the next boot on" in told
    host = with_firewall(False, False, "ACCEPT", "ACCEPT")
    assert "every port is open to everybody" in said(firewall.differing_rules, host)
    host = with_firewall(True, False, "DROP", "ACCEPT")
    assert "by IPv6 every port is open to everybody" in said(firewall.differing_rules, host)


def test_a_rule_that_ufw_leaves_is_removed_by_its_name() -> None:
    host = audited()
    rule = "-A OUTPUT -p tcp -m tcp --dport 25 -j ACCEPT"
    rules = tuple(rule if r.startswith("-A OUTPUT") else r for r in host.system.rules4)
    host = replace(
        host, system=replace(host.system, rules4=(*rules, "-A OUTPUT -j ufw-before-output"))
    )
    found = mends(firewall.leaks, host)
    wanted = "iptables -D OUTPUT -p tcp -m tcp --dport 25 -j ACCEPT; ufw reload; then "
    assert found
    assert all(mend.startswith(wanted) for mend in found)


def test_chains_that_nothing_leads_to_are_not_reloaded_by_hand() -> None:
    """ufw would shut everybody out: it makes no jump where its chains are there."""
    host = audited()
    state = altered(host.state, firewall=replace(host.state[FIREWALL], unhooked=True))
    open_to_all = ("-P INPUT ACCEPT", "-P OUTPUT ACCEPT")
    flushed = replace(host.system, rules4=open_to_all, rules6=open_to_all)
    host = replace(host, state=state, system=flushed)
    assert "do not lead to those of ufw" in said(firewall.differing_rules, host)
    for check in (
        firewall.differing_rules, firewall.leaks, firewall.ways_to_nowhere, firewall.intruders,
        firewall.open_places,
    ):  # fmt: skip
        found = mends(check, host)
        assert found
        assert not [mend for mend in found if "ufw reload" in mend]


def test_an_opening_is_declared_where_settings_have_it() -> None:
    host = audited()
    sockets = (*host.system.sockets, Socket("tcp", "*", 8080, "python3"))
    (mend,) = mends(
        listeners.undeclared_places, replace(host, system=replace(host.system, sockets=sockets))
    )
    assert 'estate["firewall"]["open"]' in mend


# ---- words: streams that take no mail


def test_a_stream_without_a_key_is_opened_by_a_run() -> None:
    host = replace(audited(), closed={"marketing": "it has no DKIM key yet"})
    without = tuple(key for key in host.state[KEYS] if key.stream != "marketing")
    lacking = replace(host, state=altered(host.state, keys=without))
    assert mends(dns.closed_streams, lacking) == [host.run]
    bad = tuple(replace(e, verdict="wrong") for e in host.expectations)
    unseen = replace(host, closed={"marketing": "no SPF"}, expectations=bad)
    assert mends(dns.closed_streams, unseen)[0].startswith("publish what")
    # By now the world sees all: the run that would have opened it has not come yet.
    assert mends(dns.closed_streams, host) == [host.run]


# ---- words of programs


def test_copies_that_no_chrooted_service_reads_are_no_complaint() -> None:
    said = [
        f"postfix/postfix-script: warning: /var/spool/postfix/etc/{name} and /etc/{name} differ"
        for name in ("resolv.conf", "hosts", "services")
    ]
    # Of another mail server, and no copy.
    other = "postfix/postfix-script: warning: /usr/lib/sendmail and /usr/sbin/sendmail differ"
    plain = "smtp inet n - n - - smtpd\ncleanup unix n - - - 0 cleanup\n"
    assert of_postfix.without_chroot([*said, other], plain) == [other]
    assert of_postfix.without_chroot([*said, other], f"{plain}smtp unix - - y - - smtp\n") == [
        *said,
        other,
    ]


def test_trouble_that_was_read_is_forgotten(tmp_path: Path) -> None:
    folder, stamps, read = tmp_path / "logs", tmp_path / "stamps", tmp_path / "read"
    folder.mkdir()
    stamps.mkdir()
    line = "Jan  2 03:04:05 mail1 postfix-marketing/smtpd[1]: fatal: no reason\n"
    (folder / "marketing.log").write_text(line)
    when = of_system.written(line)
    assert when is not None

    def troubles() -> int:
        (found,) = of_system.logs(folder, stamps, read)
        return int(found["troubles"])

    assert troubles() == 1
    read.touch()
    os.utime(read, (when - 1, when - 1))
    assert troubles() == 1
    os.utime(read, (when + 1, when + 1))
    assert troubles() == 0


def test_the_mend_of_trouble_is_what_makes_the_audit_forget_it() -> None:
    log = Log("/var/log/postroad/marketing.log", NOW, ("fatal: x",), 1)
    host = replace(audited(), system=replace(audited().system, logs=(log,)))
    (mend,) = mends(logs.trouble, host)
    assert mend.endswith("touch /var/lib/postroad/logs-read")
    assert "daily" not in mend


@pytest.mark.parametrize("outcome", ["signed", "passed unsigned"])
def test_a_signer_that_lets_strangers_in_by_declared_files_is_restarted(outcome: str) -> None:
    host = replace(as_declared(), signed=(stranger("marketing", outcome),))
    (mend,) = mends(signing.believed_strangers, host)
    assert mend.startswith("systemctl restart postroad-dkim@marketing")
