"""A running lab, as tests, the demo and inventories see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lab.hosts import here, remains
from lab.hosts.errors import LabError
from lab.hosts.guest import Guest
from lab.hosts.network import Network
from lab.hosts.state import State
from lab.life import control
from lab.world import ca
from lab.world.client import Client
from lab.world.dns import Dns
from lab.world.providers import KINDS, Provider
from lab.world.web import Web


@dataclass(frozen=True)
class Lab:
    """The lab of this clone."""

    state: State

    @property
    def network(self) -> Network:
        """Its addresses."""
        return self.state.network

    @cached_property
    def hosts(self) -> Mapping[str, Guest]:
        """All its hosts by name, bare targets and the internet's own."""
        return self.state.guests()

    @cached_property
    def targets(self) -> Mapping[str, Guest]:
        """The bare hosts by name."""
        return {name: guest for name, guest in self.hosts.items() if self.state.hosts[name].is_bare}

    @cached_property
    def dns(self) -> Dns:
        """Its zones."""
        return control.zones(self.state)

    @cached_property
    def providers(self) -> Mapping[str, Provider]:
        """Its mailbox providers by name."""
        return {kind.name: Provider(kind, self.hosts[kind.name], self.state.data) for kind in KINDS}

    @cached_property
    def web(self) -> Web:
        """The pages of the shop's web host."""
        return Web(self.state.data / "www")

    @cached_property
    def app(self) -> Client:
        """The shop's application."""
        return Client(self.hosts["app"])

    @cached_property
    def outsider(self) -> Client:
        """A stranger's host."""
        return Client(self.hosts["outsider"])

    @property
    def acme_directory(self) -> str:
        """The URL of the certificate authority."""
        return ca.DIRECTORY

    @property
    def acme_ca(self) -> Path:
        """The root that the internet's own certificates are verified with, the ACME API's too."""
        return self.state.run / "acme-ca.pem"

    @property
    def ssh_key(self) -> Path:
        """The private key that every host lets in as root."""
        return self.state.run / "ssh" / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """Every host's key."""
        return self.state.run / "ssh" / "known_hosts"

    @property
    def root_hints(self) -> Path:
        """The hints file of the lab's root."""
        return self.state.run / "root.hints"

    @property
    def root_key(self) -> Path:
        """The trust anchor of the lab's root."""
        return self.state.run / "root.key"

    @property
    def tsig_key(self) -> Path:
        """The secret of the key that every zone takes dynamic updates with, in base64."""
        return self.state.run / "secrets" / "tsig"

    @property
    def apt_proxy(self) -> str:
        """The URL of the package forwarder."""
        return self.network.forwarder


def load() -> Lab:
    """The lab of this clone; raises LabError where none is up."""
    known = here.mine()
    if known is None or not remains.is_alive(known):
        raise LabError("no lab is up for this checkout: script/lab up")
    return Lab(known)
