"""What no honest client or lane sends: refused, or the end of one job and of nothing else."""

import gc
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from qrsession.local.api.programs import split_params
from qrsession.local.api.running_time import estimate_s
from qrsession.local.lanes.lane import Failure, LaneJob, LaneOutcome
from tests.local.conftest import SECRET, Client, RunningRuntime, ScriptedLane

Connect = Callable[[RunningRuntime], Client]
StartRuntime = Callable[..., RunningRuntime]

# Half of a character: JSON can write it, UTF-8 cannot.
HALF = "\ud800"
CONTROL = {"Authorization": f"apikey {SECRET}"}
SCENARIO = "/_qrsession/scenario"


class OddLane(ScriptedLane):
    """A lane whose outcomes are what a pub's name says."""

    async def run(self, job: LaneJob) -> LaneOutcome:
        """Do what the first pub says, and then tell of it in an odd way."""
        outcome = await super().run(job)
        order = json.loads(job.params_json)["pubs"][0]
        if order == "half":
            failure = Failure(1603, f"no {HALF}", f"none {HALF}")
            return replace(outcome, result_json=None, failure=failure, logs=HALF)
        if order == "endless":
            return replace(outcome, circuits_execution_time_ns=10**30)
        if order == "listed":
            odd: Any = ["a", "list"]
            return replace(outcome, result_json=None, failure=Failure(1603, odd, "none"))
        return outcome


@pytest.fixture
def odd(start_runtime: StartRuntime, connect: Connect) -> Client:
    return connect(start_runtime(is_real=True, other_lanes=[OddLane()]))


def test_an_odd_outcome_costs_its_job_alone(odd: Client) -> None:
    for order in ("half", "endless", "listed"):
        body = odd.wait(odd.submit(order, backend="aer_simulator"))
        assert body["state"]["status"] == "Failed", order
        assert body["state"]["reason"], order
        good = odd.wait(odd.submit("x", backend="aer_simulator"))
        assert good["state"]["status"] == "Completed"


def test_half_a_character_in_a_reason_is_replaced(odd: Client) -> None:
    job_id = odd.submit("half", backend="aer_simulator")
    state = odd.wait(job_id)["state"]
    assert (state["reason"], state["reason_code"]) == ("no ?", 1603)
    assert odd.get(f"/jobs/{job_id}/logs").text == "?"


@pytest.mark.parametrize(
    "fields",
    [{"tags": [HALF]}, {"session_id": HALF}, {"calibration_id": HALF}, {"runtime": HALF}],
)
def test_half_a_character_in_a_submission_is_refused(client: Client, fields: Any) -> None:
    reply = client.post(
        "/jobs",
        json={"program_id": "sampler", "backend": "test_device", "params": {"pubs": []}, **fields},
    )
    assert reply.status_code == 400
    assert "half of a character" in reply.json()["errors"][0]["message"]


def test_half_a_character_in_new_tags_is_refused_and_the_old_ones_stay(client: Client) -> None:
    job_id = client.submit("x", tags=["mine"])
    assert client.put(f"/jobs/{job_id}/tags", json={"tags": [HALF]}).status_code == 400
    assert client.job(job_id)["tags"] == ["mine"]


@pytest.mark.parametrize("number", ["1e400", "1" + "0" * 400, "-1e400"])
@pytest.mark.parametrize(
    "path",
    ["default_shots", "execution.rep_delay", "twirling.num_randomizations"],
)
def test_a_number_beyond_all_bounds_is_refused_with_its_path(
    client: Client, path: str, number: str
) -> None:
    table, _, name = path.rpartition(".")
    options = f'{{"{name}": {number}}}'
    if table:
        options = f'{{"{table}": {options}}}'
    body = (
        '{"program_id": "sampler", "backend": "test_device",'
        f' "params": {{"pubs": ["x"], "options": {options}}}}}'
    )
    reply = client.post("/jobs", data=body)
    assert reply.status_code == 400
    message = reply.json()["errors"][0]["message"]
    assert f"params.options.{path} is" in message
    assert len(message) < 600


@pytest.mark.parametrize("usage", ['{"limit_s": 1e400}', '{"limit_s": 1e300}', '{"left_s": 1e12}'])
def test_an_endless_limit_is_refused_and_sessions_go_on(client: Client, usage: str) -> None:
    url = client.base.removesuffix("/api/v1") + SCENARIO
    reply = client.put(url, data=f'{{"usage": {usage}}}', headers=CONTROL)
    assert reply.status_code == 400
    job_id = client.submit("x", session_id=client.open())
    assert client.wait(job_id)["state"]["status"] == "Completed"


def test_the_largest_limit_of_an_instance_leaves_sessions_alone(client: Client) -> None:
    largest = 2**31 - 1
    path = "/instances/configuration"
    assert client.put(path, json={"instance_limit": largest + 1}).status_code == 400
    assert client.put(path, json={"instance_limit": largest}).status_code == 204
    job_id = client.submit("x", session_id=client.open())
    assert client.wait(job_id)["state"]["status"] == "Completed"
    assert client.get("/instances/usage").json()["usage_limit_seconds"] == largest


def test_a_limit_that_another_version_stored_leaves_sessions_alone(
    client: Client, runtime: RunningRuntime
) -> None:
    meter = runtime.parts.meter
    runtime.in_loop(lambda: meter.limit_instance(10**18, runtime.parts.clock.now()))
    job_id = client.submit("x", session_id=client.open())
    assert client.wait(job_id)["state"]["status"] == "Completed"


def test_rules_that_are_added_have_an_end(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qrsession.local.scenario.stage._MOST_RULES", 20)
    url = client.base.removesuffix("/api/v1") + SCENARIO
    rules = [{"effect": "drop", "path": "/nowhere"}] * 10
    replies = [client.post(url, json={"rules": rules}, headers=CONTROL) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 400]
    assert "more than 20 rules" in replies[-1].json()["errors"][0]["message"]
    assert client.delete(url, headers=CONTROL).status_code == 204
    assert client.post(url, json={"rules": rules}, headers=CONTROL).status_code == 200


def test_the_estimate_of_many_pubs_is_that_of_the_first_ones_times_as_many() -> None:
    def seconds(number: int) -> float:
        return estimate_s("sampler", {"pubs": [["x", None, 400]] * number}, {})

    # Each pub takes 400 shots of 250 microseconds, beside the 2 seconds of each job.
    assert seconds(100) == 12.0
    assert seconds(2_000_000) == 200_002.0


def test_a_submission_leaves_the_collector_as_it_was() -> None:

    assert gc.isenabled()
    split_params(b'{"params": {"pubs": []}}')
    assert gc.isenabled()
    gc.disable()
    try:
        split_params(b'{"params": {"pubs": []}}')
        assert not gc.isenabled()
    finally:
        gc.enable()
