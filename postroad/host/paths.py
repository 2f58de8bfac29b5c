"""Where things are on a host: one source for every path and local port that two places need."""

from __future__ import annotations

from dataclasses import dataclass

from postroad.onhost.common import places
from postroad.settings.model import AcmeTls, Estate, NoTls, SuppliedTls
from postroad.settings.ports import SINK_PORT, SYSTEM_MAIL_PORT

CONFIG = "/etc/postroad"
TOOLS = "/usr/local/lib/postroad"
#: The version of postroad whose run was the last to change the host.
VERSION_FILE = f"{TOOLS}/version"
LOGS = places.LOGS
STATE = "/var/lib/postroad"
STAMPS = f"{STATE}/applied"
OPENED = f"{STATE}/opened"
# Written when somebody has mended what the logs tell: what they told before counts no more.
LOGS_READ = f"{STATE}/logs-read"
# Names of the components that have once been made true: what is there since then is ours.
ADOPTED = f"{STATE}/adopted"
# Files of others that were replaced, below their own paths, with owners and modes as they were.
BEFORE = f"{STATE}/before"
MAILBOXES = "/var/mail/postroad"
# What only root may enter: whoever can open a lock file can hold it (flock(2) asks for no right to
# write), and whoever can make a name can be there first.
RUN_FOLDER = places.RUN_FOLDER
RUN_LOCK = places.RUN_LOCK
#: Shell that makes it, or closes one that is open.
MAKE_RUN_FOLDER = f"install -d -m 00700 {RUN_FOLDER}"
STAGE = f"{RUN_FOLDER}/stage"
INSTALL_LOCK = f"{RUN_FOLDER}/install.lock"
# Masks a program of the postfix package until the next boot (systemd.generator(7)).
GENERATOR_MASK = "/run/systemd/system-generators/postfix-instance-generator"

# How a program of `postroad.onhost` is run there: by the host's own Python, -I imports nothing that
# the environment names, -B leaves no __pycache__ in the folder.
PROGRAM = f"/usr/bin/python3 -IB {TOOLS}"
WORLD_SEES = f"{PROGRAM} world-sees"
RESOLVER_PROOF = f"{PROGRAM} resolver-proof"
REFRESH = f"{PROGRAM} refresh"
MILTER = f"{PROGRAM} milter"
ALARM = f"{PROGRAM} alarm"
BUDGET = f"{PROGRAM} budget"
CANARY = f"{PROGRAM} canary"
BUDGET_SOCKET = "/run/postroad-budget/policy.sock"

# What the authority last said instead of a certificate; gone once there is one.
CERTIFICATE_FAULT = f"{STATE}/certificate-fault"

#: What certbot calls after each renewal.
RENEWED = "/etc/letsencrypt/renewal-hooks/deploy/postroad"
#: The TSIG key with which it proves names in the DNS, secret.
RFC2136 = f"{CONFIG}/tls/rfc2136.ini"
ACME_LINEAGE = "postroad"
ACME_LIVE = f"/etc/letsencrypt/live/{ACME_LINEAGE}"
ACME_ARCHIVE = f"/etc/letsencrypt/archive/{ACME_LINEAGE}"
ACME_RENEWAL = f"/etc/letsencrypt/renewal/{ACME_LINEAGE}.conf"

MAILBOX_USER = "postroad-mail"

# Postfix instances that are no stream's: the packages' own, which is the null client, and port 25.
DEFAULT = "default"
INBOUND = "inbound"

# Locks of root's programs that these make readable to all, ufw(8), adduser(8) and apt's daily work.
LOCKS = ("/run/ufw.lock", "/run/adduser", "/var/lib/apt/daily_lock")

# Of an estate that an earlier postroad has deployed, and that leaves as it is.
EARLIER_SYSTEM_MAIL_PORT = 10587
# The address by which the null client hands in what root did not write: its budget is its own.
OTHERS_MAIL_ADDRESS = "127.0.0.2"
#: Where it is sent to within the default instance (RFC 6761 §6.4: nobody's).
OTHERS_MAIL_RECIPIENT = "others@postroad.invalid"
SINK = f"{MAILBOXES}/sink"


@dataclass(frozen=True, slots=True)
class Paths:
    """What a template needs to know of places, for one host and (where it has one) one stream."""

    certificate_chain: str
    certificate_key: str
    stream_folder: str
    milter_socket: str
    mailboxes: str = MAILBOXES
    tools: str = TOOLS
    refresh: str = REFRESH
    milter: str = MILTER
    alarm: str = ALARM
    budget: str = BUDGET
    budget_socket: str = BUDGET_SOCKET
    system_mail_port: int = SYSTEM_MAIL_PORT
    others_mail_address: str = OTHERS_MAIL_ADDRESS
    others_mail_recipient: str = OTHERS_MAIL_RECIPIENT
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
    return Paths(chain, key, stream_folder(stream), milter_socket(stream))


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
    """What has become of a key so far (`KeyLife`), a line each: name, seconds."""
    return f"{key_folder(stream, domain)}/{selector}.life"


def pause_path(stream: str) -> str:
    """Present while the operator has paused the stream; says how (`postroad.mail.pause`)."""
    return f"{stream_folder(stream)}/pause"


def milter_socket(stream: str) -> str:
    """Where postroad's own milter, behind the stream's signer, takes messages."""
    return f"/run/postroad-milter-{stream}/milter.sock"


def signer_socket(stream: str) -> str:
    """Where the stream's signer takes messages (templates/opendkim/opendkim.conf.j2)."""
    return f"/run/postroad-dkim-{stream}/signer.sock"


def auth_socket(stream: str) -> str:
    """Where the stream's logins are checked (templates/dovecot/dovecot.conf.j2)."""
    return f"/run/postroad-auth-{stream}/postfix"


def opened_path(stream: str) -> str:
    """The latch: present while the stream is open, with what the world has verified of it."""
    return f"{OPENED}/{stream}"
