"""The edge: one question to one server, by UDP and then TCP (RFC 1035 §4.2, RFC 7766 §5)."""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query

from postroad.dns.check.answers import Answer, Question, read

TRIES = 2
# No fragments on the way (DNS flag day 2020; RFC 9715 §3).
PAYLOAD = 1232

_LATE = Answer("timeout", detail="no answer in time")


def exchange(question: Question, seconds: float) -> Answer:
    """Ask, and once more where nothing came; ``seconds`` for each try and for TCP. Never raises."""
    message = _message(question)
    answer = _LATE
    for _ in range(TRIES):
        answer = _try(question, message, seconds)
        if answer.outcome != "timeout":
            break
    return answer


def _message(question: Question) -> dns.message.Message:
    # AD in a query asks for AD in the answer (RFC 6840 §5.7).
    flags = dns.flags.AD | (dns.flags.RD if question.server.recursive else 0)
    return dns.message.make_query(
        dns.name.from_text(question.name),
        question.kind,
        use_edns=0,
        payload=PAYLOAD,
        flags=flags,
    )


def _try(question: Question, message: dns.message.Message, seconds: float) -> Answer:
    try:
        return read(question, _udp_then_tcp(question, message, seconds))
    except _TruncatedError as fault:
        return Answer("truncated", detail=f"it cuts its answer off, and by TCP {fault}")
    except dns.exception.Timeout:
        return _LATE
    except OSError as fault:
        return Answer("unreachable", detail=f"it cannot be reached ({fault.strerror or fault})")
    # A hostile server may send anything, and a parser may fail in any way.
    except Exception as fault:
        return Answer("malformed", detail=f"what it sends is no answer ({type(fault).__name__})")


class _TruncatedError(Exception):
    """The answer did not fit, and could not be had by TCP either."""


def _udp_then_tcp(
    question: Question, message: dns.message.Message, seconds: float
) -> dns.message.Message:
    where, port = str(question.server.address), question.server.port
    try:
        return dns.query.udp(
            message, where, seconds, port, ignore_unexpected=True, raise_on_truncation=True
        )
    except dns.message.Truncated:
        try:
            return dns.query.tcp(message, where, seconds, port)
        except dns.exception.Timeout:
            raise _TruncatedError("nothing comes in time") from None
        except Exception as fault:
            raise _TruncatedError(f"it fails ({type(fault).__name__})") from None
