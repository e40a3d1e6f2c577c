"""Finding the runtime's instance, as clients of IBM's cloud find theirs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from qrsession.local.account.identity import LOCAL_CRN
from qrsession.local.account.plans import PLANS, PlanName
from qrsession.protocol.instances import CatalogPlan, SearchPage
from tests.local.conftest import SECRET, Client, RunningRuntime

LIMIT_S = 60
QUERY = {"query": "service_name:quantum-computing", "fields": ["crn", "name", "doc"]}

# The account of IBM's client, led to a host of its own for search and catalog.
_THEIR_CLIENT = """
import json, sys
from qiskit_ibm_runtime.accounts import account
url = sys.argv[1]
account.get_global_search_api_url = lambda _url: url
account.get_global_catalog_api_url = lambda _url: url + "/api/v1"
made = account.Account.create_account(channel="ibm_quantum_platform", token=sys.argv[2])
sys.stdout.write(json.dumps(made.list_instances()))
"""


def search(client: Client, runtime: RunningRuntime, body: object) -> requests.Response:
    reply: requests.Response = client.post(
        f"{runtime.url}/v3/resources/search?limit=100", json=body
    )
    return reply


def test_the_search_finds_the_one_instance(client: Client, runtime: RunningRuntime) -> None:
    reply = search(client, runtime, QUERY)
    assert reply.status_code == 200
    page = SearchPage.from_wire(reply.json())
    assert page.cursor is None
    (item,) = page.items
    assert (item.crn, item.plan_id, item.has_backends) == (
        LOCAL_CRN,
        PLANS[PlanName.LOCAL].plan_id,
        True,
    )


@pytest.mark.parametrize(
    "body", [{"query": "service_name:cloud-object-storage"}, {**QUERY, "search_cursor": "next"}]
)
def test_a_search_for_something_else_finds_nothing(
    client: Client, runtime: RunningRuntime, body: dict[str, str]
) -> None:
    reply = search(client, runtime, body)
    assert (reply.status_code, reply.json()["items"]) == (200, [])


@pytest.mark.parametrize("body", [[], "text"])
def test_a_search_of_another_form_is_refused(
    client: Client, runtime: RunningRuntime, body: object
) -> None:
    assert search(client, runtime, body).status_code == 400


def test_the_catalog_has_the_one_plan(client: Client) -> None:
    reply = client.get(f"/{PLANS[PlanName.LOCAL].plan_id}")
    assert reply.status_code == 200
    assert CatalogPlan.from_wire(reply.json()) == CatalogPlan("local", "free")
    assert client.get(f"/{PLANS[PlanName.LOCAL].plan_id[:-1]}0").status_code == 404
    assert client.get("/nothing-of-that-name").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v3/resources/search"), ("GET", f"/api/v1/{PLANS[PlanName.LOCAL].plan_id}")],
)
def test_discovery_needs_a_token(runtime: RunningRuntime, method: str, path: str) -> None:
    with requests.Session() as anonymous:
        anonymous.trust_env = False
        reply = anonymous.request(method, runtime.url + path, json={}, timeout=LIMIT_S)
    assert reply.status_code == 401


def test_ibms_client_finds_the_instance(
    start_runtime: Callable[..., RunningRuntime], tmp_path: Path
) -> None:
    runtime = start_runtime()
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "IAM_URL": runtime.url}
    child = subprocess.run(
        [sys.executable, "-c", _THEIR_CLIENT, runtime.url, SECRET],
        env={**environ, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert json.loads(child.stdout) == [
        {"crn": LOCAL_CRN, "plan": "local", "name": "local", "tags": [], "pricing_type": "free"}
    ]
