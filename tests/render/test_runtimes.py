"""The local runtime, as people and programs are shown it."""

from pathlib import Path

import pytest

from qrsession.local.conditions import Conditions
from qrsession.local.in_force import InForce
from qrsession.local.process.daemon import RuntimeAddress
from qrsession.render.runtimes import runtime_data, runtime_text
from qrsession.render.terminal import Terminal

pytestmark = pytest.mark.fast

CONDITIONS = Conditions(60.0, 5, Path("/s/bad day.toml"), "open")
ADDRESS = RuntimeAddress(
    port=4321,
    pid=77,
    url="http://127.0.0.1:4321",
    version="1.2.3",
    log_file=Path("/s/log"),
    is_ideal=True,
    in_force=CONDITIONS.in_force,
)


def _terminal(*, is_terminal: bool) -> Terminal:
    return Terminal(is_terminal=is_terminal, width=80)


def test_the_conditions_in_force() -> None:
    """The plan's own limit is one, too."""
    assert InForce.from_record(CONDITIONS.in_force.to_record()) == CONDITIONS.in_force
    assert CONDITIONS.in_force == InForce("open", 60.0, 600, 5, "/s/bad day.toml")
    assert Conditions().in_force == InForce()
    strange = {"plan": 7, "clock_rate": "fast", "usage_limit_s": True, "scenario": [], "new": 1}
    records: tuple[object, ...] = (None, [], {}, strange)
    for record in records:
        assert InForce.from_record(record) == InForce()


def test_for_people() -> None:
    """What nobody asked for is not said."""
    assert runtime_text(ADDRESS, 43_190.0, _terminal(is_terminal=True)) == (
        "local runtime  ● up\n"
        "  url        http://127.0.0.1:4321\n"
        "  pid        77\n"
        "  version    1.2.3\n"
        "  log        /s/log\n"
        "  plan       open\n"
        "  clock      60 times as fast as real time\n"
        "  usage      at most 600 s in 28 days\n"
        "  submit     at most 5 jobs a minute\n"
        "  twins      ideal, without noise\n"
        "  scenario   /s/bad day.toml\n"
        "  kept up    for 12h more, idle or not\n"
    )
    plain = RuntimeAddress(4321, 77, "http://127.0.0.1:4321", "1.2.3", Path("/s/log"))
    lines = runtime_text(plain, 0.0, _terminal(is_terminal=True)).splitlines()
    assert lines[5:] == ["  plan       local"]
    assert runtime_text(None, 0.0, _terminal(is_terminal=True)) == "local runtime  ● down\n"


def test_for_programs() -> None:
    """Every field, up or down; a line of values under one of titles."""
    data = runtime_data(ADDRESS, 43_190.4)
    assert data == {
        "state": "up",
        "url": "http://127.0.0.1:4321",
        "pid": 77,
        "version": "1.2.3",
        "log": "/s/log",
        "plan": "open",
        "clock_rate": 60.0,
        "ideal": True,
        "usage_limit_s": 600,
        "submissions_per_minute": 5,
        "scenario": "/s/bad day.toml",
        "kept_s": 43_190,
    }
    down = runtime_data(None)
    assert list(down) == list(data)
    assert {name for name, value in down.items() if value is not None} == {"state"}
    titles, values = runtime_text(ADDRESS, 43_190.4, _terminal(is_terminal=False)).splitlines()
    assert titles.split("\t")[:5] == ["STATE", "URL", "PID", "VERSION", "LOG"]
    assert values.split("\t")[:5] == ["up", "http://127.0.0.1:4321", "77", "1.2.3", "/s/log"]
    assert values.split("\t")[5:] == ["open", "60", "yes", "600", "5", "/s/bad day.toml", "43190"]
