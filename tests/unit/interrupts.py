"""Programs that heed Ctrl-C, whoever started these tests."""

from __future__ import annotations

import signal


def heeded() -> None:
    """For ``preexec_fn``: what a shell starts in the background ignores SIGINT, and so would all
    that it starts (POSIX, Shell Command Language, 2.12)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
