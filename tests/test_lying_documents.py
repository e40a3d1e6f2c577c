"""Documents of backends that went wrong on the way: a backend is made of them, or one error."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from qrsession.backend import Backend
from qrsession.circuits.untranspiled import is_device
from qrsession.errors import QrsessionError, WireFormatError
from qrsession.protocol.executions import roughly_s
from qrsession.verbs.devices import DeviceOverview
from tests.documents import Document, parsed
from tests.mangling import mangled
from tests.sandbox import End, Sandbox


def documents() -> tuple[Document, Document]:
    """Return both documents of a device, with fewer gates, so that what is beside them counts."""
    configuration, properties = parsed("lima")
    configuration["gates"] = configuration["gates"][:6]
    properties["gates"] = properties["gates"][:2] + properties["gates"][-2:]
    return configuration, properties


def look(both: tuple[Document, Document]) -> None:
    """Make all of two documents that a command makes of them."""
    configuration, properties = both
    whole = DeviceOverview.from_json(json.dumps(configuration), json.dumps(properties))
    assert isinstance(whole.document(), dict)
    for make in (
        lambda: Backend(configuration, properties, use_fractional_gates=None).target,
        lambda: Backend(configuration, properties).instruction_set,
        lambda: Backend(configuration, properties).dtm,
        lambda: Backend(configuration, properties).meas_map,
        lambda: Backend(configuration, properties).coupling_map,
        lambda: roughly_s("sampler", {"pubs": [["x", None, 4]]}, configuration),
        lambda: is_device(configuration),
    ):
        try:
            make()
        except QrsessionError as error:
            assert len(error.message) < 500  # noqa: PT017 - that nothing else is raised is shown


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(look, memory_bytes=2**30, limit_s=30) as one:
        yield one


@pytest.mark.parametrize("examples", [20, pytest.param(5000, marks=pytest.mark.deep)])
@pytest.mark.timeout(1200)
def test_documents_that_were_mangled_make_a_backend_or_one_error(
    sandbox: Sandbox, examples: int
) -> None:
    whole = documents()
    assert sandbox.run(whole).end is End.RETURNED

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mangled([list(whole)], times=4))
    def try_out(both: Any) -> None:
        if isinstance(both, list) and [type(one) for one in both] == [dict, dict]:
            outcome = sandbox.run(both)
            assert outcome.end is End.RETURNED, f"{outcome.end}\n{outcome.words}"

    try_out()


def test_a_backend_of_a_thousand_million_qubits_is_none() -> None:
    """Its target would take all memory that there is."""
    configuration, properties = documents()
    with pytest.raises(WireFormatError, match="claims 2147483648 qubits"):
        _ = Backend({**configuration, "n_qubits": 2**31}, properties).target


def test_qubits_of_a_gate_that_are_no_list_are_left_out() -> None:
    configuration, properties = documents()
    properties["gates"] = [{"gate": "cx", "qubits": 2, "parameters": []}]
    overview = DeviceOverview.from_json(json.dumps(configuration), json.dumps(properties))
    assert overview.two_q_error_median is None
