"""What an account says of proxies and certificates counts before what the environment says."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qrsession.client.iam import TokenSource
from qrsession.client.transport import Endpoint, new_http_session
from qrsession.errors import ServiceUnavailableError
from qrsession.protocol.routes import TOKEN_PATH
from tests.client.conftest import Answer, Client, Server

ClientOf = Callable[..., Client]
# Hosts that nobody resolves, so that a proxy alone can have heard of a request to them.
API = "http://runtime.example/api/v1"
IAM = f"http://iam.example{TOKEN_PATH}"


@pytest.fixture
def environments_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    proxy = Server()
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv(name.upper(), proxy.url)
    yield proxy
    proxy.stop()


def test_the_accounts_proxy_gets_the_requests(
    server: Server, client_of: ClientOf, environments_proxy: Server
) -> None:
    server.script(Answer(200, b'{"devices": []}'))
    client_of(API, proxies={"http": server.url}).rest.list_backends()
    assert [request.path.split("?")[0] for request in server.requests] == ["/api/v1/backends"]
    assert environments_proxy.requests == []


def test_the_accounts_proxy_gets_the_key(
    server: Server, tmp_path: Path, environments_proxy: Server
) -> None:
    body = b'{"access_token": "t1", "expires_in": 3600, "expiration": 4000000000}'
    server.script(Answer(200, body))
    endpoint = Endpoint(API, proxies={"http": server.url})
    assert TokenSource(IAM, "key", endpoint, tmp_path / "tokens").bearer() == "t1"
    assert [request.path for request in server.requests] == [TOKEN_PATH]
    assert environments_proxy.requests == []


def test_without_one_that_of_the_environment_does(
    client_of: ClientOf, environments_proxy: Server
) -> None:
    environments_proxy.script(Answer(200, b'{"devices": []}'))
    client_of(API).rest.list_backends()
    assert len(environments_proxy.requests) == 1


@pytest.mark.parametrize("verify", [False, True])
def test_a_bundle_of_the_environment_does_not_undo_the_account(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, verify: bool
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with new_http_session(Endpoint("https://runtime.example", verify=verify)) as http:
        found = http.merge_environment_settings("https://runtime.example", {}, None, None, None)
        again = http.merge_environment_settings("https://runtime.example", {}, None, True, None)  # noqa: FBT003 - the signature of requests
    assert found["verify"] == (str(bundle) if verify else False)
    assert again["verify"] == str(bundle)


def test_a_password_of_a_proxy_is_in_no_error(client_of: ClientOf) -> None:
    client = client_of(
        "https://runtime.example/api/v1", proxies={"https": "http://me:hunter2@127.0.0.1:9"}
    )
    with pytest.raises(ServiceUnavailableError) as caught:
        client.rest.list_backends()
    assert "hunter2" not in f"{caught.value} {caught.value.advice} {caught.value.details}"
