"""What an account is good for: each check, and how it all comes out."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qrsession.accounts.account import Account
from qrsession.accounts.probe import Probe, probe_account
from qrsession.errors import QrsessionError
from qrsession.service import RuntimeService
from qrsession.settings import Settings
from tests.clouds import ACCOUNT_ID, KEY, Cloud, Offer, device

pytestmark = pytest.mark.fast

OPEN = Offer("mine", "Open", "free", (device("a", 5), device("b", 5, status="paused")))
PREMIUM = Offer("prod", "Premium", "subscription", (device("a", 5),))
ProbeOf = Callable[..., Probe]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    running = Cloud([PREMIUM, OPEN])
    yield running
    running.stop()


@pytest.fixture
def probe_of(cloud: Cloud, tmp_path: Path) -> ProbeOf:
    def make(
        instance: str | None = None,
        environ: dict[str, str] | None = None,
        key: str = KEY,
        **account: Any,
    ) -> Probe:
        settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path), **(environ or {})})
        url = account.pop("url", cloud.url)
        return probe_account(
            RuntimeService(Account("acc", key, url, **account), instance, settings=settings)
        )

    return make


def verdicts(probe: Probe) -> dict[str, str]:
    return {check.name: check.verdict for check in probe.checks}


def message(probe: Probe, name: str) -> str:
    return next(check.message for check in probe.checks if check.name == name)


def test_a_free_account(cloud: Cloud, probe_of: ProbeOf) -> None:
    probe = probe_of()
    assert probe.error is None
    assert verdicts(probe) == {
        "key": "ok",
        "instances": "ok",
        "instance": "ok",
        "backends": "ok",
        "usage": "ok",
        "sessions": "warn",
    }
    assert "no dedicated sessions" in message(probe, "sessions")
    assert message(probe, "backends") == "1 of 2 are online: a, b."
    assert [one.name for one in probe.instances] == ["prod", "mine"]
    document = probe.document()
    assert document["account"] == {"name": "acc", "url": cloud.url, "is_usable": True}
    assert [one["is_chosen"] for one in document["instances"]] == [False, True]
    # Nothing is opened, and nothing is submitted.
    assert {path.split()[0] for path in cloud.paths()} <= {"GET", "POST"}
    assert [path for path in cloud.paths() if path.startswith("POST")] == [
        "POST /v3/resources/search"
    ]


def test_a_premium_account(probe_of: ProbeOf) -> None:
    probe = probe_of("prod")
    assert set(verdicts(probe).values()) == {"ok"}
    assert message(probe, "sessions") == "The plan has sessions of at most 1d."


def test_one_that_costs_and_nobody_named(cloud: Cloud, probe_of: ProbeOf) -> None:
    cloud.offers = [PREMIUM]
    assert verdicts(probe_of())["instance"] == "warn"
    refused = probe_of(environ={"CI": "1"})
    assert verdicts(refused)["instance"] == "fail"
    assert refused.error is not None
    assert refused.error.exit_code == 3


def test_instances_are_asked_for_anew(cloud: Cloud, probe_of: ProbeOf) -> None:
    probe_of()
    cloud.offers = [OPEN]
    assert len(probe_of().instances) == 1


def check_failure(probe: Probe, name: str, exit_code: int) -> QrsessionError:
    assert verdicts(probe)[name] == "fail"
    assert probe.error is not None
    assert probe.error.exit_code == exit_code
    assert not probe.document()["account"]["is_usable"]
    # A program that is told of the failure is told of the checks.
    assert probe.error.details["checks"] == probe.document()["checks"]
    return probe.error


def test_a_key_that_is_refused(cloud: Cloud, probe_of: ProbeOf) -> None:
    error = check_failure(probe_of(key="wrong-key-of-mine"), "key", 3)
    assert "wrong-key-of-mine" not in str(error.details)
    assert len(cloud.seen) == 1


def test_no_key_at_all(cloud: Cloud, probe_of: ProbeOf) -> None:
    check_failure(probe_of(key=""), "key", 3)
    assert cloud.seen == []


def test_nobody_listens(probe_of: ProbeOf) -> None:
    check_failure(probe_of(url="http://127.0.0.1:1"), "key", 10)


def test_an_instance_that_is_not_there(probe_of: ProbeOf) -> None:
    check_failure(probe_of("nobody"), "instance", 4)


def test_no_instance_at_all(cloud: Cloud, probe_of: ProbeOf) -> None:
    cloud.offers = []
    check_failure(probe_of(), "instances", 4)


def test_a_key_that_may_read_no_backends(cloud: Cloud, probe_of: ProbeOf) -> None:
    cloud.refusals["/api/v1/backends"] = 403
    check_failure(probe_of(), "backends", 3)


def test_an_instance_without_backends(cloud: Cloud, probe_of: ProbeOf) -> None:
    cloud.offers = [Offer("bare")]
    check_failure(probe_of(), "backends", 4)


def test_nothing_is_online(cloud: Cloud, probe_of: ProbeOf) -> None:
    cloud.offers = [Offer("mine", backends=(device("a", status="offline"),))]
    probe = probe_of()
    assert verdicts(probe)["backends"] == "warn"
    assert probe.error is None


def test_a_key_that_may_not_search(cloud: Cloud, probe_of: ProbeOf) -> None:
    cloud.refusals["/v3/resources/search"] = 403
    named = probe_of(PREMIUM.crn)
    assert named.error is None
    assert (verdicts(named)["instances"], verdicts(named)["instance"]) == ("warn", "warn")
    check_failure(probe_of(), "instance", 3)


def test_a_key_that_may_read_little_is_good_enough(cloud: Cloud, probe_of: ProbeOf) -> None:
    cloud.refusals["/api/v1/instances/usage"] = 403
    probe = probe_of("prod")
    assert probe.error is None
    assert verdicts(probe)["usage"] == "warn"
    cloud.refusals = {f"/api/v1/accounts/{ACCOUNT_ID}": 403}
    assert message(probe_of("prod"), "sessions") == "The plan's limits are not told to this key."


def test_a_limit_that_is_reached(cloud: Cloud, probe_of: ProbeOf) -> None:
    cloud.usage = {
        "usage_consumed_seconds": 600,
        "usage_limit_seconds": 600,
        "usage_limit_reached": True,
    }
    probe = probe_of()
    assert verdicts(probe)["usage"] == "warn"
    assert "600 s used of 600 s" in message(probe, "usage")


def test_certificates_that_are_not_checked(probe_of: ProbeOf) -> None:
    assert verdicts(probe_of(verify=False))["tls"] == "warn"


def test_a_service_without_discovery(cloud: Cloud, probe_of: ProbeOf) -> None:
    cloud.refusals["/v3/resources/search"] = 404
    probe = probe_of(OPEN.crn)
    assert probe.error is None
    assert "no list" in message(probe, "instances")
