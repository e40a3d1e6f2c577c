"""Steps of GitHub's workflows and of composite actions, run as its machines run them.

As far as the action and the recipes of the documentation need it: expressions, conditions, the
files by which a step says what it wants, and which process a cancelled job's signals reach.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.conftest import COMMAND

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action"
# How GitHub starts the script of a step with `shell: bash`.
BASH = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
_EXPRESSION = re.compile(r"\$\{\{ *(.+?) *\}\}")
_LIMIT_S = 60.0


def load_yaml(text: str) -> dict[str, Any]:
    """Read a document. YAML 1.1 takes the key ``on`` for a boolean."""
    found: dict[Any, Any] = yaml.safe_load(text)
    return {"on" if key is True else str(key): value for key, value in found.items()}


def load_action() -> dict[str, Any]:
    return load_yaml((ACTION / "action.yml").read_text())


@dataclass(frozen=True)
class StepEnd:
    """How a step ended, what it printed, and what it wrote into the files that it was given."""

    exit_code: int
    stdout: str
    stderr: str
    outputs: Mapping[str, str]
    summary: str


@dataclass
class ActionEnd:
    """How an action ended: by the step that failed, if one did."""

    exit_code: int = 0
    outputs: dict[str, str] = field(default_factory=dict)
    steps: list[StepEnd] = field(default_factory=list)

    @property
    def stdout(self) -> str:
        return "".join(step.stdout for step in self.steps)

    @property
    def stderr(self) -> str:
        return "".join(step.stderr for step in self.steps)

    @property
    def summary(self) -> str:
        return "".join(step.summary for step in self.steps)


@dataclass
class Machine:
    """A machine that runs a job.

    Attributes:
        folder: Where its workspace and its temporary files are.
        environ: What the job's environment has beside GitHub's own.
        event_name: The event that the workflow runs for.
        event: Its payload.
    """

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    event_name: str = "push"
    event: Mapping[str, Any] = field(default_factory=dict)
    _num_files: int = 0

    def __post_init__(self) -> None:
        for folder in (self.workspace, self.temp):
            folder.mkdir(exist_ok=True)

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def temp(self) -> Path:
        return self.folder / "temp"

    def install_ours(self) -> None:
        """Let the action find installed what it would install: the environment of this test."""
        root = self.temp / "qrsession"
        for folder in ("bin", "venv/bin"):
            (root / folder).mkdir(mode=0o700, parents=True)
        (root / "bin" / "qrsession").symlink_to(COMMAND)
        (root / "venv" / "bin" / "python").symlink_to(sys.executable)
        (root / "installed").write_text(f"{ACTION}/..\n")

    def run_action(self, **inputs: str) -> ActionEnd:
        """Run the action, with inputs named with underscores in place of hyphens."""
        action = load_action()
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert set(given) <= set(action["inputs"])
        defaults = {name: one.get("default", "") for name, one in action["inputs"].items()}
        known = {f"inputs.{name}": value for name, value in {**defaults, **given}.items()}
        end = ActionEnd()
        for step in action["runs"]["steps"]:
            if not holds(step.get("if", "success()"), known, has_failed=end.exit_code != 0):
                continue
            assert "run" in step, f"{step['name']} uses an action of somebody else"
            variables = {name: resolve(value, known) for name, value in step["env"].items()}
            done = self.run_step(step["run"], variables)
            end.steps.append(done)
            end.exit_code = end.exit_code or done.exit_code
            for name, value in done.outputs.items():
                known[f"steps.{step.get('id')}.outputs.{name}"] = value
        for name, output in action["outputs"].items():
            end.outputs[name] = resolve(output["value"], known)
        return end

    def run_step(self, script: str, variables: Mapping[str, str]) -> StepEnd:
        """Run the script of a step to its end."""
        with ExitStack() as stack:
            process, files = self.start_step(script, variables)
            stack.enter_context(process)
            stack.callback(process.kill)
            stdout, stderr = process.communicate(timeout=_LIMIT_S)
        self.environ |= read_assignments(files["GITHUB_ENV"])
        return StepEnd(
            process.returncode,
            stdout,
            stderr,
            read_assignments(files["GITHUB_OUTPUT"]),
            files["GITHUB_STEP_SUMMARY"].read_text(),
        )

    def start_step(
        self, script: str, variables: Mapping[str, str]
    ) -> "tuple[subprocess.Popen[str], dict[str, Path]]":
        """Start the script of a step, and return its process and the files that it was given."""
        self._num_files += 1
        file = self.temp / f"script-{self._num_files}.sh"
        file.write_text(script)
        event = self.temp / "event.json"
        event.write_text(json.dumps(self.event))
        files = {
            name: self.temp / f"{name.lower()}-{self._num_files}"
            for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        }
        for one in files.values():
            one.touch()
        process = subprocess.Popen(
            [*BASH, str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.workspace,
            env={
                **os.environ,
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                "GITHUB_ACTION_PATH": str(ACTION),
                "GITHUB_EVENT_NAME": self.event_name,
                "GITHUB_EVENT_PATH": str(event),
                "GITHUB_RUN_ID": "1658821493",
                "RUNNER_OS": "Linux",
                "RUNNER_TEMP": str(self.temp),
                **{name: str(path) for name, path in files.items()},
                **self.environ,
                **variables,
            },
        )
        return process, files


def resolve(text: Any, known: Mapping[str, str]) -> str:
    """Put values in the place of expressions; what a step did not say is empty, as at GitHub."""
    if isinstance(text, bool):
        return str(text).lower()

    def value_of(match: "re.Match[str]") -> str:
        name = match[1]
        assert re.fullmatch(r"(inputs|steps|secrets|github)\.[\w.-]+", name), name
        return known[name] if name in known else known.get(name, "")

    return _EXPRESSION.sub(value_of, str(text))


def holds(condition: str, known: Mapping[str, str], *, has_failed: bool) -> bool:
    """Whether a step is run."""
    compared = re.fullmatch(r"(inputs\.[\w-]+) != ''", condition)
    if compared:
        return not has_failed and known[compared[1]] != ""
    return {"always()": True, "success()": not has_failed}[condition]


def read_assignments(file: Path) -> dict[str, str]:
    """Read a file of lines ``name=value``."""
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def pull_request(head: int | None, base: int = 1) -> dict[str, Any]:
    """Return the payload for a pull request from one repository to another, by their ids."""
    repository = None if head is None else {"id": head, "fork": head != base}
    return {"pull_request": {"head": {"repo": repository}, "base": {"repo": {"id": base}}}}
