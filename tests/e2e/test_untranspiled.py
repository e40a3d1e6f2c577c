"""Circuits that go as they are, through the installed command and the real local runtime."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import ClassicalRegister, Gate, Parameter

from qrsession import Estimator, Options, RuntimeService, Sampler, Session
from qrsession.protocol import routes
from qrsession.service import BackendDocuments
from tests.e2e.conftest import Cli
from tests.e2e.programs import write

pytestmark = pytest.mark.timeout(120)

# Qubit 0 is turned over and decides qubit 3; qubits, a parameter and a single bit by their names.
PHYSICAL = """OPENQASM 3.0;
include "stdgates.inc";
input float[64] theta; // of rx
input angle none;
bit[2] pair;
bit last;
rx(theta) $0;
rz(none) $0;
cx $0, $3;
pair[0] = measure $1;
pair[1] = measure $3;
last = measure $0;
"""
ON_SIMULATOR = ("--local", "--backend", "aer_simulator", "--shots", "20")
AS_IT_IS = ("--no-transpile", *ON_SIMULATOR)
HALF_TURN = ("--param", "theta=3.141592653589793", "--param", "none=0")


def qpy_of(version: int, *circuits: QuantumCircuit) -> bytes:
    buffer = io.BytesIO()
    qpy.dump(list(circuits), buffer, version=version)
    return buffer.getvalue()


def turned() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.ry(Parameter("theta"), 0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def sent_pubs(job_id: str) -> list[list[object]]:
    """Return the pubs of a job as the service got them."""
    document = (
        RuntimeService("local")
        .client._call(routes.GET_JOB, {"job_id": job_id}, query={"exclude_params": "false"})
        .json()
    )
    found: list[list[object]] = document["params"]["pubs"]
    return found


def test_text_runs_on_physical_qubits_and_comes_back_typed(cli: Cli) -> None:
    write(cli, "physical.qasm", PHYSICAL)
    ran = cli.data("run", "physical.qasm", *AS_IT_IS, *HALF_TURN)
    (pub,) = ran["pubs"]
    assert pub["registers"] == {"pair": {"10": 20}, "last": {"1": 20}}
    assert pub["counts"] == {"1 10": 20}
    assert sent_pubs(ran["job"]["job_id"]) == [
        [PHYSICAL, {"theta": 3.141592653589793, "none": 0.0}, 20]
    ]
    transpiled = cli.data("run", "physical.qasm", *ON_SIMULATOR, *HALF_TURN)
    assert transpiled["pubs"] == ran["pubs"]


@pytest.mark.parametrize("version", [13, 15, 17])
def test_qpy_goes_as_its_own_bytes(cli: Cli, version: int) -> None:
    write(cli, "turned.qpy", qpy_of(version, turned()))
    ran = cli.data("run", "turned.qpy", *AS_IT_IS, "--param", "theta=3.141592653589793")
    assert ran["pubs"][0]["counts"] == {"11": 20}


def test_several_circuits_and_openqasm_2_go_too(cli: Cli) -> None:
    write(cli, "two.qpy", qpy_of(17, turned(), turned()))
    ran = cli.data("run", "two.qpy", *AS_IT_IS, "--param", "theta=3.141592653589793")
    assert [pub["counts"] for pub in ran["pubs"]] == [{"11": 20}, {"11": 20}]
    assert cli.data("run", "@bell-qasm2", *AS_IT_IS)["job"]["status"] == "Completed"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PHYSICAL.replace("$3", "$1000"), "no physical qubit $1000"),
        (PHYSICAL.replace("bit last", "bit class").replace("last =", "class ="), "'class' needs"),
        (PHYSICAL.replace("measure", "reset"), "measures nothing"),
        (PHYSICAL.replace("stdgates.inc", "mine.inc"), "which the service cannot read"),
        (PHYSICAL.replace("angle none", "int none"), "'none' is of type int"),
    ],
)
def test_what_cannot_run_is_not_sent(cli: Cli, text: str, words: str) -> None:
    write(cli, "wrong.qasm", text)
    error = cli.error(2, "run", "wrong.qasm", *AS_IT_IS, *HALF_TURN)
    assert error["code"] == "invalid_circuit"
    assert words in error["message"]
    assert error["details"]["path"] == "wrong.qasm"


def test_values_are_held_against_the_inputs(cli: Cli) -> None:
    write(cli, "physical.qasm", PHYSICAL)
    error = cli.error(2, "run", "physical.qasm", *AS_IT_IS, "--param", "theta=1")
    assert error["details"]["parameters"] == ["none"]
    wrong = cli.error(2, "run", "physical.qasm", *AS_IT_IS, *HALF_TURN, "--param", "phi=1")
    assert "no circuit has a parameter 'phi'" in wrong["message"].lower()


def test_fractional_gates_are_asked_for_by_name(cli: Cli) -> None:
    write(cli, "physical.qasm", PHYSICAL)
    cli.ok("open", "--local", "--backend", "aer_simulator")
    arguments = ("run", "physical.qasm", *HALF_TURN, "--shots", "20")
    cli.ok(*arguments)
    assert cli.data(*arguments)["circuit_cache"] == "hit"
    assert cli.data(*arguments, "--fractional-gates")["circuit_cache"] == "miss"
    assert cli.data(*arguments, "--fractional-gates")["circuit_cache"] == "hit"
    both = cli.error(2, *arguments, "--fractional-gates", "--no-transpile")
    assert both["code"] == "usage"


def test_neither_text_nor_qpy_loads_qiskit(cli: Cli) -> None:
    """The first time, when nothing of them is in the cache."""
    unseen = turned()
    unseen.name = "unseen"
    write(cli, "physical.qasm", f"{PHYSICAL}// unseen\n")
    write(cli, "turned.qpy", qpy_of(17, unseen))
    cli.ok("open", "--local", "--backend", "aer_simulator")
    for name, values in (
        ("physical.qasm", HALF_TURN),
        ("turned.qpy", HALF_TURN[:2]),
    ):
        arguments = ["run", name, "--no-transpile", *values, "--shots", "20", "--json"]
        code = (
            "import sys\n"
            "from qrsession.cli.boundary import run\n"
            f"code = run({arguments!r})\n"
            "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
            "sys.exit(code)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=cli.folder,
            env={**os.environ, **cli.environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["data"]["circuit_cache"] == "miss"
        loaded = set(done.stderr.splitlines()[-1].split())
        assert {"requests", "qrsession"} <= loaded
        assert not {"qiskit", "numpy"} & loaded


def test_the_library_checks_what_it_sends(shared_home: Path) -> None:
    """What cannot run ends before a request is made."""
    assert shared_home.is_dir()
    service = RuntimeService("local")
    backend = service.backend("aer_simulator", use_fractional_gates=True)
    with Session(service=service, backend=backend) as session:
        assert session.device() is backend
        assert session.use_fractional_gates is True
        strange = QuantumCircuit(1, 1)
        strange.append(Gate("wobble", 1, []), [0])
        strange.measure(0, 0)
        named = QuantumCircuit(1)
        named.add_register(ClassicalRegister(1, "lambda"))
        named.measure(0, 0)
        dynamic = QuantumCircuit(1, 1)
        dynamic.measure(0, 0)
        with dynamic.if_test((dynamic.clbits[0], 1)):
            dynamic.x(0)
        decoupled = Options(dynamical_decoupling={"enable": True})
        refused: list[tuple[Any, str]] = [
            (lambda: Sampler(mode=session).run([strange]), "wobble on qubit 0 cannot run"),
            (lambda: Sampler(mode=backend).run([strange]), "wobble on qubit 0 cannot run"),
            (lambda: session.run("sampler", {"pubs": [(strange,)]}), "circuit of pub 0"),
            (lambda: session.run("sampler", {"pubs": [named]}), "'lambda' needs another name"),
            (lambda: Sampler(mode=session).run([named]), "'lambda' needs another name"),
            (lambda: Sampler(mode=session, options=decoupled).run([dynamic]), "decoupling is on"),
            (lambda: Estimator(mode=session).run([(strange, [])]), "no observables"),
            (lambda: Estimator(mode=session).run([(strange, "Z")]), "wobble on qubit 0"),
        ]
        for run, words in refused:
            with pytest.raises(ValueError, match=words):
                run()
        assert list(service.jobs(session_id=session.session_id)) == []
        job = Sampler(mode=session, options=decoupled).run([turned().assign_parameters([0.0])])
        assert set(job.result()[0].data.c.get_counts()) == {"00"}


class Counting(RuntimeService):
    """Counts how often documents are asked for."""

    asked = 0

    def fetch_documents(self, name: str) -> BackendDocuments:
        """Count, and ask."""
        self.asked += 1
        return super().fetch_documents(name)


def test_documents_are_asked_for_once(shared_home: Path) -> None:
    """Checking what is sent costs a session no request."""
    assert shared_home.is_dir()
    circuit = turned().assign_parameters([0.0])
    for as_object in (False, True):
        service = Counting("local")
        backend = service.backend("aer_simulator") if as_object else "aer_simulator"
        with Session(service=service, backend=backend) as session:
            for level in (None, None, 1):
                options = Options(optimization_level=level)
                Sampler(mode=session, options=options).run([circuit], shots=4)
            Estimator(mode=session).run([(circuit, "ZZ")], precision=0.5)
            session.run("sampler", {"pubs": [[circuit]]})
        if as_object:
            Sampler(mode=backend).run([circuit], shots=4)
            Sampler(mode=backend, options={"optimization_level": 1}).run([circuit], shots=4)
        assert service.asked == 1
