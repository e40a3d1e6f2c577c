"""Finding instances: what is asked of search and catalog, and where."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from qrsession.accounts.account import Account
from qrsession.accounts.connection import tokens_of
from qrsession.client.discovery import Discovery, endpoints_of
from qrsession.errors import NotAuthorizedError, ServiceUnavailableError, WireFormatError
from qrsession.protocol.instances import Instance, SearchItem
from qrsession.settings import Settings
from tests.client.conftest import Client, Server, answer
from tests.clouds import KEY, Cloud, Offer

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("url", "private", "search", "catalog"),
    [
        (
            "https://cloud.ibm.com",
            False,
            "https://api.global-search-tagging.cloud.ibm.com",
            "https://globalcatalog.cloud.ibm.com/api/v1",
        ),
        (
            "https://cloud.ibm.com",
            True,
            "https://api.private.global-search-tagging.cloud.ibm.com",
            "https://private.globalcatalog.cloud.ibm.com/api/v1",
        ),
        (
            "https://eu-de.quantum.CLOUD.ibm.com/api/v1",
            False,
            "https://api.global-search-tagging.cloud.ibm.com",
            "https://globalcatalog.cloud.ibm.com/api/v1",
        ),
        (
            "https://test.cloud.ibm.com",
            False,
            "https://api.global-search-tagging.test.cloud.ibm.com",
            "https://globalcatalog.test.cloud.ibm.com/api/v1",
        ),
        (
            "http://127.0.0.1:8787/base/v7",
            True,
            "http://127.0.0.1:8787",
            "http://127.0.0.1:8787/api/v1",
        ),
        (
            "https://cloud.ibm.com.evil.example",
            False,
            "https://cloud.ibm.com.evil.example",
            "https://cloud.ibm.com.evil.example/api/v1",
        ),
    ],
)
def test_where_instances_are_looked_for(url: str, private: bool, search: str, catalog: str) -> None:
    account = Account("a", "k", url, private_endpoint=private, verify=False)
    found = endpoints_of(account)
    assert [endpoint.base_url for endpoint in found] == [search, catalog]
    assert all(endpoint.instance is None and not endpoint.verify for endpoint in found)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    running = Cloud()
    yield running
    running.stop()


@pytest.fixture
def discovery(cloud: Cloud, tmp_path: Path) -> Discovery:
    account = Account("a", KEY, cloud.url)
    settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path)})
    return Discovery.of(account, tokens_of(account, settings))


def test_instances_are_found_page_by_page(cloud: Cloud, discovery: Discovery) -> None:
    cloud.page_size = 2
    cloud.offers = [
        Offer("one", tags=("Team",)),
        Offer("two", "Premium", "Subscription", region="eu-de"),
        Offer("empty", has_allocation=False),
        Offer("three"),
        Offer("four", "Flex", "paid"),
    ]
    assert discovery.instances() == (
        Instance(cloud.offers[0].crn, "one", "open", "free", ("team",)),
        Instance(cloud.offers[1].crn, "two", "premium", "subscription"),
        Instance(cloud.offers[3].crn, "three", "open", "free"),
        Instance(cloud.offers[4].crn, "four", "flex", "paid"),
    )
    searches = [one for one in cloud.seen if one.path == "/v3/resources/search"]
    assert [one.query for one in searches] == [{"limit": ["100"]}] * 3
    bodies = [json.loads(one.body) for one in searches]
    assert bodies[0] == {
        "query": "service_name:quantum-computing",
        "fields": ["crn", "service_plan_unique_id", "name", "doc", "tags"],
    }
    assert [body.get("search_cursor") for body in bodies] == [None, "2", "4"]
    # Each plan is looked up once.
    assert [path for path in cloud.paths() if "plan-" in path] == [
        "GET /api/v1/plan-open-free",
        "GET /api/v1/plan-premium-subscription",
        "GET /api/v1/plan-flex-paid",
    ]
    assert all(one.crn is None for one in cloud.seen)


def test_a_plan_that_the_catalog_refuses_is_unknown(cloud: Cloud, discovery: Discovery) -> None:
    cloud.offers = [Offer("old", "Lite", "free"), Offer("new")]
    cloud.refusals[f"/api/v1/{cloud.offers[0].plan_id}"] = 403
    found = discovery.instances()
    assert found is not None
    assert [(one.plan, one.pricing) for one in found] == [("unknown", "unknown"), ("open", "free")]


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_service_without_discovery(cloud: Cloud, discovery: Discovery, status: int) -> None:
    cloud.refusals["/v3/resources/search"] = status
    assert discovery.instances() is None


def test_a_key_that_may_not_search(cloud: Cloud, discovery: Discovery) -> None:
    cloud.refusals["/v3/resources/search"] = 403
    with pytest.raises(NotAuthorizedError, match="Refused with 403"):
        discovery.instances()


@pytest.fixture
def scripted(client: Client) -> Discovery:
    """A discovery whose both services answer by the script."""
    return Discovery(client.transport, client.transport)


def test_a_search_that_is_down(server: Server, scripted: Discovery) -> None:
    server.script(answer(503, {}))
    with pytest.raises(ServiceUnavailableError):
        scripted.instances()
    assert len(server.requests) == 5


def test_a_catalog_that_is_down_leaves_no_instance_without_its_price(
    server: Server, scripted: Discovery
) -> None:
    item = {"crn": "crn:v1:a", "service_plan_unique_id": "p", "doc": {"extensions": {"x": 1}}}
    server.script(answer(200, {"items": [item]}), answer(503, {}))
    with pytest.raises(ServiceUnavailableError, match="catalog"):
        scripted.instances()


def test_a_cursor_that_runs_in_circles_ends(server: Server, scripted: Discovery) -> None:
    server.script(answer(200, {"items": [], "search_cursor": "again"}))
    with pytest.raises(WireFormatError, match="no end"):
        scripted.instances()
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, ("unknown", "unknown")),
        ({"overview_ui": None, "metadata": {"pricing": None}}, ("unknown", "unknown")),
        ({"overview_ui": {"en": {"display_name": 5}}, "metadata": []}, ("unknown", "unknown")),
        (
            {"overview_ui": {"en": {"display_name": "Pay-As-You-Go"}}, "metadata": {}},
            ("pay-as-you-go", "unknown"),
        ),
    ],
    ids=range(4),
)
def test_strange_entries_of_the_catalog(
    server: Server, scripted: Discovery, entry: object, expected: tuple[str, str]
) -> None:
    item = {
        "crn": "crn:v1:a",
        "service_plan_unique_id": "p",
        "doc": {"extensions": 1},
        "tags": [5, "A"],
    }
    server.script(answer(200, {"items": [item]}), answer(200, entry))
    found = scripted.instances()
    assert found is not None
    (instance,) = found
    assert (instance.plan, instance.pricing) == expected
    assert (instance.name, instance.tags) == ("", ("a",))


def test_an_item_without_a_crn_is_no_instance(server: Server, scripted: Discovery) -> None:
    server.script(answer(200, {"items": [{"crn": "nothing", "doc": {"extensions": 1}}]}))
    assert scripted.instances() == ()


@pytest.mark.parametrize("doc", [None, {}, {"extensions": None}, {"extensions": {}}, "text"])
def test_what_has_no_allocation_has_no_backends(doc: object) -> None:
    assert not SearchItem.from_wire({"crn": "crn:v1:a", "doc": doc}).has_backends
