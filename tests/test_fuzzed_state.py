"""What this program keeps, and what is typed, damaged at random: read, refused, or as if not there.

Where something is kept to save time alone, what is damaged counts as never kept.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult

from qrsession import __version__, storage
from qrsession.accounts.account import read_accounts
from qrsession.accounts.api_key import parse_key
from qrsession.cache import Cache, content_key
from qrsession.client.iam import TokenSource
from qrsession.client.transport import Endpoint
from qrsession.codec import encode
from qrsession.errors import StorageError
from qrsession.local.devices.met import twin_names
from qrsession.local.devices.snapshots import find_snapshots
from qrsession.local.devices.twins import TwinIndex
from qrsession.local.process import daemon
from qrsession.local.process.home import RuntimeFiles
from qrsession.local.process.keeping import kept_for_s
from qrsession.money.purse import Purse
from qrsession.pubs.captions import Caption, write_captions
from qrsession.pubs.lines import read_values
from qrsession.pubs.values import ParameterValues
from qrsession.results.captioning import with_captions
from qrsession.results.pubs import read_pubs
from qrsession.settings import Settings
from qrsession.state.history import History
from qrsession.state.pending import Pending
from qrsession.state.records import Records
from qrsession.verbs.option_trees import read_option_tree
from tests.documents import parsed
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

DATA = Path(__file__).parent / "data"
NOW = datetime(2026, 2, 1, tzinfo=UTC)
INTENT = DATA.joinpath("intent-v1.json").read_bytes()
SESSION_ID = "5a6d4397-42c6-4dc6-969a-b1c90286a715"
CODES_OF_TOML = ("1979-05-27T07:32:00Z", "25:61:61", "'''", "[[", "a.b.c", "inf", "0x", "=")


def keep(*parts: str, data: bytes) -> Path:
    """Write a file below the folder of the state, as this program does; return that folder."""
    folder = Path("state")
    for depth in range(len(parts)):
        storage.ensure_private_folder(folder.joinpath(*parts[:depth]))
    folder.joinpath(*parts).write_bytes(data)
    return folder


# Typed


def settings_of(data: bytes) -> object:
    """Read lines of what follows ``--set``."""
    lines = data.decode("utf-8", "surrogateescape").splitlines()
    return read_option_tree("estimator", None, lines)


def options(data: bytes) -> object:
    FILE.write_bytes(data)
    tree = read_option_tree("estimator", FILE, ["default_shots=10"])
    return json.dumps(tree.merged(), allow_nan=False)


def line(data: bytes) -> object:
    values = read_values(data, ("theta[0]", "theta[1]", "phi"), ParameterValues())
    assert all(len(column) == values.num_points for column in values.columns.values())
    return None


# Kept


def pending(*folders: str, of: Callable[[Pending], object]) -> Callable[[bytes], object]:
    return lambda data: of(Pending(keep("pending", *folders, "k.json", data=data)))


def history(data: bytes) -> object:
    past = History(keep("history", f"{SESSION_ID}.toml", data=data), now=lambda: NOW)
    past.find("calm")
    past.note_closed(SESSION_ID)
    return past.get(SESSION_ID)


def budget(data: bytes) -> object:
    return Purse(keep("budgets", f"{SESSION_ID}.json", data=data), SESSION_ID).read()


def kept_result(data: bytes) -> object:
    return [pub.document() for pub in read_pubs(data.decode("utf-8", "replace"))]


def captions(data: bytes) -> object:
    records = Records(keep("results", "j.json", data=b""))
    records.write_captions("j", data)
    return with_captions(read_pubs(SWEEP.decode()), records, "j")[0].document()


def cached(data: bytes) -> object:
    """Damage the file of an entry: what it returns is what was put there, or nothing."""
    cache, key = Cache(Path("cache")), content_key("one")
    cache.put(key, b"content")
    (Path("cache") / key).write_bytes(data)
    assert cache.get(key) in {None, b"content"}
    return cache.info()


def token(data: bytes) -> object:
    """Read a token that is kept, where nobody gives out another one."""
    source = TokenSource("http://127.0.0.1:9/", "key", Endpoint("http://127.0.0.1:9"), Path("iam"))
    storage.ensure_private_folder(Path("iam"))
    source._file.write_bytes(data)
    return source._from_disk()


def twin_index(data: bytes) -> object:
    """Read what is known of twins: it is what the snapshot says, however the index is damaged."""
    folder = keep("local", "twins.json", data=data)
    snapshot(Path("twins", "lima"), *map(json.dumps, parsed("lima")))
    list(twin_names(folder))
    snapshots = list(find_snapshots(Path("twins")))
    (device,) = TwinIndex(folder / "local" / "twins.json").devices(snapshots).values()
    json.dumps(device.summary)
    assert device.num_qubits == 5
    return device


def snapshot(folder: Path, configuration: str, properties: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "configuration.json").write_text(configuration)
    (folder / "properties.json").write_text(properties)


def twin(data: bytes) -> object:
    """Read a snapshot, of which one document follows the other."""
    configuration, _, properties = data.partition(b"\n")
    snapshot(Path("damaged", "lima"), "{}", "{}")
    (Path("damaged", "lima", "configuration.json")).write_bytes(configuration)
    (Path("damaged", "lima", "properties.json")).write_bytes(properties)
    index = TwinIndex(Path("index.json"))
    devices = index.devices(list(find_snapshots(Path("damaged")))).values()
    return json.dumps([device.summary for device in devices])


def address(data: bytes) -> object:
    settings = Settings.from_environ({"QRSESSION_HOME": str(Path("home").absolute())})
    files = RuntimeFiles.of(settings)
    for file in (files.address, files.secret):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_bytes(data)
    return daemon.find(settings), daemon.silent_process(settings), kept_for_s(files.address)


def result(*pubs: PubResult) -> bytes:
    return json.dumps(encode(PrimitiveResult(list(pubs)))).encode()


BITS = BitArray.from_samples(["00", "11", "01"], num_bits=2)
SWEEP = result(PubResult(DataBin(evs=np.array([0.5, 0.25]), stds=np.array([0.1, 0.2]), shape=(2,))))
PLAIN = (
    b'{"results": [{"data": {"c": {"samples": ["0x0", "0x3"], "num_bits": 2}}},'
    b' {"data": {"evs": [0.5, null], "stds": [0.1, 0.2]}}], "metadata": {}}'
)
TWO = Caption("a.qasm", ParameterValues({"theta": [0.1, 0.2]}, (2,)), ("ZZ",))
TOKEN = b'{"access_token": "abc", "expires_in": 3600, "expiration": 1, "good_until": 1e12}'
OPTIONS = b"""
default_precision = 0.1
[resilience]
zne_mitigation = true
[resilience.zne]
noise_factors = [1, 3, 5]
extrapolator = "linear"
"""
OPENING = (
    b'{"schema_version": 1, "key": "k", "account": "work", "backend": "b", "mode": "batch",'
    b' "created_at": "2026-01-31T12:00:59+00:00", "pid": 4711, "is_in_doubt": true}'
)
CLOSING = (
    b'{"schema_version": 1, "session_id": "k", "account": "work", "instance": "crn:x",'
    b' "created_at": "2026-01-31T12:00:59+00:00", "is_cancelling": true}'
)
ACCOUNT = (
    b'{"a": {"channel": "ibm_cloud", "token": "abc", "url": "https://x", "verify": false,'
    b' "proxies": {"urls": {"https": "http://p"}}, "tags": ["a"], "instance": "crn:x",'
    b' "qrsession": {"resubmit": "auto"}, "is_default_account": true}}'
)
ADDRESS = b'{"port": 9, "pid": 99999999, "version": "1", "until": 1}'
INDEX = json.dumps(
    {
        "schema_version": 1,
        "version": __version__,
        "entries": {"twins/lima/configuration.json": {"stamp": [1, 2], "facts": {"name": "lima"}}},
    }
).encode()
READERS = {
    "options": Reader(
        options,
        (
            OPTIONS,
            b"resilience.zne.noise_factors = [1, 3]\nenvironment = {log_level = 'INFO'}\n",
        ),
        words=(*Reader.words, *CODES_OF_TOML),
    ),
    "settings": Reader(
        settings_of,
        (
            b"resilience.zne.noise_factors=[1, 3, 5]\nresilience_level=2\ndefault_shots=100",
            b"environment.job_tags=['a', 'b']\ntwirling.enable_gates=true",
        ),
        words=(*Reader.words, *CODES_OF_TOML),
    ),
    "lines of values": Reader(
        line,
        (b"[[0.1, 2, 3], [4, 5, 6]]", b'{"theta": [[0.1, 0.2], [1, 2]], "phi": 3}'),
    ),
    "keys": Reader(lambda data: parse_key(data, "key"), (b"abcdef", b'{"apikey": "abc"}')),
    "intents": Reader(pending(of=lambda one: (one.intents.all(), one.is_empty())), (INTENT,), ()),
    "openings": Reader(
        pending("openings", of=lambda one: (one.openings.all(), one.openings.is_damaged("k"))),
        (OPENING,),
        OWN,
    ),
    "closings": Reader(
        pending("closings", of=lambda one: (one.closings.all(), one.closings.get("k"))),
        (CLOSING,),
        OWN,
    ),
    "history": Reader(history, (DATA.joinpath("history-v1.toml").read_bytes(),), OWN),
    "budgets": Reader(budget, (DATA.joinpath("budget-v1.json").read_bytes(),), (StorageError,)),
    "results": Reader(
        kept_result,
        (
            result(PubResult(DataBin(c=BITS, d=BITS))),
            SWEEP,
            PLAIN,
        ),
        OWN,
    ),
    "captions beside results": Reader(captions, (write_captions([TWO]),), ()),
    "cache": Reader(cached, (b"content",), ()),
    "tokens": Reader(token, (TOKEN,), ()),
    "accounts": Reader(
        by_file(lambda file: read_accounts(file, warn=lambda _: None)),
        (ACCOUNT,),
        OWN,
    ),
    "index of twins": Reader(twin_index, (INDEX,), ()),
    "twins": Reader(twin, ("\n".join(map(json.dumps, parsed("lima"))).encode(),), ()),
    "addresses": Reader(address, (ADDRESS,), OWN),
}


reading = reading_of(READERS)


def test_a_file_as_it_was_written_is_read(reading: tuple[Reader, Sandbox]) -> None:
    check_whole_files(*reading)


def test_damage_is_told_or_passed_over(reading: tuple[Reader, Sandbox]) -> None:
    check_damaged_files(*reading, 10)


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_more_damage_is_told_or_passed_over(reading: tuple[Reader, Sandbox]) -> None:
    check_damaged_files(*reading, 2000)
