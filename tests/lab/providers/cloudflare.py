"""Cloudflare's API, version 4: zones and their records (its API reference, "DNS Records")."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.lab.providers.web import Reply, Request
from tests.lab.providers.zone import Key, RefusedError, Zone, page

TOKEN = "a-zone-s-token"
# "ttl: 1 for automatic; value must be between 60 and 86400".
SHORTEST_TTL = 60
# "TXT content: at most 2048 characters".
LONGEST_TXT = 2048
_WITH_DATA = {
    "CAA": '{flags} {tag} "{value}"',
    "TLSA": "{usage} {selector} {matching_type} {certificate}",
}
Record = dict[str, Any]


@dataclass
class Cloudflare:
    """One zone, which the token may change; it may not read page rules.

    Here a record is one value: the zone's RRsets are made of them, and judged after each change.
    """

    zone: Zone
    name: str = "api.cloudflare.com"
    records: dict[str, Record] = field(default_factory=dict)
    numbers: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        """What the zone has at first."""
        for (owner, kind), (ttl, values) in self.zone.rrsets.items():
            for value in values:
                said: Record = {"name": owner, "type": kind, "ttl": ttl, "content": value}
                if kind == "MX":
                    said["priority"], said["content"] = int(value.split()[0]), value.split()[1]
                if kind == "CAA":
                    flags, tag, issuer = value.split()
                    said["data"] = {"flags": int(flags), "tag": tag, "value": issuer.strip('"')}
                self._keep(f"r{next(self.numbers)}", said)

    def answer(self, request: Request) -> Reply:
        if request.headers["Authorization"] != f"Bearer {TOKEN}":
            return _error(403, 9109, "Invalid access token")
        try:
            return self._answer(request, request.path.removeprefix("/client/v4/").split("/"))
        except RefusedError as refused:
            return _error(400, 9005, str(refused))

    def _answer(self, request: Request, path: list[str]) -> Reply:
        match request.method, path:
            case "GET", ["zones"]:
                return _listed(request, [{"id": "z1", "name": self.zone.name}], 50)
            case "GET", ["zones", "z1", "dns_records"]:
                return _listed(request, list(self.records.values()), 5000)
            case "POST", ["zones", "z1", "dns_records"]:
                return self._changed(f"r{next(self.numbers)}", json.loads(request.body))
            case "PUT", ["zones", "z1", "dns_records", number] if number in self.records:
                return self._changed(number, json.loads(request.body))
            case "DELETE", ["zones", "z1", "dns_records", number] if number in self.records:
                gone = self.records.pop(number)
                self._judge((gone["name"], gone["type"]))
                return _result({"id": number})
            case "GET", ["zones", "z1", "pagerules"]:
                return _error(403, 10000, "Authentication error")
        return _error(404, 7003, f"{request.method} {request.target}")

    def _changed(self, number: str, said: Record) -> Reply:
        before = self.records.get(number)
        kind = said["type"]
        if kind in _WITH_DATA and "data" not in said:
            raise RefusedError(f"{kind} is given as data")
        if kind not in _WITH_DATA and not isinstance(said.get("content"), str):
            raise RefusedError(f"{kind} is given as content")
        if kind == "TXT" and len(said["content"]) > LONGEST_TXT:
            raise RefusedError(f"{said['name']}: TXT of more than {LONGEST_TXT} characters")
        self._keep(number, said)
        try:
            self._judge((said["name"], kind))
        except RefusedError:
            if before is None:
                del self.records[number]
            else:
                self.records[number] = before
            raise
        return _result(self.records[number])

    def _keep(self, number: str, said: Record) -> None:
        kept = {**said, "id": number, "zone_id": "z1", "proxied": said.get("proxied", False)}
        kind = said["type"]
        if kind in _WITH_DATA and "data" in said:
            kept["content"] = _WITH_DATA[kind].format(**said["data"])
        if kind in ("CNAME", "MX", "NS", "PTR"):
            kept["content"] = said["content"].rstrip(".")
        self.records[number] = kept

    def _judge(self, key: Key) -> None:
        """Have the zone's RRset be what its records say. Raises RefusedError."""
        found = [one for one in self.records.values() if (one["name"], one["type"]) == key]
        if not found:
            self.zone.take(*key)
            return
        self.zone.put(*key, found[0]["ttl"], [_zone_form(one) for one in found])


def _zone_form(record: Record) -> str:
    match record["type"]:
        case "CNAME" | "NS" | "PTR":
            return f"{record['content']}."
        case "MX":
            return f"{record['priority']} {record['content']}."
    return str(record["content"])


def _listed(request: Request, items: list[Record], largest: int) -> Reply:
    number, size = int(request.query.get("page", 1)), int(request.query.get("per_page", 20))
    if not 5 <= size <= largest:
        raise RefusedError(f"per_page is {size}, not between 5 and {largest}")
    held = list(page(items, number, size))
    info = {
        "page": number,
        "per_page": size,
        "count": len(held),
        "total_count": len(items),
        "total_pages": -(-len(items) // size),
    }
    return _json(200, {"success": True, "errors": [], "result": held, "result_info": info})


def _result(said: Record) -> Reply:
    return _json(200, {"success": True, "errors": [], "messages": [], "result": said})


def _error(status: int, code: int, message: str) -> Reply:
    said = {"success": False, "errors": [{"code": code, "message": message}], "result": None}
    return _json(status, said)


def _json(status: int, said: object) -> Reply:
    return Reply(status, "application/json", json.dumps(said).encode())
