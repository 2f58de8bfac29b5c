"""The configurations of docs/octodns.md, run by octoDNS itself against stand-ins of the providers.

octoDNS deletes what its sources lack: what is shown here is that the estate's records come into a
zone that others live in, and that nothing of theirs goes.
"""

from __future__ import annotations

import os
import re
import subprocess
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lab.hosts import here
from postroad.dns.octodns import document, file_name
from postroad.dns.record import Record
from postroad.dns.records import derive
from postroad.dns.zones import divide
from tests.lab.providers import cloudflare, hetzner, route53
from tests.lab.providers.web import Door, StandIn, door
from tests.lab.providers.zone import Held, Key, RefusedError, Zone, canonical
from tests.unit.test_dns import estates

PAGE = (here.CLONE / "docs" / "octodns.md").read_text()
NAME = "shop.example"
# What others have in the zone: more than a page of each provider's, some at names of ours.
FOREIGN: dict[Key, Held] = {
    (NAME, "A"): (300, ("203.0.113.10",)),
    (NAME, "MX"): (3600, ("10 mx.office.example.",)),
    (NAME, "TXT"): (3600, ('"v=spf1 include:office.example -all"', '"google-site=x; y"')),
    (NAME, "CAA"): (3600, ('0 issue "ca.example"',)),
    (f"www.{NAME}", "CNAME"): (300, (f"{NAME}.",)),
    (f"bounce.{NAME}", "A"): (300, ("203.0.113.11",)),
    (f"mail1.{NAME}", "PTR"): (300, ("elsewhere.example.",)),
    **{(f"h{number}.{NAME}", "A"): (300, ("203.0.113.12",)) for number in range(150)},
}


@dataclass(frozen=True)
class Provider:
    """A configuration of the page, what answers it, and the secrets that it names."""

    stand_in: Callable[[Zone], StandIn]
    shortest_ttl: int
    secrets: Mapping[str, str]
    # What octoDNS cannot bring there.
    unknown: frozenset[str] = frozenset()


PROVIDERS = {
    "Cloudflare": Provider(
        cloudflare.Cloudflare,
        cloudflare.SHORTEST_TTL,
        {"CLOUDFLARE_TOKEN": cloudflare.TOKEN},
    ),
    "Hetzner": Provider(hetzner.Hetzner, hetzner.SHORTEST_TTL, {"HCLOUD_TOKEN": hetzner.TOKEN}),
    "Route 53": Provider(
        route53.Route53,
        route53.SHORTEST_TTL,
        {"AWS_ACCESS_KEY_ID": route53.KEY_ID, "AWS_SECRET_ACCESS_KEY": route53.SECRET},
        frozenset(["TLSA"]),
    ),
}


def configuration(provider: str) -> str:
    """The YAML that the page has for it."""
    (section,) = re.findall(rf"^## {provider}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    (block,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    return str(block)


def packages() -> set[str]:
    """Everything that the page has installed."""
    return {
        name for line in re.findall(r"pip install ([a-z0-9 -]+)", PAGE) for name in line.split()
    }


@pytest.fixture(scope="module")
def octodns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """octoDNS and its providers, in an environment of their own as on the page."""
    folder = tmp_path_factory.mktemp("octodns")
    venv.create(folder, with_pip=True)
    constraints = here.CLONE / "constraints.txt"
    install = ["pip", "install", "--quiet", "--constraint", str(constraints), *sorted(packages())]
    done = subprocess.run(
        [str(folder / "bin" / install[0]), *install[1:]],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "bin"


@dataclass(frozen=True)
class Desk:
    """Where octoDNS is run: the folder with its configuration and zones, and who answers."""

    programs: Path
    folder: Path
    provider: Provider
    zone: Zone
    door: Door

    def needs(self, records: tuple[Record, ...]) -> None:
        """As `postroad dns octodns --to zones/` has it."""
        (inside,) = divide(records, [NAME]).inside
        (self.folder / "zones").mkdir(exist_ok=True)
        (self.folder / "zones" / file_name(NAME)).write_text(document(*inside))

    def sync(self, *options: str, **secrets: str) -> subprocess.CompletedProcess[str]:
        self.door.asked.clear()
        kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
        return subprocess.run(
            [str(self.programs / "octodns-sync"), "--config-file", "octodns.yaml", *options],
            cwd=self.folder,
            env={**kept, **self.door.environment(), **self.provider.secrets, **secrets},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def planned(self, *options: str) -> list[tuple[str, str, str]]:
        """What it says that it would do, or does: the verb, the name and the type."""
        done = self.sync(*options)
        assert done.returncode == 0, done.stdout + done.stderr
        text = done.stdout + done.stderr
        # An update stands on the lines below its word: what is there, and what comes.
        found = re.findall(r"(Create|Update|Delete)[\s*]+<\w+Record (\w+) \d+, (\S+?)\.,", text)
        return [(verb, owner, kind) for verb, kind, owner in found]

    def changed(self) -> bool:
        """Whether anything but a question came in."""
        return any(request.method != "GET" for request in self.door.asked)


@pytest.fixture(params=PROVIDERS)
def desk(request: pytest.FixtureRequest, octodns: Path, tmp_path: Path) -> Iterator[Desk]:
    provider = PROVIDERS[request.param]
    (tmp_path / "octodns.yaml").write_text(configuration(request.param))
    with at(provider, octodns, tmp_path, FOREIGN) as open_desk:
        yield open_desk


@contextmanager
def at(
    provider: Provider, programs: Path, folder: Path, held: Mapping[Key, Held]
) -> Iterator[Desk]:
    zone = Zone(NAME, provider.shortest_ttl, dict(held))
    with door(provider.stand_in(zone), folder) as opened:
        yield Desk(programs, folder, provider, zone, opened)


def needed() -> tuple[Record, ...]:
    """What an estate with two hosts, every policy, keys and certificates needs in the zone."""
    declared = estates.whole_estate(estates.MAIL1, estates.MAIL2)
    keys = (*estates.keys_of_mail1(), *estates.keys_of_mail2())
    every = derive(declared, keys, estates.CERTIFICATES)
    return dict(divide(every, [NAME]).inside)[NAME]


def rows(records: tuple[Record, ...], unknown: frozenset[str]) -> set[tuple[str, int, str, str]]:
    return {
        (one.owner, one.ttl, one.type, canonical(one.type, one.data))
        for one in records
        if one.type not in unknown
    }


def marks(records: tuple[Record, ...], unknown: frozenset[str]) -> set[tuple[str, str]]:
    """Names and types of what octoDNS marks."""
    return {
        (f"_postroad.{one.type}.{one.owner}".lower(), "TXT")
        for one in records
        if one.type not in unknown
    }


def test_the_records_come_in_and_what_others_have_stays(desk: Desk) -> None:
    records, unknown = needed(), desk.provider.unknown
    ours = {(one.owner, one.type) for one in records if one.type not in unknown}
    desk.needs(records)

    first = desk.planned()
    assert {verb for verb, *_ in first} == {"Create"}
    assert {(owner, kind) for _, owner, kind in first} == ours | marks(records, unknown)
    assert not desk.changed()
    assert desk.zone.rrsets == FOREIGN

    desk.planned("--doit")
    assert desk.changed()
    assert set(desk.zone.rrsets) == set(FOREIGN) | ours | marks(records, unknown)
    assert desk.zone.rows() >= rows(records, unknown)
    assert {key: desk.zone.rrsets[key] for key in FOREIGN} == FOREIGN

    assert desk.planned("--doit") == []
    assert not desk.changed()


def test_a_withdrawn_key_goes_and_nothing_else(desk: Desk) -> None:
    records = needed()
    desk.needs(records)
    desk.planned("--doit")
    before = dict(desk.zone.rrsets)
    gone = next(one.owner for one in records if "._domainkey." in one.owner)
    desk.needs(tuple(one for one in records if one.owner != gone))
    both = {(gone, "TXT"), (f"_postroad.txt.{gone}", "TXT")}
    assert {(owner, kind) for _, owner, kind in desk.planned()} == both
    assert desk.zone.rrsets == before
    desk.planned("--doit")
    assert desk.zone.rrsets == {key: held for key, held in before.items() if key not in both}


def test_without_its_processor_it_would_delete_what_others_have(desk: Desk) -> None:
    """What the processor is for: the alarm of the tests above."""
    place = desk.folder / "octodns.yaml"
    said = yaml.safe_load(place.read_text())
    said["zones"]["*"]["processors"].remove("ours")
    place.write_text(yaml.safe_dump(said))
    desk.needs(needed())
    done = desk.sync("--force")
    assert "Delete <ARecord A 300, shop.example." in done.stdout + done.stderr
    assert not desk.changed()


def test_what_stands_where_ours_is_needed_is_shown_as_an_update(desk: Desk) -> None:
    """octoDNS replaces it whole, as the page says: nobody finds that out afterwards."""
    held = (300, ('"v=DMARC1; p=reject"', '"of somebody else"'))
    there = {**FOREIGN, (f"_dmarc.{NAME}", "TXT"): held}
    with at(desk.provider, desk.programs, desk.folder, there) as again:
        again.needs(needed())
        assert ("Update", f"_dmarc.{NAME}", "TXT") in again.planned()
        assert again.zone.rrsets[f"_dmarc.{NAME}", "TXT"] == held


@pytest.mark.parametrize(
    ("owner", "kind", "ttl", "values"),
    [
        (f"a.{NAME}", "TXT", 300, ("v=spf1 -all",)),
        (f"a.{NAME}", "TXT", 300, (f'"{"x" * 256}"',)),
        (f"a.{NAME}", "TXT", 59, ('"x"',)),
        (f"a.{NAME}", "TXT", 300, ('"x"', '"x"')),
        (f"a.{NAME}", "TXT", 300, ()),
        (f"A.{NAME}", "A", 300, ("192.0.2.1",)),
        ("a.toys.example", "A", 300, ("192.0.2.1",)),
        (f"a.{NAME}", "A", 300, ("2001:db8::1",)),
        (f"a.{NAME}", "CAA", 300, ("issue ca.example",)),
        (f"a.{NAME}", "TLSA", 300, ("3 1 1 xyz",)),
        (f"www.{NAME}", "A", 300, ("192.0.2.1",)),
        (f"bounce.{NAME}", "CNAME", 300, (f"{NAME}.",)),
    ],
)
def test_a_stand_in_refuses_what_a_provider_refuses(
    owner: str, kind: str, ttl: int, values: tuple[str, ...]
) -> None:
    zone = Zone(NAME, 60, dict(FOREIGN))
    with pytest.raises(RefusedError):
        zone.put(owner, kind, ttl, values)
    assert zone.rrsets == FOREIGN


def test_a_wrong_secret_changes_nothing(desk: Desk) -> None:
    desk.needs(needed())
    wrong = {name: f"not-{text}" for name, text in desk.provider.secrets.items()}
    done = desk.sync("--doit", **wrong)
    assert done.returncode != 0
    assert desk.zone.rrsets == FOREIGN


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_secret_is_written_and_all_that_are_named_are_told(provider: str) -> None:
    said = yaml.safe_load(configuration(provider))
    (target,) = (one for name, one in said["providers"].items() if name != "postroad")
    named = {text.removeprefix("env/") for text in map(str, target.values()) if "env/" in text}
    assert named == set(PROVIDERS[provider].secrets)
    assert said["zones"]["*"]["processors"][-1] == "ours"
