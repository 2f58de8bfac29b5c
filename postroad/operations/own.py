"""The operations of ours: what one host does not answer ends the work on that host alone."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import wraps
from typing import Any, ParamSpec

from pyinfra.api.operation import operation as pyinfra_operation
from pyinfra.context import ctx_host

from postroad.ask import UnansweredError
from postroad.operations.ufw import Refusal

P = ParamSpec("P")
Commands = Generator[Any, None, None]


def operation() -> Callable[[Callable[P, Commands]], Any]:
    """As pyinfra's; a host that does not answer in the middle of its changes has failed.

    An exception would end the run for every host once operations are being executed.
    """

    def decorated(work: Callable[P, Commands]) -> Any:
        @wraps(work)
        def on_one_host(*args: P.args, **kwargs: P.kwargs) -> Commands:
            try:
                yield from work(*args, **kwargs)
            except UnansweredError as error:
                if not ctx_host.get().state.is_executing:
                    raise
                yield Refusal(error.reason)

        return pyinfra_operation()(on_one_host)

    return decorated
