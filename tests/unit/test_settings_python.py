"""What Python refuses in the operator's files, and which word was meant."""

from __future__ import annotations

import pytest

from postroad.roles.run.pyinfra_words import mended
from postroad.settings import keys
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
        (b"\xef\xbb\xbfestate = {}\n", f"{FILE}: line 1: begins with a byte order mark; save it"),
    ],
)
def test_a_file_that_python_cannot_read(content: bytes, told: str) -> None:
    assert str(unreadable(content, FILE)).startswith(told)


def test_a_null_byte_is_told_however_python_says_it() -> None:
    assert unreadable(b"estate = {}\0\n", FILE) is not None


def test_a_file_that_python_reads() -> None:
    assert unreadable("# Grüße\nestate = {}\n".encode(), FILE) is None


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
        ("a = {}\na['x']\n", "line 2: KeyError: 'x'; name a key that is there"),
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
        ("ttl", keys.ESTATE, "record_ttl"),
        ("ssl", keys.ESTATE, "tls"),
        ("ns", keys.ESTATE, "dns"),
        ("dmrac", keys.ESTATE, "dmarc"),
        ("mta-sts", keys.ESTATE, "mta_sts"),
        ("fqdn", keys.HOST, "hostname"),
        ("address", keys.HOST, "ipv4"),
        ("ptr", keys.WAY_OUT, "helo"),
        ("mail_from", keys.STREAM, "envelope_domain"),
        ("domains", keys.STREAM, "from_domains"),
        ("login", keys.STREAM, "users"),
        ("max_size", keys.LIMITS, "message_size"),
        ("rua", keys.DMARC, "reports"),
        ("ports", keys.FIREWALL, "ssh_port"),
        # Rather none than one that nobody meant.
        ("spf", keys.ESTATE, None),
        ("timezone", keys.ESTATE, None),
        ("zones", keys.ESTATE, None),
        ("port", keys.WAY_OUT, None),
    ],
)
def test_the_word_that_was_meant(word: str, known: tuple[str, ...], likely: str | None) -> None:
    assert nearest(word, known) == likely


def test_groups_may_come_from_elsewhere() -> None:
    assert may_name_hosts("from hosts import MAIL\n")
    assert may_name_hosts("for n in (1, 2):\n    globals()[f'mail{n}'] = [f'mail{n}']\n")
    assert not may_name_hosts("from pathlib import Path\nimport json\n")


@pytest.mark.parametrize("section", keys.SECTIONS)
def test_every_right_word_means_itself(section: str) -> None:
    for word in keys.SECTIONS[section]:
        assert nearest(word, keys.SECTIONS[section]) == word


def test_a_key_of_another_section_is_sent_there() -> None:
    assert places("helo", keys.HOST) == ("hosts.NAME.ways_out.STREAM",)
    assert places("users", keys.ESTATE) == ("streams.STREAM",)
    assert places("host", keys.ESTATE) == ()
    assert places("spf", keys.ESTATE) == ()


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
