"""`-v`, `-vv` and `QRSESSION_LOG`: what is told, where, and without which words."""

import json
import logging
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qrsession.cli.boundary import run
from qrsession.cli.log_handlers import FileHandler
from qrsession.state.entries import SessionEntry
from qrsession.state.ledger import Ledger
from tests.client.conftest import DROP, Answer, Request, Server, answer
from tests.conftest import settings_of

pytestmark = pytest.mark.fast

KEY = "the-key-of-somebody-4f7a1c"
TOKENS = ["first.token-of.somebody-1", "second.token-of.somebody-2"]
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \d+ (DEBUG|INFO|WARNING) \w+: .*")
CACHED = ["status", "--cached", "mine"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a home with one session in its ledger."""
    home = tmp_path / "home"
    monkeypatch.setenv("QRSESSION_HOME", str(home))
    when = datetime(2026, 1, 31, 12, tzinfo=UTC)
    entry = SessionEntry("mine", "id-mine", "aer_simulator", "batch", "local", when)
    Ledger(settings_of(home)).add(entry)
    return home


@pytest.fixture
def log_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "all.log"
    monkeypatch.setenv("QRSESSION_LOG", str(path))
    return path


@pytest.mark.parametrize(
    ("arguments", "topics"),
    [
        (CACHED, []),
        (["-v", *CACHED], ["session"]),
        ([*CACHED, "-v"], ["session"]),
        ([*CACHED, "--verbose", "--json"], ["session"]),
        ([*CACHED, "-v", "-q"], ["session"]),
        (["-v", *CACHED, "-v"], ["command", "session"]),
        ([*CACHED, "-vv"], ["command", "session"]),
        (["cache", "-vv", "info"], ["command"]),
    ],
)
def test_verbosity_counts_anywhere_on_the_line(
    arguments: list[str], topics: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([word for word in arguments if word not in {"-v", "-vv", "--verbose"}]) == 0
    plain, _ = capsys.readouterr()
    assert run(arguments) == 0
    out, err = capsys.readouterr()
    assert out == plain
    assert {line.split(":")[0] for line in err.splitlines()} == set(topics)


def test_which_session_and_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*arguments: str) -> str:
        assert run(["status", "--cached", *arguments, "-v"]) == 0
        return capsys.readouterr().err

    assert said() == "session: mine (id-mine), the current one\n"
    assert said("mine") == "session: mine (id-mine), which was named\n"
    monkeypatch.setenv("QRSESSION_SESSION", "mine")
    assert said() == "session: mine (id-mine), which QRSESSION_SESSION names\n"


def test_the_file_gets_all_and_is_for_its_owner_alone(
    log_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = os.umask(0)
    try:
        assert run(CACHED) == 0
    finally:
        os.umask(before)
    assert capsys.readouterr().err == ""
    assert stat.S_IMODE(log_file.stat().st_mode) == 0o600
    assert run(["status", "nobody", "-q"]) == 4
    lines = log_file.read_text().splitlines()
    assert all(LINE.fullmatch(line) for line in lines if not line.startswith("    "))
    told = [line.split(" ", 3)[3] for line in lines if not line.startswith("    ")]
    assert told[0].startswith("command: status (qrsession ")
    assert told[1] == "session: mine (id-mine), which was named"
    assert re.fullmatch(r"command: exit code 0 after \d+ ms", told[2])
    # What was said is there as well, and so is what nobody was shown.
    assert any(one.startswith("said: error: No open session") for one in told)
    assert "said: Traceback (most recent call last):" in told
    assert re.fullmatch(r"command: exit code 4 after \d+ ms", told[-1])


def test_a_command_that_cannot_be_read_is_logged_too(log_file: Path) -> None:
    assert run(["status", "--nope"]) == 2
    assert "No such option" in log_file.read_text()
    assert "exit code 2" in log_file.read_text()


def test_a_file_that_others_can_read_is_closed_to_them(log_file: Path) -> None:
    log_file.write_text("mine before\n")
    log_file.chmod(0o666)
    assert run(CACHED) == 0
    assert stat.S_IMODE(log_file.stat().st_mode) == 0o600
    assert log_file.read_text().startswith("mine before\n20")


def plant_link(path: Path) -> None:
    path.symlink_to(path.with_name("theirs"))


def plant_hard_link(path: Path) -> None:
    path.hardlink_to(path.with_name("theirs"))


def plant_pipe(path: Path) -> None:
    os.mkfifo(path)


def plant_folder(path: Path) -> None:
    path.mkdir()


def plant_nothing(path: Path) -> None:
    path.parent.rmdir()


@pytest.mark.parametrize(
    ("plant", "why"),
    [
        (plant_link, "symbolic link"),
        (plant_hard_link, "hard link"),
        (plant_pipe, "cannot be used: "),
        (plant_folder, "cannot be used: "),
        (plant_nothing, "cannot be used: "),
    ],
)
def test_a_file_that_cannot_be_written_is_said_once_and_the_command_goes_on(
    plant: Callable[[Path], None],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    theirs = folder / "theirs"
    if plant is not plant_nothing:
        theirs.write_text("not ours to touch\n")
    plant(folder / "all.log")
    monkeypatch.setenv("QRSESSION_LOG", str(folder / "all.log"))
    assert run(CACHED) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].startswith("mine\t")
    assert err.startswith("warning: No log is written: ")
    assert why in err
    assert err.count("\n") == 1
    if plant is not plant_nothing:
        assert theirs.read_text() == "not ours to touch\n"


def test_a_file_that_fails_later_is_said_once(tmp_path: Path) -> None:
    said: list[str] = []
    handler = FileHandler(tmp_path / "all.log", said.append)
    record = logging.LogRecord("qrsession.x", logging.INFO, "", 0, "told", None, None)
    handler.emit(record)
    # Nothing can be written through it from here on, as on a disk that is full.
    reading = os.open(tmp_path / "all.log", os.O_RDONLY)
    assert handler._descriptor is not None
    os.dup2(reading, handler._descriptor)
    os.close(reading)
    handler.emit(record)
    handler.emit(record)
    handler.close()
    assert len(said) == 1
    assert said[0].startswith(f"The log {tmp_path / 'all.log'} is written no more: ")
    assert (tmp_path / "all.log").read_text().count("told") == 1


def test_nothing_of_it_outlives_the_command(log_file: Path) -> None:
    logger = logging.getLogger("qrsession")
    before = (logger.level, list(logger.handlers))
    descriptors = len(list(Path("/dev/fd").iterdir()))
    assert run([*CACHED, "-vv"]) == 0
    assert (logger.level, list(logger.handlers)) == before
    assert len(list(Path("/dev/fd").iterdir())) == descriptors
    assert log_file.exists()


WRITING = """
import logging, sys
from pathlib import Path
from qrsession.cli.log_handlers import FileHandler
handler = FileHandler(Path(sys.argv[1]), print)
for number in range(300):
    handler.emit(logging.LogRecord("qrsession.x", 20, "", 0, f"{number} " + "y" * 500, None, None))
"""


def test_many_processes_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "all.log"
    writers = [subprocess.Popen([sys.executable, "-c", WRITING, str(path)]) for _ in range(3)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    lines = path.read_text().splitlines()
    assert len(lines) == 900
    for writer in writers:
        own = [line.split(" ") for line in lines if f" {writer.pid} " in line]
        assert [int(words[4]) for words in own] == list(range(300))
        assert {words[5] for words in own} == {"y" * 500}


def test_a_servers_words_cannot_pass_for_lines_of_ours(tmp_path: Path) -> None:
    handler = FileHandler(tmp_path / "all.log", print)
    words = "first\n2026-01-01T00:00:00.000Z 1 INFO x: forged\r\x1b[2Jend"
    handler.emit(logging.LogRecord("qrsession.x", 20, "", 0, words, None, None))
    handler.close()
    first, second = (tmp_path / "all.log").read_text().splitlines()
    assert first.endswith("x: first")
    assert second == "    2026-01-01T00:00:00.000Z 1 INFO x: forged[2Jend"


def _fault(words: str) -> dict[str, object]:
    return {"errors": [{"code": 1, "message": f"Bad: {words}", "solution": words}], "trace": words}


class Gossip(Server):
    """A cloud that repeats, in its headers and errors, all the secrets that it has heard."""

    def __init__(self) -> None:
        self.tokens = list(TOKENS)
        self.replies: list[Answer] = []
        self.heard = threading.Event()
        super().__init__()

    def take(self, request: Request) -> Answer:
        super().take(request)
        words = f"{KEY} {request.headers.get('Authorization', '')} {request.body.decode()}"
        headers = {"X-Request-Id": words, "Set-Cookie": f"session={TOKENS[0]}"}
        if request.path.endswith("/identity/token"):
            token = self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
            body = {"access_token": token, "expires_in": 3600, "expiration": 4_000_000_000}
            return Answer(200, json.dumps(body).encode(), headers)
        reply = self.replies.pop(0) if self.replies else answer(404, _fault(words))
        return Answer(reply.status, reply.body, {**headers, **reply.headers}, reply.drop)


@pytest.fixture
def gossip(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gossip]:
    server = Gossip()
    monkeypatch.setenv("QISKIT_IBM_TOKEN", KEY)
    monkeypatch.setenv("QISKIT_IBM_URL", server.url)
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", "crn:v1:a:b:c:d:a/account-of-mine:inst::")
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("replies", "exit_code", "told"),
    [
        ([answer(200, {"devices": []})], 0, ": 200, "),
        ([answer(401, {}), answer(200, {"devices": []})], 0, ": 401, "),
        ([answer(503, _fault("down")), answer(200, {"devices": []})], 0, ": answered 503; again"),
        ([DROP, answer(200, {"devices": []})], 0, ": the reply was lost; again"),
        ([answer(400, _fault(f"wrong {TOKENS[0]}"))], 2, ": 400, "),
        ([answer(200, "no list")], 10, ": 200, "),
    ],
    ids=["fine", "401", "503", "lost", "400", "strange"],
)
def test_no_secret_is_told_anywhere(
    gossip: Gossip,
    replies: list[Answer],
    exit_code: int,
    told: str,
    log_file: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # The list of instances is refused, and then the backends are asked for.
    gossip.replies = [answer(404, _fault("none")), *replies]
    assert run(["backends", "-vv"]) == exit_code
    out, err = capsys.readouterr()
    logged = log_file.read_text()
    for text in (err, logged):
        assert told in text
        assert "/api/v1/backends" in text
        assert "lives for 3600 s" in text
    for text in (out, err, logged):
        for secret in (KEY, *TOKENS, "somebody-1", "account-of-mine"):
            assert secret not in text
    assert gossip.requests[0].path == "/identity/token"
    if exit_code == 2:
        assert "[secret]" in logged
    assert KEY in gossip.requests[0].body.decode()


def test_bodies_are_never_told(gossip: Gossip, log_file: Path) -> None:
    body = {"devices": [{"name": "a-device-of-the-body", "status": {"name": "online"}}]}
    gossip.replies = [answer(404, _fault("none")), answer(200, body)]
    assert run(["backends", "--json"]) == 0
    assert "/v3/resources/search?limit=" in log_file.read_text()
    assert "a-device-of-the-body" not in log_file.read_text()
    assert "quantum-computing" not in log_file.read_text()
