"""A milter that refuses mail as one large mailbox provider documents that it does.

It verifies nothing: SPF, DKIM and DMARC results are read from the Authentication-Results
fields (RFC 8601) that policyd-spf, OpenDKIM and OpenDMARC have put on top.

    refusals.py REPLIES SOCKET

REPLIES is a JSON file of reply texts by fault; SOCKET is where Postfix finds the milter.
"""

import json
import re
import sys
from collections.abc import Iterable
from typing import Any, ClassVar

import Milter

Results = dict[str, list[str]]

# From the most to the least general fault; the first that is found is told.
FAULTS = ("dns", "unauthenticated", "no_dmarc", "dkim", "spf", "policy", "unaligned")


def results(fields: Iterable[str]) -> Results:
    """The results {method: text} of the topmost field for each method.

    Ours are above anything that came with the message, so a forged field is never read.
    """
    found: Results = {}
    for field in fields:
        in_this_field: Results = {}
        for part in field.split(";")[1:]:
            method, separator, rest = part.strip().partition("=")
            if separator:
                in_this_field.setdefault(method, []).append(rest)
        for method, texts in in_this_field.items():
            found.setdefault(method, texts)
    return found


def verdict(found: Results, method: str) -> str:
    """`pass` if any result of *method* is that, else its first result, else `none`."""
    words = [re.split(r"[\s(]", text, maxsplit=1)[0] for text in found.get(method, [])]
    return "pass" if "pass" in words else (words or ["none"])[0]


def faults(found: Results) -> list[str]:
    """Every fault of a message with these results, in the order of FAULTS."""
    spf, dkim, dmarc = (verdict(found, method) for method in ("spf", "dkim", "dmarc"))
    policy = re.search(r"\(p=(\w+)", (found.get("dmarc") or [""])[0])
    is_strict = policy is not None and policy.group(1) != "none"
    seen = {
        "dns": "temperror" in (spf, dkim, dmarc),
        "unauthenticated": spf != "pass" and dkim != "pass",
        "no_dmarc": dmarc not in ("pass", "fail"),
        "dkim": dkim != "pass",
        "spf": spf != "pass",
        "policy": dmarc == "fail" and is_strict,
        "unaligned": dmarc == "fail" and not is_strict,
    }
    return [fault for fault in FAULTS if seen[fault]]


class Refusals(Milter.Base):  # type: ignore[misc]  # pymilter has no types
    """One connection."""

    replies: ClassVar[dict[str, tuple[str, str, str]]] = {}

    def __init__(self) -> None:
        self.client = ""
        self.has_name = False
        self.fields: list[str] = []
        self.from_fields: list[str] = []

    def connect(self, name: str, family: Any, address: Any) -> Any:
        self.client = address[0] if address else ""
        # Postfix says "unknown" unless the PTR's name leads back to the address.
        self.has_name = name != "unknown" and not name.startswith("[")
        return Milter.CONTINUE

    def envfrom(self, sender: str, *parameters: str) -> Any:
        self.fields = []
        self.from_fields = []
        if not self.getsymval("{tls_version}"):
            return self._refuse("no_tls")
        if not self.has_name:
            return self._refuse("no_ptr")
        return Milter.CONTINUE

    def header(self, name: str, value: str) -> Any:
        if name.lower() == "authentication-results":
            self.fields.append(value)
        if name.lower() == "from":
            self.from_fields.append(value)
        return Milter.CONTINUE

    def eom(self) -> Any:
        found = results(self.fields)
        seen = faults(found) if len(self.from_fields) == 1 else ["from"]
        if seen:
            return self._refuse(seen[0], found)
        return Milter.CONTINUE

    def _refuse(self, fault: str, found: Results | None = None) -> Any:
        domain = re.search(r"@([\w.-]+)", " ".join(self.from_fields))
        words = {
            "client": self.client,
            "domain": domain.group(1) if domain else "unknown",
            **{
                method: "Pass" if verdict(found or {}, method) == "pass" else "Fail"
                for method in ("spf", "dkim", "dmarc")
            },
        }
        code, enhanced, text = self.replies[fault]
        self.setreply(code, enhanced, text.format(**words).replace("%", "%%"))
        print(f"refused: {fault} from={self.from_fields} {self.fields}", flush=True)
        return Milter.TEMPFAIL if code.startswith("4") else Milter.REJECT


def main(replies: str, socket: str) -> None:
    """Serve until the end of the process."""
    with open(replies) as text:
        Refusals.replies = json.load(text)
    Milter.factory = Refusals
    Milter.runmilter("refusals", socket, 600)


if __name__ == "__main__":
    main(*sys.argv[1:])
