"""The mode that a session is opened in, and the reason that is given."""

import pytest

from qrsession.errors import InvalidValueError, NotAuthorizedError, QrsessionError
from qrsession.money.modes import OpenMode, first_choice, parse_mode, second_choice, with_way_out
from qrsession.protocol.instances import Instance
from qrsession.protocol.status import SessionMode

pytestmark = pytest.mark.fast

FREE = Instance("crn:1", "mine", "open", "free")
PAID = Instance("crn:2", "ours", "premium", "subscription")
REFUSED = NotAuthorizedError("No sessions on this plan.", details={"ibm_code": 1352})


def test_modes_are_read() -> None:
    assert [parse_mode(mode) for mode in ("dedicated", "batch", "auto")] == list(OpenMode)
    with pytest.raises(InvalidValueError, match="dedicated, batch, auto"):
        parse_mode("session")


@pytest.mark.parametrize("instance", [FREE, PAID, None])
@pytest.mark.parametrize("mode", [OpenMode.DEDICATED, OpenMode.BATCH])
def test_what_was_asked_for_is_done(mode: OpenMode, instance: Instance | None) -> None:
    assert first_choice(mode, instance) == (SessionMode(mode.value), None)
    assert second_choice(mode, REFUSED) is None


def test_auto_goes_by_what_is_known_of_the_plan() -> None:
    mode, reason = first_choice(OpenMode.AUTO, FREE)
    assert (mode, reason) == (
        SessionMode.BATCH,
        "This opens a batch: the plan open takes no dedicated sessions.",
    )
    assert first_choice(OpenMode.AUTO, PAID) == (SessionMode.DEDICATED, None)
    assert first_choice(OpenMode.AUTO, None) == (SessionMode.DEDICATED, None)


def test_auto_falls_back_on_the_plan_s_refusal_alone() -> None:
    assert "No sessions on this plan." in (second_choice(OpenMode.AUTO, REFUSED) or "")
    others: list[QrsessionError] = [
        NotAuthorizedError("no", details={"ibm_code": 1200}),
        NotAuthorizedError("no"),
    ]
    assert [second_choice(OpenMode.AUTO, other) for other in others] == [None, None]


def test_a_refusal_by_the_plan_says_what_to_type() -> None:
    refused = NotAuthorizedError("No.", advice="Elsewhere.", details={"ibm_code": 1352})
    assert "--mode auto" in with_way_out(refused).advice
    other = NotAuthorizedError("No.", advice="Elsewhere.")
    assert with_way_out(other) is other
