"""Backends, tokens and usage as a scenario says."""

import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests

from qrsession.errors import InvalidValueError
from qrsession.local.scenario import Scenario
from qrsession.protocol.faults import Fault
from qrsession.protocol.routes import API_KEY_GRANT

if TYPE_CHECKING:
    from tests.local.conftest import Client, RunningRuntime

CONTROL = "/_qrsession/scenario"
JOB = {"program_id": "sampler", "backend": "test_device", "params": {"pubs": ["count"]}}
LIMIT_S = 20


def control_of(client: "Client") -> str:
    return client.base.removesuffix("/api/v1") + CONTROL


def play(client: "Client", **parts: Any) -> None:
    reply = client.put(control_of(client), json=parts)
    assert reply.status_code == 200, reply.text


def device(client: "Client", name: str = "test_device") -> dict[str, Any]:
    listed = client.get("/backends").json()["devices"]
    return next(dict(found) for found in listed if found["name"] == name)


def status(client: "Client", name: str = "test_device") -> list[Any]:
    body = client.get(f"/backends/{name}/status").json()
    return [body[key] for key in ("state", "status", "message", "length_queue")]


def refusal(reply: requests.Response) -> tuple[int, Any]:
    fault = Fault.from_reply(reply.status_code, reply.text)
    return fault.status, fault.code


def token(runtime: "RunningRuntime", key: str) -> requests.Response:
    form = {"grant_type": API_KEY_GRANT, "apikey": key}
    return requests.post(f"{runtime.url}/identity/token", data=form, timeout=LIMIT_S)


def test_an_offline_backend_refuses_jobs_and_runs_none(client: "Client") -> None:
    """Everybody is told so; what it runs goes on, and what is queued runs when it is back."""
    running, queued = client.submit("hold"), client.submit("count")
    client.wait(running, "Running")
    play(client, backends=[{"name": "test_*", "status": "offline", "reason": "Calibration"}])
    assert device(client)["status"] == {"name": "offline", "reason": "Calibration"}
    assert status(client) == [False, "offline", "Calibration", 2]
    assert device(client, "other_device")["status"]["name"] == "online"
    reply = client.post("/jobs", json=JOB)
    assert refusal(reply) == (400, 1004)
    assert "Calibration" in reply.text
    assert client.wait(client.submit("count", backend="other_device"), "Queued")
    client.post(f"/jobs/{running}/cancel")
    assert client.job(queued)["status"] == "Queued"
    client.delete(control_of(client))
    assert client.wait(queued)["status"] == "Completed"
    assert status(client) == [True, "active", "available", 0]


@pytest.mark.parametrize(("state", "word"), [("paused", "paused"), ("internal", "internal")])
def test_a_paused_backend_takes_jobs_that_wait(client: "Client", state: str, word: str) -> None:
    """Other backends' jobs run meanwhile; when the time is over it goes on by itself."""
    rule = {"name": "test_device", "status": state}
    play(client, backends=[rule])
    waiting = client.submit("count")
    assert client.wait(client.submit("count", backend="other_device"))["status"] == "Completed"
    assert client.job(waiting)["status"] == "Queued"
    assert status(client) == [True, word, state, 1]
    assert device(client)["status"]["name"] == "paused"
    started_s = time.monotonic()
    play(client, backends=[{**rule, "for_s": 0.3}])
    assert client.wait(waiting)["status"] == "Completed"
    assert time.monotonic() - started_s >= 0.3
    assert client.get(control_of(client)).json()["backends"][0]["left_s"] == 0


def test_the_latest_word_on_a_backend_counts(client: "Client") -> None:
    """Where it is added; of one scenario, the first. Facts are independent of each other."""
    play(
        client,
        backends=[
            {"queue_length": 7},
            {"name": "test_device", "status": "offline"},
            {"status": "paused"},
        ],
    )
    assert status(client) == [False, "offline", "offline", 7]
    assert status(client, "other_device") == [True, "paused", "paused", 7]
    assert device(client)["queue_length"] == 7
    more = {"backends": [{"name": "test_device", "status": "online"}]}
    assert client.post(control_of(client), json=more).status_code == 200
    assert status(client) == [True, "active", "available", 7]
    assert client.wait(client.submit("count"))["status"] == "Completed"


def test_tokens_are_refused(client: "Client", runtime: "RunningRuntime") -> None:
    """So often as it says, in IAM's own form; what was issued before stays good."""
    play(client, tokens={"refuse": 2})
    refused = [token(runtime, client.key) for _ in range(2)]
    assert [reply.status_code for reply in refused] == [400, 400]
    assert {reply.json()["errorCode"] for reply in refused} == {"BXNIM0415E"}
    assert token(runtime, client.key).status_code == 200
    assert client.get("/jobs").status_code == 200
    document = client.get(control_of(client)).json()["tokens"]
    assert document == {"refuse": 2, "refused": 2, "left": 0}
    play(client, tokens={"refuse": "always", "code": "BXNIM0439E", "message": "Locked."})
    assert token(runtime, client.key).json() == {
        "errorCode": "BXNIM0439E",
        "errorMessage": "Locked.",
    }


def test_tokens_are_revoked(client: "Client", runtime: "RunningRuntime") -> None:
    """Those from before, for all but the control; new ones are good, and the end restores them."""
    play(client, tokens={"revoke": True})
    assert refusal(client.get("/jobs")) == (401, 1201)
    new = {"Authorization": f"Bearer {token(runtime, client.key).json()['access_token']}"}
    assert client.get("/jobs", headers=new).status_code == 200
    added = client.post(control_of(client), json={"tokens": {"revoke": True, "refuse": "always"}})
    assert added.json()["tokens"]["left"] == "always"
    assert refusal(client.get("/jobs", headers=new)) == (401, 1201)
    assert client.delete(control_of(client)).status_code == 204
    assert client.get("/jobs").status_code == 200
    assert token(runtime, client.key).status_code == 200


def test_tokens_live_for_a_short_time(client: "Client", runtime: "RunningRuntime") -> None:
    """As the reply and the token itself say, and no longer."""
    play(client, tokens={"lifetime_s": 1})
    reply = token(runtime, client.key).json()
    claims = jwt.decode(reply["access_token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == reply["expires_in"] == 1
    short = {"Authorization": f"Bearer {reply['access_token']}"}
    deadline_s = time.monotonic() + LIMIT_S
    while client.get("/jobs", headers=short).status_code == 200:
        assert time.monotonic() < deadline_s
    assert time.time() >= claims["exp"]
    assert refusal(client.get("/jobs", headers=short)) == (401, 1201)
    assert client.get("/jobs").status_code == 200


def test_a_usage_limit_is_reached(client: "Client") -> None:
    """Submissions are refused, sessions close, everybody is told; the end undoes it."""
    session_id = client.open(mode="batch")
    client.wait(client.submit("count", session_id=session_id))
    play(client, usage={"left_s": 0.2})
    usage = client.get("/instances/usage").json()
    assert usage["usage_limit_seconds"] == 0.45
    assert usage["usage_limit_reached"] is False
    # A lane of these tests charges 0.25 s.
    client.wait(client.submit("count"))
    assert client.get("/instances/usage").json()["usage_limit_reached"] is True
    assert refusal(client.post("/jobs", json=JOB)) == (409, 4317)
    assert client.session(session_id)["state"] == "closed"
    client.delete(control_of(client))
    assert "usage_limit_seconds" not in client.get("/instances/usage").json()
    assert client.post("/jobs", json=JOB).status_code == 200


def test_a_limit_counts_at_once(client: "Client") -> None:
    """In all, or from now; also where nothing was used at all."""
    play(client, usage={"limit_s": 600})
    assert client.get("/instances/usage").json()["usage_limit_seconds"] == 600
    assert client.post("/jobs", json=JOB).status_code == 200
    session_id = client.open(mode="batch")
    play(client, usage={"left_s": 0})
    assert client.session(session_id)["state"] == "closed"
    assert refusal(client.post("/jobs", json=JOB)) == (409, 4317)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"backends": {}}, "backends"),
        ({"backends": [{"name": "x"}]}, "backends[0].status"),
        ({"backends": [{"queue_length": 1, "reason": "x"}]}, "backends[0].status"),
        ({"backends": [{"status": "busy"}]}, "backends[0].status"),
        ({"backends": [{"queue_length": -1}]}, "backends[0].queue_length"),
        ({"backends": [{"status": "paused", "for_s": 0}]}, "backends[0].for_s"),
        ({"backends": [{"status": "paused", "times": 1}]}, "backends[0].times"),
        ({"tokens": []}, "tokens"),
        ({"tokens": {"refuse": 0}}, "tokens.refuse"),
        ({"tokens": {"refuse": True}}, "tokens.refuse"),
        ({"tokens": {"code": "X"}}, "tokens.refuse"),
        ({"tokens": {"lifetime_s": 0}}, "tokens.lifetime_s"),
        ({"tokens": {"revoke": 1}}, "tokens.revoke"),
        ({"usage": {"limit_s": 0}}, "usage.limit_s"),
        ({"usage": {"left_s": -1}}, "usage.left_s"),
        ({"usage": {"limit_s": 1, "left_s": 1}}, "usage.left_s"),
        ({"usage": 600}, "usage"),
        ({"outages": []}, "scenario.outages"),
    ],
)
def test_a_wrong_part_is_named_by_its_path(document: Any, path: str) -> None:
    """Wherever it is."""
    with pytest.raises(InvalidValueError) as caught:
        Scenario.from_document(document)
    assert caught.value.details["path"] == path
    assert path in caught.value.message


@pytest.mark.fast
def test_what_is_written_reads_back() -> None:
    """What the control shows can be given again."""
    document = {
        "backends": [
            {"name": "ibm_*", "status": "offline", "reason": "x", "for_s": 2},
            {"name": "*", "queue_length": 3},
        ],
        "tokens": {"refuse": "always", "lifetime_s": 5, "revoke": True},
        "usage": {"left_s": 10},
    }
    scenario = Scenario.from_document(document)
    assert scenario.tokens is not None
    assert scenario.usage is not None
    assert {
        "backends": [rule.to_document() for rule in scenario.backends],
        "tokens": scenario.tokens.to_document(),
        "usage": scenario.usage.to_document(),
    } == document
