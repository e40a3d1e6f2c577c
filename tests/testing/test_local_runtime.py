"""A runtime as a context manager, and the sentences that make it fail."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from qiskit import QuantumCircuit

from qrsession import RuntimeService, Sampler
from qrsession.errors import (
    InvalidTypeError,
    InvalidValueError,
    JobCancelledError,
    JobFailedError,
    LocalRuntimeError,
    NotAuthorizedError,
    QrsessionError,
)
from qrsession.protocol.models import JobRequest
from qrsession.testing import Control, LocalRuntime, RuntimeConditions

LIMIT_S = 20


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalRuntime]:
    with LocalRuntime() as runtime:
        yield runtime


@pytest.fixture
def runtime(shared: LocalRuntime) -> Iterator[LocalRuntime]:
    yield shared
    shared.start()
    shared.control.reset()


@pytest.fixture
def control(runtime: LocalRuntime) -> Control:
    return runtime.control


@pytest.fixture
def service(runtime: LocalRuntime) -> RuntimeService:
    return runtime.service()


def until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline_s


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has asked for its status yet has."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def submit(service: RuntimeService) -> str:
    """Submit a job whose circuit nobody will look at."""
    request = JobRequest(program_id="sampler", backend="aer_simulator", params={"pubs": ["none"]})
    return service.client.create_job(request).job_id


def test_it_starts_and_leaves_nothing() -> None:
    """Neither process nor home; what it is called tells no key."""
    with LocalRuntime(RuntimeConditions(plan="open", clock_rate=60)) as runtime:
        key, home = runtime.key, runtime.home
        was_up = runtime.is_up
        assert key not in repr(runtime)
        assert key not in repr(runtime.account())
        assert home.stat().st_mode & 0o077 == 0
        assert runtime.service().usage().allocation_s == 600
    assert (was_up, runtime.is_up) == (True, False)
    assert not home.exists()


def test_a_given_home_is_kept(tmp_path: Path) -> None:
    """And what does not start says why, without leaving a process."""
    wrong = LocalRuntime(RuntimeConditions(twins=tmp_path / "none", ideal=True), home=tmp_path)
    with pytest.raises(LocalRuntimeError) as caught:
        wrong.start()
    assert "none is not a folder" in caught.value.advice
    assert not wrong.is_up
    wrong.close()
    assert tmp_path.is_dir()


@pytest.mark.fast
def test_wrong_conditions_are_refused() -> None:
    """Before anything is started."""
    for conditions in (
        RuntimeConditions(plan="gold"),
        RuntimeConditions(clock_rate=0),
        RuntimeConditions(workers=0),
    ):
        with pytest.raises(InvalidValueError):
            LocalRuntime(conditions)
    with pytest.raises(LocalRuntimeError, match="not started"):
        _ = LocalRuntime().url


def test_it_dies_with_whoever_started_it() -> None:
    """However that ends."""
    script = (
        "import os, sys, time\n"
        "from qrsession.testing import LocalRuntime\n"
        "runtime = LocalRuntime()\n"
        "runtime.start()\n"
        "print(runtime._process.pid, runtime.home, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid, home = parent.stdout.readline().split()
        assert not is_gone(int(pid))
        os.kill(parent.pid, signal.SIGKILL)
    until(lambda: is_gone(int(pid)))
    # Nobody is left who would.
    shutil.rmtree(home)


def test_jobs_fail(control: Control, service: RuntimeService) -> None:
    """As our client tells it."""
    control.fail_next_job("The gate is unknown.", 1517, name="first")
    control.cancel_next_job("Maintenance.")
    failed, cancelled = service.job(submit(service)), service.job(submit(service))
    with pytest.raises(JobFailedError, match="The gate is unknown"):
        failed.result(timeout=LIMIT_S)
    with pytest.raises(JobCancelledError, match="Maintenance"):
        cancelled.result(timeout=LIMIT_S)
    first, second = control.counts()
    assert (first.kind, first.name, first.matched, first.fired, first.left) == (
        "jobs",
        "first",
        1,
        1,
        0,
    )
    assert second.fired == 1


def test_submissions_are_lost_and_found(control: Control, service: RuntimeService) -> None:
    """Our client finds the job whose reply was lost, and sends nothing twice."""
    control.fail_next_job("as told")
    control.drop_next_submission()
    coin = QuantumCircuit(1)
    coin.h(0)
    coin.measure_all()
    job = Sampler(mode=service.backend("aer_simulator")).run([coin])
    assert [found.job_id() for found in service.jobs()] == [job.job_id()]
    assert [count.fired for count in control.counts()] == [1, 1]


def test_requests_fail(control: Control, service: RuntimeService) -> None:
    """With the status that is said; those that match no rule do not."""
    control.fail_next_request(418, path="/instances/usage", code=1234, message="No coffee.")
    service.backends()
    with pytest.raises(QrsessionError, match="No coffee"):
        service.usage()
    control.delay_next_request(0.3)
    started_s = time.monotonic()
    service.usage()
    assert time.monotonic() - started_s >= 0.3
    control.drop_next_request(method="GET", times=2)
    # Our client asks again.
    assert service.usage().consumed_s == 0


def test_backends_go_away_and_come_back(control: Control, service: RuntimeService) -> None:
    """And the least busy one follows."""
    control.set_queue_length("aer_simulator", 3)
    assert service.least_busy_name() == "ibmq_qasm_simulator"
    control.take_offline("ibmq_*", reason="Moved")
    assert service.least_busy_name() == "aer_simulator"
    control.pause()
    assert {backend.status for backend in service.backends()} == {"paused"}
    control.bring_online()
    assert service.least_busy_name() == "ibmq_qasm_simulator"


def test_tokens_expire(control: Control, service: RuntimeService) -> None:
    """Our client renews one that is refused, and says so where it cannot."""
    service.usage()
    control.expire_tokens()
    assert service.usage().consumed_s == 0
    control.expire_tokens()
    control.refuse_tokens()
    with pytest.raises(NotAuthorizedError, match="API key"):
        service.usage()
    control.shorten_tokens(1)
    assert service.usage().consumed_s == 0


def test_usage_is_limited(control: Control, service: RuntimeService) -> None:
    """From now, until that is used up."""
    control.limit_usage(5)
    assert service.usage().limit_s == 5
    control.limit_usage()
    assert service.usage().limit_reached
    with pytest.raises(QrsessionError, match="has used all"):
        submit(service)
    control.restore()
    assert service.usage().limit_s is None


def test_scenarios_are_played(control: Control, service: RuntimeService, tmp_path: Path) -> None:
    """A document, TOML, or a file in either form; one that will not do changes nothing."""
    as_json, as_toml = tmp_path / "x.json", tmp_path / "x.toml"
    as_json.write_text('{"rules": [{"effect": "drop"}]}')
    as_toml.write_text('[[rules]]\neffect = "answer"\nstatus = 404\ntimes = "always"\n')
    for scenario in ({"rules": [{"effect": "drop"}]}, as_json, as_toml.read_text(), as_toml):
        control.play(scenario)
        assert len(control.counts()) == 1
    with pytest.raises(InvalidValueError, match=r"rules\[0\]\.effect"):
        control.play({"rules": [{"effect": "explode"}]})
    with pytest.raises(InvalidValueError, match=r"no TOML.*pathlib\.Path"):
        control.play("rules = ")
    with pytest.raises(InvalidValueError, match=r"jobs\[0\]\.code"):
        control.fail_next_job(code=7)
    with pytest.raises(QrsessionError):
        service.usage()
    assert control.counts()[0].left is None


def test_it_comes_back_as_it_was(runtime: LocalRuntime) -> None:
    """At the same address, with the same key and what it knew, though it died."""
    job_id = submit(runtime.service())
    url, key = runtime.url, runtime.key
    runtime.kill()
    with pytest.raises(LocalRuntimeError, match="does not answer"):
        runtime.control.counts()
    runtime.start()
    assert (runtime.url, runtime.key) == (url, key)
    assert runtime.service().job(job_id).job_id() == job_id


@pytest.mark.fast
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("plan", None),
        ("clock_rate", "fast"),
        ("clock_rate", True),
        ("usage_limit_s", "60"),
        ("submissions_per_minute", 1.5),
        ("ideal", "yes"),
        ("twins", "folder"),
        ("workers", None),
    ],
)
def test_conditions_of_the_wrong_type_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidTypeError, match=f"{name} is {value!r}; it must be"):
        RuntimeConditions(**{name: value})
