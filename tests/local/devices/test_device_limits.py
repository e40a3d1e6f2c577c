"""How much of a device a job may ask for: shots, executions, delays."""

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qrsession.errors import JobFailedError
from qrsession.local.devices.device_limits import DeviceLimits
from qrsession.local.devices.device_rules import DeviceRules
from qrsession.local.simulation.inputs.fitting import check_limits
from qrsession.local.simulation.inputs.isa import check_isa

pytestmark = pytest.mark.fast

CONFIGURATION: dict[str, Any] = {
    "n_qubits": 2,
    "basis_gates": ["sx"],
    "gates": [{"name": "sx", "coupling_map": [[0], [1]]}],
    "coupling_map": [[0, 1]],
    "supported_instructions": ["sx", "delay", "measure", "if_else"],
    "max_shots": 8192,
    "rep_delay_range": [20, 500],
    "timing_constraints": {
        "acquire_alignment": 16,
        "granularity": 16,
        "min_length": 64,
        "pulse_alignment": 16,
    },
}
RULES = DeviceRules.of("tiny", CONFIGURATION, {})


def _code(*arguments: Any) -> int | None:
    """Return the code with which limits refuse a job; None where they do not."""
    try:
        check_limits(RULES, *arguments)
    except JobFailedError as error:
        return int(error.details["reason_code"])
    return None


def test_what_a_configuration_says() -> None:
    """Nonsense counts as nothing said: it must not make a device useless."""
    assert RULES.limits == DeviceLimits(8192, 16, (20.0, 500.0))
    assert DeviceLimits.of({}) == DeviceLimits(None, 1, None)
    strange = {
        "max_shots": 0,
        "timing_constraints": {"pulse_alignment": "16"},
        "rep_delay_range": [500, 20],
    }
    assert DeviceLimits.of(strange) == DeviceLimits.of({"timing_constraints": []}) == DeviceLimits()


def test_shots() -> None:
    """Of each circuit as many as the device takes, of all together as any does."""
    assert _code({}, [(8192, 1), (1, 1)]) is None
    assert _code({}, [(1, 1), (8193, 1)]) == 6000
    assert _code({}, [(1000, 10_000)]) is None
    assert _code({}, [(1000, 10_000), (1, 1)]) == 6000


@pytest.mark.parametrize(
    ("rep_delay_s", "code"),
    [(None, None), (20e-6, None), (500e-6, None), (0, 6050), (19e-6, 6050), (0.0006, 6050)],
)
def test_delays_between_shots(rep_delay_s: float | None, code: int | None) -> None:
    """Within the range of the device, its bounds included."""
    assert _code({"options": {"execution": {"rep_delay": rep_delay_s}}}) == code
    assert _code({"options": {"execution": None}}) is None


def _check(circuit: QuantumCircuit) -> int | None:
    try:
        check_isa(circuit, np.zeros((1, circuit.num_parameters)), RULES, 0)
    except JobFailedError as error:
        return int(error.details["reason_code"])
    return None


@pytest.mark.parametrize(
    ("length", "unit", "code"),
    [(0, "dt", None), (160, "dt", None), (100, "dt", 8043), (8, "dt", 8043), (5.3, "us", None)],
)
def test_delays_in_a_circuit(length: float, unit: str, code: int | None) -> None:
    """In steps they must end with one, in blocks as well; the service rounds those in seconds."""
    plain = QuantumCircuit(2, 1)
    plain.delay(length, 0, unit)
    assert _check(plain) == code
    nested = QuantumCircuit(2, 1)
    with nested.if_test((nested.clbits[0], 1)):
        nested.delay(length, 1, unit)
    assert _check(nested) == code


def test_delays_that_are_expressions() -> None:
    """Their length is not known here."""
    circuit = QuantumCircuit(2)
    circuit.delay(Parameter("t"), 0, "dt")
    assert _check(circuit) is None
