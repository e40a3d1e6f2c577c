"""What `run` asks of a service, counted on the wire, with a device of 156 qubits as its backend."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from benchmarks.relay import Relay, relay_to
from qrsession.local.account.identity import LOCAL_CRN
from tests.e2e.conftest import COMMAND, LIMIT_S, Cli
from tests.sample_circuits import BELL

pytestmark = pytest.mark.timeout(180)

HEAVY = re.compile(r"^import time:.*\| +(qiskit|numpy|rich)\b", re.MULTILINE)


def through(relay: Relay, home: Path) -> dict[str, str]:
    """Return the variables of an account that is the local runtime behind a relay."""
    secret = (home / "data" / "local" / "secret").read_text().strip()
    return {
        "QRSESSION_ACCOUNT": "environment",
        "QISKIT_IBM_TOKEN": secret,
        "QISKIT_IBM_URL": relay.url,
        "QISKIT_IBM_INSTANCE": LOCAL_CRN,
    }


def test_a_circuit_that_ran_before_takes_a_post_and_its_result(
    own_cli: Cli, fresh_home: Path
) -> None:
    """One POST, held GETs, one result, nothing else; no document, and no Qiskit."""
    runtime = own_cli.data("local", "start", "--ideal")["runtime"]
    file = own_cli.folder / "bell.qasm"
    file.write_text(BELL)
    with relay_to(urlsplit(runtime["url"]).port or 0) as relay:
        cli = Cli(own_cli.folder, through(relay, fresh_home))
        cli.ok("open", "--backend", "ibm_fez", "--quiet")
        asked = [(seen.method, _place(seen.target)) for seen in relay.requests]
        assert ("GET", "backends/ibm_fez/properties") in asked
        # Compressed; as they are they have 600 kB.
        assert relay.received_bytes < 80_000

        relay.reset()
        assert cli.data("run", str(file), "--shots", "100")["circuit_cache"] == "miss"
        assert not [seen for seen in relay.requests if "/backends/" in seen.target]

        relay.reset()
        done = _traced(cli, "run", str(file), "--shots", "100", "--json")
        ran = json.loads(done.stdout)["data"]
        assert ran["circuit_cache"] == "hit"
        assert sum(ran["pubs"][0]["counts"].values()) == 100
        _check_requests(relay, ran["job"]["job_id"])
        assert not HEAVY.findall(done.stderr)


def test_new_values_of_a_known_circuit_need_no_qiskit(cli: Cli) -> None:
    """Another sweep of the same circuit, from a file and with other axes, in a fresh process."""
    (cli.folder / "points.csv").write_text("theta\n0\n1\n2\n")
    estimated = ("@rotation", "--primitive", "estimator", "-O", "Z", "-O", "X")
    where = ("--local", "--backend", "aer_simulator", "--precision", "0.5", "--json")
    first = cli.ok("run", *estimated, *where, "--param", "theta=0.5")
    assert json.loads(first)["data"]["circuit_cache"] in {"hit", "miss"}
    done = _traced(cli, "run", *estimated, *where, "--params", "points.csv")
    data = json.loads(done.stdout)["data"]
    assert data["circuit_cache"] == "hit"
    assert [len(row) for row in data["pubs"][0]["evs"]] == [3, 3]
    assert not HEAVY.findall(done.stderr)


def _check_requests(relay: Relay, job_id: str) -> None:
    """One submission first, one result last, and between them requests that are held."""
    first, *waits, last = relay.requests
    assert (first.method, _place(first.target)) == ("POST", "jobs")
    assert (last.method, _place(last.target)) == ("GET", f"jobs/{job_id}/results")
    assert 1 <= len(waits) <= 3
    for wait in waits:
        assert (wait.method, _place(wait.target)) == ("GET", f"jobs/{job_id}")
        assert wait.headers["prefer"].startswith("wait=")


def _place(target: str) -> str:
    return urlsplit(target).path.removeprefix("/api/v1/")


def _traced(cli: Cli, *arguments: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command line that names every module that it imports on stderr."""
    return subprocess.run(
        [sys.executable, "-X", "importtime", str(COMMAND), *arguments],
        env={**os.environ, **cli.environ},
        cwd=cli.folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
