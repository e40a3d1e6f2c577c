"""Files that are damaged at random: each reader returns, or raises an error that people can read.

What belongs to the user is wrong by his doing (exit code 2); what belongs to this program is
damaged (`StorageError`, `WireFormatError`), and of records a damaged line is left out.
"""

import io
import time
from pathlib import Path

import numpy as np
import pytest

from qrsession.accounts.file import AccountFile
from qrsession.errors import InvalidValueError
from qrsession.expecting.references import read_reference
from qrsession.local.devices.snapshots import read_document
from qrsession.local.scenario.document import read_scenario
from qrsession.pubs.captions import Caption, read_captions, write_captions
from qrsession.pubs.observable_lists import parse_observable_file
from qrsession.pubs.observables import parse_observable
from qrsession.pubs.value_files import parse_value_file
from qrsession.pubs.values import ParameterValues
from qrsession.state.records import Records
from qrsession.state.view import parse_document, view_of
from tests.readers import (
    FILE,
    OWN,
    Reader,
    by_file,
    check_damaged_files,
    check_whole_files,
    reading_of,
)
from tests.sandbox import Sandbox


def npz(**arrays: "np.typing.NDArray[np.generic]") -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def accounts(data: bytes) -> object:
    FILE.write_bytes(data)
    return AccountFile(FILE, warn=lambda _: None).read()


def jobs(data: bytes) -> object:
    folder = Path("state")
    (folder / "jobs").mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    (folder / "jobs" / "s.ndjson").write_bytes(data)
    return len(Records(folder).jobs("s"))


DATA = Path(__file__).parent / "data"


SCENARIO = b"""
[[rules]]
method = "POST"
path = "/jobs"
effect = "answer"
status = 503
times = 2
"""
READERS = {
    "values": Reader(
        lambda data: parse_value_file(data, "values"),
        (
            b'{"theta": [0.1, 0.2], "phi": 3}',
            b"theta,phi\n0.1,2\n0.3,4\n",
            npz(theta=np.arange(3.0), phi=np.arange(3)),
            npz(theta=np.asfortranarray(np.ones((2, 3))), phi=np.ones((2, 3), ">f4")),
        ),
    ),
    "observables": Reader(
        lambda data: parse_observable_file(data, "observables"),
        (b'["ZZ", "0.5*XX - 0.5*YY", {"ZZ": 0.5, "XI": 0.2}, [["ZZ", 0.5]]]', b'"ZZ"'),
    ),
    "references": Reader(
        by_file(read_reference),
        (
            b'{"00": 0.5, "11": 0.5}',
            b'[{"counts": {"0": 3}}, {"data": {"pubs": [{"counts": {"1": 2}}]}}]',
            b"00\t500\n11\t524\n",
            b"0\t00\t5\n1\t1\t3\n",
        ),
    ),
    "scenarios": Reader(by_file(read_scenario, ".toml"), (SCENARIO,)),
    "captions": Reader(
        read_captions,
        (write_captions([Caption("bell.qasm", ParameterValues.single({"a": 1.0}), ("ZZ",))]),),
        OWN,
    ),
    "accounts": Reader(
        accounts,
        (b'{"mine": {"channel": "ibm_quantum_platform", "token": "abc"}}',),
        OWN,
    ),
    "ledgers": Reader(
        lambda data: view_of(parse_document(data, "state.toml")),
        (DATA.joinpath("state-v1.toml").read_bytes(),),
        OWN,
    ),
    "jobs": Reader(jobs, (DATA.joinpath("jobs-v1.ndjson").read_bytes(),), OWN),
    "snapshots": Reader(by_file(read_document), (b'{"n_qubits": 2, "gates": []}',), OWN),
}


reading = reading_of(READERS)


def test_a_file_as_it_was_written_is_read(reading: tuple[Reader, Sandbox]) -> None:
    check_whole_files(*reading)


def test_damage_is_told(reading: tuple[Reader, Sandbox]) -> None:
    check_damaged_files(*reading, 20)


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_more_damage_is_told(reading: tuple[Reader, Sandbox]) -> None:
    check_damaged_files(*reading, 2000)


def test_a_long_number_is_refused_at_once() -> None:
    """Beyond 2 s a reader looks at each digit once for each other."""
    start_s = time.process_time()
    with pytest.raises(InvalidValueError):
        parse_observable("9" * 40_000)
    assert time.process_time() - start_s < 2
