"""`doctor` where all is well, with the real runtime, and programs that are really tried."""

from pathlib import Path

from tests.e2e.conftest import Cli


def test_a_home_with_its_runtime_is_well(cli: Cli, session: str, shared_home: Path) -> None:
    assert session
    # How long programs take to start is the machine's affair, and it is busy.
    checks = {
        one["name"]: one
        for one in cli.data("doctor", "--local")["checks"]
        if one["name"] != "start"
    }
    assert {one["status"] for one in checks.values()} <= {"ok", "skipped"}, checks
    assert [name for name, one in checks.items() if one["status"] == "skipped"] in (
        [],
        ["completion"],
    )
    assert checks["key"]["message"] == "The local runtime is up, and takes this home's key."
    assert "process " in checks["runtime"]["message"]
    assert checks["qiskit loads"]["message"] == "Qiskit and Aer can be loaded."
    assert checks["ledger"]["message"].endswith("has one open session.")
    secret = (shared_home / "data" / "local" / "secret").read_text().strip()
    assert secret not in str(checks)
