"""Makes the process cooperative (gevent) as pyinfra's command is, by being imported.

Before anything else: whatever has imported ssl by then, as dns.query does, would keep what it
replaces and be warned of in ten lines.
"""

from __future__ import annotations

import pyinfra_cli  # type: ignore[import-untyped]  # noqa: F401
