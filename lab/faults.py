"""What goes wrong with hosts, networks and receivers: each fault for as long as a block lasts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

from lab import certificates, control
from lab.fill import fill
from lab.guest import Guest
from lab.session import Lab
from lab.shell import environment, run
from postroad.host.paths import ACME_LIVE

Fault = Callable[[Lab], AbstractContextManager[None]]

# The programs of a sending host whose end a message may meet: Postfix's own, the signer, the milter
# behind it, the one that knows the logins, the resolver, and the one that writes the logs.
DAEMONS = (
    "master",
    "qmgr",
    "cleanup",
    "smtpd",
    "smtp",
    "trivial-rewrite",
    "tlsmgr",
    "opendkim",
    "milter",
    "dovecot",
    "auth",
    "unbound",
    "postlogd",
)
HOSTILE = ("slow", "many", "huge", "endless", "garbage")
STREAMS = ("transactional", "marketing")


def _senders(lab: Lab) -> list[Guest]:
    return list(lab.targets.values())


def _receivers(lab: Lab) -> list[Guest]:
    return [provider.guest for provider in lab.providers.values()]


def _filter(guest: Guest, rules: str) -> None:
    """Have the guest's kernel take nft(8)'s ``rules``; a guest has no such program."""
    _in_network(guest, "nft", "-f", "-", input=rules)


def _in_network(guest: Guest, *command: str, input: str | None = None) -> None:
    """Run one of this machine's programs in the guest's network."""
    run(["nsenter", f"--target={guest.pid}", "--net", *command], input=input)


# ---- daemons


@contextmanager
def killed(program: str, lab: Lab) -> Iterator[None]:
    """kill -9 of every process of a program, on each host."""
    for guest in _senders(lab):
        guest.run(["pkill", "-9", "-x", program], check=False)
    yield


@contextmanager
def frozen(program: str, lab: Lab) -> Iterator[None]:
    """The program's processes do nothing at all, on each host."""
    try:
        for guest in _senders(lab):
            guest.run(["pkill", "-STOP", "-x", program])
        yield
    finally:
        for guest in _senders(lab):
            guest.run(["pkill", "-CONT", "-x", program], check=False)


@contextmanager
def slow(program: str, lab: Lab) -> Iterator[None]:
    """The program's processes work for a tenth of a second out of every two, on each host."""
    unit = f"lab-slow-{program}"
    start = ("systemd-run", "--quiet", "--collect", f"--unit={unit}")
    turn = f"pkill -STOP -x {program}; sleep 1.9; pkill -CONT -x {program}; sleep 0.1"
    endless = f"while :; do {turn}; done"
    try:
        for guest in _senders(lab):
            guest.run([*start, "sh", "-c", endless])
        yield
    finally:
        for guest in _senders(lab):
            guest.run(["systemctl", "stop", unit], check=False)
            guest.run(["pkill", "-CONT", "-x", program], check=False)


@contextmanager
def stopped(unit: str, lab: Lab) -> Iterator[None]:
    """A unit is down on each host."""
    try:
        for guest in _senders(lab):
            guest.run(["systemctl", "stop", unit])
        yield
    finally:
        for guest in _senders(lab):
            guest.run(["systemctl", "start", unit])


# ---- hosts


@contextmanager
def powered_off(lab: Lab) -> Iterator[None]:
    """mail1 loses its power, and has it again afterwards."""
    guest = lab.targets["mail1"]
    guest.kill()
    try:
        yield
    finally:
        guest.start()


@contextmanager
def full(stream: str, what: str, lab: Lab) -> Iterator[None]:
    """The stream's queue on mail1 is on a file system with no more ``blocks`` or ``inodes``."""
    guest = lab.targets["mail1"]
    unit, queue = f"postroad-postfix@{stream}", f"/var/spool/postfix-{stream}"
    disk, kept = f"/run/{stream}-disk", f"/run/{stream}-kept"
    # More room than any stream wants to have free, so that the queue is open until it is full.
    guest.run(
        f"set -e; systemctl stop {unit}; mkdir {disk}"
        f"; mount -t tmpfs -o size=3g,nr_inodes=2000,mode=755 small {disk}"
        f"; cp -a {queue} {disk}/queue; mkdir {disk}/other {kept}; mount --bind {queue} {kept}"
        f"; mount --bind {disk}/queue {queue}; systemctl start {unit}"
    )
    use_up = {
        "blocks": f"dd if=/dev/zero of={disk}/other/fill bs=1M 2>/dev/null || :",
        "inodes": f"cd {disk}/other; n=0; while touch $n 2>/dev/null; do n=$((n+1)); done",
    }
    try:
        guest.run(use_up[what])
        yield
    finally:
        # Mail that is in the small queue goes back with it.
        guest.run(
            f"rm -rf {disk}/other; systemctl stop {unit}; umount {queue}"
            f"; rsync -a --delete {disk}/queue/ {queue}/ 2>/dev/null"
            f" || {{ rm -rf {queue}/*; cp -a {disk}/queue/. {queue}/; }}"
            f"; umount {kept} {disk}; rmdir {kept} {disk}; systemctl start {unit}"
        )


# ---- certificates

# Not postfix.service alone: what that hands on to its instances is not waited for.
RELOAD_ALL = "systemctl reload postfix.service 'postroad-postfix@*'"


def end_certificates(lab: Lab) -> None:
    """The certificate that each host shows is over since yesterday; nobody renewed it."""
    authority = control.surroundings(lab.state).authority
    for guest in _senders(lab):
        over = certificates.ended(authority, guest.read_file(f"{ACME_LIVE}/cert.pem"))
        for name in ("cert.pem", "fullchain.pem"):
            guest.run(f"cat > {ACME_LIVE}/{name}", input=over)
        guest.run(RELOAD_ALL)


@contextmanager
def expired_certificate(lab: Lab) -> Iterator[None]:
    """The hosts' certificates are over, until certbot's timer comes round."""
    end_certificates(lab)
    try:
        yield
    finally:
        for guest in _senders(lab):
            guest.run("certbot renew --quiet --no-random-sleep-on-renew")


# ---- names and networks


@contextmanager
def lying_names(lab: Lab) -> Iterator[None]:
    """Somebody answers for the name servers that no name exists; nothing of it is signed."""
    server = lab.dns.guest
    server.write_file("/run/liar.conf", fill("liar.conf", address=server.ipv4[0]))
    try:
        server.run("systemd-run --quiet --collect --unit=lab-liar unbound -d -c /run/liar.conf")
        _filter(server, fill("liar.nft", ipv4=server.ipv4[0], ipv6=server.ipv6[0]))
        # What a resolver already knows, it does not ask.
        for guest in _senders(lab):
            guest.run("systemctl restart unbound")
        yield
    finally:
        _filter(server, "delete table inet lab")
        server.run("systemctl stop lab-liar", check=False)
        for guest in _senders(lab):
            guest.run("systemctl restart unbound")


@contextmanager
def unplugged(lab: Lab) -> Iterator[None]:
    """mail1's network cable is out."""
    guest = lab.targets["mail1"]
    try:
        run(["ip", "link", "set", guest.cable, "down"])
        yield
    finally:
        run(["ip", "link", "set", guest.cable, "up"])


# ---- receivers


@contextmanager
def hanging(lab: Lab) -> Iterator[None]:
    """The receivers take connections and say nothing."""
    try:
        for guest in _receivers(lab):
            guest.run("systemctl kill --signal=STOP postfix.service")
        yield
    finally:
        for guest in _receivers(lab):
            guest.run("systemctl kill --signal=CONT postfix.service")


@contextmanager
def tarpits(lab: Lab) -> Iterator[None]:
    """The receivers take two seconds for every greeting, every recipient and every DATA."""
    waits = (
        "smtpd_client_restrictions=sleep 2",
        "smtpd_data_restrictions=sleep 2",
        "smtpd_delay_reject=no",
    )
    try:
        for guest in _receivers(lab):
            guest.run(["postconf", "-e", *waits])
            guest.run(["postfix", "reload"])
        yield
    finally:
        for guest in _receivers(lab):
            guest.run(["postconf", "-X", *(wait.partition("=")[0] for wait in waits)])
            guest.run(["postfix", "reload"])


@contextmanager
def dropping(lab: Lab) -> Iterator[None]:
    """The receivers drop connections wherever they are, in the middle of messages too."""
    unit = "lab-dropping"
    try:
        for guest in _receivers(lab):
            guest.run(
                f"systemd-run --quiet --collect --unit={unit} sh -c"
                " 'while :; do pkill -9 -x smtpd; sleep 0.3; done'"
            )
        yield
    finally:
        for guest in _receivers(lab):
            guest.run(["systemctl", "stop", unit], check=False)


_COUNTED = "/proc/sys/net/netfilter/nf_conntrack_acct"


@contextmanager
def silent_after_the_message(lab: Lab) -> Iterator[None]:
    """The receivers take messages, and no reply to one arrives before its connection is cut."""
    try:
        for guest in _receivers(lab):
            # Connections are counted from their beginning (nf_conntrack-sysctl).
            _in_network(guest, "sh", "-c", f"echo 1 > {_COUNTED}")
            _filter(guest, fill("silent.nft"))
            guest.run(["pkill", "-x", "smtpd"], check=False)
        yield
    finally:
        for guest in _senders(lab):
            _in_network(guest, "ss", "-K", "dport = :25")
        for guest in _receivers(lab):
            _filter(guest, "delete table inet lab")


@contextmanager
def answering(reply: str, lab: Lab) -> Iterator[None]:
    """The receivers answer every recipient with ``reply``."""
    place = "/etc/postfix/recipients"
    kept = {guest.name: guest.read_file(place) for guest in _receivers(lab)}
    try:
        for guest in _receivers(lab):
            guest.write_file(place, f"/./ {reply}\n")
            guest.run(["postfix", "reload"])
        yield
    finally:
        for guest in _receivers(lab):
            guest.write_file(place, kept[guest.name])
            guest.run(["postfix", "reload"])


# ---- clients


@contextmanager
def hostile(kind: str, lab: Lab) -> Iterator[None]:
    """A stranger at the open port of each host: see lab/etc/hostile.py."""
    stranger = lab.hosts["outsider"]
    attacks = [
        subprocess.Popen(
            stranger.enter("python3", "-c", fill("hostile.py"), kind, guest.ipv4[0], "25", "100"),
            stdin=subprocess.PIPE,
            env=environment(),
        )
        for guest in _senders(lab)
    ]
    try:
        yield
    finally:
        for attack in attacks:
            attack.communicate(timeout=30)


def none(lab: Lab) -> AbstractContextManager[None]:
    """Nothing goes wrong."""
    return nullcontext()


FAULTS: Mapping[str, Fault] = {
    "none": none,
    **{f"kill -9 {program}": partial(killed, program) for program in DAEMONS},
    **{f"kill -STOP {program}": partial(frozen, program) for program in ("opendkim", "unbound")},
    **{f"{program} is slow": partial(slow, program) for program in ("opendkim", "unbound")},
    "resolver lied to": lying_names,
    "resolver dead": partial(stopped, "unbound.service"),
    "power off": powered_off,
    **{
        f"no {what}, {stream}": partial(full, stream, what)
        for what in ("blocks", "inodes")
        for stream in STREAMS
    },
    "certificate over": expired_certificate,
    "network cut": unplugged,
    "receivers hang": hanging,
    "receivers are tarpits": tarpits,
    "receivers drop connections": dropping,
    "receivers' last replies are lost": silent_after_the_message,
    "receivers answer 4xx": partial(answering, "450 4.7.1 Not now"),
    "receivers answer 5xx": partial(answering, "550 5.7.1 Not at all"),
    **{f"hostile clients: {kind}": partial(hostile, kind) for kind in HOSTILE},
}
