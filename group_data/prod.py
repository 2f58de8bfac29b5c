"""What one operator declares: an example to copy. docs/settings.md describes every setting.

The addresses are documentation ranges (RFC 5737, RFC 3849), so this estate is nobody's.
"""

from postroad.settings.hidden import Hidden

__all__ = ["estate"]

estate = {
    # Who runs it. The mailbox alone receives root's and cron's mail; SSH is open to the networks.
    "admin": {
        "email": "ops@shop.example",
        "networks": ["198.51.100.0/28", "2001:db8:1::/64"],
    },
    # The servers, by the names that inventories/prod.py calls them.
    "hosts": {
        "mail1": {
            "hostname": "mail1.shop.example",
            "ipv4": "192.0.2.11",
            "ipv6": "2001:db8::11",
            # One way out for each stream that the host carries: its own address, and the name
            # that the address's PTR record says and that leads back to it.
            "ways_out": {
                "transactional": {
                    "ipv4": "192.0.2.12",
                    "ipv6": "2001:db8::12",
                    "helo": "out1.shop.example",
                },
                "marketing": {
                    "ipv4": "192.0.2.13",
                    "ipv6": "2001:db8::13",
                    "helo": "news1.shop.example",
                },
            },
        },
        # The smallest host: one address for everything, and the streams told apart by port
        # (587 and 465 transactional, 2587 and 2465 marketing).
        "mail2": {
            "hostname": "mail2.shop.example",
            "ipv4": "192.0.2.21",
            "shared_address": True,
            # One host that takes bounces and complaints is enough.
            "inbound": False,
            "ways_out": {"transactional": {}, "marketing": {}},
        },
    },
    # The kinds of mail, each with its own reputation.
    "streams": {
        "transactional": {
            # What From: may hold; the signature's d= is the same domain.
            "from_domains": ["shop.example"],
            # MAIL FROM, where bounces come back to. It aligns with every From: domain.
            "envelope_domain": "bounce.shop.example",
            # Where the shop's applications submit from.
            "clients": ["198.51.100.32/27"],
            "users": {
                # Who may submit. `postroad secret hash` makes the hash; while a password is
                # being changed, both the old and the new one stand here. Hidden, because
                # `pyinfra --debug` prints whatever stands in this file.
                "shop": {
                    "passwords": [
                        Hidden(
                            "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$RU5HTElTSC1FWEFNUExF"
                            "$T25seUFuRXhhbXBsZUhhc2hUaGF0Tm9QYXNzd29yZEZpdHM"
                        )
                    ],
                },
            },
            # "dane" where the resolver validates and TLSA records are honoured, "may" otherwise.
            "outbound_tls": "dane",
        },
        "marketing": {
            "from_domains": ["news.shop.example"],
            "envelope_domain": "bounce.news.shop.example",
            "clients": ["198.51.100.32/27"],
            "users": {
                "campaigns": {
                    "passwords": [
                        Hidden(
                            "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$RU5HTElTSC1FWEFNUExF"
                            "$QW5vdGhlckV4YW1wbGVIYXNoVGhhdE5vUGFzc3dvcmRGaXQ"
                        )
                    ],
                    # This login may use this one From: address only.
                    "from": ["hello@news.shop.example"],
                },
            },
            "outbound_tls": "dane",
            "limits": {"queue_lifetime": "12h"},
        },
    },
    # Certificates from Let's Encrypt, proved over port 80.
    "tls": {"source": "acme"},
    # Start with "none", read the reports, then move on to "quarantine" and "reject".
    "dmarc": {"policy": "none", "reports": "dmarc@shop.example"},
    # One hour; lower it on the day before a move.
    "record_ttl": 3600,
}
