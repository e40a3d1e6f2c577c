"""Twins through the installed command: asked for, listed, run on, and refused where that is due."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from qrsession.local.devices.snapshots import carried_folder
from tests.e2e.conftest import COMMAND, Cli

pytestmark = pytest.mark.timeout(180)


def test_circuits_run_on_a_twin_of_the_users_own(own_cli: Cli, fresh_home: Path) -> None:
    """It lies where `backends snapshot` puts it, and is found without a restart."""
    runtime = own_cli.data("local", "start")["runtime"]
    assert runtime["ideal"] is False
    assert own_cli.data("local", "status")["runtime"] == runtime
    carried = carried_folder()
    assert carried is not None
    folder = fresh_home / "data" / "twins" / "my_fez"
    folder.mkdir(parents=True)
    shutil.copy(carried / "fez" / "conf_fez.json", folder / "configuration.json")
    shutil.copy(carried / "fez" / "props_fez.json", folder / "properties.json")

    names = {entry["name"] for entry in own_cli.data("backends", "--local")["backends"]}
    assert {"aer_simulator", "my_fez", "ibm_fez", "ibmq_quito"} <= names
    own_cli.ok("open", "--local", "--backend", "my_fez")
    ran = own_cli.data("run", "@bell", "--shots", "10000")
    assert ran["job"]["backend"] == "my_fez"
    # Its readout alone errs in one of a hundred; that many shots show it beyond all doubt.
    assert set(ran["pubs"][0]["counts"]) == {"00", "01", "10", "11"}
    # What the twin would refuse is not even sent.
    error = own_cli.error(2, "run", "@bell", "--no-transpile", "--quiet")
    assert error["code"] == "invalid_circuit"
    assert "no such instruction" in error["message"]


def test_a_runtime_with_noise_is_not_taken_for_one_without(own_cli: Cli) -> None:
    """Who asks for none gets none or an error, and no running jobs are lost for it."""
    assert own_cli.data("local", "start")["runtime"]["ideal"] is False
    error = own_cli.error(2, "local", "start", "--ideal")
    assert "--ideal" in error["message"]
    assert "qrsession local stop" in error["advice"]
    own_cli.ok("local", "stop")
    runtime = own_cli.data("local", "start", "--ideal")["runtime"]
    assert runtime["ideal"] is True
    assert own_cli.data("local", "start", "--ideal")["runtime"] == runtime
    assert own_cli.data("local", "status")["runtime"]["ideal"] is True


def test_folders_of_twins_are_checked_before_anything_starts(cli: Cli, tmp_path: Path) -> None:
    serve = ("serve", "--port", "0", "--data", str(tmp_path / "own"))
    done = cli.run(*serve, "--twins", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "not a folder" in done.stderr
    assert not (tmp_path / "own").exists()


def test_serve_offers_the_twins_of_a_folder(cli: Cli, tmp_path: Path) -> None:
    """A broken one costs a line of the log, and the runtime is up."""
    broken = tmp_path / "twins" / "broken"
    broken.mkdir(parents=True)
    (broken / "configuration.json").write_text("{")
    (broken / "properties.json").write_text("{}")
    home = tmp_path / "home"
    environ = {**dict(cli.environ), "QRSESSION_HOME": str(home), "PATH": str(COMMAND.parent)}
    with subprocess.Popen(
        [str(COMMAND), "serve", "--port", "0", "--twins", str(tmp_path / "twins")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("http://127.0.0.1:")
            listed = subprocess.run(
                [str(COMMAND), "backends", "--local", "--json"],
                env=environ,
                capture_output=True,
                check=True,
            )
            names = [entry["name"] for entry in json.loads(listed.stdout)["data"]["backends"]]
            assert "ibm_fez" in names
            assert "broken" not in names
        finally:
            process.terminate()
            _, stderr = process.communicate(timeout=30)
    assert [line for line in stderr.splitlines() if "broken" in line] == stderr.splitlines()
    assert len(stderr.splitlines()) == 1
