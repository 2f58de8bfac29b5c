"""Hosts that a run goes on without, named where it is found and again when all else has been told.

pyinfra ends a run for every host where a deploy raises for one of them, and forgets why it could
not connect. What is one host's trouble ends the run there alone; the exit status is 1 all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

from gevent import GreenletExit  # type: ignore[import-untyped]
from pyinfra.api.exceptions import ConnectError, OperationError, PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.state import BaseStateCallback, State
from pyinfra.context import ctx_host

from postroad.dns.dkim import UnusableKeyError
from postroad.mail.firewall.rule import UfwError
from postroad.roles.run.ask import UnansweredError
from postroad.roles.run.pyinfra_words import mended
from postroad.settings.faults import PlainError
from postroad.settings.terminal import fail, line

P = ParamSpec("P")
T = TypeVar("T")


class RefusedError(PyinfraError):
    """A host must not be touched as it is; the message names it, and what is wrong, by lines."""


#: What is wrong with one host, and not with what the operator declares for all of them.
OF_A_HOST = (UnansweredError, RefusedError, OperationError, UnusableKeyError, UfwError)


@dataclass
class LeftOut(BaseStateCallback):
    """Which hosts one run goes on without, and what is told of each.

    ``needs_all`` is why the run cannot go on without any; empty where it can.
    """

    why: dict[str, str] = field(default_factory=dict)
    needs_all: str = ""
    is_told: bool = False

    def host_connect_error(  # type: ignore[override]
        self, state: State, host: Host, error: Exception
    ) -> None:
        """Keep what pyinfra tells once and forgets."""
        self.why[host.name] = f"{host.name}: no connection: {mended(line(error))}"

    def operation_host_error(  # type: ignore[override]
        self, state: State, host: Host, op_hash: str, *retries: int
    ) -> None:
        """Count a host that fails in the middle as failed where pyinfra forgets it (--no-wait)."""
        if state.ops[host][op_hash].global_arguments["_ignore_errors"]:
            return
        state.failed_hosts.add(host)
        name = line(sorted(state.op_meta[op_hash].names)[-1].partition(": ")[0])
        self.why.setdefault(host.name, f"{host.name}: it failed at {name}, see above")

    def host_disconnect(  # type: ignore[override]
        self, state: State, host: Host
    ) -> None:
        """The run is over."""
        if self.why and not self.is_told:
            self.is_told = True
            names = ", ".join(name for name in state.inventory.hosts if name in self.why)
            fail(f"Not done on {names}; the exit status is 1:\n{self.told(state)}")

    def told(self, state: State) -> str:
        """What is told of each, a line or more, in the inventory's order."""
        return "\n".join(self.why[name] for name in state.inventory.hosts if name in self.why)


def of(state: State) -> LeftOut:
    """Those of this run; from the first call on, pyinfra tells of hosts that it loses."""
    for handler in state.callback_handlers:
        if isinstance(handler, LeftOut):
            return handler
    made = LeftOut()
    for host in state.failed_hosts:
        made.why[host.name] = f"{host.name}: no connection, see above"
    state.add_callback_handler(made)
    return made


def let_be(state: State, ours: Collection[str]) -> None:
    """What hosts fail at that are not ``ours`` is not this run's: nothing was to be done there."""
    found = of(state)
    for host in [host for host in state.failed_hosts if host.name not in ours]:
        state.failed_hosts.discard(host)
        found.why.pop(host.name, None)


def unasked(state: State) -> None:
    """Have the others go on without a question: a plan is still to be agreed to.

    Without -y, pyinfra asks at each host that it loses, and where nobody can answer it ends in a
    traceback.
    """
    if state.should_raise_failed_hosts is not None:
        state.should_raise_failed_hosts = _goes_on


def _goes_on(state: State) -> bool:
    return False


def connected_all(connect_all: Callable[[State], None]) -> Callable[[State], None]:
    """pyinfra's ``connect_all``, which loses hosts with a reason, and without a question."""

    @wraps(connect_all)
    def connect(state: State) -> None:
        found, asks = of(state), state.should_raise_failed_hosts
        unasked(state)
        for host in state.inventory:
            host.connector.connect = _or_lost(  # type: ignore[method-assign]
                host.connector.connect
            )
        try:
            connect_all(state)
        except PyinfraError:
            if state.active_hosts or not found.why:
                raise
            raise _nobody(state) from None
        finally:
            state.should_raise_failed_hosts = asks

    return connect


def _or_lost(connect: Callable[[], None]) -> Callable[[], None]:
    """A connector's ``connect``, whose every trouble is its host's.

    Keys, configuration files and proxies are read on the way: anything may come of them.
    """

    def tried() -> None:
        try:
            connect()
        except ConnectError:
            raise
        except Exception as error:
            raise ConnectError(line(error) or type(error).__name__) from error

    return tried


def lose(host: Host, error: Exception) -> None:
    """Count ``host`` as failed, in whichever host's operation its trouble shows."""
    host.state.failed_hosts.add(host)
    of(host.state).why.setdefault(host.name, named(host, error))


def leave_out(host: Host, told: str) -> NoReturn:
    """Have the run go on without ``host``, which is left as it is; ``told`` names it and says why.

    Ends the greenlet in which pyinfra executes the deploy file for it. PyinfraError where nobody is
    left, or nobody can go on.
    """
    state, found = host.state, of(host.state)
    found.why[host.name] = told
    # What was planned for it before is not done, and no plan is to say so.
    host.op_hash_order.clear()
    state.ops[host].clear()
    if found.needs_all:
        raise PyinfraError(f"{told}\n{found.needs_all}")
    if state.active_hosts <= {host}:
        state.failed_hosts.add(host)
        state.active_hosts.discard(host)
        raise _nobody(state)
    fail(told)
    state.fail_hosts({host})
    raise GreenletExit


def _nobody(state: State) -> PyinfraError:
    found = of(state)
    found.is_told = True
    return PyinfraError(found.told(state))


def alone(role: Callable[P, T]) -> Callable[P, T]:
    """A role whose trouble with one host ends the run there, and goes on for the others.

    What the operator has declared is every host's: PyinfraError, which pyinfra tells as it is.
    """

    @wraps(role)
    def on_one_host(*args: P.args, **kwargs: P.kwargs) -> T:
        host: Host = ctx_host.get()
        try:
            return role(*args, **kwargs)
        except OF_A_HOST as error:
            leave_out(host, named(host, error))
        except PlainError as error:
            raise PyinfraError(str(error)) from error

    return on_one_host


def named(host: Host, error: Exception) -> str:
    """What is told of ``host``, with its name."""
    if isinstance(error, (UnansweredError, RefusedError)):
        return str(error)
    return f"{host.name}: {line(error)}"
