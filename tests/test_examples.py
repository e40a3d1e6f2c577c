"""The bundled circuits parse, and give on Aer what their first lines say."""

import math
from collections import Counter
from collections.abc import Callable

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qrsession.circuits.isolation import read_circuits
from qrsession.circuits.sources import Transpilation, list_examples, read_source
from qrsession.circuits.transpilation import transpile

SHOTS = 5_000
Counts = dict[str, int]


def load(name: str) -> QuantumCircuit:
    (circuit,) = read_circuits(read_source(f"@{name}"))
    return circuit


def counts_of(circuit: QuantumCircuit, level: int) -> Counts:
    """Count by bitstring: bit 0 on the right, registers apart, the last declared first."""
    backend = AerSimulator(seed_simulator=7, max_parallel_threads=1)
    fitted = transpile(circuit, backend.target, Transpilation(level, seed=1), "example")
    counts: Counts = backend.run(fitted, shots=SHOTS).result().get_counts()
    return counts


def is_near(share: float, expected: float) -> bool:
    """Whether a share of the shots is within five standard deviations of what it should be."""
    return abs(share - expected) < 5 * math.sqrt(expected * (1 - expected) / SHOTS)


def always_agrees(*words: str) -> Callable[[Counts], bool]:
    def check(counts: Counts) -> bool:
        halves = all(is_near(counts[word] / SHOTS, 0.5) for word in words)
        return set(counts) == set(words) and halves

    return check


def coin_and_its_other_side(counts: Counts) -> bool:
    return always_agrees("1 0", "0 1")(counts)


def found_by_grover(counts: Counts) -> bool:
    return counts["10110"] > 0.99 * SHOTS


def arrived_in_a_quarter(counts: Counts) -> bool:
    arrived = Counter[str]()
    for word, count in counts.items():
        last, *_ = word.split()
        arrived[last] += count
    return is_near(arrived["1"] / SHOTS, math.sin(math.pi / 6) ** 2)


def product_of_cosines(counts: Counts) -> bool:
    """With alpha 0 and beta 0 nothing is turned."""
    return counts == {"00": SHOTS}


def not_turned(counts: Counts) -> bool:
    return counts == {"0": SHOTS}


SAID = {
    "bell": always_agrees("00", "11"),
    "bell-qasm2": always_agrees("00", "11"),
    "ghz": always_agrees("00000", "11111"),
    "dynamic": coin_and_its_other_side,
    "grover": found_by_grover,
    "teleportation": arrived_in_a_quarter,
    "ansatz": product_of_cosines,
    "rotation": not_turned,
}


def test_each_example_has_its_test() -> None:
    assert sorted(SAID) == list_examples()


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("name", SAID)
def test_an_example_gives_what_it_says(name: str, level: int) -> None:
    circuit = load(name)
    if circuit.parameters:
        circuit = circuit.assign_parameters(dict.fromkeys(circuit.parameters, 0.0))
    counts = counts_of(circuit, level)
    assert sum(counts.values()) == SHOTS
    assert SAID[name](counts), counts


def test_the_ansatz_takes_the_values_that_its_comment_names() -> None:
    circuit = load("ansatz")
    assert [parameter.name for parameter in circuit.parameters] == ["alpha", "beta"]
    counts = counts_of(circuit.assign_parameters({"alpha": math.pi, "beta": 0.0}), 1)
    assert counts == {"11": SHOTS}


def test_the_rotation_turns_by_its_angle() -> None:
    circuit = load("rotation")
    (theta,) = circuit.parameters
    assert theta.name == "theta"
    assert counts_of(circuit.assign_parameters({theta: math.pi}), 1) == {"1": SHOTS}
    share = counts_of(circuit.assign_parameters({theta: 1.0}), 1)["1"] / SHOTS
    assert is_near(share, math.sin(0.5) ** 2)


@pytest.mark.parametrize("name", SAID)
def test_an_example_says_in_its_first_line_what_it_is(name: str) -> None:
    first, *_ = read_source(f"@{name}").text().splitlines()
    assert first.startswith("// ")
    assert len(first) > 20


def test_the_bell_pair_is_the_same_in_both_languages() -> None:
    assert load("bell").data == load("bell-qasm2").data
