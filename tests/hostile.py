"""Values that mean something else in some file, and what each format's own reader must say of them.

`PLACES` names where a hostile string can be written in an estate, setting by setting, and `READERS`
who reads a row of the manifest. A setting or a template that is new is missing here, and fails.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from postroad.data import VERSION
from postroad.host.paths import (
    ALARM,
    BUDGET,
    BUDGET_SOCKET,
    MAILBOXES,
    MILTER,
    OTHERS_MAIL_ADDRESS,
    OTHERS_MAIL_RECIPIENT,
    REFRESH,
)
from postroad.mail.intake import intake, senders
from postroad.mail.parts.row import Row
from postroad.mail.render import TEMPLATES, inbound_domains, system_stream
from postroad.settings.model import Dns01, Estate, Host, StreamName
from postroad.settings.ports import SINK_PORT, SYSTEM_MAIL_PORT
from tests.unit.declarations import Declaration, Path, declaration, drop, put
from tests.unit.estates import everything_optional

# Local parts that are dot-atoms (RFC 5322 §3.2.3), and that some format reads as something else.
LOCAL_PARTS = (
    "ops$mydomain", "ops${mydomain}", "$$", "$1", "#1", "{x}", "{x", "x}", "}x{", "{{x}}",
    "{#{%", "a%b", "%s", "%{user}", "a!b", "a|b", "o'brien", "`id`", "a/b", "/x/", "a=b", "=",
    "~root", "^x", "x?", "*", "+", "a+b", "-x", "--x", "&x", "a_b", "Ops", "a.b", "no", "0x10",
)  # fmt: skip

# One of each kind, for readers that take their time.
KINDS = (
    "ops$mydomain",
    "$1",
    "#1",
    "{x}",
    "{x",
    "{#{%",
    "a%b",
    "o'brien",
    "`id`",
    "/x/",
    "*",
    "Ops",
)

# What no format holds, or only by quoting: one of each kind.
TEXTS = (
    "x\ny", "x\r\ny", "x\x0by", "x\x85y", "x\u2028y", "x\x00y", "x\x1b[2Jy", "x\u202ey", "x\ty",
    " x", "x ", "x y", 'x"y', 'x"; y "', "x'y", "x'; id; '", "x`id`", "x$(id)", "$x", "${x}",
    "x\\", "x\\ny", "#x", "x #y", "x//y", "x/*y*/", "x;y", "{x}", "x}", "{x", "%x", "%(x)s",
    "x:y", "x,y", "x=y", "-x", "--x", "@x", "*", "[x]", "<x>", "x|y", "x&y", "!x", "é", "..",
    "../x", "/x", "~", "null", "no", "0x10", "1e5", "localhost.shop.example",
)  # fmt: skip
URLS = tuple(f"https://{host}/{path}" for host, path in (
    ("..", "x"), ("a..b", ""), ("h", 'x"y'), ("h", "x;#y"), ("h", "%zz"), ("h", "%(x)s"),
    ("h", "a,b"), ("h", "%41$x&'()*+=:~!//x"), ("h", "{x}"), ("h", "x\\"), ("-h", ""), ("h:x", ""),
    ("[::1]:14000", "x"),
))  # fmt: skip
ORIGINS = ("origin=a//b,label=${distro_id} :*", "origin=$x", 'origin=x"', "origin=x;")

STRINGS = (
    *TEXTS,
    *URLS,
    *ORIGINS,
    *(f"{part}@{domain}" for part in LOCAL_PARTS for domain in ("shop.example",)),
    *(f"{part}@bounce.shop.example" for part in LOCAL_PARTS),
)

_HOST: Path = ("hosts", "mail1")
_STREAM: Path = ("streams", "transactional")
_USER: Path = (*_STREAM, "users", "shop")
_CHALLENGE: Path = ("tls", "challenge", "dns-01")
_KEY: Declaration = {
    "host": "mail1", "stream": "transactional", "domain": "shop.example", "selector": "x",
    "on_host": "/etc/x.pem",
}  # fmt: skip
_OPENING: Declaration = {"port": 8443, "protocol": "tcp", "comment": "web"}
_ZONE: Declaration = {"server": "192.0.2.53", "key_name": "k", "key": {"env": "X"}}


def base() -> Declaration:
    """An estate in which every setting is written, so that each can be replaced."""
    declared = everything_optional()
    declared["dkim_keys"] = [dict(_KEY)]
    declared["firewall"] = {"open": [dict(_OPENING)]}
    declared["dns"] = {"zones": {"shop.example": dict(_ZONE)}}
    declared["mta_sts"] = {"mode": "testing", "web_host": "www.shop.example"}
    declared["unsubscribe"] = {"hostname": "u.shop.example", "web_host": "www.shop.example"}
    return declared


def supplied() -> Declaration:
    """The same with a certificate that the operator brings."""
    return {**base(), "tls": {"source": "supplied", "chain_file": "x", "key": {"env": "X"}}}


def without_tls() -> Declaration:
    """The same without a certificate, of which MTA-STS would demand one."""
    return {**drop(base(), ("mta_sts",)), "tls": {"source": "none"}}


@dataclass(frozen=True)
class Place:
    """Where a section of docs/settings.md stands in `base`, and which of its keys are lists."""

    path: Path
    lists: tuple[str, ...] = ()
    within: Callable[[], Declaration] = base

    def written(self, key: str, value: str) -> Declaration:
        """The declaration with this value at ``key`` of the section."""
        return put(self.within(), (*self.path, key), [value] if key in self.lists else value)


PLACES: dict[str, Place] = {
    "estate": Place((), ("time_servers", "other_releases", "private_networks")),
    "admin": Place(("admin",), ("networks",)),
    "hosts.NAME": Place(_HOST),
    "hosts.NAME.ways_out.STREAM": Place((*_HOST, "ways_out", "transactional")),
    "streams.STREAM": Place(
        _STREAM, ("from_domains", "clients", "sign_headers", "oversign_headers")
    ),
    "streams.STREAM.users.NAME": Place(_USER, ("passwords", "from", "envelope")),
    "streams.STREAM.limits": Place((*_STREAM, "limits")),
    'tls, source "acme"': Place(("tls",)),
    'tls, source "supplied"': Place(("tls",), within=supplied),
    'tls, source "none"': Place(("tls",), within=without_tls),
    "tls.challenge.dns-01": Place(_CHALLENGE),
    "dkim": Place(("dkim",)),
    "dkim_keys[]": Place(("dkim_keys", 0)),
    "dmarc": Place(("dmarc",)),
    "mta_sts": Place(("mta_sts",)),
    "unsubscribe": Place(("unsubscribe",)),
    "dns": Place(("dns",), ("resolvers",)),
    "dns.zones.ZONE": Place(("dns", "zones", "shop.example")),
    "resolver": Place(("resolver",)),
    "firewall": Place(("firewall",)),
    "firewall.open[]": Place(("firewall", "open", 0), ("networks",)),
    "upgrades": Place(("upgrades",), ("origins",)),
}

# The settings that take any of `STRINGS`; every other one refuses them all.
FREE = frozenset(
    {
        ("estate", "tls_reports"), ("estate", "system_sender"), ("estate", "apt_proxy"),
        ("admin", "email"),
        ("streams.STREAM.users.NAME", "from"), ("streams.STREAM.users.NAME", "envelope"),
        ('tls, source "acme"', "directory"), ('tls, source "acme"', "email"),
        ("dmarc", "reports"),
        ("upgrades", "origins"),
        ("firewall.open[]", "comment"),
        # A path on the host, a word of a shell script.
        ("dkim_keys[]", "on_host"),
        # Paths on the controller: opened, never written anywhere.
        ('tls, source "acme"', "ca_file"), ('tls, source "supplied"', "chain_file"),
        ("resolver", "root_hints_file"), ("resolver", "trust_anchor_file"),
        # Of one DNS label each, and those of "no" and "null" are hostile only to YAML.
        ("hosts.NAME", "label"), ("hosts.NAME.ways_out.STREAM", "selector_label"),
        ("dkim_keys[]", "selector"),
        ("tls.challenge.dns-01", "key_name"), ("dns.zones.ZONE", "key_name"),
        ("estate", "other_releases"),
        # Full domain names.
        ("hosts.NAME.ways_out.STREAM", "helo"), ("streams.STREAM", "envelope_domain"),
        ('tls, source "acme"', "caa"), ("estate", "port25_probe"), ("estate", "time_servers"),
        ("mta_sts", "web_host"), ("unsubscribe", "hostname"), ("unsubscribe", "web_host"),
    }
)  # fmt: skip


# ---- one estate with the same hostile local part everywhere --------------------------------------


def estate_of(local: str) -> Declaration:
    """`base` with every address of it at this local part, and other values that formats dislike."""
    declared = drop(base(), ("dkim_keys",))
    mine, bounce = f"{local}@shop.example", f"{local}@bounce.shop.example"
    declared["admin"]["email"] = f"{local}@bigmail.example"
    declared["system_sender"] = mine
    declared["private_networks"] = ["10.9.0.0/16"]
    declared["dmarc"] = {"reports": mine}
    declared["tls_reports"] = mine
    declared["tls"]["email"] = mine
    declared["apt_proxy"] = "http://apt.shop.example:3142/%41$x;'//x/*x*/"
    declared["upgrades"] = {"origins": ["origin=a//b,label=${distro_id} :*"]}
    user = declared["streams"]["transactional"]["users"]["shop"]
    declared["streams"]["transactional"]["users"]["Other-1"] = {
        "passwords": user["passwords"] * 2,
        "from": [mine],
        "envelope": [bounce],
    }
    return declared


# ---- who reads a row, what is asked, and what must come of it ------------------------------------


@dataclass(frozen=True)
class Ask:
    """A shell command on the host, with $f the rendered file and $d its folder, and its answer."""

    command: str
    answer: str


Reader = Callable[[Row, Estate, Host], Iterator[Ask]]


def _postmap(key: str, kind: str, answer: str) -> Ask:
    return Ask(f'postmap -q {shlex.quote(key)} {kind}:"$f"', answer)


def _parameter(name: str, value: str) -> Ask:
    return Ask(f'postconf -c "$d" -hx {name}', value)


def _in_place(row: Row, command: str) -> str:
    """The command on a host where $f stands in the row's own place, for this command alone."""
    return f"unshare --mount sh -c {shlex.quote(f'mount --bind $0 {row.path}; {command}')} $f"


def _apt_proxy(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    read = 'eval "$(apt-config shell x Acquire::http::Proxy)"; printf %s "$x"'
    yield Ask(_in_place(row, read), estate.apt_proxy or "")


def _apt_origins(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    read = "apt-config dump --format %v%n Unattended-Upgrade::Origins-Pattern | tail -n 1"
    for origin in estate.upgrades.origins[-1:]:
        yield Ask(_in_place(row, read), origin)


def _verbatim(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    yield Ask('cat "$f"', host.hostname)


def _version(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    yield Ask('cat "$f"', VERSION)


def _hosts(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    read = f"getent -s files ahosts {host.hostname} | cut -d' ' -f1 | sort -u"
    yield Ask(_in_place(row, read), "\n".join(sorted(map(str, host.addresses))))


def _logrotate(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    yield Ask(
        'logrotate -d -s /dev/null "$f" 2>&1 | sed -n "s/.*(\\([0-9]*\\) rotations).*/\\1/p"',
        str(estate.log_days),
    )


def _logrotate_inbound(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    limits = intake(estate)
    yield Ask(
        'logrotate -d -s /dev/null "$f" 2>&1'
        ' | sed -n "s/.*pattern: .* \\([0-9]*\\) bytes .*(\\([0-9]*\\) rotations).*/\\1 \\2/p"',
        f"{limits.log_bytes} {limits.logs}",
    )


def _timesyncd(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    yield Ask('sed -n "s/^NTP=//p" "$f"', " ".join(estate.time_servers))


def _dovecot(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    yield Ask('doveconf -c "$f" -h instance_name', f"postroad-{row.stream}")


def _users(index: int) -> Reader:
    def read(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
        for user in estate.stream(_stream(row)).users:
            if len(user.password_hashes) > index:
                yield Ask(f'sed -n "s/^{user.login}://p" "$f"', user.password_hashes[index])

    return read


def _opendkim(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    # -n says nothing of a configuration that it takes, and looks at every name in it.
    yield Ask('opendkim -n -x "$f" 2>&1 | grep -v "No such file" || :', "")


def _key_table(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    for domain in estate.stream(_stream(row)).from_domains:
        yield Ask(f'grep -c "^{domain} {domain}:" "$f"', "1")


def _signing_table(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    for domain in estate.stream(_stream(row)).from_domains:
        yield Ask(f'grep -cFx "*@{domain} {domain}" "$f"', "1")


_LUA = r"""
import re, sys
text = open(sys.argv[1]).read().partition("local function")[0]
word = r'"((?:[^"\\]|\\\d{3})*)"'
read = lambda said: re.sub(r"\\(\d{3})", lambda m: chr(int(m[1])), said)
for said in re.findall(word, text): print(read(said))
"""


def _policy(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    """Lua has no interpreter on these hosts: the manual's rule (§3.1), here by Python. The signer
    itself reads it in tests/lab/test_formats.py, and must sign for what it allows."""
    stream = estate.stream(_stream(row))
    named = (
        (user.login, *map(str.lower, addresses))
        for addresses_of in ("from_addresses", "envelope_senders")
        for user in stream.users
        for addresses in [getattr(user, addresses_of)]
    )
    last = (stream.bounce_address.lower(), estate.system_sender.lower())
    each = [word for words in (*named, last) for word in words]
    yield Ask(f'python3 -c {shlex.quote(_LUA)} "$f"', "\n".join(each))


def _default_main(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    yield _parameter("myhostname", host.hostname)
    # As cleanup(8) reads the answer: RFC 5321's quoting taken away.
    yield Ask(
        'postmap -q root "$(postconf -c "$d" -hx recipient_canonical_maps)"'
        """ | sed 's/^"\\(.*\\)"@/\\1@/'""",
        estate.admin.email,
    )


def _sender_canonical(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    yield _postmap("root@x", "pcre", estate.system_sender)
    yield _postmap("", "pcre", "")


def _stream_main(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    name = _stream(row)
    way = host.way_out(name)
    yield _parameter("myhostname", f"{name}.{host.hostname}")
    yield _parameter("smtp_helo_name", way.helo)
    yield _parameter("inet_interfaces", ", ".join(map(str, way.addresses)))


def _inbound_main(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    yield _parameter("virtual_mailbox_domains", ", ".join(inbound_domains(estate, host)))


def _stream_master(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    name = _stream(row)
    if name != system_stream(estate, host).name:
        return
    # Postfix's own readers take each other's words: the table that the listener names is asked.
    for table, parameter, address in (
        ("system_sender", "smtpd_sender_restrictions", estate.stream(name).bounce_address),
        ("system_recipient", "smtpd_recipient_restrictions", estate.admin.email),
    ):
        yield Ask(
            f'said=$(postconf -c "$d" -hP "127.0.0.1:{SYSTEM_MAIL_PORT}/inet/{parameter}");'
            " kind=${said#*,}; kind=${kind%%:*};"
            f' postmap -q {shlex.quote(address)} "$kind:$d/{table}"',
            "OK",
        )


def _header_checks(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    for domain in estate.stream(_stream(row)).from_domains:
        yield _postmap(f"From: <x@{domain}>", "pcre", "DUNNO")
        refusal = "REJECT 5.7.1 From: and Sender: must end in one address at " + domain
        yield _postmap(f"From: <x@{domain.replace('.', 'x')}>", "pcre", refusal)


def _sender_logins(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    for user in estate.stream(_stream(row)).users:
        for sender in user.envelope_senders:
            yield _postmap(sender, "pcre", user.login)


def _sender_access(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    stream = estate.stream(_stream(row))
    refusal = f"550 5.7.1 MAIL FROM:<> is refused here: use {stream.bounce_address}"
    yield _postmap("<>", "pcre", refusal)
    for sender in (f"bounce+1@{stream.envelope_domain}", *stream.return_paths):
        yield _postmap(sender, "pcre", "DUNNO")
    refusal = "550 5.7.1 bounces to this address would be lost: MAIL FROM may be "
    known = ", ".join(stream.return_paths)
    yield _postmap(
        f"nobody@{stream.envelope_domain}",
        "pcre",
        f"{refusal}{known} or bounce+anything@{stream.envelope_domain}",
    )


def _reject_footers(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    domains = " or ".join(estate.stream(_stream(row)).from_domains)
    words = "\\c: write one From: and at most one Sender:, each with one address that your login "
    yield _postmap("550 5.7.1 Command rejected", "pcre", f"{words}may use at {domains}")


def _system_command(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    bounce = estate.stream(_stream(row)).bounce_address
    yield _postmap(
        f"MAIL FROM:<{estate.system_sender}> SIZE=1", "pcre", f"MAIL FROM:<{bounce}> SIZE=1"
    )
    yield _postmap("MAIL FROM:<> SIZE=1", "pcre", f"MAIL FROM:<{bounce}> SIZE=1")
    domain = estate.system_sender.rpartition("@")[2]
    yield _postmap(f"MAIL FROM:<nobody@{domain}>", "pcre", "")
    yield _postmap(f"RCPT TO:<{OTHERS_MAIL_RECIPIENT}>", "pcre", f"RCPT TO:<{estate.admin.email}>")


def _transport(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    for domain in inbound_domains(estate, host):
        yield _postmap(domain, "texthash", "inbound:[127.0.0.1]:25")


def _mailboxes(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    for stream in estate.streams:
        for sender in (f"bounce+1@{stream.envelope_domain}", *stream.return_paths):
            yield _postmap(sender, "pcre", f"{stream.name}/bounces/")
        other = stream.envelope_domain.replace(".", "x")
        yield _postmap(f"bounce@{other}", "pcre", "")


def _given_up(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    for stream in estate.streams:
        yield _postmap(stream.bounce_address, "pcre", "")


def _unit(wanted: Callable[[Host], str]) -> Reader:
    return _unit_of(lambda estate, host: wanted(host))


def _unit_of(wanted: Callable[[Estate, Host], str]) -> Reader:
    """systemd's own words for what it would run: loaded by another name, and not started."""

    def read(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
        unit = f"hostile-{row.path.rpartition('/')[2]}"
        place = f"/run/systemd/system/{unit}"
        yield Ask(
            f'cp "$f" {place}; systemctl daemon-reload;'
            f" systemctl show -p ExecStart {unit.replace('@', '@x')}"
            f" | sed -n 's/.*argv\\[\\]=\\(.*\\) ; ignore_errors.*/\\1/p'; rm {place}",
            wanted(estate, host),
        )

    return read


def _budget(estate: Estate, host: Host) -> str:
    limits = intake(estate)
    return (
        f"{BUDGET} serve {BUDGET_SOCKET} {MAILBOXES} /var/spool/postfix-inbound"
        f" /etc/postfix-inbound/mailboxes {limits.maildir_bytes} {limits.maildir_files}"
        f" {limits.message_size} {limits.free} {limits.rate_of_client}"
        + "".join(f" {one}" for one in senders(estate))
    )


def _tidy(estate: Estate, host: Host) -> str:
    limits = intake(estate)
    return "\n".join(
        (
            "/usr/sbin/logrotate --state /dev/null /etc/postfix-inbound/logrotate.conf",
            "/usr/bin/find /var/log/postroad -maxdepth 1 -type f -name *.log-*"
            f" -mtime +{estate.log_days} -delete",
            f"{BUDGET} tidy {MAILBOXES} /var/spool/postfix-inbound"
            f" /etc/postfix-inbound/mailboxes {limits.maildir_bytes} {limits.maildir_files}"
            f" {limits.free} {estate.log_days}",
        )
    )


def _originated(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    refusal = "error:5.7.1 a daemon's own mail goes nowhere"
    yield _postmap(f"double-bounce@{_stream(row)}.{host.hostname}", "texthash", refusal)
    yield _postmap("<>", "texthash", "error:5.7.1 reports go to our own bounce addresses alone")


def _sink(host: Host) -> str:
    return (
        f"/usr/sbin/smtp-sink -h sink.{host.hostname} -d /var/mail/postroad/sink/"
        f"%Y%m%d-%H%M%S. 127.0.0.1:{SINK_PORT} 100"
    )


def _renewed(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    names = [f"postroad-postfix@{name}.service" for name in (*host.streams, "inbound")]
    # exec takes no function: a folder in front of the path has the one that tells its words.
    tells = "#!/bin/sh\nprintf '%s\\n' \"$@\"\n"
    yield Ask(
        f'mkdir -p "$d/bin"; printf %s {shlex.quote(tells)} > "$d/bin/systemctl";'
        ' chmod +x "$d/bin/systemctl"; PATH="$d/bin:$PATH" dash "$f"',
        "\n".join(["try-reload-or-restart", *names]),
    )


def _rfc2136(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    assert not isinstance(estate.tls, str)
    challenge = getattr(estate.tls, "challenge", None)
    assert isinstance(challenge, Dns01)
    read = "import sys, configobj; c = configobj.ConfigObj(sys.argv[1]); print(c[sys.argv[2]])"
    for key, value in (("name", challenge.key_name), ("server", str(challenge.server))):
        yield Ask(f'python3 -c {shlex.quote(read)} "$f" dns_rfc2136_{key}', value)
    yield Ask(f'python3 -c {shlex.quote(read)} "$f" dns_rfc2136_secret', SECRET)


def _unbound(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    answer = "yes" if any(ip_address(a).version == 6 for a in host.addresses) else "no"
    yield Ask('unbound-checkconf -o do-ip6 "$f"', answer)


def nothing(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    """A file of the operator's, as it is."""
    return iter(())


def _public_table(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    for domain in estate.stream(_stream(row)).from_domains:
        yield Ask(f'awk \'$1 == "{domain}" {{print NF}}\' "$f"', "3")


def _others(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    line = "Received: by mail1 (Postfix, from userid 33)"
    yield _postmap(line, "pcre", f"REDIRECT {OTHERS_MAIL_RECIPIENT}")


def _default_master(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    yield Ask('postconf -c "$d" -hP others/unix/smtp_bind_address', OTHERS_MAIL_ADDRESS)


def _nowhere(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    yield _postmap("10.8.0.1", "cidr", "IGNORE")
    for network in estate.private_networks:
        yield _postmap(str(network[1]), "cidr", "")


def _early_rules(tables: str, chain: str) -> Reader:
    def read(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
        version = 4 if tables == "iptables" else 6
        for network in (n for n in estate.private_networks if n.version == version):
            yield Ask(
                f'unshare --net sh -c \'{tables} -N {chain}; {tables}-restore --noflush < "$0";'
                f" {tables} -S' \"$f\" | grep -c -- '-d {network} .*--dport 25 .*ACCEPT'",
                "1",
            )
        yield Ask(
            f"unshare --net sh -c '{tables} -N {chain}; {tables}-restore --noflush' < \"$f\"", ""
        )

    return read


def _comments(row: Row, estate: Estate, host: Host) -> Iterator[Ask]:
    """Nothing but comments hold a value: without them, the file is the template's own."""
    template = (TEMPLATES / row.template).read_text()
    ours = [line for line in template.splitlines() if not line.startswith("#")]
    yield Ask('grep -v "^#" "$f"', "\n".join(ours))


def _stream(row: Row) -> StreamName:
    assert row.stream is not None
    return row.stream


# Such as a key: with what ConfigObj and a shell read as something else.
SECRET = "a+b/c==,#'$x%41"

# Every template that writes a value. Those that only choose between lines of ours have no reader.
READERS: dict[str, Reader] = {
    "base/apt-proxy.j2": _apt_proxy,
    "base/apt-upgrades.j2": _apt_origins,
    "base/hostname.j2": _verbatim,
    "base/hosts.j2": _hosts,
    "base/logrotate.j2": _logrotate,
    "base/mailname.j2": _verbatim,
    "base/timesyncd.conf.j2": _timesyncd,
    "dovecot/dovecot.conf.j2": _dovecot,
    "postroad/version.j2": _version,
    "dovecot/users.j2": _users(0),
    "dovecot/users.next.j2": _users(1),
    "opendkim/key.table.j2": _key_table,
    "opendkim/opendkim.conf.j2": _opendkim,
    "opendkim/policy.lua.j2": _policy,
    "opendkim/public.table.j2": _public_table,
    "opendkim/signing.table.j2": _signing_table,
    "postfix/body_checks.j2": _comments,
    "postfix/default.header_checks.j2": _others,
    "postfix/default.main.cf.j2": _default_main,
    "postfix/default.master.cf.j2": _default_master,
    "postfix/default.sender_canonical.j2": _sender_canonical,
    "postfix/delivery_status.j2": _comments,
    "postfix/dns_answers.j2": _comments,
    "postfix/header_checks.j2": _header_checks,
    "postfix/inbound.main.cf.j2": _inbound_main,
    "postfix/inbound.master.cf.j2": _comments,
    "postfix/inbound.logrotate.j2": _logrotate_inbound,
    "postfix/given_up.j2": _given_up,
    "postfix/mailboxes.j2": _mailboxes,
    "postfix/milter_header_checks.j2": _comments,
    "postfix/nowhere.j2": _nowhere,
    "postfix/originated.j2": _originated,
    "postfix/recipient_domains.j2": _comments,
    "postfix/reject_footers.j2": _reject_footers,
    "postfix/sender_access.j2": _sender_access,
    "postfix/sender_logins.j2": _sender_logins,
    "postfix/stream.main.cf.j2": _stream_main,
    "postfix/stream.master.cf.j2": _stream_master,
    "postfix/system_command.j2": _system_command,
    # Asked by way of the listener that names them.
    "postfix/system_recipient.j2": nothing,
    "postfix/system_sender.j2": nothing,
    "postfix/transport.j2": _transport,
    "systemd/postroad-alarm@.service.j2": _unit(lambda host: f"{ALARM} x"),
    "systemd/postroad-budget.service.j2": _unit_of(_budget),
    "systemd/postroad-milter@.service.j2": _unit(lambda host: MILTER),
    "systemd/postroad-refresh.service.j2": _unit(lambda host: REFRESH),
    "systemd/postroad-sink.service.j2": _unit(_sink),
    "systemd/postroad-tidy.service.j2": _unit_of(_tidy),
    "tls/ca.crt.j2": nothing,
    "tls/chain.pem.j2": nothing,
    "tls/key.pem.j2": nothing,
    "tls/renewed.j2": _renewed,
    "tls/rfc2136.ini.j2": _rfc2136,
    "ufw/before.rules.j2": _early_rules("iptables", "ufw-logging-deny"),
    "ufw/before6.rules.j2": _early_rules("ip6tables", "ufw6-logging-deny"),
    # Values of our own, none of an estate's.
    "ufw/tmpfiles.conf.j2": nothing,
    "unbound/root.hints.j2": nothing,
    "unbound/root.key.j2": nothing,
    "unbound/unbound.conf.j2": _unbound,
}


def declarations() -> Iterator[tuple[str, Declaration]]:
    """Each hostile estate, by the local part of all its addresses; one by a certificate supplied,
    and one lone box, so that every row of the manifest is among theirs."""
    for local in KINDS:
        yield local, estate_of(local)
    brought = {"source": "supplied", "chain_file": "x", "key": {"env": "X"}}
    yield "supplied", {**estate_of("ops$mydomain"), "tls": brought}
    yield "lone", {**declaration(), "tls": brought, "lone": True}
