"""Keeping the runtime up though nobody uses it."""

import asyncio
import time
from pathlib import Path

import pytest

from qrsession.errors import StorageError
from qrsession.local.process import daemon
from qrsession.local.process.home import RuntimeFiles
from qrsession.local.process.idle import IdleWatch
from qrsession.local.process.keeping import KEEP_S, keep_up, kept_for_s
from qrsession.local.store.store import Store
from qrsession.storage import locked
from tests.conftest import settings_of

NOW_S = 1_800_000_000.0
LIMIT_S = 20


@pytest.mark.fast
def test_twelve_hours_from_when_it_was_asked_for_last(tmp_path: Path) -> None:
    """Each time anew, and then no more."""
    file = tmp_path / "keep.json"
    assert kept_for_s(file, lambda: NOW_S) == 0
    assert keep_up(file, lambda: NOW_S) == NOW_S + 12 * 3600
    assert kept_for_s(file, lambda: NOW_S + 3600) == 11 * 3600
    keep_up(file, lambda: NOW_S + 3600)
    assert kept_for_s(file, lambda: NOW_S + 3600) == KEEP_S
    assert kept_for_s(file, lambda: NOW_S + 13 * 3600) == 0
    # A clock that was set back by a day does not keep it up for a day.
    assert kept_for_s(file, lambda: NOW_S - 86_400) == KEEP_S


@pytest.mark.fast
@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"until": "9999999999"}', '{"until": true}', "[" * 99_999]
)
def test_a_file_that_is_none(tmp_path: Path, text: str) -> None:
    """It asks for nothing, and stops nobody from asking anew."""
    file = tmp_path / "keep.json"
    file.write_text(text)
    assert kept_for_s(file, lambda: NOW_S) == 0
    keep_up(file, lambda: NOW_S)
    assert kept_for_s(file, lambda: NOW_S) == KEEP_S


@pytest.mark.fast
def test_an_idle_runtime_stays_as_long_as_it_is_kept(tmp_path: Path) -> None:
    """It looks again and again, and ends once the time is over."""
    store = Store(tmp_path)
    looks = 0
    was_early = False

    async def watch() -> None:
        became_idle = asyncio.Event()

        def kept() -> float:
            nonlocal looks, was_early
            looks += 1
            was_early = was_early or became_idle.is_set()
            return 3.0 if looks < 4 else 0.0

        watching = IdleWatch(store, 0.02, became_idle.set, kept)
        watching.start()
        await asyncio.wait_for(became_idle.wait(), LIMIT_S)
        watching.stop()

    asyncio.run(watch())
    store.close()
    assert (looks, was_early) == (4, False)


def test_the_runtime_in_the_background_is_kept(fresh_home: Path) -> None:
    """It outlives its idle time, and ends when the time that it is kept for is over."""
    settings = settings_of(fresh_home)
    files = RuntimeFiles.of(settings)
    address = daemon.ensure(settings, idle_timeout_s=1.0)
    address_again, until_epoch_s = daemon.ensure_kept(settings)
    assert address_again == address
    assert until_epoch_s - time.time() == pytest.approx(KEEP_S, abs=60)
    assert daemon.time_kept_s(settings) > KEEP_S - 60
    # It holds this lock as long as it lives, and waiting for it is no request to the runtime.
    with pytest.raises(StorageError) as caught, locked(files.life, timeout_s=2.5):
        pass
    assert "timeout_s" in caught.value.details
    keep_up(files.keep, lambda: time.time() - KEEP_S - 1)
    with locked(files.life, timeout_s=LIMIT_S):
        assert daemon.find(settings) is None


def test_whoever_stops_it_does_not_want_it_kept(fresh_home: Path) -> None:
    """The next one, which a command starts, ends when it is idle."""
    settings = settings_of(fresh_home)
    RuntimeFiles.of(settings).create_folders()
    keep_up(RuntimeFiles.of(settings).keep)
    assert daemon.time_kept_s(settings) > 0
    assert daemon.stop(settings) is False
    assert daemon.time_kept_s(settings) == 0
