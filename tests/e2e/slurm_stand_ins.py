"""Small programs in place of Slurm's, where there is none: they do what its manual pages say.

One file is all of them, told by its name: ``sbatch``, ``srun``, ``squeue`` and ``scancel``. A job
is a process group; its number, and the end of it, are files in the folder ``QUEUE``.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

QUEUE = Path(os.environ.get("STAND_IN_QUEUE", "."))
_LIMIT_S = 60.0
_POLL_S = 0.05
_DEFAULT_NAME = "slurm-%A_%a.out"


def sbatch(arguments: list[str]) -> int:
    """Submit a script, or what ``--wrap`` says, once for each element of an array."""
    options, words = _parsed(arguments)
    text = f"#!/bin/sh\n{options['wrap']}\n" if "wrap" in options else Path(words[0]).read_text()
    in_script = [line.split()[1] for line in text.splitlines() if line.startswith("#SBATCH ")]
    options = {**_parsed(in_script)[0], **options}
    job = str(len(list(QUEUE.glob("*.job"))) + 1)
    (QUEUE / f"{job}.job").write_text(text)
    sys.stdout.write(f"{job}\n" if "parsable" in options else f"Submitted batch job {job}\n")
    sys.stdout.flush()
    first, _, last = options.get("array", "").partition("-")
    tasks = [str(number) for number in range(int(first), int(last) + 1)] if last else [None]
    if os.fork() == 0:
        os.setsid()
        (QUEUE / f"{job}.group").write_text(str(os.getpid()))
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        # What ends the job ends its shells, and not who notes its end.
        signal.signal(signal.SIGTERM, lambda *_: None)
        _await(options.get("dependency", "").removeprefix("afterany:"))
        codes = [shell.wait() for shell in [_start(job, task, options) for task in tasks]]
        (QUEUE / f"{job}.end").write_text(str(max(abs(code) for code in codes)))
        os._exit(0)
    if "wait" in options:
        _await(job)
        return int((QUEUE / f"{job}.end").read_text())
    return 0


def _start(job: str, task: str | None, options: dict[str, str]) -> "subprocess.Popen[bytes]":
    name = options.get("output", _DEFAULT_NAME if task else "slurm-%A.out")
    output = Path(name.replace("%A", job).replace("%a", task or ""))
    environ = {**os.environ, "SLURM_JOB_ID": job, "SLURM_NTASKS": options.get("ntasks", "1")}
    environ |= {"SLURM_ARRAY_JOB_ID": job, "SLURM_ARRAY_TASK_ID": task} if task else {}
    with output.open("wb") as out:
        script = QUEUE / f"{job}.job"
        return subprocess.Popen(["bash", str(script)], env=environ, stdout=out, stderr=out)


def srun(arguments: list[str]) -> int:
    """Run a command as often as the job has tasks, at once; pass on what ends them."""
    tasks = [
        subprocess.Popen(arguments, env={**os.environ, "SLURM_PROCID": str(number)})
        for number in range(int(os.environ["SLURM_NTASKS"]))
    ]

    def end_tasks(*_: object) -> None:
        for task in tasks:
            task.terminate()

    signal.signal(signal.SIGTERM, end_tasks)
    return max(128 - code if code < 0 else code for code in [task.wait() for task in tasks])


def squeue(arguments: list[str]) -> int:
    """Say what is left of a job: nine minutes and fifty-nine seconds."""
    assert arguments[:2] == ["--noheader", "--jobs"], arguments
    assert arguments[3:] == ["--format", "%L"], arguments
    sys.stdout.write("9:59\n")
    return 0


def scancel(arguments: list[str]) -> int:
    """Send SIGTERM to all processes of a job."""
    group = QUEUE / f"{arguments[0]}.group"
    _until(group.exists)
    os.killpg(int(group.read_text()), signal.SIGTERM)
    return 0


def _parsed(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Part options, each ``--name`` or ``--name=value``, from what comes after them."""
    options: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0].startswith("--"):
        name, _, value = rest.pop(0)[2:].partition("=")
        options[name] = rest.pop(0) if name == "wrap" and not value else value
    return options, rest


def _await(job: str) -> None:
    if job:
        _until((QUEUE / f"{job}.end").exists)


def _until(condition: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(int(_LIMIT_S / _POLL_S)):
        if condition():
            return
        waited.wait(_POLL_S)
    raise SystemExit("a stand-in of Slurm waited in vain")


if __name__ == "__main__":
    sys.exit(globals()[Path(sys.argv[0]).name](sys.argv[1:]))
