"""Each Postfix instance does what the model says, by the configuration that is in effect."""

from __future__ import annotations

import re
from collections.abc import Iterator

from postroad.audit.asking import NUMBERS, answer, nowhere, signer_socket
from postroad.audit.audited import Audited
from postroad.audit.evidence import Instance, Service, answered
from postroad.audit.fault import Fault, refute
from postroad.audit.mends import reload, restart_instance
from postroad.host.paths import (
    BUDGET_SOCKET,
    DEFAULT,
    INBOUND,
    config_folder,
    milter_socket,
)
from postroad.mail.intake import intake, without_limits
from postroad.settings.model import Estate, Stream, WayOut
from postroad.settings.ports import SINK_PORT, SYSTEM_MAIL_PORT

# Clock ticks and the second in which the kernel counts its boot (proc(5)) are no more exact.
SLACK_SECONDS = 2.0

# The parts of an instance that say how it is configured.
_SETTINGS = ("parameters", "services", "overrides")

# Tables that refuse an address as a recipient's domain: one by its form, one all but one mailbox.
RECIPIENTS = ("/recipient_domains", "/system_recipient")
# Parameters by which daemons write mail of their own, and the values with which they do not.
_SILENT = {
    "notify_classes": ("",),
    "delay_warning_time": ("0h", "0s", "0"),
    "confirm_delay_cleared": ("no",),
}

# What ``postfix check`` says of owners and modes.
OF_ACCESS = re.compile(r"warning: (not owned by|group or other writable|not set-gid)")


def words(audited: Audited) -> Iterator[Fault]:
    """What postconf(1) complains of, and ``postfix check``: they exit 0 all the same."""
    for name, instance in answered(audited.instances, "words"):
        # postconf(1) is called several times, and says the same each time.
        for line in dict.fromkeys(instance.words):
            follows, mend = _answer(line, config_folder(name), audited.mend(name, ""))
            yield Fault(f"the {name} instance complains: {line.strip()}", follows, mend)


def _answer(line: str, folder: str, run: str) -> tuple[str, str]:
    """What follows from a complaint, and its mend: Postfix knows its own folders, the run ours.

    ``run`` is empty where a run finds this instance as declared.
    """
    if not OF_ACCESS.search(line):
        follows = "Postfix ignores what it does not understand, and works without it"
        return follows, run or f"postfix -c {folder} check   (what it says is about the system)"
    is_ours = run and f"{folder}/" in line
    mend = run if is_ours else f"postfix -c {folder} set-permissions"
    return "mail is not taken or not delivered, or somebody else may change it", mend


def missing_folders(audited: Audited) -> Iterator[Fault]:
    """Folders of a queue that are gone. Postfix makes them anew, but not before it starts again."""
    for name, instance in answered(audited.instances, "missing_folders"):
        for folder in instance.missing_folders:
            yield Fault(
                f"the {name} instance has no folder {folder}",
                "mail that goes through it is deferred, or the daemon that needs it does not run",
                f"postfix -c {config_folder(name)} check",
            )


def _declared(estate: Estate, stream: Stream, way: WayOut) -> dict[str, str]:
    limits = stream.limits
    return {
        "relayhost": f"[127.0.0.1]:{SINK_PORT}" if estate.lone else "",
        "message_size_limit": str(limits.message_size),
        "smtpd_recipient_limit": str(limits.recipients_per_message),
        "maximal_queue_lifetime": limits.queue_lifetime,
        "bounce_queue_lifetime": limits.queue_lifetime,
        "queue_minfree": str(limits.queue_minfree),
        "qmgr_message_active_limit": str(limits.active_messages),
        "default_process_limit": str(limits.delivery_processes),
        "smtpd_client_connection_count_limit": str(limits.connections_per_client),
        "smtp_helo_name": way.helo,
        "smtp_bind_address": str(way.ipv4 or ""),
        "smtp_bind_address6": str(way.ipv6 or ""),
        "smtp_tls_security_level": stream.outbound_tls,
    }


def _declared_inbound(estate: Estate) -> dict[str, str]:
    limits = intake(estate)
    return {
        "message_size_limit": str(limits.message_size),
        "queue_minfree": str(limits.free),
        "default_process_limit": str(limits.places),
        "smtpd_client_connection_count_limit": str(limits.places_of_client),
        "smtpd_client_connection_rate_limit": str(limits.rate_of_client),
        "smtpd_client_event_limit_exceptions": without_limits(estate),
        "smtpd_recipient_limit": "1",
    }


def open_intake(audited: Audited) -> Iterator[Fault]:
    """What strangers may bring by port 25 beyond what is declared, at any of its doors."""
    instance = audited.instances.get(INBOUND)
    if instance is None or not instance.is_readable:
        return
    doors = [service for service in instance.services if service.command == "smtpd"]
    declared = _declared_inbound(audited.estate).items()
    found = [(name, wanted, instance.parameters.get(name, "")) for name, wanted in declared]
    found += [
        (f"{name} of service {door.name}", wanted, instance.of(door, name))
        for door in doors
        for name, wanted in declared
    ]
    wrong = {what: (wanted, value) for what, wanted, value in found if value != wanted}
    for what, (wanted, value) in wrong.items():
        if what.partition(" ")[0] in wrong and " " in what:
            continue
        yield _strangers(audited, f"inbound: {what} is {value or 'empty'}, declared is {wanted}")
    for door in doors:
        if BUDGET_SOCKET not in instance.of(door, "smtpd_recipient_restrictions"):
            yield _strangers(
                audited, f"inbound: {door.name} does not ask for the mailboxes' budget"
            )


def _of_streams(audited: Audited, *parts: str) -> Iterator[tuple[str, Instance]]:
    """The streams' instances that answered these parts and all settings; see `answered`."""
    streams: dict[str, Instance] = {
        name: one for name, one in audited.instances.items() if name in audited.host.streams
    }
    return answered(streams, *_SETTINGS, *parts)


def _strangers(audited: Audited, wrong: str) -> Fault:
    return Fault(
        wrong,
        "strangers may fill the disk that the streams need, or take all places of port 25",
        audited.mend(INBOUND, _by_whom(INBOUND)),
    )


def other_values(audited: Audited) -> Iterator[Fault]:
    """Limits, name, addresses and TLS of each stream; of its smtp services after their ``-o``."""
    declared: dict[str, tuple[Stream, WayOut]] = {
        # Until the world can verify another way out, mail leaves as it did.
        stream.name: (stream, audited.standings[stream.name].way)
        for stream, _ in audited.estate.streams_of(audited.host)
    }
    for name, instance in _of_streams(audited):
        stream, way = declared[name]
        if not instance.is_readable:
            continue
        senders = [s for s in instance.services if s.name in ("smtp", "relay")]
        for parameter, wanted in _declared(audited.estate, stream, way).items():
            values = {"": instance.parameters.get(parameter, "")}
            if parameter.startswith("smtp_"):
                values |= {f" of service {s.name}": instance.of(s, parameter) for s in senders}
            for where, value in values.items():
                if value != wanted:
                    yield Fault(
                        f"{stream.name}: {parameter}{where} is {value or 'empty'}, declared is "
                        f"{wanted or 'empty'}",
                        "mail is taken, kept or sent otherwise than the estate says",
                        audited.mend(name, _by_whom(name)),
                    )


def missing_addresses(audited: Audited) -> Iterator[Fault]:
    """A way out whose address is not on the host: old Postfix would send from another one."""
    for stream, way in audited.estate.streams_of(audited.host):
        for address in way.addresses:
            if address not in audited.state.addresses:
                yield Fault(
                    f"{address}, from which {stream.name} mail leaves, is not on the host",
                    "mail waits in the queue, or leaves from an address without its good name",
                    f"ip address add {address} dev INTERFACE, and in its network configuration",
                )


def unread_files(audited: Audited) -> Iterator[Fault]:
    """Configuration that was written after the running daemons had read theirs."""
    for name, instance in answered(audited.instances, "queue_manager", "written"):
        if instance.queue_manager is None:
            yield Fault(
                f"the {name} instance has no queue manager",
                "what it takes stays in its queue",
                f"{audited.mend(name, restart_instance(name))}"
                f"   (why: /var/log/postroad/{name}.log)",
            )
        elif instance.queue_manager + SLACK_SECONDS < instance.written:
            late = instance.written - instance.queue_manager
            yield Fault(
                f"the {name} instance runs by an older configuration than the one on disk: a file "
                f"was written {late:.0f} s after it was last read",
                "what its files say is not what it does",
                reload(name),
            )


def unsigned_paths(audited: Audited) -> Iterator[Fault]:
    """Every way into and out of the queues on which a message would not meet its signer."""
    for stream, instance in _of_streams(audited):
        places = (signer_socket(audited.components, stream), milter_socket(stream))
        wanted = [f"unix:{place}" for place in places]
        for problem in _around_signer(instance, wanted):
            yield _unsigned(audited, stream, problem)
    relay = audited.instances["default"].parameters.get("relayhost", "")
    if relay != f"[127.0.0.1]:{SYSTEM_MAIL_PORT}":
        yield _unsigned(audited, DEFAULT, f"relayhost is {relay or 'empty'}, not the stream's door")
    if "inbound" in audited.instances:
        for service in audited.instances["inbound"].services:
            if service.command in ("smtp", "lmtp", "pipe", "pickup", "qmqpd"):
                yield _unsigned(audited, INBOUND, f"its service {service.name} can move mail on")


def ways_to_nowhere(audited: Audited) -> Iterator[Fault]:
    """Addresses that no mail host of the internet has, and to which a stream would connect."""
    addresses = {answer(address): no.what for address, no in nowhere(audited.estate).items()}
    asked = {**addresses, **dict.fromkeys(NUMBERS, "a number for a name")}
    for stream, instance in _of_streams(audited, "ignored"):
        if not instance.is_readable:
            continue
        followed = [record for record in asked if record not in instance.ignored]
        if followed:
            yield _followed(
                audited,
                stream,
                f"mail goes where a record says {followed[0].partition(' IN ')[2]} "
                f"({asked[followed[0]]}), and {len(followed) - 1} others like it",
            )
        for problem in _other_ways(instance):
            yield _followed(audited, stream, problem)


def _other_ways(instance: Instance) -> Iterator[str]:
    filtered = "smtp_dns_reply_filter"
    for service in instance.services:
        own = instance.of(service, filtered)
        # Our own bounces go to an address that is written down (transport(5)): no DNS is asked.
        sends = service.command == "smtp" and service.name != "inbound"
        if sends and own != instance.parameters.get(filtered, ""):
            yield f"{filtered} of service {service.name} is {own or 'empty'}"
        before = instance.of(service, "smtpd_recipient_restrictions").partition("permit")[0]
        if service.command == "smtpd" and not any(table in before for table in RECIPIENTS):
            yield f"smtpd at {service.name} takes an address for a recipient's domain"


def _followed(audited: Audited, stream: str, wrong: str) -> Fault:
    return Fault(
        f"{stream}: {wrong}",
        "whoever owns a domain makes this host talk to itself, its neighbours, or a cloud's "
        "metadata service",
        audited.mend(stream, _by_whom(stream)),
    )


def daemons_that_write(audited: Audited) -> Iterator[Fault]:
    """Services that would tell somebody by mail of their own: a transcript, without a signature."""
    for name, instance in answered(audited.instances, *_SETTINGS):
        if not instance.is_readable:
            continue
        for parameter, silent in _SILENT.items():
            values = {f" of service {s.name}": instance.of(s, parameter) for s in instance.services}
            for where, value in {"": instance.parameters.get(parameter, ""), **values}.items():
                if value not in silent:
                    yield _written(audited, name, f"{parameter}{where} is {value}")
                    break
    for stream, instance in _of_streams(audited):
        wanted = f"texthash:{config_folder(stream)}/originated"
        for parameter, value in (
            ("sender_dependent_default_transport_maps", wanted),
            ("double_bounce_sender", "double-bounce"),
        ):
            found = instance.parameters.get(parameter, "")
            if instance.is_readable and found != value:
                yield _written(audited, stream, f"{parameter} is {found or 'empty'}, not {value}")


def _written(audited: Audited, instance: str, wrong: str) -> Fault:
    return Fault(
        f"{instance}: {wrong}",
        "mail that a daemon writes can leave: without a signature, and with the transcript of a "
        "session, an application's password in it",
        audited.mend(instance, _by_whom(instance)),
    )


def _unsigned(audited: Audited, instance: str, wrong: str) -> Fault:
    return Fault(
        f"{instance}: {wrong}",
        "mail can leave unsigned, and receivers refuse or distrust it",
        audited.mend(instance, _by_whom(instance)),
    )


def _by_whom(instance: str) -> str:
    """How to find what sets a value, where the files are those that a run writes."""
    return f"postconf -c {config_folder(instance)} -n   (the files are as declared: who sets it?)"


def _around_signer(instance: Instance, wanted: list[str]) -> Iterator[str]:
    for service in instance.services:
        if service.command == "smtpd":
            yield from _door_faults(instance, service, "smtpd_milters", wanted)
        elif service.command in ("pickup", "qmqpd"):
            yield from _door_faults(instance, service, "non_smtpd_milters", wanted)
        elif service.command == "cleanup" and instance.of(service, "milter_default_action") in (
            "accept",
            "",
        ):
            yield "cleanup passes mail on when the signer is dead (milter_default_action)"


def _door_faults(
    instance: Instance, service: Service, parameter: str, wanted: list[str]
) -> Iterator[str]:
    milters = instance.of(service, parameter)
    # In this order: the last one sees what the signer has made of it.
    if re.findall(r"(?:unix|inet|local):[^\s,{}]*", milters) != wanted:
        yield f"{service.command} at {service.name} hands mail to {milters or 'no signer'}"
    actions = re.findall(r"default_action\s*=\s*(\w+)", milters)
    actions.append(instance.of(service, "milter_default_action"))
    if "accept" in actions:
        yield f"{service.command} at {service.name} passes mail on when the signer is dead"
    if instance.of(service, "smtpd_milter_maps"):
        yield f"{service.command} at {service.name} has exceptions (smtpd_milter_maps)"
    if "no_milters" in instance.of(service, "receive_override_options"):
        yield f"{service.command} at {service.name} goes past the signer (no_milters)"


def test_configuration_is_without_complaint(audited: Audited) -> None:
    """Any word counts, also of owners and modes in its queue and its own folders."""
    refute(words(audited))


def test_queues_have_their_folders(audited: Audited) -> None:
    """Those that Postfix's own table lists (postfix-files)."""
    refute(missing_folders(audited))


def test_values_are_those_declared(audited: Audited) -> None:
    """What postconf(1) says is in effect."""
    refute(other_values(audited))


def test_addresses_are_on_the_host(audited: Audited) -> None:
    """Those that mail leaves from."""
    refute(missing_addresses(audited))


def test_daemons_have_read_their_files(audited: Audited) -> None:
    """Each instance's queue manager, which every reload starts anew, is younger than its files."""
    refute(unread_files(audited))


def test_nothing_can_leave_unsigned(audited: Audited) -> None:
    """By every service of every instance, its overrides included."""
    refute(unsigned_paths(audited))


def test_no_mail_goes_where_no_mail_host_is(audited: Audited) -> None:
    """By what Postfix's own tables answer (postmap(1)), for every service that sends."""
    refute(ways_to_nowhere(audited))


def test_daemons_write_no_mail(audited: Audited) -> None:
    """But reports to our own bounce addresses."""
    refute(daemons_that_write(audited))


def test_strangers_bring_no_more_than_declared(audited: Audited) -> None:
    """By what is in effect at each listener of inbound."""
    refute(open_intake(audited))
