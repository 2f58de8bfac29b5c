"""The canary refuses what the daemons' own checkers pass, and says why; killed, it leaves nothing.

Each test stages what is live on a deployed host, breaks one thing in it and asks the canary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle

import pytest
from _pytest.mark import ParameterSet

from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from postroad.settings.ports import SYSTEM_MAIL_PORT

CANARY = "/usr/bin/python3 -IB /usr/local/lib/postroad canary"
STAGE = "/run/canary-test"
STREAM = "transactional"
# Debian 12 and 13: Postfix 3.7 and 3.10, Dovecot 2.3 and 2.4, systemd 252 and 257.
HOSTS = ("mail1", "mail2")


@dataclass(frozen=True)
class Fault:
    """Something wrong, as shell in the stage with $main, $master, $tables; and what is said."""

    name: str
    edit: str
    said: str


def setting(text: str) -> str:
    """Shell that sets one main.cf parameter in its place."""
    return f"postconf -c . -e '{text}'"


# The twenty faults of which postfix(1) check reports three by its exit status and five by a word.
POSTFIX_FAULTS = (
    Fault("line without =", "echo smtpd_banner >> main.cf", "missing '='"),
    Fault("short master.cf line", "echo 'spare unix - n' >> master.cf", "master.cf"),
    Fault(
        "unbalanced brace",
        "sed -i 's/^smtp_helo_name = .*/smtp_helo_name = ${myhostname/' main.cf",
        "truncated macro",
    ),
    Fault("unknown parameter", "echo 'smtp_bind_adress = ::1' >> main.cf", "smtp_bind_adress"),
    Fault(
        "unknown parameter after -o",
        "sed -i 's/^cleanup .*/&\\n    -o no_such_parameter=yes/' master.cf",
        "no_such_parameter",
    ),
    Fault("parameter twice", "echo 'biff = yes' >> main.cf", "biff"),
    Fault(
        "comment after a value",
        "sed -i 's/^smtpd_helo_required = yes$/& # loud/' main.cf",
        "loud",
    ),
    Fault("group may write main.cf", "chmod 664 main.cf", "may write it"),
    Fault("half a second", setting("default_transport_rate_delay = 0.5s"), "0.5s"),
    Fault("a number that is none", setting("qmgr_message_active_limit = many"), "many"),
    Fault("a level that is none", setting("smtp_tls_security_level = maybe"), "maybe"),
    Fault("no such daemon", "sed -i 's/ qmgr$/ qmrg/' master.cf", "qmrg"),
    Fault("no such table", setting("transport_maps = lmdb:/etc/nothing"), "/etc/nothing"),
    Fault("no such kind of table", setting("transport_maps = hush:/etc/nothing"), "hush"),
    Fault("bad expression", "echo '/(/ REJECT' >> header_checks", "header_checks"),
    Fault(
        "misspelt restriction",
        setting("smtpd_relay_restrictions = permit_sasl_authenticated, rejct, reject"),
        "rejct",
    ),
    Fault(
        "open relay",
        "; ".join(
            setting(text)
            for text in (
                "mynetworks = 0.0.0.0/0",
                "smtpd_client_restrictions =",
                "smtpd_sender_restrictions =",
                "smtpd_relay_restrictions = permit_sasl_authenticated permit_mynetworks reject",
                "smtpd_recipient_restrictions = permit_sasl_authenticated permit_mynetworks reject",
            )
        ),
        "relaying for a stranger was let in",
    ),
    Fault(
        "an address is a recipient's domain",
        setting("smtpd_recipient_restrictions = permit_sasl_authenticated, reject"),
        "mail for someone@.* was accepted",
    ),
    Fault("records are followed anywhere", setting("smtp_dns_reply_filter ="), "reply_filter"),
    Fault("no TLS key", setting("smtpd_tls_chain_files = /etc/nothing.pem"), "/etc/nothing.pem"),
    Fault("no signer there", setting("smtpd_milters = unix:/run/nothing.sock"), "nothing.sock"),
    Fault("address of another host", setting("smtp_bind_address = 192.0.2.99"), "192.0.2.99"),
)


def key(make: str) -> str:
    """Shell that makes a key of the first domain with ``make`` and names it in the key table."""
    return (
        f"{make}; chown opendkim:opendkim bad.pem; chmod 600 bad.pem; "
        f"sed -Ei 's,[^:]+$,/etc/postroad/{STREAM}/bad.pem,' key.table"
    )


# The twelve faults of which opendkim(8) -n reports three.
SIGNER_FAULTS = (
    Fault("unknown option", "echo 'TrustedHosts /etc/x' >> opendkim.conf", "TrustedHosts"),
    Fault(
        "bad canonicalization",
        "sed -i 's,relaxed/relaxed,relaxed/loose,' opendkim.conf",
        "canonicalization|loose",
    ),
    Fault("no signing table", "sed -i /^SigningTable/d opendkim.conf", "not signed by this stream"),
    Fault("no key file", "sed -Ei 's,[^:]+$,/etc/nothing.pem,' key.table", "/etc/nothing.pem"),
    Fault("short key table row", "sed -Ei 's,:[^:]+$,,' key.table", "key.table"),
    Fault(
        "key name that is not in the key table",
        "sed -Ei '/^[*]@/s, .*, nobody,' signing.table",
        "unknown key 'nobody'",
    ),
    Fault(
        "key that everybody may read",
        key("openssl genrsa -out bad.pem 2048 2>/dev/null") + "; chmod 644 bad.pem",
        "not secure",
    ),
    Fault("key that is none", key("echo nothing > bad.pem"), "bad.pem"),
    Fault(
        "Ed25519 key",
        key("openssl genpkey -algorithm ed25519 -out bad.pem"),
        "bad.pem is no RSA key",
    ),
    Fault("RSA-512 key", key("openssl genrsa -out bad.pem 512 2>/dev/null"), "512 bits"),
    Fault("unknown user", "echo 'UserID nobody-here' >> opendkim.conf", "nobody-here"),
    Fault("no socket", "sed -i /^Socket/d opendkim.conf", "[Ss]ocket|milter"),
    Fault(
        "oversigned header that is not signed",
        "sed -Ei '/^SignHeaders/s/,subject//I' opendkim.conf",
        "does not verify",
    ),
    Fault("policy with an error", "echo 'error(1)' > policy.lua", "SetupPolicyScript|policy.lua"),
    Fault(
        "policy with an error that only a message meets",
        "sed -i \"s/^local why = /if odkim.get_header(ctx, 'Subject', 0):find('canary') "
        "then error('x') end\\n&/\" policy.lua",
        "setup_hook.. failed",
    ),
    Fault(
        "policy that binds nobody",
        "sed -i '/^local why = /s/=.*/= nil/' policy.lua",
        "From: .* accepted",
    ),
)

LOGIN_FAULTS = (
    Fault("unknown setting", "echo 'auth_velocity = 3' >> dovecot.conf", "auth_velocity"),
    Fault("hash of no kind", "sed -Ei 's/:[{][^}]+[}]/:{NONE-SUCH}/' users", "NONE-SUCH"),
    Fault(
        "socket that nobody serves",
        "sed -i '/unix_listener .*postfix {/s/postfix {/other {/' dovecot.conf",
        "socket",
    ),
)


def staged(guest: Guest, instance: str, edit: str = ":") -> str:
    """Stage what is live of ``instance``, run ``edit`` in the stage; return its path."""
    stage = f"{STAGE}/{instance}"
    # Beside ours, the packages keep files of their own in the default instance's folder.
    postfix = (
        "/etc/postfix/ma*.cf /etc/postfix/header_checks /etc/postfix/sender_canonical"
        if instance == "default"
        else f"/etc/postfix-{instance}"
    )
    guest.run(
        f"rm -rf {stage} && mkdir -p {stage} && cd {stage} && cp -a --parents {postfix} . && "
        f"if test -d /etc/postroad/{instance}; then cp -a --parents /etc/postroad/{instance} .; fi"
        f" && rm -rf etc/postroad/*/keys && {edit}"
    )
    return stage


def canary(guest: Guest, *arguments: str) -> str:
    """What the canary says: nothing where the configuration is good."""
    done = guest.run([*CANARY.split(), *arguments], check=False, timeout=120)
    assert done.stdout == ""
    assert (done.returncode == 0) == (done.stderr == ""), done
    return done.stderr


def refusal(guest: Guest, stream: str, folder: str, edit: str) -> str:
    """What the canary says of a stream that ``edit`` breaks in ``folder``."""
    stage = staged(guest, stream, f"cd {STAGE}/{stream}{folder} && {edit}")
    return canary(guest, "stream", stream, stage)


# Bare hosts have no procps.
_PROCESSES = r"""
import os, pathlib, sys
for place in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        words = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
    except OSError:
        continue
    if int(place.name) != os.getpid() and sys.argv[1].encode() in words.replace(b"\0", b" "):
        print(place.name)
"""


def processes(guest: Guest, word: str) -> list[str]:
    """The processes whose arguments or environment hold ``word``."""
    return guest.run(["python3", "-c", _PROCESSES, word]).stdout.split()


def remains(guest: Guest) -> list[str]:
    """Processes, units and files of canaries."""
    found = guest.run(
        "ls -d /run/postroad-canary-* /run/postroad-*-canary-* /run/systemd/system/*canary*; "
        "systemctl list-units --all --plain --no-legend '*canary*'",
        check=False,
    ).stdout
    return found.splitlines() + processes(guest, "/run/postroad-canary-")


@pytest.fixture(params=HOSTS)
def guest(request: pytest.FixtureRequest, deployed: Lab) -> Iterator[Guest]:
    """Each deployed host in turn; afterwards without stages and without canaries."""
    host = deployed.hosts[request.param]
    yield host
    host.run(f"rm -rf {STAGE}")
    wait_until(lambda: remains(host) == [], 10, "systemd's forgetting of the canaries' units")


def by_turns(faults: Iterable[Fault]) -> list[ParameterSet]:
    """Each fault on one of the hosts, so that both releases see about half of them."""
    return [
        pytest.param(fault, host, id=f"{fault.name}-{host}")
        for fault, host in zip(faults, cycle(HOSTS), strict=False)
    ]


@pytest.mark.parametrize(("fault", "guest"), by_turns(POSTFIX_FAULTS), indirect=["guest"])
def test_postfix_fault_is_refused_by_name(guest: Guest, fault: Fault) -> None:
    said = refusal(guest, STREAM, f"/etc/postfix-{STREAM}", fault.edit)
    assert re.search(fault.said, said), said


@pytest.mark.parametrize(
    ("fault", "guest"), by_turns(SIGNER_FAULTS + LOGIN_FAULTS), indirect=["guest"]
)
def test_signer_or_login_fault_is_refused_by_name(guest: Guest, fault: Fault) -> None:
    said = refusal(guest, STREAM, f"/etc/postroad/{STREAM}", fault.edit)
    assert re.search(fault.said, said), said


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            "mynetworks = 0.0.0.0/0\ndefault_transport = discard:\n"
            "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n"
            "smtpd_recipient_restrictions =",
            "relaying for a stranger was accepted",
        ),
        ("virtual_mailbox_maps = texthash:/dev/null", "a bounce to postmaster@"),
        ("smtpd_recipient_restrictions = rejct", "rejct"),
        ("virtual_mailbox_domains =", "virtual_mailbox_domains is empty"),
        ("virtual_uid_maps = static:0", "does not leave"),
    ],
)
def test_inbound_fault_is_refused(guest: Guest, edit: str, said: str) -> None:
    edits = "; ".join(
        f"postconf -c {STAGE}/inbound/etc/postfix-inbound -e '{line}'" for line in edit.splitlines()
    )
    assert said in canary(guest, "inbound", staged(guest, "inbound", edits))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ("relayhost =", "relayhost"),
        ("sender_canonical_maps =", "root's mail leaves with X-Mail-Args"),
        ("recipient_canonical_maps =", "root's mail leaves with X-Rcpt-Args"),
    ],
)
def test_null_client_fault_is_refused(guest: Guest, edit: str, said: str) -> None:
    edits = f"postconf -c {STAGE}/default/etc/postfix -e '{edit}'"
    assert said in canary(guest, "default", staged(guest, "default", edits))


def test_what_is_live_is_good_all_at_once(guest: Guest) -> None:
    calls = [
        ("stream", "transactional"),
        ("stream", "marketing"),
        ("inbound",),
        ("default",),
    ]
    before = listeners_and_failures(guest)
    with ThreadPoolExecutor() as pool:
        said = list(pool.map(lambda call: canary(guest, *call, staged(guest, call[-1])), calls))
    assert said == ["", "", "", ""]
    # Daemons that were killed at the end have failed until systemd forgets them (CollectMode=).
    wait_until(lambda: listeners_and_failures(guest) == before, 10, "the host as it was")


def test_closed_stream_is_tried_behind_its_closing_line(guest: Guest) -> None:
    edits = (
        f"cd {STAGE}/{STREAM}/etc/postfix-{STREAM}",
        setting(
            "smtpd_relay_restrictions = check_client_access "
            "static:{451 4.7.1 transactional is closed: nobody sees its key}, reject"
        ),
        f"postconf -c . -P 127.0.0.1:{SYSTEM_MAIL_PORT}/inet/smtpd_relay_restrictions=defer",
    )
    closed = " && ".join(edits)
    assert canary(guest, "stream", STREAM, staged(guest, STREAM, closed)) == ""
    unsigned = f"{closed} && sed -i /^SigningTable/d ../postroad/{STREAM}/opendkim.conf"
    assert "not signed by this stream" in canary(
        guest, "stream", STREAM, staged(guest, STREAM, unsigned)
    )


def test_without_a_certificate_logins_are_tried_all_the_same(guest: Guest) -> None:
    without = (
        f"cd {STAGE}/{STREAM}/etc/postfix-{STREAM} && "
        "for service in $(postconf -c . -M | awk '/sasl_auth_enable=yes/ {print $1}'); "
        "do postconf -c . -MX $service/inet; done"
    )
    assert canary(guest, "stream", STREAM, staged(guest, STREAM, without)) == ""


def test_second_canary_of_a_stream_is_turned_away(guest: Guest) -> None:
    stage = staged(guest, STREAM)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(canary, guest, "stream", STREAM, stage)
        wait_until(lambda: remains(guest) != [], 10, "a canary at work")
        assert "another canary of transactional" in canary(guest, "stream", STREAM, stage)
        assert first.result() == ""


def start_canary(guest: Guest, stage: str, moment: str) -> None:
    """Start a canary and leave it to itself; returns at the moment at which a command succeeds."""
    # In one command: a look from outside could miss the moment.
    guest.run(
        f"setsid {CANARY} stream {STREAM} {stage} </dev/null >/dev/null 2>&1 &"
        f" until {moment}; do sleep 0.01; done",
        timeout=30,
    )


def kill(guest: Guest, signal: str, victims: list[str]) -> None:
    """Send a signal to processes; it is all the same where one of them has just ended."""
    assert victims
    guest.run(["kill", f"-{signal}", *victims], check=False)


def listeners_and_failures(guest: Guest) -> str:
    return guest.run("ss -Hltn | sort; systemctl --failed --no-legend").stdout


MOMENTS = (
    f"test -d /run/postroad-canary-{STREAM}",
    f"systemctl -q is-active postroad-dkim@canary-{STREAM}",
    f"systemctl -q is-active postroad-postfix@canary-{STREAM}",
    f"grep -q 'status=sent' /run/postroad-canary-{STREAM}/log",
)
CALLER = f"{CANARY} stream {STREAM}"
LAUNCHER = f"--unit=postroad-canary-{STREAM}"
VICTIMS = (
    CALLER,
    LAUNCHER,
    f"postroad-canary-{STREAM}.service",
    f"postroad-postfix@canary-{STREAM}.service",
    f"postroad-dkim@canary-{STREAM}.service",
)
# Each of them dies at two moments, each moment sees two or three of them die.
DEATHS = [
    (VICTIMS[number % len(VICTIMS)], MOMENTS[number % len(MOMENTS)], HOSTS[number % 2])
    for number in range(2 * len(VICTIMS))
]


@pytest.mark.parametrize(("victim", "moment", "guest"), DEATHS, indirect=["guest"])
def test_a_canary_that_is_killed_leaves_nothing(guest: Guest, victim: str, moment: str) -> None:
    """Its caller, the systemd-run in between, the canary itself, or one of its daemons."""
    start_canary(guest, staged(guest, STREAM), moment)
    if victim.endswith(".service"):
        # Nothing to kill where the unit starts later than this moment.
        guest.run(["systemctl", "kill", "--signal=KILL", victim], check=False)
    else:
        kill(guest, "KILL", processes(guest, victim))
    wait_until(lambda: remains(guest) == [], 70, "all gone")


def test_after_a_killed_caller_the_next_canary_sings_at_once(guest: Guest) -> None:
    stage = staged(guest, STREAM)
    start_canary(guest, stage, MOMENTS[1])
    kill(guest, "KILL", processes(guest, CALLER))
    assert canary(guest, "stream", STREAM, stage) == ""


def test_a_launcher_that_lets_go_late_is_waited_for(guest: Guest) -> None:
    """systemd keeps a unit that has ended loaded for as long as its systemd-run asks for it."""
    stage = staged(guest, STREAM)
    start_canary(guest, stage, MOMENTS[1])
    launcher = processes(guest, LAUNCHER)
    kill(guest, "STOP", launcher)
    kill(guest, "KILL", processes(guest, CALLER))
    with ThreadPoolExecutor() as pool:
        second = pool.submit(canary, guest, "stream", STREAM, stage)
        try:
            guest.run(f"while {MOMENTS[0]}; do sleep 0.1; done", timeout=30)
        finally:
            kill(guest, "CONT", launcher)
        assert second.result() == ""


@pytest.mark.parametrize("arguments", [[], ["stream", "default", "/x"], ["stream", "a/b", "/x"]])
def test_wrong_call_is_told(guest: Guest, arguments: list[str]) -> None:
    done = guest.run([*CANARY.split(), *arguments], check=False)
    assert (done.returncode, done.stderr.split(":")[0]) == (2, "usage")
