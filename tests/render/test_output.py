"""Data goes to stdout and talk to stderr, whatever these are."""

import io
import json
import sys

import pytest

from qrsession.errors import JobFailedError, StorageError
from qrsession.render.output import Mode, Output
from qrsession.render.terminal import Terminal

pytestmark = pytest.mark.fast


def text_of(_terminal: Terminal) -> str:
    return "text"


def test_result_is_text_or_envelope(capsys: pytest.CaptureFixture[str]) -> None:
    Output().result("forget", {"forgotten": []}, text_of)
    assert capsys.readouterr() == ("text\n", "")
    Output(Mode(json=True)).result("forget", {"forgotten": []}, text_of)
    out, err = capsys.readouterr()
    assert json.loads(out)["data"] == {"forgotten": []}
    assert (out.count("\n"), err) == (1, "")


def test_talk_is_for_stderr_and_obeys_the_mode(capsys: pytest.CaptureFixture[str]) -> None:
    for mode, expected in (
        (Mode(), "said\nwarning: warned\n"),
        (Mode(quiet=True), "warning: warned\n"),
        (Mode(verbosity=1), "said\nwarning: warned\n"),
        (Mode(quiet=True, verbosity=1), "warning: warned\n"),
    ):
        output = Output(mode)
        output.say("said")
        output.warn("warned")
        assert capsys.readouterr() == ("", expected)


def test_failure_takes_at_most_three_lines(capsys: pytest.CaptureFixture[str]) -> None:
    error = JobFailedError("It\nfailed\x1b[2J.", advice="Mend it.", details={"a": 1, "b": "x\ny"})
    Output().fail("run", error)
    assert capsys.readouterr() == ("", "error: It failed[2J.\nhelp: Mend it.\n")
    Output(Mode(verbosity=1)).fail("run", error)
    assert capsys.readouterr().err.splitlines()[2:] == ["details: a=1, b=x y"]
    Output(Mode(json=True, quiet=True)).fail("run", error)
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["details"] == {"a": 1, "b": "x\ny"}
    assert err.startswith("error: ")


def test_talk_on_a_terminal_ends_its_lines_between_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = Output()
    output.error_terminal = Terminal(is_terminal=True, width=40)
    output.fail("run", JobFailedError("It failed.", advice="See `qrsession run --help` for more."))
    output.fail(
        "run", JobFailedError("It failed, and the reason for that is a long one.", advice="")
    )
    output.warn("It is open. Close it: qrsession close 5a6d4397-42c6-4dc6-969a-b1c90286a715")
    output.say("A sentence without a label, and longer than a line.")
    assert capsys.readouterr().err.splitlines() == [
        "error: It failed.",
        "help: See `qrsession run --help` for",
        "      more.",
        "error: It failed, and the reason for",
        "       that is a long one.",
        "warning: It is open. Close it:",
        "         qrsession close 5a6d4397-42c6-4dc6-969a-b1c90286a715",
        "A sentence without a label, and longer",
        "than a line.",
    ]


def test_what_an_encoding_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    Output().data("±1")
    Output().flush()
    assert written.getvalue() == b"\\xb11\n"


def test_closed_stdout_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    output = Output()
    output.data("")
    output.flush()
    with pytest.raises(StorageError, match="stdout is closed"):
        output.data("text")


def test_stderr_that_is_gone_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    output = Output()
    output.warn("nobody hears")
    output.fail("run", JobFailedError("It failed."))
    assert capsys.readouterr() == ("", "")
