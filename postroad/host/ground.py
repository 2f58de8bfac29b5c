"""What a host's system lets a run do: where it may write, and what its kernel and apt refuse. Pure.

A run that meets such a thing on its way would leave half of its work behind. All of it can be known
before the first change: `probe` asks, `parse` reads, and `refusals` tells what stops this run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import PurePosixPath

from postroad.host.paths import ADOPTED, MAILBOX_USER, MAILBOXES, STAMPS, STATE
from postroad.host.reading import Reading

# Accounts that the packages make, and ours; somebody else's of the same name is in their way.
ACCOUNTS = ("postfix", "postdrop", "opendkim", "unbound", "dovecot", "dovenull")
# The user of a unit with DynamicUser= (systemd.exec(5)): nobody else may have the name.
DYNAMIC = "postroad-milter"
TMP = "/tmp"  # noqa: S108 - as every program does
# What useradd(8) writes.
OF_ACCOUNTS = (
    "/etc", "/etc/group", "/etc/group-", "/etc/gshadow", "/etc/gshadow-", "/etc/passwd",
    "/etc/passwd-", "/etc/shadow", "/etc/shadow-",
)  # fmt: skip
# Where packages write, besides what is ours (hier(7)).
OF_PACKAGES = (
    *OF_ACCOUNTS, "/etc/ld.so.cache",
    "/etc/systemd/system", "/etc/systemd/system/multi-user.target.wants",
    TMP, "/usr", "/usr/bin", "/usr/lib", "/usr/lib/python3/dist-packages",
    "/usr/lib/systemd/system", "/usr/sbin", "/usr/share", "/usr/share/doc", "/usr/share/man",
    "/var/cache/apt/archives", "/var/cache/debconf",
    "/var/lib", "/var/lib/apt", "/var/lib/apt/lists", "/var/lib/dpkg", "/var/lib/dpkg/info",
    "/var/lib/dpkg/status", "/var/log", "/var/spool",
)  # fmt: skip
# What they fill of /etc: dpkg -L of `postroad.mail.software.BASE` and what it depends on.
FILLED = tuple(
    f"/etc/{name}"
    for name in (
        "apparmor.d", "cron.d", "cron.daily", "default", "dovecot", "init.d", "insserv.conf.d",
        "letsencrypt", "logrotate.d", "network/if-down.d", "network/if-up.d", "pam.d", "postfix",
        "ppp/ip-down.d", "ppp/ip-up.d", "resolvconf/update-libc.d", "rsyslog.d", "ssl", "ssl/certs",
        "ssl/private", "sysctl.d", "ufw", "ufw/applications.d", "unbound", "unbound/unbound.conf.d",
    )
)  # fmt: skip
# Every run that changes anything stages its files and keeps its stamps there.
OF_RUNS = ("/run", "/var/lib", STATE, STAMPS, ADOPTED)
# What ufw(8) writes at its commands.
OF_FIREWALL = (
    "/etc/default/ufw", "/etc/ufw/ufw.conf", "/etc/ufw/user.rules", "/etc/ufw/user6.rules",
)  # fmt: skip
# What certbot(1) writes.
OF_CERTIFICATES = (
    "/etc/letsencrypt", "/etc/letsencrypt/accounts", "/etc/letsencrypt/archive",
    "/etc/letsencrypt/live", "/etc/letsencrypt/renewal",
)  # fmt: skip
# Where programs are run from that a run brings, or that bring it: ours, and those of packages.
PROGRAMS = ("/usr/local/lib", "/var/lib/dpkg/info")
# What a run calls before it installs anything, and which package of Debian's has it.
PROGRAMS_ASKED = {
    "flock": "util-linux",
    "hostname": "hostname",
    "ip": "iproute2",
    "unshare": "util-linux",
    "useradd": "passwd",
}
# Where Postfix has commands that work by their group (postdrop(1), postqueue(1)).
BY_GROUP = "/usr/sbin"
# KiB and files that each place takes besides /var, which is asked for a gibibyte as a whole; what
# is below it counts where it is a file system of its own.
ROOM = {
    "/etc": 4_096, "/run": 8_192, TMP: 8_192, "/var/lib": 16_384, "/var/log": 4_096,
}  # fmt: skip
# The same where packages are installed.
ROOM_OF_PACKAGES = {
    "/usr": 512_000, "/var/cache/apt/archives": 32_768, "/var/cache/debconf": 4_096,
    "/var/lib/apt/lists": 8_192,
}  # fmt: skip
INODES = 1_000
# What the firewall's rules ask of the kernel (iptables-extensions(8)).
MATCHES = ("xt_addrtype", "xt_connlimit", "xt_conntrack", "xt_hashlimit", "xt_limit",
           "xt_multiport", "xt_owner", "xt_tcpudp")  # fmt: skip
# People begin at this number (Debian policy §9.2.2); packages ask for a lower one.
FIRST_PERSON, NOBODY = 1000, 65534
# A package manager that is at work for so many seconds hangs, or waits for somebody.
AT_WORK = 3600
# What apt-get(8) says where it will not get further, and a fresh list of packages is no help.
_FINAL = re.compile(
    r"^E: (Held packages|Unmet dependencies|The package .* needs to be reinstalled"
    r"|Malformed|The list of sources|Type .* is not known|Syntax error|Conflicting values"
    r"|The value .* is invalid for APT::Default-Release|Unable to parse package file"
    r"|Invalid record in the preferences file|No priority .* specified for pin"
    r"|Unable to correct problems|The package lists or status file could not be parsed"
    r"|The package cache file is corrupted|Problem (?:parsing|with MergeList) \S*/dpkg/status)"
)


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount (proc(5), mountinfo): its place, options and what kind of file system it is."""

    place: str
    options: frozenset[str]
    kind: str


@dataclass(frozen=True, slots=True)
class Room:
    """What is free on the file system of a place; ``inodes`` is None where it makes them itself."""

    kib: int
    inodes: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """A user or group of a name that is asked for; ``home`` is empty for a group."""

    number: int
    home: str = ""


@dataclass(frozen=True, slots=True)
class Ground:
    """What was found. Nothing of it is in the way where nothing was told.

    ``closed`` are paths that root cannot write (access(2)), ``attributes`` those with i or a
    (chattr(1)), ``lacks`` names of what is missing, ``apt`` the last words of apt-get(8), ``dpkg``
    those of dpkg(1), ``pinned`` packages that apt_preferences(5) forbids and ``overridden`` users
    and groups that dpkg-statoverride(1) names and nobody knows;
    ``holder`` is who has had dpkg's lock for ``held_seconds``.
    """

    mounts: Mapping[str, Mount] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = field(default_factory=dict)
    room: Mapping[str, Room] = field(default_factory=dict)
    users: Mapping[str, Account] = field(default_factory=dict)
    groups: Mapping[str, Account] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()
    apt: tuple[str, ...] = ()
    dpkg: str = ""
    pinned: tuple[str, ...] = ()
    overridden: tuple[str, ...] = ()
    holder: str = ""
    held_seconds: int = 0


# ---- how it is asked


def probe(paths: Iterable[str], packages: Sequence[str], *, adopted: str, by_proxy: bool) -> str:
    """Shell that tells the sections which `parse` reads; ``adopted`` is the folder of marks.

    ``by_proxy``: packages come by a proxy, which finds their sources itself. What costs time is
    asked where packages are missing, or the firewall is not ours yet.
    """
    places = _words(dict.fromkeys((*paths, *OF_PACKAGES, *FILLED, *OF_RUNS, *OF_FIREWALL,
                                   *OF_CERTIFICATES)))  # fmt: skip
    rooms = _words(dict.fromkeys((*ROOM, *ROOM_OF_PACKAGES, *PROGRAMS, "/var", "/var/spool")))
    names = _words((*ACCOUNTS, MAILBOX_USER))
    return f"""m closed; for p in {places}; do
[ ! -e "$p" ] || [ -L "$p" ] || [ -w "$p" ] || echo "$p"; done
m attributes; ! command -v lsattr >/dev/null || lsattr -d {places} 2>/dev/null | awk '$1 ~ /[ia]/'
m mounts; cat /proc/self/mountinfo
m room; stat -f -c '%n|%a|%S|%d|%c' {rooms} 2>/dev/null
m accounts; getent passwd {names} | sed 's/^/u:/'; getent group {names} | sed 's/^/g:/'
getent passwd {DYNAMIC} | awk -F: '{IS_STATIC}' | sed 's/^/u:/'
getent group {DYNAMIC} | awk -F: '{IS_STATIC}' | sed 's/^/g:/'
m lacks; [ -d /run/systemd/system ] || echo systemd
[ -c /dev/null ] && [ -c /dev/urandom ] || echo devices
[ "$(stat -Lc %a /tmp)" = 1777 ] || echo tmp
for c in {_words(PROGRAMS_ASKED)}; do command -v "$c" >/dev/null || echo "program $c"; done
if [ ! -e {adopted}/firewall ]; then
[ -e /proc/net/if_inet6 ] || echo ipv6
unshare --net true 2>/dev/null || echo network-namespace
unshare --mount mount -t tmpfs postroad /tmp 2>/dev/null || echo mount-namespace
if command -v iptables >/dev/null; then for t in iptables ip6tables; do
unshare --net sh -c "$t -A OUTPUT -p tcp -m owner --uid-owner 0 -m connlimit --connlimit-above 1 \
-m conntrack --ctstate NEW -m hashlimit --hashlimit-above 1/minute --hashlimit-name postroad-probe \
-j REJECT" 2>/dev/null || echo "$t"; done
elif command -v modprobe >/dev/null && [ -d "/lib/modules/$(uname -r)" ]; then
for k in {_words(MATCHES)}; do modprobe -n -q "$k" || echo "$k"; done; fi; fi
m apt; if ! dpkg-query -W {_words(packages)} >/dev/null 2>&1; then
timeout 20 apt-get -s -y --no-install-recommends install {_words(packages)} 2>&1 | grep '^E: '
apt-cache policy {_words(packages)} 2>/dev/null | awk '{PINNED}'
dpkg --audit 2>&1 >/dev/null | sed -n 's/^dpkg: error: /dpkg /p'
awk '{{print "passwd", $1; print "group", $2}}' /var/lib/dpkg/statoverride 2>/dev/null |
grep -v '#' | sort -u | while read -r d n; do getent "$d" "$n" >/dev/null || echo "nobody $n"; done
l=$(stat -c %i /var/lib/dpkg/lock-frontend 2>/dev/null)
h=$(awk -v e=":${{l:-none}}\\$" '$6 ~ e {{print $5; exit}}' /proc/locks)
if [ -n "$h" ] && read -r up _ </proc/uptime; then
echo "holder $h $(tr -cd '[:alnum:]_.-' </proc/$h/comm) \
$((${{up%.*}} - $(sed 's/.*) //' /proc/$h/stat | cut -d' ' -f20) / $(getconf CLK_TCK)))"; fi
{"" if by_proxy else _NAMES}
fi"""


# Whether an account is no user of a unit that runs: those have these numbers (systemd.exec(5)).
IS_STATIC = "$3 < 61184 || $3 > 65519"

# Packages that apt knows, and is told never to install (apt_preferences(5), a priority below 0).
PINNED = (
    '/^[^ ]/ {name = $1; sub(/:$/, "", name); none = 0} /^ *Candidate: [(]none[)]/ {none = 1} '
    'none && /^ +[^ ]+ -[0-9]+$/ {print "pinned", name; none = 0}'
)

# Of the hosts of apt's sources one has to have an address, unless a proxy asks for them.
_NAMES = """if ! apt-config dump Acquire | grep -q '^Acquire::https*::Proxy "..*"'; then
n=$(timeout 10 apt-get indextargets --format '$(SITE)' |
sed -n 's#^https*://\\([^/:]*\\).*#\\1#p' | sort -u)
for s in $(echo "$n" | head -3); do timeout 4 getent ahosts "$s" >/dev/null && n= && break; done
[ -z "$n" ] || echo names $n; fi"""


def _words(values: Iterable[str]) -> str:
    return " ".join(shlex.quote(value) for value in values)


def parse(said: Mapping[str, Sequence[str]]) -> Ground:
    """Read the sections of `probe`; those that are not there tell nothing. ValueError."""
    found = [line.split() for line in said.get("apt", ())]
    held = next((words for words in found if words[:1] == ["holder"]), [])
    names = next((words for words in found if words[:1] == ["names"]), [])
    lacks = {*said.get("lacks", ()), *(f"name {name}" for name in names[1:])}
    accounts = [line.split(":") for line in said.get("accounts", ())]
    return Ground(
        mounts={one.place: one for one in map(_mount, said.get("mounts", ()))},
        closed=frozenset(said.get("closed", ())),
        attributes={
            path: "".join(letter for letter in letters if letter in "ia")
            for letters, _, path in (line.partition(" ") for line in said.get("attributes", ()))
        },
        room=dict(map(_room, said.get("room", ()))),
        users={name: Account(int(uid), home) for k, name, _, uid, _, _, home, _ in
               (words for words in accounts if words[0] == "u")},
        groups={words[1]: Account(int(words[3])) for words in accounts if words[0] == "g"},
        lacks=frozenset(lacks),
        apt=tuple(line for line in said.get("apt", ()) if _FINAL.match(line)),
        dpkg=" ".join(next((words[1:] for words in found if words[:1] == ["dpkg"]), [])),
        pinned=tuple(words[1] for words in found if words[:1] == ["pinned"]),
        overridden=tuple(words[1] for words in found if words[:1] == ["nobody"]),
        holder=f"{held[2]} (process {held[1]})" if len(held) > 3 else "",
        held_seconds=int(held[3]) if len(held) > 3 else 0,
    )  # fmt: skip


def _mount(line: str) -> Mount:
    words = line.split()
    place = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), words[4])
    kind = words[words.index("-") + 1]
    return Mount(place, frozenset(words[5].split(",")), kind)


def _room(line: str) -> tuple[str, Room]:
    place, blocks, size, free, all_inodes = line.rsplit("|", 4)
    inodes = int(free) if int(all_inodes) else None
    return place, Room(int(blocks) * int(size) // 1024, inodes)


# ---- what stops a run


@dataclass(frozen=True, slots=True)
class Work:
    """What a run would do on a host: files and folders that it makes or replaces, and the rest.

    ``written`` are places that operations write besides; ``there`` the paths of those that are
    there already, and of the folders above them.
    ``is_fresh`` is a host on which postroad has never finished anything.
    """

    files: tuple[str, ...]
    folders: tuple[str, ...]
    there: frozenset[str]
    installs: bool
    makes_user: bool
    is_fresh: bool
    written: tuple[str, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Whether the run would change nothing."""
        return not (self.files or self.folders or self.written or self.installs or self.makes_user)


def refusals(ground: Ground, work: Work) -> Iterator[str]:
    """Why this work could not be finished there: one sentence each, with its mend."""
    if work.is_nothing:
        return
    # A place that keeps root from writing is told once, however much is to be written there.
    yield from dict(_unwritable(ground, work)).values()
    yield from _unfit_mounts(ground, work)
    yield from _full(ground, work)
    yield from _accounts(ground, work)
    yield from _lacking(ground, work)
    if work.installs:
        yield from _apt(ground)


def _unwritable(ground: Ground, work: Work) -> Iterator[tuple[str, str]]:
    """Each place that keeps root from writing, and the sentence about it."""
    for path in work.files:
        yield from _hindrances(ground, _holder(path, work.there))
        yield from _hindrances(ground, path)
        if path in ground.mounts:
            yield path, _mounted(path, ground.mounts[path])
    for path in work.folders:
        # One that is there may be a file system of its own.
        yield from _hindrances(ground, path if path in work.there else _holder(path, work.there))
    for path in work.written:
        yield from _hindrances(ground, _holder(path, work.there))
        yield from _hindrances(ground, path)
    others = [
        *OF_RUNS,
        *(*OF_PACKAGES, *FILLED) * work.installs,
        *OF_ACCOUNTS * work.makes_user,
    ]
    for path in others:
        yield from _hindrances(ground, path)


def _holder(path: str, there: Collection[str]) -> str:
    """The nearest folder above ``path`` that is there."""
    above = map(str, PurePosixPath(path).parents)
    return next((folder for folder in above if folder in there), "/")


def _hindrances(ground: Ground, place: str) -> Iterator[tuple[str, str]]:
    if letters := ground.attributes.get(place, ""):
        what = "cannot be changed" if "i" in letters else "can only be added to"
        yield (
            place,
            f"{place} {what}, by its attribute (lsattr -d {place}), and a run writes there: look "
            f"who wanted that so, then: chattr -{letters} {place}",
        )
    elif place in ground.closed:
        yield _closed(ground, place)


def _mounted(path: str, mount: Mount) -> str:
    return (
        f"{path} is a mount of its own ({mount.kind}), and a run replaces the file: umount {path}, "
        "and take it out of /etc/fstab or of the container's configuration"
    )


def _closed(ground: Ground, place: str) -> tuple[str, str]:
    mount = _mount_of(ground, place)
    if mount is not None and "ro" in mount.options:
        return (
            mount.place,
            f"{mount.place} is mounted read-only, and a run writes {place}: mount -o remount,rw "
            f"{mount.place} (and in /etc/fstab), after a look at the kernel's log, which mounts a "
            "failing disk so",
        )
    return (
        place,
        f"root cannot write {place}: a container's host has it for somebody else, or a file system "
        "from elsewhere does not let root (ls -ld, findmnt -T)",
    )


def _mount_of(ground: Ground, place: str) -> Mount | None:
    """The mount that a place is on: that of the nearest folder above which is one."""
    above = ["/", *accumulate(PurePosixPath(place).parts[1:], lambda a, b: f"{a}/{b}", initial="")]
    found = [ground.mounts[one] for one in above if one in ground.mounts]
    return found[-1] if found else None


def _unfit_mounts(ground: Ground, work: Work) -> Iterator[str]:
    for place in PROGRAMS if work.installs else PROGRAMS[:1]:
        mount = _mount_of(ground, place)
        if mount is not None and "noexec" in mount.options:
            yield (
                f"{mount.place} is mounted noexec, and programs are run from {place}: mount -o "
                f"remount,exec {mount.place} (and in /etc/fstab)"
            )
    mount = _mount_of(ground, BY_GROUP)
    if mount is not None and "nosuid" in mount.options:
        yield (
            f"{mount.place} is mounted nosuid, and Postfix's postdrop in {BY_GROUP} works by its "
            f"group: mount -o remount,suid {mount.place} (and in /etc/fstab)"
        )


def _full(ground: Ground, work: Work) -> Iterator[str]:
    var = _mount_of(ground, "/var")
    for place, least in (ROOM | ROOM_OF_PACKAGES if work.installs else ROOM).items():
        found = ground.room.get(place)
        if found is None:
            continue
        if place.startswith("/var/") and _mount_of(ground, place) == var:
            continue  # Of /var as a whole more is asked.
        if found.kib < least:
            yield f"{place} has {found.kib} KiB free: make room, a run needs {least}"
        if found.inodes is not None and found.inodes < INODES:
            yield f"{place} has {found.inodes} inodes free: remove small files, {INODES} are needed"


def _accounts(ground: Ground, work: Work) -> Iterator[str]:
    for name in ACCOUNTS if work.installs else ():
        for what, known in (("user", ground.users), ("group", ground.groups)):
            found = known.get(name)
            if found is not None and FIRST_PERSON <= found.number != NOBODY:
                tool = "usermod -l" if what == "user" else "groupmod -n"
                yield (
                    f'the {what} "{name}" is there with the number {found.number}, and is no '
                    "system's: the package that makes its own would fail; rename it "
                    f"({tool} NEW {name})"
                )
    for what, tool, there in (
        ("user", "usermod -l", ground.users),
        ("group", "groupmod -n", ground.groups),
    ):
        if DYNAMIC in there:
            yield (
                f'the {what} "{DYNAMIC}" is there (getent), and a unit makes one of that name '
                f"while it runs: rename it ({tool} NEW {DYNAMIC})"
            )
    user = ground.users.get(MAILBOX_USER)
    if work.is_fresh and user is not None and user.home != MAILBOXES:
        yield (
            f'the user "{MAILBOX_USER}" is there, with the home {user.home}, and would own the '
            f"mailboxes: rename it (usermod -l NEW {MAILBOX_USER}; groupmod -n NEW {MAILBOX_USER})"
        )
    if work.makes_user and MAILBOX_USER in ground.groups and user is None:
        yield (
            f'the group "{MAILBOX_USER}" is there without the user, who is to own the mailboxes: '
            f"groupdel {MAILBOX_USER}, or rename it"
        )


_LACKS = {
    "systemd": "systemd does not run it, whose units postroad is made of: use a host, or a "
    "container, that systemd starts (/run/systemd/system)",
    "devices": "/dev/null or /dev/urandom is no device there: make them anew (mknod -m 666 "
    "/dev/null c 1 3; mknod -m 666 /dev/urandom c 1 9), or mount /dev as it should be",
    "tmp": f"{TMP} is not open to all as a place for temporary files, and apt works there as a "
    f"user of its own: chmod 1777 {TMP}",
    "ipv6": "its kernel has no IPv6 at all, and the firewall's rules for it cannot be loaded: boot "
    "without ipv6.disable=1; to be without IPv6, sysctl net.ipv6.conf.all.disable_ipv6=1 will do",
    "network-namespace": "nobody can make a network namespace there, in which each configuration "
    "is tried before it goes live: a container's host must allow them (unshare --net true)",
    "mount-namespace": "nobody can make a mount namespace there and mount in it, and by these the "
    "daemons are confined: a container's host must allow nesting (unshare --mount true)",
}


def _lacking(ground: Ground, work: Work) -> Iterator[str]:
    yield from (words for name, words in _LACKS.items() if name in ground.lacks)
    kernel = sorted(name for name in ground.lacks if name.startswith(("xt_", "iptables", "ip6")))
    if kernel:
        yield (
            f"its kernel lacks what the firewall's rules are made of ({', '.join(kernel)}): "
            "install the distribution's own kernel, or load the modules on the container's host "
            "(modprobe -a xt_connlimit xt_hashlimit xt_owner xt_conntrack)"
        )
    programs = [one.removeprefix("program ") for one in ground.lacks if one.startswith("program ")]
    if programs:
        wanted = sorted({PROGRAMS_ASKED[name] for name in programs if name in PROGRAMS_ASKED})
        yield (
            f"it has no {', '.join(sorted(programs))}, which a run needs from the start: apt-get "
            f"install {' '.join(wanted)}"
        )
    names = sorted(one.removeprefix("name ") for one in ground.lacks if one.startswith("name "))
    if names and work.installs:
        yield (
            f"it finds no address of {', '.join(names)}, where its packages come from: name a "
            "resolver that answers in /etc/resolv.conf (getent ahosts NAME), or correct the sources"
        )


def _apt(ground: Ground) -> Iterator[str]:
    if ground.held_seconds > AT_WORK:
        yield (
            f"dpkg's lock is held by {ground.holder} for {ground.held_seconds // 3600} hours: it "
            "waits for somebody's answer, or hangs; look at it, and end it"
        )
    for words in ground.apt:
        if words.startswith(("E: Held", "E: Unable to correct")):
            mend = "apt-mark showhold; apt-mark unhold PACKAGE"
        elif words.startswith(("E: Unmet", "E: The package")):
            mend = "dpkg --audit; apt-get --fix-broken install, or apt-get install --reinstall"
        else:
            mend = "correct that file below /etc/apt"
        yield f"apt cannot install what is missing ({words.removeprefix('E: ')}): {mend}"
    if ground.pinned:
        yield (
            f"apt is told never to install {', '.join(ground.pinned)} (apt_preferences(5)): see "
            f"apt-cache policy {ground.pinned[0]}; take that pin out of /etc/apt/preferences.d"
        )
    if ground.dpkg:
        yield f"dpkg does not work there ({ground.dpkg}): {_dpkg_mend(ground.dpkg)}"
    if ground.overridden:
        yield (
            f"/var/lib/dpkg/statoverride names {', '.join(ground.overridden)}, whom nobody knows, "
            "and dpkg ends at it: dpkg-statoverride --list; dpkg-statoverride --remove PATH"
        )


def _dpkg_mend(said: str) -> str:
    if "/dpkg/status" in said:
        return "put back the copy of yesterday, /var/lib/dpkg/status-old or /var/backups"
    return "correct that file (dpkg --audit)"


GROUND = Reading("ground", parse, Ground())
