"""The roles and operations of ours: what goes wrong on one host ends the run on that host alone."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator
from functools import wraps
from typing import Any, ParamSpec, cast

from paramiko import SSHException
from pyinfra.api.arguments import ConnectorArguments
from pyinfra.api.arguments_typed import PyinfraOperation
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.deploy import deploy as pyinfra_deploy
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.operation import operation as pyinfra_operation
from pyinfra.api.state import State
from pyinfra.context import ctx_host
from typing_extensions import override

from postroad.roles.run.execute import execute
from postroad.roles.run.left_out import OF_A_HOST, alone, of
from postroad.settings.faults import PlainError
from postroad.settings.terminal import fail, line

P = ParamSpec("P")
Commands = Generator[Any, None, None]


class Refusal(PyinfraCommand):
    """Fails this host with a message.

    An exception would end the run for every host once operations are being executed.
    """

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message

    @override
    def __repr__(self) -> str:
        return f"Refusal({self.message})"

    @override
    def execute(self, state: State, host: Host, connector_arguments: ConnectorArguments) -> bool:
        fail(f"[{host.name}] {self.message}")
        return False


class Sent(StringCommand):
    """A command whose connection may break at any time.

    pyinfra takes an EOFError, which is what paramiko has of a server that has hung up, for a fault
    of its own, and ends the run for every host.
    """

    @classmethod
    def of(cls, command: Any) -> Any:
        """The same command; one that is nothing for a shell is left as it is."""
        if isinstance(command, str):
            return cls(command.strip())
        if type(command) is not StringCommand:
            return command
        return cls(*command.bits, _separator=command.separator, **command.connector_arguments)

    @override
    def execute(self, state: State, host: Host, connector_arguments: ConnectorArguments) -> Any:
        try:
            return execute(host, self, {**connector_arguments, **self.connector_arguments})
        except (OSError, SSHException):
            raise
        except Exception as error:
            raise OSError(f"{type(error).__name__}: {line(error)}") from error


def deploy(name: str) -> Callable[[Callable[P, Any]], PyinfraOperation[P]]:
    """As pyinfra's, of one host: see `postroad.roles.run.left_out.alone`."""

    def decorated(role: Callable[P, Any]) -> PyinfraOperation[P]:
        made: Callable[..., Any] = pyinfra_deploy(name)(role)
        return cast(PyinfraOperation[P], alone(made))

    return decorated


def operation() -> Callable[[Callable[P, Commands]], Any]:
    """As pyinfra's; a host that does not answer in the middle of its changes has failed.

    An exception would end the run for every host once operations are being executed.
    """

    def decorated(work: Callable[P, Commands]) -> Any:
        @wraps(work)
        def on_one_host(*args: P.args, **kwargs: P.kwargs) -> Commands:
            host: Host = ctx_host.get()
            try:
                yield from map(Sent.of, work(*args, **kwargs))
            except Exception as error:
                if not host.state.is_executing:
                    raise
                yield _refusal(host, error)

        return pyinfra_operation()(on_one_host)

    return decorated


def _refusal(host: Host, error: Exception) -> Refusal:
    """Fails the host with what is wrong. Whatever nobody has thought of is a fault of ours."""
    if not isinstance(error, (*OF_A_HOST, PyinfraError, PlainError)):
        fail(traceback.format_exc())
    reason = str(getattr(error, "reason", error)) or type(error).__name__
    of(host.state).why.setdefault(host.name, f"{host.name}: {reason}")
    return Refusal(reason)
