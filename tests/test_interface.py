"""Our classes and those of qiskit-ibm-runtime: the same names, taking the same arguments.

Each difference that is meant stands here with its reason; nothing else differs.
"""

import inspect
from typing import Any

import pytest
import qiskit_ibm_runtime
from qiskit.primitives import BasePrimitiveJob

import qrsession
from qrsession.primitives import Estimator, Sampler

pytestmark = pytest.mark.fast

PAIRS = {
    "RuntimeJob": (qrsession.RuntimeJob, qiskit_ibm_runtime.RuntimeJobV2),
    "Session": (qrsession.Session, qiskit_ibm_runtime.Session),
    "Batch": (qrsession.Batch, qiskit_ibm_runtime.Batch),
    "Sampler": (Sampler, qiskit_ibm_runtime.SamplerV2),
    "Estimator": (Estimator, qiskit_ibm_runtime.EstimatorV2),
}

_BY_NAME = "a truth value is given by its name, so that a call says what it means"
_OURS = "ours are made by the library alone, of its own records"
_NO_DRY_RUN = "no documented part of the service's API"
_NO_CALIBRATIONS = "calibrations of one's own are no documented part of the service's API"
_SERVICE_FIRST = "the service comes first, so that a backend may be a name and be left out"
_ADOPTED = "a session that is there already is taken up by from_id alone"

# Arguments that a user of that client may give there and not here, or not in this way.
DIFFERENCES = {
    ("RuntimeJob", "__init__"): _OURS,
    ("RuntimeJob", "properties"): _BY_NAME,
    ("RuntimeJob", "usage"): _BY_NAME,
    ("Session", "__init__"): f"{_SERVICE_FIRST}; {_ADOPTED}",
    ("Batch", "__init__"): f"{_SERVICE_FIRST}; {_ADOPTED}",
    ("Session", "from_id"): f"{_BY_NAME}; {_NO_CALIBRATIONS}",
    ("Batch", "from_id"): f"{_BY_NAME}; {_NO_CALIBRATIONS}",
    ("Sampler", "run"): _NO_DRY_RUN,
    ("Estimator", "run"): _NO_DRY_RUN,
}


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def called(kind: type, name: str) -> inspect.Signature | None:
    """Return how an attribute is called, None where it is read."""
    if not callable(getattr(kind, name)):
        return None
    # A bound method of the class has no first argument.
    return inspect.signature(getattr(kind, name))


def takes(ours: inspect.Signature, theirs: inspect.Signature) -> bool:
    """Whether ours can be called in each way in which theirs can."""
    by_position = [p for p in theirs.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    by_name = [p for p in theirs.parameters.values() if p.name != "self"]
    has_self = "self" in theirs.parameters
    try:
        bound = ours.bind(*[p.name for p in by_position])
        ours.bind(*(["self"] * has_self), **{p.name: p.name for p in by_name})
    except TypeError:
        return False
    return all(name == value for name, value in bound.arguments.items())


@pytest.mark.parametrize("name", PAIRS)
def test_what_theirs_has_ours_has(name: str) -> None:
    ours, theirs = PAIRS[name]
    assert public(theirs) - public(ours) == set()
    for attribute in public(theirs):
        assert (called(ours, attribute) is None) == (called(theirs, attribute) is None), attribute


@pytest.mark.parametrize("name", PAIRS)
def test_what_theirs_takes_ours_takes(name: str) -> None:
    ours, theirs = PAIRS[name]
    differing = set()
    for attribute in ("__init__", *public(theirs)):
        of_ours, of_theirs = called(ours, attribute), called(theirs, attribute)
        if of_ours is not None and of_theirs is not None and not takes(of_ours, of_theirs):
            differing.add((name, attribute))
    assert differing == {pair for pair in DIFFERENCES if pair[0] == name}


def test_qiskits_algorithms_know_our_jobs() -> None:
    assert issubclass(qrsession.RuntimeJob, BasePrimitiveJob)
    needed: Any = BasePrimitiveJob.__abstractmethods__
    assert needed <= public(qrsession.RuntimeJob)
    assert qrsession.RuntimeJob.JOB_FINAL_STATES == qiskit_ibm_runtime.RuntimeJobV2.JOB_FINAL_STATES
