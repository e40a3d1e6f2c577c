"""The same work, by IBM's client and by ours: the requests that leave are the same, field by field.

Both speak to one local runtime through a server that records. Its backends are snapshots of real
devices, and circuits are written in their instructions, so that neither client changes them. What
may differ is listed here, each with its reason, and nothing else.
"""

import base64
import io
import json
import socket
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import qiskit_ibm_runtime
from qiskit import QuantumCircuit, generate_preset_pass_manager, qpy
from qiskit.circuit import Parameter, ParameterVector
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.quantum_info import Pauli, PauliList, SparseObservable, SparsePauliOp
from qiskit.transpiler import CouplingMap
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

from qrsession import Batch, Estimator, RuntimeService, Sampler, Session
from qrsession.accounts.account import Account
from qrsession.local.account.identity import LOCAL_CRN
from qrsession.local.api.app import create_app
from qrsession.local.api.connections import server_config
from qrsession.local.config import RuntimeConfig
from qrsession.local.devices.device import Device
from qrsession.protocol.options import OPTIONS_OF
from qrsession.settings import Settings
from qrsession.tags import is_own_tag
from tests.e2e.conftest import Cli
from tests.ibms_client import environ_of
from tests.local.conftest import SECRET, ReadyServer, ScriptedLane, make_device
from tests.recording import LIMIT_S, Recorded, Recorder, recording

# What that client says of its own future, to its own users.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{words}:DeprecationWarning")
    for words in (
        "The SamplerV2 class is deprecated",
        "The EstimatorV2 class is deprecated",
        "Specifying different 'shots' across pubs is deprecated",
        "Specifying different 'precision' across pubs is deprecated",
        "Specifying 'measure_noise_learning.shots_per_randomization' as an integer",
    )
]

INSTANCE = LOCAL_CRN
SMALL, WIDE = "ibm_manila", "ibm_fez"

# Headers that are not compared. All others must be the same, by name and by value.
OWN_HEADERS = {
    "user-agent": "each client gives its own name",
    "x-qx-client-application": "each client gives its own name",
    "prefer": "ours may ask the service to hold a question until there is an answer",
    "content-length": "follows from the body, in which one tag is ours",
}


# The two ends


def _device(name: str) -> Device:
    snapshot = name.removeprefix("ibm_")
    folder = files("qiskit_ibm_runtime.fake_provider.backends") / snapshot
    configuration = json.loads((folder / f"conf_{snapshot}.json").read_text())
    properties = json.loads((folder / f"props_{snapshot}.json").read_text())
    configuration["backend_name"] = properties["backend_name"] = name
    device = make_device(name, configuration["n_qubits"])
    return replace(device, configuration=lambda: configuration, properties=lambda: properties)


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    """Record what goes to a runtime with two devices, whose jobs end at once."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = RuntimeConfig(data_dir=tmp_path_factory.mktemp("data"), secret=SECRET, port=port)
    app = create_app(config, [ScriptedLane()], {name: _device(name) for name in (SMALL, WIDE)})
    server = ReadyServer(server_config(app, log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    assert server.is_ready.wait(LIMIT_S)
    with recording(f"http://127.0.0.1:{port}") as recorder:
        yield recorder
    server.should_exit = True
    thread.join(LIMIT_S)
    assert not thread.is_alive()


@dataclass(frozen=True)
class Clients:
    """Both clients: services, their backends by name, and one session of each mode for both."""

    recorder: Recorder
    ours: RuntimeService
    theirs: Any
    backends: Mapping[str, Any]
    modes: Mapping[str, tuple[Any, Any]]

    def sent(self, work: Callable[[], Any], method: str, ending: str) -> Recorded:
        """Do some work, and return the one request of its kind that left."""
        self.recorder.clear()
        work()
        (request,) = self.recorder.of(method, ending)
        return request

    def both(
        self, ours: Callable[[], Any], theirs: Callable[[], Any], method: str, ending: str
    ) -> tuple[Recorded, Recorded]:
        """Let both do their work, and return what each sent."""
        return self.sent(ours, method, ending), self.sent(theirs, method, ending)


@pytest.fixture(scope="module")
def unlooked_callers() -> Iterator[None]:
    """Hide from IBM's client who calls it, which it looks up for a header that is not compared.

    It reads the source of every frame below, pytest's too; that took nine tenths of the time here.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qiskit_ibm_runtime.api.session.inspect", SimpleNamespace(stack=list))
        yield


@pytest.fixture(scope="module")
def clients(
    recorder: Recorder,
    unlooked_callers: None,  # noqa: ARG001 - in force as long as the clients are
    tmp_path_factory: pytest.TempPathFactory,
) -> Clients:
    """Set up both clients on one account, one instance and the same sessions."""
    # That client takes a URL with this word in it as it stands.
    url = f"{recorder.url}/experimental/api/v1"
    home = tmp_path_factory.mktemp("home")
    settings = Settings.from_environ({"QRSESSION_HOME": str(home)})
    ours = RuntimeService(
        Account("recorded", token=SECRET, url=url, instance=INSTANCE), settings=settings
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ_of(recorder.url, home, SECRET, INSTANCE).items():
            patch.setenv(name, value)
        theirs = qiskit_ibm_runtime.QiskitRuntimeService()
    backends = {name: theirs.backend(name) for name in (SMALL, WIDE)}
    modes: dict[str, tuple[Any, Any]] = {
        name: (ours.backend(name), backend) for name, backend in backends.items()
    }
    for kind, other in (
        (Session, qiskit_ibm_runtime.Session),
        (Batch, qiskit_ibm_runtime.Batch),
    ):
        session = kind(service=ours, backend=SMALL)
        modes[session.mode.value] = (session, other.from_id(session.session_id, theirs))
    return Clients(recorder, ours, theirs, backends, modes)


# What is compared


def headers_of(request: Recorded) -> dict[str, str]:
    """Return the headers that must be the same; each client has a token of its own."""
    fields = {
        name: value for name, value in request.header_fields().items() if name not in OWN_HEADERS
    }
    scheme, token = fields["authorization"].split(" ")
    assert token.count(".") == 2, "this is no token as IAM issues them"
    return {**fields, "authorization": scheme}


def plain(value: Any) -> Any:
    """Return JSON in a form in which 1, 1.0 and true differ, and typed values are decoded."""
    if isinstance(value, dict):
        if "__type__" in value:
            assert set(value) == {"__type__", "__value__"}, value.keys()
            return (value["__type__"], _DECODERS[value["__type__"]](value["__value__"]))
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return (type(value).__name__, value)


def _circuit(text: str) -> tuple[Any, ...]:
    data = zlib.decompress(base64.b64decode(text))
    (circuit,) = qpy.load(io.BytesIO(data))
    layout = circuit.layout.final_index_layout() if circuit.layout else None
    return (qpy.get_qpy_version(io.BytesIO(data)), circuit, circuit.name, circuit.metadata, layout)


def _array(value: Any) -> Any:
    if isinstance(value, list):
        return plain(value)
    array = np.load(io.BytesIO(zlib.decompress(base64.b64decode(value))), allow_pickle=False)
    return (array.dtype.str, array.shape, array.tolist())


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "QuantumCircuit": _circuit,
    "ndarray": _array,
    "NoiseModel": plain,
    "complex": plain,
    "set": plain,
    "datetime": plain,
}


def without_our_tag(body: dict[str, Any]) -> dict[str, Any]:
    """Take our one tag away, and with it the list of tags where no other is in it."""
    kept = dict(body)
    *tags, own = kept.pop("tags")
    assert is_own_tag(own)
    # In its place, for the order is compared too.
    return {
        key: tags if key == "tags" else value
        for key, value in body.items()
        if key != "tags" or tags
    }


def check_same_job(ours: Recorded, theirs: Recorded) -> dict[str, Any]:
    """Compare two submissions, and return the body that both sent."""
    assert (ours.status, theirs.status) == (200, 200)
    assert (ours.path, ours.query) == (theirs.path, theirs.query)
    assert headers_of(ours) == headers_of(theirs)
    sent, wanted = without_our_tag(ours.json()), theirs.json()
    assert plain(sent) == plain(wanted)
    assert list(sent) == list(wanted)
    assert list(sent["params"]) == list(wanted["params"])
    return sent


# Circuits in the instructions of the small device, and what goes with them


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(5, name="bell", global_phase=0.25, metadata={"of": ["us", 1, None]})
    circuit.rz(np.pi / 2, 0)
    circuit.sx(0)
    circuit.cx(0, 1)
    return circuit


def measured(circuit: QuantumCircuit | None = None) -> QuantumCircuit:
    copy = (circuit or bell()).copy()
    copy.measure_active()
    return copy


def turned() -> QuantumCircuit:
    """Its parameters are not declared in the order of their names, in which values are sent."""
    circuit = QuantumCircuit(5, name="turned")
    zeta, alpha = Parameter("zeta"), Parameter("alpha")
    circuit.rz(zeta, 0)
    circuit.sx(0)
    circuit.rz(alpha + 2 * zeta, 1)
    circuit.cx(0, 1)
    return circuit


def vectors() -> QuantumCircuit:
    circuit = QuantumCircuit(5, name="vectors")
    for qubit, angle in enumerate(ParameterVector("t", 12)):
        circuit.rz(angle, qubit % 5)
    circuit.sx(range(5))
    return circuit


def dynamic() -> QuantumCircuit:
    circuit = QuantumCircuit(5, 2, name="dynamic")
    circuit.sx(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.delay(100, 2)
    circuit.barrier()
    circuit.measure(1, 1)
    return circuit


def laid_out() -> tuple[QuantumCircuit, SparsePauliOp]:
    """Transpile as IBM's guides do, with observables that follow the layout."""
    circuit = QuantumCircuit(2, name="laid out")
    circuit.h(0)
    circuit.cx(0, 1)
    manager = generate_preset_pass_manager(
        optimization_level=1,
        basis_gates=["cx", "id", "rz", "sx", "x"],
        coupling_map=CouplingMap.from_line(5),
        initial_layout=[3, 2],
        seed_transpiler=1,
    )
    isa = manager.run(circuit)
    return isa, SparsePauliOp(["ZX", "IZ"], [0.5, -2]).apply_layout(isa.layout)


def sampler_pub_of_a_laid_out_circuit() -> Any:
    circuit, _ = laid_out()
    circuit.measure_active()
    return circuit


@dataclass(frozen=True)
class Case:
    """Work for one primitive.

    Attributes:
        name: What it shows.
        pubs: Makes the pubs, once for both clients.
        run: The arguments of ``run``.
        options: The options of the primitive.
        mode: ``dedicated``, ``batch``, or a backend's name.
    """

    name: str
    pubs: Callable[[], list[Any]]
    run: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    mode: str = "dedicated"


SWEEP = np.linspace(0, 3, 12)
T = tuple(f"t[{index}]" for index in range(12))
SAMPLED = [
    Case("a bare circuit", lambda: [measured()]),
    Case("a circuit as a tuple", lambda: [(measured(),)]),
    Case("a laid out circuit", lambda: [sampler_pub_of_a_laid_out_circuit()]),
    Case("control flow and delays", lambda: [dynamic()]),
    Case("one set of values", lambda: [(measured(turned()), [0.1, 0.2])]),
    Case("whole numbers as values", lambda: [(measured(turned()), [1, 2])]),
    Case("a sweep", lambda: [(measured(turned()), SWEEP.reshape(6, 2))]),
    Case("a grid", lambda: [(measured(turned()), SWEEP.reshape(2, 3, 2))]),
    Case("single precision", lambda: [(measured(turned()), SWEEP.reshape(6, 2).astype("f4"))]),
    Case("values by name", lambda: [(measured(turned()), {"zeta": 0.5, "alpha": 0.25})]),
    Case("a sweep by name", lambda: [(measured(turned()), {"zeta": SWEEP, "alpha": SWEEP * 2})]),
    Case("names together", lambda: [(measured(turned()), {("zeta", "alpha"): [[1, 2], [3, 4]]})]),
    Case("a vector by name", lambda: [(measured(vectors()), {T: SWEEP})]),
    Case("a vector in order", lambda: [(measured(vectors()), SWEEP)]),
    Case("several pubs", lambda: [measured(), (measured(turned()), [0, 1]), dynamic()]),
    Case("shots of a pub", lambda: [(measured(), None, 7)]),
    Case("shots of a run", lambda: [measured()], {"shots": 99}),
    Case("shots of both", lambda: [(measured(), None, 7), measured()], {"shots": 99}),
    Case("default shots", lambda: [measured()], options={"default_shots": 33}),
    Case("in a batch", lambda: [measured()], mode="batch"),
    Case("without a session", lambda: [measured()], mode=SMALL),
    Case("no options", lambda: [measured()], options={}),
]


def _wide() -> list[Any]:
    circuit = QuantumCircuit(156, name="wide")
    circuit.sx(range(156))
    circuit.cz(0, 1)
    return [(circuit, SparsePauliOp.from_sparse_list([("ZZ", [0, 155], 0.5)], 156))]


def _observed(observables: Any) -> Callable[[], list[Any]]:
    return lambda: [(bell(), observables)]


ESTIMATED = [
    Case("an operator", _observed(SparsePauliOp(["IIIZZ", "XXIII"], [1, -0.5]))),
    Case("an operator with whole coefficients", _observed(SparsePauliOp(["IIIZZ"], [2]))),
    Case("an operator with equal terms", _observed(SparsePauliOp(["IIIZZ", "IIIZZ"], [1, 2]))),
    Case("a word", _observed("IIIZZ")),
    Case("words", _observed(["IIIZZ", "XXIII"])),
    Case("a dict", _observed({"IIIZZ": 0.5, "IXIII": 2})),
    Case("a Pauli", _observed(Pauli("IIIZZ"))),
    Case("Paulis", _observed(PauliList(["IIIZZ", "YIIII"]))),
    Case("a sparse observable", _observed(SparseObservable.from_list([("IIIZZ", 0.5)]))),
    Case("operators", _observed([SparsePauliOp("IIIZZ"), SparsePauliOp("IIIIX", 3)])),
    Case("a grid", _observed([["IIIZZ", "XXIII"], ["IIIII", "ZIIII"]])),
    Case("an array", _observed(ObservablesArray([[{"IIIZZ": 1.5}], ["XIIII"]]))),
    Case("a mixture", _observed(["IIIZZ", {"XXIII": 0.1}, SparsePauliOp("ZIIIZ")])),
    Case("laid out", lambda: [laid_out()]),
    Case("a wide device", _wide, mode=WIDE),
    Case("one set of values", lambda: [(turned(), "IIIZZ", [0.1, 0.2])]),
    Case("a sweep", lambda: [(turned(), "IIIZZ", SWEEP.reshape(6, 2))]),
    Case("values by name", lambda: [(turned(), "IIIZZ", {"zeta": SWEEP, "alpha": SWEEP})]),
    Case("broadcast", lambda: [(turned(), [["IIIZZ"], ["XIIII"]], SWEEP.reshape(6, 2))]),
    Case("a vector by name", lambda: [(vectors(), "IIIZZ", {T: SWEEP})]),
    Case("several pubs", lambda: [(bell(), "IIIZZ"), (turned(), ["XIIII"], [0, 1])]),
    Case("precision of a pub", lambda: [(bell(), "IIIZZ", None, 0.125)]),
    Case("precision of a run", lambda: [(bell(), "IIIZZ")], {"precision": 0.25}),
    Case("whole precision", lambda: [(bell(), "IIIZZ")], {"precision": 1}),
    Case(
        "precision of both",
        lambda: [(bell(), "IIIZZ", None, 0.125), (bell(), "XIIII")],
        {"precision": 0.25},
    ),
    Case("in a batch", _observed("IIIZZ"), mode="batch"),
    Case("without a session", _observed("IIIZZ"), mode=SMALL),
]


def _noise() -> NoiseModel:
    model = NoiseModel(["cx", "sx"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.01, 1), ["sx"])
    model.add_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]), [0])
    return model


DECOUPLING = {
    "enable": True,
    "sequence_type": "XY4",
    "extra_slack_distribution": "edges",
    "scheduling_method": "asap",
    "skip_reset_qubits": True,
}
TWIRLING = {
    "enable_gates": True,
    "enable_measure": False,
    "num_randomizations": 8,
    "shots_per_randomization": "auto",
    "strategy": "active-circuit",
}
SIMULATOR = {
    "seed_simulator": 42,
    "coupling_map": [[0, 1], [1, 0]],
    "basis_gates": ["cx", "sx", "rz"],
}
COMMON: list[dict[str, Any]] = [
    {"max_execution_time": 100},
    {"environment": {"log_level": "DEBUG"}},
    {"environment": {"log_level": "CRITICAL", "job_tags": ["one", "two words"]}},
    {"environment": {"job_tags": ["é", "x" * 86, "c", "d", "e", "f", "g"]}},
    {"environment": {"job_tags": []}},
    {"environment": {"job_tags": None}},
    {"environment": {"private": True}},
    {"environment": {"private": False}},
    {"environment": {"private": None}},
    {"max_execution_time": 1, "environment": {"private": True, "job_tags": ["all"]}},
    {"dynamical_decoupling": DECOUPLING},
    {"dynamical_decoupling": {"enable": False}},
    {"dynamical_decoupling": {}},
    {"twirling": TWIRLING},
    {"twirling": {"num_randomizations": "auto", "shots_per_randomization": 64}},
    {"twirling": {}, "execution": {}, "simulator": {}},
    {"simulator": SIMULATOR},
    {"simulator": {"seed_simulator": 0}},
    {"simulator": {"coupling_map": CouplingMap.from_line(3)}},
    {"simulator": {"noise_model": _noise()}},
    {"simulator": {"noise_model": {"errors": [], "x90_gates": [1]}}},
    {"execution": {"init_qubits": False, "rep_delay": 0.00025}},
    {"execution": {"rep_delay": 0}},
    {"experimental": {}},
    {"experimental": {"image": "runtime-image:1.2"}},
    {"experimental": {"something": {"new": [1, 2.5, None]}}},
    {"experimental": {"meas_level": 1, "shots": None, "deep": {"er": {"est": "x"}}}},
    {"experimental": {"image": "a/b-c:1", "something": True}},
    {"experimental": {"execution": {"init_qubits": True}, "x": {}, "y": {"z": {}}}},
    {"twirling": {"strategy": "all"}, "experimental": {"twirling": {"strategy": "active"}}},
    {"twirling": {"strategy": "all"}, "experimental": {"twirling": {"num_randomizations": 2}}},
    {"execution": {"init_qubits": True}, "experimental": {"execution": {"rep_delay": 0}}},
]
OF_THE_SAMPLER: list[dict[str, Any]] = [
    {"default_shots": 1},
    {"experimental": {"resilience": {"new": 1}, "default_shots": 2}},
    {"execution": {"meas_type": "classified"}},
    {"execution": {"meas_type": "kerneled", "init_qubits": True}},
    {"execution": {"meas_type": "avg_kerneled", "rep_delay": 1e-4}, "default_shots": 10},
]
OF_THE_ESTIMATOR: list[dict[str, Any]] = [
    {"default_precision": 0.03125},
    {"default_precision": 1},
    {"default_shots": 100},
    {"default_shots": None},
    {"seed_estimator": 0},
    {"seed_estimator": 1234567890123},
    {"resilience_level": 0},
    {"resilience_level": 1},
    {"resilience_level": 2},
    {"resilience": {}},
    {"resilience": {"measure_mitigation": False}},
    {
        "resilience": {
            "measure_mitigation": True,
            "measure_noise_learning": {"num_randomizations": 16, "shots_per_randomization": "auto"},
        }
    },
    {
        "resilience": {
            "measure_mitigation": True,
            "measure_noise_learning": {"shots_per_randomization": 32},
        }
    },
    {"resilience": {"zne_mitigation": True}},
    {
        "resilience": {
            "zne_mitigation": True,
            "zne": {
                "amplifier": "pea",
                "noise_factors": [1, 3, 5],
                "extrapolator": ["linear", "polynomial_degree_2"],
                "extrapolated_noise_factors": [0, 1.5],
            },
        }
    },
    {
        "resilience": {
            "zne": {
                "amplifier": "gate_folding",
                "noise_factors": (1.0, 1.5, 2),
                "extrapolator": "exponential",
            }
        }
    },
    {"resilience": {"zne": {"extrapolator": ("fallback",), "noise_factors": [1, 2]}}},
    {"resilience": {"zne": {}, "pec": {}}},
    {"resilience": {"pec_mitigation": True, "pec": {"max_overhead": 50, "noise_gain": 0}}},
    {"resilience": {"pec": {"max_overhead": None, "noise_gain": "auto"}}},
    {"resilience": {"pec": {"max_overhead": 2.5, "noise_gain": 0.5}}},
    {
        "resilience": {
            "layer_noise_learning": {
                "max_layers_to_learn": 3,
                "shots_per_randomization": 64,
                "num_randomizations": 16,
                "layer_pair_depths": [0, 1, 4],
            }
        }
    },
    {"resilience": {"layer_noise_learning": {"max_layers_to_learn": None}}},
    {"resilience": {"layer_noise_model": None}},
    {
        "resilience_level": 2,
        "default_precision": 0.5,
        "max_execution_time": 600,
        "dynamical_decoupling": DECOUPLING,
        "twirling": TWIRLING,
        "execution": {"init_qubits": True, "rep_delay": 0.001},
        "resilience": {"measure_mitigation": True, "zne": {"noise_factors": [1, 2, 3]}},
        "environment": {"log_level": "INFO", "job_tags": ["whole"], "private": True},
    },
]


def _name_of(options: Mapping[str, Any]) -> str:
    return json.dumps(options, default=lambda value: type(value).__name__).replace('"', "")[:70]


def _run(clients: Clients, kinds: tuple[Any, Any], case: Case) -> dict[str, Any]:
    pubs = case.pubs()

    def work(kind: Any, mode: Any) -> Callable[[], Any]:
        return lambda: kind(mode=mode, options=dict(case.options)).run(pubs, **case.run)

    ours, theirs = (
        clients.sent(work(kind, mode), "POST", "/jobs")
        for kind, mode in zip(kinds, clients.modes[case.mode], strict=True)
    )
    return check_same_job(ours, theirs)


def sample(clients: Clients, case: Case) -> dict[str, Any]:
    return _run(clients, (Sampler, qiskit_ibm_runtime.SamplerV2), case)


def estimate(clients: Clients, case: Case) -> dict[str, Any]:
    return _run(clients, (Estimator, qiskit_ibm_runtime.EstimatorV2), case)


@pytest.mark.parametrize("case", SAMPLED, ids=[case.name for case in SAMPLED])
def test_pubs_of_the_sampler(clients: Clients, case: Case) -> None:
    body = sample(clients, case)
    assert body["program_id"] == "sampler"
    assert ("session_id" in body) == (case.mode in {"dedicated", "batch"})


@pytest.mark.parametrize("case", ESTIMATED, ids=[case.name for case in ESTIMATED])
def test_pubs_of_the_estimator(clients: Clients, case: Case) -> None:
    body = estimate(clients, case)
    assert body["program_id"] == "estimator"
    assert {len(pub) for pub in body["params"]["pubs"]} == {4}


@pytest.mark.parametrize("options", [*COMMON, *OF_THE_SAMPLER], ids=_name_of)
def test_options_of_the_sampler(clients: Clients, options: dict[str, Any]) -> None:
    sample(clients, Case("options", lambda: [measured()], options=options))


@pytest.mark.parametrize("options", [*COMMON, *OF_THE_ESTIMATOR], ids=_name_of)
def test_options_of_the_estimator(clients: Clients, options: dict[str, Any]) -> None:
    estimate(clients, Case("options", _observed("IIIZZ"), options=options))


# Two things of our options have no like there: words and nulls that the schema takes and that
# client's classes refuse ("auto" for extrapolated noise factors, null for a seed or a switch), and
# a model of layer noise, which it builds from results of its own programs.


def _leaves(options: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, value in options.items():
        if isinstance(value, Mapping) and name != "noise_model":
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield path + name


@pytest.mark.parametrize(
    ("primitive", "cases"),
    [("sampler", COMMON + OF_THE_SAMPLER), ("estimator", COMMON + OF_THE_ESTIMATOR)],
)
def test_every_option_is_compared(primitive: str, cases: list[dict[str, Any]]) -> None:
    """An option that is added to the table and not to the cases fails here."""
    compared = {leaf for options in cases for leaf in _leaves(options)}
    known = set(_leaves(OPTIONS_OF[primitive])) - {"experimental"}
    assert known - compared == set()


# Sessions


def check_same(ours: Recorded, theirs: Recorded) -> Any:
    """Compare two requests that may carry a body, and return what both sent."""
    assert (ours.method, ours.query) == (theirs.method, theirs.query)
    assert ours.status == theirs.status < 300
    assert headers_of(ours) == headers_of(theirs)
    sent, wanted = (json.loads(request.body or b"null") for request in (ours, theirs))
    assert plain(sent) == plain(wanted)
    if isinstance(sent, dict):
        assert list(sent) == list(wanted)
    return sent


PAIRS = {
    "dedicated": (Session, qiskit_ibm_runtime.Session),
    "batch": (Batch, qiskit_ibm_runtime.Batch),
}


@pytest.mark.parametrize("max_time", [None, 300, 28800, "25m", "2h 30m 40s", "1h", "600s"])
@pytest.mark.parametrize("mode", PAIRS)
def test_opening_closing_and_cancelling(
    clients: Clients, mode: str, max_time: int | str | None
) -> None:
    """All that a session itself asks for, from its beginning to its end."""
    kind, other = PAIRS[mode]
    made: list[Any] = []
    ours, theirs = clients.both(
        lambda: made.append(kind(service=clients.ours, backend=SMALL, max_time=max_time)),
        lambda: made.append(other(backend=clients.backends[SMALL], max_time=max_time)),
        "POST",
        "/sessions",
    )
    assert ours.path == theirs.path
    sent = check_same(ours, theirs)
    assert ("max_ttl" in sent) == (max_time is not None)
    one, two = made
    closing = clients.sent(one.close, "PATCH", one.session_id)
    check_same(closing, clients.sent(two.close, "PATCH", two.session_id))
    ours, theirs = clients.both(one.cancel, two.cancel, "DELETE", "/close")
    check_same(ours, theirs)
    assert ours.path == f"/experimental/api/v1/sessions/{one.session_id}/close"
    assert theirs.path == f"/experimental/api/v1/sessions/{two.session_id}/close"


def test_cancelling_a_job_and_changing_its_tags(clients: Clients) -> None:
    """A job that waits behind another; the first of ours, the second of theirs."""
    holding = ScriptedLane.HOLDING_SHOTS
    ours, theirs = (
        kind(mode=mode).run([measured()], shots=holding)
        for kind, mode in zip(
            (Sampler, qiskit_ibm_runtime.SamplerV2), clients.modes[SMALL], strict=True
        )
    )
    one, two = clients.both(
        lambda: ours.update_tags(["new"]), lambda: theirs.update_tags(["new"]), "PUT", "/tags"
    )
    assert headers_of(one) == headers_of(two)
    assert one.json()["tags"][:-1] == two.json()["tags"] == ["new"]
    assert is_own_tag(one.json()["tags"][-1])
    one, two = clients.both(ours.cancel, theirs.cancel, "POST", "/cancel")
    assert check_same(one, two) is None


def test_reading_asks_for_compression_and_is_the_same_otherwise(clients: Clients) -> None:
    """The one difference in what is read: properties of a device take a tenth of the bytes."""
    session, other = clients.modes["dedicated"]
    ours, theirs = clients.both(session.status, other.status, "GET", session.session_id)
    assert (ours.path, ours.query) == (theirs.path, theirs.query)
    wanted = {**headers_of(theirs), "accept-encoding": "gzip, deflate", "connection": "keep-alive"}
    assert headers_of(ours) == wanted


def test_a_program_by_its_name(clients: Clients) -> None:
    """What a session runs without a primitive's help."""
    session, other = clients.modes["dedicated"]
    inputs = {
        "pubs": [(measured(), np.zeros((0,)), 5)],
        "options": {"default_shots": 4, "experimental": {"of": {1, 2}, "c": 1 + 2j}},
        "version": 2,
        "support_qiskit": True,
    }
    ours, theirs = clients.both(
        lambda: session.run("sampler", inputs, {"max_execution_time": 60}),
        # Where nothing is said, ours says what the primitives of both clients say.
        lambda: other._run("sampler", inputs, {"max_execution_time": 60, "log_level": "WARNING"}),
        "POST",
        "/jobs",
    )
    assert check_same_job(ours, theirs)["cost"] == 60


# The command line


def test_the_command_line_sends_the_same(
    clients: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session and a job by commands, against the same by that client's classes."""
    circuit = measured()
    with (tmp_path / "bell.qpy").open("wb") as file:
        qpy.dump(circuit, file, version=17)
    monkeypatch.setenv("QRSESSION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("QISKIT_IBM_TOKEN", SECRET)
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", INSTANCE)
    monkeypatch.setenv("QISKIT_IBM_URL", f"{clients.recorder.url}/experimental/api/v1")
    cli = Cli(tmp_path)
    opened: list[str] = []
    backend = clients.backends[SMALL]
    ours, theirs = clients.both(
        lambda: opened.append(cli.ok("open", "-b", SMALL, "--max-time", "1h", "-q").strip()),
        lambda: qiskit_ibm_runtime.Session(backend, max_time="1h"),
        "POST",
        "/sessions",
    )
    check_same(ours, theirs)
    session = qiskit_ibm_runtime.Session.from_id(opened[0], clients.theirs)
    options = {
        "max_execution_time": 60,
        "environment": {"job_tags": ["one", "two"], "private": True},
    }
    ours, theirs = clients.both(
        lambda: cli.ok(
            *("run", "bell.qpy", "--no-transpile", "--shots", "7", "--tag", "one", "--tag", "two"),
            *("--private", "--max-execution-time", "60", "--detach", "-s", opened[0]),
        ),
        lambda: qiskit_ibm_runtime.SamplerV2(session, options).run([circuit], shots=7),
        "POST",
        "/jobs",
    )
    check_same_job(ours, theirs)
