"""Jobs of the program ``executor`` through our own client: what they are told as."""

from pathlib import Path

import numpy as np
import pytest
from ibm_quantum_schemas.common import F64CompressedTensorModel
from ibm_quantum_schemas.common.qpy import CompressedQpyDataModel
from ibm_quantum_schemas.executor.version_2_0 import (
    CircuitItemModel,
    OptionsModel,
    ParamsModel,
    QuantumProgramModel,
)
from qiskit import QuantumCircuit

from qrsession import RuntimeService, Session
from tests.e2e.conftest import Cli

pytestmark = pytest.mark.timeout(120)


def params_of(circuit: QuantumCircuit, role: str | None) -> dict[str, object]:
    arguments = F64CompressedTensorModel.from_numpy(np.zeros(0))
    program = QuantumProgramModel(
        shots=100,
        circuits=CompressedQpyDataModel.from_python([circuit]),
        items=[CircuitItemModel(circuit_arguments=arguments, shape=[])],
        semantic_role=role,
    )
    params: dict[str, object] = ParamsModel(
        quantum_program=program, options=OptionsModel()
    ).model_dump(mode="json")
    return params


def test_results_are_told_by_what_they_are(cli: Cli, shared_home: Path) -> None:
    """Samples as counts; an estimator's data as such, by name; arrays in Python."""
    assert shared_home.is_dir()
    circuit = QuantumCircuit(2, 2)
    circuit.x(1)
    circuit.measure([0, 1], [0, 1])
    with Session(service=RuntimeService("local"), backend="aer_simulator") as session:
        sampled = session.run("executor", params_of(circuit, "sampler_v2"))
        estimated = session.run("executor", params_of(circuit, "estimator_v2"))
        bits = sampled.result()["data"][0]["results"]["c"]
        raw = estimated.result()
    assert bits.shape == (100, 2)
    assert (bits == [False, True]).all()
    assert raw["semantic_role"] == "estimator_v2"
    told = cli.data("result", sampled.job_id(), "--local")
    assert told["job"]["primitive"] == "executor"
    assert told["pubs"] == [{"shots": 100, "counts": {"10": 100}, "registers": {"c": {"10": 100}}}]
    assert cli.ok("result", sampled.job_id(), "--local") == "10\t100\n"
    error = cli.error(2, "result", estimated.job_id(), "--local")
    assert "estimator_v2" in error["message"]
    assert f'job("{estimated.job_id()}").result()' in error["advice"]
