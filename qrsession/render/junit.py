"""JUnit's XML, which CI servers show: a suite for each job, a case for each thing looked at.

The format is that of Jenkins' schema (``jenkins-junit.xsd`` of its xUnit plugin), which GitLab,
GitHub's reporters and pytest follow: ``testsuites`` > ``testsuite`` > ``properties``, ``testcase``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from xml.etree import ElementTree as ET

from qrsession.errors import ExpectationError, QrsessionError
from qrsession.expecting.verdicts import Verdict
from qrsession.render.terminal import clean
from qrsession.verbs.reports import JobReport

_COMPLETED = "completed"


class Ending(StrEnum):
    """How a case ended. The value is the element that says so; a pass has none."""

    PASSED = ""
    FAILED = "failure"
    BROKEN = "error"


@dataclass(frozen=True)
class Case:
    """One thing that was looked at.

    Attributes:
        circuit: The circuit that it is about.
        name: What it is, as "fidelity at least 0.9".
        ending: How it ended.
        message: What was seen, or what went wrong.
        kind: The error's code, where it did not pass.
    """

    circuit: str
    name: str
    ending: Ending = Ending.PASSED
    message: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Suite:
    """The cases of one job.

    Attributes:
        name: The job's id, or what stands for it.
        cases: Its cases.
        properties: What else is known of the job, by name.
    """

    name: str
    cases: Sequence[Case]
    properties: Mapping[str, str] = field(default_factory=dict)


def judged_suite(job: JobReport, circuits: Sequence[str], verdicts: Sequence[Verdict]) -> Suite:
    """Return the suite of a job that gave a result.

    A circuit of which nothing is expected has a case that passes.

    Args:
        job: The job.
        circuits: What its circuits are called.
        verdicts: What was seen of them, among others.
    """
    own = [verdict for verdict in verdicts if verdict.job_id == job.job_id]
    cases = [
        Case(
            circuit=verdict.circuit,
            name=f"{verdict.expectation.title} {verdict.expectation.wish()}",
            ending=Ending.PASSED if verdict.holds else Ending.FAILED,
            message=verdict.sentence(),
            kind="" if verdict.holds else ExpectationError.code,
        )
        for verdict in own
    ]
    return Suite(job.job_id, cases or [Case(name, _COMPLETED) for name in circuits], _facts(job))


def broken_suite(job: JobReport | None, circuits: Sequence[str], error: QrsessionError) -> Suite:
    """Return the suite of a job without a result, or of circuits that did not become one."""
    cases = [Case(name, _COMPLETED, Ending.BROKEN, error.message, error.code) for name in circuits]
    if job is None:
        return Suite("not submitted", cases)
    return Suite(job.job_id, cases, _facts(job))


def _facts(job: JobReport) -> dict[str, str]:
    facts = {
        "job_id": job.job_id,
        "session_id": job.session_id,
        "backend": job.backend,
        "status": job.status,
        "usage_s": job.usage_s,
    }
    return {name: str(value) for name, value in facts.items() if value is not None}


def junit_text(suites: Sequence[Suite], *, began: datetime, time_s: float) -> str:
    """Return an XML document, of characters that XML 1.0 has.

    Args:
        suites: The jobs.
        began: When the command began, aware.
        time_s: How long it took, in seconds. Jobs are waited for together, so it is that of all.
    """
    suites = _told_apart(suites)
    cases = [case for suite in suites for case in suite.cases]
    root = ET.Element("testsuites", {"name": "qrsession", **_totals(cases, time_s)})
    for suite in suites:
        root.append(_suite(suite, began, time_s))
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _told_apart(suites: Sequence[Suite]) -> list[Suite]:
    """Number circuits of one name: servers take cases of one class and name for the same."""
    seen: Counter[tuple[str, str]] = Counter()

    def numbered(case: Case) -> Case:
        key = (case.circuit, case.name)
        seen[key] += 1
        return case if seen[key] == 1 else replace(case, circuit=f"{case.circuit} #{seen[key]}")

    return [replace(suite, cases=[numbered(case) for case in suite.cases]) for suite in suites]


def _suite(suite: Suite, began: datetime, time_s: float) -> ET.Element:
    element = ET.Element(
        "testsuite",
        {
            "name": clean(suite.name),
            **_totals(suite.cases, time_s),
            "skipped": "0",
            # The schema has no room for an offset.
            "timestamp": began.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds"),
        },
    )
    if suite.properties:
        properties = ET.SubElement(element, "properties")
        for name, value in suite.properties.items():
            attributes = {"name": name, "value": clean(value)}
            ET.SubElement(properties, "property", attributes)
    for case in suite.cases:
        attributes = {"classname": clean(case.circuit), "name": clean(case.name)}
        one = ET.SubElement(element, "testcase", attributes)
        if case.ending is Ending.PASSED:
            if case.message:
                ET.SubElement(one, "system-out").text = clean(case.message)
            continue
        attributes = {"message": clean(case.message), "type": case.kind}
        ET.SubElement(one, case.ending.value, attributes).text = clean(case.message)
    return element


def _totals(cases: Sequence[Case], time_s: float) -> dict[str, str]:
    endings = [case.ending for case in cases]
    return {
        "tests": str(len(cases)),
        "failures": str(endings.count(Ending.FAILED)),
        "errors": str(endings.count(Ending.BROKEN)),
        "time": f"{time_s:.3f}",
    }
