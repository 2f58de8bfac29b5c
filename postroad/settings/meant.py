"""Which of the words that may stand at a place the operator most likely meant. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from postroad.settings import sections

# What the field, other programs and frameworks call the same thing → ours, the likeliest first.
_OTHER_WORDS = {
    "acme": ("tls",),
    "address": ("ipv4",),
    "allow": ("clients", "networks"),
    "bouncedomain": ("envelope_domain",),
    "bounces": ("envelope_domain",),
    "bulk": ("marketing",),
    "campaigns": ("marketing",),
    "certificate": ("tls", "source"),
    "dnsserver": ("resolvers", "server", "dns"),
    "domain": ("from_domains",),
    "ehlo": ("helo",),
    "file": ("chain_file",),
    "fqdn": ("hostname",),
    "ip": ("ipv4",),
    "ips": ("clients", "networks"),
    "login": ("users",),
    "machine": ("hosts",),
    "mailfrom": ("envelope_domain",),
    "name": ("hostname",),
    "nameserver": ("resolvers", "server", "dns"),
    "node": ("hosts",),
    "sshhostname": ("ipv4",),
    "url": ("directory",),
    "password": ("users",),
    "newsletter": ("marketing",),
    "ntp": ("time_servers",),
    "ptr": ("helo",),
    "rdns": ("helo",),
    "receipts": ("transactional",),
    "returnpath": ("envelope_domain",),
    "rua": ("reports",),
    "rotation": ("rotate_days",),
    "pass": ("passwords",),
    "secret": ("passwords", "key"),
    "hash": ("passwords",),
    "server": ("hosts", "resolvers"),
    "sender": ("from", "from_domains"),
    "ssl": ("tls",),
    "timeserver": ("time_servers",),
    "user": ("users",),
}
# Letters of other alphabets that look like Latin ones (UTS #39, confusables.txt), in small.
_LOOKS_LIKE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb\u051b\u051d"
    "\u03bf\u03b1\u03bd\u03b9\u03c1\u03ba\u0131\u0442\u043c\u043a\u043d\u0432",
    "aeopcyxijsdhqwoavipkitmkhb",
)
# Below it difflib finds likenesses that nobody meant: "ttl" and "tls" have 0.67.
_ALIKE = 0.78
# Sections whose keys are everybody's words, as "port" and "key" are: they say nothing.
_COMMON = ("dkim_keys[]", "firewall.open[]", "dns.zones.ZONE", "tls.challenge.dns-01")


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that ``word`` most likely means; None rather than one that misleads.

    The same but for case, signs, plural and letters that look alike; another word for it; one that
    has it as a part, as ``record_ttl`` has ``ttl``; one that is spelled much alike.
    """
    word = in_latin(word)
    if same := _same(word, known):
        return same
    plain = _plain(word)
    for candidate in _OTHER_WORDS.get(plain, _OTHER_WORDS.get(f"{plain}s", ())):
        if candidate in known:
            return candidate
    parts = set(_parts(word))
    sharing = [candidate for candidate in known if parts & {*_parts(candidate), _plain(candidate)}]
    if len(sharing) == 1:
        return sharing[0]
    ranked = max(known, key=lambda one: _likeness(plain, one), default=None)
    if ranked is not None and _likeness(plain, ranked) >= _ALIKE:
        return ranked
    return _longer(plain, known)


def in_latin(word: str) -> str:
    """The word with Latin letters in place of those that only look like them."""
    return unicodedata.normalize("NFKC", word).lower().translate(_LOOKS_LIKE)


def foreign_letter(word: str) -> str:
    """The first character of ``word`` that no name of ours has, and Unicode's name of it."""
    odd = next((letter for letter in word if not letter.isascii()), "")
    return odd and f"{odd} ({unicodedata.name(odd, f'U+{ord(odd):04X}')})"


def _same(word: str, known: Sequence[str]) -> str | None:
    return next((one for one in known if _plain(one) == _plain(word)), None)


def places(key: str, here: Sequence[str]) -> tuple[str, ...]:
    """The other sections, as docs/settings.md names them, that have a key called exactly so.

    None where ``here`` has it but for case, signs and plural.
    """
    if _same(key, here):
        return ()
    return tuple(
        section
        for section, its in sections.ALL.items()
        if key in its and its is not here and section not in _COMMON
    )


def _plain(word: str) -> str:
    letters = "".join(c for c in word.lower() if c.isalnum())
    return letters[:-1] if letters.endswith("s") and len(letters) > 3 else letters


def _parts(word: str) -> Iterator[str]:
    return map(_plain, word.replace("-", "_").split("_"))


def _likeness(plain: str, candidate: str) -> float:
    return SequenceMatcher(a=plain, b=_plain(candidate)).ratio()


def _longer(plain: str, known: Sequence[str]) -> str | None:
    """The one word that begins or ends with ``plain``, which is too short to be alike."""
    found = [k for k in known if _plain(k).startswith(plain) or _plain(k).endswith(plain)]
    return found[0] if len(plain) > 2 and len(found) == 1 else None
