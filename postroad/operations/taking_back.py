"""A host leaves the estate: its mail is delivered, then everything of ours is taken back."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field

from pyinfra import host
from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.context import ctx_host

from postroad.dns.dkim import LiveKey
from postroad.dns.tlsa import LiveCertificate
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.firewall.ufw import Rule
from postroad.mail.leaving import host as taken_back
from postroad.mail.leaving import words as left_behind
from postroad.mail.pause import all_found
from postroad.mail.questions import shape
from postroad.operations import ufw
from postroad.operations.own import operation
from postroad.roles.run import names
from postroad.roles.run.facts.ours import Ours
from postroad.roles.run.left_out import OF_A_HOST, lose
from postroad.roles.run.pyinfra_words import at_the_end
from postroad.roles.run.site import Site
from postroad.settings.terminal import warn

Commands = Generator[str | PyinfraCommand]


@dataclass
class Departure:
    """A host on its way out of the estate, during one run.

    ``found`` is what of ours was there at first; its keys and its certificate are read then, too:
    afterwards nobody knows which records were theirs.
    """

    site: Site
    found: taken_back.Ours
    keys: tuple[LiveKey, ...] = ()
    certificate: LiveCertificate | None = None
    _now: taken_back.Ours | None = field(default=None, repr=False)

    @classmethod
    def of(cls, site: Site) -> Departure:
        """The host as it is before the run's first change."""
        found = site.ask(Ours())
        keys = names.published_keys(site)
        return cls(site, found, keys, names.live_certificate(site), found)

    def ours(self) -> taken_back.Ours:
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
        return taken_back.rules(site.estate, site.host, self.ours(), site.state()[FIREWALL])

    def waiting(self) -> tuple[str, ...]:
        """What is still to be delivered, a sentence each."""
        state = self.site.state()
        return taken_back.waiting(self.ours(), all_found(state, self.site.host.streams))

    @property
    def is_held(self) -> bool:
        """Whether nothing may be taken back (yet), because an instance has mail or still runs."""
        ours = self.ours()
        return bool(ours.draining) or (ours.runs and self.site.pyhost.state.is_executing)


@operation()
def close(departure: Departure) -> Generator[StringCommand]:
    """Close every instance to new mail, and have it try at once what it has.

    + departure: the host on its way out
    """
    ours = departure.ours()
    if not taken_back.to_close(ours):
        host.noop("no instance takes mail")
        return
    yield StringCommand("sh", "-s", _stdin=taken_back.closing(ours))
    departure.forget()


@operation()
def stop(departure: Departure) -> Generator[StringCommand]:
    """Stop the instances and remove ours, where none has mail.

    + departure: the host on its way out
    """
    ours = departure.ours()
    if ours.draining or not ours.runs:
        host.noop("mail is still to be delivered" if ours.draining else "no instance is there")
        return
    yield StringCommand("sh", "-s", _stdin=taken_back.stopping(ours))
    departure.forget()


@operation()
def firewall(departure: Departure) -> Commands:
    """Remove the rules for mail; SSH and what is declared besides stays open.

    + departure: the host on its way out
    """
    gone = departure.rules()
    early = taken_back.early_rules(departure.ours())
    if departure.is_held or not (gone or early):
        host.noop("no rule of ours is to go")
        return
    found = departure.site.state()[FIREWALL]
    if fault := taken_back.lockout(found, gone):
        yield from ufw.refuse(fault)
        return
    commands = [*_deletions(gone), *([StringCommand("sh", "-s", _stdin=early)] if early else [])]
    is_active = found.status is not None and found.status.active
    yield from ufw.guarded(commands) if is_active else commands
    departure.forget()


def _deletions(rules: Iterable[Rule]) -> list[StringCommand]:
    return [StringCommand(*(QuoteString(word) for word in rule.delete())) for rule in rules]


@operation()
def give_back(departure: Departure) -> Generator[StringCommand]:
    """Remove every file of ours, and put back what was there before; the marks of it go last.

    + departure: the host on its way out
    """
    ours = departure.ours()
    if departure.is_held or not taken_back.parts(ours):
        host.noop("nothing of ours is there to be taken back")
        return
    site = departure.site
    parts = shape(site.estate, site.host).everything()
    yield StringCommand("sh", "-s", _stdin=taken_back.files(ours, parts))
    departure.forget()


@operation()
def farewell(departure: Departure, departures: Mapping[str, Departure]) -> Generator[StringCommand]:
    """Say what is still to deliver, or what stays. It changes nothing.

    + departure: the host on its way out
    + departures: all of the run, by host, for what is said once
    """
    yield from ()
    if not host.state.is_executing:
        return
    active = host.state.active_hosts
    together = [one for one in departures.values() if one.site.pyhost in active]
    # The first host speaks for all of them.
    if departure is together[0]:
        at_the_end(host.state, warn, last_words(together))


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
    return left_behind.on_host(
        one.site.estate,
        one.site.host.name,
        files=taken_back.staying(one.found),
        kept=taken_back.not_put_back(one.found),
        keeps_resolver=one.ours().keeps_resolver,
    )


def _names(gone: list[Departure]) -> str:
    estate = gone[0].site.estate
    leaving = [one.site.host.name for one in gone]
    keys = [key for one in gone for key in one.keys]
    certificates = [one.certificate for one in gone if one.certificate]
    found = left_behind.names(estate, leaving, keys, certificates)
    return left_behind.names_text(found, estate, leaving)
