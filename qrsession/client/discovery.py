"""Which instances a key can use: Global Search finds them, Global Catalog names their plans.

Source: ``Account.list_instances`` of qiskit-ibm-runtime 0.51. That client always asks the public
hosts; an account with ``private_endpoint`` is taken at its word here, with the private hosts of
IBM Cloud's documentation, so that it works where the public ones are out of reach.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

from qrsession.accounts.account import Account, is_ibm_cloud
from qrsession.client.transport import Authorizer, Call, Endpoint, Reply, Transport
from qrsession.errors import (
    NotAuthorizedError,
    QrsessionError,
    RequestRefusedError,
    ServiceError,
    ServiceUnavailableError,
    WireFormatError,
)
from qrsession.protocol import routes
from qrsession.protocol.faults import Fault
from qrsession.protocol.instances import (
    LARGEST_SEARCH_PAGE,
    SEARCHED_FIELDS,
    SERVICE_QUERY,
    CatalogPlan,
    Instance,
    SearchItem,
    SearchPage,
    is_crn,
)

# What a server answers that has no such path.
_ABSENT = frozenset({404, 405, 410, 501})
_RUNTIME_LABEL = "quantum"
# A key with more instances than these is none of a person's; a cursor that runs in circles is.
_MOST_PAGES = 100


class Discovery:
    """Asks for the instances of one account."""

    def __init__(self, search: Transport, catalog: Transport) -> None:
        self._search = search
        self._catalog = catalog

    @classmethod
    def of(cls, account: Account, authorizer: Authorizer) -> "Discovery":
        """Return the discovery of an account."""
        search, catalog = endpoints_of(account)
        return cls(Transport(search, authorizer), Transport(catalog, authorizer))

    def instances(self) -> tuple[Instance, ...] | None:
        """Return the instances that have backends; None where the service knows no discovery.

        Raises:
            NotAuthorizedError: The key may not search.
            ServiceUnavailableError: Search or catalog cannot be reached.
            ServiceError: They answered something else.
        """
        items = self._items()
        if items is None:
            return None
        plans: dict[str, CatalogPlan] = {}
        for item in items:
            if item.plan_id not in plans:
                plans[item.plan_id] = self._plan(item.plan_id)
        return tuple(
            Instance(
                item.crn,
                item.name,
                plans[item.plan_id].name,
                plans[item.plan_id].pricing,
                item.tags,
            )
            for item in items
        )

    def _items(self) -> list[SearchItem] | None:
        found: dict[str, SearchItem] = {}
        cursors: set[str | None] = set()
        cursor = None
        while cursor not in cursors and len(cursors) < _MOST_PAGES:
            cursors.add(cursor)
            reply = self._search.send(_search_call(cursor))
            if reply.status in _ABSENT:
                return None
            if not reply.is_success:
                raise _as_error("The search for instances", reply)
            page = SearchPage.from_wire(reply.json())
            found |= {
                item.crn: item for item in page.items if item.has_backends and is_crn(item.crn)
            }
            cursor = page.cursor
            if cursor is None:
                return list(found.values())
        raise WireFormatError("The search for instances has no end.")

    def _plan(self, plan_id: str) -> CatalogPlan:
        if not plan_id.strip(". "):
            return CatalogPlan()
        reply = self._catalog.send(
            Call(routes.GET_CATALOG_ENTRY.method, routes.GET_CATALOG_ENTRY.path(entry_id=plan_id))
        )
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _as_error("The catalog of plans", reply)
        if not reply.is_success:
            # Plans that are no longer sold are refused, to everybody.
            return CatalogPlan()
        return CatalogPlan.from_wire(reply.json())


def endpoints_of(account: Account) -> tuple[Endpoint, Endpoint]:
    """Return where an account's instances are searched for, and where plans are looked up."""
    parts = urlsplit(account.url)
    if is_ibm_cloud(account.url):
        root = _cloud_of(parts.hostname or "")
        private = "private." if account.private_endpoint else ""
        bases = (
            f"https://api.{private}global-search-tagging.{root}",
            f"https://{private}globalcatalog.{root}{routes.API_PREFIX}",
        )
    else:
        origin = f"{parts.scheme}://{parts.netloc}"
        bases = (origin, f"{origin}{routes.API_PREFIX}")
    search, catalog = (
        Endpoint(base, proxies=account.proxies or None, verify=account.verify) for base in bases
    )
    return search, catalog


def _cloud_of(host: str) -> str:
    """Return the cloud's own host from one that may name the service and a region before it."""
    labels = host.lower().split(".")
    if _RUNTIME_LABEL in labels:
        labels = labels[labels.index(_RUNTIME_LABEL) + 1 :]
    return ".".join(labels)


def _search_call(cursor: str | None) -> Call:
    body = {"query": SERVICE_QUERY, "fields": list(SEARCHED_FIELDS)}
    return Call(
        routes.SEARCH_RESOURCES.method,
        routes.SEARCH_RESOURCES.path(),
        (("limit", str(LARGEST_SEARCH_PAGE)),),
        body if cursor is None else {**body, "search_cursor": cursor},
    )


def _as_error(what: str, reply: Reply) -> QrsessionError:
    fault = Fault.from_reply(reply.status, reply.text)
    kind: type[QrsessionError] = ServiceError
    if fault.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        kind = NotAuthorizedError
    elif (
        fault.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or fault.status == HTTPStatus.TOO_MANY_REQUESTS
    ):
        kind = ServiceUnavailableError
    elif fault.status >= HTTPStatus.BAD_REQUEST:
        kind = RequestRefusedError
    return kind(
        f"{what} failed: {fault.message}",
        details={"http_status": fault.status, "ibm_code": fault.code, "trace": fault.trace or None},
    )
