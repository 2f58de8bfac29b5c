"""Certificates of the lab's internet: one authority, and what it signs."""

import datetime
import hashlib
import ipaddress
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_BEFORE = datetime.timedelta(days=1)
_VALID = datetime.timedelta(days=397)


def make_authority() -> str:
    """A new certificate authority: its key and certificate in one PEM text."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "postroad lab authority")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_signs_certificates(), critical=True)
        .add_extension(identifier, critical=False)
    )
    return _pem(key) + _text(builder.sign(key, hashes.SHA256()))


def issue(authority: str, host: str) -> str:
    """A key and certificate for *host*, signed by *authority*, in one PEM text."""
    issuer_key = serialization.load_pem_private_key(authority.encode(), password=None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(authority.encode())
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    # Verifiers that are strict about RFC 5280 want it, as Python's are from 3.13 on.
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = (
        _builder(subject, issuer.subject, key.public_key())
        .add_extension(signer, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return _pem(key) + _text(builder.sign(issuer_key, hashes.SHA256()))


def self_signed(names: Sequence[str], address: str) -> str:
    """A key and certificate for *names* and one *address*, signed by itself, in one PEM text.

    The first name is the subject.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    alternatives = [*map(x509.DNSName, names), x509.IPAddress(ipaddress.ip_address(address))]
    builder = (
        _builder(subject, subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return _pem(key) + _text(builder.sign(key, hashes.SHA256()))


def holds(pem: str, names: Sequence[str], address: str, left: datetime.timedelta) -> bool:
    """Whether the certificate in *pem* is for these and has that much time left."""
    found = x509.load_pem_x509_certificate(pem.encode())
    told = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    known = {str(one.value) for one in told}
    rest = found.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return known.issuperset([*names, address]) and rest > left


def ended(authority: str, pem: str) -> str:
    """The first certificate of *pem*, names and key, as one that ended a day ago."""
    signer = serialization.load_pem_private_key(authority.encode(), password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    like = x509.load_pem_x509_certificate(pem.encode())
    names = like.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(like.subject)
        .issuer_name(x509.load_pem_x509_certificate(authority.encode()).subject)
        .public_key(like.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 90 * _BEFORE)
        .not_valid_after(now - _BEFORE)
        .add_extension(names.value, names.critical)
    )
    return _text(builder.sign(signer, hashes.SHA256()))


def certificate(pem: str) -> str:
    """Only the certificate of a PEM text that also has the key."""
    return _text(x509.load_pem_x509_certificate(pem.encode()))


def tlsa(pem: str) -> str:
    """The rdata of a TLSA record 3 1 1 for the certificate in *pem* (RFC 6698, RFC 7672 §3.1)."""
    public = x509.load_pem_x509_certificate(pem.encode()).public_key()
    info = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return f"3 1 1 {hashlib.sha256(info).hexdigest()}"


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + _VALID)
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
