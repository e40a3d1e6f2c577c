"""What goes to the log: when, and without which words."""

import logging
import subprocess
import sys

import pytest

from qrsession import redaction
from qrsession.diagnostics import Log
from qrsession.redaction import conceal, query_text, redacted, request_id_of

pytestmark = pytest.mark.fast

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IngifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abc.def", "abc.def"),
        ("{'Authorization': 'Bearer abcdef'}", "abcdef"),
        ("authorization=apikey hunter22", "hunter22"),
        ("Proxy-Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
        ("Set-Cookie: a=hunter22; Path=/", "hunter22"),
        (f"it said {JWT} and left", "eyJ"),
        (f"it said {JWT} and left", "c2lnbmF0dXJl"),
        ("via http://me:hunter22@proxy:3128/", "hunter22"),
        ("https://hunter22@proxy", "hunter22"),
        ("grant_type=x&apikey=hunter22&response_type=y", "hunter22"),
        ("?access_token=hunter22", "hunter22"),
        ("?API_KEY=hunter22 ", "hunter22"),
        ('{"token": "hunter22", "x": 1}', "hunter22"),
        ("{'password': 'hunter22'}", "hunter22"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, secret: str) -> None:
    shown = redacted(text)
    assert secret not in shown
    assert "[secret]" in shown


@pytest.mark.parametrize(
    "text",
    [
        "POST http://127.0.0.1:1/identity/token: 200, 314 bytes, 7 ms",
        "GET https://quantum.cloud.ibm.com/api/v1/jobs/d61?limit=20: 200, 3 bytes, id a-b",
        "a new one from iam.cloud.ibm.com, which lives for 3600 s",
        "basic gates; keys and tokens, in words",
    ],
)
def test_what_says_nothing_of_secrets_stays(text: str) -> None:
    assert redacted(text) == text


def test_crns_are_shortened() -> None:
    crn = "crn:v1:bluemix:public:quantum-computing:us-east:a/acc0acc0:0123-4567::"
    assert redacted(f"at {crn}, named") == "at crn:...:0123-4567, named"


def test_known_secrets_are_taken_out_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known_secrets", {})
    conceal("plain-words-of-mine")
    assert redacted("it is xplain-words-of-minex") == "it is x[secret]x"
    # So short a word would blot out what has nothing to do with it.
    conceal("the")
    assert redacted("the log") == "the log"
    for number in range(200):
        conceal(f"token-number-{number:04}")
    assert len(redaction._known_secrets) == redaction._MOST_SECRETS
    assert "0199" not in redacted("token-number-0199")


def test_values_of_a_query_are_not_told() -> None:
    assert query_text([]) == ""
    query = [("limit", "20"), ("exclude_params", "true"), ("tags", "mine"), ("key", "abc")]
    assert query_text(query) == "?limit=20&exclude_params=true&tags=...&key=..."


def test_a_servers_number_of_a_request_is_told_where_it_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redaction, "_known_secrets", {})
    conceal("a-token-of-mine-0123456789")
    assert request_id_of({}) is None
    assert request_id_of({"X-Request-Id": "a-1:b"}) == "a-1:b"
    assert request_id_of({"Transaction-Id": "0123-4567"}) == "0123-4567"
    for words in ("x\x1b[31m", "two words", "x\ny", "x" * 81, JWT, "of-a-token-of-mine-0123456789"):
        assert request_id_of({"X-Request-Id": words}) is None


def test_a_program_hears_what_it_asks_for(caplog: pytest.LogCaptureFixture) -> None:
    log = Log("topic")
    log.note("not heard")
    with caplog.at_level(logging.DEBUG, logger="qrsession"):
        log.note("%s and %d", "this", 2)
        log.detail("100 % of it, Bearer abcdefgh")
    told = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [
        ("qrsession.topic", "INFO", "this and 2"),
        ("qrsession.topic", "DEBUG", "100 % of it, Bearer [secret]"),
    ]
    # So that a program's format can name the place.
    assert {record.funcName for record in caplog.records} == {
        test_a_program_hears_what_it_asks_for.__name__
    }


def test_who_logs_nothing_loads_nothing() -> None:
    code = (
        "import sys\n"
        "from qrsession.diagnostics import Log\n"
        "Log('x').note('heard by %s', 'nobody')\n"
        "sys.exit('logging' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=30)
    assert done.returncode == 0
