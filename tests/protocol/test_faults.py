"""Error bodies of every shape that the service and what stands before it send."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qrsession.protocol.faults import Fault

pytestmark = pytest.mark.fast

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["errors", "error", "code", "message", "errorCode", "trace", "x"]),
            inner,
        )
    ),
    max_leaves=8,
)

SHAPES: dict[str, tuple[Any, Fault]] = {
    "documented": (
        {"trace": "t", "errors": [{"code": "not_found", "message": "Gone.", "more_info": "u"}]},
        Fault(404, "not_found", "Gone.", trace="t"),
    ),
    "live": (
        {"errors": [{"code": 1352, "message": "No.", "solution": "Pay.", "more_info": "u"}]},
        Fault(404, 1352, "No.", "Pay."),
    ),
    "number in a string": (
        {"errors": [{"code": "1352", "message": "No."}]},
        Fault(404, 1352, "No."),
    ),
    "several": (
        {"errors": [{"code": 1, "message": "First."}, {"code": 2, "message": "Second."}]},
        Fault(404, 1, "First."),
    ),
    "one error": ({"error": {"code": 5, "message": "One."}}, Fault(404, 5, "One.")),
    "a word": ({"error": "Why."}, Fault(404, None, "Why.")),
    "words": ({"errors": ["Why."]}, Fault(404, None, "Why.")),
    "IAM": (
        {"errorCode": "BXNIM0415E", "errorMessage": "No key.", "context": {"requestId": "r"}},
        Fault(404, "BXNIM0415E", "No key."),
    ),
    "a gateway": ({"message": "No route.", "code": 7}, Fault(404, 7, "No route.")),
    "no errors": ({"errors": []}, Fault(404, None, "HTTP status 404 without a message")),
    "an empty object": ({}, Fault(404, None, "HTTP status 404 without a message")),
    "no message": ({"errors": [{"code": 5}]}, Fault(404, 5, "HTTP status 404 without a message")),
    "nulls": (
        {"errors": [{"code": None, "message": None, "solution": None}], "trace": None},
        Fault(404, None, "HTTP status 404 without a message"),
    ),
    "true for a code": (
        {"errors": [{"code": True, "message": "No."}]},
        Fault(404, None, "No."),
    ),
}


@pytest.mark.parametrize(("document", "fault"), SHAPES.values(), ids=SHAPES)
def test_shapes(document: Any, fault: Fault) -> None:
    assert Fault.from_reply(404, json.dumps(document)) == fault


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "HTTP status 502 without a message"),
        ("  \n", "HTTP status 502 without a message"),
        ("Bad gateway", "Bad gateway"),
        ("<html>\n  <h1>520</h1>\n</html>", "<html> <h1>520</h1> </html>"),
        ("[1, 2]", "[1, 2]"),
        ("a\x1b[31mb\u202ec\x07\u2028d", "a [31mb c d"),
        ("x" * 1000, "x" * 299 + "…"),
        ("[" * 100_000, "[" * 299 + "…"),
    ],
)
def test_what_is_no_json_becomes_the_message(body: str, message: str) -> None:
    assert Fault.from_reply(502, body) == Fault(502, None, message)


@example('{"error": " "}')
@given(st.one_of(st.text(), JSON.map(json.dumps)))
def test_reading_never_fails_and_gives_text_fit_for_a_terminal(body: str) -> None:
    fault = Fault.from_reply(500, body)
    for text in (fault.message, fault.solution, fault.trace, str(fault.code)):
        assert text.isprintable()
        assert len(text) <= 300
    assert fault.message


@given(
    st.builds(
        Fault,
        status=st.integers(400, 599),
        code=st.integers(1000, 9999) | st.sampled_from(["not_found", None]),
        message=st.sampled_from(["What happened.", "Another message"]),
        solution=st.sampled_from(["", "Do that."]),
        trace=st.sampled_from(["", "t-1"]),
    )
)
def test_round_trip(fault: Fault) -> None:
    assert Fault.from_reply(fault.status, json.dumps(fault.to_wire())) == fault
