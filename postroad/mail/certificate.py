"""What an ACME certificate must be like on a host, and how certbot(1) must renew it. Pure."""

from __future__ import annotations

import binascii
import re
import shlex
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from postroad.host.found import clock
from postroad.host.paths import ACME_RENEWAL, CERTIFICATE_FAULT, RFC2136
from postroad.host.reading import Reading, Sections, section
from postroad.settings.model import AcmeTls, Dns01, Host

# What certbot(1) keeps of how it renews a certificate; the rest of its file are paths and hooks.
RENEWAL = (
    "server",
    "authenticator",
    "reuse_key",
    "dns_rfc2136_credentials",
    "dns_rfc2136_propagation_seconds",
)

#: certbot(1) renews a certificate 30 days before it ends: where less is left, something is amiss.
DAYS_LEFT = 14
DAY = 86400

# What may be asked for again: a wildcard was never ours.
_NAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


@dataclass(frozen=True, slots=True)
class CertificateState:
    """The certificate the instances read: its names, and seconds until it ends (host's clock).

    ``renewal`` is what certbot(1) remembers of how it renews it; empty where it does not.
    ``public_key`` is base64 of the SubjectPublicKeyInfo; empty where openssl could not tell.
    ``key_fault`` is why its private key cannot be used with it; empty where it can.
    """

    names: frozenset[str]
    seconds_left: int
    renewal: Mapping[str, str] = field(default_factory=dict)
    public_key: str = ""
    key_fault: str = ""

    @property
    def spki_sha256(self) -> str:
        """sha256 (hexadecimal) of the SubjectPublicKeyInfo; empty where that is not known."""
        try:
            octets = b64decode(self.public_key, validate=True)
        except (binascii.Error, ValueError):
            octets = b""
        return sha256(octets).hexdigest() if octets else ""


def certificate_faults(
    tls: AcmeTls, server: Host, found: CertificateState | None
) -> tuple[str, ...]:
    """Why the certificate that was ``found`` will not do; to renew it in time is the timer's."""
    if found is None:
        return ("certificate",)
    if found.seconds_left <= 0:
        return ("certificate has expired",)
    if found.key_fault:
        return (f"certificate's key {found.key_fault}",)
    lacking = [name for name in server.certificate_names if name not in found.names]
    old = former_names(server, found)
    if lacking:
        kept = f"; keeps {', '.join(old)} while it leads here" if old else ""
        return (f"certificate lacks {', '.join(lacking)}{kept}",)
    if old and found.seconds_left < DAYS_LEFT * DAY:
        return (f"certificate is not renewed, perhaps because {', '.join(old)} led elsewhere",)
    return tuple(renewal_faults(tls, found))


def former_names(server: Host, found: CertificateState | None) -> tuple[str, ...]:
    """Names of the certificate that are ``server``'s no more: until applications are told of the
    new ones, they submit to these."""
    names = found.names.difference(server.certificate_names) if found else ()
    return tuple(sorted(name for name in names if _NAME.fullmatch(name)))


def renewal_faults(tls: AcmeTls, found: CertificateState) -> Iterator[str]:
    """How certbot will renew the certificate otherwise than declared.

    It renews in the way in which it got the certificate, whatever is declared since.
    """
    if not found.renewal:
        yield "certificate is not renewed by certbot"
        return
    for key, value in wanted_renewal(tls).items():
        if (now := found.renewal.get(key, "unset")) != value:
            yield f"certificate is renewed with {key} {now}, not {value}"


def wanted_renewal(tls: AcmeTls) -> Mapping[str, str]:
    """What certbot must remember: some of `RENEWAL`."""
    wanted = {"server": tls.directory, "authenticator": "standalone", "reuse_key": "True"}
    if isinstance(tls.challenge, Dns01):
        wanted |= {
            "authenticator": "dns-rfc2136",
            "dns_rfc2136_credentials": RFC2136,
            "dns_rfc2136_propagation_seconds": str(tls.challenge.propagation),
        }
    return wanted


def shell(chain: str, key: str) -> str:
    """Shell that prints what `CERTIFICATE` reads of a chain and its private key, by their paths."""
    chain, key = shlex.quote(chain), shlex.quote(key)
    remembered = "|".join(RENEWAL)
    return "\n".join(
        [
            # Asked once for all: openssl takes longer to start than all the rest together.
            f"m certificate; if [ -f {chain} ]; then",
            f"openssl x509 -in {chain} -noout -pubkey -ext subjectAltName -enddate; fi",
            f"m certificate-key; if [ -f {chain} ] && [ -n {key} ]; then",
            f"if [ ! -e {key} ]; then echo gone; else",
            f"openssl pkey -in {key} -passin pass: -pubout || echo none; fi; fi",
            f"m renewal; grep -E '^({remembered}) = ' {ACME_RENEWAL}",
        ]
    )


REFUSAL_SHELL = f"m certificate-fault; cat {CERTIFICATE_FAULT}"


# As openssl(1) prints it, whatever the language (ASN1_TIME_print(3)).
_END = "notAfter=%b %d %H:%M:%S %Y GMT"

_PEM_BEGIN, _PEM_END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"


def _certificate(
    lines: Sequence[str], renewal: Sequence[str], key: Sequence[str], clock: float
) -> CertificateState | None:
    ends = next((line for line in lines if line.startswith("notAfter=")), "")
    try:
        end = datetime.strptime(ends, _END).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
    names = {
        part.strip().removeprefix("DNS:")
        for line in lines
        for part in line.split(",")
        if part.strip().startswith("DNS:")
    }
    remembered = (line.partition(" = ") for line in renewal)
    renewal_of = {key.strip(): _unquoted(value.strip()) for key, _, value in remembered}
    public_key = _public_key(lines)
    fault = _key_fault(key, public_key)
    return CertificateState(frozenset(names), int(end - clock), renewal_of, public_key, fault)


def _key_fault(key: Sequence[str], public_key: str) -> str:
    """Why the private key, of which this was told, cannot be used; empty where nothing was."""
    if not key:
        return ""
    if key[-1] == "gone":
        return "is not there"
    found = _public_key(key)
    if not found:
        return "is no private key"
    return "does not fit it" if public_key and found != public_key else ""


def _unquoted(value: str) -> str:
    """A value as certbot reads it: ConfigObj writes one with a comma in quotation marks."""
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if is_quoted else value


def _public_key(lines: Sequence[str]) -> str:
    """The body of the PEM block (RFC 7468 §13) among ``lines``; empty where there is none."""
    if _PEM_BEGIN not in lines or _PEM_END not in lines:
        return ""
    return "".join(lines[lines.index(_PEM_BEGIN) + 1 : lines.index(_PEM_END)])


def _parse(said: Sections) -> CertificateState | None:
    key = said.get("certificate-key", ())
    return _certificate(said["certificate"], said["renewal"], key, clock(said))


CERTIFICATE: Reading[CertificateState | None] = Reading("certificate", _parse, None)
#: What the authority said where there is none; empty where it gave one.
REFUSAL: Reading[str] = Reading("certificate-fault", section("certificate-fault", " ".join), "")
