"""The ledger under many processes, and under the death of any of them."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

import qrsession
from qrsession.settings import Settings
from qrsession.state.ledger import Ledger

ROOT = Path(qrsession.__file__).parents[1]

# Forks processes, each of which opens two sessions and closes the first, all at once.
NEIGHBOURS = """
import os, sys
from datetime import UTC, datetime
from qrsession.state.entries import SessionEntry
from qrsession.settings import Settings
from qrsession.state.ledger import Ledger

def open_and_close(home, name):
    ledger = Ledger(Settings.from_environ({"QRSESSION_HOME": home}))
    for part in ("gone", "kept"):
        ledger.add(SessionEntry("", f"{part}-{name}", "b", "batch", "local", datetime.now(UTC)))
    assert len(ledger.remove([f"gone-{name}"])) == 1

home, number = sys.argv[1], int(sys.argv[2])
starts, start = os.pipe()
children = []
for name in range(number):
    child = os.fork()
    if not child:
        os.close(start)
        os.read(starts, 1)
        open_and_close(home, name)
        sys.exit(0)
    children.append(child)
os.close(start)
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""

# Opens and closes without end, and says what it is about to lose and what it has.
WRITER = """
import itertools, sys
from datetime import UTC, datetime
from qrsession.state.entries import SessionEntry
from qrsession.settings import Settings
from qrsession.state.ledger import Ledger
home, name = sys.argv[1:]
ledger = Ledger(Settings.from_environ({"QRSESSION_HOME": home}))
for number in itertools.count():
    session_id = f"{name}-{number}"
    ledger.add(SessionEntry("", session_id, "b", "batch", "local", datetime.now(UTC)))
    print("has", session_id, flush=True)
    if number % 2:
        print("loses", session_id, flush=True)
        ledger.remove([session_id])
"""


def ledger_in(home: Path) -> Ledger:
    return Ledger(Settings.from_environ({"QRSESSION_HOME": str(home)}))


def test_64_processes_that_open_and_close_at_once_lose_nothing(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", NEIGHBOURS, str(tmp_path), "64"]
    assert subprocess.run(arguments, cwd=ROOT, check=False, timeout=100).returncode == 0
    ledger = ledger_in(tmp_path)
    open_ids = {entry.session_id for entry in ledger.read().sessions.values()}
    assert open_ids == {f"kept-{number}" for number in range(64)}
    closed_ids = {session.entry.session_id for session in ledger.history.read()}
    assert closed_ids == {f"gone-{number}" for number in range(64)}


def kill_at_random(home: Path, name: str, chance: random.Random) -> list[str]:
    """Run a writer, kill it within 60 ms of its first change, and return what it said."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home), name], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert writer.stdout is not None
    said = [writer.stdout.readline()]
    with pytest.raises(subprocess.TimeoutExpired):
        writer.wait(chance.uniform(0, 0.06))
    writer.kill()
    said += writer.stdout.readlines()
    writer.stdout.close()
    writer.wait(10)
    return said


def rounds_of_killing(home: Path, rounds: int) -> Ledger:
    chance = random.Random(rounds)  # noqa: S311 - the moment of a kill is no secret
    ledger = ledger_in(home)
    expected: set[str] = set()
    for round_ in range(rounds):
        words = [line.split() for line in kill_at_random(home, str(round_), chance)]
        # A line may be cut; what it was about is not held against the ledger.
        said = [line for line in words if len(line) == 2]
        expected |= {session_id for verb, session_id in said if verb == "has"}
        expected -= {session_id for verb, session_id in said if verb == "loses"}
        there = {entry.session_id for entry in ledger.read().sessions.values()}
        assert expected <= there
    assert expected
    return ledger


def test_ledger_loads_wherever_a_writer_was_killed(tmp_path: Path) -> None:
    ledger = rounds_of_killing(tmp_path, 25)
    assert not list(ledger.path.parent.glob("*damaged*"))


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_ledger_loads_after_a_thousand_kills(tmp_path: Path) -> None:
    ledger = rounds_of_killing(tmp_path, 1000)
    assert not list(ledger.path.parent.glob("*damaged*"))
