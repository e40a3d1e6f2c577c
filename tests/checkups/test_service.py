"""What is found of an account and its service: each failing line, its exit code, its advice."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from qrsession.checkups.doctor import examine
from qrsession.checkups.findings import Finding, Report, Status
from qrsession.checkups.service import compare_clocks
from qrsession.checkups.surroundings import PythonRun, Surroundings
from qrsession.client.reaching import reach
from qrsession.client.transport import Endpoint
from qrsession.errors import ServiceUnavailableError
from qrsession.settings import Settings
from tests.clouds import KEY, Cloud, Offer, device

pytestmark = pytest.mark.fast

OPEN = Offer("mine", "Open", "free", (device("a", 5),))
PREMIUM = Offer("prod", "Premium", "subscription", (device("a", 5),))
ReportOf = Callable[..., Report]


class LateCloud(Cloud):
    """A cloud whose clock is not ours."""

    offset_s = 0.0

    def handle(self, arrived: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer, with the time by its own clock."""
        told = formatdate(time.time() + self.offset_s, usegmt=True)
        vars(arrived)["date_time_string"] = lambda: told
        super().handle(arrived, body)


@pytest.fixture
def cloud() -> Iterator[LateCloud]:
    running = LateCloud([PREMIUM])
    yield running
    running.stop()


def no_program(_code: str, _limit_s: float) -> PythonRun:
    return PythonRun(0, "", 0.01)


@pytest.fixture
def report_of(cloud: LateCloud, tmp_path: Path) -> ReportOf:
    """Return a function that examines a new home with the cloud's account in its environment."""

    def make(environ: Mapping[str, str] | None = None, **more: object) -> Report:
        whole = {
            "QRSESSION_HOME": str(tmp_path / "home"),
            "HOME": str(tmp_path),
            **cloud.environ(QISKIT_IBM_INSTANCE="prod"),
            **(environ or {}),
        }
        around = Surroundings(
            Settings.from_environ(whole),
            environ=whole,
            run_python=no_program,
            **more,  # type: ignore[arg-type] # each test knows its own
        )
        return examine(around)

    return make


def found(report: Report, name: str) -> Finding:
    matches = [one for one in report.findings if one.name == name]
    assert len(matches) == 1, [one.name for one in report.findings]
    return matches[0]


def check_failure(report: Report, name: str, exit_code: int, words: str) -> None:
    finding = found(report, name)
    assert finding.status is Status.FAILED
    assert words in finding.message
    assert finding.advice
    error = report.error
    assert error is not None
    assert error.exit_code == exit_code
    assert error.advice == finding.advice
    assert error.details == report.document()
    assert KEY not in str(error.details)


def test_an_account_that_is_well(report_of: ReportOf, cloud: LateCloud) -> None:
    report = report_of()
    assert report.error is None
    assert {one.status for one in report.findings} <= {Status.OK, Status.SKIPPED}
    (group,) = (group for group in report.groups if group.title == "service")
    names = ["service", "clock", "key", "instances", "instance", "backends", "usage", "sessions"]
    assert [one.name for one in group.findings] == [*names, "token"]
    assert found(report, "account").message == (
        f"environment at {cloud.url}: from QISKIT_IBM_TOKEN."
    )
    assert found(report, "token").message == "One is in hand, and is used for 48m more."
    # What asks whether anybody is there shows no key, and nothing was opened.
    assert cloud.seen[0].path == "/api/v1/versions"
    assert "Authorization" not in cloud.seen[0].headers
    assert KEY not in cloud.seen[0].body
    assert {one.split()[0] for one in cloud.paths() if "search" not in one} == {"GET"}


def test_offline_nobody_is_asked(report_of: ReportOf, cloud: LateCloud) -> None:
    report = report_of(is_offline=True)
    assert report.error is None
    assert found(report, "service").status is Status.SKIPPED
    assert cloud.seen == []


def test_a_key_that_is_refused(report_of: ReportOf) -> None:
    report = report_of({"QISKIT_IBM_TOKEN": "another-key-of-mine-0123"})
    check_failure(report, "key", 3, "refuses the API key")
    assert "another-key" not in str(report.document())


def test_nobody_listens(report_of: ReportOf) -> None:
    began_s = time.monotonic()
    report = report_of({"QISKIT_IBM_URL": "http://127.0.0.1:1"})
    check_failure(report, "service", 10, "cannot be reached: Connection refused")
    # It is not tried again and again.
    assert time.monotonic() - began_s < 5
    assert [group.title for group in report.groups if len(group.findings) == 1] == ["service"]


def test_a_service_that_is_down(report_of: ReportOf, cloud: LateCloud) -> None:
    cloud.refusals["/api/v1/versions"] = 503
    check_failure(report_of(), "service", 10, "answers with 503")


def test_a_service_that_hangs(report_of: ReportOf) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began_s = time.monotonic()
        report = report_of({"QISKIT_IBM_URL": url}, limit_s=0.3)
        assert time.monotonic() - began_s < 5
        check_failure(report, "service", 10, "not answered all that was asked in 0.3 s")


def test_what_was_found_before_it_hung_is_told(
    report_of: ReportOf, cloud: LateCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = threading.Event()

    def hang(*_arguments: object) -> Finding:
        end.wait(20)
        raise TimeoutError

    monkeypatch.setattr("qrsession.checkups.service._check_token", hang)
    report = report_of(limit_s=1.0)
    end.set()
    assert found(report, "key").status is Status.OK
    assert report.error is not None
    assert report.error.exit_code == 10
    assert cloud.seen


def test_an_instance_that_is_not_there(report_of: ReportOf) -> None:
    check_failure(report_of({"QISKIT_IBM_INSTANCE": "nobody"}), "instance", 4, "'nobody'")


def test_a_limit_that_is_reached_is_a_warning(report_of: ReportOf, cloud: LateCloud) -> None:
    cloud.usage = {
        "usage_consumed_seconds": 600,
        "usage_limit_seconds": 600,
        "usage_limit_reached": True,
    }
    report = report_of()
    assert report.error is None
    assert found(report, "usage").status is Status.WARNING
    assert found(report, "usage").advice


@pytest.mark.parametrize(
    ("offset_s", "status", "words"),
    [
        (0.0, Status.OK, "agree"),
        (-40.0, Status.OK, "agree"),
        (100.0, Status.WARNING, "behind the service's"),
        (-100.0, Status.WARNING, "ahead of the service's"),
        (1000.0, Status.FAILED, "behind the service's"),
    ],
)
def test_clocks_are_compared(
    report_of: ReportOf, cloud: LateCloud, offset_s: float, status: Status, words: str
) -> None:
    cloud.offset_s = offset_s
    report = report_of()
    clock = found(report, "clock")
    assert (clock.status, words in clock.message) == (status, True)
    assert bool(clock.advice) is (status is not Status.OK)
    if status is Status.FAILED:
        check_failure(report, "clock", 3, "16m 40s")
        assert len(cloud.seen) == 1


@pytest.mark.parametrize(
    ("offset_s", "status"),
    [
        (None, Status.SKIPPED),
        (60.0, Status.OK),
        (-60.1, Status.WARNING),
        (300.0, Status.WARNING),
        (-300.1, Status.FAILED),
    ],
)
def test_how_far_clocks_may_be_apart(offset_s: float | None, status: Status) -> None:
    assert compare_clocks(offset_s).status is status


def test_the_middle_of_the_request_is_compared(cloud: LateCloud) -> None:
    """A reply that takes ten seconds is no clock that is ten seconds off."""
    times_s = iter([0.0, 10.0])
    here_s = time.time()
    reached = reach(
        Endpoint(f"{cloud.url}/api/v1"), clock=lambda: next(times_s), now_s=lambda: here_s - 5
    )
    assert reached.status == 401
    assert reached.took_s == 10
    assert reached.clock_offset_s is not None
    assert abs(reached.clock_offset_s) < 3


def test_a_host_that_is_not_there_is_an_error_of_ours() -> None:
    with pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1:1/api cannot be reached"):
        reach(Endpoint("http://127.0.0.1:1/api"))


def test_an_account_that_cannot_be_told_asks_nobody(report_of: ReportOf, cloud: LateCloud) -> None:
    report = report_of({"QRSESSION_ACCOUNT": "nobody"})
    check_failure(report, "account", 4, "'nobody'")
    assert found(report, "service").status is Status.SKIPPED
    assert cloud.seen == []


def test_a_local_runtime_that_is_down_is_not_started(report_of: ReportOf, tmp_path: Path) -> None:
    report = report_of({"QRSESSION_ACCOUNT": "local"})
    assert report.error is None
    assert found(report, "service").status is Status.SKIPPED
    assert "doctor --local" in found(report, "service").advice
    assert found(report, "runtime").message.startswith("Not up.")
    # Looking makes nothing.
    assert not (tmp_path / "home").exists()
