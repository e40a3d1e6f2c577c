"""A cloud on loopback with several instances: tokens, search, catalog, and an API for each CRN.

All of it at one origin, as an account with a URL of its own finds it. It answers what the tests of
instances need, remembers every request, and refuses what it is told to.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.loopback import Loopback, give

KEY = "a-key-of-the-cloud-of-tests"
ACCOUNT_ID = "acc0acc0acc0"
TOKEN = "token-of-the-cloud"  # noqa: S105 - opens nothing
_MAX_TTL_S = {"premium": 86_400}


def crn_of(name: str, region: str = "us-east") -> str:
    """Return the CRN of an instance."""
    return f"crn:v1:bluemix:public:quantum-computing:{region}:a/{ACCOUNT_ID}:{name}::"


@dataclass(frozen=True)
class Offer:
    """An instance of the cloud: its plan, what that costs, and the backends that it has."""

    name: str
    plan: str = "Open"
    pricing: str = "free"
    backends: tuple[dict[str, Any], ...] = ()
    region: str = "us-east"
    tags: tuple[str, ...] = ()
    has_allocation: bool = True
    guid: str = ""

    @property
    def crn(self) -> str:
        """Its CRN."""
        return crn_of(self.guid or self.name, self.region)

    @property
    def plan_id(self) -> str:
        """The id of its plan in the catalog."""
        return f"plan-{self.plan}-{self.pricing}".lower()


def device(name: str, qubits: int = 5, queue: int = 0, **more: Any) -> dict[str, Any]:
    """Return an entry of the list of backends."""
    status = {"name": more.pop("status", "online"), "reason": "available"}
    entry = {"name": name, "status": status, "queue_length": queue, "qubits": qubits}
    return {**entry, "is_simulator": False, **more}


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: str

    @property
    def crn(self) -> str | None:
        """The instance that it names."""
        return self.headers.get("Service-CRN")


@dataclass
class Cloud(Loopback):
    """The cloud, running.

    Attributes:
        offers: Its instances.
        documents: Configuration and properties by backend.
        refusals: The status that a path is answered with, in place of what it would be.
        usage: What ``GET /instances/usage`` says beside plan and instance.
        page_size: How many instances a page of the search has.
        seen: Every request, in order.
    """

    offers: list[Offer] = field(default_factory=list)
    documents: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=lambda: {"usage_consumed_seconds": 12})
    page_size: int = 100
    seen: list[Seen] = field(default_factory=list)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def environ(self, **more: str) -> dict[str, str]:
        """Return the variables of an account there."""
        return {"QISKIT_IBM_TOKEN": KEY, "QISKIT_IBM_URL": self.url, **more}

    def paths(self) -> list[str]:
        """Return method and path of every request but those for tokens."""
        return [f"{one.method} {one.path}" for one in self.seen if one.path != "/identity/token"]

    def handle(self, arrived: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer a request, if who asked still listens."""
        url = urlsplit(arrived.path)
        headers = dict(arrived.headers.items())
        seen = Seen(arrived.command, url.path, parse_qs(url.query), headers, body.decode())
        status, document = self.answer(seen)
        with suppress(OSError):
            give(arrived, status, b"" if status == 204 else json.dumps(document).encode())

    def answer(self, request: Seen) -> tuple[int, Any]:
        """Return status and body."""
        self.seen.append(request)
        if request.path in self.refusals:
            status = self.refusals[request.path]
            return status, {"errors": [{"code": 1200, "message": f"Refused with {status}."}]}
        if request.path == "/identity/token":
            return self._token(request)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"errors": [{"code": 1201, "message": "No token of ours."}]}
        if request.path == "/v3/resources/search":
            return 200, self._search(json.loads(request.body))
        return self._api(request, request.path.removeprefix("/api/v1"))

    def _token(self, request: Seen) -> tuple[int, Any]:
        if parse_qs(request.body)["apikey"] != [KEY]:
            return 400, {"errorCode": "BXNIM0415E", "errorMessage": "No such key."}
        return 200, {"access_token": TOKEN, "expires_in": 3600, "expiration": 2_000_000_000}

    def _search(self, body: dict[str, Any]) -> dict[str, Any]:
        start = int(body.get("search_cursor", 0))
        page = self.offers[start : start + self.page_size]
        following = start + self.page_size
        items = [
            {
                "crn": offer.crn,
                "name": offer.name,
                "service_plan_unique_id": offer.plan_id,
                "doc": {"extensions": {"a": 1}} if offer.has_allocation else {},
                "tags": list(offer.tags),
            }
            for offer in page
        ]
        reply: dict[str, Any] = {"items": items}
        if following < len(self.offers):
            reply["search_cursor"] = str(following)
        return reply

    def _api(self, request: Seen, path: str) -> tuple[int, Any]:
        for offer in self.offers:
            if path == f"/{offer.plan_id}":
                name = {"en": {"display_name": offer.plan}}
                return 200, {"overview_ui": name, "metadata": {"pricing": {"type": offer.pricing}}}
        at = next((offer for offer in self.offers if offer.crn == request.crn), None)
        if at is None:
            return 404, {"errors": [{"code": 1201, "message": "No such instance."}]}
        ttl_s = _MAX_TTL_S.get(at.plan.lower(), 28_800)
        lists: dict[str, Any] = {
            "/backends": {"devices": list(at.backends)},
            "/jobs": {"jobs": [], "count": 0},
            "/instances/usage": {"instance_id": at.crn, "plan_id": at.plan_id, **self.usage},
            f"/accounts/{ACCOUNT_ID}": {"plans": [{"plan_id": at.plan_id, "max_ttl": ttl_s}]},
        }
        if path in lists:
            return 200, lists[path]
        return self._backend_or_session(request, path, at)

    def _backend_or_session(self, request: Seen, path: str, at: Offer) -> tuple[int, Any]:
        parts = path.strip("/").split("/")
        if path == "/sessions":
            body = json.loads(request.body)
            if at.pricing == "free" and body["mode"] == "dedicated":
                return 400, {"errors": [{"code": 1352, "message": "The plan has no sessions."}]}
            return 200, self._new_session(body, at)
        if parts[0] == "sessions":
            return self._session(request.method, parts[1], at)
        documents = self.documents.get(parts[1] if len(parts) > 1 else "")
        if parts[0] == "backends" and documents is not None:
            if parts[2] in {"configuration", "properties"}:
                return 200, documents[parts[2] == "properties"]
            return 200, {"state": True, "status": "active", "length_queue": 0}
        return 404, {"errors": [{"code": "not_found", "message": "There is none."}]}

    def _new_session(self, body: dict[str, Any], at: Offer) -> dict[str, Any]:
        session = {
            "id": f"session-{len(self.sessions) + 1}",
            "mode": body["mode"],
            "backend_name": body["backend"],
            "state": "open",
            "accepting_jobs": True,
            "max_ttl": body.get("max_ttl") or 28_800,
            "instance": at.crn,
        }
        self.sessions[session["id"]] = session
        return session

    def _session(self, method: str, session_id: str, at: Offer) -> tuple[int, Any]:
        session = self.sessions.get(session_id)
        # An instance knows its own sessions, and no other's.
        if session is None or session["instance"] != at.crn:
            return 404, {"errors": [{"code": "not_found", "message": "No such session."}]}
        if method != "GET":
            session.update(state="closed", accepting_jobs=False)
            return 204, None
        return 200, session
