"""Where the certificate comes from: ACME by http-01 is everyday; these are the other sources."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.life.session import Lab
from lab.mail import road
from postroad.host.paths import ACME_RENEWAL
from tests.keys import pem
from tests.lab.variants import variant

SERVER = "mail2.shop.example"
# Both streams share mail2's address, so marketing has ports of its own.
PORTS = (587, 2587)


@pytest.fixture(scope="module", autouse=True)
def _as_declared(deployed: Lab) -> Iterator[None]:
    """Afterwards mail2 is again what the lab's own inventory says."""
    yield
    done = road.deploy("--limit", "mail2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert road.plan("--limit", "mail2") == []
    # It has a certificate with another key now.
    road.publish(deployed)


def test_supplied_certificate_is_served_and_its_key_stays_secret(
    deployed: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, key = _self_signed(SERVER)
    (tmp_path / "chain.pem").write_text(chain)
    monkeypatch.setenv("SUPPLIED_TLS_KEY", key)
    supplied = variant(
        tmp_path,
        {
            "tls": {
                "source": "supplied",
                "chain_file": str(tmp_path / "chain.pem"),
                "key": {"env": "SUPPLIED_TLS_KEY"},
            }
        },
    )
    done = supplied.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = x509.load_pem_x509_certificate(chain.encode()).serial_number
    assert [_served(deployed, port).serial_number for port in PORTS] == [wanted, wanted]
    host = deployed.hosts["mail2"]
    assert host.run("stat -c %a:%U /etc/postroad/tls/key.pem").stdout.strip() == "600:root"
    secret_line = key.splitlines()[1]
    assert secret_line not in done.stdout + done.stderr
    assert supplied.plan() == []


def test_without_a_certificate_submission_is_closed_and_the_run_says_so(
    deployed: Lab, tmp_path: Path
) -> None:
    without = variant(tmp_path, {"tls": {"source": "none"}, "mta_sts": None})
    done = without.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'Submission is closed on mail2: tls.source is "none".' in done.stdout + done.stderr
    listening = deployed.hosts["mail2"].run("ss -Hltn").stdout
    assert not [port for port in (*PORTS, 465, 2465) if f":{port} " in listening]
    assert ":25 " in listening
    assert without.plan() == []


def test_dns_01_needs_no_port_80(
    deployed: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = (deployed.ssh_key.parent.parent / "secrets" / "tsig").read_text().strip()
    monkeypatch.setenv("LAB_TSIG", secret)
    host = deployed.hosts["mail2"]
    by_dns = variant(
        tmp_path,
        {
            "tls": {
                "source": "acme",
                "directory": deployed.acme_directory,
                "ca_file": str(deployed.acme_ca),
                "challenge": {
                    "dns-01": {
                        "server": deployed.network.ipv4(2),
                        "key_name": "operator",
                        "key": {"env": "LAB_TSIG"},
                        "propagation": 1,
                    }
                },
            }
        },
    )
    done = by_dns.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    served = _served(deployed, PORTS[0])
    names = served.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert SERVER in names.get_values_for_type(x509.DNSName)
    assert " 80/tcp" not in host.run("ufw status").stdout
    assert (
        "authenticator = dns-rfc2136"
        in host.run("cat /etc/letsencrypt/renewal/postroad.conf").stdout
    )
    assert secret not in done.stdout + done.stderr
    assert host.run("stat -c %a /etc/postroad/tls/rfc2136.ini").stdout.strip() == "600"


def test_renewal_goes_the_declared_way_even_where_it_was_forgotten(deployed: Lab) -> None:
    host = deployed.hosts["mail2"]
    as_declared = road.deploy("--limit", "mail2")
    assert as_declared.returncode == 0, as_declared.stdout + as_declared.stderr
    renew = "certbot renew --quiet --no-random-sleep-on-renew --force-renewal"
    host.run(renew)
    before = _served(deployed, PORTS[0]).serial_number
    host.run(["rm", ACME_RENEWAL])
    (planned,) = road.plan("--limit", "mail2")
    assert "certificate is not renewed by certbot" in planned["name"]
    done = road.deploy("--limit", "mail2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert road.plan("--limit", "mail2") == []
    assert _served(deployed, PORTS[0]).serial_number != before
    host.run(renew)


def _served(lab: Lab, port: int) -> x509.Certificate:
    asked: subprocess.CompletedProcess[str] = lab.hosts["app"].run(
        f"openssl s_client -connect {SERVER}:{port} -starttls smtp </dev/null 2>/dev/null"
    )
    begin = asked.stdout.index("-----BEGIN CERTIFICATE-----")
    return x509.load_pem_x509_certificate(asked.stdout[begin:].encode())


def _self_signed(name: str) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), pem(key).decode()
