"""Qiskit's ``Result`` out of registers, bit by bit."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, SamplerPubResult
from qiskit.result import Result

from qrsession.circuit_runs.results import to_result

pytestmark = pytest.mark.fast


class Job:
    """As much of a job as a result is written of."""

    def job_id(self) -> str:
        return "d0"

    def backend(self) -> Any:
        return SimpleNamespace(name="aer_simulator", backend_version="1.0")


def result_of(circuit: QuantumCircuit, memory: list[int], *, has_memory: bool = True) -> Result:
    """Return the result of shots that left these numbers in the bits, bit 0 the lowest."""
    bits = np.array([[(shot >> i) & 1 for i in range(circuit.num_clbits)] for shot in memory])
    places = {
        register.name: [circuit.find_bit(bit).index for bit in register]
        for register in circuit.cregs
    }
    loose = [i for i, bit in enumerate(circuit.clbits) if not circuit.find_bit(bit).registers]
    if loose:
        places["loose_0"] = loose
    fields = {
        name: BitArray.from_bool_array(bits[:, found].astype(bool), order="little")
        for name, found in places.items()
    }
    pubs = PrimitiveResult([SamplerPubResult(DataBin(**fields, shape=()))])
    return to_result(Job(), [circuit], pubs, has_memory=has_memory)  # type: ignore[arg-type] # a stand-in


@pytest.mark.parametrize("width", [1, 7, 8, 9, 64, 65, 100])
def test_memory_and_counts_are_what_the_bits_were(width: int) -> None:
    generator = np.random.default_rng(width)
    memory = [int.from_bytes(generator.bytes(13), "big") % 2**width for _ in range(40)] * 2
    circuit = QuantumCircuit(1, width, name="wide", metadata={"anything": object})
    result = result_of(circuit, memory)
    assert [int(word, 2) for word in result.get_memory()] == memory
    assert {int(word, 2): found for word, found in result.get_counts().items()} == {
        shot: memory.count(shot) for shot in memory
    }
    assert result.results[0].data.memory == [hex(shot) for shot in memory]
    assert result.results[0].header["metadata"] is circuit.metadata
    assert result.get_counts("wide") == result.get_counts(circuit) == result.get_counts(0)


def test_registers_are_told_apart_and_bits_without_one_kept() -> None:
    """The last register is the leftmost, and what belongs to none goes by its place."""
    circuit = QuantumCircuit(
        QuantumRegister(2, "q"), ClassicalRegister(1, "a"), ClassicalRegister(9, "b"), [Clbit()]
    )
    memory = [0b1_100000001_1, 0b0_000000010_0, 0b1_100000001_1]
    result = result_of(circuit, memory)
    assert [int(word, 16) for word in result.results[0].data.memory] == memory
    assert result.results[0].header["creg_sizes"] == [["a", 1], ["b", 9]]
    assert result.results[0].header["qreg_sizes"] == [["q", 2]]


def test_bits_of_a_register_may_be_anywhere() -> None:
    first, second, third = Clbit(), Clbit(), Clbit()
    circuit = QuantumCircuit(QuantumRegister(1), [first, second, third])
    circuit.add_register(ClassicalRegister(bits=[third, first], name="ends"))
    circuit.add_register(ClassicalRegister(bits=[second], name="middle"))
    result = result_of(circuit, [0b001, 0b100, 0b010])
    assert result.results[0].data.memory == ["0x1", "0x4", "0x2"]


def test_memory_is_there_when_it_is_asked_for() -> None:
    result = result_of(QuantumCircuit(1, 1), [0, 1], has_memory=False)
    assert result.get_counts() == {"0": 1, "1": 1}
    assert "memory" not in result.data()
    assert result.results[0].shots == 2
