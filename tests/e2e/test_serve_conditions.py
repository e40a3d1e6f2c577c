"""`serve` and `local start` under conditions: failures on demand, a plan, a fast clock."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from qrsession.local.process import daemon
from qrsession.protocol.routes import API_KEY_GRANT
from tests.conftest import settings_of
from tests.e2e.conftest import COMMAND, LIMIT_S, Cli

SCENARIO = """
[[rules]]
name = "results are lost twice"
method = "GET"
path = "/jobs/{job_id}/results"
effect = "drop"
when = "after"
times = 2

[[rules]]
name = "an outage"
method = "POST"
path = "/sessions"
skip = 1
effect = "answer"
status = 503
"""


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[str]:
    """Run `qrsession serve` until the end of the block, and give its URL."""
    process = subprocess.Popen(
        [str(COMMAND), "serve", "--workers", "1", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, errors) == (143, "")


def control(url: str, home: Path) -> dict[str, Any]:
    """Return what the runtime says of its scenario."""
    form = {"grant_type": API_KEY_GRANT, "apikey": daemon.secret_of(settings_of(home))}
    token = requests.post(f"{url}/identity/token", data=form, timeout=LIMIT_S).json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    reply = requests.get(f"{url}/_qrsession/scenario", headers=headers, timeout=LIMIT_S)
    found: dict[str, Any] = reply.json()
    return found


def test_a_command_gets_through_a_scenario(own_cli: Cli, fresh_home: Path) -> None:
    """Lost results are asked for again, and so is a session that an outage refused."""
    (own_cli.folder / "scenario.toml").write_text(SCENARIO)
    with serving(own_cli.folder, "--scenario", "scenario.toml") as url:
        own_cli.ok("open", "--local", "--backend", "aer_simulator")
        job = own_cli.data("run", "@bell", "--shots", "100")
        assert sum(job["pubs"][0]["counts"].values()) == 100
        own_cli.ok("open", "--local", "--backend", "aer_simulator")
        rules = control(url, fresh_home)["rules"]
    assert [(rule["name"], rule["fired"], rule["left"]) for rule in rules] == [
        ("results are lost twice", 2, 0),
        ("an outage", 1, 0),
    ]


def test_the_open_plan_on_a_fast_clock(own_cli: Cli) -> None:
    """A dedicated session is refused, a batch is not, and hours pass meanwhile."""
    with serving(own_cli.folder, "--plan", "open", "--clock-rate", "36000") as url:
        local = ("open", "--local", "--backend", "aer_simulator")
        error = own_cli.error(3, *local, "--mode", "dedicated")
        assert error["details"]["ibm_code"] == 1352
        own_cli.ok(*local, "--mode", "batch")
        date = requests.get(f"{url}/nowhere", timeout=LIMIT_S).headers["Date"]
    assert parsedate_to_datetime(date).timestamp() > datetime.now(UTC).timestamp() + 3600


def test_the_background_serves_under_conditions(own_cli: Cli, fresh_home: Path) -> None:
    """They hold until it ends; one that is up is not silently used in place of them."""
    scenario = {"rules": [{"effect": "answer", "status": 500, "path": "/jobs", "times": "always"}]}
    (own_cli.folder / "scenario.json").write_text(json.dumps(scenario))
    start = ("local", "start", "--plan", "payg", "--clock-rate", "60", "--scenario")
    url = own_cli.ok(*start, "scenario.json").strip()
    assert control(url, fresh_home)["rules"][0]["status"] == 500
    error = own_cli.error(10, *start, "scenario.json")
    assert "local stop" in error["advice"]
    assert own_cli.ok("local", "start").strip() == url


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--plan", "gold"), "local, open, payg, premium"),
        (("--clock-rate", "0"), "0.01"),
        (("--usage-limit", "-1"), "more than 0"),
        (("--submissions-per-minute", "0"), "at least one"),
        (("--engine", "node:1"), "'node:1' is not the address of a Dask scheduler"),
        (("--scenario", "nothing.toml"), "nothing.toml cannot be read"),
        (("--scenario", "wrong.toml"), "rules[0].effect"),
    ],
)
@pytest.mark.parametrize("command", [("serve",), ("local", "start")])
def test_wrong_conditions_start_nothing(
    own_cli: Cli, fresh_home: Path, command: tuple[str, ...], arguments: tuple[str, ...], words: str
) -> None:
    """Exit code 2 and one clear line, before anything is made."""
    (own_cli.folder / "wrong.toml").write_text('[[rules]]\neffect = "explode"\n')
    done = own_cli.run(*command, *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) <= 3
    assert not (fresh_home / "data").exists()
