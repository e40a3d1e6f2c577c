"""Estimates: the length of a circuit on a target, the formula, and how both are shown."""

from dataclasses import replace

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import CXGate, Measure, SXGate
from qiskit.transpiler import InstructionProperties, Target

from qrsession.circuits.reading import duration_s
from qrsession.codec import encode
from qrsession.money.estimating import (
    ASSUMED_LENGTH,
    FROM_BACKEND,
    FROM_TARGET,
    CircuitEstimate,
    Estimate,
)
from qrsession.protocol.executions import count_pubs, default_rep_delay_s, own_rep_delay_s
from qrsession.render.estimating import estimate_text
from qrsession.render.terminal import Terminal

CIRCUIT = CircuitEstimate("bell.qasm", 1000, 2, 1, 2000, 2e-6, FROM_TARGET)
ESTIMATE = Estimate(
    backend="ibm_fez",
    session_id="id",
    is_simulated=False,
    jobs=1,
    rep_delay_s=250e-6,
    rep_delay_source=FROM_BACKEND,
    circuits=[CIRCUIT],
)


@pytest.fixture(scope="module")
def target() -> Target:
    """Two qubits: sx 40 ns, cx 100 ns on one pair, measure 1 us."""
    target = Target(num_qubits=2)
    qubits = [(0,), (1,)]
    target.add_instruction(SXGate(), {at: InstructionProperties(duration=40e-9) for at in qubits})
    target.add_instruction(CXGate(), {(0, 1): InstructionProperties(duration=100e-9)})
    target.add_instruction(Measure(), {at: InstructionProperties(duration=1e-6) for at in qubits})
    return target


def test_the_longest_path_counts(target: Target) -> None:
    """One qubit waits for the other: 2 x 40 ns, then 100 ns, then 1 us."""
    circuit = QuantumCircuit(2, 2)
    circuit.sx(0)
    circuit.sx(0)
    circuit.sx(1)
    circuit.cx(0, 1)
    circuit.barrier()
    circuit.measure([0, 1], [0, 1])
    assert duration_s(encode(circuit), target) == pytest.approx(1.18e-6)


def test_a_length_that_cannot_be_told_is_none(target: Target) -> None:
    conditional = QuantumCircuit(2, 1)
    conditional.measure(0, 0)
    with conditional.if_test((conditional.clbits[0], 1)):
        conditional.sx(1)
    assert duration_s(encode(conditional), target) is None
    unknown = QuantumCircuit(2)
    unknown.rx(Parameter("t"), 0)
    assert duration_s(encode(unknown), target) is None


@pytest.mark.fast
def test_the_formula() -> None:
    assert ESTIMATE.total_s == pytest.approx(2 + 2000 * 252e-6)
    twice = replace(ESTIMATE, jobs=2, circuits=[CIRCUIT, CIRCUIT])
    assert twice.total_s == pytest.approx(2 * ESTIMATE.total_s)
    assert ESTIMATE.fits is None
    assert replace(ESTIMATE, budget_left_s=2.504).fits is True
    assert replace(ESTIMATE, budget_left_s=2.503).fits is False


@pytest.mark.fast
def test_delays_are_in_seconds() -> None:
    assert default_rep_delay_s({"default_rep_delay": 1000}) == pytest.approx(1e-3)
    assert default_rep_delay_s({}) is None
    assert own_rep_delay_s({"options": {"execution": {"rep_delay": 0.002}}}) == 0.002
    assert own_rep_delay_s({}) is None


@pytest.mark.fast
def test_pubs_are_counted() -> None:
    values = [[0.1], [0.2], [0.3]]
    (sampled,) = count_pubs("sampler", {"pubs": [["qasm", values, 100]]})
    assert (sampled.parameter_sets, sampled.shots, sampled.executions) == (3, 100, 300)
    pub = ["qasm", {"ZZ": 1.0, "XX": 1.0}, values, 0.1]
    (estimated,) = count_pubs("estimator", {"pubs": [pub]})
    assert (estimated.parameter_sets, estimated.settings, estimated.shots) == (3, 2, 128)
    assert count_pubs("sampler", {"pubs": "strange"}) == []


@pytest.mark.fast
def test_off_a_terminal_it_is_a_table() -> None:
    text = estimate_text(replace(ESTIMATE, budget_left_s=2.0), Terminal())
    assert text == (
        "QUANTITY\tVALUE\tSOURCE\n"
        "total\t2.5 s\t2 s + 2,000 x (250 µs + 2 µs)\n"
        "jobs\t1\tall circuits in one\n"
        'overhead of a job\t2 s\tIBM\'s guide "Workload usage"\n'
        "rep_delay\t250 µs\tthe backend's default_rep_delay\n"
        "shots\t1,000\tof each parameter set\n"
        "parameter sets\t2\tpoints of the sweep\n"
        "executions\t2,000\tall of these multiplied\n"
        "circuit length\t2 µs\tlongest path by the target's durations\n"
        "left of the budget\t2 s\tit does not fit\n"
    )


@pytest.mark.fast
@pytest.mark.parametrize("width", [80, 200])
def test_on_a_terminal_the_verdict_comes_first(width: int) -> None:
    other = replace(CIRCUIT, file="ghz.qasm", circuit_source=ASSUMED_LENGTH)
    estimate = replace(
        ESTIMATE,
        circuits=[CIRCUIT, other],
        budget_left_s=100.0,
        max_execution_time_s=2,
        is_simulated=True,
    )
    terminal = Terminal(is_terminal=True, width=width, has_unicode=False)
    lines = estimate_text(estimate, terminal).splitlines()
    assert lines[:5] == [
        "3.01 s of QPU time on ibm_fez",
        "  = 2 s + 1.01 s for 4,000 executions of 2 circuits, each (250 us + its length)",
        "  It fits into the 100 s that are left of the session's budget.",
        "  The service ends each job at 2 s.",
        "  A simulator takes as long as it takes; this is what a device would.",
    ]
    assert max(map(len, lines)) <= width
    assert any("ghz.qasm" in line for line in lines)


@pytest.mark.fast
def test_of_many_circuits_the_first_are_listed() -> None:
    estimate = replace(ESTIMATE, circuits=[CIRCUIT] * 25)
    text = estimate_text(estimate, Terminal(is_terminal=True, has_unicode=False))
    assert text.endswith("and 5 circuits more\n")
