"""The listeners of the staged master.cf."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.tables import postconf


@dataclass(frozen=True)
class Listener:
    """One smtpd(8) service of master.cf."""

    address: str
    port: int
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"

    @property
    def takes_logins(self) -> bool:
        return self.options.get("smtpd_sasl_auth_enable") == "yes"

    @property
    def is_implicit_tls(self) -> bool:
        return self.options.get("smtpd_tls_wrappermode") == "yes"

    @property
    def master_row(self) -> str:
        options = "".join(f"    -o {name}={value}\n" for name, value in self.options.items())
        return f"{self} inet n - n - - smtpd\n{options}"


def listeners(canary: Canary) -> tuple[Listener, ...]:
    """The smtpd services of the staged master.cf."""
    rows = postconf(canary, "-M").stdout.splitlines()
    return tuple(
        listener(row) for row in rows if re.match(r"\S+\s+inet\s+(?:\S+\s+){5}smtpd\b", row)
    )


def listener(row: str) -> Listener:
    """The service of one row of ``postconf -M``."""
    host, _, port = row.split()[0].rpartition(":")
    options = (
        (braced or plain).partition("=")
        for braced, plain in re.findall(r"-o (?:\{ *(.*?) *\}|(\S+))", row)
    )
    return Listener(
        host.strip("[]") or "127.0.0.1",
        int(port) if port.isdigit() else socket.getservbyname(port, "tcp"),
        {name.strip(): value.strip() for name, _, value in options},
    )
