"""What the units, folders and files of one canary are called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Canary:
    """The places and names of one canary. ``name`` is the stream, ``inbound`` or ``default``."""

    name: str
    stage: Path

    @property
    def unit(self) -> str:
        return f"postroad-canary-{self.name}.service"

    @property
    def is_stream(self) -> bool:
        return self.name not in ("inbound", "default")

    @property
    def daemons(self) -> tuple[str, ...]:
        """The units that run the staged configuration, in the order in which they start."""
        kinds = ("dkim", "milter", "auth", "postfix") if self.is_stream else ("postfix",)
        return tuple(f"postroad-{kind}@canary-{self.name}.service" for kind in kinds)

    @property
    def signer(self) -> str:
        """The unit of the stream's signer."""
        return f"postroad-dkim@canary-{self.name}.service"

    @property
    def logins(self) -> str:
        """The unit that checks the stream's logins."""
        return f"postroad-auth@canary-{self.name}.service"

    @property
    def home(self) -> Path:
        # Not below /run/postroad, which is root's alone: the daemons are other users.
        return Path(f"/run/postroad-canary-{self.name}")

    @property
    def config(self) -> Path:
        """The copy of the Postfix instance's folder."""
        folder = "postfix" if self.name == "default" else f"postfix-{self.name}"
        return self.home / "etc" / folder

    @property
    def folder(self) -> Path:
        """The copy of the stream's signer and login configuration."""
        return self.home / "etc" / "postroad" / self.name

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def mailboxes(self) -> Path:
        return self.home / "mailboxes"

    @property
    def budget(self) -> Path:
        """Where the copy asks how much a mailbox has already."""
        return self.home / "budget.sock"

    @property
    def sink(self) -> Path:
        return self.home / "sink"
