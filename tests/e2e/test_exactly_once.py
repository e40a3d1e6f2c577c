"""Jobs exist once, though replies are lost, requests arrive late and clients are killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from qrsession.accounts.account import local_account
from qrsession.protocol.models import JobRecord
from qrsession.protocol.status import SessionMode
from qrsession.service import RuntimeService
from qrsession.state.ledger import Ledger
from qrsession.submission.lookup import tagged_jobs
from qrsession.submission.settling import Settler
from tests.e2e import opening_sessions, submitting
from tests.e2e.conftest import Cli
from tests.e2e.programs import wait_for

_JOBS = {"method": "POST", "path": "/jobs", "times": "always"}
_LIST = {"method": "GET", "path": "/jobs", "times": "always"}
# Of a hundred submissions some forty go wrong, and of a hundred looks for them six.
RULES: list[dict[str, Any]] = [
    {**_JOBS, "effect": "drop", "when": "before", "probability": 0.05},
    {**_JOBS, "effect": "drop", "when": "after", "probability": 0.06, "hide_s": 0.3},
    {**_JOBS, "effect": "drop", "when": "half", "probability": 0.03},
    {**_JOBS, "effect": "drop", "when": "after", "reset": False, "probability": 0.03},
    {**_JOBS, "effect": "answer", "status": 503, "probability": 0.05},
    {**_JOBS, "effect": "answer", "status": 502, "when": "after", "probability": 0.06},
    {**_JOBS, "effect": "answer", "status": 429, "retry_after_s": 1, "probability": 0.04},
    {**_JOBS, "effect": "garble", "probability": 0.03, "hide_s": 0.2},
    {**_JOBS, "effect": "delay", "when": "after", "delay_s": 1.5, "probability": 0.03},
    {**_JOBS, "effect": "late", "late_s": 0.7, "probability": 0.04},
    {**_JOBS, "effect": "late", "late_s": 0.7, "hold": True, "probability": 0.02},
    {**_JOBS, "effect": "hide", "hide_s": 0.3, "probability": 0.05},
    {**_LIST, "effect": "answer", "status": 500, "probability": 0.03},
    {**_LIST, "effect": "drop", "when": "after", "probability": 0.03},
]
PROCESSES = 4
LIMIT_S = 600.0


@dataclass
class Pipeline:
    """One process that submits a share of the jobs, and is run again whenever it was killed."""

    home: Path
    name: str
    first: int
    beyond: int
    output: Path
    runs: int = 0
    process: "subprocess.Popen[bytes]" = field(init=False)

    def start(self) -> None:
        """Run it, from its beginning."""
        self.runs += 1
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    submitting.__name__,
                    self.name,
                    str(self.first),
                    str(self.beyond),
                ],
                stdout=output,
                cwd=Path(__file__).parents[2],
                env={**os.environ, "QRSESSION_HOME": str(self.home)},
            )

    def kill(self) -> None:
        """Kill it, as a machine's end would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)


def submit_all(home: Path, folder: Path, wanted: int, kills: int, seed: int) -> list[Pipeline]:
    """Submit jobs by several processes, of which some are killed at random moments."""
    share = wanted // PROCESSES
    pipelines = [
        Pipeline(home, "run", at * share, (at + 1) * share, folder / f"{at}.txt")
        for at in range(PROCESSES)
    ]
    for pipeline in pipelines:
        pipeline.start()
    chance = random.Random(seed)  # noqa: S311 - no secret
    ends_at = time.monotonic() + LIMIT_S
    left = kills
    while any(pipeline.process.poll() is None for pipeline in pipelines):
        assert time.monotonic() < ends_at
        running = [pipeline for pipeline in pipelines if pipeline.process.poll() is None]
        try:
            running[0].process.wait(chance.uniform(0.1, 1.5))
        except subprocess.TimeoutExpired:
            if left and running:
                victim = chance.choice(running)
                victim.kill()
                victim.start()
                left -= 1
    assert [pipeline.process.returncode for pipeline in pipelines] == [0] * PROCESSES
    return pipelines


def serve_faults(cli: Cli, seed: int) -> None:
    """Start the local runtime of the command's home, on which things go wrong."""
    scenario = cli.folder / "scenario.json"
    scenario.write_text(json.dumps({"seed": seed, "rules": RULES}))
    cli.ok("local", "start", "--scenario", str(scenario))


def jobs_at(service: RuntimeService, wanted: int) -> list[list[JobRecord]]:
    """Return the jobs at the service, for each one that was wanted."""
    return [tagged_jobs(service, submitting.tag_of("run", number)) for number in range(wanted)]


def check_all(home: Path, folder: Path, cli: Cli, wanted: int, kills: int) -> str:
    """Submit under faults and kills, and hold what exists, ran and is known against the wanted."""
    seed = 20_261_122
    serve_faults(cli, seed)
    pipelines = submit_all(home, folder, wanted, kills, seed)
    service = RuntimeService("local")
    # What came late has come by now, or comes to the next command.
    said: list[str] = []
    later = timedelta(hours=1)
    Settler(
        local_account(),
        Ledger(service.settings),
        service.settings,
        say=said.append,
        now=lambda: datetime.now(UTC) + later,
    ).settle_all()

    def are_final() -> bool:
        return all(job.status in {"Completed", "Cancelled"} for jobs in found() for job in jobs)

    def found() -> list[list[JobRecord]]:
        return jobs_at(service, wanted)

    wait_for(are_final, what="the end of all jobs")
    jobs = found()
    existed = sum(map(len, jobs))
    ran = sum(job.status == "Completed" for those in jobs for job in those)
    figures = (
        f"wanted {wanted}, existed {existed}, ran {ran}; "
        f"{sum(pipeline.runs - 1 for pipeline in pipelines)} kills; twins: {said}"
    )
    assert Counter(map(len, jobs)) == {1: wanted}, figures
    assert (existed, ran) == (wanted, wanted), figures
    for number, (job,) in enumerate(jobs):
        entry = service.records.find_tagged(submitting.tag_of("run", number))
        assert entry is not None
        assert entry.job_id == job.job_id
    # Nothing was told to a pipeline that is not so.
    told = {
        (int(words[1]), words[2])
        for pipeline in pipelines
        for line in pipeline.output.read_text().splitlines()
        if (words := line.split())[0] == "job"
    }
    assert told == {(number, job.job_id) for number, (job,) in enumerate(jobs)}
    return figures


def test_jobs_exist_once_under_faults_and_kills(
    fresh_home: Path, own_cli: Cli, tmp_path: Path, record_property: Any
) -> None:
    figures = check_all(fresh_home, tmp_path, own_cli, wanted=32, kills=4)
    record_property("figures", figures)


def _has_more_than(file: Path, count: int) -> bool:
    return len(file.read_text().split()) > count


@pytest.mark.deep
def test_no_session_is_open_that_the_list_does_not_show(
    fresh_home: Path, own_cli: Cli, tmp_path: Path
) -> None:
    """Clients are killed while they open sessions, and of those that are not, replies are lost."""
    lost = {"method": "POST", "path": "/sessions", "times": "always", "probability": 0.2}
    scenario = own_cli.folder / "scenario.json"
    rules = [
        {**lost, "effect": "drop", "when": "after"},
        {**lost, "effect": "answer", "status": 502, "when": "after"},
    ]
    scenario.write_text(json.dumps({"seed": 5, "rules": rules}))
    own_cli.ok("local", "start", "--scenario", str(scenario))
    chance = random.Random(5)  # noqa: S311 - no secret
    output = tmp_path / "opened.txt"
    for _ in range(8):
        with output.open("ab") as file:
            opener = subprocess.Popen(
                [sys.executable, "-m", opening_sessions.__name__, "50"],
                stdout=file,
                cwd=Path(__file__).parents[2],
                env={**os.environ, "QRSESSION_HOME": str(fresh_home)},
            )
        wait_for(partial(_has_more_than, output, len(output.read_text().split())))
        with suppress(subprocess.TimeoutExpired):
            opener.wait(chance.uniform(0.0, 0.8))
        opener.kill()
        opener.wait(30)
    service = RuntimeService("local")
    open_at_service = {
        workload.workload_id
        for workload in service.client.list_workloads(SessionMode.DEDICATED, limit=1000)
        if not workload.is_over
    }
    listed = own_cli.data("list")
    shown = {session["session_id"] for session in listed["sessions"]}
    strangers = {stranger["session_id"] for stranger in listed["strangers"]}
    assert set(output.read_text().split()) <= shown
    assert open_at_service <= shown | strangers
    # Something was lost, or this has shown nothing.
    assert open_at_service - shown


@pytest.mark.deep
@pytest.mark.timeout(1800)
def test_a_thousand_jobs_exist_once(
    fresh_home: Path, own_cli: Cli, tmp_path: Path, record_property: Any
) -> None:
    figures = check_all(fresh_home, tmp_path, own_cli, wanted=1000, kills=60)
    record_property("figures", figures)
