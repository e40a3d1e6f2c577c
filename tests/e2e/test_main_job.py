"""The main job: open, run, status, close, through the installed command."""

import json
import re
from pathlib import Path

import pytest

from tests.e2e.conftest import Cli

pytestmark = pytest.mark.timeout(180)

# X on qubit 0 alone: a wrong bit order shows at once.
ASYMMETRIC = """OPENQASM 3.0;
include "stdgates.inc";
qubit[3] q;
bit[3] c;
x q[0];
c = measure q;
"""
TWO_REGISTERS = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[3];
creg first[1];
creg second[2];
x q[0];
x q[2];
measure q[0] -> first[0];
measure q[1] -> second[0];
measure q[2] -> second[1];
"""
MID_CIRCUIT = """OPENQASM 3.0;
include "stdgates.inc";
qubit q;
bit before;
bit after;
x q;
before = measure q;
reset q;
after = measure q;
"""


def test_open_run_status_close(cli: Cli) -> None:
    """A session is opened, runs a circuit, is seen, and is closed; every step says its state."""
    opened = cli.data("open", "--local", "--backend", "aer_simulator", "--max-time", "1h")
    session = opened["session"]
    assert session["backend"] == "aer_simulator"
    assert session["mode"] == "dedicated"
    assert session["max_time_s"] == 3600
    assert session["accepting_jobs"] is True
    assert re.fullmatch("[a-z]+-[a-z]+", session["name"])

    ran = cli.data("run", "@bell", "--shots", "1000")
    assert ran["job"]["status"] == "Completed"
    assert ran["job"]["session_id"] == session["session_id"]
    assert ran["circuit_cache"] in {"hit", "miss"}
    (pub,) = ran["pubs"]
    assert pub["shots"] == 1000
    assert set(pub["counts"]) == {"00", "11"}
    assert sum(pub["counts"].values()) == 1000
    # Five standard deviations of a fair coin's thousand throws are 79.
    assert abs(pub["counts"]["00"] - 500) < 80

    status = cli.data("status")
    assert status["session"]["state"] == "active"
    assert status["session"]["time_left_s"] <= 3600
    (job,) = status["jobs"]
    assert job["job_id"] == ran["job"]["job_id"]
    assert job["status"] == "Completed"
    assert job["tags"] == []

    (closed,) = cli.data("close")["closed"]
    used_s, in_jobs_s = closed["usage_s"], closed["jobs_usage_s"]
    assert 0 < in_jobs_s <= used_s
    assert closed == {
        "name": session["name"],
        "session_id": session["session_id"],
        "state": "closed",
        "usage_s": used_s,
        "usage_estimate_s": None,
        "jobs_usage_s": in_jobs_s,
        "idle_s": pytest.approx(used_s - in_jobs_s),
    }
    assert cli.error(4, "status")["code"] == "session_not_found"


def test_exec_runs_a_command_and_closes_behind_it(cli: Cli) -> None:
    """`exec` opens, hands the session over by the environment, closes, and keeps the output."""
    done = cli.run("exec", "--local", "--", "qrsession", "run", "@bell", "--shots", "100")
    assert done.returncode == 0, done.stderr
    counts = dict(line.split("\t") for line in done.stdout.splitlines())
    assert set(counts) <= {"00", "11"}
    assert sum(map(int, counts.values())) == 100
    assert cli.data("status", "--all", "--cached")["sessions"] == []


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        pytest.param(ASYMMETRIC, {"001": 1000}, id="bit 0 is on the right"),
        pytest.param(TWO_REGISTERS, {"10 1": 1000}, id="the last register comes first"),
        pytest.param(MID_CIRCUIT, {"0 1": 1000}, id="a measurement in the middle"),
    ],
)
def test_bit_order(cli: Cli, session: str, program: str, expected: dict[str, int]) -> None:
    """Bitstrings are those of Qiskit."""
    (cli.folder / "circuit.txt").write_text(program)
    (pub,) = cli.data("run", "circuit.txt", "--shots", "1000", "--session", session)["pubs"]
    assert pub["counts"] == expected


def test_registers_are_counted_by_themselves_too(cli: Cli, session: str) -> None:
    """`registers` has the counts of each register by its name."""
    (pub,) = cli.data("run", "-", "--shots", "10", "-s", session, stdin=TWO_REGISTERS)["pubs"]
    assert pub["registers"] == {"first": {"1": 10}, "second": {"10": 10}}


@pytest.mark.parametrize("shots", [1, 100_000])
def test_shots(cli: Cli, session: str, shots: int) -> None:
    """One shot and a hundred thousand are counted exactly."""
    (pub,) = cli.data("run", "@ghz", "--shots", str(shots), "-s", session)["pubs"]
    assert sum(pub["counts"].values()) == shots
    assert set(pub["counts"]) <= {"00000", "11111"}


def test_second_run_is_a_cache_hit_and_imports_no_qiskit(cli: Cli, session: str) -> None:
    """What was transpiled once is found by its content: another name for it changes nothing."""
    (cli.folder / "one.qasm").write_text(ASYMMETRIC)
    (cli.folder / "two.qasm").write_text(ASYMMETRIC)
    first = cli.data("run", "one.qasm", "-s", session, "--seed-transpiler", "7")
    second = cli.data("run", "two.qasm", "-s", session, "--seed-transpiler", "7")
    assert (first["circuit_cache"], second["circuit_cache"]) == ("miss", "hit")
    other = cli.data("run", "two.qasm", "-s", session, "--seed-transpiler", "8")
    assert other["circuit_cache"] == "miss"


def test_detached_job_and_its_result(cli: Cli, session: str) -> None:
    """`run --detach` prints the id alone; `result` waits when told to, and has it for good."""
    job_id = cli.ok("run", "@bell", "--shots", "64", "-d", "-q", "-s", session).strip()
    first = cli.data("result", job_id, "--wait", "--timeout", "30")
    assert first["job"]["job_id"] == job_id
    assert sum(first["pubs"][0]["counts"].values()) == 64
    assert cli.data("result", "@last", "-s", session)["pubs"] == first["pubs"]


def test_several_circuits_in_one_job(cli: Cli, session: str) -> None:
    """All circuits make one job; in lines, the pub's index is the first column."""
    done = cli.ok("run", "@bell", "@ghz", "--shots", "10", "-s", session)
    lines = [line.split("\t") for line in done.splitlines()]
    assert {line[0] for line in lines} == {"0", "1"}
    assert {len(line[1]) for line in lines if line[0] == "1"} == {5}
    assert len(cli.data("status", session)["jobs"]) == 1


def test_separate_jobs(cli: Cli, session: str) -> None:
    """`--separate` makes a job of each file."""
    ran = cli.data("run", "@bell", "@ghz", "--separate", "--shots", "10", "-s", session)
    assert [len(job["pubs"]) for job in ran["jobs"]] == [1, 1]
    assert len({job["job_id"] for job in ran["jobs"]}) == 2


def test_output_file(cli: Cli, session: str) -> None:
    """The result goes to the file whole, and to stdout as ever."""
    stdout = cli.ok("run", "@ghz", "--shots", "10", "-s", session, "-o", "ghz.json")
    written = json.loads((cli.folder / "ghz.json").read_text())
    lines = dict(line.split("\t") for line in stdout.splitlines())
    assert {bits: int(count) for bits, count in lines.items()} == written["pubs"][0]["counts"]


def test_names_choose_sessions(cli: Cli) -> None:
    """A session is chosen by name, id or prefix; off a terminal none is guessed among several."""
    first = cli.data("open", "--local", "--name", "alpha", "-b", "aer_simulator")["session"]
    cli.data("open", "--local", "--name", "beta", "-b", "aer_simulator", "--mode", "batch")
    assert cli.data("status", "alp")["session"]["session_id"] == first["session_id"]
    assert cli.data("status", first["session_id"][:13])["session"]["name"] == "alpha"
    error = cli.error(2, "run", "@bell")
    assert "alpha" in error["message"]
    assert "exec" in error["advice"]
    assert cli.error(4, "status", "gamma")["code"] == "session_not_found"
    assert cli.error(2, "open", "--local", "--name", "alpha")["code"] == "invalid_value"
    assert {entry["name"] for entry in cli.data("close", "--all")["closed"]} == {"alpha", "beta"}
    # Closing what is closed, and all of none, is success.
    assert cli.data("close", "alpha")["closed"][0]["state"] == "closed"
    assert cli.data("close", "--all")["closed"] == []
    assert cli.error(5, "run", "@bell", "-s", "alpha")["code"] == "session_closed"


def test_job_mode_needs_no_session(cli: Cli) -> None:
    """`run --backend` runs by itself."""
    ran = cli.data("run", "@bell", "--local", "--backend", "aer_simulator", "--shots", "10")
    assert ran["job"]["session_id"] is None
    assert sum(ran["pubs"][0]["counts"].values()) == 10


def test_parameters(cli: Cli, session: str) -> None:
    """A parametrised circuit runs with values, and says which ones are missing."""
    ran = cli.data("run", "@ansatz", "-s", session, "--param", "alpha=0", "--param", "beta=0")
    assert set(ran["pubs"][0]["counts"]) == {"00"}
    error = cli.error(2, "run", "@ansatz", "-s", session, "--param", "alpha=0")
    assert "beta" in error["message"]
    assert "--param beta=" in error["advice"]
    assert (
        cli.error(2, "run", "@bell", "-s", session, "--param", "x=1")["code"] == "invalid_circuit"
    )


def test_backends(cli: Cli) -> None:
    """Both simulators are listed, with twins of devices, and an unknown one is exit 4."""
    listed = cli.data("backends", "--local")["backends"]
    simulators = {backend["name"] for backend in listed if backend["is_simulator"]}
    assert simulators == {"aer_simulator", "ibmq_qasm_simulator"}
    assert "ibm_fez" in {backend["name"] for backend in listed if not backend["is_simulator"]}
    assert cli.error(4, "backends", "--local", "ibm_nowhere")["code"] == "backend_not_found"


def test_unknown_backend_names_those_there_are(cli: Cli) -> None:
    """Opening on an unknown backend is exit 4, with the names of the known ones."""
    error = cli.error(4, "open", "--local", "--backend", "ibm_nowhere")
    assert "aer_simulator" in error["message"]


@pytest.mark.parametrize("max_time", ["299", "5 bananas", "-1h", "", "1.5", "100000h"])
def test_wrong_maximum_time(cli: Cli, max_time: str) -> None:
    """A wrong maximum time is exit 2 and opens nothing."""
    error = cli.error(2, "open", "--local", f"--max-time={max_time}")
    assert "300" in error["message"] + error["advice"] or "2h 30m 40s" in error["advice"]
    assert cli.data("status", "--all", "--cached")["sessions"] == []


def test_examples_of_every_help_page_exist(cli: Cli) -> None:
    """Each command's help is plain text and ends with two examples."""
    for verb in ("open", "run", "status", "close", "result", "exec", "env", "backends", "serve"):
        page = cli.ok(verb, "--help")
        assert "\x1b" not in page
        examples = page.split("Examples:\n")[1].strip().splitlines()
        assert len(examples) == 2, verb


def test_damaged_ledger_is_set_aside(cli: Cli) -> None:
    """A damaged ledger is never overwritten silently."""
    ledger = Path(cli.environ["QRSESSION_STATE"])
    ledger.parent.mkdir(mode=0o700)
    ledger.write_text("this is no TOML [")
    done = cli.run("open", "--local", "--backend", "aer_simulator")
    assert done.returncode == 0, done.stderr
    assert "damaged" in done.stderr
    (aside,) = ledger.parent.glob("*.damaged-*")
    assert aside.read_text() == "this is no TOML ["


def test_a_session_that_does_nothing_keeps_nobody_waiting(cli: Cli) -> None:
    """A simulator is shared: others' jobs do not wait for an active session to fall idle."""
    cli.ok("open", "--local", "--name", "idle", "-b", "aer_simulator")
    cli.ok("run", "@bell", "-s", "idle")
    assert cli.data("status", "idle")["session"]["state"] == "active"
    cli.ok("open", "--local", "--name", "other", "-b", "aer_simulator")
    ran = cli.data("run", "@bell", "-s", "other", "--timeout", "20")
    alone = cli.data("run", "@bell", "--local", "-b", "aer_simulator", "--timeout", "20")
    assert ran["job"]["status"] == alone["job"]["status"] == "Completed"
    assert cli.data("status", "idle")["session"]["state"] == "active"
    cli.ok("close", "--all")
