"""How large mailbox providers refuse mail: in their own words, from what they publish."""

from collections.abc import Mapping

Replies = Mapping[str, tuple[str, str, str]]
"""Fault → basic code, enhanced code, text with {client} {domain} {spf} {dkim} {dmarc}."""

# "Gmail SMTP errors and codes", support.google.com/a/answer/3726730 (15 February 2026),
# shortened to the sentences that name the fault.
LIKE_GMAIL: Replies = {
    "no_tls": (
        "550",
        "5.7.29",
        "This message was blocked because it wasn't sent over a TLS connection. bigmail requires"
        " all bulk email senders to use TLS/SSL for SMTP connections.",
    ),
    "no_ptr": (
        "550",
        "5.7.25",
        "This message was blocked because the sending IP address [{client}] doesn't have a PTR"
        " record, or the forwarding DNS entry doesn't reference the sending IP address.",
    ),
    "from": (
        "550",
        "5.7.1",
        "This message is missing a valid address in the From: header, or has multiple From:"
        " headers.",
    ),
    "dns": (
        "451",
        "4.7.26",
        "This message couldn't be authenticated because of temporary DNS failures.",
    ),
    "unauthenticated": (
        "550",
        "5.7.26",
        "This email has been blocked because the sender is unauthenticated. bigmail requires all"
        " senders to authenticate with either SPF or DKIM. Authentication results: DKIM = did not"
        " pass SPF [{domain}] with ip: [{client}] = did not pass.",
    ),
    "no_dmarc": (
        "550",
        "5.7.40",
        "Your message was blocked because the sending domain doesn't have a DMARC record or the"
        " DMARC record doesn't specify a DMARC policy.",
    ),
    "dkim": (
        "550",
        "5.7.30",
        "This message was blocked because it didn't pass DKIM authentication."
        " Authentication results: DKIM = did not pass",
    ),
    "spf": (
        "550",
        "5.7.27",
        "This message was blocked because it didn't pass SPF authentication."
        " Authentication results: SPF with {client} = did not pass",
    ),
    "policy": (
        "550",
        "5.7.26",
        "Unauthenticated email from {domain} is not accepted due to domain's DMARC policy.",
    ),
    "unaligned": (
        "421",
        "4.7.32",
        "Your email was blocked because the From: header (RFC5322) in this message isn't aligned"
        " with either the authenticated SPF or DKIM organizational domain.",
    ),
}

# "Outlook's New Requirements for High-Volume Senders" (30 April 2025) and the Outlook.com and
# Exchange Online tables of non-delivery codes: one reply for all of SPF, DKIM and DMARC.
_LEVEL = (
    "550",
    "5.7.515",
    "Access denied, sending domain {domain} does not meet the required authentication level."
    " Spf= {spf} , Dkim= {dkim} , DMARC= {dmarc}",
)
LIKE_OUTLOOK: Replies = {
    "no_tls": ("530", "5.7.0", "Must issue a STARTTLS command first"),
    "no_ptr": (
        "550",
        "5.7.25",
        "Service unavailable, sending address [{client}] must have reverse DNS record",
    ),
    "from": ("550", "5.7.512", "Access denied, message must be RFC 5322 section 3.6.2 compliant"),
    "dns": ("451", "4.4.0", "DNS query failed"),
    "unauthenticated": _LEVEL,
    "no_dmarc": _LEVEL,
    "dkim": _LEVEL,
    "spf": _LEVEL,
    "policy": _LEVEL,
    "unaligned": _LEVEL,
}
