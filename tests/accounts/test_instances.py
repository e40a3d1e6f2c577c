"""Which instance is used, of those that a key sees: pure choice."""

import pytest

from qrsession.accounts.instances import (
    Place,
    Preferences,
    check_unattended,
    find_crn,
    find_name,
    in_order,
    named,
    not_found,
    opening_text,
)
from qrsession.errors import InstanceNotFoundError, InvalidValueError, NotAuthorizedError
from qrsession.protocol.instances import PRICINGS, Instance
from tests.clouds import crn_of

pytestmark = pytest.mark.fast


def instance(name: str, plan: str = "open", pricing: str = "free", **more: object) -> Instance:
    region = str(more.get("region", "us-east"))
    tags = more.get("tags", ())
    assert isinstance(tags, tuple)
    return Instance(crn_of(name, region), name, plan, pricing, tags)


def names(instances: tuple[Instance, ...]) -> list[str]:
    return [one.name for one in instances]


def test_what_costs_least_comes_first() -> None:
    listed = [instance(pricing, pricing=pricing) for pricing in reversed(PRICINGS)]
    assert names(in_order(listed, Preferences())) == list(PRICINGS)


def test_a_pricing_of_tomorrow_comes_last_and_breaks_nothing() -> None:
    listed = [instance("new", pricing="barter"), instance("paid", pricing="paid")]
    assert names(in_order(listed, Preferences())) == ["paid", "new"]


def test_equals_stay_in_the_order_in_which_they_were_found() -> None:
    listed = [instance("b"), instance("a"), instance("c")]
    assert names(in_order(listed, Preferences())) == ["b", "a", "c"]


MIXED = [
    instance("open-us"),
    instance("open-eu", region="eu-de", tags=("team", "qa")),
    instance("flex", "flex", "paid", tags=("team",)),
    instance("premium", "premium", "subscription", region="eu-de"),
]


@pytest.mark.parametrize(
    ("preferences", "expected"),
    [
        (Preferences(), ["open-us", "open-eu", "flex", "premium"]),
        (Preferences(region="eu-de"), ["open-eu", "premium"]),
        (Preferences(tags=("Team",)), ["open-eu", "flex"]),
        (Preferences(tags=("team", "QA")), ["open-eu"]),
        (Preferences(plans=("premium", "OPEN")), ["premium", "open-us", "open-eu"]),
        (Preferences(plans=("flex",), region="us-east"), ["flex"]),
    ],
)
def test_preferences_filter_and_order(preferences: Preferences, expected: list[str]) -> None:
    assert names(in_order(MIXED, preferences)) == expected


def test_a_region_is_no_part_of_a_name() -> None:
    assert names(in_order([instance("eu-de"), MIXED[1]], Preferences(region="eu-de"))) == [
        "open-eu"
    ]


def test_nothing_fits() -> None:
    preferences = Preferences(("x",), "eu-de", ("premium",))
    with pytest.raises(
        InstanceNotFoundError, match="tags x; region eu-de; plans premium"
    ) as caught:
        in_order(MIXED, preferences)
    assert caught.value.exit_code == 4
    assert "open-us (open)" in caught.value.advice


def test_nothing_is_there() -> None:
    with pytest.raises(InstanceNotFoundError, match="sees no instance"):
        in_order([], Preferences())


def test_finding_by_name_and_by_crn() -> None:
    assert find_name(MIXED, "flex") is MIXED[2]
    assert find_name(MIXED, "Flex") is None
    assert find_crn(MIXED, MIXED[3].crn) is MIXED[3]
    assert find_crn(MIXED, "crn:none") is None


def test_a_name_that_two_have_names_their_crns() -> None:
    twins = [instance("same"), instance("same", region="eu-de")]
    with pytest.raises(InvalidValueError) as caught:
        find_name(twins, "same")
    assert caught.value.exit_code == 2
    for twin in twins:
        assert twin.crn in caught.value.message


def test_what_is_not_found_says_what_is_there() -> None:
    assert "premium (premium)" in not_found("nix", MIXED).advice
    assert "account check" in not_found("nix", []).advice


@pytest.mark.parametrize("pricing", ["paygo", "paid", "subscription", "unknown", "barter"])
def test_where_nobody_looks_what_may_cost_must_be_named(pricing: str) -> None:
    costly = instance("costly", "flex", pricing)
    check_unattended(costly, None)
    with pytest.raises(NotAuthorizedError, match="on a CI machine") as caught:
        check_unattended(costly, "on a CI machine")
    assert caught.value.exit_code == 3
    assert f"--instance '{costly.crn}'" in caught.value.advice


@pytest.mark.parametrize("pricing", ["free", "trial"])
def test_what_is_free_may_be_picked_anywhere(pricing: str) -> None:
    check_unattended(instance("free", pricing=pricing), "in a cluster job")


@pytest.mark.parametrize(
    ("given", "expected"), [(None, None), ("", None), ("auto", None), ("a", "a")]
)
def test_auto_names_none(given: str | None, expected: str | None) -> None:
    assert named(given) == expected


def test_what_is_said_before_opening() -> None:
    premium = Place(MIXED[3].crn, MIXED[3])
    assert premium.may_cost
    assert opening_text(premium, 5400) == (
        "This opens a session on the instance premium, plan premium, for at most 1h 30m."
    )
    assert opening_text(premium, None).endswith(
        "for at most 8h: the default, since no --max-time is given."
    )
    unknown = Place("crn:v1:x")
    assert unknown.may_cost
    assert "crn:v1:x, whose plan is not known" in opening_text(unknown, 300)
    assert not Place(None).may_cost
    assert not Place(MIXED[0].crn, MIXED[0]).may_cost
