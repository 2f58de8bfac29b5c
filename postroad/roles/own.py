"""The roles of ours: what is wrong with one host ends the run on that host alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, cast

from pyinfra.api.arguments_typed import PyinfraOperation
from pyinfra.api.deploy import deploy as pyinfra_deploy

from postroad.roles.run.left_out import alone

P = ParamSpec("P")


def deploy(name: str) -> Callable[[Callable[P, Any]], PyinfraOperation[P]]:
    """As pyinfra's, of one host: see `postroad.roles.run.left_out.alone`."""

    def decorated(role: Callable[P, Any]) -> PyinfraOperation[P]:
        made: Callable[..., Any] = pyinfra_deploy(name)(role)
        return cast(PyinfraOperation[P], alone(made))

    return decorated
