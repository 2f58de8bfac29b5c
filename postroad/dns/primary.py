"""A zone's primary name server: asked and changed over TCP, every message signed (RFC 8945).

The network edge of publishing. Asking for exactly the RRsets that are wanted needs no right to
transfer the zone; TCP, because a long answer or update does not fit UDP.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_hex

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig
from dns.message import Message
from dns.name import Name
from dns.rdataclass import IN
from dns.update import UpdateMessage

from postroad.dns.rrset import Key, RRset, answered
from postroad.settings.model import DnsZone
from postroad.settings.secrets import Secret, describe

# All questions of one zone together: a server that hangs is told as such in time.
SECONDS = 20.0

# dnspython says no more than FormError where a signature is missing.
_UNSIGNED = (
    dns.tsig.BadSignature,
    dns.tsig.BadTime,
    dns.message.UnknownTSIGKey,
    dns.exception.FormError,
)

# What a wildcard may hold for others, beside a CNAME, which is seen with any of them.
_SERVED = (
    dns.rdatatype.A,
    dns.rdatatype.AAAA,
    dns.rdatatype.MX,
    dns.rdatatype.TXT,
    dns.rdatatype.CAA,
    dns.rdatatype.HTTPS,
    dns.rdatatype.SRV,
    dns.rdatatype.NAPTR,
    dns.rdatatype.SSHFP,
)

_CHANGED = (dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.YXDOMAIN, dns.rcode.NXDOMAIN)


class PrimaryError(Exception):
    """The primary cannot be asked or does not do it; the message has the cause and the mend."""


class ChangedError(PrimaryError):
    """An update was refused because the zone is no longer as it was seen; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Primary:
    """The primary of one zone, and the secret (base64) of the TSIG key that it knows us by."""

    zone: DnsZone
    secret: Secret = field(repr=False)

    def look(self, keys: Iterable[Key]) -> dict[Key, RRset]:
        """What it holds of ``keys``; a CNAME that stands at one of the names is there as such.

        An RRset may be made from a wildcard: `has` tells. PrimaryError where it cannot be asked.
        """
        found: dict[Key, RRset] = {}
        with self._connected() as connection:
            self._must_serve(connection)
            for name, kind in keys:
                answer = self._asked(connection, name, kind)
                for at in (kind, dns.rdatatype.CNAME):
                    rdataset = answer.get_rrset(answer.answer, name, IN, at)
                    if rdataset is not None:
                        found[name, at] = answered(name, rdataset)
        return found

    def has(self, keys: Iterable[Key]) -> frozenset[Key]:
        """Those of ``keys`` that stand in the zone itself, rather than come from a wildcard.

        Asked by updates that have a prerequisite and change nothing (RFC 2136 §2.4.1).
        """
        return frozenset(key for key in keys if self._stands(*key))

    def served(self, names: Iterable[Name]) -> dict[Name, tuple[RRset, ...]]:
        """Those of ``names`` that do not exist and that a wildcard answers for, and what.

        Of a name that exists, one beneath it that nobody has made is denied, or made from a
        wildcard of its own: then the name itself or its wildcard is in use.
        """
        with self._connected() as connection:
            suspects = [
                name
                for name in names
                if self._is_answered(connection, name)
                and self._is_answered(connection, _of_nobody(name))
            ]
        missing = [
            name
            for name in suspects
            if not self._stands(name) and not self._stands(Name((b"*", *name.labels)))
        ]
        keys = [(name, kind) for name in missing for kind in _SERVED]
        found = self.look(keys) if keys else {}
        of_each = {
            name: tuple(rrset for (at, _), rrset in found.items() if at == name) for name in missing
        }
        return {name: rrsets for name, rrsets in of_each.items() if rrsets}

    def change(self, message: UpdateMessage) -> None:
        """Carry the update out. ChangedError where a prerequisite failed, else PrimaryError."""
        with self._connected() as connection:
            rcode = self._exchange(connection, message).rcode()
        if rcode in _CHANGED:
            raise ChangedError(
                f"{self._place} was changed by somebody else since it was looked at"
                f" ({dns.rcode.to_text(rcode)}), so nothing was changed there: publish again, and"
                " look at the new plan"
            )
        self._must_be_well(rcode)

    def _is_answered(self, connection: _Connection, name: Name) -> bool:
        """Whether the name exists, or a wildcard is there for it."""
        return self._asked(connection, name, dns.rdatatype.A).rcode() != dns.rcode.NXDOMAIN

    def _stands(self, name: Name, *kind: dns.rdatatype.RdataType) -> bool:
        """Whether an RRset of the ``kind`` stands at the name itself; without one, any."""
        message = UpdateMessage(f"{self.zone.name}.")
        message.present(name, *kind)
        with self._connected() as connection:
            rcode = self._exchange(connection, message).rcode()
        if rcode in (dns.rcode.NXRRSET, dns.rcode.NXDOMAIN):
            return False
        self._must_be_well(rcode)
        return True

    def _must_serve(self, connection: _Connection) -> None:
        apex = dns.name.from_text(self.zone.name)
        answer = self._exchange(connection, _question(apex, dns.rdatatype.SOA))
        if answer.get_rrset(answer.answer, apex, IN, dns.rdatatype.SOA) and _is_its_own(answer):
            return
        raise PrimaryError(
            f"{self._server} does not serve the zone {self.zone.name}"
            f" ({dns.rcode.to_text(answer.rcode())}): {self._key('server')} must be its primary,"
            " and the key must be allowed to query it"
        )

    def _asked(self, connection: _Connection, name: Name, kind: dns.rdatatype.RdataType) -> Message:
        answer = self._exchange(connection, _question(name, kind))
        if answer.rcode() != dns.rcode.NXDOMAIN:
            self._must_be_well(answer.rcode())
        if not _is_its_own(answer):
            raise PrimaryError(
                f"{name.to_text(omit_final_dot=True)} is delegated by {self._place}, so it belongs"
                ' into a zone of its own: add that one to estate["dns"]["zones"]'
            )
        return answer

    def _exchange(self, connection: _Connection, message: Message) -> Message:
        message.use_tsig(self._tsig_key())
        try:
            answer = connection.exchange(message)
        except dns.tsig.PeerError as error:
            raise PrimaryError(self._disbelieved(error)) from None
        except _UNSIGNED:
            raise PrimaryError(self._unsigned) from None
        except (dns.exception.Timeout, TimeoutError):
            raise PrimaryError(self._silent) from None
        except (OSError, EOFError, dns.exception.DNSException) as error:
            raise PrimaryError(f"{self._server} gave no proper answer: {_said(error)}") from None
        if answer.rcode() == dns.rcode.NOERROR and not answer.had_tsig:
            raise PrimaryError(self._unsigned)
        return answer

    @contextmanager
    def _connected(self) -> Iterator[_Connection]:
        until = time.monotonic() + SECONDS
        try:
            opened = socket.create_connection((str(self.zone.server), self.zone.port), SECONDS)
        except TimeoutError:
            raise PrimaryError(self._silent) from None
        except OSError as error:
            raise PrimaryError(
                f"{self._server} cannot be reached by TCP: {_said(error)}. Check"
                f" {self._key('server')} and the firewalls between"
            ) from None
        with opened:
            opened.setblocking(False)
            yield _Connection(opened, until)

    def _tsig_key(self) -> dns.tsig.Key:
        # Made anew for each message and never kept: its repr shows the secret.
        try:
            return dns.tsig.Key(self.zone.key_name, self.secret.unmask(), self.zone.algorithm)
        except ValueError:
            raise PrimaryError(
                f"the TSIG key of {self.zone.name} ({describe(self.zone.key)}) is not base64: write"
                " the secret alone, as tsig-keygen or keymgr shows it"
            ) from None

    def _must_be_well(self, rcode: dns.rcode.Rcode) -> None:
        if rcode == dns.rcode.NOERROR:
            return
        cause = _CAUSES.get(rcode, "its log says why")
        raise PrimaryError(
            f"{self._place} says {dns.rcode.to_text(rcode)}, and nothing was changed there: {cause}"
        )

    def _disbelieved(self, error: dns.tsig.PeerError) -> str:
        cause = _DISBELIEF.get(type(error), "its log says why")
        return f"{self._server} does not accept our TSIG key {self.zone.key_name}: " + cause.format(
            name=self._key("key_name"),
            algorithm=self._key("algorithm"),
            key=self._key("key"),
            source=describe(self.zone.key),
        )

    @property
    def _unsigned(self) -> str:
        return (
            f"the answer of {self._server} is not properly signed with our TSIG key"
            f" {self.zone.key_name}: something else answers in its place, or it does not know TSIG"
        )

    @property
    def _silent(self) -> str:
        return (
            f"{self._server} did not answer within {SECONDS:g} s by TCP: check"
            f" {self._key('server')}, the server, and the firewalls between"
        )

    @property
    def _server(self) -> str:
        return f"{self.zone.server} port {self.zone.port}"

    @property
    def _place(self) -> str:
        return f"{self.zone.name} at {self._server}"

    def _key(self, name: str) -> str:
        return f'estate["dns"]["zones"]["{self.zone.name}"]["{name}"]'


@dataclass(frozen=True, slots=True)
class _Connection:
    """A TCP connection, and until when (time.monotonic) it may be used."""

    socket: socket.socket
    until: float

    def exchange(self, message: Message) -> Message:
        """The answer to ``message``."""
        left = max(self.until - time.monotonic(), 0)
        return dns.query.tcp(message, "", timeout=left, sock=self.socket)


_CAUSES = {
    dns.rcode.REFUSED: (
        "the key is not allowed to change the zone; allow it on the server (allow-update or"
        " update-policy in BIND, an acl with action update in Knot)"
    ),
    dns.rcode.NOTAUTH: "it is not the zone's primary, or does not know the zone",
    dns.rcode.NOTZONE: "a name of the update is not in the zone; is the zone cut elsewhere?",
    dns.rcode.SERVFAIL: "the server is in trouble; its log says why",
    dns.rcode.NOTIMP: "it takes no dynamic updates",
    dns.rcode.FORMERR: "it does not understand the message; does it take dynamic updates?",
}

_DISBELIEF = {
    dns.tsig.PeerBadKey: (
        "it has no key of that name and algorithm (BADKEY). Compare {name} and {algorithm} with the"
        " server's"
    ),
    dns.tsig.PeerBadSignature: (
        "its secret is another one (BADSIG). Compare {key} ({source}) with the server's"
    ),
    dns.tsig.PeerBadTime: (
        "the clocks differ by more than five minutes (BADTIME). Set the clock of this machine or of"
        " the server"
    ),
}


def _question(name: Name, kind: dns.rdatatype.RdataType) -> Message:
    # Without RD: what it says is to come from its own zone.
    return dns.message.make_query(name, kind, flags=0)


def _of_nobody(name: Name) -> Name:
    """A name beneath ``name`` that nobody has made; itself where there is no room for one."""
    try:
        return Name((f"nobody-{token_hex(4)}".encode(), *name.labels))
    except dns.name.NameTooLong:
        return name


def _is_its_own(answer: Message) -> bool:
    return bool(answer.flags & dns.flags.AA)


def _said(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error) or "it ended"
