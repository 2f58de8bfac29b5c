"""From the model and what a host is like to the text of every row of the parts.

Pure but for two callables that the caller passes in: one reads a file that the operator named,
one resolves a secret. Templates are strict: an unknown name is an error, not an empty string.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from postroad.data import VERSION, shipped
from postroad.host import programs
from postroad.host.component import File
from postroad.host.found import HostState
from postroad.host.paths import LOCKS, MAILBOX_USER, key_path, paths_for
from postroad.mail import return_paths
from postroad.mail.certificate import CERTIFICATE
from postroad.mail.formats import FILTERS, FormatError
from postroad.mail.intake import intake, senders, without_limits
from postroad.mail.parts.row import Row
from postroad.mail.pause import Pause, all_found
from postroad.mail.return_paths import RETURN_PATHS
from postroad.mail.signing.found import KEYS, KeyState
from postroad.mail.signing.keys import signing_keys
from postroad.mail.software import SOFTWARE
from postroad.mail.standing import LATCHES, Standing
from postroad.settings.mail_hosts import LOOPBACK, NOWHERE, exceptions
from postroad.settings.model import Estate, Host, SecretRef, Stream, StreamName

T = TypeVar("T")

TEMPLATES = shipped("templates")

# Parameters whose presence the templates ask for. postconf(1) knows them or not; the distribution's
# name or Postfix's version number says less (fixes are back-ported).
POSTFIX_PARAMETERS = (
    "cleanup_replace_stray_cr_lf",
    "respectful_logging",
    "smtp_bind_address_enforce",
    "smtpd_client_ipv6_prefix_length",
    "smtpd_forbid_bare_newline",
    "smtpd_forbid_bare_newline_reject_code",
    "smtpd_forbid_unauth_pipelining",
    "smtpd_hide_client_session",
    "tls_required_enable",
)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A live DKIM key as the signer's tables name it."""

    domain: str
    selector: str
    path: str
    public_key: str


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What rendering wants to know of a host: a frozen extract of its state."""

    postfix_parameters: frozenset[str]
    dovecot_version: str
    certificate: bool
    mailbox_uid: int
    mailbox_gid: int
    keys: tuple[KeyState, ...]
    closed: Mapping[str, str] = field(default_factory=dict)
    pauses: Mapping[StreamName, Pause] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    return_paths: return_paths.Marks = field(default_factory=return_paths.Marks)

    def closed_because(self, stream: str) -> str:
        """Why ``stream`` takes no mail; empty once the world can verify it."""
        return self.closed.get(stream, "")

    def pause_of(self, stream: StreamName) -> Pause:
        """How the operator has paused ``stream``; empty where it runs."""
        return self.pauses.get(stream, "")

    def waiting_of(self, stream: StreamName) -> Mapping[str, str]:
        """Why mail of a From: domain waits, by the domains whose mail does."""
        return self.standings[stream].waiting if stream in self.standings else {}

    def latch_of(self, stream: StreamName) -> tuple[str, ...]:
        """What is remembered of ``stream`` while it is open."""
        return self.standings[stream].latch if stream in self.standings else ()


def facts_from(state: HostState, host: Host, closed: Mapping[str, str]) -> HostFacts:
    """The facts of ``host`` as found in ``state``; ``closed`` says why a stream is not open yet."""
    certificate = state[CERTIFICATE]
    return HostFacts(
        postfix_parameters=state[SOFTWARE].postfix_parameters,
        dovecot_version=state[SOFTWARE].dovecot_version,
        certificate=certificate is not None
        and certificate.seconds_left > 0
        # One that lacks a new name goes on until there is another: clients use the old ones.
        and (bool(state[LATCHES]) or certificate.names.issuperset(host.certificate_names)),
        mailbox_uid=state.users.get(MAILBOX_USER, 0),
        mailbox_gid=state.groups.get(MAILBOX_USER, 0),
        keys=state[KEYS],
        closed=closed,
        pauses=all_found(state, host.streams),
        return_paths=state[RETURN_PATHS],
    )


def _sender_logins(stream: Stream) -> dict[str, list[str]]:
    """Who may use which envelope sender; to Postfix's tables addresses have no case."""
    logins: dict[str, list[str]] = {}
    for user in stream.users:
        for sender in dict.fromkeys(map(str.lower, user.envelope_senders)):
            logins.setdefault(sender, []).append(user.login)
    return logins


def _signing_keys(estate: Estate, host: Host, stream: Stream, facts: HostFacts) -> list[SigningKey]:
    """The keys that sign: none of a domain whose mail waits, and those that sign until another can
    be verified."""
    kept = facts.standings[stream.name].keys if stream.name in facts.standings else {}
    waiting = facts.waiting_of(stream.name)
    declared = {
        key.domain: (key.selector, key.public_key)
        for key in signing_keys(estate, host, facts.keys)
        if key.stream == stream.name and key.domain not in waiting
    }
    signing = declared | {d: (key.selector, key.public_key_base64) for d, key in kept.items()}
    return [
        SigningKey(domain, selector, key_path(stream.name, domain, selector), public_key)
        for domain, (selector, public_key) in signing.items()
    ]


def system_stream(estate: Estate, host: Host) -> Stream:
    """The stream that signs the host's own mail: the one that sends for the system sender."""
    domain = estate.system_sender.rpartition("@")[2]
    carried = [stream for stream, _ in estate.streams_of(host)]
    return next((s for s in carried if domain in s.from_domains), carried[0])


def inbound_domains(estate: Estate, host: Host) -> tuple[str, ...]:
    """The domains whose mail the inbound instance of ``host`` takes."""
    envelopes = (stream.envelope_domain for stream in estate.streams)
    return tuple(dict.fromkeys([host.hostname, *envelopes]))


@cache
def _environment() -> Environment:
    # Compiled templates live in it: compiling them anew for each row took most of a run.
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701  configuration files, not HTML
    )
    environment.filters.update(FILTERS)
    return environment


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders rows for one estate. ``operator_file`` and ``secret`` are the only edges."""

    operator_file: Callable[[str], str]
    secret: Callable[[SecretRef], str]

    def text(self, row: Row, estate: Estate, host: Host, facts: HostFacts) -> str:
        """The whole text of ``row`` on ``host``."""
        if not row.template.endswith(".j2"):
            return programs.text(row.template)
        template = _environment().get_template(row.template)
        try:
            return template.render(**self._context(row.stream, estate, host, facts))
        except FormatError as fault:
            raise FormatError(f"{row.path} cannot hold {fault}") from None

    def file(self, row: Row, estate: Estate, host: Host, facts: HostFacts) -> File:
        """``row`` as it must be on ``host``."""
        content = self.text(row, estate, host, facts).encode()
        return File(row.path, content, row.owner, row.group, row.mode)

    def _context(
        self, name: StreamName | None, estate: Estate, host: Host, facts: HostFacts
    ) -> dict[str, object]:
        system = system_stream(estate, host)
        current = set(return_paths.wanted(estate))
        former = [path for path in sorted(facts.return_paths.returning) if path not in current]
        context: dict[str, object] = {
            "estate": estate,
            "host": host,
            "facts": facts,
            "paths": paths_for(estate, name or ""),
            "mailbox_user": MAILBOX_USER,
            "intake": intake(estate),
            "system_stream": system,
            "inbound_domains": _each(
                *inbound_domains(estate, host), *(path.domain for path in former)
            ),
            "return_paths": _each(*return_paths.wanted(estate), *former),
            "given_up": [p for p in sorted(facts.return_paths.returned) if p not in current],
            "inbound_addresses": inbound_addresses(host),
            "senders": senders(estate),
            "without_limits": without_limits(estate),
            "instances": instances(host),
            "nowhere": NOWHERE,
            "locks": LOCKS,
            "version": VERSION,
            "loopback": LOOPBACK,
            "exceptions": exceptions(estate),
            "operator_file": lambda path: self.operator_file(path).rstrip("\n"),
            "secret": lambda ref: self.secret(ref).rstrip("\n"),
        }
        if name is not None:
            stream = estate.stream(name)
            context |= {
                "stream": stream,
                "listens": host.way_out(name),
                "way": facts.standings[name].way if name in facts.standings else host.way_out(name),
                "waiting": facts.waiting_of(name),
                "keys": _signing_keys(estate, host, stream, facts),
                "sender_logins": _sender_logins(stream),
                "carries_system_mail": name == system.name,
            }
        return context


def _each(*values: T) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


def inbound_addresses(host: Host) -> tuple[str, ...]:
    """Where the inbound instance listens besides loopback: the host's own addresses."""
    return tuple(str(address) for address in host.addresses)


def instances(host: Host) -> tuple[str, ...]:
    """The names of our own Postfix instances on ``host``."""
    return (*host.streams, *(("inbound",) if host.inbound else ()))
