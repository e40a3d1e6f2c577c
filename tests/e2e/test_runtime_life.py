"""The local runtime starts, ends and dies, and nothing that it accepted is lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from qrsession.local.lanes.lane import default_num_lanes
from qrsession.local.process import daemon
from qrsession.service import RuntimeService
from tests.conftest import settings_of
from tests.e2e.conftest import COMMAND, SCRIPTS, Cli
from tests.e2e.programs import SLOW, is_alive, runtimes_of, wait_for, write
from tests.one_lane import AS_MANY_AS_USUAL

pytestmark = pytest.mark.timeout(180)

WAITS_IN_PYTHON = """
import sys
from qrsession import RuntimeService
job = RuntimeService("local").job(sys.argv[1])
print(job.status(), flush=True)
print(job.result(timeout=120)[0].data.c.num_shots)
"""
LONGEST_LANE_LIFE_S = 2.0
ENDS_SOON = ("--idle-timeout", "2", "--workers", "1")


def statuses(cli: Cli) -> dict[str, str]:
    """Return the states of the session's jobs by id; a job that is listed twice fails."""
    jobs = cli.data("status")["jobs"]
    found = {job["job_id"]: job["status"] for job in jobs}
    assert len(found) == len(jobs)
    return found


def runtime_pid(cli: Cli) -> int:
    pid: int = cli.data("local", "status")["runtime"]["pid"]
    return pid


def start(*command: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_jobs_outlive_a_runtime_that_is_killed(
    own_cli: Cli, fresh_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each job that was queued or running reaches one final state with one result."""
    cli = own_cli
    monkeypatch.setenv(AS_MANY_AS_USUAL, "1")
    cli.ok("open", "--local", "--backend", "aer_simulator")
    slow = write(cli, "slow.qasm", SLOW)
    # One more than run at once, so that one and what comes after it waits.
    files = [*[slow] * (default_num_lanes() + 1), "@bell", "@ghz"]
    ran = cli.data("run", *files, "--separate", "--detach", "--shots", "5000")
    job_ids = [job["job_id"] for job in ran["jobs"]]
    assert len(set(job_ids)) == len(files)
    service = RuntimeService("local")
    wait_for(lambda: any(service.job(job_id).running() for job_id in job_ids), what="running")

    with (
        start(str(COMMAND), "result", job_ids[0], "--wait", "--json") as by_command,
        start(sys.executable, "-c", WAITS_IN_PYTHON, job_ids[1]) as by_library,
    ):
        assert by_command.stderr is not None
        assert by_library.stdout is not None
        assert job_ids[0] in by_command.stderr.readline()
        assert by_library.stdout.readline().strip() in {"RUNNING", "QUEUED"}

        killed = runtime_pid(cli)
        lanes = psutil.Process(killed).children(recursive=True)
        assert len(lanes) == default_num_lanes()
        assert set(statuses(cli).values()) >= {"Running", "Queued"}
        os.kill(killed, signal.SIGKILL)
        wait_for(
            lambda: not any(map(is_alive, lanes)), LONGEST_LANE_LIFE_S, what="the end of the lanes"
        )

        assert set(statuses(cli)) == set(job_ids)
        assert runtime_pid(cli) != killed
        said, complaints = by_command.communicate(timeout=120)
        assert by_command.returncode == 0, complaints
        number, complaints = by_library.communicate(timeout=120)
        assert (by_library.returncode, number.strip()) == (0, "5000"), complaints

    results = {
        job_id: cli.data("result", job_id, "--wait", "--timeout", "120") for job_id in job_ids
    }
    assert results[job_ids[0]] == json.loads(said)["data"]
    for result in results.values():
        assert result["job"]["status"] == "Completed"
        assert result["pubs"][0]["shots"] == 5000
    assert statuses(cli) == dict.fromkeys(job_ids, "Completed")
    # What the service has is what was handed out, for as long as it is asked.
    for job_id in job_ids:
        copy = fresh_home / "state" / "results" / f"{job_id}.json"
        assert service.job(job_id).result_text() == copy.read_text()


def test_sessions_and_results_survive_a_stop(own_cli: Cli, fresh_home: Path) -> None:
    """What runs when the runtime is stopped runs again; what is finished stays so."""
    cli = own_cli
    session = cli.data("open", "--local", "--max-time", "1h")["session"]
    done = cli.data("run", "@bell", "--shots", "7")
    slow = write(cli, "slow.qasm", SLOW)
    job_id = cli.ok("run", slow, "--shots", "6000", "--detach", "--quiet").strip()
    wait_for(RuntimeService("local").job(job_id).running, what="running")
    secret = (fresh_home / "data" / "local" / "secret").read_bytes()

    assert cli.data("local", "stop")["was_up"] is True
    assert runtimes_of(fresh_home) == []
    assert cli.data("local", "status")["runtime"]["state"] == "down"
    assert cli.data("local", "stop")["was_up"] is False

    assert cli.data("status")["session"]["session_id"] == session["session_id"]
    assert cli.data("result", job_id, "--wait")["pubs"][0]["shots"] == 6000
    (fresh_home / "state" / "results" / f"{done['job']['job_id']}.json").unlink()
    assert cli.data("result", done["job"]["job_id"])["pubs"] == done["pubs"]
    assert (fresh_home / "data" / "local" / "secret").read_bytes() == secret


def test_many_commands_at_once_start_one_runtime(own_cli: Cli, fresh_home: Path) -> None:
    """On a fresh home the commands wait for each other, and none of them fails."""
    command = (str(COMMAND), "open", "--local", "--json")
    several = [start(*command) for _ in range(4)]
    ends = [(process.communicate(timeout=60), process.returncode) for process in several]
    assert [code for _, code in ends] == [0] * 4, ends
    assert len(runtimes_of(fresh_home)) == 1
    ids = {json.loads(said)["data"]["session"]["session_id"] for (said, _), _ in ends}
    assert len(ids) == 4
    listed = own_cli.data("status", "--all", "--cached")["sessions"]
    assert {session["session_id"] for session in listed} == ids
    assert len({session["name"] for session in listed}) == 4


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_a_shell_does_not_hang_on_the_runtime(own_cli: Cli, fresh_home: Path) -> None:
    """The runtime in the background holds none of the pipes of the command that started it."""
    script = 'x=$(qrsession open --local 2>&1 >/dev/null); y=$(qrsession open --local); echo "[$y]"'
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"},
        timeout=60,
        check=True,
    )
    assert len(runtimes_of(fresh_home)) == 1
    names = {session["session_id"] for session in own_cli.data("status", "--all")["sessions"]}
    assert done.stdout.strip().strip("[]") in names


@pytest.fixture
def idle_runtime(own_cli: Cli) -> Iterator["subprocess.Popen[str]"]:
    """Return a runtime of the home that ends after two seconds of idleness."""
    assert own_cli.data("local", "status")["runtime"]["state"] == "down"
    with start(sys.executable, "-m", "qrsession.local", *ENDS_SOON) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("http://127.0.0.1:")
            yield process
        finally:
            process.kill()


def test_it_ends_when_nobody_needs_it_and_not_before(
    own_cli: Cli, idle_runtime: "subprocess.Popen[str]"
) -> None:
    """An open session keeps it up, and so does a job that is left."""
    cli = own_cli
    cli.ok("open", "--local")
    assert runtime_pid(cli) == idle_runtime.pid
    with pytest.raises(subprocess.TimeoutExpired):
        idle_runtime.wait(timeout=3)
    slow = write(cli, "slow.qasm", SLOW)
    job_id = cli.ok("run", slow, "--shots", "9000", "--detach", "--quiet").strip()
    cli.ok("close")
    assert idle_runtime.wait(timeout=60) == 0
    # Without --wait: it had finished when the runtime ended.
    assert cli.data("result", job_id)["pubs"][0]["shots"] == 9000


def test_a_service_that_ended_is_started_again_by_the_library(fresh_home: Path) -> None:
    """A program that keeps a session may outlive the runtime, whatever ended it."""
    program = """
import os, signal
from qiskit import QuantumCircuit
from qrsession import Sampler, Session
from qrsession.local.process import daemon
from qrsession.local.lanes.lane import default_num_lanes
from qrsession.settings import Settings
circuit = QuantumCircuit(1); circuit.x(0); circuit.measure_all()
settings = Settings.from_environ()
session = Session(backend="aer_simulator")
sampler = Sampler(mode=session)
print(sampler.run([circuit], shots=3).result()[0].data.meas.get_counts())
daemon.stop(settings)
job = sampler.run([circuit], shots=4)
print(job.result()[0].data.meas.get_counts())
daemon.stop(settings)
session.close()
print(session.status())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["{'1': 3}", "{'1': 4}", "Closed"]
    assert len(runtimes_of(fresh_home)) == 1


def test_two_homes_never_meet(tmp_path: Path, fresh_home: Path, runtime_home: Path) -> None:
    """Sessions, jobs, keys, tokens and ports of one home mean nothing in another."""
    here, there = (
        {
            "QRSESSION_HOME": str(home),
            "QRSESSION_STATE": str(home / "state" / "state.toml"),
            AS_MANY_AS_USUAL: "1",
        }
        for home in (fresh_home, runtime_home)
    )
    one, other = Cli(tmp_path, here), Cli(tmp_path, there)
    session = one.data("open", "--local", "--name", "only-here")["session"]
    job_id = one.data("run", "@bell", "--shots", "5")["job"]["job_id"]
    neighbour = other.data("open", "--local", "--backend", "aer_simulator")["session"]

    assert other.error(4, "status", "only-here")["code"] == "session_not_found"
    assert other.error(4, "close", session["session_id"])["code"] == "session_not_found"
    assert other.error(4, "result", job_id, "--local")["code"] == "job_not_found"
    named = Cli(tmp_path, {**there, "QRSESSION_SESSION": session["session_id"]})
    assert named.error(4, "run", "@bell")["code"] == "session_not_found"

    addresses = [daemon.find(settings_of(home)) for home in (fresh_home, runtime_home)]
    ours, theirs = addresses
    assert ours is not None
    assert theirs is not None
    assert ours.port != theirs.port
    assert daemon.secret_of(settings_of(fresh_home)) != daemon.secret_of(settings_of(runtime_home))
    (token_file,) = (fresh_home / "cache" / "tokens").glob("*.json")
    headers = {"Authorization": f"Bearer {json.loads(token_file.read_text())['access_token']}"}
    codes = [
        requests.get(f"{address.url}/api/v1/backends", headers=headers, timeout=30).status_code
        for address in (ours, theirs)
    ]
    assert codes == [200, 401]
    one.ok("close", "--all")
    assert other.data("status", neighbour["session_id"])["session"]["state"] == "open"
    other.ok("close", neighbour["session_id"])


def test_a_process_that_took_the_port_is_not_believed(own_cli: Cli, fresh_home: Path) -> None:
    """Where a stranger answers at the port of a runtime that is gone, a new one is started."""
    own_cli.ok("local", "start")
    address = daemon.find(settings_of(fresh_home))
    assert address is not None
    runtime = psutil.Process(address.pid)
    runtime.kill()
    wait_for(lambda: not is_alive(runtime), what="the end of the runtime")
    stranger = start(sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(address.port))
    try:
        wait_for(lambda: _answers(address.url), what="the stranger's first answer")
        assert own_cli.data("local", "status")["runtime"]["state"] == "down"
        assert own_cli.data("local", "start")["runtime"]["url"] != address.url
        own_cli.ok("open", "--local")
    finally:
        stranger.kill()
        _, requests_seen = stranger.communicate(timeout=10)
    assert "POST" not in requests_seen


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).status_code == 200
    except requests.RequestException:
        return False
