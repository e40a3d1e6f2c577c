"""What a quantum program must look like, against IBM's own model of it."""

import copy
from typing import Any

import numpy as np
import pytest
from ibm_quantum_schemas.common import F64CompressedTensorModel, QpyDataV13ToV17Model
from ibm_quantum_schemas.common.qpy import CompressedQpyDataModel
from ibm_quantum_schemas.common.tensor import F64TensorModel
from ibm_quantum_schemas.executor.version_1_1 import ParamsModel as ParamsModel11
from ibm_quantum_schemas.executor.version_2_0 import ParamsModel as ParamsModel20
from pydantic import ValidationError
from qiskit import QuantumCircuit

from qrsession.errors import InvalidValueError
from qrsession.local.api.programs import check_request
from qrsession.local.api.refusals import FaultError
from qrsession.local.api.running_time import estimate_s
from qrsession.protocol.executions import SETUP_S, count_pubs
from qrsession.protocol.models import JobRequest
from qrsession.protocol.quantum_programs import check_quantum_program

pytestmark = pytest.mark.fast


def program(*shapes: tuple[int, ...], **more: Any) -> dict[str, Any]:
    """Return params with an item of each shape, whose circuit has no parameters."""
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    items = [
        {
            "item_type": "circuit",
            "circuit_arguments": F64CompressedTensorModel.from_numpy(
                np.zeros((*shape, 0))
            ).model_dump(mode="json"),
            "shape": [],
            "chunk_size": "auto",
        }
        for shape in shapes
    ]
    circuits = CompressedQpyDataModel.from_python([circuit] * len(items)).model_dump(mode="json")
    return {
        "schema_version": "v2.0",
        "quantum_program": {"shots": 10, "circuits": circuits, "items": items, **more},
        "options": {},
    }


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the params of two items with something else at a path; ``...`` takes it away."""
    params = copy.deepcopy(program((), (3,)))
    *parents, last = path.split(".")
    place: Any = params
    for name in parents:
        place = place[int(name)] if name.isdecimal() else place[name]
    if value is ...:
        del place[last]
    else:
        place[int(last) if last.isdecimal() else last] = value
    return params


SAMPLEX = {
    "item_type": "samplex",
    "samplex": {"ssv": 4, "samplex_json": '{"ssv":"4"}'},
    "samplex_arguments": {},
    "shape": [],
}
GOOD = [
    ("quantum_program.shots", 1),
    ("quantum_program.semantic_role", "sampler_v2"),
    ("quantum_program.meas_level", "avg_kerneled"),
    ("quantum_program.passthrough_data", {"a": [1, None, {"b": "c"}]}),
    ("quantum_program.items.0.chunk_size", ...),
    ("quantum_program.items.0.shape", [5, 1]),
    ("quantum_program.items.1", SAMPLEX),
    ("quantum_program.circuits", {"data": ["OPENQASM 3.0;", "OPENQASM 3.0;"]}),
    ("options", {"init_qubits": False, "rep_delay": 1e-4, "experimental": {"x": [1]}}),
    ("options", {"scheduler_timing": True, "stretch_values": True, "rep_delay": None}),
]
BAD = [
    ("schema_version", "v3.0"),
    ("quantum_program", ...),
    ("quantum_program", []),
    ("options", ...),
    ("options", []),
    ("options.init_qubits", "perhaps"),
    ("options.experimental", 3),
    ("quantum_program.shots", 0),
    ("quantum_program.shots", ...),
    ("quantum_program.shots", 1.5),
    ("quantum_program.meas_level", "raw"),
    ("quantum_program.semantic_role", 5),
    ("quantum_program.circuits", ...),
    ("quantum_program.circuits", {"data": [1, 2]}),
    ("quantum_program.circuits.num_programs", 0),
    ("quantum_program.circuits.num_programs", 3),
    ("quantum_program.circuits.b64_data", ...),
    ("quantum_program.items", {}),
    ("quantum_program.items", []),
    ("quantum_program.items.0", 5),
    ("quantum_program.items.0.item_type", "pub"),
    ("quantum_program.items.0.item_type", ...),
    ("quantum_program.items.0.shape", ...),
    ("quantum_program.items.0.shape", ["x"]),
    ("quantum_program.items.0.circuit_arguments", ...),
    ("quantum_program.items.0.circuit_arguments", [1.0]),
    ("quantum_program.items.0.chunk_size", 0),
    ("quantum_program.items.0.chunk_size", 4),
    ("quantum_program.items.0.chunk_size", "all"),
    ("quantum_program.items.1", {**SAMPLEX, "samplex": {"ssv": 4}}),
    ("quantum_program.items.1", {**SAMPLEX, "samplex": "x"}),
    ("quantum_program.items.1", {**SAMPLEX, "samplex_arguments": []}),
]
DISAGREE = (
    "quantum_program.circuits.num_programs",
    "quantum_program.items.0.chunk_size",
    "quantum_program.items",
)
# The schema's model ignores what it does not know, and would take these.
STRICTER = [
    ("schema_version", ...),
    ("optoins", {}),
    ("options.seed", 5),
    ("quantum_program.item", []),
    ("quantum_program.items.0.samplex", {}),
    ("quantum_program.circuits.data2", []),
    ("options.rep_delay", -1.0),
    ("quantum_program.items.0.shape", [-1]),
    ("quantum_program.items.0.shape", [1] * 33),
]


@pytest.mark.parametrize(("path", "value"), GOOD)
def test_what_the_schema_takes_is_taken(path: str, value: Any) -> None:
    params = changed(path, value)
    ParamsModel20.model_validate(params)
    check_quantum_program(params)


@pytest.mark.parametrize(("path", "value"), BAD)
def test_what_the_schema_refuses_is_refused(path: str, value: Any) -> None:
    """With the path at which it is wrong, or the path of what is missing there."""
    params = changed(path, value)
    with pytest.raises(ValidationError):
        ParamsModel20.model_validate(params)
    with pytest.raises(InvalidValueError) as caught:
        check_quantum_program(params)
    where = caught.value.details["path"].replace("[", ".").replace("]", "")
    # What is wrong with a table is said of the field in it, and disagreement of all the items.
    expected = "quantum_program.items" if path in DISAGREE and value in (3, 4, []) else path
    assert where.startswith(f"params.{expected}")


def test_each_item_has_a_circuit() -> None:
    params = changed("quantum_program.circuits", {"data": ["OPENQASM 3.0;"]})
    with pytest.raises(InvalidValueError, match="one circuit for each item"):
        check_quantum_program(params)


def test_an_item_is_of_its_type() -> None:
    params = changed("quantum_program.items.0.item_type", "samplex")
    with pytest.raises(InvalidValueError, match=r"items\[0\]\.samplex is missing"):
        check_quantum_program(params)


@pytest.mark.parametrize(("path", "value"), STRICTER)
def test_what_nothing_would_heed_is_refused(path: str, value: Any) -> None:
    with pytest.raises(InvalidValueError):
        check_quantum_program(changed(path, value))


def test_a_refusal_has_the_form_of_the_service() -> None:
    request = JobRequest("executor", "fake", changed("quantum_program.items.1.shots", 5))
    with pytest.raises(FaultError) as caught:
        check_request(request)
    fault = caught.value.fault
    assert fault.status == 400
    assert "params.quantum_program.items[1].shots" in fault.message


def test_the_schema_before_compression_is_taken() -> None:
    params = program((2,))
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    older = QpyDataV13ToV17Model.from_python([circuit], qpy_version=17)
    params["schema_version"] = "v1.1"
    params["quantum_program"]["circuits"] = older.model_dump(mode="json")
    arguments = F64TensorModel.from_numpy(np.zeros((2, 0))).model_dump(mode="json")
    params["quantum_program"]["items"][0]["circuit_arguments"] = arguments
    ParamsModel11.model_validate(params)
    check_quantum_program(params)
    params["quantum_program"]["circuits"] = {"data": ["OPENQASM 3.0;"]}
    with pytest.raises(InvalidValueError, match="circuits"):
        check_quantum_program(params)
    for older_version in ("v0.1", "v0.2"):
        with pytest.raises(InvalidValueError, match="schema_version"):
            check_quantum_program({**params, "schema_version": older_version})


def test_executions_are_counted() -> None:
    """Points of each item times shots, a samplex's by its shape; delays by the options."""
    params = program((), (3,), (2, 5))
    params["quantum_program"]["items"][1]["shape"] = [4, 1]
    params["quantum_program"]["items"].append({**SAMPLEX, "shape": [32, 2]})
    points = [pub.parameter_sets for pub in count_pubs("executor", params)]
    assert points == [1, 12, 10, 64]
    assert [pub.executions for pub in count_pubs("executor", params)] == [10, 120, 100, 640]
    params["options"] = {"rep_delay": 0.01}
    assert estimate_s("executor", params, {}) == SETUP_S + 8.7
    assert estimate_s("executor", {"quantum_program": {"items": 3}}, {}) == SETUP_S
    assert estimate_s("executor", {"quantum_program": {"items": [5, {"shape": 3}]}}, {}) > 0
