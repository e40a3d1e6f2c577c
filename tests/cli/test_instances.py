"""Instances on the command line: what is said of money, and that a session keeps its instance."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qrsession.cli.boundary import run
from tests.clouds import KEY, Cloud, Offer, crn_of, device

SEARCH = "POST /v3/resources/search"
MEASURED = {"performance_metrics": {"two_q_error_median": {"value": 0.003}}}
DOCUMENTS = (
    {"backend_name": "big", "n_qubits": 156, "basis_gates": ["cz"], "simulator": False},
    {
        "backend_name": "big",
        "qubits": [[{"name": "T1", "value": 250, "unit": "us"}]],
        "gates": [],
    },
)
PREMIUM = Offer(
    "prod", "Premium", "subscription", (device("big", 156, 4, **MEASURED), device("small", 5))
)
OPEN = Offer("mine", "Open", "free", (device("small", 5),))


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A cloud with a free instance and one that costs; the environment's account is there."""
    running = Cloud([PREMIUM, OPEN], {"big": DOCUMENTS, "small": ({"n_qubits": 5}, {})})
    monkeypatch.setenv("QRSESSION_HOME", str(tmp_path / "home"))
    for name, value in running.environ().items():
        monkeypatch.setenv(name, value)
    yield running
    running.stop()


@pytest.fixture
def qrs(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command line, and return its exit code, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


Qrs = Callable[..., tuple[int, str, str]]


def data_of(out: str) -> dict[str, Any]:
    envelope = json.loads(out)
    assert envelope["status"] == "ok"
    found: dict[str, Any] = envelope["data"]
    return found


def opened(cloud: Cloud) -> list[tuple[str | None, dict[str, Any]]]:
    return [(one.crn, json.loads(one.body)) for one in cloud.seen if one.path == "/api/v1/sessions"]


def test_opening_on_a_free_plan_says_where(cloud: Cloud, qrs: Qrs) -> None:
    code, out, err = qrs("open", "--mode", "batch", "--name", "b")
    assert (code, out) == (0, "session-1\n")
    assert err == "Opened b on small (instance mine, plan open), for 8h at most.\n"
    ((crn, body),) = opened(cloud)
    assert crn == body["instance"] == OPEN.crn


def test_opening_on_another_plan_says_so_before(cloud: Cloud, qrs: Qrs) -> None:
    code, _, err = qrs("open", "--backend", "big", "--max-time", "1h", "--name", "d")
    assert code == 0
    assert err.splitlines() == [
        "warning: This opens a session on the instance prod, plan premium, for at most 1h.",
        "Opened d on big (instance prod, plan premium), for 1h at most.",
    ]
    ((crn, body),) = opened(cloud)
    assert (crn, body["max_ttl"]) == (PREMIUM.crn, 3600)


def test_it_is_said_even_where_the_service_refuses(cloud: Cloud, qrs: Qrs) -> None:
    cloud.refusals["/api/v1/sessions"] = 403
    code, _, err = qrs("open", "--quiet", "--instance", "prod")
    assert code == 3
    assert err.splitlines()[0] == (
        "warning: This opens a session on the instance prod, plan premium, for at most 8h: the "
        "default, since no --max-time is given."
    )


@pytest.mark.parametrize("variable", ["CI", "SLURM_JOB_ID"])
def test_where_nobody_looks_it_must_be_named(
    cloud: Cloud, qrs: Qrs, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    code, out, err = qrs("open", "--backend", "big")
    assert (code, out) == (3, "")
    assert "--instance" in err
    assert opened(cloud) == []
    code, _, err = qrs("open", "--backend", "big", "--instance", "prod")
    assert code == 0
    assert "8h: the default, since no --max-time is given" in err
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", PREMIUM.crn)
    assert qrs("open", "--backend", "big")[0] == 0


def test_the_width_that_is_asked_for(cloud: Cloud, qrs: Qrs) -> None:
    code, out, _ = qrs("open", "--min-qubits", "100", "--json")
    assert code == 0
    session = data_of(out)["session"]
    assert (session["backend"], session["instance"]) == ("big", PREMIUM.crn)
    assert qrs("open", "--min-qubits", "1000")[0] == 4
    assert qrs("open", "--min-qubits", "5", "--backend", "big")[0] == 2
    assert qrs("open", "--min-qubits", "0")[0] == 2
    assert len(opened(cloud)) == 1


def test_a_session_keeps_its_instance(cloud: Cloud, qrs: Qrs) -> None:
    assert qrs("open", "--instance", "prod", "--backend", "small")[0] == 0
    cloud.seen.clear()
    for command in ("status", "close"):
        assert qrs(command)[0] == 0
    # Nothing is looked for again, and each request names the instance of the session.
    assert cloud.paths() == [
        "GET /api/v1/sessions/session-1",
        "GET /api/v1/jobs",
        "GET /api/v1/instances/usage",
        "PATCH /api/v1/sessions/session-1",
        "GET /api/v1/sessions/session-1",
        "GET /api/v1/jobs",
    ]
    assert {one.crn for one in cloud.seen} == {PREMIUM.crn}


@pytest.mark.parametrize("key", ["nobody", crn_of("nobody")])
def test_an_instance_that_is_not_there(cloud: Cloud, qrs: Qrs, key: str) -> None:
    for command in (["open"], ["backends"], ["run", "@bell", "--backend", "small"]):
        code, out, _ = qrs(*command, "--instance", key, "--json")
        assert (code, json.loads(out)["error"]["code"]) == (4, "instance_not_found")
    assert qrs("open", "--instance", "")[0] == 2
    assert opened(cloud) == []


def test_an_instance_for_a_session_that_has_one(cloud: Cloud, qrs: Qrs) -> None:
    assert qrs("open", "--mode", "batch")[0] == 0
    code, _, err = qrs("run", "@bell", "--instance", "prod")
    assert code == 2
    assert "--instance is for a job without a session" in err
    assert not any("jobs" in path for path in cloud.paths())


def test_backends_show_what_was_measured(cloud: Cloud, qrs: Qrs) -> None:
    code, out, err = qrs("backends", "--instance", "prod")
    assert code == 0
    assert err == "Backends of the instance prod, plan premium.\n"
    rows = [line.split("\t") for line in out.splitlines()]
    assert rows[0] == [
        "BACKEND", "QUBITS", "KIND", "STATUS", "QUEUE", "2Q ERROR", "2Q BEST", "READOUT", "CLOPS",
    ]  # fmt: skip
    assert rows[1] == ["big", "156", "QPU", "online", "4", "0.003", "", "", ""]
    assert [row[0] for row in rows[1:]] == ["big", "small"]
    _, out, _ = qrs("backends", "--instance", "prod", "--min-qubits", "100", "--json")
    found = data_of(out)
    assert [one["name"] for one in found["backends"]] == ["big"]
    assert found["backends"][0]["two_q_error_median"] == 0.003
    assert found["instance"] == PREMIUM.crn
    assert cloud.paths().count(SEARCH) == 1


def test_other_instances_are_named(cloud: Cloud, qrs: Qrs) -> None:
    _, out, err = qrs("backends")
    assert [line.split("\t")[0] for line in out.splitlines()] == ["BACKEND", "small"]
    assert "also sees prod (premium)" in err
    assert cloud.paths().count(SEARCH) == 1


def test_one_backend_in_detail(cloud: Cloud, qrs: Qrs) -> None:
    code, out, _ = qrs("backends", "big")
    assert code == 0
    facts = dict(line.split("\t") for line in out.splitlines())
    assert facts["name"] == "big"
    assert facts["instance"] == "prod, plan premium"
    assert facts["T1"] == "median 250 µs"
    _, out, _ = qrs("backends", "big", "--json")
    found = data_of(out)
    assert found["backend"]["t1_median_s"] == pytest.approx(250e-6)
    assert found["backend"]["queue_length"] == found["backends"][0]["queue_length"] == 4
    assert cloud.seen[-1].crn == PREMIUM.crn


def test_a_snapshot(cloud: Cloud, qrs: Qrs, tmp_path: Path) -> None:
    code, out, _ = qrs("backends", "snapshot", "big", "--to", str(tmp_path / "kept"))
    assert (code, out) == (0, f"{tmp_path / 'kept' / 'big'}\n")
    assert json.loads((tmp_path / "kept/big/configuration.json").read_text()) == DOCUMENTS[0]
    _, out, _ = qrs("backends", "snapshot", "big", "--json")
    folder = Path(data_of(out)["snapshot"]["folder"])
    assert folder == Path(os.environ["QRSESSION_HOME"]) / "data" / "twins" / "big"
    assert json.loads((folder / "properties.json").read_text()) == DOCUMENTS[1]
    assert KEY not in str(cloud.paths())


@pytest.mark.parametrize(
    "arguments",
    [
        ["backends", "snapshot"],
        ["backends", "a", "b"],
        ["backends", "snapshot", "a", "b"],
        ["backends", "--to", "x"],
        ["backends", "big", "--to", "x"],
        ["backends", "big", "--min-qubits", "2"],
        ["backends", ""],
    ],
)
def test_what_makes_no_sense(cloud: Cloud, qrs: Qrs, arguments: list[str]) -> None:
    assert qrs(*arguments)[0] == 2
    assert cloud.seen == []


def test_account_check(cloud: Cloud, qrs: Qrs) -> None:
    code, out, err = qrs("account", "check")
    assert (code, err) == (0, "")
    rows = [line.split("\t") for line in out.splitlines()]
    assert rows[0] == ["CHECK", "VERDICT", "MESSAGE", "ADVICE"]
    assert [row[0] for row in rows[1:]] == [
        "key", "instances", "instance", "backends", "usage", "sessions",
    ]  # fmt: skip
    _, out, _ = qrs("account", "check", "environment", "--json")
    assert set(data_of(out)) == {"account", "instances", "checks"}
    assert KEY not in out
    assert cloud.paths().count(SEARCH) == 2


@pytest.mark.parametrize(
    ("arguments", "environ", "code"),
    [
        ([], {"QISKIT_IBM_TOKEN": "wrong-key"}, 3),
        (["--instance", "nobody"], {}, 4),
        (["nobody"], {}, 4),
        ([], {"QISKIT_IBM_URL": "http://127.0.0.1:1"}, 10),
    ],
    ids=["refused", "instance", "account", "unreachable"],
)
def test_account_check_fails(
    cloud: Cloud,
    qrs: Qrs,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environ: dict[str, str],
    code: int,
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found, out, err = qrs("account", "check", *arguments)
    assert found == code
    assert 0 < len(err.splitlines()) <= 3
    assert "fail" in out or arguments == ["nobody"]
    found, out, _ = qrs("account", "check", *arguments, "--json")
    envelope = json.loads(out)
    assert (found, envelope["status"], envelope["data"]) == (code, "error", None)
    if arguments != ["nobody"]:
        assert envelope["error"]["details"]["checks"][-1]["verdict"] == "fail"
    assert "wrong-key" not in out
    assert cloud.url
