"""What is left of a job of Slurm: where it is told, and how `squeue` writes it."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrsession.errors import UsageError
from qrsession.neighbours.slurm import allocation_left_s, parse_left, session_time_s

JOB = {"SLURM_JOB_ID": "7"}


def refuse(_command: Sequence[str]) -> str:
    raise AssertionError("nobody is asked")


@pytest.mark.fast
@pytest.mark.parametrize(
    ("text", "left_s"),
    [
        ("9:59", 599.0),
        ("0:00", 0.0),
        ("1:02:03", 3723.0),
        ("2-00:00:01", 172_801.0),
        ("UNLIMITED", None),
        ("INVALID", 0.0),
    ],
)
def test_time_left_as_squeue_writes_it(text: str, left_s: float | None) -> None:
    assert parse_left(text) == left_s


@pytest.mark.fast
@given(st.integers(0, 40_000_000))
def test_every_time_is_read_back(left_s: int) -> None:
    days, rest = divmod(left_s, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    whole = f"{days}-{hours:02}:{minutes:02}:{seconds:02}"
    assert parse_left(whole if days else whole.partition("-")[2]) == left_s


@pytest.mark.fast
@pytest.mark.parametrize("text", ["NOT_SET", "N/A", "9", "", "1:2:3:4", "٣:٣", "1-2", "-1:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="squeue says"):
        parse_left(text)


@pytest.mark.fast
def test_the_end_time_is_told_by_newer_releases() -> None:
    environ = {**JOB, "SLURM_JOB_END_TIME": "1700000600"}
    assert allocation_left_s(environ, now_epoch_s=1_700_000_000.5, ask=refuse) == 599.5


@pytest.mark.fast
@pytest.mark.parametrize("ends", ["0", "", "Unknown"])
def test_squeue_is_asked_where_the_end_time_says_nothing(ends: str) -> None:
    environ = {**JOB, "SLURM_JOB_END_TIME": ends}
    left_s = allocation_left_s(environ, now_epoch_s=0.0, ask=lambda _command: "10:00\n")
    assert left_s == 600.0


@pytest.mark.fast
def test_a_task_of_an_array_asks_for_itself_alone() -> None:
    asked: list[Sequence[str]] = []

    def answer(command: Sequence[str]) -> str:
        asked.append(command)
        return "1:00:00\n"

    environ = {**JOB, "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"}
    assert allocation_left_s(environ, now_epoch_s=0.0, ask=answer) == 3600.0
    assert asked == [["squeue", "--noheader", "--jobs", "7_3", "--format", "%L"]]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("said", "left_s"), [("20:00\n10:00\n", 600.0), ("UNLIMITED\n10:00\n", 600.0)]
)
def test_the_part_of_a_job_that_ends_first_counts(said: str, left_s: float) -> None:
    assert allocation_left_s(JOB, now_epoch_s=0.0, ask=lambda _command: said) == left_s


@pytest.mark.fast
def test_a_job_that_squeue_does_not_list() -> None:
    with pytest.raises(UsageError, match="does not list the job 7"):
        allocation_left_s(JOB, now_epoch_s=0.0, ask=lambda _command: "\n")


@pytest.fixture
def squeue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the place of a program named squeue, first in the PATH of a job."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    return tmp_path / "squeue"


def install(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(stat.S_IRWXU)


def test_habits_of_the_user_do_not_change_what_squeue_answers(
    squeue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUEUE_STATES", "PENDING")
    install(squeue, 'test -z "$SQUEUE_STATES" && echo 1:00:00')
    said: list[str] = []
    assert session_time_s(said.append) == 3540
    assert said == ["Slurm leaves 1h of this job; the session may last 59m."]


def test_a_job_without_a_limit(squeue: Path) -> None:
    install(squeue, "echo UNLIMITED")
    said: list[str] = []
    assert session_time_s(said.append) is None
    assert "no time limit" in said[0]


def test_what_squeue_complains_of_is_passed_on(squeue: Path) -> None:
    install(squeue, "echo 'Invalid job id specified' >&2; exit 1")
    with pytest.raises(UsageError, match="Invalid job id specified"):
        session_time_s(print)
