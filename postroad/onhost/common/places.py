"""Places that programs and whoever runs a deploy have to agree on; the others are in
`postroad.host.paths`."""

from __future__ import annotations

#: What only root may enter: locks, and what a run stages.
RUN_FOLDER = "/run/postroad"
#: Held by a run of pyinfra while it changes a part.
RUN_LOCK = f"{RUN_FOLDER}/run.lock"
#: A log an instance.
LOGS = "/var/log/postroad"
