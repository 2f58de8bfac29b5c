"""Many questions side by side, each sent once, in a bounded time."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from postroad.dns.check.answers import Answer, Question, Server
from postroad.dns.check.crew import Crew

Exchange = Callable[[Question, float], Answer]

QUESTION_SECONDS = 2.0
TOTAL_SECONDS = 20.0
# A server that has fallen silent costs its time-outs once, not once for each question.
STRIKES = 3

_OVER = Answer("not asked", detail="the time for all questions was over before this one")
_SILENT = Answer("not asked", detail=f"it left {STRIKES} questions in a row without an answer")


class Asker:
    """Has ``crew`` send questions by ``exchange`` until ``clock`` (seconds) reads ``deadline``."""

    def __init__(
        self, exchange: Exchange, crew: Crew, deadline: float, clock: Callable[[], float]
    ) -> None:
        self._exchange = exchange
        self._crew = crew
        self._deadline = deadline
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: dict[Question, Future[Answer]] = {}
        self._strikes: Counter[Server] = Counter()

    @property
    def sent(self) -> int:
        """How many questions there were; none of them was asked twice."""
        return len(self._asked)

    def start(self, question: Question) -> Future[Answer]:
        """Begin to ask; the answer to a question that was asked before is the same one."""
        with self._lock:
            if question not in self._asked:
                self._asked[question] = self._crew.start(partial(self._send, question))
            return self._asked[question]

    def ask(self, question: Question) -> Answer:
        """Ask and wait."""
        return self.start(question).result()

    def _send(self, question: Question) -> Answer:
        left = self._deadline - self._clock()
        if left <= 0:
            return _OVER
        if self._strikes[question.server] >= STRIKES:
            return _SILENT
        answer = self._exchange(question, min(left, QUESTION_SECONDS))
        with self._lock:
            late = answer.outcome == "timeout"
            self._strikes[question.server] = self._strikes[question.server] + 1 if late else 0
        return answer
