"""IBM's client, unmodified, in a process that knows a runtime by its environment alone.

What a script there imports of the tests, this module too, must not import Qrsession.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# Any will do: the service of a client is the one that its environment names.
INSTANCE = "crn:v1:bluemix:public:quantum-computing:us-east:a/me:mine::"
LIMIT_S = 110


def environ_of(url: str, home: Path, key: str, instance: str = INSTANCE) -> dict[str, str]:
    """Return the variables by which IBM's client finds what serves at an origin."""
    return {
        "HOME": str(home),
        # With this it takes a URL as it stands that has "experimental" in it.
        "QISKIT_FUNCTIONS_EXPERIMENTAL": "1",
        "IAM_URL": url,
        "QISKIT_IBM_TOKEN": key,
        "QISKIT_IBM_INSTANCE": instance,
        "QISKIT_IBM_URL": f"{url}/experimental/api/v1",
    }


def run_client(script: str, url: str, home: Path, *arguments: str) -> dict[str, Any]:
    """Run a script, and return what it reports: JSON in the last line of its stdout."""
    from tests.local.conftest import SECRET  # noqa: PLC0415 - see above

    home.mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "NO_PROXY": "127.0.0.1",
        **environ_of(url, home, SECRET),
    }
    child = subprocess.run(
        [sys.executable, script, *arguments],
        env=environ,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    # What it caught and only warned about would otherwise pass unseen.
    assert "could not be instantiated" not in child.stderr
    report: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return report
