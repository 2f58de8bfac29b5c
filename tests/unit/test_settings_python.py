"""What Python refuses in the operator's files, and which word was meant."""

from __future__ import annotations

import pytest

from postroad.roles.run.pyinfra_words import mended
from postroad.settings import sections
from postroad.settings.meant import nearest, places
from postroad.settings.python import failed, may_name_hosts, odd_groups, passed_over, unreadable

FILE = "group_data/prod.py"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"estate = {\n", f"{FILE}: line 1: '{{' was never closed; mend that line"),
        (b"a = 1\n  b = 2\n", f"{FILE}: line 2: unexpected indent; begin the line"),
        (b"if True:\n\ta = 1\n        b = 2\n", f"{FILE}: line 3: "),
        ("a = 1\n# Grüße\n".encode("latin-1"), f"{FILE}: line 2: is no UTF-8 text; save it as"),
        (
            "a = {\n  'b': “c”}\n".encode(),
            "line 2: invalid character '“' (U+201C); write a plain \"",
        ),
        ("a = 'b’\n".encode(), "write a plain \" or '"),
        ("a = «b»\n".encode(), "write a plain \" or '"),
        ("a =\u00a01\n".encode(), "U+00A0; write a plain blank"),
        ("a = 1 – 2\n".encode(), '(U+2013); write a plain "-"'),
        ("a\u200b = 1\n".encode(), "U+200B; take it out"),
        (b"a = {\n<<<<<<< HEAD\n 'b': 1,\n=======\n>>>>>>> x\n}\n", "line 2: is a mark of git's"),
        (b"a = {\n'b': (1,\n=======\n>>>>>>> x\n}\n", "line 4: is a mark of git's"),
        (b'print "x"\n', "Did you mean print(...)?; write it as Python says"),
        (b"mode = 0644\n", "write the number without its zeros"),
        (b"a = {'b': 1h}\n", 'line 1: invalid decimal literal; write it in quotes, as "12h"'),
        (b"a = {'b': 0x1z}\n", "write it in quotes"),
        (b"// mail\na = 1\n", 'line 1: invalid syntax; begin a comment with "#"'),
        (b"a = {\n 'b': 'https://c',  // c\n}\n", "line 2: invalid syntax; begin a comment"),
        (b"a = {\n 'b': 'https://c' 1\n}\n", "mend that line"),
        (b"/* mail */\n", 'begin a comment with "#"'),
        (b"return 1\n", "line 1: 'return' outside function; take it out"),
        (b"a = {}\nbreak\n", "line 2: 'break' outside loop; take it out"),
        (b"a = 1\n\0b = 2\n", f"{FILE}: line 2: holds a null byte; delete it"),
        (b"a = 192.0.2.1\n", "write the address in quotes"),
        (b"a = {'b': [192.0.2.0/24]}\n", "write the address in quotes"),
        (b"a = {'b': 2001:db8::1}\n", "write the address in quotes"),
        (b"a = {'b' => 1}\n", 'write ":" between'),
        (b"a = {'b' = 1}\n", 'in a dictionary, ":"'),
        (b"'estate' = {}\n", 'a name and no text before "="'),
        (b"estate:\n  hosts: 1\n", "this is YAML"),
        (b"- hosts: 1\n", "this is YAML"),
        (b"export A=1\n", "take the word export away"),
        (b"a = $HOME\n", 'os.environ["NAME"]'),
        (b"a = 'C:\\Users'\n", 'write "/"'),
        (b"a = f'{b'\n", 'take the "f" before it away'),
        # Where Python says it, and where nothing better is known
        (b"a = [1 2]\n", "Perhaps you forgot a comma?; mend that line"),
        (b"a = {'b': 'c}\n", "mend that line"),
        # No error to Python, and not what anybody means
        (b"estate: {'a': 1}\n", 'line 1: gives estate no value; write estate = …, with "="'),
        (b"estate == {'a': 1}\n", "asks what estate is, and gives it no value; write estate = …"),
        (b"\xef\xbb\xbfestate = {}\n", f"{FILE}: line 1: begins with a byte order mark; save it"),
    ],
)
def test_a_file_that_python_cannot_read(content: bytes, told: str) -> None:
    assert told in str(unreadable(content, FILE))


@pytest.mark.parametrize(
    "text",
    [
        "# Grüße\nestate = {}\n",
        "estate: dict[str, object]\nestate = {}\n",
        "names: [str] = []\n",
        "a = 1\na == 1\n",
        'text = """\n<<<<<<< HEAD\n"""\n',
        "a = 1 // 2\n",
    ],
)
def test_a_file_that_python_reads(text: str) -> None:
    assert unreadable(text.encode(), FILE) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = 1\nb = true\n", "line 2: NameError: name 'true' is not defined; write True"),
        (
            "a = orders\n",
            "line 1: NameError: name 'orders' is not defined; write \"orders\" in quotes",
        ),
        (
            "import nobody\n",
            "line 1: ModuleNotFoundError: No module named 'nobody'; correct the name",
        ),
        ("a = yes\n", "write True"),
        ("a = ON\n", "write True"),
        ("a = TRUE\n", "write True"),
        ("a = No\n", "write False"),
        ("a = off\n", "write False"),
        ("a = NULL\n", "write None"),
        ("a = {}\na['x']\n", "line 2: KeyError: 'x'; name a key that is there"),
        (
            "import os\nos.environ['NOT_SET']\n",
            "line 2: KeyError: 'NOT_SET'; export NOT_SET",
        ),
        ("from . import x\n", "write it without the dots"),
        ("from postroad.setings.hidden import Hidden\n", "write postroad.settings"),
        ("from postroad.settings.hiden import Hidden\n", "write postroad.settings.hidden"),
        ("from postroad.settings.hidden import Hiden\n", "; write Hidden"),
        ("from postroad.zzz import x\n", "correct the name postroad.zzz, which has no zzz"),
        ("open('/nowhere/x')\n", "put /nowhere/x there"),
        # Not the library's line that it comes from in the end, but the operator's.
        ("import ipaddress\nipaddress.ip_address('x')\n", "line 2: ValueError: 'x' does not"),
    ],
)
def test_a_file_that_python_cannot_run(text: str, told: str) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - each is of another kind
        exec(compile(text, "/srv/mail/prod.py", "exec"), {})
    assert told in str(failed(raised.value, FILE, "/srv/mail/prod.py"))


SOUND = """
from pathlib import Path
_shared = {"ssh_user": "root"}
PORTS = [25, 587]
web = ["web1", ("web2", {"a": 1}), ("web3", _shared)]
db = ([f"db{n}" for n in range(3)], {"b": 2})
both: list[str] = web + ["x"]
"""


def test_groups_as_pyinfra_has_them_are_no_faults() -> None:
    assert list(odd_groups(SOUND, FILE)) == []
    assert may_name_hosts(SOUND)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('mail = ("mail1", {})\n', "line 1: mail is one host, not a group"),
        ('mail = (["mail1"],)\n', "line 1: mail is neither a list of hosts nor (list, data)"),
        ('mail = [\n    ("mail1",)]\n', 'line 2: mail: host "mail1" has no dictionary'),
        ('mail = ([("mail1", "192.0.2.1")], {})\n', 'line 1: mail: host "mail1" has no dict'),
    ],
)
def test_what_pyinfra_stumbles_over(text: str, told: str) -> None:
    (fault,) = odd_groups(text, FILE)
    assert told in str(fault)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('mail = {"mail1": {}}\n', "line 1: mail is no list of hosts"),
        ('mail = "mail1"\n', "line 1: mail is no list of hosts"),
        ('mail = ["mail1", {}]\n', "line 1: mail: a dictionary is no host"),
        ('mail = [["mail1", {}]]\n', "line 1: mail: a list is no host"),
        ("mail = [1]\n", "line 1: mail: 1 is no host"),
    ],
)
def test_what_pyinfra_passes_over(text: str, told: str) -> None:
    assert not may_name_hosts(text)
    (fault,) = passed_over(text, FILE)
    assert told in str(fault)


@pytest.mark.parametrize(
    ("word", "known", "likely"),
    [
        ("ttl", sections.ESTATE, "record_ttl"),
        ("ssl", sections.ESTATE, "tls"),
        ("ns", sections.ESTATE, "dns"),
        ("dmrac", sections.ESTATE, "dmarc"),
        ("mta-sts", sections.ESTATE, "mta_sts"),
        ("fqdn", sections.HOST, "hostname"),
        ("address", sections.HOST, "ipv4"),
        ("ptr", sections.WAY_OUT, "helo"),
        ("mail_from", sections.STREAM, "envelope_domain"),
        ("domains", sections.STREAM, "from_domains"),
        ("login", sections.STREAM, "users"),
        ("max_size", sections.LIMITS, "message_size"),
        ("rua", sections.DMARC, "reports"),
        ("ports", sections.FIREWALL, "ssh_port"),
        ("servers", sections.ESTATE, "hosts"),
        ("server", sections.ESTATE, "hosts"),
        ("nameservers", sections.ESTATE, "dns"),
        ("servers", sections.DNS, "resolvers"),
        ("nameservers", sections.DNS, "resolvers"),
        ("nameserver", sections.DNS_ZONE, "server"),
        ("ntp_servers", sections.ESTATE, "time_servers"),
        # Letters that only look like these: Cyrillic, Greek, full width
        ("\u0456pv4", sections.HOST, "ipv4"),
        ("hel\u03bf", sections.WAY_OUT, "helo"),
        ("\uff49\uff50v4", sections.HOST, "ipv4"),
        # Rather none than one that nobody meant.
        ("spf", sections.ESTATE, None),
        ("timezone", sections.ESTATE, None),
        ("zones", sections.ESTATE, None),
        ("port", sections.WAY_OUT, None),
    ],
)
def test_the_word_that_was_meant(word: str, known: tuple[str, ...], likely: str | None) -> None:
    assert nearest(word, known) == likely


def test_groups_may_come_from_elsewhere() -> None:
    assert may_name_hosts("from hosts import MAIL\n")
    assert may_name_hosts("for n in (1, 2):\n    globals()[f'mail{n}'] = [f'mail{n}']\n")
    assert not may_name_hosts("from pathlib import Path\nimport json\n")


@pytest.mark.parametrize("section", sections.ALL)
def test_every_right_word_means_itself(section: str) -> None:
    for word in sections.ALL[section]:
        assert nearest(word, sections.ALL[section]) == word


def test_a_key_of_another_section_is_sent_there() -> None:
    assert places("helo", sections.HOST) == ("hosts.NAME.ways_out.STREAM",)
    assert places("users", sections.ESTATE) == ("streams.STREAM",)
    assert places("host", sections.ESTATE) == ()
    assert places("spf", sections.ESTATE) == ()


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        ("Authentication error (username=root, key=~/.ssh/id)", 'check "ssh_user" and "ssh_key"'),
        (
            "Private key file (~/.ssh/id) is encrypted, set ssh_key_password",
            "ssh-add ~/.ssh/id, and",
        ),
        (
            "Host key for 192.0.2.11 does not match.",
            "take its old line out of the known_hosts file",
        ),
        (
            "SSH error (StrictPolicy: No host key for 192.0.2.11 found in known_hosts)",
            "ssh-keyscan -t ed25519 192.0.2.11",
        ),
        ("SSH error (No existing session)", "its sshd says nothing"),
        ("EOF error ()", "ssh-add it"),
        ("No running Vagrant instances matching `mta` found!", "vagrant up mta"),
    ],
)
def test_what_pyinfra_says_of_a_host_gets_its_mend_once(words: str, mend: str) -> None:
    told = mended(words)
    assert told.startswith(f"{words}; ")
    assert mend in told
    assert mended(told) == told
    assert mended("Connected") == "Connected"
