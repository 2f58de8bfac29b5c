"""Settings that keep the copy from the live queue, log and mailboxes."""

from __future__ import annotations

import os
import shutil

from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.refusal import refuse_words
from postroad.onhost.canary.sink import SINK_PORT, sink_address
from postroad.onhost.canary.stage import age
from postroad.onhost.canary.tables import parameter, postconf


def overlay(canary: Canary) -> None:
    """Write the settings into the copy's main.cf, and make the folders that they name."""
    queue, data = canary.home / "queue", canary.home / "data"
    queue.mkdir(mode=0o755)
    data.mkdir(mode=0o700)
    shutil.chown(data, "postfix", "postfix")
    settings = {
        "queue_directory": queue,
        "data_directory": data,
        "maillog_file": canary.log,
        "maillog_file_prefixes": canary.home,
        # The canary asks as a stranger, and more often than a shop does.
        "smtpd_authorized_xclient_hosts": "0.0.0.0/0, [::]/0",
        "smtpd_client_event_limit_exceptions": "0.0.0.0/0, [::]/0",
        **(stream_overlay(canary) if canary.is_stream else {}),
        **(inbound_overlay(canary) if canary.name == "inbound" else {}),
    }
    assignments = [f"{name}={value}" for name, value in settings.items()]
    done = postconf(canary, "-e", *assignments)
    refuse_words("postconf cannot edit the copy of main.cf", done.stderr)
    if canary.is_stream:
        answer_at_once(canary)
    age(canary)


def stream_overlay(canary: Canary) -> dict[str, object]:
    """All mail goes to the sink; /run is smaller than the disk of the real queue."""
    nexthop = f"smtp:[{sink_address(canary)}]:{SINK_PORT}"
    settings: dict[str, object] = {"default_transport": nexthop, "relay_transport": nexthop}
    if parameter(canary, "queue_minfree").isdigit():
        settings["queue_minfree"] = 0
    return settings


def answer_at_once(canary: Canary) -> None:
    """A wrong password is answered without the pause that slows down those who guess."""
    with (canary.folder / "dovecot.conf").open("a", encoding="utf-8") as logins:
        logins.write("auth_failure_delay = 0 secs\n")


def inbound_overlay(canary: Canary) -> dict[str, object]:
    """Mail is delivered into Maildirs of the canary's."""
    canary.mailboxes.mkdir(mode=0o755)
    owner = parameter(canary, "virtual_uid_maps").removeprefix("static:")
    if owner.isdigit():
        os.chown(canary.mailboxes, int(owner), -1)
    return {"virtual_mailbox_base": canary.mailboxes, "queue_minfree": 0}
