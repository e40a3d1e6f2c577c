"""Running a command as a child, and outliving the signals that are meant for it."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from qrsession.supervise import ChildEnd, Supervisor
from tests.e2e.programs import wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
NOTHING = ["true"]


def raise_here(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_before_the_command_keeps_it_from_starting(number: signal.Signals) -> None:
    with Supervisor() as supervisor:
        raise_here(number)
        assert supervisor.run(["no-such-command"], os.environ) == ChildEnd(128 + number)


def test_a_second_signal_interrupts_what_comes_before_the_command() -> None:
    with Supervisor():
        raise_here(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            raise_here(signal.SIGTERM)


@pytest.mark.parametrize("command", [NOTHING, ["no-such-command"]])
@pytest.mark.parametrize("number", SIGNALS)
def test_signals_after_the_command_change_nothing(
    number: signal.Signals, command: list[str]
) -> None:
    with Supervisor() as supervisor:
        end = supervisor.run(command, os.environ)
        raise_here(number)
        raise_here(number)
    assert end.is_success == (command == NOTHING)


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Supervisor() as supervisor:
        assert [signal.getsignal(number) for number in SIGNALS] != before
        supervisor.run(NOTHING, os.environ)
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.timeout(30)
def test_a_signal_that_interrupts_no_wait_is_passed_on(tmp_path: Path) -> None:
    """As one does that comes right before the wait: here another thread takes it."""
    ready = tmp_path / "ready"
    command = [sys.executable, "-c", UNBLOCKS_AND_LASTS, str(ready)]

    def interrupt() -> None:
        wait_for(ready.exists, 20, "the command")
        raise_here(signal.SIGTERM)

    thread = threading.Thread(target=interrupt)
    with Supervisor() as supervisor:
        thread.start()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        try:
            end = supervisor.run(command, os.environ)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
            thread.join()
    assert end == ChildEnd(128 + signal.SIGTERM)


UNBLOCKS_AND_LASTS = """
import pathlib, signal, sys, time
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
pathlib.Path(sys.argv[1]).touch()
time.sleep(60)
"""


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Supervisor() as supervisor:
            raise_here(signal.SIGHUP)
            end = supervisor.run([sys.executable, "-c", IS_IGNORED], os.environ)
        assert end.is_success
    finally:
        signal.signal(signal.SIGHUP, before)


IS_IGNORED = "import signal; assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN"


@pytest.mark.parametrize(
    ("command", "exit_code", "words"),
    [
        (["sh", "-c", "exit 7"], 7, ""),
        (["sh", "-c", "kill -9 $$"], 128 + 9, ""),
        (["sh", "-c", "kill -TERM $$"], 128 + 15, ""),
        (["no-such-command"], 127, "no-such-command: no such command."),
        (["./no-such-command"], 127, "./no-such-command: no such command."),
        (["/"], 126, "/: Permission denied."),
        ([""], 127, ": no such command."),
    ],
)
def test_the_end_is_told_as_a_shell_tells_it(
    command: list[str], exit_code: int, words: str
) -> None:
    with Supervisor() as supervisor:
        assert supervisor.run(command, os.environ) == ChildEnd(exit_code, words)
