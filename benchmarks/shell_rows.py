"""What a person at a prompt waits for: commands without the network, and keys. Rows, and a script.

::

    shell_rows.py COUNT

The script enters so many open sessions, each with a job whose result is kept, into the ledger of
the home that it is started in.
"""

# ruff: noqa: PLC0415 - The rows need nothing of the package, and the script nothing of the rows.

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

NAMES = ("no-network", "completion", "completion-200", "status-200")
MANY = 200
_VERBS = (
    "open",
    "run",
    "status",
    "close",
    "list",
    "use",
    "gc",
    "adopt",
    "forget",
    "jobs",
    "wait",
    "result",
    "cancel",
    "logs",
    "exec",
    "env",
    "usage",
    "backends",
    "account",
    "local",
    "serve",
    "doctor",
    "cache",
    "completion",
    "man",
    "help",
)
# All commands that ask no service, and may be repeated.
COMMANDS = (
    ("--version",),
    ("--help",),
    ("status", "--cached"),
    ("status", "--all", "--cached"),
    ("status", "--cached", "--json"),
    ("jobs", "--cached"),
    ("jobs", "--all", "--cached", "--json"),
    ("result", "job-0"),
    ("result", "job-0", "--format", "json"),
    ("wait", "job-0"),
    ("env",),
    ("env", "--unset"),
    ("env", "--shell", "fish"),
    ("env", "--format", "dotenv"),
    ("account", "list"),
    ("account", "show"),
    ("local", "status"),
    ("cache", "info"),
    ("completion", "bash"),
    ("completion", "zsh"),
    ("completion", "fish"),
    ("man",),
    ("man", "run"),
    ("man", "exit-codes"),
    ("help",),
    ("help", "status"),
    *((verb, "--help") for verb in _VERBS),
)
# What stands before the cursor; the last word is the one that is being typed.
LINES = (
    ("",),
    ("status", ""),
    ("run", "--"),
    ("run", "@"),
    ("run", "--session", ""),
    ("run", "--format", ""),
    ("open", "--backend", ""),
    ("open", "--mode", ""),
    ("result", ""),
    ("account", "use", ""),
    ("serve", "--plan", ""),
    ("exec", "--", "git", ""),
    ("man", ""),
)
# How often each is tried to find the slowest of them.
_TRIALS = 5

_Measure = Callable[[], float]


@contextmanager
def shell_rows(one: Any, many: Any) -> Iterator[list[Any]]:
    """Give the rows.

    Args:
        one: A home without sessions, which gets one.
        many: Another, which gets 200.
    """
    from benchmarks.timing import Limit, Row, in_turn

    script = Path(__file__).resolve()
    for home, count in ((one, 1), (many, MANY)):
        home.output("python", "-P", script, str(count))

    def completing(home: Any, line: Sequence[str]) -> _Measure:
        asked = home.having({"_QRSESSION_COMPLETE": "zsh"})
        return lambda: float(asked.wall_ms("qrsession", *line))

    def running(home: Any, *words: str) -> _Measure:
        return lambda: float(home.wall_ms("qrsession", *words))

    def importing() -> float:
        return float(one.wall_ms("python", "-c", "import typer"))

    commands = {" ".join(words): running(one, *words) for words in COMMANDS}
    lines = {" ".join(line): completing(many, line) for line in LINES}
    status = ("status", "--cached", "-s", "session-0")
    yield [
        Row(
            NAMES[0],
            f"slowest of {len(commands)} commands without the network / import typer",
            Limit(1.6),
            in_turn(Slowest(commands), importing),
        ),
        Row(
            NAMES[1],
            f"slowest of {len(lines)} completions, {MANY} sessions open / import typer",
            Limit(1.8),
            in_turn(Slowest(lines), importing),
        ),
        Row(
            NAMES[2],
            f"completion of a session of {MANY} / of one",
            Limit(1.25),
            in_turn(completing(many, ("status", "")), completing(one, ("status", ""))),
        ),
        Row(
            NAMES[3],
            f"qrsession status --cached, {MANY} sessions open / one",
            Limit(1.25),
            in_turn(running(many, *status), running(one, *status)),
        ),
    ]


class Slowest:
    """Measures the slowest of several things, which it finds out when it is first called.

    The largest of many figures would be that of whichever was disturbed most, so each is tried a
    few times, and the one with the largest median is the one that is measured from then on.
    """

    def __init__(self, measures: dict[str, _Measure]) -> None:
        self._measures = measures
        self._found = ""

    def __call__(self) -> float:
        """Measure it, in milliseconds."""
        if not self._found:
            rounds = [
                {name: take() for name, take in self._measures.items()} for _ in range(_TRIALS)
            ]
            self._found = max(
                self._measures, key=lambda name: median(tried[name] for tried in rounds)
            )
            sys.stderr.write(f"  slowest: {self._found!r}\n")
        return self._measures[self._found]()


def main(count: int) -> None:
    """Enter open sessions into the ledger, each with a job and its result."""
    from qrsession.settings import Settings
    from qrsession.state.entries import JobEntry, SessionEntry
    from qrsession.state.ledger import Ledger
    from qrsession.state.records import Records

    result = _result_of_a_job()
    settings = Settings.from_environ()
    ledger, records = Ledger(settings), Records(settings.state_dir)
    begun = datetime(2026, 1, 31, 12, tzinfo=UTC)
    for number in range(count):
        session_id = f"{number:08x}-42c6-4dc6-969a-b1c90286a715"
        when = begun + timedelta(minutes=number)
        ledger.add(
            SessionEntry(
                name=f"session-{number}",
                session_id=session_id,
                backend="aer_simulator",
                mode="dedicated",
                account="local",
                opened_at=when,
                instance="crn:v1:bluemix:public:quantum-computing:us-east:a/abc:def::",
                max_time_s=28800,
                expires_at=when + timedelta(hours=8),
                usage_s=1.5,
                seen_at=when,
            )
        )
        records.add_job(
            JobEntry(f"job-{number}", session_id, "aer_simulator", "sampler", "local", when)
        )
        records.write_result(f"job-{number}", result)


def _result_of_a_job() -> bytes:
    """Return what a service sends for 4096 shots of two qubits."""
    import base64
    import io
    import json
    import zlib

    import numpy as np

    samples = io.BytesIO()
    np.save(samples, np.resize(np.array([[0], [3]], dtype=np.uint8), (4096, 1)))
    packed = base64.standard_b64encode(zlib.compress(samples.getvalue())).decode()
    array = {"array": {"__type__": "ndarray", "__value__": packed}, "num_bits": 2}
    data = {
        "field_names": ["c"],
        "field_types": ["BitArray"],
        "shape": [],
        "fields": {"c": {"__type__": "BitArray", "__value__": array}},
    }
    pub = {"data": {"__type__": "DataBin", "__value__": data}, "metadata": {}}
    pubs = [{"__type__": "PubResult", "__value__": pub}]
    whole = {"pub_results": pubs, "metadata": {}}
    return json.dumps({"__type__": "PrimitiveResult", "__value__": whole}).encode()


if __name__ == "__main__":
    main(int(sys.argv[1]))
