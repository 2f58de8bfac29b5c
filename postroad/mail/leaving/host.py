"""A host that leaves the estate: what of ours is on it, and how all of it is taken back. Pure.

In this order: its instances are closed to new mail, and drained by the configuration that accepted
it. When none has mail they stop and go, then our rules of the firewall, then every file of the
parts' rows; what a host had in such a place before is put back. The marks of it all go last, so
that a run that was cut off anywhere is completed by the next.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from postroad.host.component import Component
from postroad.host.environment import PATH
from postroad.host.paths import (
    ADOPTED,
    BEFORE,
    CERTIFICATE_FAULT,
    CONFIG,
    DEFAULT,
    EARLIER_SYSTEM_MAIL_PORT,
    INBOUND,
    OPENED,
    STAMPS,
    STATE,
    TOOLS,
    config_folder,
    data_folder,
    queue_folder,
)
from postroad.host.programs import bundle
from postroad.host.question import program
from postroad.mail.firewall import allowed, plan
from postroad.mail.firewall.read import RELOAD, FirewallState
from postroad.mail.firewall.rule import Rule
from postroad.mail.leaving.instances import Instance, counted, messages
from postroad.mail.leaving.instances import parse as parse_instances
from postroad.mail.leaving.instances import probe as probe_instances
from postroad.mail.leaving.streams import FLUSH, changing, closed, is_held_open, removed, units
from postroad.mail.parts.earlier import PATHS as EARLIER
from postroad.mail.parts.order import PARTS, every_row
from postroad.mail.parts.row import Row
from postroad.mail.pause import Pause
from postroad.mail.return_paths import RETURNED, RETURNING
from postroad.settings.model import STREAM_NAMES, Estate, Host, StreamName
from postroad.settings.ports import SYSTEM_MAIL_PORT

INSTANCES = (DEFAULT, INBOUND, *STREAM_NAMES)
FIREWALL = "firewall"
#: Where the null client hands its mail over: closed after it, or that mail would wait for ever.
SYSTEM_DOORS = (f"127.0.0.1:{SYSTEM_MAIL_PORT}", f"127.0.0.1:{EARLIER_SYSTEM_MAIL_PORT}")

_FOLDERS = (CONFIG, TOOLS)
# Of earlier versions, elsewhere than in folders that go as a whole.
_EARLIER = tuple(path for path in EARLIER if not path.startswith(tuple(f"{f}/" for f in _FOLDERS)))
_MARKS = (ADOPTED, STAMPS, OPENED, CERTIFICATE_FAULT)
_RESOLV_CONF = "/etc/resolv.conf"
_RESOLVER = ("resolver", "resolv-conf")

_THEN = {part.name: part.then for part in PARTS}


@dataclass(frozen=True, slots=True)
class Ours:
    """What of ours is on a host.

    ``paths`` are those of the parts' rows and our folders that are there, ``kept`` the paths whose
    former file is kept below `BEFORE`, ``marks`` the files that say what was done. ``answers``:
    whether names are resolved by what /etc/resolv.conf said before.
    """

    instances: tuple[Instance, ...] = ()
    paths: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    answers: bool = False

    def has_adopted(self, part: str) -> bool:
        return f"{ADOPTED}/{part}" in self.marks

    @property
    def draining(self) -> tuple[Instance, ...]:
        """The instances that have mail yet: while there is one, nothing is taken back."""
        return tuple(one for one in self.instances if one.messages)

    @property
    def runs(self) -> bool:
        """Whether an instance is there that takes or delivers mail by our units."""
        return any(one.name != DEFAULT for one in self.instances)

    @property
    def keeps_resolver(self) -> bool:
        """Whether our resolver has to stay, because the host could resolve no names without it."""
        return not self.answers and any(map(self.has_adopted, _RESOLVER))


def probe() -> str:
    """Shell that prints what `parse` reads. It changes nothing."""
    own = [row.path for row in every_row()]
    return "\n".join(
        [
            f"export LC_ALL=C PATH={PATH}",
            f"{{ {probe_instances(INSTANCES)}\n}} | sed 's/^/instance /'",
            f"for p in {shlex.join([*own, *_FOLDERS, *_EARLIER])}; do",
            'if [ -e "$p" ] || [ -L "$p" ]; then echo "path $p"; fi; done',
            f"find {BEFORE} ! -type d -printf 'kept /%P\\n' 2>/dev/null",
            f"find {' '.join(_MARKS)} -type f -printf 'mark %p\\n' 2>/dev/null",
            f"f={BEFORE}{_RESOLV_CONF}",
            # A link is relative to where it stood.
            'if [ -L "$f" ]; then f=$(cd /etc && realpath -m "$(readlink "$f")"); fi',
            f'if [ -e "$f" ] && {program(bundle("resolves"))} "$f" 2>/dev/null',
            "then echo answers; fi",
            "echo end",
        ]
    )


def parse(output: Iterable[str]) -> Ours:
    """Read the output of `probe`; ValueError where it was cut off."""
    said: dict[str, list[str]] = {}
    for line in output:
        word, _, rest = line.partition(" ")
        said.setdefault(word, []).append(rest)
    if "end" not in said:
        raise ValueError("the host's answer was cut off before its end")
    return Ours(
        parse_instances(said.get("instance", [])),
        frozenset(said.get("path", [])),
        frozenset(said.get("kept", [])),
        frozenset(said.get("mark", [])),
        "answers" in said,
    )


def to_close(ours: Ours) -> tuple[Instance, ...]:
    """The instances of which a run has doors to close, with those doors."""
    ways_in = [_closable(one, ours) for one in ours.instances]
    return tuple(one for one in ways_in if one.doors)


def _closable(instance: Instance, ours: Ours) -> Instance:
    if is_held_open(instance, ours.instances):
        return replace(instance, doors=())
    if all(one.name != DEFAULT for one in ours.draining):
        return instance
    return replace(instance, doors=tuple(d for d in instance.doors if d not in SYSTEM_DOORS))


def closing(ours: Ours) -> str:
    """Shell that closes the doors, the null client's own first, and has all mail tried at once.

    Inbound's come last, and stay where mail has come in meanwhile: it may come back.
    """
    lines = []
    in_order = sorted(to_close(ours), key=lambda one: one.name == INBOUND)
    for one in in_order:
        if one.name == INBOUND:
            lines.append(
                f"if {_has_mail(n.name for n in ours.instances if n != one)}; then :; else"
            )
            lines += [*closed(one), "fi"]
            continue
        lines += closed(replace(one, doors=tuple(d for d in one.doors if d not in SYSTEM_DOORS)))
        if last := tuple(d for d in one.doors if d in SYSTEM_DOORS):
            lines.append(f"if [ $({messages(DEFAULT)}) -eq 0 ]; then :")
            lines += closed(replace(one, doors=last))
            lines.append("fi")
    return changing(lines, FLUSH)


def _has_mail(names: Iterable[str]) -> str:
    """A shell test: whether one of these instances has mail."""
    return " || ".join([f"[ $({messages(name)}) -ne 0 ]" for name in names] or ["false"])


def stopping(ours: Ours) -> str:
    """Shell that stops the instances and removes ours, where none has mail by then."""
    names = [one.name for one in ours.instances]
    own = [name for name in names if name != DEFAULT]
    # The packages' unit stops all that are part of it.
    all_units = ["postfix.service"] if DEFAULT in names else []
    all_units += [units(name)[0] for name in own]
    lines = [f"systemctl stop {' '.join(all_units)}"]
    # What came in at the last moment is delivered first: the next run removes it.
    lines.append(f"if {_has_mail(names)}; then systemctl start {' '.join(all_units)}; else :")
    for name in own:
        lines += removed(name)
    return changing([*lines, "fi"], FLUSH)


def parts(ours: Ours) -> tuple[str, ...]:
    """The components and streams of which files or marks are to be taken back."""
    found = {row.part for row in _to_do(ours)}
    for mark in ours.marks:
        folder, _, name = mark.rpartition("/")
        found.add(name if folder != STATE else "certificate")
    stay = _RESOLVER if ours.keeps_resolver else ()
    folders = ("tools",) if ours.paths.intersection(_FOLDERS) else ()
    left = ("earlier",) if ours.paths.intersection(_EARLIER) else ()
    return tuple(sorted((found | {*folders, *left}) - {*stay}))


def _to_do(ours: Ours) -> Iterator[Row]:
    """The rows that are put back or removed, the last first."""
    for row in reversed(list(every_row())):
        if ours.keeps_resolver and row.part in _RESOLVER:
            continue
        if _is_put_back(row, ours) or _is_removed(row, ours):
            yield row


def _is_put_back(row: Row, ours: Ours) -> bool:
    return row.before != "nothing" and row.path in ours.kept


def _is_removed(row: Row, ours: Ours) -> bool:
    if row.path not in ours.paths or row.before == "surely":
        return False
    # In a place where others have files as well, it is ours only where a run came to its end.
    return row.before == "nothing" or ours.has_adopted(row.part)


def staying(ours: Ours) -> tuple[str, ...]:
    """The files of ours that a host cannot be without, and of which it had none before."""
    return tuple(
        row.path
        for row in every_row()
        if row.before == "surely"
        and row.path in ours.paths
        and row.path not in ours.kept
        and ours.has_adopted(row.part)
        and not (ours.keeps_resolver and row.part in _RESOLVER)
    )


def not_put_back(ours: Ours) -> tuple[str, ...]:
    """The files that were there before, and that stay where they are kept."""
    again = {row.path for row in _to_do(ours) if _is_put_back(row, ours)}
    return tuple(sorted(f"{BEFORE}{path}" for path in ours.kept - again))


# As it was: a file or a link, with owner, mode and time. What a run that was killed left goes too.
_BACK = (
    'back() { rm -f "$2.postroad-new"; if [ -e "$1" ] || [ -L "$1" ]; then '
    'cp -a "$1" "$2.postroad-new"; mv -fT "$2.postroad-new" "$2"; else rm -f "$2"; fi; }'
)


def _back(row: Row) -> str:
    return f"back {shlex.join([f'{BEFORE}{row.path}', row.path])}"


def files(ours: Ours, components: Iterable[Component]) -> str:
    """Shell that takes back every file but the firewall's, its marks last.

    ``components`` are those of the host: what they mask, and whether they are anything there.
    """
    declared = {part.name: part for part in components if part.files or part.units}
    rows: dict[str, list[Row]] = {}
    for row in _to_do(ours):
        rows.setdefault(row.part, []).append(row)
    lines = []
    for part in _in_reverse(parts(ours)):
        lines += [_back(row) for row in rows.get(part, ())]
        if part in declared:
            # Off, as it was with us: what it may do again is its operator's to say. What is masked
            # in case it should be there (another resolver) need not be.
            for unit in declared[part].masked:
                there = f"systemctl cat {unit} >/dev/null 2>&1"
                lines.append(f"systemctl unmask --quiet {unit}")
                lines.append(f"if {there}; then systemctl disable --quiet {unit}; fi")
        # Also where the files are gone already, by a run that was cut off.
        if part in declared or part in rows:
            lines += _THEN.get(part, ())
    for name in INSTANCES:
        if name != DEFAULT:
            # Of a run that was killed before the instance was one.
            folders = (config_folder(name), queue_folder(name), data_folder(name))
            lines.append(f"rmdir {' '.join(folders)} 2>/dev/null || :")
    lines.append(f"rm -rf {' '.join((*_FOLDERS, *_EARLIER))}")
    lines += _forgotten(ours, (row for row in _to_do(ours) if _is_put_back(row, ours)))
    return changing(lines, FLUSH, _BACK)


def _in_reverse(found: Iterable[str]) -> Iterator[str]:
    """The parts but for the firewall, which has a script of its own, the last first."""
    order = reversed(list(dict.fromkeys(row.part for row in every_row())))
    yield from (part for part in order if part in found and part != FIREWALL)


def _forgotten(ours: Ours, again: Iterable[Row]) -> Iterator[str]:
    """Shell that removes the marks, and then what was kept of the files that were put ``again``.

    The other way round, a run that is cut off in between would find files of others adopted.
    """
    stay = _RESOLVER if ours.keeps_resolver else ()
    marks = sorted(mark for mark in ours.marks if mark.rpartition("/")[2] not in stay)
    if marks:
        yield f"rm -f {shlex.join(marks)}"
    if kept := [f"{BEFORE}{row.path}" for row in again]:
        yield f"rm -f {shlex.join(kept)}"
    yield f"rm -rf {RETURNING} {RETURNED}"
    yield f"if [ -d {STATE} ]; then find {STATE} -depth -type d -empty -delete; fi"
    yield "rm -rf /run/postroad /run/postroad-alarm"


def early_rules(ours: Ours) -> str:
    """Shell that puts back the rules that ufw loads first; empty where there is nothing to do."""
    rows = [row for row in _to_do(ours) if row.part == FIREWALL]
    if not rows:
        return ""
    lines = [_back(row) for row in rows]
    lines.append(RELOAD)
    return changing(lines, _BACK)


def rules(estate: Estate, host: Host, ours: Ours, found: FirewallState) -> tuple[Rule, ...]:
    """The rules of the host's firewall that go: those for mail and for the certificate.

    Those for SSH and for what the operator declares besides stay.
    """
    if not ours.has_adopted(FIREWALL):
        return ()
    kept = {rule.uncommented for rule in allowed.not_for_mail(estate)}
    ours_alone = {rule.uncommented for rule in allowed.rules(estate, host)} - kept
    return tuple(rule for rule in found.rules if rule.uncommented in ours_alone)


def lockout(found: FirewallState, gone: Iterable[Rule]) -> str | None:
    """What to tell where the run itself would be shut out without the rules that are ``gone``."""
    if found.status is None or not found.status.active:
        return None
    rest = tuple(rule for rule in found.rules if rule not in tuple(gone))
    return plan.lockout(found, plan.Firewall(rules=rest, incoming=found.status.incoming))


def waiting(ours: Ours, pauses: Mapping[StreamName, Pause]) -> tuple[str, ...]:
    """A sentence for each instance that has mail yet."""
    return tuple(_waiting(one, pauses) for one in ours.draining)


def _waiting(instance: Instance, pauses: Mapping[StreamName, Pause]) -> str:
    what = f"{instance.name} still has {counted(instance.messages)} to deliver"
    if any(stream == instance.name and pause == "stop" for stream, pause in pauses.items()):
        return f"{what} and is stopped by its operator: drain it by deploys/pause.py"
    return what
