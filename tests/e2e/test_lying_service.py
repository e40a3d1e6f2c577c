"""A service that lies: whatever it answers, a command ends as the contract of commands says.

Its answers are those of an honest one, changed in a few places. None of them is a fault of ours
(exit code 1), a traceback, or control characters on a terminal.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.conftest import Cli
from tests.e2e.liar import ENVIRON, ESTIMATE_ID, HONEST, JOB_ID, SESSION_ID, Liar
from tests.mangling import mangled, nested

pytestmark = pytest.mark.timeout(120)

CODES = {0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 124}
STRANGE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
MOST_LINES = 3

ESTIMATED = ("--primitive", "estimator", "-O", "Z", "--param", "theta=1")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("status", SESSION_ID),
    ("status", "--all"),
    ("list",),
    ("list", "--remote"),
    ("jobs",),
    ("wait", JOB_ID, "--timeout", "1"),
    ("result", JOB_ID),
    ("result", JOB_ID, "--format", "histogram"),
    ("result", JOB_ID, "--format", "csv"),
    ("result", ESTIMATE_ID),
    ("result", ESTIMATE_ID, "--format", "histogram"),
    ("logs", JOB_ID),
    ("backends",),
    ("backends", "lima"),
    ("usage",),
    ("open", "--backend", "lima", "--name", "again"),
    ("close", SESSION_ID),
    ("cancel", JOB_ID),
    ("adopt", SESSION_ID),
    ("run", "@bell", "--backend", "lima", "--timeout", "5"),
    ("run", "@rotation", *ESTIMATED, "--backend", "lima", "--timeout", "5"),
    ("run", "@bell", "--estimate", "--backend", "lima"),
)


@dataclass(frozen=True)
class LiedTo:
    """A user of the service, who has opened a session when it was still honest."""

    cli: Cli
    liar: Liar
    home: Path

    def begin_anew(self) -> None:
        """Forget what was learnt since then: a result that is kept here is not asked for again."""
        kept = self.home.with_name("as-it-was")
        if not kept.exists():
            self.cli.ok("adopt", SESSION_ID)
            shutil.copytree(self.home, kept)
            return
        shutil.rmtree(self.home)
        shutil.copytree(kept, self.home)

    def check(self, command: tuple[str, ...]) -> int:
        """Run a command, hold it against what every command promises, and return its exit code."""
        done = self.cli.run(*command)
        told = f"{command}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert done.returncode in CODES, told
        assert "Traceback" not in done.stderr, told
        for text in (done.stdout, done.stderr):
            assert not STRANGE.search(text), told
        if done.returncode:
            errors = done.stderr[done.stderr.rfind("error: ") :]
            assert 0 < len(errors.splitlines()) <= MOST_LINES, told
        return done.returncode


@pytest.fixture
def liar() -> Iterator[Liar]:
    server = Liar()
    yield server
    server.stop()


@pytest.fixture
def lied_to(own_cli: Cli, liar: Liar, fresh_home: Path) -> LiedTo:
    environ = {**ENVIRON, "QISKIT_IBM_URL": liar.url}
    return LiedTo(Cli(own_cli.folder, environ), liar, fresh_home)


@pytest.mark.deep
def test_an_honest_service_is_believed(lied_to: LiedTo) -> None:
    codes = {}
    for command in COMMANDS:
        lied_to.begin_anew()
        codes[command] = lied_to.check(command)
    assert set(codes.values()) == {0}, codes


NO_DOCUMENTS: tuple[bytes, ...] = (
    b"",
    b"{",
    b"\xff\xfe",
    b"null",
    b"[]",
    b'"\\ud800"',
    b"NaN",
    b"1e999",
)
NO_DOCUMENTS += (b"[" * 100_000, nested(900).encode(), b"9" * 5000, b'{"\x1b[2J": "\x00"}')


@dataclass(frozen=True)
class Lie:
    """What one route says in place of the truth."""

    route: str
    said: Any

    def __repr__(self) -> str:
        """Show the beginning; a whole configuration has too much to be looked at."""
        return f"{self.route}: {self.said!r}"[:500]


def lies() -> st.SearchStrategy[Lie]:
    # A reply to a submission that says nothing is looked behind for two minutes; that has tests of
    # its own, where no time need pass.
    routes = st.sampled_from([route for route in HONEST if route != "POST /jobs"])
    forged = routes.flatmap(
        lambda route: mangled([HONEST[route]], 4).map(lambda said: Lie(route, said))
    )
    return forged | st.builds(Lie, routes, st.sampled_from(NO_DOCUMENTS))


QUICK = tuple(command for command in COMMANDS if command[0] != "run")


@pytest.mark.parametrize(
    ("commands", "examples"),
    [
        pytest.param(QUICK, 10, id="quick"),
        pytest.param(COMMANDS, 2000, id="all", marks=pytest.mark.deep),
    ],
)
@pytest.mark.timeout(1200)
def test_whatever_a_service_says_a_command_ends_as_commands_do(
    lied_to: LiedTo, commands: tuple[tuple[str, ...], ...], examples: int
) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(lies(), st.sampled_from(commands), st.booleans())
    def look(lie: Lie, command: tuple[str, ...], as_json: bool) -> None:
        lied_to.liar.answers = {**HONEST, lie.route: lie.said}
        lied_to.begin_anew()
        lied_to.check((*command, "--json") if as_json else command)

    lied_to.begin_anew()
    look()
