"""Operations for ufw(8): open what is wanted, or make the whole firewall what is wanted.

Both read the host again when they are executed, and yield nothing when there is nothing to do.
The packages must be there before they are executed: ``ufw``, and systemd for the rollback timer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from paramiko import SSHException
from pyinfra.api.arguments import ConnectorArguments
from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.api.exceptions import ConnectError, OperationError
from pyinfra.api.host import Host
from pyinfra.api.operation import operation
from pyinfra.api.state import State as PyinfraState
from pyinfra.context import host
from typing_extensions import override

from postroad.mail.firewall.plan import Firewall, lockout, plan_allowed, plan_firewall
from postroad.mail.firewall.read import ROLLBACK_UNIT, FirewallState
from postroad.mail.firewall.rule import Argv, LogLevel, Policy, Rule, UfwError
from postroad.roles.own import Refusal
from postroad.roles.run.execute import execute
from postroad.roles.run.facts.ufw import UfwState
from postroad.settings.terminal import fail, line

#: How long the host waits for a fresh connection before it disables its firewall. It must be
#: longer than the time in which a connection attempt is given up (CONNECT_TIMEOUT, 10 s).
ROLLBACK_SECONDS = 60

#: What a call of ufw(8) may take besides, on a slow host. They are as many as rules change.
COMMAND_SECONDS = 3

_ARM = (
    # What an earlier, killed run left would make systemd-run fail.
    f"systemctl stop {ROLLBACK_UNIT}.timer 2>/dev/null;"
    f" systemctl reset-failed {ROLLBACK_UNIT}.service 2>/dev/null;"
    f" systemd-run --quiet --collect --unit={ROLLBACK_UNIT} --on-active=%ds"
    " --timer-property=AccuracySec=1s"
    " --description='Disable ufw: no fresh connection came in after a change'"
    " /usr/sbin/ufw --force disable"
)

# The timer must still have been waiting: a connection that comes in because the firewall has
# been disabled proves nothing.
_DISARM = (
    f"systemctl is-active --quiet {ROLLBACK_UNIT}.timer"
    f" && systemctl stop {ROLLBACK_UNIT}.timer"
    f" && ! systemctl is-active --quiet {ROLLBACK_UNIT}.service"
)

StateReader = Callable[[], FirewallState]
Commands = Generator[PyinfraCommand | str, None, None]


class FreshConnection(PyinfraCommand):
    """Stops the rollback timer through a new connection, made the way the run's own was made.

    The run's own connection proves nothing: the firewall lets established ones pass.
    """

    @override
    def __repr__(self) -> str:
        return "FreshConnection()"

    @override
    def execute(
        self, state: PyinfraState, host: Host, connector_arguments: ConnectorArguments
    ) -> bool:
        connector = host.connector_cls(state, host)
        try:
            connector.connect()
            command = StringCommand(_DISARM)
            status, _ = execute(host, command, dict(connector_arguments), connector)
        except (ConnectError, OSError, EOFError, SSHException) as error:
            return self._failed(host, str(error))
        finally:
            client = getattr(connector, "client", None)
            if client is not None:
                client.close()
        return status or self._failed(host, "it came too late, or the timer was gone")

    def _failed(self, host: Host, reason: str) -> bool:
        fail(
            f"[{host.name}] no fresh connection came in after the change of the firewall "
            f"({line(reason)}); the host disables its firewall in a minute or two, and the next "
            "run tries again. Look for what else stands in the way: an address that changes, a "
            "rate limit, rules outside ufw"
        )
        return False


def guarded(commands: Sequence[str | StringCommand]) -> Commands:
    """The commands, between arming the rollback and the fresh connection that disarms it.

    For any change that could shut out the next connection, such as ``ufw reload`` after a change
    of before.rules.
    """
    seconds = ROLLBACK_SECONDS + COMMAND_SECONDS * len(commands)
    yield StringCommand(_ARM % seconds)
    yield from commands
    yield FreshConnection()


def refuse(message: str) -> Commands:
    """Fail this host with ``message``: while it is only planned as an error, then by a command."""
    if not host.state.is_executing:
        raise OperationError(message)
    yield Refusal(message)


def _installed(state: FirewallState) -> bool:
    # Before the run has changed anything, ufw may rightly be missing.
    return state.status is not None or not host.state.is_executing


def _commands(argvs: Sequence[Argv]) -> list[StringCommand]:
    return [StringCommand(*(QuoteString(word) for word in argv)) for argv in argvs]


def _read() -> FirewallState:
    return host.get_fact(UfwState)


@operation()
def allow(wanted: Sequence[Rule], state: StateReader = _read) -> Commands:
    """Add the rules that are missing; close nothing, enable nothing.

    + wanted: rules that allow or limit
    + state: returns the host's state as it is now; by default the fact UfwState

    A rule that blocks is refused.

    **Example:**

    .. code:: python

        ufw.allow(
            name="Open port 80 for the certificate authority",
            wanted=[Rule(action="allow", ports=("80",), proto="tcp", comment="acme http-01")],
        )
    """
    found = state()
    try:
        plan = plan_allowed(found, wanted)
    except UfwError as error:
        yield from refuse(str(error))
        return
    if not _installed(found):
        yield from refuse("ufw is not installed, or its state could not be read")
    elif plan.commands:
        yield from _commands(plan.commands)
    else:
        host.noop("every opening is there")


@operation()
def firewall(
    wanted: Sequence[Rule],
    default_incoming: Policy = "deny",
    default_outgoing: Policy = "allow",
    default_routed: Policy = "deny",
    logging: LogLevel = "low",
    state: StateReader = _read,
) -> Commands:
    """Make the firewall exactly this one: add, delete, set defaults, enable last.

    + wanted: all rules; those that block are placed before those that let pass
    + default_incoming: policy for what no rule matches: allow, deny or reject
    + default_outgoing: the same for what the host sends
    + default_routed: the same for what the host forwards
    + logging: off, low, medium, high or full (ufw(8), LOGGING)
    + state: returns the host's state as it is now; by default the fact UfwState

    A set that does not admit the connection the run came by is refused. A change that could shut
    out the next connection arms a timer on the host that disables the firewall after 60 seconds;
    only a fresh connection stops it, and where none comes in, the operation fails.

    **Example:**

    .. code:: python

        ufw.firewall(
            name="Make the firewall what is declared, and enable it",
            wanted=[
                Rule(action="limit", ports=("22",), proto="tcp", comment="ssh"),
                Rule(action="allow", ports=("25",), proto="tcp", comment="smtp"),
            ],
        )
    """
    found = state()
    try:
        goal = Firewall(
            rules=tuple(wanted),
            incoming=default_incoming,
            outgoing=default_outgoing,
            routed=default_routed,
            logging=logging,
        )
    except UfwError as error:
        yield from refuse(str(error))
        return
    fault = lockout(found, goal)
    if fault is not None:
        yield from refuse(fault)
        return
    if not _installed(found):
        yield from refuse("ufw is not installed, or its state could not be read")
        return
    yield from _steps(found, goal)


def _steps(found: FirewallState, goal: Firewall) -> Commands:
    plan = plan_firewall(found, goal)
    commands = _commands(plan.commands)
    # A timer that a killed run left armed would disable the firewall after a run that says it is
    # fine, so it too needs the fresh connection.
    if plan.risky or (found.rollback_armed and commands):
        yield from guarded(commands)
    elif found.rollback_armed:
        yield FreshConnection()
    elif commands:
        yield from commands
    else:
        host.noop("the firewall is as declared")


__all__ = ["FreshConnection", "StateReader", "allow", "firewall", "guarded", "refuse"]
