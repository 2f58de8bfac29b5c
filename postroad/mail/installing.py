"""Installing packages on a host: in one call, and nothing starts before it is configured."""

from __future__ import annotations

import shlex

from postroad.host.paths import GENERATOR_MASK, INSTALL_LOCK, LOCKS
from postroad.host.shell import INSTALLATION, Script
from postroad.mail.before import queues

POLICY = "/usr/sbin/policy-rc.d"

# deb-systemd-invoke(1p) asks policy-rc.d before it starts a service. This one says no only while
# the installing shell lives and holds the lock: a run that is killed leaves nothing blocked.
_GUARD = f"""#!/bin/sh
# Written by postroad for the length of one package installation; see INSTALL_LOCK.
if ! flock -n {INSTALL_LOCK} true; then exit 101; fi
exit 0
"""

# systemd runs this program of Debian's at each of its reloads. As long as Postfix has no main.cf it
# ends in a fatal error, before which Postfix sleeps a second: half of the time that all packages
# take, and again for every unit afterwards. The component with main.cf takes the mask away.
_NO_GENERATOR = f"""
if [ ! -e /etc/postfix/main.cf ]; then
mkdir -p {GENERATOR_MASK.rpartition("/")[0]}; ln -sfn /dev/null {GENERATOR_MASK}
fi
"""


def install_script(packages: tuple[str, ...]) -> str:
    """Shell that installs ``packages`` in one call; nothing starts before it is configured.

    A source that does not answer is no fault as long as the packages are there: it may be
    somebody else's. Without Error-Mode=any, apt-get(8) update passes over it (apt.conf(5)).
    """
    names = " ".join(shlex.quote(p) for p in packages)
    lines = f"""\
export DEBIAN_FRONTEND=noninteractive
if [ ! -e {POLICY} ] || grep -q 'Written by postroad' {POLICY}; then
cat > {POLICY}.new <<'POSTROAD_END'
{_GUARD}POSTROAD_END
chmod 755 {POLICY}.new; mv -f {POLICY}.new {POLICY}
trap 'rm -f {POLICY}' EXIT
fi
{_NO_GENERATOR}
# debconf's files can be read by all, and so be locked by all (flock(2)): other files, in a folder
# that is root's.
chmod 700 /var/cache/debconf
for f in /var/cache/debconf/*.dat; do
[ ! -f "$f" ] || {{ cp -p "$f" "$f.postroad-new"; mv -f "$f.postroad-new" "$f"; }}
done
# So can these locks, which packages wait for.
for f in {" ".join(LOCKS)}; do
[ "$(stat -c %a "$f" 2>/dev/null)" = 600 ] || {{ rm -f "$f"; (umask 077; : > "$f"); }}
done
fetched=yes
apt-get -q -y -o DPkg::Lock::Timeout=300 -o APT::Update::Error-Mode=any update 8>&- || fetched=
debconf-set-selections <<'POSTROAD_END'
postfix postfix/main_mailer_type select No configuration
POSTROAD_END
install() {{
apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends install {names} 8>&-
}}
# A dpkg that was killed at work wants its journal finished first (dpkg(1) --configure --pending).
settled() {{
install || {{ dpkg --force-confdef --force-confold --configure --pending 8>&- && install; }} || {{
status=$?
[ "$fetched" ] || echo 'The lists of packages could not be fetched, see apt-get update above:' \
'run again when the sources of this host answer (/etc/apt/sources.list, sources.list.d).' >&2
return $status
}}
}}
{queues.replacing("settled")}"""
    # What packages make says for itself who may read it, or means everybody.
    return str(Script((lines,), umask="022", lock=INSTALLATION))
