"""How often a service is asked that answers at once."""

from itertools import islice, pairwise

import pytest

from qrsession.client.poll import LONGEST_DELAY_S, delays

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(("in_session", "first_s"), [(True, 0.1), (False, 0.5)])
def test_delays_begin_as_ibms_client_and_grow_to_a_bound(in_session: bool, first_s: float) -> None:
    schedule = list(islice(delays(in_session=in_session), 100))
    assert schedule[0] == first_s
    assert schedule[-1] == LONGEST_DELAY_S == max(schedule)
    for earlier, later in pairwise(schedule):
        assert later == pytest.approx(min(1.3 * earlier, LONGEST_DELAY_S))


def test_an_hour_takes_few_questions() -> None:
    schedule = delays(in_session=True)
    waited_s, questions = 0.0, 0
    while waited_s < 3600:
        waited_s += next(schedule)
        questions += 1
    assert questions < 400
