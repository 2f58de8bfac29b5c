"""Amazon Route 53: hosted zones and record sets (its API reference, version 2013-04-01)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.lab.providers.web import Reply, Request
from tests.lab.providers.zone import Key, RefusedError, Zone

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "a-key-of-an-account"
SHORTEST_TTL = 0
# "at most 300"; a reply may have fewer.
_PAGE = 100
_NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
_IN = {"r": _NAMESPACE}


@dataclass
class Route53:
    """One hosted zone of one account."""

    zone: Zone
    name: str = "route53.amazonaws.com"

    def answer(self, request: Request) -> Reply:
        if not _is_signed(request):
            return _error(403, "SignatureDoesNotMatch", "the signature is not this request's")
        path = request.path.removeprefix("/2013-04-01/").rstrip("/").split("/")
        match request.method, path:
            case "GET", ["hostedzone"]:
                return self._zones()
            case "GET", ["healthcheck"]:
                return _reply(
                    "ListHealthChecksResponse",
                    "<HealthChecks/><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>",
                )
            case "GET", ["hostedzone", "Z1", "rrset"]:
                return self._listed(request.query)
            case "POST", ["hostedzone", "Z1", "rrset"]:
                return self._changed(request.body)
        return _error(404, "NoSuchHostedZone", f"{request.method} {request.target}")

    def _zones(self) -> Reply:
        return _reply(
            "ListHostedZonesResponse",
            "<HostedZones><HostedZone><Id>/hostedzone/Z1</Id>"
            f"<Name>{self.zone.name}.</Name><CallerReference>once</CallerReference>"
            "<Config><PrivateZone>false</PrivateZone></Config>"
            f"<ResourceRecordSetCount>{len(self.zone.rrsets)}</ResourceRecordSetCount>"
            "</HostedZone></HostedZones><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>",
        )

    def _listed(self, query: dict[str, str]) -> Reply:
        # "sorted by name with the labels reversed, then by type".
        keys = sorted(self.zone.rrsets, key=_reversed)
        if "name" in query:
            start = _reversed((query["name"].rstrip("."), query.get("type", "")))
            keys = [key for key in keys if _reversed(key) >= start]
        held, rest = keys[:_PAGE], keys[_PAGE:]
        sets = "".join(self._set(key) for key in held)
        more = "".join(
            f"<NextRecordName>{owner}.</NextRecordName><NextRecordType>{kind}</NextRecordType>"
            for owner, kind in rest[:1]
        )
        return _reply(
            "ListResourceRecordSetsResponse",
            f"<ResourceRecordSets>{sets}</ResourceRecordSets>"
            f"<IsTruncated>{str(bool(rest)).lower()}</IsTruncated>{more}"
            f"<MaxItems>{_PAGE}</MaxItems>",
        )

    def _set(self, key: Key) -> str:
        ttl, values = self.zone.rrsets[key]
        records = "".join(
            f"<ResourceRecord><Value>{escape(value)}</Value></ResourceRecord>" for value in values
        )
        return (
            f"<ResourceRecordSet><Name>{key[0]}.</Name><Type>{key[1]}</Type><TTL>{ttl}</TTL>"
            f"<ResourceRecords>{records}</ResourceRecords></ResourceRecordSet>"
        )

    def _changed(self, body: bytes) -> Reply:
        """A batch is carried out whole, or not at all."""
        wanted = replace(self.zone, rrsets=dict(self.zone.rrsets))
        try:
            for change in ElementTree.fromstring(body).iterfind(".//r:Change", _IN):
                _carry_out(change, wanted)
        except RefusedError as refused:
            return _error(400, "InvalidChangeBatch", str(refused))
        self.zone.rrsets = wanted.rrsets
        return _reply(
            "ChangeResourceRecordSetsResponse",
            "<ChangeInfo><Id>/change/C1</Id><Status>INSYNC</Status>"
            "<SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo>",
        )


def _carry_out(change: ElementTree.Element, zone: Zone) -> None:
    def said(path: str) -> str:
        return change.findtext(path, "", _IN)

    action, kind = said("r:Action"), said("r:ResourceRecordSet/r:Type")
    owner = said("r:ResourceRecordSet/r:Name").rstrip(".")
    ttl = int(said("r:ResourceRecordSet/r:TTL"))
    values = tuple(one.text or "" for one in change.iterfind(".//r:Value", _IN))
    there = zone.rrsets.get((owner, kind))
    if action == "CREATE" and there is not None:
        raise RefusedError(f"{owner} {kind} is there already")
    if action == "DELETE":
        if there is None or (there[0], sorted(there[1])) != (ttl, sorted(values)):
            raise RefusedError(f"{owner} {kind} is not as the deletion says")
        zone.take(owner, kind)
        return
    zone.put(owner, kind, ttl, values)


def _reversed(key: Key) -> tuple[list[str], str]:
    return key[0].split(".")[::-1], key[1]


def _is_signed(request: Request) -> bool:
    """Whether the request has this account's signature (AWS Signature Version 4)."""
    scheme, _, rest = (request.headers["Authorization"] or "").partition(" ")
    if scheme != "AWS4-HMAC-SHA256":
        return False
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    key_id, *scope = parts["Credential"].split("/")
    day, region, service, _ = scope
    names = parts["SignedHeaders"].split(";")
    url = urlsplit(request.target)
    query = sorted(parse_qsl(url.query, keep_blank_values=True))
    canonical = "\n".join(
        (
            request.method,
            quote(url.path, safe="/~"),
            "&".join(f"{quote(name, safe='~')}={quote(text, safe='~')}" for name, text in query),
            *(f"{name}:{' '.join((request.headers[name] or '').split())}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(request.body).hexdigest(),
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    moment = request.headers["X-Amz-Date"]
    text = f"AWS4-HMAC-SHA256\n{moment}\n{'/'.join(scope)}\n{digest}"
    key = f"AWS4{SECRET}".encode()
    for part in (day, region, service, "aws4_request", text):
        key = hmac.digest(key, part.encode(), "sha256")
    return key_id == KEY_ID and service == "route53" and key.hex() == parts["Signature"]


def _reply(name: str, content: str) -> Reply:
    text = f'<?xml version="1.0"?>\n<{name} xmlns="{_NAMESPACE}">{content}</{name}>'
    return Reply(200, "text/xml", text.encode())


def _error(status: int, code: str, message: str) -> Reply:
    said = f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message>"
    text = f'<ErrorResponse xmlns="{_NAMESPACE}"><Error>{said}</Error></ErrorResponse>'
    return Reply(status, "text/xml", text.encode())
