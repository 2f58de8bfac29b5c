"""What a key means where the operator leaves it out."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network

from postroad.settings.model import (
    Address,
    Adopt,
    DmarcPolicy,
    Limits,
    Network,
    OutboundTls,
    StreamName,
)

MIB = 1024 * 1024

ANYWHERE: tuple[Network, ...] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))

SSH_PORT = 22
ADOPT: Adopt = "refuse"
RECORD_TTL = 3600
LOG_DAYS = 30
UNATTENDED = True
PORT25_PROBE = "gmail-smtp-in.l.google.com"
OUTBOUND_TLS: OutboundTls = "may"
DMARC_POLICY: DmarcPolicy = "none"

# letsencrypt.org/docs/acme-protocol-updates: the production directory.
ACME_DIRECTORY = "https://acme-v02.api.letsencrypt.org/directory"
TSIG_ALGORITHM = "hmac-sha256"
DNS_PORT = 53
# certbot-dns-rfc2136(1): --dns-rfc2136-propagation-seconds.
PROPAGATION_SECONDS = 60
# CA/Browser Forum Baseline Requirements 4.2.1: an authority says by which names CAA calls it.
# letsencrypt.org/docs/caa: this is Let's Encrypt's, for its staging directory as well.
CAA_OF_DIRECTORY = {"letsencrypt.org": "letsencrypt.org"}

# Public resolvers of three operators: what they agree on is what the world sees.
RESOLVERS: tuple[Address, ...] = (
    IPv4Address("1.1.1.1"),
    IPv4Address("8.8.8.8"),
    IPv4Address("9.9.9.9"),
)
# M3AAWG "DKIM Key Rotation Best Common Practices": at least every six months.
ROTATE_DAYS = 180
# How long an empty record says that the key is void, before the name is free again.
REVOKED_DAYS = 30
# RFC 8461 §3.2 wants weeks, not days.
MTA_STS_MAX_AGE = 1_209_600

# STARTTLS (RFC 6409) and implicit TLS (RFC 8314 §3.3).
SUBMISSION_PORTS = (587, 465)
# On one address only one instance can own a port, so a second stream takes other ones.
SECOND_SUBMISSION_PORTS = (2587, 2465)

# RFC 6376 §5.4.1, then what a campaign mail needs besides: RFC 8058 §3.1 requires both
# List-Unsubscribe fields to be covered; a MIME structure left unsigned can be replaced.
SIGN_HEADERS: tuple[str, ...] = (
    "From",
    "Reply-To",
    "Subject",
    "Date",
    "To",
    "Cc",
    "Resent-Date",
    "Resent-From",
    "Resent-To",
    "Resent-Cc",
    "In-Reply-To",
    "References",
    "List-Id",
    "List-Help",
    "List-Unsubscribe",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Unsubscribe-Post",
    "Feedback-ID",
)

# Signed once more than they occur, so that nobody can add a second one (RFC 6376 §5.4.2).
OVERSIGN_HEADERS: tuple[str, ...] = (
    "From",
    "To",
    "Subject",
    "Date",
    "MIME-Version",
    "Content-Type",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
)

LIMITS: dict[StreamName, Limits] = {
    "transactional": Limits(
        message_size=10 * MIB,
        recipients_per_message=50,
        queue_lifetime="2d",
        queue_minfree=64 * MIB,
        active_messages=20000,
        delivery_processes=100,
        connections_per_client=50,
    ),
    "marketing": Limits(
        message_size=2 * MIB,
        recipients_per_message=1,
        queue_lifetime="1d",
        queue_minfree=1024 * MIB,
        active_messages=20000,
        delivery_processes=200,
        connections_per_client=50,
    ),
}
