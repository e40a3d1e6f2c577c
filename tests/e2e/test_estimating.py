"""The estimator and sweeps from the shell, against the real local runtime."""

import json
import math
from typing import Any

import numpy as np
import pytest

from tests.e2e.conftest import Cli
from tests.e2e.programs import write

pytestmark = pytest.mark.timeout(120)

ON_SIMULATOR = ("--local", "--backend", "aer_simulator")
ESTIMATE = ("run", *ON_SIMULATOR, "--primitive", "estimator")
# With a standard error e, a value is off by more than 6 e once in a billion.
ERRORS = 6


def record_of(cli: Cli, job_id: str) -> dict[str, Any]:
    """Return what the service knows of a job, its params included."""
    from qrsession import RuntimeService  # noqa: PLC0415 - the fixture sets its home first
    from qrsession.protocol import routes  # noqa: PLC0415

    assert cli.folder.is_dir()
    client = RuntimeService("local").client
    reply = client._call(routes.GET_JOB, {"job_id": job_id}, query={"exclude_params": "false"})
    found: dict[str, Any] = reply.json()
    return found


def test_a_sweep_of_observables_has_their_axis_first(cli: Cli) -> None:
    """Of a rotation Z is a cosine and X a sine, whatever the measurement at its end."""
    write(cli, "wanted.json", '["Z", {"X": 1}, [["Z", 0.5], ["X", -0.5]]]')
    wish = ("@rotation", "-O", "@wanted.json", "--param", "theta=0:2*pi:7", "--precision", "0.02")
    done = cli.run(*ESTIMATE, *wish, "--json", "--once", "sweep")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("final measurements are left out") == 1
    data = json.loads(done.stdout)["data"]
    (pub,) = data["pubs"]
    theta = np.linspace(0, 2 * math.pi, 7)
    wanted = [np.cos(theta), np.sin(theta), (np.cos(theta) - np.sin(theta)) / 2]
    assert np.shape(pub["evs"]) == (3, 7)
    assert np.abs(np.array(pub["evs"]) - wanted).max() < ERRORS * 0.02
    # One job with one pub, which the same wish finds again.
    again = cli.data(*ESTIMATE, *wish, "--once", "sweep")
    assert again["job"]["job_id"] == data["job"]["job_id"]
    (sent,) = record_of(cli, data["job"]["job_id"])["params"]["pubs"]
    assert sent[1][1] == [{"X": 1.0}]
    assert sent[3] == 0.02


def test_values_of_a_device_are_of_the_circuits_own_qubits(cli: Cli) -> None:
    """On 156 qubits, laid out by the transpiler; X and Y are judged as Z is."""
    text = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[3] q;\nx q[0];\nh q[1];\ncx q[1], q[2];\n'
    write(cli, "three.qasm", text)
    options = 'resilience_level = 0\n[environment]\njob_tags = ["mine"]\n'
    write(cli, "options.toml", options)
    holds = ("IIZ=-1±0.15", "XXI=1±0.15", "YYI=-1±0.15", "ZZI>=0.85")
    wishes = [part for one in holds for part in ("--expect-value", one)]
    device = ("run", "--local", "--backend", "ibm_fez", "--primitive", "estimator")
    data = cli.data(*device, "three.qasm", *wishes, "--options", "options.toml", "--shots", "2000")
    assert [one["holds"] for one in data["expectations"]] == [True] * 4
    params = record_of(cli, data["job"]["job_id"])["params"]
    assert params["resilience_level"] == 0
    assert params["options"] == {"default_shots": 2000}
    (pub,) = params["pubs"]
    assert {len(label) for one in pub[1] for label in one} == {156}
    done = cli.run(*device, "three.qasm", "--expect-value", "IIZ>=0", "--shots", "10", "-q")
    assert done.returncode == 11
    assert "does not hold: three.qasm: IIZ -" in done.stderr


def test_counts_of_a_sweep_are_one_job_in_c_order(cli: Cli) -> None:
    wish = ("@ansatz", "--param", "alpha=0,pi", "--param", "beta=0:0:3", "--shots", "10")
    data = cli.data("run", *ON_SIMULATOR, *wish)
    (pub,) = data["pubs"]
    # Without beta the first qubit alone is turned, and takes the other along.
    assert pub["counts"] == {"00": 30, "11": 30}


def test_what_cannot_be_estimated_costs_nothing(cli: Cli) -> None:
    """Each is exit 2 before anything is sent, and says what would help."""
    write(cli, "bad.json", '["ZZ", "ZZZ"]')
    refused = {
        ("@bell", "-O", "ZZZ"): "'ZZZ' has 3 letters, and @bell has 2 qubits.",
        ("@bell", "@ghz", "-O", "ZZ"): "'ZZ' has 2 letters, and @ghz has 5 qubits.",
        ("@bell", "-O", "@bad.json"): "'ZZZ' has 3 letters",
        ("@bell", "-O", "@nowhere.json"): "cannot be read",
        ("@bell", "-O", "ZQ"): "other letters",
        ("@bell", "-O", "XX", "-O", "ZZ - ZZ"): "'ZZ - ZZ' is zero",
        ("@bell", "-O", "ZZ", "--precision", "0"): "above 0",
        ("@bell", "-O", "ZZ", "--set", "resilience.zne_mitigatio=true"): "Did you mean",
        ("@bell", "-O", "ZZ", "--expect-value", "XXX>=0"): "3 letters",
        ("@rotation", "-O", "Z"): "no values: theta",
        ("@rotation", "-O", "Z", "--param", "theta=0:1:2", "--param", "phi=1"): "'phi'",
        ("@rotation", "-O", "Z", "--param", "theta=1/0"): "divides by zero",
        ("@bell",): "needs an observable",
    }
    for wishes, words in refused.items():
        error = cli.error(2, *ESTIMATE, *wishes)
        assert words in error["message"], error
    error = cli.error(2, "run", "--local", "-b", "ibm_fez", *ESTIMATE[4:], "@bell", "-O", "Z0")
    assert "letters other than I, X, Y and Z" in error["message"]


def test_text_as_it_is_and_separate_jobs(cli: Cli) -> None:
    """Files of which only one has the parameter, each with a job of its own."""
    wish = ("@rotation", "@bell", "--separate", "--no-transpile", "--param", "theta=0,pi")
    data = cli.data("run", *ON_SIMULATOR, *wish, "--shots", "10")
    first, second = (job["pubs"][0]["counts"] for job in data["jobs"])
    assert first == {"0": 10, "1": 10}
    assert sum(second.values()) == 10
    estimate = cli.data(
        *ESTIMATE, *wish[:1], "--no-transpile", "-O", "Z", "--params", "-", stdin="theta\npi\n"
    )
    assert estimate["pubs"][0]["evs"] == [-1.0]
    foreseen = cli.data(
        *ESTIMATE, "@rotation", "-O", "Z", "-O", "X", "--param", "theta=0:1:5", "--estimate"
    )
    (circuit,) = foreseen["estimate"]["circuits"]
    assert (circuit["parameter_sets"], circuit["settings"]) == (10, 1.0)
