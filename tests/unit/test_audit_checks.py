"""What each check of the audit makes of a host: nothing when it is well, one fault when it is not.

tests/lab breaks real hosts; what a lab host cannot be made to show is here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from types import ModuleType

import pytest

from postroad.audit import suites
from postroad.audit.audited import Audited
from postroad.audit.evidence import (
    Instance,
    Maildir,
    NotAnsweredError,
    Process,
    Room,
    Shown,
    Socket,
    System,
    Upgrades,
    from_parts,
    partly,
)
from postroad.audit.fault import Fault
from postroad.audit.suites import (
    clock,
    dns,
    firewall,
    identity,
    listeners,
    logs,
    packages,
    postfix,
    queues,
    resolver,
    signing,
    submission,
    units,
)
from postroad.host.answers import AnswerError
from postroad.host.component import Component, Unit
from postroad.host.found import UnitState
from postroad.mail.certificate import CERTIFICATE
from postroad.mail.firewall.found import FIREWALL
from tests import server
from tests.unit.healthy import DAY, NOW, POSTFIX_UID, audited, stranger
from tests.unit.states import altered

Check = Callable[[Audited], Iterable[Fault]]
FAMILIES = sorted(p.stem for p in Path(suites.__file__).parent.glob("*.py") if p.stem[0] != "_")


def checks_of(module: ModuleType) -> list[Check]:
    """The pure functions of a family: from a host to its faults."""
    return [
        function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and inspect.signature(function).return_annotation == "Iterator[Fault]"
        and not name.startswith("_")
    ]


def wrong(check: Check, host: Audited) -> str:
    """What the one fault says that the check finds."""
    (fault,) = check(host)
    assert fault.follows
    assert fault.mend
    return fault.wrong


def spoilt(host: Audited, name: str, **changes: object) -> Audited:
    """``host`` with one of its Postfix instances changed."""
    instance: Instance = replace(host.instances[name], **changes)  # type: ignore[arg-type]
    return replace(host, instances={**host.instances, name: instance})


def with_parameter(host: Audited, name: str, parameter: str, value: str) -> Audited:
    changed = {**host.instances[name].parameters, parameter: value}
    return spoilt(host, name, parameters=changed)


@pytest.mark.parametrize("family", [f for f in FAMILIES if f not in ("names", "reach")])
def test_a_healthy_host_has_no_fault(family: str) -> None:
    checks = checks_of(import_module(f"postroad.audit.suites.{family}"))
    assert checks
    assert [str(fault) for check in checks for fault in check(audited())] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_the_server_tests_are_the_suites(family: str) -> None:
    suite = import_module(f"postroad.audit.suites.{family}")
    thin = import_module(f"{server.__name__}.test_{family}")
    wanted = {name for name in vars(suite) if name.startswith("test_")}
    assert wanted
    assert {name for name in vars(thin) if name.startswith("test_")} == wanted


def test_a_unit_with_an_old_program_is_named() -> None:
    part = Component("stream", units=(Unit("postroad-dkim@x.service"),))
    old = Process("postroad-dkim@x.service", 7, ("/usr/lib/libc.so.6", "/usr/sbin/opendkim"))
    other = Process("cron.service", 8, ("/usr/sbin/cron",))
    host = audited()
    host = replace(host, components=(part,), system=replace(host.system, processes=(old, other)))
    assert "older /usr/lib/libc.so.6 and 1 more" in wrong(units.outdated_programs, host)


OWN_MILTER = "unix:/run/postroad-milter-marketing/milter.sock"


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("smtpd_milters", ""),
        ("smtpd_milters", "unix:/run/other.sock"),
        ("smtpd_milters", f"{{ unix:, default_action=accept }}, {OWN_MILTER}"),
        ("smtpd_milters", f"{OWN_MILTER}, unix:"),
        ("smtpd_milter_maps", "cidr:/etc/postfix/exceptions"),
        ("receive_override_options", "no_address_mappings, no_milters"),
    ],
)
def test_an_override_past_the_signer_is_seen(parameter: str, value: str) -> None:
    host = audited()
    door = host.instances["marketing"].services[0]
    overrides = {f"{door.name}/inet/{parameter}": value}
    assert door.name in wrong(
        postfix.unsigned_paths, spoilt(host, "marketing", overrides=overrides)
    )


def test_sendmail_past_the_signer_is_seen() -> None:
    host = with_parameter(audited(), "marketing", "non_smtpd_milters", "")
    assert "pickup hands mail to no signer" in wrong(postfix.unsigned_paths, host).replace(
        " at pickup", ""
    )


@pytest.mark.parametrize("name", ["default", "inbound", "marketing"])
@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("notify_classes", "resource"),
        ("delay_warning_time", "4h"),
        ("confirm_delay_cleared", "yes"),
    ],
)
def test_a_daemon_that_writes_mail_is_seen(name: str, parameter: str, value: str) -> None:
    host = with_parameter(audited(), name, parameter, value)
    said = wrong(postfix.daemons_that_write, host)
    assert said == f"{name}: {parameter} is {value}"


def test_an_override_by_which_a_daemon_writes_mail_is_seen() -> None:
    host = spoilt(audited(), "marketing", overrides={"smtp/unix/notify_classes": "protocol"})
    assert "notify_classes of service smtp" in wrong(postfix.daemons_that_write, host)


@pytest.mark.parametrize(
    "parameter", ["sender_dependent_default_transport_maps", "double_bounce_sender"]
)
def test_a_way_for_what_daemons_write_is_seen(parameter: str) -> None:
    host = with_parameter(audited(), "marketing", parameter, "")
    assert f"marketing: {parameter} is empty" in wrong(postfix.daemons_that_write, host)


@pytest.mark.parametrize(
    "parameter",
    ["message_size_limit", "queue_minfree", "default_process_limit", "smtpd_recipient_limit"],
)
def test_strangers_who_may_bring_more_are_seen(parameter: str) -> None:
    host = with_parameter(audited(), "inbound", parameter, "0")
    assert f"inbound: {parameter} is 0, declared is " in wrong(postfix.open_intake, host)
    host = spoilt(audited(), "inbound", overrides={f"smtp/inet/{parameter}": "0"})
    assert f"inbound: {parameter} of service smtp is 0" in wrong(postfix.open_intake, host)


def test_an_inbound_that_does_not_ask_for_the_budget_is_seen() -> None:
    overrides = {"smtp/inet/smtpd_recipient_restrictions": "reject_unauth_destination"}
    host = spoilt(audited(), "inbound", overrides=overrides)
    assert "smtp does not ask for the mailboxes' budget" in wrong(postfix.open_intake, host)


@pytest.mark.parametrize(("size", "files"), [(250 << 20, 12), (1, 19_000)])
def test_a_mailbox_that_is_nearly_full_is_told(size: int, files: int) -> None:
    host = audited()
    nearly = Maildir("/var/mail/postroad/marketing/bounces", size, files)
    host = replace(host, system=replace(host.system, maildirs=(nearly,)))
    assert "of what it may have" in wrong(queues.full_mailboxes, host)


@pytest.mark.parametrize("rules", ["rules4", "rules6"])
def test_a_network_that_may_take_all_places_is_seen(rules: str) -> None:
    host = audited()
    kept = tuple(
        rule
        for rule in getattr(host.system, rules)
        if "mask 24" not in rule and "mask 48" not in rule
    )
    host = replace(host, system=replace(host.system, **{rules: kept}))  # type: ignore[arg-type]
    assert "nothing limits the places of a /" in wrong(firewall.open_places, host)


def test_system_mail_past_the_stream_is_seen() -> None:
    host = with_parameter(audited(), "default", "relayhost", "")
    assert "relayhost is empty" in wrong(postfix.unsigned_paths, host)


def test_an_override_of_the_way_out_is_seen() -> None:
    host = spoilt(audited(), "marketing", overrides={"smtp/unix/smtp_bind_address": "192.0.2.99"})
    assert "of service smtp is 192.0.2.99" in wrong(postfix.other_values, host)


def test_wrong_owners_are_mended_by_postfix_and_the_rest_by_the_run() -> None:
    said = "postfix-marketing/postfix-script: warning"
    owner = f"{said}: not owned by postfix: /var/spool/postfix-marketing/saved"
    ours = f"{said}: group or other writable: /etc/postfix-marketing/./main.cf"
    unused = "postconf: warning: /etc/postfix-marketing/main.cf: unused parameter: a=b"
    host = spoilt(audited(), "marketing", words=(owner, ours, unused))
    mends = [fault.mend for fault in postfix.words(host)]
    assert mends == ["postfix -c /etc/postfix-marketing set-permissions", host.run, host.run]


def test_a_missing_folder_of_a_queue_is_seen() -> None:
    gone = "/var/spool/postfix-marketing/hold"
    host = spoilt(audited(), "marketing", missing_folders=(gone,))
    assert wrong(postfix.missing_folders, host) == f"the marketing instance has no folder {gone}"


def test_no_queue_manager_is_seen() -> None:
    host = spoilt(audited(), "inbound", queue_manager=None)
    assert wrong(postfix.unread_files, host) == "the inbound instance has no queue manager"


def test_daemons_of_a_time_still_to_come_are_seen() -> None:
    host = spoilt(audited(), "marketing", set_back=3 * 3600.0)
    said = wrong(queues.waiting_for_another_time, host)
    assert "set back by 180 minutes while the marketing instance ran" in said


def test_mail_of_a_time_still_to_come_is_seen() -> None:
    host = spoilt(audited(), "marketing", next_try=NOW + 3 * 3600)
    said = wrong(queues.waiting_for_another_time, host)
    assert "the marketing queue holds mail that is left alone for 180 minutes" in said


@pytest.mark.parametrize("values", [{"set_back": 2.0}, {"set_back": -86400.0}, {"next_try": 0.0}])
def test_a_clock_that_is_kept_right_is_no_fault(values: dict[str, float]) -> None:
    host = spoilt(audited(), "marketing", **values)
    assert list(queues.waiting_for_another_time(host)) == []


def test_a_wildcard_is_neither_declared_nor_enough() -> None:
    host = audited()
    port25 = [s for s in host.system.sockets if s.port == 25 and s.address == "192.0.2.11"]
    others = tuple(s for s in host.system.sockets if s not in port25)
    sockets = (*others, Socket("tcp", "0.0.0.0", 25, "master"))
    host = replace(host, system=replace(host.system, sockets=sockets))
    assert "192.0.2.11 port 25" in wrong(listeners.silent_places, host)
    assert "0.0.0.0:25/tcp (master)" in wrong(listeners.undeclared_places, host)


@pytest.mark.parametrize(
    "socket",
    [
        Socket("tcp", "127.0.0.1", 2525, "master"),
        Socket("udp", "192.0.2.11", 53, "unbound"),
        Socket("tcp", "*", 9100, "node_exporter"),
    ],
)
def test_an_undeclared_listener_is_named(socket: Socket) -> None:
    host = audited()
    sockets = (*host.system.sockets, socket)
    host = replace(host, system=replace(host.system, sockets=sockets))
    assert str(socket) in wrong(listeners.undeclared_places, host)


@pytest.mark.parametrize(
    "socket",
    [Socket("tcp", "127.0.0.1", 5432, "postgres"), Socket("tcp", "0.0.0.0", 22, "sshd")],
)
def test_others_may_listen_on_loopback_and_ssh_everywhere(socket: Socket) -> None:
    host = audited()
    sockets = (*host.system.sockets, socket)
    host = replace(host, system=replace(host.system, sockets=sockets))
    assert list(listeners.undeclared_places(host)) == []


def test_a_signature_without_the_list_headers_is_seen() -> None:
    host = audited()
    probe = replace(host.signed[0], covered=("from", "to", "subject", "date"))
    said = wrong(signing.unverifiable, replace(host, signed=(probe,)))
    assert "list-unsubscribe, list-unsubscribe-post" in said


def test_a_signature_of_another_domain_is_seen() -> None:
    host = audited()
    probe = replace(host.signed[0], domain="elsewhere.example")
    assert "as elsewhere.example" in wrong(signing.unverifiable, replace(host, signed=(probe,)))


@pytest.mark.parametrize("outcome", ["signed", "passed unsigned", "discarded"])
def test_a_stranger_that_gets_through_is_seen(outcome: str) -> None:
    host = replace(audited(), signed=(stranger("marketing", outcome),))
    assert outcome in wrong(signing.believed_strangers, host)


@pytest.mark.parametrize("outcome", ["refused", "deferred"])
def test_a_stranger_that_is_stopped_is_no_fault(outcome: str) -> None:
    host = replace(audited(), signed=(stranger("marketing", outcome),))
    assert list(signing.believed_strangers(host)) == []


def with_certificate(days: float, *names: str, digest: str = "a" * 64) -> Audited:
    """A host with one submission listener that shows this certificate."""
    host = audited()
    door = next(d for d in host.smtp.listeners if d.port == 587)
    shown = {digest: Shown(names, int(days * DAY))}
    smtp = replace(host.smtp, listeners=(replace(door, certificate=digest),), certificates=shown)
    return replace(host, smtp=smtp)


def test_a_certificate_that_ends_soon_is_seen() -> None:
    assert "ends in 13.9 days" in wrong(
        submission.wrong_certificates, with_certificate(13.9, "out1.shop.example")
    )


def test_one_that_a_former_name_keeps_from_being_renewed_is_the_run_s_to_mend() -> None:
    host = with_certificate(13.9, "out1.shop.example")
    found = host.state[CERTIFICATE]
    assert found is not None
    late = replace(found, names=found.names | {"old.shop.example"}, seconds_left=13 * DAY)
    (fault,) = submission.wrong_certificates(host)
    assert fault.mend.startswith("certbot renew")
    host = replace(host, state=altered(host.state, certificate=late))
    (fault,) = submission.wrong_certificates(host)
    assert fault.mend == host.run


def test_a_certificate_with_two_weeks_left_is_no_fault() -> None:
    host = with_certificate(14.1, "out1.shop.example")
    assert list(submission.wrong_certificates(host)) == []


def test_a_certificate_for_another_name_is_seen() -> None:
    assert "not for out1.shop.example" in wrong(
        submission.wrong_certificates, with_certificate(60, "mail1.shop.example")
    )


def test_a_certificate_that_was_renewed_and_not_read_is_seen() -> None:
    host = with_certificate(60, "out1.shop.example", digest="b" * 64)
    assert "another certificate than the one in" in wrong(submission.wrong_certificates, host)


def test_a_certificate_that_would_be_renewed_otherwise_is_seen() -> None:
    host = audited()
    found = host.state[CERTIFICATE]
    assert found is not None
    assert list(submission.other_renewals(host)) == []
    other = replace(found, renewal={**found.renewal, "authenticator": "manual"})
    host = replace(host, state=altered(host.state, certificate=other))
    assert "renewed with authenticator manual" in wrong(submission.other_renewals, host)


def test_a_certificate_without_its_key_is_seen() -> None:
    host = audited()
    host = replace(host, smtp=replace(host.smtp, key_fault="No such file or directory"))
    said = wrong(submission.lost_keys, host)
    assert "privkey.pem cannot be used: No such file or directory" in said


def test_another_host_name_is_seen() -> None:
    host = audited()
    host = replace(host, state=replace(host.state, hostname="localhost"))
    assert "calls itself localhost, declared is mail1." in wrong(identity.other_name, host)


def test_no_certificate_is_seen() -> None:
    host = audited()
    host = replace(host, state=altered(host.state, certificate=None))
    assert "there is no certificate" in wrong(submission.closed, host)


def test_a_firewall_without_ufw_is_seen() -> None:
    host = audited()
    bare = replace(host.state[FIREWALL], status=None)
    host = replace(host, state=altered(host.state, firewall=bare))
    assert wrong(firewall.differing_rules, host) == "ufw is not installed"


def test_an_armed_rollback_is_seen() -> None:
    host = audited()
    armed = replace(host.state[FIREWALL], rollback_armed=True)
    host = replace(host, state=altered(host.state, firewall=armed))
    assert "left the timer armed" in wrong(firewall.differing_rules, host)


def test_a_firewall_that_stops_postfix_is_seen() -> None:
    host = audited()
    foreign = tuple(r.replace(str(POSTFIX_UID), "999") for r in host.system.rules6)
    host = replace(host, system=replace(host.system, rules6=foreign))
    assert wrong(firewall.leaks, host).startswith("IPv6: Postfix itself may not connect")


def test_a_firewall_that_lets_mail_in_among_neighbours_is_seen() -> None:
    host = audited()
    rules = tuple(r for r in host.system.rules4 if "169.254.0.0/16" not in r)
    spoiled = replace(host, system=replace(host.system, rules4=rules))
    said = wrong(firewall.ways_to_nowhere, spoiled)
    assert "port 25 of 169.254.0.0 (link-local" in said
    assert "of 1 other addresses" in said


def test_a_lone_firewall_need_not_tell_places_apart() -> None:
    host = audited()
    lone = replace(host, estate=replace(host.estate, lone=True))
    spoiled = replace(lone, system=replace(lone.system, rules4=(), rules6=()))
    assert list(firewall.ways_to_nowhere(spoiled)) == []


def of_marketing(host: Audited, **changes: object) -> Audited:
    """The host with another marketing instance."""
    marketing = replace(host.instances["marketing"], **changes)  # type: ignore[arg-type]
    return replace(host, instances={**host.instances, "marketing": marketing})


def test_a_stream_that_follows_records_to_anywhere_is_seen() -> None:
    said = wrong(postfix.ways_to_nowhere, of_marketing(audited(), ignored=()))
    assert "marketing: mail goes where a record says A 0.0.0.0 (this network" in said


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"smtp/unix/smtp_dns_reply_filter": ""}, "of service smtp is empty"),
        (
            {
                "192.0.2.13:587/inet/smtpd_recipient_restrictions": "permit_sasl_authenticated,"
                " check_recipient_access pcre:/x/recipient_domains"
            },
            "takes an address for a recipient's domain",
        ),
    ],
)
def test_an_override_past_the_filter_of_addresses_is_seen(
    overrides: dict[str, str], said: str
) -> None:
    assert said in wrong(postfix.ways_to_nowhere, of_marketing(audited(), overrides=overrides))


def test_a_silent_resolver_is_seen() -> None:
    host = audited()
    host = replace(host, system=replace(host.system, resolver_fault="it does not answer"))
    assert "it does not answer" in wrong(resolver.blind_resolver, host)


def test_records_of_a_closed_stream_are_no_fault_of_its_own() -> None:
    host = audited()
    bad = tuple(replace(e, verdict="wrong") for e in host.expectations)
    closed = dict.fromkeys(host.closed, "no DKIM key")
    assert len(list(dns.wrong_records(replace(host, expectations=bad)))) == len(bad)
    assert list(dns.wrong_records(replace(host, expectations=bad, closed=closed))) == []


def waiting() -> Audited:
    """A host with a domain that the world cannot verify yet; its probe is deferred."""
    host = audited()
    now = host.standings["marketing"]
    waits = replace(now, waiting={"news.shop.example": "no DKIM key"})
    signed = tuple(
        replace(p, outcome="deferred", verdict="") if p.stream == "marketing" else p
        for p in host.signed
    )
    return replace(host, standings={**host.standings, "marketing": waits}, signed=signed)


def test_a_domain_that_waits_is_seen_for_what_it_is() -> None:
    host = waiting()
    said = "marketing: mail From: news.shop.example waits: no DKIM key"
    assert wrong(dns.waiting_parts, host) == said
    assert list(signing.unsigned(host)) == []
    assert list(signing.unverifiable(host)) == []
    closed = {**host.closed, "marketing": "no SPF"}
    assert list(dns.waiting_parts(replace(host, closed=closed))) == []
    assert list(dns.waiting_parts(audited())) == []


def test_a_signature_with_a_key_that_the_world_has_not_seen_is_seen() -> None:
    host = waiting()
    signed = tuple(replace(p, outcome="signed", verdict="wrong") for p in host.signed)
    said = [f.wrong for f in signing.unverifiable(replace(host, signed=signed))]
    assert any("whose key the world has not seen" in each for each in said)


def test_a_name_that_is_not_said_yet_is_seen_and_what_is_said_is_right() -> None:
    host = audited()
    now = host.standings["marketing"]
    kept = replace(
        now, way=replace(now.way, helo="old.shop.example"), unused={"the HELO name": "no PTR"}
    )
    host = replace(host, standings={**host.standings, "marketing": kept})
    assert wrong(dns.waiting_parts, host) == "marketing: the HELO name is not used yet: no PTR"
    assert "smtp_helo_name" in next(iter(postfix.other_values(host))).wrong
    said = spoilt(host, "marketing")
    parameters = {**said.instances["marketing"].parameters, "smtp_helo_name": "old.shop.example"}
    assert list(postfix.other_values(spoilt(host, "marketing", parameters=parameters))) == []


def test_mail_past_its_lifetime_is_seen_only_after_its_last_try() -> None:
    host = audited()
    limits = {stream.name: stream.limits for stream in host.estate.streams}
    allowed = queues.seconds(limits["marketing"].queue_lifetime) + 3600 + 300
    late = spoilt(host, "marketing", oldest=NOW - allowed - 1)
    assert "the marketing queue holds mail" in wrong(queues.stuck_mail, late)
    assert list(queues.stuck_mail(spoilt(host, "marketing", oldest=NOW - allowed + 1))) == []


@pytest.mark.parametrize(
    ("value", "seconds"), [("90", 90), ("300s", 300), ("4h", 14400), ("1d", DAY)]
)
def test_times_of_postfix_are_read(value: str, seconds: int) -> None:
    assert queues.seconds(value) == seconds


def test_room_for_the_largest_message_is_needed_whatever_else_is_set() -> None:
    host = with_parameter(audited(), "inbound", "message_size_limit", "2000000")
    assert "the inbound queue's disk" in wrong(
        queues.full_disks, spoilt(host, "inbound", room=Room(2_999_999, None))
    )


def test_inodes_are_room_like_bytes() -> None:
    host = audited()
    assert "the inbound queue's disk has 999 inodes free" in wrong(
        queues.full_disks, spoilt(host, "inbound", room=Room(1 << 40, 999))
    )
    # Where files get their inodes as they come, none are counted.
    assert list(queues.full_disks(spoilt(host, "inbound", room=Room(1 << 40, None)))) == []


@pytest.mark.parametrize("ahead", [61.0, -61.0])
def test_a_clock_that_is_off_is_seen(ahead: float) -> None:
    assert "61 s" in wrong(clock.wrong_clock, replace(audited(), clock_ahead=ahead))


def test_a_loose_clock_is_a_fault_of_machines_and_not_of_containers() -> None:
    host = audited()
    loose = replace(host, system=replace(host.system, synchronised="no"))
    assert "not synchronised" in wrong(clock.loose_clock, loose)
    contained = replace(loose, state=replace(loose.state, container=True))
    assert list(clock.loose_clock(contained)) == []


def test_a_missing_package_is_named() -> None:
    host = audited()
    few = {name: v for name, v in host.state.packages.items() if name != "unbound"}
    host = replace(host, state=replace(host.state, packages=few))
    assert wrong(packages.missing_packages, host) == "the package unbound is not installed"


def test_a_configuration_that_cannot_be_read_is_named_once_and_breaks_no_check() -> None:
    """Postfix says it to each question; of such an instance nothing else is known."""
    fatal = "postconf: fatal: /etc/postfix-marketing/main.cf, line 7: missing '='"
    host = spoilt(audited(), "marketing", words=(fatal, fatal), parameters={}, corrupt=1, oldest=0)
    assert wrong(postfix.words, host) == f"the marketing instance complains: {fatal}"
    for check in (postfix.other_values, queues.full_disks, queues.corrupt_mail, queues.stuck_mail):
        assert list(check(host)) == []


def test_a_number_that_is_none_breaks_no_check() -> None:
    assert queues.seconds("0.5s") == queues.number("many") == 0
    assert queues.seconds("5d") == 5 * DAY


def test_a_package_of_ours_that_is_held_back_is_named() -> None:
    host = audited()
    host = replace(host, system=replace(host.system, held=("nano", "postfix")))
    assert wrong(packages.held_packages, host) == "the package postfix is held back"


def with_upgrades(**changes: object) -> Audited:
    """A host whose unattended upgrades fare otherwise."""
    host = audited()
    found: Upgrades = replace(host.system.upgrades, **changes)  # type: ignore[arg-type]
    return replace(host, system=replace(host.system, upgrades=found))


def undeclared(host: Audited) -> Audited:
    """The same host of an operator who upgrades it otherwise."""
    upgrades = replace(host.estate.upgrades, unattended=False)
    return replace(host, estate=replace(host.estate, upgrades=upgrades))


def test_upgrades_that_a_file_switches_off_are_named() -> None:
    settings = {**audited().system.upgrades.settings, "APT::Periodic::Enable": "0"}
    assert "APT::Periodic::Enable is 0" in wrong(
        packages.switched_off_upgrades, with_upgrades(settings=settings)
    )


def test_a_package_of_ours_on_the_blacklist_is_named() -> None:
    host = with_upgrades(blacklist=("nano", "(broken", "postfix$"))
    said = wrong(packages.switched_off_upgrades, host)
    assert said.startswith("the packages postfix are on the blacklist")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fetched": NOW - 9 * DAY}, "the lists of packages were not fetched for 9 days"),
        ({"installed": NOW - 9 * DAY}, "unattended upgrades had no success for 9 days"),
        ({"installed": 0.0}, "unattended upgrades had no success for 60 days"),
        ({"kept_back": ("postfix",)}, "unattended-upgrades keeps back postfix"),
    ],
)
def test_upgrades_that_do_not_come_in_are_named(changes: dict[str, object], said: str) -> None:
    host = with_upgrades(**changes)
    assert wrong(packages.failing_upgrades, host) == said
    assert list(packages.failing_upgrades(undeclared(host))) == []


def test_a_host_that_is_new_has_time_for_its_first_upgrade() -> None:
    host = with_upgrades(fetched=0.0, installed=0.0, declared=NOW - DAY)
    assert list(packages.failing_upgrades(host)) == []


def test_upgrades_that_nobody_declared_may_be_off() -> None:
    host = undeclared(with_upgrades(settings={}, blacklist=("postfix",)))
    assert list(packages.switched_off_upgrades(host)) == []


@pytest.mark.parametrize("name", ["postroad-postfix@", "postroad-postfix@marketing"])
def test_a_unit_of_ours_with_a_drop_in_is_named(name: str) -> None:
    unit = Unit("postroad-postfix@marketing.service")
    host = replace(audited(), components=(Component("marketing", units=(unit,)),))
    place = f"/etc/systemd/system/{name}.service.d/override.conf"
    strange = "/etc/systemd/system/cron.service.d/override.conf"
    host = replace(host, system=replace(host.system, drop_ins=(strange, place)))
    assert wrong(units.edited_units, host) == f"{name}.service is changed by {place}"


def test_who_has_only_just_been_started_again_is_seen() -> None:
    """Who dies at once is seen now and then while it runs."""
    name = "postroad-dkim@marketing.service"
    state = UnitState("loaded", "active", "enabled", needs_reload=False, is_back=True)
    host = replace(audited(), components=(Component("marketing", units=(Unit(name),)),))
    host = replace(host, state=replace(host.state, units={**host.state.units, name: state}))
    assert "dies again and again" in wrong(units.differing_units, host)


def test_the_hour_of_upgrades_may_be_another_one() -> None:
    part = Component("packaging", units=(Unit("apt-daily-upgrade.timer"),))
    place = "/etc/systemd/system/apt-daily-upgrade.timer.d/override.conf"
    host = replace(audited(), components=(part,))
    host = replace(host, system=replace(host.system, drop_ins=(place,)))
    assert list(units.edited_units(host)) == []


def test_a_log_that_is_kept_too_long_is_seen() -> None:
    host = audited()
    age = (host.estate.log_days + 4) * DAY
    host = replace(host, system=replace(host.system, rotated={"/var/log/x.log-1": NOW - age}))
    assert "/var/log/x.log-1 is" in wrong(logs.unrotated, host)


def test_a_missing_address_is_named() -> None:
    host = audited()
    left = host.state.addresses - {ip_address("192.0.2.13")}
    host = replace(host, state=replace(host.state, addresses=left))
    assert "192.0.2.13, from which marketing mail leaves" in wrong(postfix.missing_addresses, host)


# ---- what was not answered


def without(host: Audited, **why: str) -> Audited:
    """``host`` without some of what it answers."""
    known = {name: getattr(host, name) for name in host.__slots__ if name not in why}
    return partly(Audited, known, why)


def instance_without(host: Audited, name: str, **why: str) -> Audited:
    one = host.instances[name]
    known = {part: getattr(one, part) for part in one.__slots__ if part not in why}
    return replace(host, instances={**host.instances, name: partly(Instance, known, why)})


SLOW = "postqueue says nothing for 10 s"


def test_what_was_not_answered_is_unknown_and_nothing_else() -> None:
    host = instance_without(audited(), "marketing", oldest=SLOW, messages=SLOW)
    with pytest.raises(pytest.skip.Exception, match=f"^unknown: marketing: {SLOW}$"):
        queues.test_no_mail_outlives_its_time(host)
    queues.test_disks_have_room(host)
    postfix.test_values_are_those_declared(host)
    with pytest.raises(NotAnsweredError, match="busy"):
        list(units.failed_units(without(audited(), system="busy")))


def test_what_is_wrong_is_told_beside_what_is_unknown() -> None:
    host = instance_without(audited(), "marketing", room="busy")
    host = spoilt(host, "inbound", room=Room(1 << 40, 0))
    with pytest.raises(pytest.fail.Exception) as failed:
        queues.test_disks_have_room(host)
    assert "the inbound queue's disk has 0 inodes free" in str(failed.value)
    assert "unknown: marketing: busy" in str(failed.value)


@pytest.mark.parametrize("instance", ["transactional", "marketing", "inbound", "default"])
def test_an_instance_that_answers_nothing_hides_no_other(instance: str) -> None:
    every = {part: SLOW for part in Instance.__slots__ if part != "unanswered"}
    host = instance_without(audited(), instance, **every)
    for family in (queues, postfix):
        for name, check in vars(family).items():
            if name.startswith("test_"):
                with suppress(pytest.skip.Exception):
                    check(host)


def part(said: object, why: str = "") -> dict[str, object]:
    return {"said": said, "why": why}


def test_parts_of_an_answer_are_read_one_by_one() -> None:
    fields = {name: part(None, "busy") for name in System.__slots__ if name != "unanswered"}
    found = from_parts(System, {**fields, "now": part(5), "held": part(["a"])})
    assert (found.now, found.held) == (5.0, ("a",))
    with pytest.raises(NotAnsweredError, match="busy"):
        _ = found.sockets


@pytest.mark.parametrize(
    "said",
    [
        [],
        {},
        {"now": part(5)},
        {name: part(None) for name in System.__slots__ if name != "unanswered"},
        {name: 1 for name in System.__slots__ if name != "unanswered"},
        {name: {"said": 1} for name in System.__slots__ if name != "unanswered"},
    ],
)
def test_what_has_other_parts_is_no_answer(said: object) -> None:
    with pytest.raises(AnswerError):
        from_parts(System, said)
