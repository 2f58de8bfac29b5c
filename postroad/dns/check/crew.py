"""Work side by side, in threads that may be greenlets.

pyinfra makes threads cooperative (gevent) when its command line is imported. What was imported
before keeps the locks of real threads: ThreadPoolExecutor's own would then block every greenlet at
once. So locks are looked up when they are made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Crew:
    """At most ``size`` pieces of work at a time; the others wait for a seat."""

    def __init__(self, size: int) -> None:
        self._seats = threading.Semaphore(size)

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Begin ``work``; the future has its result or what it raised."""
        future: Future[T] = Future()
        threading.Thread(target=self._do, args=(work, future), daemon=True).start()
        return future

    def _do(self, work: Callable[[], T], future: Future[T]) -> None:
        with self._seats:
            try:
                result = work()
            # Whoever waits for the result gets it, whatever it is.
            except BaseException as fault:
                future.set_exception(fault)
            else:
                future.set_result(result)
