"""The GitHub Action: its steps are run as a machine of GitHub runs them."""

import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.clouds import KEY, Cloud, Offer, device
from tests.e2e.conftest import Cli
from tests.e2e.programs import wait_for
from tests.e2e.workflows import ACTION, Machine, load_action, pull_request

pytestmark = pytest.mark.timeout(120)

# Every way in which a shell, GitHub or Markdown might take text for something else.
NASTY = "\"; touch pwned; ' $(touch pwned) `touch pwned` ${{ secrets.KEY }} --local | <b>"
QUOTED = r"""
said="it's \"$1\" & `echo done` \\ %0A"
printf '%s\n' "$said" ':: ::' > said
cat <<'END' >> said
  $HOME "quoted" 'ü' \
END
qrsession run @bell --shots 100 > counts
"""


@pytest.fixture
def machine(shared_home: Path, tmp_path: Path) -> Machine:
    """Return a machine with the action installed, where the local runtime of many tests serves."""
    assert shared_home.is_dir()
    found = Machine(tmp_path)
    found.install_ours()
    return found


def open_sessions(machine: Machine) -> list[Any]:
    """Return what is left in the ledgers that the action made."""
    found: list[Any] = []
    for ledger in (machine.temp / "qrsession").glob("step.*/state.toml"):
        cli = Cli(machine.workspace, {"QRSESSION_STATE": str(ledger)})
        found += cli.data("status", "--all", "--cached")["sessions"]
    return found


@pytest.mark.fast
def test_shape() -> None:
    """It is a composite action, whose every input and output is described and used."""
    action = load_action()
    assert action["runs"]["using"] == "composite"
    text = (ACTION / "action.yml").read_text()
    for name, declared in action["inputs"].items():
        assert f"${{{{ inputs.{name} }}}}" in text, name
        assert declared["description"].endswith((".", ". ")), name
        assert isinstance(declared.get("default", ""), str), f"{name}: inputs are text"
    assert action["inputs"]["run"]["required"] is True
    for name, output in action["outputs"].items():
        assert output["value"] == f"${{{{ steps.end.outputs.{name} }}}}"


@pytest.mark.fast
def test_nothing_that_a_user_wrote_is_part_of_a_script() -> None:
    """Nor of an argument: scripts have no expression in them, and the first one masks the key."""
    steps = load_action()["runs"]["steps"]
    scripts = [step for step in steps if "run" in step]
    assert [step["run"].split()[-1] for step in scripts] == ["begin", "install", "run", "end"]
    for step in scripts:
        assert "${{" not in step["run"]
        assert step["run"].startswith("exec "), "signals reach a step's first process alone"
        assert step["shell"] == "bash"
    assert "INPUT_TOKEN" in scripts[0]["env"]
    assert "INPUT_TOKEN" not in scripts[1]["env"], "what is installed sees no key"
    assert scripts[-1]["if"] == "always()"
    used = set(re.findall(r"\b(INPUT_[A-Z_]+)", (ACTION / "run.sh").read_text()))
    given = {name for step in scripts for name in step["env"] if name.startswith("INPUT_")}
    assert given == used


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_shellcheck_finds_nothing() -> None:
    done = subprocess.run(
        ["shellcheck", "--severity=style", str(ACTION / "run.sh")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_a_script_runs_as_it_was_written(machine: Machine) -> None:
    """Lines, quotes and all; it finds the session, and the session is closed behind it."""
    end = machine.run_action(run=QUOTED, local="true", backend="aer_simulator", max_time="10m")
    assert end.exit_code == 0, end.stderr
    assert (machine.workspace / "said").read_text().splitlines() == [
        r'it\'s "" & done \ %0A'.replace("\\'", "'"),
        ":: ::",
        "  $HOME \"quoted\" 'ü' \\",
    ]
    counts = [line.split() for line in (machine.workspace / "counts").read_text().splitlines()]
    assert sum(int(count) for _, count in counts) == 100
    session_id = end.outputs["session-id"]
    assert float(end.outputs["usage-seconds"]) > 0
    assert (end.outputs["exit-code"], end.outputs["local"]) == ("0", "true")
    assert "**Simulated, not a QPU**" in end.summary
    assert session_id in end.summary
    assert "100 shots, " in end.summary
    assert "::" not in end.stdout
    cli = Cli(machine.workspace)
    assert cli.data("status", session_id)["session"]["state"] == "closed"


def test_a_script_s_code_is_the_action_s(machine: Machine) -> None:
    """The lines after the one that failed are not run, and the job's Python is the job's own."""
    script = "command -v python > found || true\nsh -c 'exit 7' | cat\ntouch never"
    end = machine.run_action(run=script, local="true", summary="false")
    assert (end.exit_code, end.outputs["exit-code"]) == (7, "7")
    assert not (machine.workspace / "never").exists()
    assert (machine.workspace / "found").read_text().strip() == (shutil.which("python") or "")
    assert end.summary == ""
    assert open_sessions(machine) == []


@pytest.mark.parametrize("head", [2, None])
def test_a_pull_request_from_a_fork_is_simulated_only_if_asked_for(
    machine: Machine, head: int | None
) -> None:
    """And that is said where nobody overlooks it; without it there is no key, so nothing runs."""
    machine.event_name, machine.event = "pull_request", pull_request(head)
    machine.environ["QISKIT_IBM_TOKEN"] = KEY
    end = machine.run_action(run="printenv > seen", local="forks", token=KEY)
    assert (end.exit_code, end.outputs["local"]) == (0, "true")
    assert "::warning title=qrsession::Simulated, not a QPU" in end.stdout
    assert end.summary.startswith("> [!WARNING]\n> **Simulated, not a QPU**")
    seen = (machine.workspace / "seen").read_text()
    assert KEY not in seen
    assert "INPUT_" not in seen
    assert "QRSESSION_ACCOUNT=local\n" in seen


@pytest.mark.parametrize(
    ("local", "event"),
    [("false", pull_request(2)), ("forks", pull_request(1)), ("forks", {}), ("false", {})],
)
def test_without_a_key_nothing_runs(machine: Machine, local: str, event: dict[str, Any]) -> None:
    """Of a fork that nobody said to simulate, and of a push alike."""
    machine.event = event
    end = machine.run_action(run="touch ran", local=local)
    assert (end.exit_code, end.outputs["exit-code"]) == (3, "3")
    assert "::error title=qrsession::There is no key: " in end.stdout
    assert end.outputs["session-id"] == ""
    assert not (machine.workspace / "ran").exists()


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    found = Cloud(documents={"ibm_test": ({"backend_name": "ibm_test", "n_qubits": 5}, {})})
    yield found
    found.stop()


def test_the_key_is_masked_first_and_reaches_the_script(machine: Machine, cloud: Cloud) -> None:
    """It is in no list of processes, and the session on the account is closed."""
    offer = Offer("ci", backends=(device("ibm_test"),))
    cloud.offers.append(offer)
    script = 'printenv > seen\nps -o args= -p "$PPID" > parent'
    end = machine.run_action(
        run=script, token=KEY, url=cloud.url, instance=offer.crn, mode="batch", max_time="10m"
    )
    assert end.exit_code == 0, end.stderr
    masks = [f"::add-mask::{KEY}", f"::add-mask::{offer.crn}"]
    assert end.stdout.splitlines()[: len(masks)] == masks
    after = end.stdout.split(masks[-1])[1]
    assert KEY not in after + end.stderr + end.summary
    seen = (machine.workspace / "seen").read_text()
    assert f"QISKIT_IBM_TOKEN={KEY}\n" in seen
    assert "INPUT_" not in seen
    command = (machine.workspace / "parent").read_text()
    assert "exec" in command
    assert KEY not in command
    assert offer.crn not in command
    (session,) = cloud.sessions.values()
    assert session["state"] == "closed"
    assert end.outputs["session-id"] == session["id"]
    assert (end.outputs["exit-code"], end.outputs["local"]) == ("0", "false")
    assert "Simulated" not in end.summary


def test_inputs_are_never_evaluated(machine: Machine) -> None:
    """A backend of any name is a backend that does not exist."""
    end = machine.run_action(run="touch ran", local="true", backend=NASTY)
    assert (end.exit_code, end.outputs["exit-code"]) == (125, "125")
    assert "no session was opened" in end.summary
    assert "<b>" not in end.summary
    assert not any((machine.workspace / name).exists() for name in ("pwned", "ran"))


@pytest.mark.parametrize(
    "inputs",
    [
        {"run": ""},
        {"local": "yes"},
        {"summary": NASTY},
        {"shell": NASTY},
        {"shell": "echo {0}.sh"},
        {"working_directory": "nowhere"},
        {"working_directory": f"-{NASTY}"},
    ],
)
def test_inputs_that_mean_nothing(machine: Machine, inputs: dict[str, str]) -> None:
    end = machine.run_action(**{"run": "touch ran", "local": "true", **inputs})
    assert (end.exit_code, end.outputs["exit-code"]) == (2, "2")
    errors = [line for line in end.stdout.splitlines() if line.startswith("::error ")]
    assert len(errors) == 1
    assert not any((machine.workspace / name).exists() for name in ("pwned", "ran"))


@pytest.mark.deep
@pytest.mark.parametrize(
    ("shell", "script"),
    [
        ("sh", "pwd > here"),
        ("python", "import os, pathlib; pathlib.Path('here').write_text(os.getcwd() + '\\n')"),
        ("bash -x {0}", "pwd > here"),
    ],
)
def test_other_shells_in_other_folders(machine: Machine, shell: str, script: str) -> None:
    folder = machine.workspace / "a folder"
    folder.mkdir()
    machine.environ["PATH"] = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    end = machine.run_action(run=script, local="true", shell=shell, working_directory="a folder")
    assert end.exit_code == 0, end.stderr
    assert (folder / "here").read_text() == f"{folder.resolve()}\n"


TRAPS = "trap 'kill $!; exit 4' INT\nsleep 60 >/dev/null 2>&1 &\ntouch ready\nwait\n"
LASTS = "touch ready\nsleep 60 >/dev/null 2>&1\n"


def start_run(machine: Machine, script: str) -> "tuple[subprocess.Popen[str], dict[str, str]]":
    """Start the step that runs the script, and return it when the script runs."""
    steps = {step["run"].split()[-1]: step["run"] for step in load_action()["runs"]["steps"][2:]}
    begin = load_action()["runs"]["steps"][0]["run"]
    folder = machine.run_step(begin, {}).outputs["folder"]
    variables = {"FOLDER": folder, "INPUT_RUN": script, "INPUT_LOCAL": "true"}
    process, _ = machine.start_step(steps["run"], variables)
    wait_for((machine.workspace / "ready").exists, what="the script")
    return process, {"FOLDER": folder, "INPUT_LOCAL": "true"}


@pytest.mark.deep
@pytest.mark.parametrize(
    ("script", "numbers", "expected"),
    [
        (TRAPS, [signal.SIGINT], 4),
        (LASTS, [signal.SIGINT, signal.SIGTERM], 128 + signal.SIGTERM),
    ],
)
def test_a_cancelled_job_closes_its_session(
    machine: Machine, script: str, numbers: list[signal.Signals], expected: int
) -> None:
    """GitHub signals a step's first process alone, SIGINT first, and SIGTERM 7.5 s later."""
    process, variables = start_run(machine, script)
    with process:
        for number in numbers:
            process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == expected
    assert open_sessions(machine) == []
    end = machine.run_step(load_action()["runs"]["steps"][-1]["run"], variables)
    assert end.exit_code == 0
    assert "::" not in end.stdout
    assert end.outputs["exit-code"] == str(expected)


@pytest.mark.deep
def test_a_session_whose_step_was_killed_is_closed_by_the_last_step(machine: Machine) -> None:
    """As GitHub kills it, 2.5 s after SIGTERM."""
    process, variables = start_run(machine, LASTS)
    with process:
        for one in [*psutil.Process(process.pid).children(recursive=True), process]:
            one.kill()
        process.communicate(timeout=60)
    (left,) = open_sessions(machine)
    end = machine.run_step(load_action()["runs"]["steps"][-1]["run"], variables)
    assert end.exit_code == 0, end.stderr
    assert left["session_id"] in end.stdout
    assert end.stdout.startswith("::warning ")
    assert end.outputs["exit-code"] == "137"
    cli = Cli(machine.workspace)
    assert cli.data("status", left["session_id"])["session"]["state"] == "closed"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Make a package of the tool's name that says so, and needs nothing."""
    file = tmp_path / "qrsession-9.9-py3-none-any.whl"
    about = "Metadata-Version: 2.1\nName: qrsession\nVersion: 9.9\n"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("qrsession.py", "def main():\n    print('nine')\n")
        archive.writestr("qrsession-9.9.dist-info/METADATA", about)
        archive.writestr(
            "qrsession-9.9.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(
            "qrsession-9.9.dist-info/entry_points.txt",
            "[console_scripts]\nqrsession = qrsession:main\n",
        )
        archive.writestr("qrsession-9.9.dist-info/RECORD", "")
    return file


@pytest.mark.deep
def test_it_is_installed_beside_the_job_s_python(tmp_path: Path, wheel: Path) -> None:
    """By a version, as pip takes it, once a job."""
    machine = Machine(tmp_path, {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel.parent)})
    machine.environ["PATH"] = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    install = load_action()["runs"]["steps"][2]["run"]
    command = machine.temp / "qrsession" / "bin" / "qrsession"
    for version in ("9.9", "==9.9", "qrsession==9.9", str(wheel)):
        shutil.rmtree(machine.temp / "qrsession", ignore_errors=True)
        (machine.temp / "qrsession").mkdir()
        done = machine.run_step(install, {"INPUT_VERSION": version, "FOUND_PYTHON": ""})
        assert done.exit_code == 0, done.stderr
        said = subprocess.run([command], capture_output=True, text=True, check=True)
        assert said.stdout == "nine\n"
    made_at = (machine.temp / "qrsession" / "venv" / "pyvenv.cfg").stat().st_mtime_ns
    again = machine.run_step(install, {"INPUT_VERSION": str(wheel), "FOUND_PYTHON": ""})
    assert again.exit_code == 0
    assert (machine.temp / "qrsession" / "venv" / "pyvenv.cfg").stat().st_mtime_ns == made_at
    option = machine.run_step(install, {"INPUT_VERSION": "--help", "FOUND_PYTHON": ""})
    assert option.exit_code != 0
    assert not (machine.temp / "qrsession" / "installed").exists()


def test_no_python_that_will_do(tmp_path: Path) -> None:
    """It is said, with the input that helps."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "cat"):
        (tools / name).symlink_to(shutil.which(name) or "")
    machine = Machine(tmp_path, {"PATH": str(tools)})
    done = machine.run_step(load_action()["runs"]["steps"][2]["run"], {})
    assert done.exit_code == 2
    assert "`python-version`" in done.stdout
