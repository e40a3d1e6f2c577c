"""JUnit reports: of the form that CI servers read, whatever stands in them."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from xml.etree import ElementTree as ET

import pytest

from qrsession.errors import JobFailedError
from qrsession.expecting.agreement import Measured
from qrsession.expecting.verdicts import Verdict
from qrsession.expecting.wanted import Kind, bound_of
from qrsession.render.junit import Suite, broken_suite, judged_suite, junit_text
from qrsession.verbs.reports import JobReport

pytestmark = pytest.mark.fast

BEGAN = datetime(2026, 1, 31, 13, tzinfo=timezone(timedelta(hours=1)))
JOB = JobReport("d1", "s1", "ibm_fez", "sampler", "Completed", 2.5)
# The attributes of Jenkins' schema, those that it demands first.
ATTRIBUTES = {
    "testsuites": ({"name"}, {"time", "tests", "failures", "disabled", "errors"}),
    "testsuite": (
        {"name", "tests"},
        {"failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id"},
    ),
    "properties": (set(), set()),
    "property": ({"name", "value"}, set()),
    "testcase": ({"name"}, {"assertions", "time", "classname", "status"}),
    "failure": (set(), {"type", "message"}),
    "error": (set(), {"type", "message"}),
    "system-out": (set(), set()),
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase"},
    "properties": {"property"},
    "testcase": {"failure", "error", "system-out"},
}


def check(element: ET.Element) -> None:
    """Hold an element and all in it against the schema."""
    demanded, allowed = ATTRIBUTES[element.tag]
    assert demanded <= set(element.attrib) <= demanded | allowed
    assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
    if element.tag in {"testsuites", "testsuite"}:
        assert element.get("tests") == str(len(list(element.iter("testcase"))))
        assert element.get("failures") == str(len(list(element.iter("failure"))))
        assert element.get("errors") == str(len(list(element.iter("error"))))
        assert float(element.get("time", "")) >= 0
    for child in element:
        check(child)


def read(*suites: Suite) -> ET.Element:
    text = junit_text(suites, began=BEGAN, time_s=1.25)
    # What XML 1.0 has no place for.
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", text)
    root = ET.fromstring(text.encode())  # noqa: S314 - it is our own
    check(root)
    return root


def verdicts(circuit: str = "@bell") -> list[Verdict]:
    return [
        Verdict(bound_of(kind, 0.5), circuit, 0, Measured(0.75, 0.01), 0.9, "d1")
        for kind in (Kind.FIDELITY, Kind.TOTAL_VARIATION)
    ]


def test_each_expectation_is_a_case() -> None:
    root = read(judged_suite(JOB, ["@bell"], verdicts()))
    suite = root[0]
    assert (suite.get("name"), suite.get("time")) == ("d1", "1.250")
    assert suite.get("timestamp") == "2026-01-31T12:00:00"
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert properties == {
        "job_id": "d1",
        "session_id": "s1",
        "backend": "ibm_fez",
        "status": "Completed",
        "usage_s": "2.5",
    }
    passed, failed = suite.iter("testcase")
    assert (passed.get("classname"), passed.get("name")) == ("@bell", "fidelity at least 0.5")
    said = "fidelity 0.750 ± 0.010, at least 0.5 (shot noise gives 0.900)"
    assert passed.findtext("system-out") == said
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("type") == "expectation_failed"
    assert failure.get("message", "").startswith("TVD 0.750 ± 0.010, at most 0.5")


def test_circuits_of_which_nothing_is_expected_pass_when_they_ran() -> None:
    root = read(judged_suite(JOB, ["a", "b"], []))
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert names == [("a", "completed"), ("b", "completed")]
    assert root.get("failures") == root.get("errors") == "0"


def test_circuits_of_one_name_are_told_apart() -> None:
    """A server takes cases of one class and name for the same, in another suite too."""
    other = replace(JOB, job_id="d2")
    root = read(judged_suite(JOB, ["a", "a"], []), judged_suite(other, ["a", "b"], []))
    names = [case.get("classname") for case in root.iter("testcase")]
    assert names == ["a", "a #2", "a #3", "b"]


@pytest.mark.parametrize("job", [JOB, None])
def test_what_did_not_become_a_result_is_an_error(job: JobReport | None) -> None:
    root = read(broken_suite(job, ["a", "b"], JobFailedError("It burnt.")))
    assert root.get("errors") == "2"
    errors = list(root.iter("error"))
    assert [(one.get("type"), one.get("message")) for one in errors] == [
        ("job_failed", "It burnt.")
    ] * 2
    assert root[0].get("name") == ("not submitted" if job is None else "d1")


def test_nothing_breaks_out_of_the_document() -> None:
    hostile = 'a<b>&"\x00\x1b]0;\ud800\uffff]]>\n</testcase>é'
    root = read(
        judged_suite(JOB, [hostile], verdicts(hostile)),
        broken_suite(JOB, [hostile], JobFailedError(hostile)),
    )
    assert len(list(root.iter("testcase"))) == 3
    assert next(root.iter("testcase")).get("classname") == 'a<b>&"]0;]]> </testcase>é'
    assert BEGAN.astimezone(UTC).hour == 12
