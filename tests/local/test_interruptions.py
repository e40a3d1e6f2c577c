"""Jobs that come back without an outcome, and what is left of a runtime that ended under them."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from qrsession.local import lane_process
from qrsession.local.casting import Cast
from qrsession.local.job_rows import Ending
from qrsession.local.lane_process import LaneProcess
from qrsession.local.lanes import Interruption, Lane, LaneJob
from qrsession.local.scenario.jobs import JobRule, Outcome
from qrsession.protocol.models import JobRequest
from qrsession.protocol.status import JobStatus
from tests.local.test_store import START, Desk, desk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["desk"]

LIMIT_S = 60.0


@pytest.mark.fast
def test_a_job_that_is_interrupted_keeps_its_part(desk: Desk) -> None:
    """It plays it when it runs again, once; a part that was taken back stays so."""
    cast = Cast()
    job_id = desk.submit()
    cast.play([JobRule(charge_s=7.0)], 0)
    cast.assign(job_id, JobRequest("sampler", "b", {}))
    claim = desk.books.claim_next()
    assert claim is not None
    job = claim.job

    def giving(outcome: Ending | Interruption) -> "Callable[[], Awaitable[Any]]":
        async def run() -> Ending | Interruption:
            return outcome

        return run

    def perform(outcome: Ending | Interruption) -> Ending | Interruption:
        return asyncio.run(cast.perform(job, giving(outcome)))

    completed = Ending(JobStatus.COMPLETED, qpu_s=0.5)
    lost = Interruption(has_begun=True)
    assert [perform(lost), perform(lost)] == [lost, lost]
    again = perform(completed)
    assert isinstance(again, Ending)
    assert again.qpu_s == 7.0
    assert perform(completed) == completed

    async def dropped_while_it_runs() -> Interruption:
        cast.drop(job_id)
        return lost

    cast.play([JobRule(outcome=Outcome.COMPLETED, charge_s=7.0)], 0)
    cast.assign(job_id, JobRequest("sampler", "b", {}))
    assert asyncio.run(cast.perform(job, dropped_while_it_runs)) == lost
    assert perform(completed) == completed


@pytest.mark.fast
@pytest.mark.parametrize("ended", ["cancelled", "cleared"])
def test_an_interruption_of_a_job_that_is_gone_does_nothing(desk: Desk, ended: str) -> None:
    """It was cancelled, or a reset took it with its session, before this could be written."""
    desk.open("s")
    job_id = desk.submit("s")
    claim = desk.books.claim_next()
    assert claim is not None
    if ended == "cancelled":
        assert desk.books.end(claim.job, Ending(JobStatus.CANCELLED))
    else:
        desk.store.clear()
    before = desk.store.jobs.get(job_id)
    desk.books.interrupt(claim.job, is_counted=True)
    assert desk.store.jobs.get(job_id) == before


@pytest.mark.fast
@pytest.mark.parametrize("is_killed", [True, False])
def test_nobody_pays_while_no_runtime_is_up(desk: Desk, is_killed: bool) -> None:
    """A job outlives its session, and the runtime ends: the hours until the next are not used.

    Of a runtime that was killed nobody knows until when it was up, but that it was at the session's
    end; one that stops says when.
    """
    desk.open("s", ttl_s=100)
    desk.submit("s")
    assert desk.books.claim_next() is not None
    desk.clock.advance(130)
    assert desk.books.session("s").is_closed
    if not is_killed:
        desk.books.give_back()
    desk.clock.advance(3600)
    desk.reopen()
    session = desk.books.session("s")
    assert session.closed_at == START + timedelta(seconds=100)
    assert session.usage_s == (100 if is_killed else 130)
    assert desk.store.listing.used_s(START) == session.usage_s


def test_a_lane_that_cannot_be_understood_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says next would be taken for the answer to the next job."""
    monkeypatch.setattr(lane_process, "_WORKER", "tests.e2e.light_worker")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    ask = LaneProcess.ask

    async def ask_and_garble(self: LaneProcess, *question: Any) -> Any:
        _, body = await ask(self, *question)
        return {"failure": None}, body

    params_json = b'{"pubs": [["light", null, 1]]}'
    job = LaneJob("job", "sampler", params_json, "aer_simulator", 1, 60)

    async def main() -> None:
        lane = Lane(1000)
        async with asyncio.timeout(LIMIT_S):
            await lane.start()
            first = lane.pid
            with monkeypatch.context() as patch:
                patch.setattr(LaneProcess, "ask", ask_and_garble)
                with pytest.raises(KeyError):
                    await lane.run(job)
            outcome = await lane.run(job)
            assert outcome.failure is None
            assert lane.pid != first
            await lane.stop()

    asyncio.run(main())
