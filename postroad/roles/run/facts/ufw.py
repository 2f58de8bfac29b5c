"""Facts about ufw(8). They need root; the parsers are those of ``postroad.mail.firewall.read``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

from postroad.mail.firewall.read import (
    STATE_COMMAND,
    STATUS_COMMAND,
    FirewallState,
    Status,
    parse_added,
    parse_state,
    parse_status,
)
from postroad.mail.firewall.rule import Rule, UfwError

_T = TypeVar("_T")


def _parsed(parse: Callable[[str], _T], output: list[str]) -> _T:
    # Any other exception in a fact would end the run for every host.
    try:
        return parse("\n".join(output))
    except UfwError as error:
        raise FactProcessError(str(error)) from error


class UfwAdded(FactBase[list[Rule]]):
    """The rules of ``ufw show added``, also while ufw is inactive; empty where ufw is missing."""

    default = list

    @override
    def command(self) -> str:
        return "LC_ALL=C ufw show added"

    @override
    def requires_command(self) -> str:
        return "ufw"

    @override
    def process(self, output: list[str]) -> list[Rule]:
        return _parsed(parse_added, output)


class UfwStatus(FactBase[Status | None]):
    """Whether ufw is enabled and loaded, its defaults and logging; None where ufw is missing.

    Read from ufw's files and the kernel: ``ufw status verbose`` tells no defaults while it is
    inactive, and calls the routed one "disabled" wherever forwarding is off.
    """

    @override
    def command(self) -> str:
        return STATUS_COMMAND

    @override
    def process(self, output: list[str]) -> Status | None:
        return _parsed(parse_status, output)


class UfwState(FactBase[FirewallState]):
    """Everything that the operations need, in one command."""

    default = FirewallState

    @override
    def command(self) -> str:
        return STATE_COMMAND

    @override
    def process(self, output: list[str]) -> FirewallState:
        return _parsed(parse_state, output)
