"""`run --stdin-params`: a line of values in, a line of results out, again and again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pexpect
import pytest

from benchmarks.relay import relay_to
from qrsession.service import RuntimeService
from tests.e2e.conftest import COMMAND, Cli
from tests.e2e.programs import wait_for, write
from tests.e2e.test_wait import LONG_S, Play
from tests.e2e.test_wait import play as play  # noqa: PLC0414 - a fixture
from tests.e2e.test_wire_of_run import HEAVY, through

pytestmark = pytest.mark.timeout(120)

# Turning a qubit by pi in all is certain to find a one.
TURN = """OPENQASM 3.0;
include "stdgates.inc";
input float theta;
input float phi;
qubit q;
bit[1] c;
rx(theta) q;
rx(phi) q;
c[0] = measure q;
"""
PI = 3.141592653589793
SHOTS = 20
RUN = ("run", "turn.qasm", "--stdin-params", "--shots", str(SHOTS))


@pytest.fixture
def turn(cli: Cli, session: str) -> Cli:
    """Return the command with a circuit of two angles, and a session for it."""
    assert session
    write(cli, "turn.qasm", TURN)
    return cli


def lines_of(*lines: Any) -> bytes:
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


def answers_of(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


def counts_of(answer: dict[str, Any]) -> dict[str, int]:
    (pub,) = answer["pubs"]
    found: dict[str, int] = pub["counts"]
    return found


def statuses_of(cli: Cli) -> list[str]:
    return [job["status"] for job in cli.data("jobs")["jobs"]]


class Talk:
    """A loop that is talked to line by line."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process

    def say(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def ask(self, values: Any) -> dict[str, Any]:
        self.say(lines_of(values))
        return self.hear()

    def end(self) -> tuple[int, str, str]:
        """Say no more, and return the exit code and what was left to read."""
        out, err = self.process.communicate()
        return self.process.returncode, out.decode(), err.decode()


@contextmanager
def talking(cli: Cli, *arguments: str, python: Sequence[str] = ()) -> Iterator[Talk]:
    program = [sys.executable, *python, str(COMMAND)] if python else [str(COMMAND)]
    with subprocess.Popen(
        [*program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cli.folder,
        env={**os.environ, **cli.environ},
    ) as process:
        try:
            yield Talk(process)
        finally:
            process.kill()


def test_each_line_has_one_answer_in_order(turn: Cli) -> None:
    lines = [
        lines_of([PI, 0], {"theta": 0, "phi": 0}),
        b"\n   \n",
        lines_of([[0, 0], [PI, 0]], [1]),
        b"no JSON\n\xff\xfe\n",
        lines_of({"theta": 0, "phi": 0, "gamma": 0}, {"theta": 0}),
        # The last line need not end.
        b'{"theta": 3.141592653589793, "phi": 0}',
    ]
    done = turn.run(*RUN, stdin=b"".join(lines))
    answers = answers_of(done.stdout)
    good = {at: answer for at, answer in enumerate(answers) if "pubs" in answer}
    assert {at: counts_of(answer) for at, answer in good.items()} == {
        0: {"1": SHOTS},
        1: {"0": SHOTS},
        2: {"0": SHOTS, "1": SHOTS},
        8: {"1": SHOTS},
    }
    assert all(set(one) == {"job_id", "pubs", "circuit_cache"} for one in good.values())
    assert [one["circuit_cache"] for one in good.values()][1:] == ["hit"] * 3
    errors = [answer["error"] for answer in answers if "error" in answer]
    assert [error["code"] for error in errors] == ["invalid_value"] * 3 + ["invalid_circuit"] * 2
    assert [error["details"]["line"] for error in errors] == [6, 7, 8, 9, 10]
    assert len(answers) == len(good) + len(errors)
    # The first failure counts; those after it were told on stdout.
    assert done.returncode == 2
    assert done.stderr.startswith("error: 5 of 9 lines failed, first line 6: A point takes 2 ")
    assert len(done.stderr.splitlines()) == 2
    # Its results and what they are of can be asked for later.
    again = turn.data("result", answers[2]["job_id"])
    assert again["pubs"][0]["counts"] == answers[2]["pubs"][0]["counts"]


def test_no_lines_are_no_jobs_and_no_error(turn: Cli) -> None:
    done = turn.run(*RUN, stdin=b"\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert turn.data("jobs")["jobs"] == []


def test_some_values_may_hold_for_every_line(turn: Cli) -> None:
    done = turn.run(*RUN, "--param", "phi=1.5707963267948966", stdin=lines_of([PI / 2], [-PI / 2]))
    assert [counts_of(one) for one in answers_of(done.stdout)] == [{"1": SHOTS}, {"0": SHOTS}]
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_wrong_with_every_line_is_said_before_the_first(turn: Cli) -> None:
    estimating = ("--primitive", "estimator", "-O", "ZZ")
    wide = turn.run("run", "turn.qasm", "--stdin-params", *estimating, stdin=lines_of([1, 1]))
    assert (wide.returncode, wide.stdout) == (2, "")
    assert "'ZZ' has 2 letters, and turn.qasm has 1 qubit." in wide.stderr
    unknown = turn.run(*RUN, "--param", "x=1", stdin=lines_of([1, 1]))
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "No circuit has a parameter 'x'." in unknown.stderr


def test_a_line_that_lacks_a_value_is_told_what_to_write(turn: Cli) -> None:
    (answer,) = answers_of(turn.run(*RUN, stdin=lines_of({"theta": 1})).stdout)
    assert answer["error"]["advice"] == 'Name each one in the line, such as {"phi": 0.5}'


@pytest.mark.parametrize(
    "options",
    [
        ("--format", "json"),
        ("--output", "x.json"),
        ("--json",),
        ("--events",),
        ("--estimate",),
        ("--detach",),
        ("--once", "key"),
        ("--separate",),
        ("--fail-fast",),
        ("--min-fidelity", "0.9"),
        ("--max-tvd", "0.9"),
        ("--expect-value", "Z>=0"),
        ("--junit", "x.xml"),
        ("-",),
    ],
)
def test_what_makes_no_sense_of_lines_is_refused(cli: Cli, options: tuple[str, ...]) -> None:
    write(cli, "turn.qasm", TURN)
    done = cli.run("run", "turn.qasm", *options, "--stdin-params", "--local", stdin=b"[0, 0]\n")
    assert done.returncode == 2
    assert "stdin" in done.stderr
    assert not (cli.folder / "x.json").exists()


def test_a_failed_job_ends_nothing_and_a_late_one_may_be_cancelled(turn: Cli, play: Play) -> None:
    play({"outcome": "failed", "reason": "It broke.", "code": 1517}, {"run_s": LONG_S})
    done = turn.run(
        *(*RUN, "--timeout", "1", "--on-timeout", "cancel"), stdin=lines_of([0, 0], [0, 0], [PI, 0])
    )
    broken, late, good = answers_of(done.stdout)
    assert broken["error"]["code"] == "job_failed"
    assert broken["error"]["details"]["reason_code"] == 1517
    assert late["error"]["code"] == "timeout"
    assert counts_of(good) == {"1": SHOTS}
    assert done.returncode == 6
    (cancelled,) = late["error"]["details"]["job_ids"]
    assert turn.run("wait", cancelled, "--timeout", "30").returncode == 7


def test_a_closed_session_ends_it(turn: Cli) -> None:
    with talking(turn, *RUN) as talk:
        assert counts_of(talk.ask([PI, 0])) == {"1": SHOTS}
        turn.ok("close", "--quiet")
        assert talk.ask([PI, 0])["error"]["code"] == "session_closed"
        code, out, err = talk.end()
    assert (code, out) == (5, "")
    assert "qrsession open" in err


def test_a_budget_that_is_spent_ends_it(cli: Cli, play: Play) -> None:
    write(cli, "turn.qasm", TURN)
    cli.ok("open", "--local", "--mode", "batch", "--budget", "4", "--quiet")
    play({"charge_s": 1}, {"charge_s": 3})
    done = cli.run(*RUN, stdin=lines_of(*[[PI, 0]] * 4))
    *good, last = answers_of(done.stdout)
    assert [counts_of(one) for one in good] == [{"1": SHOTS}] * 2
    assert last["error"]["code"] == "limit_reached"
    # Each job was settled before the next was sent: nothing is reserved.
    assert last["error"]["details"]["spent_s"] == 4
    assert last["error"]["details"]["reserved_s"] == 0
    assert done.returncode == 9
    assert done.stderr.count("Of the session's budget") == 1


def test_a_signal_leaves_the_job_and_answers_its_line(turn: Cli, play: Play) -> None:
    play({"run_s": LONG_S})
    with talking(turn, *RUN) as talk:
        talk.say(lines_of([0, 0], [0, 0]))
        wait_for(lambda: statuses_of(turn) == ["Running"])
        talk.process.send_signal(signal.SIGTERM)
        answer = talk.hear()
        code, out, err = talk.end()
    assert (code, out) == (143, "")
    assert answer["error"]["code"] == "terminated"
    job_id = answer["error"]["details"]["job_id"]
    assert f"qrsession result {job_id} --wait" in err
    assert statuses_of(turn) == ["Running"]
    turn.ok("cancel", job_id, "--quiet")


def test_a_reader_that_has_gone_ends_it(turn: Cli) -> None:
    with talking(turn, *RUN) as talk:
        talk.ask([0, 0])
        assert talk.process.stdout is not None
        talk.process.stdout.close()
        talk.say(lines_of([0, 0]))
        assert talk.process.wait(30) == 141
        assert talk.process.stderr is not None
        assert talk.process.stderr.read() == b""
    assert len(turn.data("jobs")["jobs"]) == 2


def test_a_line_costs_a_post_and_a_held_get_and_no_qiskit(turn: Cli, shared_home: Path) -> None:
    """Each answer is there before the next line is written."""
    turn.ok(*RUN, "--quiet")
    service = RuntimeService("local")
    port = urlsplit(service.client.transport.endpoint.base_url).port or 0
    with relay_to(port) as relay:
        behind = Cli(turn.folder, {**turn.environ, **through(relay, shared_home)})
        behind.ok("open", "--backend", "aer_simulator", "--name", "behind", "--quiet")
        arguments = (*RUN, "-s", "behind", "--private", "--tag", "loop")
        python = ("-X", "importtime")
        with talking(behind, *arguments, python=python) as talk:
            ids = [talk.ask([PI, 0])["job_id"]]
            relay.reset()
            ids += [talk.ask([PI, at])["job_id"] for at in range(3)]
            seen = [(one.method, urlsplit(one.target).path) for one in relay.requests]
            held = [one.headers.get("prefer") for one in relay.requests]
            code, _, err = talk.end()
    assert code == 0
    assert [method for method, _ in seen] == ["POST", "GET"] * 3
    assert [path for _, path in seen[1::2]] == [f"/api/v1/jobs/{one}/results" for one in ids[1:]]
    assert held[1::2] == ["wait=10"] * 3
    assert not HEAVY.findall(err)
    # It was private, so nothing is kept here but that there were such jobs.
    assert not [one for one in (shared_home / "state").rglob("*.json") if one.stem in ids]
    records = [service.client.get_job(job_id) for job_id in ids]
    assert all(one.private and "loop" in one.tags for one in records)


@pytest.mark.parametrize("end", ["eof", "interrupt"])
def test_a_person_is_told_what_to_type(turn: Cli, end: str) -> None:
    environ = {**os.environ, **turn.environ, "TERM": "xterm", "NO_COLOR": "1"}
    child = pexpect.spawn(
        str(COMMAND), [*RUN], cwd=str(turn.folder), env=environ, encoding="utf-8", timeout=60
    )
    child.expect_exact("Type values of phi, theta, such as [0.1, 0.2]. Ctrl-D ends.\r\nvalues> ")
    child.sendline(f"[{PI}, 0]")
    child.expect_exact(f'"counts": {{"1": {SHOTS}}}')
    child.expect_exact("\r\nvalues> ")
    if end == "eof":
        child.sendeof()
    else:
        child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == {"eof": 0, "interrupt": 130}[end]
    shown = child.before.replace("^D\x08\x08", "").replace("^C", "").splitlines()
    assert shown[:2] == {"eof": [""], "interrupt": ["", "error: Interrupted."]}[end]
