"""Every record that is derived is one that name servers take and resolvers answer."""

from __future__ import annotations

import dns.message
import dns.query
import dns.rdatatype
import pytest
from dns.rrset import RRset
from dns.zonefile import read_rrsets

from lab.hosts.network import RESOLVER
from lab.life.session import Lab
from lab.mail import road
from postroad.settings.model import Estate


@pytest.fixture(scope="module")
def derived(deployed: Lab) -> list[RRset]:
    """What `postroad dns records` writes, and the lab's zones hold: other tests change both."""
    road.publish(deployed)
    return list(read_rrsets(road.zone(), origin=".", rdclass=None, relativize=False))


def test_the_world_is_answered_with_what_was_derived(deployed: Lab, derived: list[RRset]) -> None:
    kinds = {dns.rdatatype.to_text(rrset.rdtype) for rrset in derived}
    assert kinds == {"A", "AAAA", "CAA", "CNAME", "MX", "PTR", "TLSA", "TXT"}
    for wanted in derived:
        question = dns.message.make_query(wanted.name, wanted.rdtype, use_edns=True)
        answer = dns.query.udp(question, deployed.network.ipv4(RESOLVER), timeout=10)
        found = answer.get_rrset(answer.answer, wanted.name, wanted.rdclass, wanted.rdtype)
        assert found is not None, wanted
        assert set(found) == set(wanted)


def test_the_key_of_a_tlsa_record_is_the_one_that_port_25_serves(
    deployed: Lab, estate: Estate, derived: list[RRset]
) -> None:
    for host in estate.inbound_hosts:
        name = host.hostname
        (tlsa,) = next(rrset for rrset in derived if str(rrset.name) == f"_25._tcp.{name}.")
        check = (
            f"echo QUIT | openssl s_client -brief -starttls smtp -connect {name}:25"
            f" -verify_return_error -dane_tlsa_domain {name} -dane_tlsa_rrdata '{tlsa}'"
        )
        seen = deployed.hosts["app"].run(check, check=False)
        assert seen.returncode == 0, seen.stdout + seen.stderr
