"""Places on a host that two rooms need to agree on."""

from __future__ import annotations

import pytest

from postroad.host import paths, programs
from postroad.host.paths import RFC2136
from postroad.mail.acme import request_script
from postroad.mail.parts import certificate
from postroad.mail.parts.names import TMPFILES
from postroad.mail.parts.order import rows
from postroad.settings.model import AcmeTls
from tests.unit import estates


@pytest.mark.parametrize(
    ("name", "chain", "key"),
    [
        (
            "an address a stream",
            "/etc/letsencrypt/live/postroad/fullchain.pem",
            "/etc/letsencrypt/live/postroad/privkey.pem",
        ),
        ("supplied certificate", *(row.path for row in certificate.ROWS[2:])),
    ],
)
def test_the_certificate_is_where_its_source_puts_it(name: str, chain: str, key: str) -> None:
    found = paths.paths_for(estates.estate(estates.DECLARED[name]))
    assert (found.certificate_chain, found.certificate_key) == (chain, key)


def test_a_stream_s_folder_is_where_its_rows_are() -> None:
    estate = estates.estate(estates.DECLARED["an address a stream"])
    host = estate.hosts[0]
    found = paths.paths_for(estate, "marketing").stream_folder
    assert found in {row.path.rpartition("/")[0] for row in rows(estate, host)}
    assert (
        paths.key_path("marketing", "a.example", "202611-x")
        == f"{found}/keys/a.example/202611-x.pem"
    )


def test_certbot_reads_its_credentials_where_the_manifest_puts_them() -> None:
    estate = estates.estate(estates.DECLARED["dns-01"])
    assert isinstance(estate.tls, AcmeTls)
    asked = request_script(estate.tls, estate.hosts[0])
    assert f"--dns-rfc2136-credentials {RFC2136} " in asked


def test_the_tools_are_where_the_manifest_puts_them() -> None:
    estate = estates.estate(estates.DECLARED["an address a stream"])
    installed = {row.path for row in rows(estate, estate.hosts[0]) if row.part == "tools"}
    called = (
        *(paths.WORLD_SEES, paths.RESOLVER_PROOF, paths.REFRESH, paths.MILTER),
        *(paths.ALARM, paths.BUDGET, paths.CANARY),
    )
    for command in called:
        folder, name = command.split()[-2:]
        assert installed >= programs.places_of(name), command
        assert f"{folder}/__main__.py" in programs.places_of(name)
    assert {path for path in installed if not path.startswith(f"{paths.TOOLS}/")} == {TMPFILES}
