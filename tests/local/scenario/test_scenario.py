"""Requests that go wrong on demand: what the client sees, and what happened to its job."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from qrsession.errors import InvalidTypeError, InvalidValueError
from qrsession.local.scenario import Effect, Rule, Scenario, When, parse_scenario, read_scenario
from qrsession.local.scenario.directing import Director
from qrsession.protocol.faults import Fault

if TYPE_CHECKING:
    from tests.local.conftest import Client, RunningRuntime

LIMIT_S = 20
JOB = {"program_id": "sampler", "backend": "test_device", "params": {"pubs": ["count"]}}
CONTROL = "/_qrsession/scenario"


def play(client: "Client", *rules: dict[str, Any], seed: int = 0) -> None:
    reply = client.put(control_of(client), json={"seed": seed, "rules": rules})
    assert reply.status_code == 200, reply.text


def control_of(client: "Client") -> str:
    return client.base.removesuffix("/api/v1") + CONTROL


def counts_of(client: "Client") -> list[tuple[int, int, Any]]:
    document = client.get(control_of(client)).json()
    return [(rule["matched"], rule["fired"], rule["left"]) for rule in document["rules"]]


def on_submit(effect: str, **more: Any) -> dict[str, Any]:
    return {"method": "POST", "path": "/jobs", "effect": effect, **more}


def submit(client: "Client", **more: Any) -> requests.Response:
    reply: requests.Response = client.post("/jobs", json=JOB, **more)
    return reply


def listed(client: "Client", **query: Any) -> list[str]:
    body = client.get("/jobs", params=query).json()
    assert body["count"] == len(body["jobs"])
    return [job["id"] for job in body["jobs"]]


def existing(runtime: "RunningRuntime") -> int:
    """Count the jobs that exist, whatever lists show."""
    rows = runtime.in_loop(lambda: runtime.parts.store.listing._database.all("SELECT 1 FROM jobs"))
    return len(rows)


def until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline_s


@contextmanager
def raw_submission(client: "Client") -> Iterator[socket.socket]:
    """Post a job over a socket of our own."""
    body = json.dumps(JOB)
    host, port = client.base.removeprefix("http://").split("/")[0].split(":")
    head = (
        f"POST /api/v1/jobs HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Authorization: {client.headers['Authorization']!s}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with closing(socket.create_connection((host, int(port)), timeout=LIMIT_S)) as connection:
        connection.sendall(head.encode() + body.encode())
        yield connection


def read_to_end(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def test_an_answer_before_the_work(client: "Client", runtime: "RunningRuntime") -> None:
    """Nothing was accepted, and the header says when to come again."""
    play(client, on_submit("answer", status=429, retry_after_s=7))
    reply = submit(client)
    fault = Fault.from_reply(reply.status_code, reply.text)
    assert (fault.status, fault.code, bool(fault.trace)) == (429, 1202, True)
    assert reply.headers["Retry-After"] == "7"
    assert existing(runtime) == 0
    assert submit(client).status_code == 200
    assert existing(runtime) == 1


def test_an_answer_after_the_work(client: "Client", runtime: "RunningRuntime") -> None:
    """The job exists, and runs, though the client was told otherwise."""
    play(client, on_submit("answer", status=503, when="after", code=1999, message="An outage."))
    reply = submit(client)
    fault = Fault.from_reply(reply.status_code, reply.text)
    assert (fault.status, fault.code, fault.message) == (503, 1999, "An outage.")
    (job_id,) = listed(client)
    assert client.wait(job_id)["state"]["status"] == "Completed"
    assert existing(runtime) == 1
    assert len(runtime.lanes[0].seen) == 1


@pytest.mark.parametrize("is_reset", [True, False])
@pytest.mark.parametrize(("when", "jobs"), [("before", 0), ("after", 1)])
def test_a_dropped_connection(
    client: "Client", runtime: "RunningRuntime", when: str, jobs: int, is_reset: bool
) -> None:
    """Not a byte comes back; a reset is one, and an end is one."""
    play(client, on_submit("drop", when=when, reset=is_reset))
    with raw_submission(client) as connection:
        if is_reset:
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        else:
            assert read_to_end(connection) == b""
    assert existing(runtime) == jobs
    assert len(listed(client)) == jobs
    assert submit(client).status_code == 200


def test_clients_see_a_drop_as_a_lost_connection(client: "Client") -> None:
    """With requests, on a connection that was used before."""
    play(client, on_submit("drop"))
    with pytest.raises(requests.ConnectionError):
        submit(client)


def test_half_a_reply(client: "Client", runtime: "RunningRuntime") -> None:
    """The head promises more than comes."""
    play(client, on_submit("drop", when="half"))
    with raw_submission(client) as connection:
        head, _, body = read_to_end(connection).partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    promised = int(lengths[0].partition(b":")[2])
    assert head.startswith(b"HTTP/1.1 200")
    assert 0 < len(body) < promised
    assert existing(runtime) == 1
    job_id = submit(client).json()["id"]
    client.wait(job_id)
    play(client, {"method": "DELETE", "effect": "drop", "when": "half"})
    with pytest.raises(requests.ConnectionError):
        client.delete(f"/jobs/{job_id}")
    assert client.get(f"/jobs/{job_id}").status_code == 404


def test_a_garbled_reply(client: "Client", runtime: "RunningRuntime") -> None:
    """Status 200, a length that fits, and no JSON; of a refusal too, and of an empty reply."""
    rule = {"effect": "garble", "times": "always", "path_regex": "/(jobs|sessions).*"}
    play(client, rule)
    replies = [
        submit(client),
        client.post("/jobs", json={}),
        client.get("/jobs"),
        client.delete("/sessions/unknown/close"),
    ]
    for reply in replies:
        assert reply.status_code == 200
        assert int(reply.headers["Content-Length"]) == len(reply.content)
        with pytest.raises(requests.JSONDecodeError):
            reply.json()
    assert existing(runtime) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_delay_past_the_time_out(client: "Client", runtime: "RunningRuntime", when: str) -> None:
    """The client gives up; the job comes to exist all the same."""
    play(client, on_submit("delay", delay_s=0.6, when=when))
    with pytest.raises(requests.ReadTimeout):
        submit(client, timeout=0.2)
    until(lambda: existing(runtime) == 1)
    play(client, on_submit("delay", delay_s=0.3, when=when))
    started_s = time.monotonic()
    assert submit(client).status_code == 200
    assert time.monotonic() - started_s >= 0.3


def test_a_late_request(client: "Client", runtime: "RunningRuntime") -> None:
    """The client was sent away, by a reset or a status, and the work is done after that."""
    play(client, on_submit("late", late_s=0.5), on_submit("late", late_s=0.5, status=504))
    with raw_submission(client) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)
    assert submit(client).status_code == 504
    assert existing(runtime) == 0
    assert client.get(control_of(client)).json()["late_requests"] == 2
    until(lambda: existing(runtime) == 2)
    until(lambda: client.get(control_of(client)).json()["late_requests"] == 0)
    assert len(listed(client)) == 2


def test_a_request_that_is_handled_after_the_client_gave_up(
    client: "Client", runtime: "RunningRuntime"
) -> None:
    """It is held until then, however long that takes."""
    play(client, on_submit("late", late_s=0.2, hold=True))
    with pytest.raises(requests.ReadTimeout):
        submit(client, timeout=0.2)
    assert existing(runtime) == 0
    until(lambda: existing(runtime) == 1)


def test_a_hidden_job(client: "Client", runtime: "RunningRuntime") -> None:
    """Lists and their counts do not have it for a while; by its id it is known at once."""
    play(client, on_submit("hide", hide_s=1.0), on_submit("drop", when="after", hide_s=0.6))
    body = {**JOB, "tags": ["mine"]}
    job_id = client.post("/jobs", json=body).json()["id"]
    other_id = client.submit("count") if submit_is_dropped(client) else ""
    assert existing(runtime) == 3
    assert listed(client) == [other_id]
    assert listed(client, tags="mine") == []
    assert client.job(job_id)["id"] == job_id
    assert len(client.get(control_of(client)).json()["hidden_jobs"]) == 2
    until(lambda: len(listed(client)) == 3)
    assert listed(client, tags="mine") == [job_id]


def submit_is_dropped(client: "Client") -> bool:
    with pytest.raises(requests.ConnectionError):
        submit(client)
    return True


def test_deleting_a_scenario_ends_it(client: "Client") -> None:
    """Nothing goes wrong any more, and nothing is hidden."""
    always = on_submit("answer", status=500, times="always")
    play(client, on_submit("hide", hide_s=600), always)
    job_id = submit(client).json()["id"]
    assert submit(client).status_code == 500
    assert listed(client) == []
    assert client.delete(control_of(client)).status_code == 204
    assert submit(client).status_code == 200
    assert job_id in listed(client)
    assert counts_of(client) == []


def test_the_first_rule_that_applies_decides(client: "Client") -> None:
    """Each counts what it looked at, what it decided, and what is left."""
    play(
        client,
        on_submit("answer", status=500, skip=1, times=2),
        on_submit("answer", status=501, times="always"),
        {"effect": "answer", "status": 502, "path": "/jobs/{job_id}/results"},
    )
    statuses = [submit(client).status_code for _ in range(5)]
    assert statuses == [501, 500, 500, 501, 501]
    assert client.get("/jobs/a/b/results").status_code == 404
    assert client.get("/jobs/a").status_code == 404
    assert client.get("/jobs/a/results").status_code == 502
    assert counts_of(client) == [(3, 2, 0), (3, 3, "always"), (1, 1, 0)]


def test_rules_for_a_session_and_for_a_tag(client: "Client") -> None:
    """Where the request names it, in path, query or body, and where its job has it."""
    session_id, other_id = client.open(mode="batch"), client.open(mode="batch")
    mine = client.submit("count", session_id=session_id, tags=["qrs-1"])
    other = client.submit("count", session_id=other_id, tags=["other"])
    by_session = {"effect": "answer", "status": 500, "times": "always"}
    requests_of: Callable[[str, str, str], list[requests.Response]] = lambda session, job, tag: [  # noqa: E731
        client.get(f"/sessions/{session}"),
        client.get(f"/jobs/{job}"),
        client.get("/jobs", params={"session_id": session, "tags": tag}),
        client.post("/jobs", json={**JOB, "session_id": session, "tags": [tag]}),
    ]
    play(client, {**by_session, "session_id": session_id})
    assert [r.status_code for r in requests_of(session_id, mine, "x")] == [500] * 4
    assert [r.status_code for r in requests_of(other_id, other, "x")] == [200] * 4
    play(client, {**by_session, "tag": "qrs-*"})
    assert [r.status_code for r in requests_of(session_id, mine, "qrs-2")] == [200, 500, 500, 500]
    assert [r.status_code for r in requests_of(session_id, other, "other")] == [200] * 4


def test_tokens_can_be_refused_too(client: "Client", runtime: "RunningRuntime") -> None:
    """Paths beside the API have their own names; the challenge is never touched."""
    play(client, {"effect": "answer", "status": 503, "times": "always"})
    reply = requests.post(f"{runtime.url}/identity/token", data={}, timeout=LIMIT_S)
    assert reply.status_code == 503
    nonce = {"nonce": "0" * 16}
    reply = requests.get(f"{runtime.url}/_qrsession/challenge", params=nonce, timeout=LIMIT_S)
    assert reply.status_code == 200


def test_the_control_needs_the_bearer(client: "Client", runtime: "RunningRuntime") -> None:
    """As every other path; the key itself will do, for a scenario may refuse all tokens."""
    for method in ("GET", "PUT", "DELETE"):
        url = runtime.url + CONTROL
        assert requests.request(method, url, json={}, timeout=LIMIT_S).status_code == 401
    key = {"Authorization": f"apikey {client.key}"}
    assert requests.get(runtime.url + CONTROL, headers=key, timeout=LIMIT_S).status_code == 200
    assert client.get("/jobs", headers=key).status_code == 401
    wrong = {"Authorization": "apikey something else"}
    assert requests.get(runtime.url + CONTROL, headers=wrong, timeout=LIMIT_S).status_code == 401
    assert client.patch(control_of(client), json={}).status_code == 405


def test_a_wrong_scenario_changes_nothing(client: "Client") -> None:
    """It is refused with the field's path; TOML is taken too."""
    toml = b'[[rules]]\neffect = "answer"\nstatus = 500\npath = "/jobs"\n'
    headers = {"Content-Type": "application/toml"}
    assert client.put(control_of(client), data=toml, headers=headers).status_code == 200
    reply = client.put(control_of(client), json={"rules": [{"effect": "explode"}]})
    fault = Fault.from_reply(reply.status_code, reply.text)
    assert fault.status == 400
    assert "rules[0].effect" in fault.message
    assert client.put(control_of(client), data=b"{").status_code == 400
    assert counts_of(client) == [(0, 0, 1)]


def test_a_runtime_that_ends_lets_delayed_requests_go(
    client: "Client", runtime: "RunningRuntime"
) -> None:
    """Neither what is held nor what is late keeps it."""
    play(
        client,
        on_submit("late", late_s=600),
        on_submit("late", late_s=600, hold=True),
        on_submit("delay", delay_s=600),
    )
    submit_is_dropped(client)
    with raw_submission(client), raw_submission(client):
        until(lambda: counts_of(client) == [(1, 1, 0)] * 3)
        client.close()
        started_s = time.monotonic()
        runtime.stop()
    assert time.monotonic() - started_s < 5


@pytest.mark.fast
@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({}, "rules[1].effect"),
        ({"effect": "explode"}, "rules[1].effect"),
        ({"effect": 1}, "rules[1].effect"),
        ({"effect": "answer"}, "rules[1].status"),
        ({"effect": "answer", "status": 200}, "rules[1].status"),
        ({"effect": "answer", "status": "500"}, "rules[1].status"),
        ({"effect": "answer", "status": 500, "when": "half"}, "rules[1].when"),
        ({"effect": "answer", "status": 500, "reset": True}, "rules[1].reset"),
        ({"effect": "drop", "status": 500}, "rules[1].status"),
        ({"effect": "drop", "when": "later"}, "rules[1].when"),
        ({"effect": "drop", "when": "half", "reset": True}, "rules[1].reset"),
        ({"effect": "drop", "method": "FETCH"}, "rules[1].method"),
        ({"effect": "drop", "path": "jobs"}, "rules[1].path"),
        ({"effect": "drop", "path": "/jobs", "path_regex": "/jobs"}, "rules[1].path_regex"),
        ({"effect": "drop", "path_regex": "("}, "rules[1].path_regex"),
        ({"effect": "drop", "times": 0}, "rules[1].times"),
        ({"effect": "drop", "times": True}, "rules[1].times"),
        ({"effect": "drop", "times": "twice"}, "rules[1].times"),
        ({"effect": "drop", "skip": -1}, "rules[1].skip"),
        ({"effect": "drop", "probability": 1.5}, "rules[1].probability"),
        ({"effect": "drop", "probability": float("nan")}, "rules[1].probability"),
        ({"effect": "drop", "delay_s": -1}, "rules[1].delay_s"),
        ({"effect": "drop", "nth": 1}, "rules[1].nth"),
        ({"effect": "delay"}, "rules[1].delay_s"),
        ({"effect": "hide"}, "rules[1].hide_s"),
        ({"effect": "late"}, "rules[1].late_s"),
        ({"effect": "late", "late_s": 1, "status": 504, "hold": True}, "rules[1].hold"),
        ({"effect": "late", "late_s": 1, "code": 1}, "rules[1].status"),
        ("drop", "rules[1]"),
    ],
)
def test_a_wrong_rule_is_named_by_its_path(rule: Any, path: str) -> None:
    """And no rule is silently half understood."""
    document = {"rules": [{"effect": "drop"}, rule]}
    with pytest.raises(InvalidValueError) as caught:
        Scenario.from_document(document)
    assert caught.value.details["path"] == path
    assert path in caught.value.message


@pytest.mark.fast
def test_a_wrong_document_is_refused() -> None:
    """At the top as well."""
    wrongs: tuple[Any, ...] = ([], {"rules": {}}, {"rules": [1]}, {"rule": []}, {"seed": "x"})
    for document in wrongs:
        with pytest.raises(InvalidValueError):
            Scenario.from_document(document)
    with pytest.raises(InvalidTypeError):
        Scenario.from_document("drop everything")


@pytest.mark.fast
def test_a_rule_reads_back_what_it_writes() -> None:
    """What the control shows can be given again."""
    rules = (
        Rule(Effect.DROP, when=When.AFTER, hide_s=2.5, times=None, is_reset=False),
        Rule(Effect.ANSWER, name="busy", status=429, retry_after_s=3, skip=2, tag="qrs-*"),
        Rule(Effect.LATE, late_s=1.5, holds=True, method="POST", path="/jobs", probability=0.5),
    )
    written = {"seed": 7, "rules": [rule.to_document() for rule in rules]}
    assert Scenario.from_document(json.loads(json.dumps(written))) == Scenario(rules, 7)


@pytest.mark.fast
def test_files(tmp_path: Path) -> None:
    """TOML and JSON are told apart by the name, and errors name the file."""
    toml, as_json = tmp_path / "scenario.toml", tmp_path / "scenario.json"
    toml.write_text('seed = 3\n[[rules]]\neffect = "drop"\n')
    as_json.write_text('{"seed": 3, "rules": [{"effect": "drop"}]}')
    assert read_scenario(toml) == read_scenario(as_json) == Scenario((Rule(Effect.DROP),), 3)
    as_json.write_text('{"rules": [{"effect": "drop", "skip": "x"}]}')
    with pytest.raises(InvalidTypeError, match=r"scenario\.json.*rules\[0\]\.skip"):
        read_scenario(as_json)
    with pytest.raises(InvalidValueError, match=r"nothing\.toml cannot be read"):
        read_scenario(tmp_path / "nothing.toml")
    toml.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidValueError, match="no TOML"):
        read_scenario(toml)
    with pytest.raises(InvalidValueError, match="larger"):
        parse_scenario(b"#" * 2_000_000, is_toml=True)


class _Post:
    """A request that matches every rule."""

    method = "POST"
    path = "/jobs"
    session_ids = frozenset[str]()
    tags = frozenset[str]()


@pytest.mark.fast
def test_chances_come_from_the_seed() -> None:
    """The same seed decides the same; another one does not; as often as it says."""

    def decisions(seed: int) -> list[bool]:
        director = Director(Scenario((Rule(Effect.DROP, times=None, probability=0.3),), seed))
        return [director.choose(_Post()) is not None for _ in range(2000)]

    assert decisions(1) == decisions(1) != decisions(2)
    # Five standard deviations.
    assert abs(sum(decisions(1)) - 600) < 5 * (2000 * 0.3 * 0.7) ** 0.5


@pytest.mark.fast
def test_one_rule_does_not_change_the_chances_of_another() -> None:
    """So a scenario stays the same for the rest when a rule is added behind."""
    rule = Rule(Effect.DROP, times=None, probability=0.5)
    alone = Director(Scenario((rule,), 5))
    together = Director(Scenario((rule, Rule(Effect.GARBLE, times=None)), 5))
    chosen = [together.choose(_Post()) for _ in range(200)]
    assert [alone.choose(_Post()) is not None for _ in range(200)] == [
        found is rule for found in chosen
    ]
