"""Where a sending host takes mail, and a batch of mail handed in there over lasting connections."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

from lab.hosts.errors import LabError
from lab.life.session import Lab

CLIENTS = 20

_PROGRAMS = Path(__file__).parent / "programs"
# What a shop's application writes; body lines follow until the message has its size.
_HEADER = """\
From: Shop <{sender}>
To: <{{to}}>
Subject: Your receipt {{name}}
Date: Mon, 23 Nov 2026 12:00:00 +0000
Message-ID: <{{name}}@{domain}>
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii
"""


@dataclass(frozen=True)
class Door:
    """A submission listener. Without ``user`` it asks for no login."""

    host: str
    port: int
    tls: Literal["implicit", "starttls"]
    user: str
    password: str
    mail_from: str
    sender: str


def header(door: Door) -> str:
    """The header of each message, with {name} and {to} to be filled in."""
    return _HEADER.format(sender=door.sender, domain=door.sender.partition("@")[2])


def hand_in(lab: Lab, door: Door, domain: str, count: int, size: int) -> float:
    """Hand in *count* messages of *size* octets to recipients at *domain*, by CLIENTS clients.

    Returns when the first one began, in seconds since the epoch. LabError where one was refused.
    """
    order = {
        "host": door.host,
        "port": door.port,
        "tls": door.tls,
        "user": door.user,
        "password": door.password,
        "mail_from": door.mail_from,
        "header": header(door),
        "domain": domain,
        "count": count,
        "size": size,
        "clients": min(CLIENTS, count),
        "run": f"n{uuid4().hex[:8]}",
    }
    done = lab.app.guest.run(
        ["python3", "-c", program("hand_in.py")], input=json.dumps(order), check=False, timeout=600
    )
    if done.returncode != 0:
        raise LabError(f"{door.host} refused mail: {done.stderr.strip()[-500:]}")
    return float(json.loads(done.stdout)["began"])


def program(name: str) -> str:
    """The text of a program for a host of the lab."""
    return (_PROGRAMS / name).read_text(encoding="utf-8")
