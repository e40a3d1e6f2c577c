"""Results of any shape by the command, in every form: what the library's own result says."""

import csv
import json
import sys
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pexpect
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.primitives import BitArray

from qrsession import Estimator, RuntimeService, Sampler, Session
from qrsession.job import RuntimeJob
from qrsession.pubs.captions import Caption, write_captions
from qrsession.pubs.values import ParameterValues
from qrsession.state.records import Records
from tests.e2e.conftest import COMMAND, Cli
from tests.envelopes import check

pytestmark = pytest.mark.timeout(120)

ANGLES = np.linspace(0, np.pi, 5)
THETA = Parameter("theta")


@pytest.fixture
def session(shared_home: Path) -> Iterator[Session]:
    assert shared_home.is_dir()
    with Session(service=RuntimeService("local"), backend="aer_simulator") as opened:
        yield opened


@pytest.fixture
def records(shared_home: Path) -> Records:
    assert shared_home.is_dir()
    return RuntimeService("local").records


def rotation(*, is_measured: bool) -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(10))
    circuit.ry(THETA, 0)
    circuit.cx(0, 9)
    if is_measured:
        low, up = ClassicalRegister(1, "low"), ClassicalRegister(9, "up")
        circuit.add_register(low, up)
        circuit.measure(range(10), [*low, *up])
    return circuit


def test_samples_in_every_form(cli: Cli, session: Session, records: Records) -> None:
    """A sweep and a single point in one job, of two registers; later from our own copy."""
    circuit = rotation(is_measured=True)
    job = Sampler(mode=session).run([(circuit, ANGLES), (circuit, [np.pi])], shots=60)
    result, job_id = job.result(), job.job_id()
    values = ParameterValues({"theta": array("d", ANGLES)}, (5,))
    one = ParameterValues({"theta": array("d", [np.pi])}, ())
    records.write_captions(job_id, write_captions([Caption("a.qasm", values), Caption("b", one)]))

    def joined(pub: int, *point: int) -> dict[str, int]:
        low, up = (getattr(result[pub].data, name)[*point] for name in ("low", "up"))
        pairs = zip(up.get_bitstrings(), low.get_bitstrings(), strict=True)
        return Counter(f"{high} {bit}" for high, bit in pairs)

    shape = result[1].data.low.shape
    wanted = [joined(0, point) for point in range(5)] + [joined(1, *[0] * len(shape))]
    told = cli.data("result", job_id, "--local")
    swept, single = told["pubs"]
    assert [point["counts"] for point in swept["points"]] == wanted[:5]
    assert swept["parameters"] == {"theta": ANGLES.tolist()}
    assert swept["shape"] == [5]
    assert single["counts"] == wanted[5]
    lines = [line.split("\t") for line in cli.ok("result", job_id, "--local").splitlines()]
    assert [(line[0], line[1]) for line in lines][:2] in (
        [("0", "0")] * 2,
        [("0", "0"), ("0", "1")],
    )
    rows = list(csv.DictReader(cli.ok("result", job_id, "--format", "csv").splitlines()))
    for at, counts in enumerate(wanted):
        of_point = [row for row in rows if int(row["pub"]) * 5 + int(row["point"]) == at]
        assert {row["bitstring"]: int(row["count"]) for row in of_point} == counts
        assert {row["registers"] for row in of_point} == {"up low"}
        assert {float(row["theta"]) for row in of_point} == {[*ANGLES, np.pi][at]}
    cli.ok("result", job_id, "--output", "own.npz")
    with np.load(cli.folder / "own.npz", allow_pickle=False) as archive:
        for at, pub in enumerate(result):
            assert archive[f"{at}/registers"].tolist() == ["low", "up"]
            for name in ("low", "up"):
                bits = BitArray(archive[f"{at}/bits/{name}"], int(archive[f"{at}/num_bits/{name}"]))
                assert bits == getattr(pub.data, name)
        assert archive["0/parameters/theta"].tolist() == ANGLES.tolist()


def test_values_in_every_form(cli: Cli, session: Session, records: Records) -> None:
    """Two observables over five points; damaged captions leave numbers."""
    observables = [["Z" + "I" * 9], ["I" * 9 + "X"]]
    job = Estimator(mode=session).run([(rotation(is_measured=False), observables, ANGLES)])
    data, job_id = job.result()[0].data, job.job_id()
    values = ParameterValues({"theta": array("d", ANGLES)}, (5,))
    names = ("Z9", "X0")
    caption = Caption("a.qasm", values, names, has_observable_axis=True)
    records.write_captions(job_id, write_captions([caption]))
    (pub,) = cli.data("result", job_id, "--local")["pubs"]
    assert pub["evs"] == data.evs.tolist()
    assert pub["stds"] == data.stds.tolist()
    assert (pub["shape"], pub["observables"]) == ([2, 5], ["Z9", "X0"])
    rows = list(csv.DictReader(cli.ok("result", job_id, "--format", "csv").splitlines()))
    assert [row["observable"] for row in rows] == ["Z9"] * 5 + ["X0"] * 5
    assert [float(row["ev"]) for row in rows] == data.evs.ravel().tolist()
    assert [float(row["theta"]) for row in rows] == [*ANGLES, *ANGLES]
    lines = cli.ok("result", job_id).splitlines()
    assert lines[6] == f"1\t1\t{data.evs[1, 1].item()!r}\t{data.stds[1, 1].item()!r}"
    cli.ok("result", job_id, "--format", "npz", "--output", "values")
    with np.load(cli.folder / "values", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["0/evs"], data.evs)
        extra = archive["0/fields/ensemble_standard_error"]
        np.testing.assert_array_equal(extra, data.ensemble_standard_error)
        assert archive["0/observables"].tolist() == list(names)
    assert "a Z9   b X0" in cli.ok("result", job_id, "--format", "histogram")
    records.write_captions(job_id, b"{")
    assert cli.ok("result", job_id).splitlines()[6].startswith("6\t")
    assert "observables" not in cli.data("result", job_id)["pubs"][0]


def test_plain_results_are_read_as_typed_ones(cli: Cli, session: Session) -> None:
    """As programs have them that speak the API without Qiskit."""
    circuit = rotation(is_measured=True)
    inputs = {"pubs": [[circuit, {"theta": ANGLES.tolist()}, 20]], "version": 2}

    def run(*, is_typed: bool) -> RuntimeJob:
        more = {"support_qiskit": is_typed, "options": {"simulator": {"seed_simulator": 5}}}
        return session.run("sampler", inputs | more, result_decoder=json.loads)

    plain, typed = run(is_typed=False), run(is_typed=True)
    assert "results" in plain.result()
    assert "__type__" in typed.result()
    found = [cli.data("result", job.job_id(), "--local")["pubs"] for job in (plain, typed)]
    assert found[0] == found[1]
    assert found[0][0]["shape"] == [5]


def test_what_is_binary_goes_to_no_terminal(cli: Cli, session: Session) -> None:
    circuit = rotation(is_measured=True).assign_parameters([0.0])
    job = Sampler(mode=session).run([circuit], shots=10)
    job.result()
    job_id = job.job_id()
    error = cli.error(2, "result", job_id, "--local", "--format", "npz")
    assert "--output" in error["advice"]
    told = json.loads(cli.ok("result", job_id, "--local", "--json", "-o", "r.NPZ"))
    check(told)
    with np.load(cli.folder / "r.NPZ") as archive:
        assert archive["0/bits/up"].shape == (10, 2)
    for name, start in (("r.csv", "pub,circuit,"), ("r.txt", "000000000 0\t10"), ("r", '{"job"')):
        assert cli.ok("result", job_id, "-o", name) == "000000000 0\t10\n"
        assert (cli.folder / name).read_text().startswith(start)
    if sys.platform == "linux":
        seen = pexpect.run(
            f"{COMMAND} result {job_id} --format npz",
            cwd=str(cli.folder),
            env={**cli.environ, "PATH": "/usr/bin:/bin", "TERM": "dumb"},
        )
        assert b"npz is binary, and stdout is a terminal" in seen


@pytest.mark.deep
def test_pictures_name_circuits_of_which_nothing_else_was_kept(cli: Cli) -> None:
    run = ("run", "--local", "-b", "aer_simulator", "@bell", "@bell", "--shots", "10")
    titles = [line for line in cli.ok(*run, "--format", "histogram").splitlines() if "@" in line]
    assert titles == ["pub 0  @bell", "pub 1  @bell"]
