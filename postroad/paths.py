"""Where things are on a host: one source for every path and local port that two places need."""

from __future__ import annotations

from dataclasses import dataclass

from postroad.settings.model import AcmeTls, Estate, NoTls, SuppliedTls

CONFIG = "/etc/postroad"
TOOLS = "/usr/local/lib/postroad"
LOGS = "/var/log/postroad"
STATE = "/var/lib/postroad"
STAMPS = f"{STATE}/applied"
OPENED = f"{STATE}/opened"
# Names of the components that have once been made true: what is there since then is ours.
ADOPTED = f"{STATE}/adopted"
# Files of others that were replaced, below their own paths, with owners and modes as they were.
BEFORE = f"{STATE}/before"
MAILBOXES = "/var/mail/postroad"
STAGE = "/run/postroad/stage"
RUN_LOCK = "/run/postroad/run.lock"
INSTALL_LOCK = "/run/postroad/install.lock"
# Masks a program of the postfix package until the next boot (systemd.generator(7)).
GENERATOR_MASK = "/run/systemd/system-generators/postfix-instance-generator"

WORLD_SEES = f"{TOOLS}/world-sees"
RESOLVER_PROOF = f"{TOOLS}/resolver-proof"
REFRESH = f"{TOOLS}/refresh"
ALARM = f"{TOOLS}/alarm"
BUDGET = f"{TOOLS}/budget"
BUDGET_SOCKET = "/run/postroad-budget/policy.sock"
CANARY_FOLDER = f"{TOOLS}/canary"
# A command: -I imports nothing that the environment names, -B leaves no __pycache__ in the folder.
CANARY = f"/usr/bin/python3 -IB {CANARY_FOLDER}"

# What the authority last said instead of a certificate; gone once there is one.
CERTIFICATE_FAULT = f"{STATE}/certificate-fault"

ACME_LINEAGE = "postroad"
ACME_LIVE = f"/etc/letsencrypt/live/{ACME_LINEAGE}"
ACME_ARCHIVE = f"/etc/letsencrypt/archive/{ACME_LINEAGE}"
ACME_RENEWAL = f"/etc/letsencrypt/renewal/{ACME_LINEAGE}.conf"

MAILBOX_USER = "postroad-mail"

# Postfix instances that are no stream's: the packages' own, which is the null client, and port 25.
DEFAULT = "default"
INBOUND = "inbound"

# The loopback listener that takes root's and cron's mail; above 1023 and registered to nobody.
SYSTEM_MAIL_PORT = 10587
# Where a lone box's sink listens on loopback, and what it keeps.
SINK_PORT = 10025
SINK = f"{MAILBOXES}/sink"


@dataclass(frozen=True, slots=True)
class Paths:
    """What a template needs to know of places, for one host and (where it has one) one stream."""

    certificate_chain: str
    certificate_key: str
    stream_folder: str
    mailboxes: str = MAILBOXES
    refresh: str = REFRESH
    alarm: str = ALARM
    budget: str = BUDGET
    budget_socket: str = BUDGET_SOCKET
    system_mail_port: int = SYSTEM_MAIL_PORT
    sink: str = SINK
    sink_port: int = SINK_PORT


def paths_for(estate: Estate, stream: str = "") -> Paths:
    """The paths of ``estate``'s certificate and of ``stream``'s configuration folder."""
    match estate.tls:
        case SuppliedTls():
            chain, key = f"{CONFIG}/tls/chain.pem", f"{CONFIG}/tls/key.pem"
        case AcmeTls():
            chain, key = f"{ACME_LIVE}/fullchain.pem", f"{ACME_LIVE}/privkey.pem"
        case NoTls():
            # No file at all: what an earlier choice left on the host must not be picked up again.
            chain, key = "", ""
    return Paths(chain, key, stream_folder(stream))


def config_folder(instance: str) -> str:
    """Where the Postfix instance has its configuration."""
    return f"/etc/postfix{_of(instance)}"


def queue_folder(instance: str) -> str:
    """Where the Postfix instance has its mail."""
    return f"/var/spool/postfix{_of(instance)}"


def data_folder(instance: str) -> str:
    """Where the Postfix instance keeps what it may lose."""
    return f"/var/lib/postfix{_of(instance)}"


def _of(instance: str) -> str:
    return "" if instance == DEFAULT else f"-{instance}"


def stream_folder(stream: str) -> str:
    return f"{CONFIG}/{stream}"


def key_folder(stream: str, domain: str) -> str:
    return f"{CONFIG}/{stream}/keys/{domain}"


def key_path(stream: str, domain: str, selector: str) -> str:
    return f"{key_folder(stream, domain)}/{selector}.pem"


def life_path(stream: str, domain: str, selector: str) -> str:
    """What has become of a key so far (`postroad.state.KeyLife`), a line each: name, seconds."""
    return f"{key_folder(stream, domain)}/{selector}.life"


def pause_path(stream: str) -> str:
    """Present while the operator has paused the stream; says how (`postroad.pause`)."""
    return f"{stream_folder(stream)}/pause"


def opened_path(stream: str) -> str:
    """The latch: present while the stream is open, with the digest of what the world verified."""
    return f"{OPENED}/{stream}"
