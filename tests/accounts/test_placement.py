"""Where a service is: the choice of an instance against a cloud with several."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qrsession.accounts.account import Account
from qrsession.accounts.connection import connect, tokens_of
from qrsession.accounts.placement import FAILURE_KEPT_FOR_S, KEPT_FOR_S, InstanceFinder, Wants
from qrsession.cache import Cache
from qrsession.client.discovery import Discovery
from qrsession.errors import (
    BackendNotFoundError,
    InstanceNotFoundError,
    InvalidTypeError,
    InvalidValueError,
    NotAuthorizedError,
    ServiceUnavailableError,
)
from qrsession.local.account.identity import LOCAL_CRN
from qrsession.service import RuntimeService
from qrsession.settings import Settings
from tests.clouds import KEY, Cloud, Offer, crn_of, device

pytestmark = pytest.mark.fast

SEARCH = "POST /v3/resources/search"
PREMIUM = Offer("prod", "Premium", "subscription", (device("big", 156), device("small", 5)))
OPEN = Offer("mine", "Open", "free", (device("small", 5, 7), device("tiny", 2, 3)))
EUROPE = Offer("euro", "Flex", "paid", (device("big", 156),), region="eu-de", tags=("eu",))


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    running = Cloud([PREMIUM, OPEN, EUROPE])
    yield running
    running.stop()


ServiceOf = Callable[..., RuntimeService]


@pytest.fixture
def service_of(cloud: Cloud, tmp_path: Path) -> ServiceOf:
    def make(
        instance: str | None = None, environ: dict[str, str] | None = None, **account: Any
    ) -> RuntimeService:
        settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path), **(environ or {})})
        key = account.pop("key", KEY)
        its_own = account.pop("its_own", None)
        return RuntimeService(
            Account("a", key, cloud.url, its_own, **account),
            instance=instance,
            settings=settings,
        )

    return make


def test_what_is_free_is_taken_where_nobody_named_one(cloud: Cloud, service_of: ServiceOf) -> None:
    service = service_of()
    assert [backend.name for backend in service.backends()] == ["small", "tiny"]
    assert service.instance == OPEN.crn
    # One search, its three plans, and one list of backends: none of instances not taken.
    assert cloud.paths().count("GET /api/v1/backends") == 1
    assert cloud.seen[-1].crn == OPEN.crn


def test_the_backend_decides(cloud: Cloud, service_of: ServiceOf) -> None:
    service = service_of()
    place = service.choose_instance(Wants("big"))
    # The cheapest of those that have it.
    assert (place.crn, place.was_named) == (EUROPE.crn, False)
    asked = [one.crn for one in cloud.seen if one.path == "/api/v1/backends"]
    assert asked == [OPEN.crn, EUROPE.crn]
    # Settled once and for all: who holds a client of it must not find another instance under it.
    assert service.choose_instance(Wants("tiny")) is place


def test_what_costs_is_not_picked_silently(
    service_of: ServiceOf, caplog: pytest.LogCaptureFixture
) -> None:
    service_of().choose_instance()
    service_of("prod").choose_instance()
    assert caplog.messages == []
    service_of().choose_instance(Wants("big"))
    assert caplog.messages == ["No instance is named, so this uses the instance euro, plan flex."]


def test_the_width_decides(service_of: ServiceOf) -> None:
    assert service_of().least_busy_name() == "tiny"
    assert service_of().least_busy_name(3) == "small"
    wide = service_of()
    assert wide.least_busy_name(100) == "big"
    assert wide.instance == EUROPE.crn


def test_what_is_not_online_is_not_wide_enough(cloud: Cloud, service_of: ServiceOf) -> None:
    asleep = device("small", 5, status="paused")
    mock = {**device("mock_x", 200), "class": "mock"}
    cloud.offers = [Offer("mine", "Open", "free", (asleep, mock))]
    with pytest.raises(BackendNotFoundError, match="online"):
        service_of().least_busy_name()


def test_queues_are_asked_for_each_time(cloud: Cloud, service_of: ServiceOf) -> None:
    service = service_of()
    assert service.least_busy_name() == "tiny"
    cloud.offers = [Offer("mine", "Open", "free", (device("small", 5, 1), device("tiny", 2, 9)))]
    assert service.least_busy_name() == "small"


@pytest.mark.parametrize("by_account", [True, False], ids=["account", "argument"])
@pytest.mark.parametrize("key", ["prod", PREMIUM.crn], ids=["name", "crn"])
def test_the_one_that_is_named(service_of: ServiceOf, key: str, by_account: bool) -> None:
    service = service_of(its_own=key) if by_account else service_of(key)
    place = service.choose_instance(Wants("tiny"))
    assert place.crn == PREMIUM.crn
    assert place.was_named
    assert place.instance is not None
    assert place.instance.plan == "premium"


def test_an_argument_comes_before_the_account(service_of: ServiceOf) -> None:
    settings = service_of().settings
    account = service_of(its_own="mine").account
    service = RuntimeService(account, "prod", settings=settings)
    assert service.choose_instance().crn == PREMIUM.crn


@pytest.mark.parametrize("auto", ["auto", ""])
def test_auto_is_as_none(service_of: ServiceOf, auto: str) -> None:
    assert service_of(its_own=auto).choose_instance().crn == OPEN.crn


@pytest.mark.parametrize(
    ("preferences", "crn"),
    [
        ({"region": "eu-de"}, EUROPE.crn),
        ({"plans_preference": ("premium", "open")}, PREMIUM.crn),
    ],
)
def test_the_accounts_preferences(
    service_of: ServiceOf, preferences: dict[str, Any], crn: str
) -> None:
    assert service_of(**preferences).choose_instance().crn == crn


@pytest.mark.parametrize("key", ["nobody", crn_of("nobody")], ids=["name", "crn"])
def test_one_that_the_key_does_not_see(cloud: Cloud, service_of: ServiceOf, key: str) -> None:
    with pytest.raises(InstanceNotFoundError, match="sees no instance") as caught:
        service_of(key).choose_instance()
    assert caught.value.exit_code == 4
    assert "mine (open)" in caught.value.advice
    # It was looked for anew before it was called unknown.
    assert cloud.paths().count(SEARCH) == 2


def test_a_name_that_two_have(cloud: Cloud, service_of: ServiceOf) -> None:
    cloud.offers = [Offer("same", guid="g1"), Offer("same", guid="g2")]
    with pytest.raises(InvalidValueError, match="2 instances are called 'same'"):
        service_of("same").choose_instance()


def test_an_instance_that_was_made_since_is_found(cloud: Cloud, service_of: ServiceOf) -> None:
    service_of().choose_instance()
    cloud.offers = [*cloud.offers, Offer("new")]
    assert service_of("new").choose_instance().crn == crn_of("new")


@pytest.mark.parametrize("variable", ["CI", "SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"])
def test_where_nobody_looks_what_costs_must_be_named(service_of: ServiceOf, variable: str) -> None:
    environ = {variable: "1"}
    with pytest.raises(NotAuthorizedError, match="not free") as caught:
        service_of(environ=environ).choose_instance(Wants("big"))
    assert caught.value.exit_code == 3
    assert EUROPE.crn in caught.value.advice
    assert service_of("euro", environ).choose_instance(Wants("big")).crn == EUROPE.crn
    assert service_of(None, environ, its_own=EUROPE.crn).choose_instance().crn == EUROPE.crn
    # What is free needs no name there either.
    assert service_of(environ=environ).choose_instance(Wants("tiny")).crn == OPEN.crn


def test_an_instance_that_refuses_is_passed_over(cloud: Cloud, service_of: ServiceOf) -> None:
    stranger = Offer("stranger", "Open", "free")
    cloud.offers = [stranger, OPEN]
    assert service_of().choose_instance(Wants("tiny")).crn == OPEN.crn


def test_one_that_is_down_is_not_passed_over_for_one_that_costs(
    cloud: Cloud, tmp_path: Path
) -> None:
    """As an outage of the free one must not turn into a bill of the other."""
    settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path)})
    account = Account("a", KEY, cloud.url)

    def unreachable(_crn: str | None) -> Any:
        raise ServiceUnavailableError("down")

    finder = InstanceFinder(account, tokens_of(account, settings), Cache.of(settings), unreachable)
    with pytest.raises(ServiceUnavailableError):
        finder.choose(None, Wants("big"))


def test_no_instance_has_the_backend(service_of: ServiceOf) -> None:
    with pytest.raises(BackendNotFoundError, match="'huge'; it has mine"):
        service_of().choose_instance(Wants("huge"))


def test_what_was_found_is_kept_for_hours(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path)})
    account = Account("a", KEY, cloud.url)
    now_s = [1_800_000_000.0]

    def choose(**more: Any) -> InstanceFinder:
        return InstanceFinder(
            account,
            tokens_of(account, settings),
            Cache.of(settings),
            lambda crn: connect(Account("a", KEY, cloud.url, crn), settings),
            now_s=lambda: now_s[0],
            **more,
        )

    first = choose().instances()
    assert first is not None
    assert [one.name for one in first] == ["prod", "mine", "euro"]
    now_s[0] += KEPT_FOR_S - 1
    assert choose().instances() == first
    assert cloud.paths().count(SEARCH) == 1
    now_s[0] += 2
    assert choose().instances() == first
    assert choose().instances(anew=True) == first
    assert cloud.paths().count(SEARCH) == 3
    # An outage of the search alone stops nobody who was known before.
    now_s[0] += KEPT_FOR_S + 1

    def be_down(_discovery: Discovery) -> None:
        raise ServiceUnavailableError("down")

    monkeypatch.setattr(Discovery, "instances", be_down)
    assert choose().instances() == first
    with pytest.raises(ServiceUnavailableError):
        choose().instances(anew=True)
    assert choose().choose(crn_of("unlisted")).crn == crn_of("unlisted")
    kept = list((tmp_path / "cache" / "content").iterdir())
    assert all(KEY.encode() not in file.read_bytes() for file in kept)
    assert all(KEY not in file.name for file in kept)


def test_another_key_has_its_own_list(cloud: Cloud, service_of: ServiceOf) -> None:
    service_of().choose_instance()
    with pytest.raises(NotAuthorizedError, match="No such key"):
        service_of(key="another").choose_instance()
    assert cloud.paths().count(SEARCH) == 1


def test_a_crn_does_without_a_search_that_is_refused(cloud: Cloud, service_of: ServiceOf) -> None:
    cloud.refusals["/v3/resources/search"] = 403
    for _ in range(3):
        place = service_of(PREMIUM.crn).choose_instance()
        assert (place.crn, place.instance) == (PREMIUM.crn, None)
    # It is not tried again with each command.
    assert cloud.paths().count(SEARCH) == 1
    assert FAILURE_KEPT_FOR_S < KEPT_FOR_S
    with pytest.raises(NotAuthorizedError, match="Refused with 403") as caught:
        service_of("prod").choose_instance()
    assert "CRN" in caught.value.advice
    with pytest.raises(NotAuthorizedError):
        service_of().choose_instance()


def test_a_key_that_is_refused_is_asked_for_once(cloud: Cloud, service_of: ServiceOf) -> None:
    with pytest.raises(NotAuthorizedError, match="No such key"):
        service_of(PREMIUM.crn, key="wrong").choose_instance()
    assert [one.path for one in cloud.seen] == ["/identity/token"]


def test_a_service_without_discovery(cloud: Cloud, service_of: ServiceOf) -> None:
    cloud.refusals["/v3/resources/search"] = 404
    assert service_of().choose_instance().crn is None
    assert service_of(PREMIUM.crn).choose_instance().crn == PREMIUM.crn
    with pytest.raises(InstanceNotFoundError, match="no list"):
        service_of("prod").choose_instance()
    assert len(service_of(PREMIUM.crn).backends()) == 2
    assert cloud.seen[-1].crn == PREMIUM.crn
    with pytest.raises(Exception, match="No such instance"):
        service_of().backends()
    assert cloud.seen[-1].crn is None


def test_an_instance_that_is_known_is_not_looked_for(cloud: Cloud, service_of: ServiceOf) -> None:
    made = service_of()
    service = RuntimeService.at_instance(made.account, PREMIUM.crn, settings=made.settings)
    assert len(service.backends()) == 2
    assert cloud.paths() == ["GET /api/v1/backends"]


def test_the_local_runtime_has_one(tmp_path: Path) -> None:
    settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path)})
    for key in (None, "local", "auto", LOCAL_CRN):
        service = RuntimeService("local", key, settings=settings)
        assert service.choose_instance().crn == LOCAL_CRN
    with pytest.raises(InstanceNotFoundError, match="one instance"):
        RuntimeService("local", "prod", settings=settings).choose_instance()


def test_an_instance_is_text(tmp_path: Path) -> None:
    settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path)})
    with pytest.raises(InvalidTypeError, match="instance must be"):
        RuntimeService("local", 5, settings=settings)  # type: ignore[arg-type]
