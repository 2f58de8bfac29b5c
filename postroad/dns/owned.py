"""Which of the records at a name are ours to replace, and which are somebody else's.

A zone has other uses than mail, and postroad remembers nothing of it. What is ours is told from the
record itself and what stands beside it:

- *Its form.* Ours are written one way and no other: SPF of single addresses and an ``all`` (or of
  its own parts), DMARC with ``p``, ``sp`` and ``np`` alike, an MTA-STS id of 32 digits, TLSA
  ``3 1 1``, CAA ``0 issue``, a key with ``h=sha256; t=s``. Whatever else there is, somebody else
  has written, and lives by it: an ``include:``, a ``redirect=``, an ``mx``, a vendor's report
  address.
- *Its neighbours*, where a form is not enough: anybody may write ``v=spf1 ip4:192.0.2.1 ~all``,
  also an office that lets a host of ours through beside its own. It is ours where it holds
  addresses of the estate and no others, or stands at a name of which something else is as wanted:
  our MX, the address in our SPF record. So a host that is added, goes or gets another address is
  told from an office.
- *Nobody lives by nothing*: ``v=spf1 -all``, a null MX and a revoked key may go for what is wanted.

An alias, a pointer or an MX is ours where it leads to the organization that the wanted one leads
to. A zone's apex and the domains in From: are shared with people and web sites: what stands there
beside TXT is never replaced. Other TXT strings at a name (site verifications) are let be.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from dns.name import Name
from dns.rdata import Rdata
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT

from postroad.dns.mx import PREFERENCE
from postroad.dns.names import organisation
from postroad.dns.rrset import Key, RRset, content

# Version tags in any case: a slip of the pen is still a record of its kind, and in the way.
_VERSION = re.compile(rb"\s*v\s*=\s*([a-z0-9]+)(?=[;\s]|$)", re.IGNORECASE)
# RFC 6376 §3.6.1: the version is optional in a key, p= is not.
_KEY = re.compile(rb"(^|;)\s*p\s*=\s*([A-Za-z0-9+/=]*)")

SPF, DKIM, _STS = b"spf1", b"dkim1", b"stsv1"
_POLICY = re.compile(rb"v=spf1((?: (?:ip4|ip6|include):[^ ]+)*) [~-]all")
_IS_END = re.compile(rb"[-+?~]?all|redirect=.*", re.IGNORECASE)
_NOBODY_SENDS = re.compile(rb"\s*v\s*=\s*spf1\s+-all\s*", re.IGNORECASE)
# A name of which a part of a policy is told (`postroad.dns.spf`), below the policy's own.
_PART = re.compile(rb"_spf[1-9][0-9]*", re.IGNORECASE)
_FORMS = {
    b"dmarc1": re.compile(
        rb"v=DMARC1; p=(none|quarantine|reject); sp=\1; np=\1; rua=mailto:[^,!;]+|v=DMARC1;?"
    ),
    _STS: re.compile(rb"v=STSv1; id=[0-9a-f]{32};"),
    DKIM: re.compile(rb"v=DKIM1; k=rsa; h=sha256; t=s; p=[A-Za-z0-9+/=]+"),
}
_REVOKED = re.compile(rb"(?:v=DKIM1\s*;\s*)?p=;?\s*")
# In presentation format.
_KEY_OF_HOST = re.compile(r"3 1 1 [0-9a-f]{64}")
_ONE_ISSUER = re.compile(r'0 issue "[a-z0-9.-]+"')
_NULL_MX = "0 ."


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around an RRset. ``shared`` are names that others use as well.

    ``ours`` are the subjects of which something is as wanted (`known_subjects`), ``published`` the
    names with a policy in our form, ``addresses`` what the wanted policies hold, by subject,
    ``estate`` every address that is wanted anywhere, as a policy has it (``ip4:192.0.2.1``).
    """

    shared: Collection[Name] = ()
    ours: Collection[Name] = ()
    published: Collection[Name] = ()
    addresses: Mapping[Name, frozenset[bytes]] = field(default_factory=dict)
    estate: frozenset[bytes] = frozenset()

    @classmethod
    def of(
        cls, wanted: Iterable[RRset], seen: Mapping[Key, RRset], shared: Collection[Name]
    ) -> Around:
        """What ``seen`` shows of the names where something is ``wanted``."""
        everything = tuple(wanted)
        return cls(
            shared,
            known_subjects(everything, seen),
            frozenset(rrset.name for rrset in everything if _published_policy(rrset.name, seen)),
            addresses_of(everything),
            estate_of(everything),
        )


def let_be(wanted: RRset, seen: RRset) -> tuple[Rdata, ...]:
    """The texts of ``seen`` that are of no kind that is wanted: they stand beside ours."""
    kinds = {kind(wanted.name, rdata) for rdata in wanted.rdatas} - {None}
    return tuple(
        rdata
        for rdata in seen.rdatas
        if rdata.rdtype == RdataType.TXT
        and kind(wanted.name, rdata) not in kinds
        and content(rdata) not in _contents(wanted)
    )


def foreign(wanted: RRset, seen: RRset, around: Around) -> tuple[Rdata, ...]:
    """The records of ``seen`` that stand where ours are to be, and that others live by."""
    beside = let_be(wanted, seen)
    return tuple(
        rdata
        for rdata in seen.rdatas
        if rdata not in beside
        and content(rdata) not in _contents(wanted)
        and not _is_ours(wanted, rdata, around)
    )


def holds(wanted: RRset, others: Collection[Rdata]) -> bool:
    """Whether somebody's policy does all that ours would: then nothing is in the way.

    One alone counts (RFC 7208 §4.5, RFC 9989 §4.10, RFC 8460 §3). An SPF record has every word of
    ours before its ``all``; a DMARC policy is as strict, and reports go to our address as well.
    """
    (ours, *more) = wanted.rdatas
    what = kind(wanted.name, ours)
    if more or len(others) != 1 or what is None:
        return False
    (theirs,) = others
    if what == SPF:
        return _lets_through(theirs, ours)
    own, found = _tags(ours), _tags(theirs)
    reports = set(own.get(b"rua", b"").split(b","))
    if what not in (b"dmarc1", b"tlsrptv1") or not own.get(b"rua"):
        return False
    is_reported = reports <= {uri.strip() for uri in found.get(b"rua", b"").split(b",")}
    return is_reported and _strictness(found) >= _strictness(own)


def _lets_through(theirs: Rdata, ours: Rdata) -> bool:
    words = _words(theirs)
    told = words[: next((n for n, w in enumerate(words) if w.endswith(b"all")), len(words))]
    needed = [word for word in _words(ours) if not word.endswith(b"all")]
    return bool(needed) and set(needed) <= {word.removeprefix(b"+") for word in told}


def _tags(rdata: Rdata) -> dict[bytes, bytes]:
    pairs = (part.partition(b"=") for part in _text(rdata).split(b";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _strictness(tags: Mapping[bytes, bytes]) -> int:
    """How strict a DMARC policy is; -1 of what is none."""
    known = (b"none", b"quarantine", b"reject")
    policy = tags.get(b"p", b"").lower()
    return known.index(policy) if policy in known else -1


def subject(name: Name, everything: Collection[Name]) -> Name:
    """The name that the records at ``name`` are about.

    Labels with an underscore say what of it, and ``mta-sts`` where a policy is announced. Keys and
    DMARC policies are about mail that says From:, whatever else stands at the domain.
    """
    labels = [label.lower() for label in name.labels]
    if b"_domainkey" in labels or b"_dmarc" in labels:
        return name
    if labels[0] == b"mta-sts" and Name((b"_mta-sts", *name.labels[1:])) in everything:
        return name.parent()
    while name.labels[0].startswith(b"_"):
        name = name.parent()
    return name


def known_subjects(wanted: Iterable[RRset], seen: Mapping[Key, RRset]) -> frozenset[Name]:
    """The names of which something that stands there is as wanted, so that the rest was ours too.

    A policy tells it by an address, an MX by a host, an address by itself; where those are all
    others, the policy of the very addresses that stand there does.
    """
    everything = tuple(wanted)
    names = {rrset.name for rrset in everything}
    estate = estate_of(everything)
    return frozenset(
        subject(rrset.name, names)
        for rrset in everything
        if rrset.key in seen and _tells(rrset, seen[rrset.key], seen, estate)
    )


def estate_of(wanted: Iterable[RRset]) -> frozenset[bytes]:
    """Every address that is wanted, of a host or in a policy, in a policy's words."""
    found: set[bytes] = set()
    for rrset in wanted:
        for rdata in rrset.rdatas:
            found.update(_told_addresses(rdata) or _addresses(rdata))
    return frozenset(found)


def strangers(wanted: RRset, seen: Mapping[Key, RRset], around: Around) -> RRset | None:
    """The addresses that mail goes to now, and would not once the MX that is ``wanted`` is there:
    it goes to a name's address where there is no MX (RFC 5321 §5.1). None where nobody's does."""
    if wanted.type != RdataType.MX or wanted.name in around.ours:
        return None
    for kind in (RdataType.A, RdataType.AAAA):
        found = seen.get((wanted.name, kind))
        told = {word for r in found.rdatas for word in _told_addresses(r)} if found else set()
        if not told <= around.estate:
            return found
    return None


def says_something(rrset: RRset) -> bool:
    """Whether anybody could live by ``rrset``: nobody does by what says that nothing is there."""
    return not all(
        _NOBODY_SENDS.fullmatch(_text(rdata)) or rdata.to_text() == _NULL_MX
        for rdata in rrset.rdatas
    )


def merged(wanted: RRset, theirs: Collection[Rdata]) -> str:
    """The SPF record that lets through whom ``theirs`` does, and ours as well; empty where there is
    no such thing, as of another kind of record, or of two policies at one name."""
    ours = [rdata for rdata in wanted.rdatas if kind(wanted.name, rdata) == SPF]
    if len(ours) != 1 or len(theirs) != 1:
        return ""
    (policy,) = theirs
    if kind(wanted.name, policy) != SPF:
        return ""
    words = _words(policy)
    # What comes behind an all is never read, and a redirect only where nothing before it fits.
    ends = (n for n, word in enumerate(words) if _IS_END.fullmatch(word))
    end = next(ends, len(words))
    known = {word.removeprefix(b"+").lower() for word in words[:end]}
    new = [w for w in _words(ours[0]) if not _IS_END.fullmatch(w) and w.lower() not in known]
    return b" ".join([b"v=spf1", *words[:end], *new, *words[end:]]).decode("ascii", "replace")


def addresses_of(wanted: Iterable[RRset]) -> dict[Name, frozenset[bytes]]:
    """What the policies of each subject hold, its parts together."""
    everything = tuple(wanted)
    names = {rrset.name for rrset in everything}
    found: dict[Name, set[bytes]] = {}
    for rrset in everything:
        for rdata in rrset.rdatas:
            if kind(rrset.name, rdata) == SPF:
                found.setdefault(subject(rrset.name, names), set()).update(_addresses(rdata))
    return {name: frozenset(words) for name, words in found.items()}


def kind(name: Name, rdata: Rdata) -> bytes | None:
    """What a TXT record is for, by its version, in lower case; None where it does not say so."""
    if rdata.rdtype != RdataType.TXT:
        return None
    text = _text(rdata)
    version = _VERSION.match(text)
    if version:
        return version[1].lower()
    if _is_selector(name) and _KEY.search(text):
        return DKIM
    return None


def _is_ours(wanted: RRset, rdata: Rdata, around: Around) -> bool:
    if rdata.rdtype == RdataType.TXT:
        return _is_our_text(wanted, rdata, around)
    if wanted.name in around.shared:
        return False
    said = rdata.to_text()
    if rdata.rdtype in (RdataType.CNAME, RdataType.PTR):
        return _leads_home(wanted, rdata)
    is_known = subject(wanted.name, (wanted.name,)) in around.ours
    if rdata.rdtype == RdataType.MX:
        return said == _NULL_MX or (is_known and _is_equal(rdata) and _leads_home(wanted, rdata))
    if rdata.rdtype == RdataType.TLSA:
        # It tells the key of a host, and the host is ours.
        return _KEY_OF_HOST.fullmatch(said) is not None
    if rdata.rdtype == RdataType.CAA:
        # An address alone may have been set before us, and with it a rule of those who set it.
        return wanted.name in around.published and _ONE_ISSUER.fullmatch(said) is not None
    return is_known


def _is_equal(rdata: Rdata) -> bool:
    """Whether an MX is one of equals, as ours are: who ranks them has another use for ours."""
    return isinstance(rdata, MX) and rdata.preference == PREFERENCE


def _leads_home(wanted: RRset, rdata: Rdata) -> bool:
    """Whether an alias, pointer or MX leads to the organization that the wanted one leads to, or
    to that of its own name."""
    homes = {organisation(_target(other)) for other in wanted.rdatas if _target(other)}
    own = wanted.name.to_text(omit_final_dot=True).lower()
    return organisation(_target(rdata)) in {*homes, organisation(own)}


def _is_our_text(wanted: RRset, rdata: Rdata, around: Around) -> bool:
    text, what = _text(rdata), kind(wanted.name, rdata)
    name = subject(wanted.name, (wanted.name,))
    if what == SPF:
        return _is_our_policy(wanted.name, name, rdata, around)
    if what == DKIM:
        ours = {key[2] for other in wanted.rdatas if (key := _KEY.search(_text(other)))}
        found = _KEY.search(text)
        is_same = found is not None and found[2] in ours
        return is_same or any(f.fullmatch(text) for f in (_FORMS[DKIM], _REVOKED))
    if what in _FORMS:
        return _FORMS[what].fullmatch(text) is not None
    # Of TLSRPT anybody's looks like ours; who takes the mail of the domain has the reports.
    return name in around.ours


def _is_our_policy(name: Name, about: Name, rdata: Rdata, around: Around) -> bool:
    text = _text(rdata)
    if _NOBODY_SENDS.fullmatch(text):
        return True
    if not _is_our_form(name, rdata):
        return False
    parts = [word for word in _words(rdata) if word.startswith(b"include:")]
    ours = around.addresses.get(about, frozenset())
    return bool(parts) or about in around.ours or _is_of(rdata, ours, around.estate)


def _is_of(policy: Rdata, ours: Collection[bytes], estate: Collection[bytes]) -> bool:
    """Whether a policy holds one of ``ours``, and nothing that is not the estate's."""
    found = _addresses(policy)
    return not found.isdisjoint(ours) and found.issubset(estate)


def _is_our_word(name: Name, word: bytes) -> bool:
    """Whether a policy of ours at ``name`` could have this word."""
    sort, _, value = word.partition(b":")
    if sort == b"include":
        first, _, rest = value.partition(b".")
        own = name.to_text(omit_final_dot=True).lower().encode()
        return _PART.fullmatch(first) is not None and rest.lower() == own
    if sort in (b"ip4", b"ip6"):
        # As we write them: one address, in its one form.
        try:
            found = ip_address(value.decode("ascii"))
        except ValueError:
            return False
        return str(found).encode() == value and b"ip%d" % found.version == sort
    return True


def _tells(
    wanted: RRset, found: RRset, seen: Mapping[Key, RRset], estate: Collection[bytes]
) -> bool:
    """Whether ``found`` shows that what is at its name was made for the estate."""
    if wanted.type in (RdataType.A, RdataType.AAAA):
        there = {str(ip_address(rdata.to_text())).encode() for rdata in found.rdatas}
        is_shared = any(rdata in wanted.rdatas for rdata in found.rdatas)
        return is_shared or _is_own_policy(wanted.name, there, seen)
    if wanted.type == RdataType.MX:
        hosts = {_target(rdata) for rdata in wanted.rdatas} - {""}
        is_in_form = all(_is_equal(rdata) for rdata in found.rdatas)
        return is_in_form and any(_target(rdata) in hosts for rdata in found.rdatas)
    if wanted.type != RdataType.TXT:
        return False
    if any(_FORMS[_STS].fullmatch(_text(rdata)) for rdata in found.rdatas):
        return _STS in {kind(wanted.name, rdata) for rdata in wanted.rdatas}
    ours = {a for r in wanted.rdatas if kind(wanted.name, r) == SPF for a in _addresses(r)}
    policy = _published_policy(wanted.name, seen)
    return policy is not None and _is_of(policy, ours, estate)


def _is_own_policy(name: Name, there: Collection[bytes], seen: Mapping[Key, RRset]) -> bool:
    """Whether the addresses ``there`` are those that a policy of ours holds at the same name.

    A host's own name, by which no mail leaves, has one that holds none.
    """
    policy = _published_policy(name, seen)
    if policy is None:
        return False
    return not _words(policy)[:-1] or bool(set(there) & _addresses(policy))


def _published_policy(name: Name, seen: Mapping[Key, RRset]) -> Rdata | None:
    """The one SPF record at ``name``, where it is in our form."""
    texts = seen.get((name, RdataType.TXT))
    policies = [r for r in texts.rdatas if kind(name, r) == SPF] if texts else []
    return policies[0] if len(policies) == 1 and _is_our_form(name, policies[0]) else None


def _is_our_form(name: Name, rdata: Rdata) -> bool:
    is_form = _POLICY.fullmatch(_text(rdata)) is not None
    return is_form and all(_is_our_word(name, word) for word in _words(rdata))


def _told_addresses(rdata: Rdata) -> frozenset[bytes]:
    """An address record's own, in a policy's words; empty of any other record."""
    if rdata.rdtype not in (RdataType.A, RdataType.AAAA):
        return frozenset()
    address = ip_address(rdata.to_text())
    return frozenset([f"ip{address.version}:{address}".encode()])


def _addresses(rdata: Rdata) -> frozenset[bytes]:
    return frozenset(w[4:] for w in _words(rdata) if w.startswith((b"ip4:", b"ip6:")))


def _words(rdata: Rdata) -> list[bytes]:
    return _text(rdata).split()[1:]


def _text(rdata: Rdata) -> bytes:
    return b"".join(rdata.strings) if isinstance(rdata, TXT) else b""


def _contents(rrset: RRset) -> set[object]:
    return {content(rdata) for rdata in rrset.rdatas}


def _target(rdata: Rdata) -> str:
    """The name that an alias, pointer or MX leads to."""
    return rdata.to_text().rpartition(" ")[2].lower().rstrip(".")


def _is_selector(name: Name) -> bool:
    return b"_domainkey" in [label.lower() for label in name.labels]
