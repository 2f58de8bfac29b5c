"""The keys that an operator may write, section by section; docs/settings.md describes each."""

from __future__ import annotations

ESTATE = (
    "admin",
    "hosts",
    "streams",
    "tls",
    "dkim",
    "dkim_keys",
    "dmarc",
    "mta_sts",
    "tls_reports",
    "unsubscribe",
    "dns",
    "resolver",
    "firewall",
    "system_sender",
    "record_ttl",
    "apt_proxy",
    "upgrades",
    "time_servers",
    "log_days",
    "port25_probe",
    "private_networks",
    "other_releases",
    "lone",
)
ADMIN = ("email", "networks")
HOST = ("hostname", "ipv4", "ipv6", "shared_address", "inbound", "label", "ways_out")
WAY_OUT = ("ipv4", "ipv6", "helo", "starttls_port", "tls_port", "selector_label")
STREAM = (
    "from_domains",
    "envelope_domain",
    "clients",
    "users",
    "outbound_tls",
    "sign_headers",
    "oversign_headers",
    "limits",
)
USER = ("passwords", "from", "envelope")
LIMITS = (
    "message_size",
    "recipients_per_message",
    "queue_lifetime",
    "queue_minfree",
    "active_messages",
    "delivery_processes",
    "connections_per_client",
)
TLS_SOURCES = ("acme", "supplied", "none")
TLS_ACME = ("source", "directory", "email", "ca_file", "challenge", "caa")
TLS_SUPPLIED = ("source", "chain_file", "key")
TLS_NONE = ("source",)
DNS01 = ("server", "port", "key_name", "algorithm", "key", "propagation")
DKIM = ("rotate_days", "revoked_days")
DKIM_KEY = ("host", "stream", "domain", "selector", "key", "on_host")
DMARC = ("policy", "reports", "stages")
MTA_STS = ("mode", "max_age", "web_host")
UNSUBSCRIBE = ("hostname", "web_host")
DNS = ("resolvers", "zones")
DNS_ZONE = ("server", "port", "key_name", "algorithm", "key")
RESOLVER = ("root_hints_file", "trust_anchor_file")
FIREWALL = ("ssh_port", "open", "adopt")
UPGRADES = ("unattended", "origins")
ALLOW = ("port", "protocol", "networks", "comment")

# Section as docs/settings.md writes it → its keys.
ALL = {
    "estate": ESTATE,
    "admin": ADMIN,
    "hosts.NAME": HOST,
    "hosts.NAME.ways_out.STREAM": WAY_OUT,
    "streams.STREAM": STREAM,
    "streams.STREAM.users.NAME": USER,
    "streams.STREAM.limits": LIMITS,
    'tls, source "acme"': TLS_ACME,
    'tls, source "supplied"': TLS_SUPPLIED,
    'tls, source "none"': TLS_NONE,
    "tls.challenge.dns-01": DNS01,
    "dkim": DKIM,
    "dkim_keys[]": DKIM_KEY,
    "dmarc": DMARC,
    "mta_sts": MTA_STS,
    "unsubscribe": UNSUBSCRIBE,
    "dns": DNS,
    "dns.zones.ZONE": DNS_ZONE,
    "resolver": RESOLVER,
    "firewall": FIREWALL,
    "firewall.open[]": ALLOW,
    "upgrades": UPGRADES,
}
