"""The estimate of a job's running time: its formula, and that nothing breaks it."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from qrsession.local.api.running_time import estimate_s
from qrsession.protocol.executions import SETUP_S
from qrsession.protocol.typed import Array

if TYPE_CHECKING:
    from tests.local.conftest import Client

REP_S = 250e-6


def sampler_s(*pubs: Any, device: dict[str, Any] | None = None, **params: Any) -> float:
    return estimate_s("sampler", {"pubs": list(pubs), **params}, device or {})


def estimator_s(*pubs: Any, resilience_level: int = 0, **params: Any) -> float:
    return estimate_s(
        "estimator", {"pubs": list(pubs), "resilience_level": resilience_level, **params}, {}
    )


def expected_s(executions: float, rep_s: float = REP_S) -> float:
    return round(SETUP_S + executions * rep_s, 1)


def array(*shape: int) -> dict[str, Any]:
    size = 8
    for number in shape:
        size *= number
    return Array(bytes(size), shape, "<f8").to_wire()


@pytest.mark.fast
def test_shots_of_a_sampler() -> None:
    """The pub's, the job's, the option's, the default."""
    options = {"default_shots": 20_000}
    assert sampler_s("qasm") == sampler_s(["qasm"]) == expected_s(4096)
    assert sampler_s(["qasm", None, 40_000], shots=8, options=options) == expected_s(40_000)
    assert sampler_s(["qasm"], shots=80_000, options=options) == expected_s(80_000)
    assert sampler_s(["qasm"], ["qasm"], options=options) == expected_s(40_000)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("values", "points"),
    [
        (None, 1),
        ([], 1),
        ([0.1, 0.2], 1),
        ([[0.1, 0.2]] * 7, 7),
        (array(0), 1),
        (array(3), 1),
        (array(7, 3), 7),
        (array(5, 7, 3), 35),
        ({"theta": [0.1] * 9, "phi": 0.3}, 9),
        ({"__type__": "BindingsArray", "__value__": {"shape": [4, 2], "data": {}}}, 8),
    ],
)
def test_the_points_of_a_sweep(values: Any, points: int) -> None:
    """However it is written."""
    assert sampler_s(["qasm", values, 10_000]) == expected_s(10_000 * points)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("observables", "bases"),
    [
        ("ZZ", 1),
        ({"ZZ": 1, "IZ": 1, "ZI": 2}, 1),
        ({"ZZ": 1, "XX": 1}, 2),
        ({"XI": 1, "IZ": 1, "ZX": 1}, 2),
        ({"0+": 1, "ZX": 1, "rr": 1}, 2),
        (["ZZ", "XX", "YY"], 3),
        ([{"ZZ": 1, "XX": 1}, {"YY": 1}], 3),
        ({"__type__": "ObservablesArray", "__value__": [{"ZZ": 1}, {"XX": 1}]}, 2),
    ],
)
def test_the_bases_of_observables(observables: Any, bases: int) -> None:
    """Terms that agree on each qubit are measured together."""
    assert estimator_s(["qasm", observables, None, 0.01]) == expected_s(10_000 * bases)


@pytest.mark.fast
def test_an_estimator() -> None:
    """Sweep and observables broadcast; precision makes shots; extrapolation repeats it all."""
    assert estimator_s(["qasm", "ZZ"]) == expected_s(4096)
    assert estimator_s(["qasm", "ZZ"], precision=0.01) == expected_s(10_000)
    assert estimator_s(["qasm", "ZZ"], options={"default_shots": 30_000}) == expected_s(30_000)
    assert estimator_s(["qasm", "ZZ", array(6, 2), 0.01]) == expected_s(60_000)
    assert estimator_s(["qasm", ["ZZ", "XX"], array(2, 2), 0.01]) == expected_s(20_000)
    assert estimator_s(["qasm", [["ZZ"], ["XX"]], array(3, 2), 0.01]) == expected_s(60_000)
    options = {"resilience": {"zne_mitigation": True, "zne": {"noise_factors": [1, 2, 3, 4]}}}
    assert estimator_s(["qasm", "ZZ"], options=options) == expected_s(4 * 4096)


@pytest.mark.fast
def test_what_mitigation_adds() -> None:
    """From level 1 the errors of measurements are learned; twirling rounds shots up."""
    assert estimate_s("estimator", {"pubs": [["qasm", "ZZ"]]}, {}) == expected_s(2 * 4096)
    assert estimator_s(["qasm", "ZZ"], ["qasm", "XX"], resilience_level=1) == expected_s(3 * 4096)
    assert estimator_s(["qasm", "ZZ"], resilience_level=2) == expected_s((3 + 1) * 4096)
    # 32 randomizations of 313 shots.
    assert estimator_s(["qasm", "ZZ", None, 0.01], resilience_level=1) == expected_s(2 * 10_016)
    learning = {"num_randomizations": 100, "shots_per_randomization": 400}
    options = {"resilience": {"measure_noise_learning": learning}}
    assert estimator_s(["qasm", "ZZ"], resilience_level=1, options=options) == expected_s(44_096)
    twirling = {"enable_gates": True, "num_randomizations": 300, "shots_per_randomization": 70}
    assert sampler_s(["qasm"], options={"twirling": twirling}) == expected_s(21_000)
    assert estimator_s(["qasm", "ZZ"], options={"twirling": twirling}) == expected_s(21_000)


@pytest.mark.fast
def test_the_time_between_shots() -> None:
    """The option's in seconds, the device's in microseconds, the default."""
    device = {"default_rep_delay": 1000.0}
    options = {"execution": {"rep_delay": 0.002}}
    assert sampler_s("qasm", device=device) == expected_s(4096, 1e-3)
    assert sampler_s("qasm", device=device, options=options) == expected_s(4096, 2e-3)


@pytest.mark.fast
@pytest.mark.parametrize("program_id", ["sampler", "estimator"])
@pytest.mark.parametrize(
    "pub",
    [
        None,
        3,
        [],
        {},
        ["qasm", "text", "text", "text"],
        ["qasm", {"__type__": "ndarray", "__value__": "no"}, -3, float("nan")],
        ["qasm", {"__type__": "BindingsArray", "__value__": None}, True, 1e-300],
        ["qasm", [[["Z"], 1], None], [[[]]], float("inf")],
        ["qasm", {"__type__": "BindingsArray", "__value__": {"shape": ["x"]}}, 10**400, 10**400],
        [1, 2, 3, 4, 5, 6],
        ["qasm", json.loads("[" * 900 + "]" * 900)],
        ["qasm", {"__type__": "BindingsArray", "__value__": {"shape": [10**200, 10**200]}}],
    ],
)
def test_nothing_that_is_sent_breaks_it(program_id: str, pub: Any) -> None:
    """The lane refuses it later, with its reason; here it counts as little as it can."""
    params = {"pubs": [pub], "options": {"execution": 3, "resilience": []}}
    assert SETUP_S <= estimate_s(program_id, params, {"default_rep_delay": "x"}) < float("inf")


@pytest.mark.fast
def test_ten_thousand_terms_do_not_hold_a_submission_up() -> None:
    """What is beyond the first thousand is taken to be like them."""
    terms = {f"{number:0156b}".replace("0", "I").replace("1", "X"): 1.0 for number in range(10_000)}
    assert estimator_s(["qasm", terms, None, 0.1]) == pytest.approx(expected_s(100 * 10), abs=0.3)


def test_jobs_say_it(client: "Client") -> None:
    """From the first moment, alone, in lists and among the workloads."""
    job_id = client.submit("count")
    assert client.job(job_id)["estimated_running_time_seconds"] == expected_s(4096)
    (listed,) = client.get("/jobs").json()["jobs"]
    assert listed["estimated_running_time_seconds"] == expected_s(4096)
    (workload,) = client.get("/workloads").json()["workloads"]
    assert workload["estimated_running_time_seconds"] == expected_s(4096)
