"""What the primitives make of pubs before they are sent, without a service."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorEstimator
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.primitives import EstimatorV2 as AerEstimator
from qiskit_ibm_runtime.utils.utils import is_isa_circuit

from qrsession import Estimator, Options, Sampler
from qrsession.accounts.account import local_account
from qrsession.backend import Backend
from qrsession.circuits.sources import Transpilation
from qrsession.circuits.transpilation import transpile
from qrsession.errors import CircuitError, InvalidTypeError, InvalidValueError
from qrsession.service import BackendDocuments, RuntimeService
from qrsession.settings import Settings
from tests.documents import parsed

OBSERVABLES = ["ZII", "IZZ", SparsePauliOp.from_list([("XXX", 0.5), ("IYX", -0.25), ("ZIZ", 1.5)])]
VALUES = [[0.3, 0.9], [1.1, -2.0]]


class Alone(RuntimeService):
    """A service that nobody may ask anything."""

    def fetch_documents(self, name: str) -> BackendDocuments:
        """Refuse."""
        raise AssertionError(f"The documents of {name} were asked for.")


class Captured(Estimator):
    """Keeps what would be sent."""

    pubs: list[EstimatorPub]

    def _submit(self, pubs: list[Any]) -> Any:
        self.pubs = pubs


class CapturedSampler(Sampler):
    """Keeps what would be sent."""

    pubs: list[Any]

    def _submit(self, pubs: list[Any]) -> Any:
        self.pubs = pubs


def device(folder: Path, machine: str, **options: Any) -> Backend:
    settings = Settings.from_environ({"QRSESSION_HOME": str(folder)})
    return Backend(*parsed(machine), Alone(local_account(), settings=settings), **options)


def asymmetric() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.ry(Parameter("alpha"), 0)
    circuit.h(2)
    circuit.cx(2, 1)
    circuit.rx(Parameter("beta"), 1)
    circuit.cx(0, 2)
    circuit.t(1)
    return circuit


def exact() -> np.ndarray[Any, Any]:
    pub = (asymmetric(), [[one] for one in OBSERVABLES], VALUES)
    values: np.ndarray[Any, Any] = StatevectorEstimator().run([pub]).result()[0].data.evs
    return values


@pytest.mark.parametrize(("machine", "width"), [("manila", 5), ("fractional", 5), ("fez", 156)])
def test_observables_follow_the_layout(tmp_path: Path, machine: str, width: int) -> None:
    options = Options(optimization_level=2, seed_transpiler=5)
    estimator = Captured(mode=device(tmp_path, machine), options=options)
    estimator.run([(asymmetric(), [[one] for one in OBSERVABLES], VALUES)])
    (pub,) = estimator.pubs
    assert pub.circuit.num_qubits == width
    assert is_isa_circuit(pub.circuit, device(tmp_path, machine).target) == ""
    assert {len(term) for one in pub.observables.ravel().tolist() for term in one} == {width}
    method = {"method": "matrix_product_state"}
    aer = AerEstimator(options={"backend_options": method})
    sent = (pub.circuit, pub.observables, pub.parameter_values)
    evs = aer.run([sent], precision=0).result()[0].data.evs
    np.testing.assert_allclose(evs, exact(), atol=1e-9)


def test_who_transpiled_alone_has_observables_that_fit(tmp_path: Path) -> None:
    """The layout of such a circuit has been applied already, and must not be applied again."""
    backend = device(tmp_path, "manila")
    fitted = transpile(asymmetric(), backend.target, Transpilation(2, 5), "asymmetric")
    assert fitted.layout is not None
    laid_out = [[SparsePauliOp(one).apply_layout(fitted.layout)] for one in OBSERVABLES]
    estimator = Captured(mode=backend)
    estimator.run([(fitted, laid_out, VALUES)])
    (pub,) = estimator.pubs
    evs = StatevectorEstimator().run([(pub.circuit, pub.observables, pub.parameter_values)])
    np.testing.assert_allclose(evs.result()[0].data.evs, exact(), atol=1e-9)


def test_a_device_is_not_sent_what_it_has_not(tmp_path: Path) -> None:
    backend = device(tmp_path, "manila")
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    with pytest.raises(CircuitError, match="h on qubit 0 cannot run"):
        CapturedSampler(mode=backend).run([circuit])
    with pytest.raises(CircuitError, match="h on qubit 0 cannot run"):
        Captured(mode=backend).run([(circuit, "ZZ")])
    with pytest.raises(CircuitError, match="letters other than"):
        Captured(mode=backend).run([(QuantumCircuit(2), {"0Z": 1.0})])


def test_dynamical_decoupling_of_a_circuit_that_branches(tmp_path: Path) -> None:
    circuit = QuantumCircuit(2, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    options = {"dynamical_decoupling": {"enable": True}}
    with pytest.raises(CircuitError, match="decoupling is on"):
        CapturedSampler(mode=device(tmp_path, "manila"), options=options).run([circuit])
    sampler = CapturedSampler(mode=device(tmp_path, "manila"))
    sampler.run([circuit])
    assert sampler.pubs[0].circuit is circuit


def test_a_backend_with_fractional_gates_has_circuits_with_them(tmp_path: Path) -> None:
    circuit = QuantumCircuit(2)
    circuit.rzz(-2.0, 0, 1)
    circuit.rzz(Parameter("angle"), 0, 1)
    circuit.measure_all()
    options = Options(optimization_level=1, seed_transpiler=1)
    without, with_them = (
        CapturedSampler(
            mode=device(tmp_path, "fractional", use_fractional_gates=wanted), options=options
        )
        for wanted in (False, True)
    )
    for sampler in (without, with_them):
        sampler.run([(circuit, [0.5])])
        has_rzz = "rzz" in sampler.pubs[0].circuit.count_ops()
        assert has_rzz is (sampler is with_them)
    without.run([(circuit, [[0.5], [2.0]])])
    with pytest.raises(CircuitError, match="angle=2"):
        with_them.run([(circuit, [[0.5], [2.0]])])


@pytest.mark.parametrize("primitive", [CapturedSampler, Captured])
@pytest.mark.parametrize(
    ("pubs", "kind", "words"),
    [
        ([], InvalidValueError, "no pub"),
        (None, InvalidTypeError, "not NoneType"),
        (4, InvalidTypeError, "not int"),
        ("bell.qasm", InvalidTypeError, "not str"),
        (["bell.qasm"], InvalidTypeError, "not str"),
        ([("bell.qasm", [0.5])], InvalidTypeError, "not str"),
        ([()], InvalidTypeError, "not tuple"),
    ],
)
def test_what_is_no_pub_is_named(
    tmp_path: Path, primitive: Any, pubs: Any, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        primitive(device(tmp_path, "fez")).run(pubs)


def test_a_backend_says_its_name(tmp_path: Path) -> None:
    assert repr(device(tmp_path, "fez")).startswith("<Backend('")
