"""The recipes of the how-to on CI work as they stand: their steps are run, as CI machines do."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import COMMAND, Cli
from tests.e2e.programs import CRN, ServerAccount, default_account
from tests.e2e.workflows import (
    ACTION,
    ROOT,
    ActionEnd,
    Machine,
    holds,
    load_action,
    load_yaml,
    pull_request,
    resolve,
)

pytestmark = pytest.mark.timeout(120)

PAGE = ROOT / "docs" / "howto" / "ci.md"
OURS = "OWNER/qrsession/action@main"
WITH_ACTION, NIGHTLY, STEPS, GITLAB, SCRIPT, EXPECT = (
    ".github/workflows/quantum.yml",
    ".github/workflows/nightly.yml",
    ".github/workflows/steps.yml",
    ".gitlab-ci.yml",
    "circuits/nightly.sh",
    ".github/workflows/expect.yml",
)
_NAMED = re.compile(r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```", re.DOTALL | re.MULTILINE)
# What recipes install is here: `pip` and `python -m venv` need do no more than be called so.
PIP = '#!/bin/sh\n[ "$*" = "install qrsession" ]\n'
PYTHON = '#!/bin/sh\n[ "$*" = "-m venv .venv" ]\n'


def files_of_the_page() -> dict[str, str]:
    """Return the page's files by their names."""
    return dict(_NAMED.findall(PAGE.read_text()))


def steps_of(name: str) -> list[dict[str, Any]]:
    """Return the steps of the only job of a workflow."""
    (job,) = load_yaml(files_of_the_page()[name])["jobs"].values()
    found: list[dict[str, Any]] = job["steps"]
    return found


@pytest.mark.fast
def test_every_recipe_of_the_page_is_run() -> None:
    names = list(files_of_the_page())
    assert names == [WITH_ACTION, NIGHTLY, STEPS, GITLAB, SCRIPT, EXPECT]
    assert len(re.findall(r"^```(?:yaml|sh)$", PAGE.read_text(), re.MULTILINE)) == len(names)


@pytest.mark.fast
def test_recipes_give_the_action_what_it_takes() -> None:
    """And the page tells of each of its inputs and outputs."""
    action = load_action()
    used = [step for name in (WITH_ACTION, EXPECT) for step in steps_of(name)]
    ours = [step for step in used if step.get("uses") == OURS]
    assert len(ours) == 2
    for step in ours:
        assert set(step["with"]) <= set(action["inputs"])
        assert all(isinstance(value, str) for value in step["with"].values())
    told = set(re.findall(r"`([a-z-]+)`", PAGE.read_text()))
    assert {*action["inputs"], *action["outputs"]} <= told


@pytest.mark.fast
def test_keys_are_secrets() -> None:
    """Each is given to the steps that need it, and is part of no script."""
    for name in (WITH_ACTION, NIGHTLY, STEPS):
        text = files_of_the_page()[name]
        assert "${{ secrets.QISKIT_IBM_TOKEN }}" in text
        assert all("${{" not in step.get("run", "") for step in steps_of(name))
    assert "TOKEN" not in files_of_the_page()[GITLAB]


@pytest.fixture
def server(fresh_home: Path, tmp_path: Path) -> Iterator[ServerAccount]:
    """Serve an account that no machine has saved."""
    assert not fresh_home.exists()
    with default_account(tmp_path) as found:
        Path.home().joinpath(".qiskit", "qiskit-ibm.json").unlink()
        yield found


@pytest.fixture
def machine(server: ServerAccount, tmp_path: Path) -> Machine:
    """Return a machine with the project checked out, whose account's service is a server here."""
    shims = tmp_path / "shims"
    shims.mkdir()
    for name, text in (("pip", PIP), ("python", PYTHON)):
        (shims / name).write_text(text)
        (shims / name).chmod(0o755)
    (shims / "qrsession").symlink_to(COMMAND)
    found = Machine(tmp_path)
    found.environ |= {
        "PATH": f"{shims}{os.pathsep}{os.environ['PATH']}",
        "QISKIT_IBM_URL": server.url,
    }
    found.install_ours()
    circuits = found.workspace / "circuits"
    circuits.mkdir()
    bell = ROOT / "qrsession" / "examples" / "bell.qasm"
    shutil.copy(bell, circuits / "bell.qasm")
    (circuits / "nightly.sh").write_text(files_of_the_page()[SCRIPT])
    return found


def run_workflow(machine: Machine, name: str, server: ServerAccount) -> list[ActionEnd]:
    """Run the steps of a workflow's only job, and return how those of them ended that are ours."""
    (job,) = load_yaml(files_of_the_page()[name])["jobs"].values()
    known = {"secrets.QISKIT_IBM_TOKEN": server.key, "secrets.QISKIT_IBM_INSTANCE": CRN}
    machine.environ |= {key: resolve(value, known) for key, value in job.get("env", {}).items()}
    ends: list[ActionEnd] = []
    for step in job["steps"]:
        has_failed = any(end.exit_code for end in ends)
        if not holds(step.get("if", "success()"), known, has_failed=has_failed):
            continue
        if step.get("uses") == OURS:
            inputs = {
                key.replace("-", "_"): resolve(value, known) for key, value in step["with"].items()
            }
            ends.append(machine.run_action(**inputs))
            for key, value in ends[-1].outputs.items():
                known[f"steps.{step.get('id')}.outputs.{key}"] = value
        elif "run" in step:
            variables = {key: resolve(value, known) for key, value in step.get("env", {}).items()}
            done = machine.run_step(step["run"], variables)
            ends.append(ActionEnd(done.exit_code, steps=[done]))
    return ends


def open_at(server: ServerAccount, folder: Path) -> list[Any]:
    """Return the sessions that are open at a server, as somebody else sees them."""
    environ = {
        "QISKIT_IBM_TOKEN": server.key,
        "QISKIT_IBM_URL": server.url,
        "QISKIT_IBM_INSTANCE": CRN,
        "QRSESSION_HOME": str(folder / "somebody"),
    }
    seen = Cli(folder, environ).data("list", "--remote")
    return [*seen["sessions"], *seen["strangers"]]


@pytest.mark.deep
@pytest.mark.parametrize("name", [WITH_ACTION, NIGHTLY, STEPS])
def test_workflows(machine: Machine, server: ServerAccount, name: str) -> None:
    """They run on the account, leave no session open, and find their job when run again."""
    environ_of_a_job = dict(machine.environ)
    for _ in range(2):
        machine.environ = dict(environ_of_a_job)
        ends = run_workflow(machine, name, server)
        assert [end.exit_code for end in ends] == [0] * len(ends), ends
        assert open_at(server, machine.folder) == []
    environ = {"QISKIT_IBM_TOKEN": server.key, "QISKIT_IBM_INSTANCE": CRN}
    code = "from qrsession import RuntimeService; print(len(list(RuntimeService().jobs())))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "QISKIT_IBM_URL": server.url, **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"


@pytest.mark.deep
def test_a_fork_is_simulated(machine: Machine, server: ServerAccount) -> None:
    machine.event_name, machine.event = "pull_request", pull_request(2)
    ends = run_workflow(machine, WITH_ACTION, server)
    assert [end.exit_code for end in ends] == [0, 0]
    assert ends[0].outputs["local"] == "true"
    assert "(simulated - true)" in ends[1].stdout


@pytest.mark.deep
def test_a_step_that_failed_leaves_no_session_open(machine: Machine, server: ServerAccount) -> None:
    (machine.workspace / "circuits" / "bell.qasm").write_text("nonsense")
    for name in (WITH_ACTION, NIGHTLY, STEPS):
        ends = run_workflow(machine, name, server)
        assert 2 in [end.exit_code for end in ends]
        assert open_at(server, machine.folder) == []


@pytest.mark.deep
@pytest.mark.parametrize("is_good", [True, False])
def test_gitlab(machine: Machine, server: ServerAccount, *, is_good: bool) -> None:
    """Lines of a part are one script, and what comes after has a shell of its own."""
    if not is_good:
        (machine.workspace / "circuits" / "bell.qasm").write_text("nonsense")
    venv = machine.workspace / ".venv" / "bin"
    venv.mkdir(parents=True)
    (venv / "qrsession").symlink_to(COMMAND)
    (venv / "pip").write_text(PIP)
    (venv / "pip").chmod(0o755)
    (job,) = load_yaml(files_of_the_page()[GITLAB]).values()
    variables = {
        **{
            name: value.replace("$CI_PROJECT_DIR", str(machine.workspace))
            for name, value in job["variables"].items()
        },
        "CI_PIPELINE_ID": "31",
        "QISKIT_IBM_TOKEN": server.key,
        "QISKIT_IBM_INSTANCE": CRN,
    }
    machine.environ["GITHUB_RUN_ID"] = ""
    done = machine.run_step("\n".join([*job["before_script"], *job["script"]]), variables)
    assert done.exit_code == (0 if is_good else 2), done.stderr
    after = machine.run_step("\n".join(job["after_script"]), variables)
    assert (after.exit_code, after.stdout) == (0, "")
    assert open_at(server, machine.folder) == []
    found = {name for name in job["artifacts"]["paths"] if (machine.workspace / name).exists()}
    assert found == ({"report.md", "counts.json"} if is_good else {"report.md"})


@pytest.mark.deep
def test_expectations(machine: Machine, server: ServerAccount) -> None:
    help_text = Cli(machine.workspace).ok("run", "--help")
    if "--min-fidelity" not in help_text:
        pytest.skip("`run` has no expectations yet")
    ends = run_workflow(machine, EXPECT, server)
    assert [end.exit_code for end in ends] == [0]
    assert "<testsuite" in (machine.workspace / "junit.xml").read_text()


@pytest.mark.fast
def test_the_action_stands_where_recipes_look_for_it() -> None:
    assert (ACTION / "action.yml").is_file()
    assert os.access(ACTION / "run.sh", os.X_OK)
