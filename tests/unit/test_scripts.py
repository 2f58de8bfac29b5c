"""The scripts of single operations, run by a real sh with paper programs in place of Debian's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from postroad.host.paths import (
    ACME_ARCHIVE,
    ACME_LIVE,
    CERTIFICATE_FAULT,
    GENERATOR_MASK,
    RENEWED,
    RFC2136,
)
from postroad.mail.acme import request_script
from postroad.mail.installing import install_script
from postroad.settings.model import AcmeTls
from tests.unit import estates
from tests.unit.declarations import declaration
from tests.unit.sandbox import Sandbox

POLICY = "/usr/sbin/policy-rc.d"
MAIN_CF = "/etc/postfix/main.cf"


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    (tmp_path / "usr/sbin").mkdir(parents=True)
    made = Sandbox.at(tmp_path)
    program(made, "debconf-set-selections", "cat > $root/answers")
    return made


def program(box: Sandbox, name: str, body: str) -> None:
    """A program of paper; $root is the sandbox."""
    place = box.root / "bin" / name
    place.write_text(f"#!/bin/sh\nroot={box.root}\n{body}\n")
    place.chmod(0o755)


def install(box: Sandbox, *packages: str) -> subprocess.CompletedProcess[str]:
    text = install_script(packages or ("postfix", "ufw"))
    for path in (POLICY, MAIN_CF, GENERATOR_MASK.rpartition("/")[0]):
        text = text.replace(path, f"{box.root}{path}")
    return box.sh(text)


def policy(box: Sandbox) -> int:
    """What policy-rc.d(8) answers; 104 is what no answer means."""
    place = box.root / POLICY.lstrip("/")
    return subprocess.run([str(place)], check=False).returncode if place.exists() else 104


ASK_POLICY = f'case "$*" in *" install "*) $root{POLICY}; echo $? > $root/policy;; esac'


def test_nothing_starts_while_packages_are_installed_and_the_guard_goes_with_the_run(
    box: Sandbox,
) -> None:
    program(box, "apt-get", f'echo "$*" >> $root/apt\n{ASK_POLICY}')
    done = install(box)
    assert (done.returncode, done.stderr) == (0, "")
    update, installed = box.text("/apt").splitlines()
    assert update.endswith(" update")
    assert installed.endswith(" --no-install-recommends install postfix ufw")
    assert box.text("/policy") == "101\n"
    assert policy(box) == 104
    assert "No configuration" in box.text("/answers")


@pytest.mark.parametrize("broken", [("install",), ("install", "update")])
def test_an_installation_that_fails_fails_the_run_and_leaves_no_guard(
    box: Sandbox, broken: tuple[str, ...]
) -> None:
    """And last it tells what packages that do not exist come of: lists that were not fetched."""
    program(box, "dpkg", "exit 0")
    cases = "|".join(f'*" {verb} "*' for verb in broken)
    program(box, "apt-get", f'case "$* " in {cases}) exit 100;; esac')
    done = install(box)
    assert done.returncode == 100
    assert policy(box) == 104
    assert ("lists of packages could not be fetched" in done.stderr) == ("update" in broken)


def test_a_source_that_does_not_answer_is_no_fault_where_the_packages_are_there(
    box: Sandbox,
) -> None:
    program(box, "apt-get", 'case "$*" in *" update") exit 100;; esac')
    done = install(box)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_killed_run_leaves_a_guard_that_lets_everything_start(box: Sandbox) -> None:
    program(box, "apt-get", 'case "$*" in *" install "*) kill -KILL $PPID;; esac')
    assert install(box).returncode == -9
    assert policy(box) == 0
    program(box, "apt-get", ASK_POLICY)
    assert install(box).returncode == 0
    assert box.text("/policy") == "101\n"
    assert policy(box) == 104


def test_a_policy_of_somebody_else_s_is_left_alone(box: Sandbox) -> None:
    theirs = box.root / POLICY.lstrip("/")
    theirs.write_text("#!/bin/sh\nexit 101\n")
    theirs.chmod(0o755)
    program(box, "apt-get", ":")
    assert install(box).returncode == 0
    assert theirs.read_text() == "#!/bin/sh\nexit 101\n"


def test_what_a_package_starts_does_not_hold_the_guard(box: Sandbox) -> None:
    # A daemon that outlives apt-get would keep an inherited lock, and with it the guard.
    program(box, "apt-get", "readlink /proc/self/fd/8 >> $root/held || :")
    assert install(box).returncode == 0
    assert box.text("/held") == ""


@pytest.mark.parametrize("is_there", [False, True])
def test_systemd_does_not_wait_for_a_postfix_without_configuration(
    box: Sandbox, is_there: bool
) -> None:
    main_cf, mask = (box.root / path.lstrip("/") for path in (MAIN_CF, GENERATOR_MASK))
    if is_there:
        main_cf.parent.mkdir(parents=True)
        main_cf.touch()
    program(box, "apt-get", f"readlink $root{GENERATOR_MASK} >> $root/masked || :")
    for _ in range(2):
        assert install(box).returncode == 0
    assert box.text("/masked") == ("" if is_there else "/dev/null\n" * 4)
    assert mask.is_symlink() is not is_there


# ---- certbot -------------------------------------------------------------------------------------


def request(box: Sandbox, name: str = "an address a stream") -> subprocess.CompletedProcess[str]:
    estate = estates.estate(estates.DECLARED[name])
    assert isinstance(estate.tls, AcmeTls)
    return box.sh(request_script(estate.tls, estate.hosts[0]))


def test_one_certificate_with_every_name_of_the_host(box: Sandbox) -> None:
    program(box, "certbot", 'echo "$*" > $root/asked')
    done = request(box)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    asked = box.text("/asked")
    assert asked.startswith("certonly --non-interactive --agree-tos --reuse-key ")
    names = estates.estate(declaration()).host("mail1").certificate_names
    assert [word for word in asked.split() if word in names] == list(names)
    assert asked.count(" -d ") == 3
    assert "--standalone --preferred-challenges http-01" in asked
    assert "--email=ops@shop.example" in asked


FORMER = ("old.shop.example", "gone.shop.example", "void.shop.example")
# What getent(1) says of each.
LEADS = """case $2 in
old.*) echo '192.0.2.99 STREAM'; echo '192.0.2.12 STREAM';;
gone.*) echo '192.0.2.100 STREAM';;
*) exit 2;; esac"""


def test_a_former_name_stays_in_the_certificate_while_it_leads_to_the_host(box: Sandbox) -> None:
    program(box, "certbot", 'echo "$*" >> $root/asked')
    program(box, "getent", LEADS)
    estate = estates.estate(estates.DECLARED["an address a stream"])
    assert isinstance(estate.tls, AcmeTls)
    script = request_script(estate.tls, estate.hosts[0], FORMER)
    assert "192.0.2.12" in script
    assert box.sh(script).returncode == 0
    (asked,) = box.text("/asked").splitlines()
    assert asked.endswith(" -d old.shop.example")
    assert asked.count(" -d ") == 4


def test_a_former_name_that_the_authority_refuses_is_in_nobody_s_way(box: Sandbox) -> None:
    refuse = 'echo "$*" >> $root/asked; case $* in *old.*) echo refused; exit 1;; esac'
    program(box, "certbot", refuse)
    program(box, "getent", LEADS)
    estate = estates.estate(estates.DECLARED["an address a stream"])
    assert isinstance(estate.tls, AcmeTls)
    done = box.sh(request_script(estate.tls, estate.hosts[0], FORMER))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    _, asked = box.text("/asked").splitlines()
    assert asked.count(" -d ") == 3
    assert not (box.root / CERTIFICATE_FAULT.lstrip("/")).exists()


def test_dns_01_is_asked_with_the_operator_s_credentials(box: Sandbox) -> None:
    program(box, "certbot", 'echo "$*" > $root/asked')
    request(box, "dns-01")
    assert f"--dns-rfc2136 --dns-rfc2136-credentials {RFC2136} " in box.text("/asked")
    assert "standalone" not in box.text("/asked")


def test_a_refusal_of_the_authority_is_told_and_the_run_goes_on(box: Sandbox) -> None:
    words = "Saving debug log\n\nRequesting a certificate\nDNS problem: NXDOMAIN\n" + "more\n" * 99
    (box.root / "words").write_text(words)
    program(box, "certbot", "cat $root/words >&2; exit 1")
    done = request(box)
    assert done.returncode == 0
    assert done.stderr.splitlines() == ["DNS problem: NXDOMAIN", *["more"] * 5]
    # The run's last words quote it.
    assert box.text(CERTIFICATE_FAULT) == done.stderr


@pytest.mark.parametrize(("status", "kept"), [(0, False), (1, True)])
def test_a_certificate_whose_renewal_was_forgotten_is_in_nobody_s_way(
    box: Sandbox, status: int, kept: bool
) -> None:
    live, archive = (box.root / path.lstrip("/") for path in (ACME_LIVE, ACME_ARCHIVE))
    for folder in (live, archive):
        folder.mkdir(parents=True)
        (folder / "privkey.pem").write_text(folder.parent.name)
    program(box, "certbot", f"[ ! -d {live} ] || echo in the way; exit {status}")
    done = request(box)
    assert (done.returncode, done.stderr) == (0, "")
    assert (live.exists(), archive.exists()) == (kept, kept)
    if kept:
        assert (archive / "privkey.pem").read_text() == "archive"


def test_what_serves_the_certificate_takes_it_up_also_where_certbot_calls_no_hook(
    box: Sandbox,
) -> None:
    hook = box.root / RENEWED.lstrip("/")
    hook.parent.mkdir(parents=True)
    hook.write_text(f"#!/bin/sh\necho taken > {box.root}/hook\n")
    hook.chmod(0o755)
    program(box, "certbot", "exit 1")
    request(box)
    assert not (box.root / "hook").exists()
    program(box, "certbot", "exit 0")
    request(box)
    assert box.text("/hook") == "taken\n"


def test_a_certificate_ends_the_talk_of_its_fault(box: Sandbox) -> None:
    program(box, "certbot", "echo no; exit 1")
    request(box)
    program(box, "certbot", "exit 0")
    request(box)
    assert not (box.root / CERTIFICATE_FAULT.lstrip("/")).exists()


def test_an_authority_that_was_set_up_anew_is_registered_with_again(box: Sandbox) -> None:
    account = box.root / "etc/letsencrypt/accounts/acme-v02.api.letsencrypt.org"
    account.mkdir(parents=True)
    program(
        box,
        "certbot",
        f'if [ -d {account} ]; then echo "accountDoesNotExist"; exit 1; fi',
    )
    done = request(box)
    assert (done.returncode, done.stderr) == (0, "")
    assert not account.exists()
