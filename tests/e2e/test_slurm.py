"""The how-to on Slurm works as it stands: on a Slurm of this machine alone, else on stand-ins."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import slurm_stand_ins
from tests.e2e.conftest import SCRIPTS, Cli
from tests.e2e.programs import wait_for

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform == "win32", reason="there is no Slurm"),
]

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "slurm.md"
_BLOCK = re.compile(
    r"^(?:<!-- file: (\S+) -->\n)?```(?:sh|python)\n(.*?)^```", re.DOTALL | re.MULTILINE
)
# Other tests must not see the job that a test run may be in; here it is where Slurm is.
_CONFIGURATION = os.environ.get("SLURM_CONF")
LONG = """#!/bin/bash
#SBATCH --time=00:10:00
#SBATCH --ntasks=1
exec qrsession exec --local --max-time slurm -- srun sh -c \
  'qrsession run @bell --quiet --shots 10 && touch ready && exec sleep 60'
"""


def slurm_of_this_machine() -> dict[str, str] | None:
    """Return what a Slurm is found by whose one node is this machine, None where there is none."""
    environ = {} if _CONFIGURATION is None else {"SLURM_CONF": _CONFIGURATION}
    if not all(shutil.which(name) for name in ("sinfo", "sbatch", "srun", "squeue", "scancel")):
        return None
    try:
        done = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--format", "%n"],
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    nodes = set(done.stdout.split())
    return environ if nodes == {socket.gethostname().partition(".")[0]} else None


@pytest.fixture
def cluster(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """Return the command where jobs can be submitted; none is left when the test ends."""
    programs, queue = tmp_path / "slurm", tmp_path / "queue"
    path = [str(SCRIPTS), os.environ["PATH"]]
    environ = slurm_of_this_machine()
    if environ is None:
        environ = {"STAND_IN_QUEUE": str(queue)}
        queue.mkdir()
        programs.mkdir()
        source = Path(slurm_stand_ins.__file__).read_text()
        for name in ("sbatch", "srun", "squeue", "scancel"):
            program = programs / name
            program.write_text(f"#!{sys.executable} -S\n{source}")
            program.chmod(0o755)
        path.insert(0, str(programs))
    environ = {**cli.environ, **environ, "PATH": os.pathsep.join(path)}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    # Where a job ends all its processes, the runtime that it started would end with it.
    cli.ok("local", "start")
    yield Cli(cli.folder, environ)
    for output in cli.folder.glob("slurm-*.out"):
        sys.stdout.write(f"{output.name}:\n{output.read_text()}\n")


def shell(cli: Cli, script: str) -> "subprocess.CompletedProcess[str]":
    """Run a script of a person who logged in."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=cli.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def nothing_is_open(cli: Cli) -> bool:
    return not cli.data("status", "--all", "--cached")["sessions"]


def test_the_page(cluster: Cli) -> None:
    """All its files and commands, one after the other; no session is open at the end."""
    commands = []
    for name, text in _BLOCK.findall(PAGE.read_text()):
        if name:
            (cluster.folder / name).write_text(text)
        else:
            commands.append(text)
    assert len(commands) == 5
    done = shell(cluster, "".join(commands))
    assert done.returncode == 0, done.stderr
    counts = re.findall(r"^(?:00|11)\t\d+$", done.stdout, re.MULTILINE)
    assert len(counts) >= 5, done.stdout
    assert "0 {'1': 10}\n" in done.stdout
    assert done.stdout.endswith("10\n"), "the variables of QRMI are counted"
    # The job that was cancelled may end a moment later, if it had begun at all.
    wait_for(lambda: nothing_is_open(cluster), what="the end of all sessions")
    tasks = {tuple(job["tags"]) for job in cluster.data("jobs", "--all", "--cached")["jobs"]}
    assert {("task-0",), ("task-1",), ("point-0",), ("point-1",), ("point-2",)} <= tasks


def test_tasks_share_the_session_that_lasts_as_long_as_the_job(cluster: Cli) -> None:
    """And each job of an array, which is a job of its own, has one of its own."""
    task = "qrsession status --cached --json"
    (cluster.folder / "job.sh").write_text(
        "#!/bin/bash\n#SBATCH --time=00:10:00\n#SBATCH --output=out-%a\n#SBATCH --ntasks=2\n"
        f"exec qrsession exec --local --max-time slurm -- srun sh -c '{task}'\n"
    )
    done = shell(cluster, "sbatch --wait --array=0-1 job.sh")
    assert done.returncode == 0, done.stderr
    ids = []
    for number in range(2):
        said = (cluster.folder / f"out-{number}").read_text()
        assert re.search(r"^Slurm leaves (9m \d+s|10m) of this job;", said, re.MULTILINE), said
        ids.append(re.findall(r'"session_id": "([^"]+)"', said))
        assert all(480 < int(left) <= 540 for left in re.findall(r'"max_time_s": (\d+)', said))
    assert [len(found) for found in ids] == [2, 2]
    assert [len(set(found)) for found in ids] == [1, 1]
    assert ids[0] != ids[1]
    assert nothing_is_open(cluster)


def test_scancel_closes_the_session(cluster: Cli) -> None:
    """In the middle of a task: the service, asked, says that it is closed."""
    (cluster.folder / "long.sh").write_text(LONG)
    job = shell(cluster, "sbatch --parsable long.sh").stdout.strip()
    wait_for((cluster.folder / "ready").exists, what="the first job of the session")
    (session,) = cluster.data("status", "--all", "--cached")["sessions"]
    assert shell(cluster, f"scancel {job}").returncode == 0
    wait_for(lambda: nothing_is_open(cluster), what="the close")
    found = cluster.data("status", session["session_id"])["session"]
    assert (found["state"], found["accepting_jobs"]) == ("closed", False)


def in_job(**more: str) -> dict[str, str]:
    return {"SLURM_JOB_ID": "7", **more}


def test_more_time_than_the_plan_allows_is_cut(cli: Cli) -> None:
    """An allocation of days is no reason to refuse; what became of it is said."""
    days = in_job(SLURM_JOB_END_TIME=str(int(time.time()) + 400_000))
    done = cli.run("open", "--local", "--max-time", "slurm", "--json", environ=days)
    assert done.returncode == 0, done.stderr
    assert '"max_time_s": 28800' in done.stdout
    assert "Slurm leaves 4d 15h" in done.stderr
    assert "The session may last 8h: the longest that the plan allows." in done.stderr


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "no job of Slurm"),
        (in_job(SLURM_JOB_END_TIME=str(int(time.time()) + 300)), "too short for a session"),
        (in_job(SLURM_JOB_END_TIME="1"), "Slurm leaves 0s"),
        (in_job(PATH="/nowhere"), "squeue cannot be run"),
    ],
)
@pytest.mark.parametrize("verb", ["open", "exec"])
def test_what_slurm_does_not_give(cli: Cli, environ: dict[str, str], words: str, verb: str) -> None:
    """Exit code 2, and nothing is opened or run."""
    command = ["--", "touch", "started"] if verb == "exec" else []
    done = cli.run(verb, "--local", "--max-time", "slurm", *command, environ=environ)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert not (cli.folder / "started").exists()
    assert nothing_is_open(cli)
