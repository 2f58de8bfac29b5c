"""A host on its way out of the estate: what of ours is there, and what is told at the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pyinfra.context import ctx_host

from postroad.dns.dkim import LiveKey
from postroad.dns.tlsa import LiveCertificate
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.firewall.rule import Rule
from postroad.mail.leaving import host as leaving_host
from postroad.mail.leaving import words
from postroad.mail.pause import all_found
from postroad.roles.run import names
from postroad.roles.run.facts.ours import Ours
from postroad.roles.run.left_out import OF_A_HOST, lose
from postroad.roles.run.site import Site


@dataclass
class Departure:
    """A host on its way out of the estate, during one run.

    ``found`` is what of ours was there at first; its keys and its certificate are read then, too:
    afterwards nobody knows which records were theirs.
    """

    site: Site
    found: leaving_host.Ours
    keys: tuple[LiveKey, ...] = ()
    certificate: LiveCertificate | None = None
    _now: leaving_host.Ours | None = field(default=None, repr=False)

    @classmethod
    def of(cls, site: Site) -> Departure:
        """The host as it is before the run's first change."""
        found = site.ask(Ours())
        keys = names.published_keys(site)
        return cls(site, found, keys, names.live_certificate(site), found)

    def ours(self) -> leaving_host.Ours:
        """What of ours is there: read once, and anew after each change."""
        if self._now is None:
            self._now = self.site.ask(Ours())
        return self._now

    def forget(self) -> None:
        """The host was changed: what is known of it is out of date."""
        self._now = None
        self.site.forget()

    def rules(self) -> tuple[Rule, ...]:
        """The rules of the firewall that are to go."""
        site = self.site
        return leaving_host.rules(site.estate, site.host, self.ours(), site.state()[FIREWALL])

    def waiting(self) -> tuple[str, ...]:
        """What is still to be delivered, a sentence each."""
        state = self.site.state()
        return leaving_host.waiting(self.ours(), all_found(state, self.site.host.streams))

    @property
    def is_held(self) -> bool:
        """Whether nothing may be taken back (yet), because an instance has mail or still runs."""
        ours = self.ours()
        return bool(ours.draining) or (ours.runs and self.site.pyhost.state.is_executing)


def last_words(together: Iterable[Departure]) -> str:
    """What is still to be done, on the hosts and in the DNS."""
    gone: list[Departure] = []
    said: list[str] = []
    for one in together:
        try:
            with ctx_host.use(one.site.pyhost):
                waiting = one.waiting()
                said.append(_waits(one, waiting) if waiting else _stays(one))
        # Another host speaks for it.
        except OF_A_HOST as error:
            lose(one.site.pyhost, error)
            continue
        if not waiting:
            gone.append(one)
    if gone:
        said.append(_names(gone))
    return "\n".join(said)


def _waits(one: Departure, waiting: Iterable[str]) -> str:
    return "\n".join(
        [
            f"{one.site.host.name} has not left yet: it takes no mail, and delivers what it has.",
            *(f"  {sentence}" for sentence in waiting),
            "  Run again when `postroad queue` says that nothing waits.",
        ]
    )


def _stays(one: Departure) -> str:
    return words.on_host(
        one.site.estate,
        one.site.host.name,
        files=leaving_host.staying(one.found),
        kept=leaving_host.not_put_back(one.found),
        keeps_resolver=one.ours().keeps_resolver,
    )


def _names(gone: list[Departure]) -> str:
    estate = gone[0].site.estate
    leaving = [one.site.host.name for one in gone]
    keys = [key for one in gone for key in one.keys]
    certificates = [one.certificate for one in gone if one.certificate]
    found = words.names(estate, leaving, keys, certificates)
    return words.names_text(found, estate, leaving)
