"""From a key to tokens: how often IAM is asked, and who may read what it says."""

import logging
import socket
import stat
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qrsession.client.iam import TokenSource
from qrsession.client.transport import Endpoint
from qrsession.errors import NotAuthorizedError, ServiceUnavailableError
from qrsession.protocol.routes import TOKEN_PATH
from tests.client.conftest import DROP, Answer, Server, answer

pytestmark = pytest.mark.fast

KEY = "the-api-key-of-this-test"
NOW = 1_800_000_000.0
LIFE_S = 3600

MakeSource = Callable[..., TokenSource]


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def waits_s() -> list[float]:
    return []


@pytest.fixture
def source_of(server: Server, tmp_path: Path, clock: Clock, waits_s: list[float]) -> MakeSource:
    def make(key: str = KEY, folder: Path = tmp_path / "cache" / "tokens") -> TokenSource:
        url = server.url + TOKEN_PATH
        endpoint = Endpoint(server.url)
        return TokenSource(url, key, endpoint, folder, clock=clock, sleep=waits_s.append)

    return make


def token(name: str, **changes: Any) -> Answer:
    document = {
        "access_token": name,
        "refresh_token": "not_supported",
        "token_type": "Bearer",
        "expires_in": LIFE_S,
        "expiration": int(NOW) + LIFE_S,
        "scope": "ibm openid",
    }
    return answer(200, document | changes)


def token_files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "tokens").glob("*.json"))


def test_the_question(server: Server, source_of: MakeSource) -> None:
    server.script(token("t1"))
    assert source_of().bearer() == "t1"
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/identity/token")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Authorization"] is None
    assert request.body.decode().split("&") == [
        "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey",
        f"apikey={KEY}",
        "response_type=cloud_iam",
    ]


def test_a_token_is_kept_in_memory_and_on_disk(
    server: Server, source_of: MakeSource, tmp_path: Path
) -> None:
    server.script(token("t1"), token("t2"))
    source = source_of()
    assert source.bearer() == source.bearer() == source_of().bearer() == "t1"
    assert len(server.requests) == 1
    (file,) = token_files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert KEY not in file.name
    assert KEY not in file.read_text()


def test_another_key_has_another_token(server: Server, source_of: MakeSource) -> None:
    server.script(token("t1"), token("t2"))
    assert source_of().bearer() == "t1"
    assert source_of("another-key").bearer() == "t2"


@pytest.mark.parametrize(("share", "asked"), [(0.0, 1), (0.79, 1), (0.8, 2), (1.5, 2)])
@pytest.mark.parametrize("anew", [False, True], ids=["memory", "disk"])
def test_a_token_is_replaced_when_four_fifths_of_its_life_are_over(
    server: Server, source_of: MakeSource, clock: Clock, share: float, asked: int, anew: bool
) -> None:
    server.script(token("t1"), token("t2"))
    source = source_of()
    source.bearer()
    clock.now += share * LIFE_S
    assert (source_of() if anew else source).bearer() == f"t{asked}"
    assert len(server.requests) == asked


def test_a_clock_that_is_off_does_no_harm(server: Server, source_of: MakeSource) -> None:
    server.script(token("t1", expiration=5))
    source = source_of()
    assert source.bearer() == source.bearer() == "t1"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"access_token": "x", "expires_in": 1, "expiration": 1}',
        b'{"access_token": 5, "expires_in": 1, "expiration": 1, "good_until": 9e9}',
        b'{"access_token": "x", "expires_in": 1, "expiration": 1, "good_until": "soon"}',
        b'{"access_token": "x", "expires_in": 1, "expiration": 1, "good_until": NaN}',
        b'{"access_token": "x", "expires_in": 1, "expiration": 1, "good_until": 1'
        + b"0" * 400
        + b"}",
        b'{"access_token": "x\\ny", "expires_in": 1, "expiration": 1, "good_until": 9e99}',
    ],
    ids=range(14),
)
def test_a_damaged_file_is_the_same_as_none(
    server: Server, source_of: MakeSource, tmp_path: Path, content: bytes
) -> None:
    server.script(token("t1"), token("t2"))
    source_of().bearer()
    (file,) = token_files(tmp_path)
    file.write_bytes(content)
    assert source_of().bearer() == "t2"
    assert '"t2"' in file.read_text()


def test_a_planted_link_is_not_followed(
    server: Server, source_of: MakeSource, tmp_path: Path
) -> None:
    server.script(token("t1"))
    source_of().bearer()
    (file,) = token_files(tmp_path)
    target = tmp_path / "elsewhere"
    target.write_bytes(file.read_bytes().replace(b'"t1"', b'"planted"'))
    file.unlink()
    file.symlink_to(target)
    assert source_of().bearer() == "t1"
    assert b"planted" in target.read_bytes()


def test_without_a_folder_to_write_to_it_works_all_the_same(
    server: Server, source_of: MakeSource, tmp_path: Path
) -> None:
    server.script(token("t1"))
    (tmp_path / "file").write_text("")
    source = source_of(folder=tmp_path / "file" / "tokens")
    assert source.bearer() == source.bearer() == "t1"
    assert len(server.requests) == 1


def test_a_refused_token_is_replaced(server: Server, source_of: MakeSource) -> None:
    server.script(token("t1"), token("t2"), token("t3"))
    source = source_of()
    neighbour = source_of()
    assert source.bearer() == neighbour.bearer() == "t1"
    assert source.renew("t1") == source.bearer() == "t2"
    # The neighbour finds what was asked for in the meantime.
    assert neighbour.renew("t1") == "t2"
    assert len(server.requests) == 2


REFUSED = {
    "errorCode": "BXNIM0415E",
    "errorMessage": "Provided API key could not be found.",
    "context": {"requestId": "r-1"},
}


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_key_fails_at_once(server: Server, source_of: MakeSource, status: int) -> None:
    server.script(answer(status, REFUSED))
    with pytest.raises(NotAuthorizedError, match="could not be found") as caught:
        source_of().bearer()
    assert len(server.requests) == 1
    assert caught.value.details == {"http_status": status, "ibm_code": "BXNIM0415E"}


PASSING = [answer(500, {}), answer(503, {}), answer(429, {}), DROP]


@pytest.mark.parametrize("trouble", PASSING, ids=["500", "503", "429", "drop"])
def test_what_passes_is_waited_for(
    server: Server, source_of: MakeSource, waits_s: list[float], trouble: Answer
) -> None:
    server.script(trouble, trouble, token("t1"))
    assert source_of().bearer() == "t1"
    assert len(server.requests) == 3
    assert 0 < waits_s[0] < waits_s[1] < 1


@pytest.mark.parametrize("trouble", PASSING, ids=["500", "503", "429", "drop"])
def test_waiting_for_it_ends(
    server: Server, source_of: MakeSource, waits_s: list[float], tmp_path: Path, trouble: Answer
) -> None:
    server.script(trouble)
    with pytest.raises(ServiceUnavailableError) as caught:
        source_of().bearer()
    # A submission that was never sent must not look like one that the API answered with 5xx.
    assert "http_status" not in caught.value.details
    assert len(server.requests) == 5
    assert sum(waits_s) < 10
    assert token_files(tmp_path) == []


def test_it_waits_as_long_as_told(
    server: Server, source_of: MakeSource, waits_s: list[float]
) -> None:
    server.script(answer(429, {}, Retry_After="7"), token("t1"))
    assert source_of().bearer() == "t1"
    assert waits_s == [7]


@pytest.mark.parametrize(
    "given",
    [
        answer(302, {}, Location="http://127.0.0.1:9/identity/token"),
        answer(404, {}),
        Answer(200, b"<html>"),
        Answer(200, b"[" * 100_000),
        answer(200, {}),
        answer(200, {"access_token": 5}),
        token("a\nb"),
        token("a\r\nX-Planted: yes"),
        token("a\x00b"),
        token("a\x7fb"),
        token("ключ"),
        token(""),
    ],
    ids=range(12),
)
def test_other_answers_are_no_tokens(
    server: Server, source_of: MakeSource, tmp_path: Path, given: Answer
) -> None:
    server.script(given)
    with pytest.raises(ServiceUnavailableError) as caught:
        source_of().bearer()
    assert "Planted" not in str(caught.value)
    assert "http_status" not in caught.value.details
    assert len(server.requests) == 1
    assert token_files(tmp_path) == []


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    source = TokenSource(url + TOKEN_PATH, KEY, Endpoint(url), tmp_path / "tokens")
    with pytest.raises(ServiceUnavailableError, match="for a token: Connection refused"):
        source.bearer()


def test_a_key_goes_to_no_proxy_of_the_environment(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Server()
    try:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        server.script(token("t1"))
        # The API is far away, and its tokens come from this machine.
        endpoint = Endpoint("https://runtime.example/api/v1", proxies={"http": proxy.url})
        source = TokenSource(server.url + TOKEN_PATH, KEY, endpoint, tmp_path / "tokens")
        assert source.bearer() == "t1"
        assert proxy.requests == []
    finally:
        proxy.stop()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_key_follows_no_redirect(server: Server, source_of: MakeSource, status: int) -> None:
    other = Server()
    try:
        server.script(answer(status, {}, Location=f"{other.url}/identity/token"))
        with pytest.raises(ServiceUnavailableError) as caught:
            source_of().bearer()
        assert caught.value.details["iam_status"] == status
        assert (len(server.requests), other.requests) == (1, [])
    finally:
        other.stop()


@pytest.mark.parametrize("where", ["127.0.0.1", "runtime.example"])
def test_a_netrc_adds_nothing_to_a_key(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """On this machine, and beyond it by way of a proxy."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {where} login me password from-netrc\ndefault login x password y\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server.script(token("t1"))
    base = server.url if where == "127.0.0.1" else f"http://{where}"
    endpoint = Endpoint(base, proxies={"http": server.url})
    assert TokenSource(base + TOKEN_PATH, KEY, endpoint, tmp_path / "tokens").bearer() == "t1"
    assert server.requests[0].headers["Authorization"] is None
    assert server.requests[0].headers["Proxy-Authorization"] is None


@pytest.mark.parametrize(
    "given", [answer(400, REFUSED), answer(500, {}), DROP, Answer(200, b"x"), token("the-token")]
)
def test_nothing_logged_or_raised_holds_the_key(
    server: Server, source_of: MakeSource, caplog: pytest.LogCaptureFixture, given: Answer
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script(given)
    source = source_of()
    said = [repr(source), str(vars(source).get("_held"))]
    try:
        source.bearer()
    except (NotAuthorizedError, ServiceUnavailableError) as error:
        said += [repr(error), str(error.details), *traceback.format_exception(error)]
    said += [repr(source), repr(vars(source)["_held"])]
    said += [record.getMessage() for record in caplog.records]
    assert KEY.encode() in server.requests[0].body
    for text in said:
        assert KEY not in text
        assert "the-token" not in text
