"""Running a command as a child, and outliving the signals that are meant for it."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from qrsession.processes.supervise import AbandonedError, ChildEnd, Supervisor
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
    said: list[str] = []
    with Supervisor(lambda: said.append("goes on")):
        raise_here(signal.SIGUSR1)
        raise_here(signal.SIGINT)
        with pytest.raises(AbandonedError) as caught:
            raise_here(signal.SIGTERM)
    assert (said, caught.value.exit_code) == (["goes on"], 143)


def test_what_is_open_is_not_interrupted() -> None:
    with Supervisor() as supervisor:
        supervisor.hold()
        raise_here(signal.SIGTERM)
        raise_here(signal.SIGINT)
        assert supervisor.run(["no-such-command"], os.environ) == ChildEnd(128 + signal.SIGTERM)


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


def program(folder: Path, name: str, text: str, mode: int = 0o700) -> Path:
    file = folder / name
    file.write_text(text)
    file.chmod(mode)
    return file


def test_a_script_that_names_no_interpreter_is_the_shell_s(tmp_path: Path) -> None:
    """As for `env` and `timeout`."""
    script = program(tmp_path, "bare", 'test "$1" = "a b" && exit 7')
    with Supervisor() as supervisor:
        assert supervisor.run([str(script), "a b"], os.environ) == ChildEnd(7)


def test_a_file_in_the_path_that_is_no_program_cannot_be_executed(tmp_path: Path) -> None:
    program(tmp_path, "readme", "no program", 0o600)
    with Supervisor() as supervisor:
        end = supervisor.run(["readme"], {"PATH": str(tmp_path)})
    assert end == ChildEnd(126, "readme: Permission denied.")


def test_the_command_gets_what_a_shell_would_give_it() -> None:
    """Its name as it was written, and descriptors that are not ours."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)  # noqa: FBT003 - the signature of the standard library
    ours = os.dup(writing)
    script = f"echo $0 >/dev/fd/{writing}; test -e /dev/fd/{ours} && exit 9; exit 0"
    try:
        with Supervisor() as supervisor:
            assert supervisor.run(["sh", "-c", script], os.environ).is_success
        assert os.read(reading, 100) == b"sh\n"
    finally:
        for descriptor in (reading, writing, ours):
            os.close(descriptor)


KILLS_ITS_PARENT = """
import os, signal
taken = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, taken)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
    os.kill(os.getppid(), number)
    signal.sigwait(taken)
"""


@pytest.mark.timeout(30)
def test_the_third_signal_ends_the_command_for_certain() -> None:
    with Supervisor() as supervisor:
        end = supervisor.run([sys.executable, "-c", KILLS_ITS_PARENT], os.environ)
    assert end == ChildEnd(128 + signal.SIGKILL)


def test_a_signal_of_users_does_not_keep_a_command_from_starting() -> None:
    """It is passed on as soon as there is a command, which it ends by default."""
    with Supervisor() as supervisor:
        raise_here(signal.SIGUSR1)
        end = supervisor.run(["sleep", "60"], os.environ)
    assert end == ChildEnd(128 + signal.SIGUSR1)


WAITS = """
: > "$0"
sleep 60
exit 3
"""


@pytest.mark.timeout(30)
def test_where_no_terminal_is_a_signal_reaches_what_a_shell_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell heeds no SIGINT as long as it waits for a program, which gets it from a terminal."""
    monkeypatch.setattr("qrsession.processes.supervise.has_terminal", lambda: False)
    ready = tmp_path / "ready"

    def interrupt() -> None:
        wait_for(ready.exists, 20, "the command")
        raise_here(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    with Supervisor() as supervisor:
        thread.start()
        end = supervisor.run(["bash", "-c", WAITS, str(ready)], os.environ)
        thread.join()
    assert end == ChildEnd(128 + signal.SIGINT)


def test_who_has_many_open_files_is_waited_for_as_others_are() -> None:
    """Not every call of a system takes descriptors beyond 1023."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (2048, before[1]))
    opened: list[int] = []
    try:
        while not opened or opened[-1] < 1024:
            opened.append(os.open(os.devnull, os.O_RDONLY))
        with Supervisor() as supervisor:
            end = supervisor.run(["sh", "-c", "sleep 0.05; exit 3"], os.environ)
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert end == ChildEnd(3)


def test_a_command_that_nobody_could_wait_for_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("qrsession.processes.supervise.socket.socketpair", fail)
    with Supervisor() as supervisor:
        end = supervisor.run(["touch", str(tmp_path / "started")], os.environ)
    assert end == ChildEnd(126, "touch: Too many open files.")
    assert not (tmp_path / "started").exists()


def test_the_second_signal_while_closing_gives_up() -> None:
    said: list[str] = []
    with Supervisor() as supervisor:
        supervisor.run(NOTHING, os.environ)
        with supervisor.closing(lambda: said.append("goes on")):
            raise_here(signal.SIGINT)
            raise_here(signal.SIGUSR1)
            with pytest.raises(AbandonedError) as caught:
                raise_here(signal.SIGTERM)
        raise_here(signal.SIGTERM)
    assert (said, caught.value.exit_code) == (["goes on"], 143)
