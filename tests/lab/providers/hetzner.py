"""Hetzner Cloud, DNS: zones and RRsets (its API reference, "Zones" and "Zone RRSets")."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.lab.providers.web import Reply, Request
from tests.lab.providers.zone import RefusedError, Zone, page

TOKEN = "a-project-s-token"
# "TTL … must be at least 60"; "per_page: maximum 50".
SHORTEST_TTL = 60
LARGEST_PAGE = 50


@dataclass
class Hetzner:
    """One zone of one project."""

    zone: Zone
    name: str = "api.hetzner.cloud"

    def answer(self, request: Request) -> Reply:
        if request.headers["Authorization"] != f"Bearer {TOKEN}":
            return _error(401, "unauthorized", "unable to authenticate")
        try:
            return self._answer(request, request.path.removeprefix("/v1/").split("/"))
        except RefusedError as refused:
            return _error(422, "invalid_input", str(refused))

    def _answer(self, request: Request, path: list[str]) -> Reply:
        match request.method, path:
            case "GET", ["zones"]:
                return self._listed(request, "zones", [self._zone()])
            case "GET", ["zones", "1"]:
                return _json(200, {"zone": self._zone()})
            case "GET", ["zones", "1", "rrsets"]:
                return self._listed(request, "rrsets", [self._rrset(*key) for key in self.keys])
            case "POST", ["zones", "1", "rrsets"]:
                return self._created(json.loads(request.body))
            case "DELETE", ["zones", "1", "rrsets", name, kind]:
                self.zone.take(self._owner(name), kind)
                return _json(201, {"action": _done("delete_rrset")})
            case "POST", ["zones", "1", "rrsets", name, kind, "actions", action]:
                return self._changed(self._owner(name), kind, action, json.loads(request.body))
        return _error(404, "not_found", f"{request.method} {request.target}")

    @property
    def keys(self) -> list[tuple[str, str]]:
        return sorted(self.zone.rrsets)

    def _created(self, said: dict[str, Any]) -> Reply:
        key = (self._owner(said["name"]), said["type"])
        if key in self.zone.rrsets:
            return _error(409, "uniqueness_error", "the RRSet is there already")
        self.zone.put(*key, said["ttl"], [one["value"] for one in said["records"]])
        return _json(201, {"rrset": self._rrset(*key), "action": _done("create_rrset")})

    def _changed(self, owner: str, kind: str, action: str, said: dict[str, Any]) -> Reply:
        if (owner, kind) not in self.zone.rrsets:
            return _error(404, "not_found", f"{owner} {kind}")
        ttl, values = self.zone.rrsets[owner, kind]
        if action == "set_records":
            values = tuple(one["value"] for one in said["records"])
        elif action == "change_ttl":
            ttl = said["ttl"]
        else:
            return _error(404, "not_found", action)
        self.zone.put(owner, kind, ttl, values)
        return _json(201, {"action": _done(action)})

    def _owner(self, name: str) -> str:
        return self.zone.name if name == "@" else f"{name}.{self.zone.name}"

    def _zone(self) -> dict[str, Any]:
        servers = {"assigned": [], "delegated": [], "delegation_status": "valid"}
        return {
            "id": 1,
            "name": self.zone.name,
            "created": "2026-01-01T00:00:00+00:00",
            "mode": "primary",
            "ttl": 3600,
            "labels": {},
            "primary_nameservers": [],
            "protection": {"delete": False},
            "status": "ok",
            "record_count": len(self.zone.rrsets),
            "authoritative_nameservers": {**servers, "delegation_last_check": None},
            "registrar": "other",
        }

    def _rrset(self, owner: str, kind: str) -> dict[str, Any]:
        ttl, values = self.zone.rrsets[owner, kind]
        name = owner.removesuffix(self.zone.name).rstrip(".") or "@"
        return {
            "id": f"{name}/{kind}",
            "name": name,
            "type": kind,
            "ttl": ttl,
            "labels": {},
            "protection": {"change": False},
            "records": [{"value": value, "comment": ""} for value in values],
            "zone": 1,
        }

    def _listed(self, request: Request, what: str, items: list[dict[str, Any]]) -> Reply:
        number = int(request.query.get("page", 1))
        size = min(int(request.query.get("per_page", 25)), LARGEST_PAGE)
        last = max(1, -(-len(items) // size))
        pagination = {
            "page": number,
            "per_page": size,
            "previous_page": number - 1 or None,
            "next_page": number + 1 if number < last else None,
            "last_page": last,
            "total_entries": len(items),
        }
        held = list(page(items, number, size))
        return _json(200, {what: held, "meta": {"pagination": pagination}})


def _done(command: str) -> dict[str, Any]:
    moment = "2026-01-01T00:00:00+00:00"
    return {
        "id": 1,
        "command": command,
        "status": "success",
        "progress": 100,
        "started": moment,
        "finished": moment,
        "resources": [],
        "error": None,
    }


def _error(status: int, code: str, message: str) -> Reply:
    return _json(status, {"error": {"code": code, "message": message, "details": {}}})


def _json(status: int, said: object) -> Reply:
    return Reply(status, "application/json", json.dumps(said).encode())
