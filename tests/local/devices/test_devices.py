"""The backends' documents, held against Aer, Qiskit and IBM's client."""

import copy
import json
import subprocess
import sys
import warnings

import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library.standard_gates import get_standard_gate_name_mapping
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.utils.backend_converter import convert_to_target
from qiskit_ibm_runtime.utils.backend_decoder import configuration_from_server_data

from qrsession.local.devices.device import MAX_SHOTS, MOST_QUBITS, Device, load_simulators
from qrsession.local.simulation.circuits import preparing
from qrsession.protocol.models import BackendSummary

DEVICES = load_simulators()


@pytest.fixture(params=list(DEVICES.values()), ids=list(DEVICES))
def device(request: pytest.FixtureRequest) -> Device:
    """Return each device in turn."""
    found: Device = request.param
    return found


def test_the_two_simulators_are_there() -> None:
    """The second is the name that old programs use."""
    assert list(DEVICES) == ["aer_simulator", "ibmq_qasm_simulator"]
    assert all(device.name == name for name, device in DEVICES.items())
    assert all(device.is_simulator and device.properties() == {} for device in DEVICES.values())


def test_documents_are_json_and_summaries_are_read(device: Device) -> None:
    """By our own models, with the count that the service adds."""
    assert json.loads(json.dumps(device.configuration())) == device.configuration()
    summary = BackendSummary.from_wire({**device.summary, "queue_length": 3})
    assert (summary.name, summary.num_qubits, summary.is_simulator) == (
        device.name,
        device.num_qubits,
        True,
    )
    assert (summary.status, summary.queue_length) == ("online", 3)


def test_gates_are_those_that_aer_and_qiskit_both_have(device: Device) -> None:
    """The fixed list misses none, and each has Qiskit's parameters and width."""
    known = get_standard_gate_name_mapping()
    automatic = set(AerSimulator().configuration().basis_gates)
    gates = {gate["name"]: gate for gate in device.configuration()["gates"]}
    assert set(gates) == automatic & set(known) - {"delay", "measure", "reset", "global_phase"}
    assert set(gates) == preparing._STANDARD
    for name, gate in gates.items():
        assert len(gate["parameters"]) == len(known[name].params)
        assert f"q{known[name].num_qubits - 1};" in gate["qasm_def"]


def test_ibms_client_builds_its_target_from_them(device: Device) -> None:
    """Without a warning; a circuit of any two qubits and control flow fits it as it is."""
    document = copy.deepcopy(device.configuration())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        configuration = configuration_from_server_data(document, use_fractional_gates=None)
        assert configuration is not None
        target = convert_to_target(configuration, None)
    assert target.num_qubits == device.num_qubits == MOST_QUBITS
    assert configuration.max_shots == MAX_SHOTS
    for name in ("cx", "rzz", "u", "measure", "reset", "delay", "if_else", "while_loop"):
        assert target.instruction_supported(name) or name in target.operation_names
    assert target.build_coupling_map() is None
    circuit = QuantumCircuit(3, 1)
    circuit.cx(0, 2)
    circuit.ccx(0, 1, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    assert transpile(circuit, target=target, optimization_level=0) == circuit


def test_ibms_client_without_fractional_gates_still_has_all_it_needs(device: Device) -> None:
    """Its default drops gates with an angle of their own."""
    document = copy.deepcopy(device.configuration())
    configuration = configuration_from_server_data(document)
    assert configuration is not None
    target = convert_to_target(configuration, None)
    circuit = QuantumCircuit(2, 2)
    circuit.rx(0.3, 0)
    circuit.rxx(0.7, 0, 1)
    circuit.measure([0, 1], [0, 1])
    assert "rx" not in transpile(circuit, target=target).count_ops()


def test_they_are_fixed_data() -> None:
    """The runtime's main process loads none of the heavy packages."""
    script = (
        "import sys; from qrsession.local.devices.device import load_simulators; "
        "load_simulators(); print({'qiskit', 'numpy'} & set(sys.modules))"
    )
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert child.stdout.strip() == b"set()"
