"""Contents of From: fields, in octets, without the name and without the line's end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.header import Header
from itertools import count
from random import Random

DOMAIN = "shop.example"
ADDRESS = f"orders@{DOMAIN}"
# Whose name a stranger would like to have.
BORROWED = f"ceo@{DOMAIN}"

_WORDS = (
    *("Shop", "Orders", "Pizza", "Mario's", "O'Neil", "&", "Sons", "Co.", "24/7", "No-Reply", "NL"),
    *("Café", "Müller", "Łódź", "東京", "🛒", "+Plus", "100%", "e-mail", "Inc.", "shop.example"),
)
_PLAIN = tuple(word for word in _WORDS if word.isascii())
# What a name may hold in double quotes alone.
_ODD = (
    "I <3 Shoes",
    "Shop > NL",
    "Shop, Inc.",
    "Shop: Berlin",
    "Shop; Berlin",
    "shop@home",
    'The "Shop"',
    "Shop (EU)",
    "a\\b",
)
_LOCAL_PARTS = ("orders", "no-reply", "first.last", "order+4711", "o'brien", "Kasse", "x_y", "a/b")


def honest(seed: int) -> Iterator[bytes]:
    """Fields as real shops and their libraries write them, without end."""
    random = Random(seed)
    for number in count():
        yield _FORMS[number % len(_FORMS)](random)


def _address(random: Random) -> str:
    domain = random.choice((DOMAIN, DOMAIN, DOMAIN.upper(), "Shop.Example"))
    return f"{random.choice(_LOCAL_PARTS)}@{domain}"


def _name(random: Random, words: tuple[str, ...] = _WORDS) -> str:
    return " ".join(random.choices(words, k=random.randint(1, 4)))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _folded(random: Random, text: str) -> str:
    """The text with one of its spaces, if it has any, as a fold (RFC 5322 §2.2.3)."""
    # Python takes a fold in quotes for their end, and then an angle bracket for an address.
    if "<" in text.partition(" <")[0] or "> " in text or "<3" in text:
        return text
    places = [place for place, sign in enumerate(text) if sign == " "]
    if not places:
        return text
    at = random.choice(places)
    return f"{text[:at]}\r\n{random.choice((' ', chr(9), '  '))}{text[at + 1 :]}"


def _plain(random: Random) -> bytes:
    return f"{_name(random, _PLAIN)} <{_address(random)}>".encode()


def _raw(random: Random) -> bytes:
    encoding = random.choice(("utf-8", "latin-1"))
    return f"{_name(random)} <{_address(random)}>".encode(encoding, "ignore")


def _in_quotes(random: Random) -> bytes:
    name = random.choice((*_ODD, _name(random), ADDRESS, ""))
    return f"{_quoted(name)} <{_address(random)}>".encode()


def _two_quoted(random: Random) -> bytes:
    names = random.choice(("", " ")).join(_quoted(_name(random, _PLAIN)) for _ in range(2))
    return f"{names} <{_address(random)}>".encode()


def _encoded(random: Random) -> bytes:
    name = random.choice((_name(random), *_ODD, "Grüße, Ihr Shop (EU)")) + " é"
    charset = random.choice(("utf-8", "iso-8859-1"))
    words = Header(name.encode(charset, "replace").decode(charset), charset)
    return f"{words.encode(linesep=chr(13) + chr(10))} <{_address(random)}>".encode()


def _tagged(random: Random) -> bytes:
    return f"[{_name(random, _PLAIN)}] {_name(random, _PLAIN)} <{_address(random)}>".encode()


def _commented(random: Random) -> bytes:
    comment = random.choice(
        ('5" disk', "EU", "Berlin, Mitte", "it's", "www.shop.example", "x (y) z")
    )
    form = random.choice(("{n} ({c}) <{a}>", "{n} <{a}> ({c})", "{a} ({c})", "({c}) {n} <{a}>"))
    text = form.format(n=_name(random, _PLAIN), c=comment, a=_address(random))
    return text.encode()


def _bare(random: Random) -> bytes:
    return (
        random.choice(("{}", "<{}>", " {} ", "\t<{}>", "< {} >")).format(_address(random)).encode()
    )


def _with_fold(random: Random) -> bytes:
    form = random.choice((_plain, _in_quotes, _tagged, _commented, _raw))
    return _folded(random, form(random).decode("latin-1")).encode("latin-1")


_FORMS: tuple[Callable[[Random], bytes], ...] = (
    *(_plain, _raw, _in_quotes, _two_quoted, _encoded, _tagged, _commented, _bare, _with_fold),
)


# ---- strangers


_SIGNS = ['"', "(", ")", "<", ">", "@", ",", ";", ":", "\\", "[", "]", ".", " ", "\t", "=?", "?="]
_SIGNS += [
    "\r\n ",
    "\r\n\t",
    "\x00",
    "\x01",
    "\x0b",
    "\x1c",
    "\x7f",
    "\x80",
    "\x85",
    "\xa0",
    "\xff",
]
_SIGNS += [
    f"<{BORROWED}>",
    BORROWED,
    ADDRESS,
    f"<{ADDRESS}>",
    '( " )',
    '" ( "',
    "=?utf-8?q?",
    "%",
    "!",
]

# Each with a fault that some reader has been seen with; {b} is borrowed, {a} the login's own.
_TRAPS = (
    *('Mario"s Pizza <{a}>', "Shop ( <{a}>", "Shop [ <{a}>", "<> {a}", '( " ) <{b}> ( " ) <{a}>'),
    *(
        "{b}, {a}",
        "{b} <{a}>",
        "<{b}> <{a}>",
        "<{b}>, <{a}>",
        '"{b}" <{a}',
        "{b} ({a})",
        "({b}) {a}",
    ),
    *("Shop: {b}, {a};", "Shop:{a};", "<@{b}:{a}>", "<{b},{a}>", '"<{b}>" <{a}>', "(<{b}>) <{a}>"),
    *("(a (b) <{b}>) {a}", "(a\\) <{b}> (b) {a}", '"a\\" <{b}>" <{a}>', '"a\\\\" <{b}> "" <{a}>'),
    *("=?utf-8?q?{b}?= <{a}>", "=?utf-8?q?=3C{b}=3E?= <{a}>", "=?utf-8?q?ceo?=@shop.example"),
    *(
        '"ceo"@shop.example',
        '"ceo@shop.example x"@shop.example',
        "ceo(x)@shop.example",
        "ceo @shop.example",
    ),
    *(
        "ceo@ shop.example",
        "ceo@shop.example.",
        "ceo@[127.0.0.1]",
        "{a}\x00 <{b}>",
        "{b}\x00 <{a}>",
    ),
    *(
        "{a}\r\n <{b}>",
        "{b}\r\n\t<{a}>",
        "\r\n {a}",
        " \r\n \r\n {a}",
        "{a}\r\n ",
        "{b}\x0b{a}",
        "{a} {b}",
    ),
    *(
        "{a} <{b}>",
        "<{a}",
        "{a}>",
        "<<{a}>>",
        '"{a}',
        '{a}"',
        "[{b}] <{a}>",
        "[<{b}>] {a}",
        "a]<{a}>",
    ),
    *(
        "a\\<{b}> <{a}>",
        '\\"<{b}> <{a}>',
        ";{a}",
        ",{a}",
        "{a},",
        "{a};",
        ":{a}",
        "{a}:",
        "()",
        '""',
        "",
    ),
)


# Found by somebody who had not seen the rest: Python behind a fold, or beside a tag; GMime, Perl
# and Go where a quoted string is not the whole name.
_FOUND = (
    '"{b}" (\r\n ) <{a}>',
    '"{b}\r\n x" <{a}>',
    "=?utf-8?q?ceo=40shop.example=2C?=(x)\x80 []<{a}>",
    "=?utf-8?q?a=2Cceo=40shop.example=2C?=(x)b [x] <{a}>",
    "=?utf-8?q?ceo=40shop.example?= [x] <{a}>",
    '. ",{b}" <{a}>',
    '.Shop "x, {b}" <{a}>',
    '"{b}" "" <{a}>',
    '"g: {b};("(x)")" <{a}>',
    '(") "g: {b};("(x)"\'" <{a}>',
)


def hostile(seed: int) -> Iterator[bytes]:
    """Fields that readers may disagree on, without end; some of them happen to be honest."""
    random = Random(seed)
    for number in count():
        if number < len(known := (*_FOUND, *_TRAPS)):
            yield _trap(known[number])
        else:
            yield random.choice((_mutated, _mutated, _random, _nested))(random)


def _trap(form: str) -> bytes:
    return form.replace("{a}", ADDRESS).replace("{b}", BORROWED).encode("latin-1")


def _mutated(random: Random) -> bytes:
    """An honest field, or a trap, with a few signs taken out, put in or doubled."""
    origin = random.choice((random.choice(_FORMS)(random), _trap(random.choice(_TRAPS))))
    text = origin.decode("latin-1")
    for _ in range(random.randint(1, 3)):
        at = random.randint(0, len(text))
        keep = at + random.choice((0, 0, 1))
        text = text[:at] + random.choice(("", *_SIGNS)) + text[keep:]
    return text.encode("latin-1")


def _random(random: Random) -> bytes:
    parts = random.choices((*_SIGNS, "Shop", "a", *_PLAIN), k=random.randint(1, 12))
    return "".join(parts).encode("latin-1")


def _nested(random: Random) -> bytes:
    """Brackets, quotes and comments in each other, some never closed."""
    depth = random.choice((2, 3, 7, 50, 400))
    opened, closed = random.choice((("(", ")"), ("[", "]"), ("<", ">"), ('"', '"'), ("(\\", ")")))
    inside = random.choice((BORROWED, "x", '"', ""))
    short = random.choice((0, 1))
    return f"{opened * depth}{inside}{closed * (depth - short)} <{ADDRESS}>".encode()
