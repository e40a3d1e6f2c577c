"""Rows on a device of 156 qubits: both clients against the local runtime, which has its twin.

They use one session, for an active one has the device to itself.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import ends
from benchmarks.circuit_files import new_circuit
from benchmarks.ends import Home
from benchmarks.relay import relay_to
from benchmarks.timing import Limit, Pair, Row

NAMES = ("device-second-run", "device-first-run", "device-bytes")
DEVICE = "ibm_fez"
SHOTS = "1024"
_SCRIPT = Path(__file__).resolve().parent / "device_peer.py"
SNAPSHOTS = "lib/*/site-packages/qiskit_ibm_runtime/fake_provider/backends"


@contextmanager
def device_rows(home: Home, peer: Home) -> Iterator[list[Row]]:
    """Have a runtime up that offers the device, with a session that has run a job."""
    (snapshots,) = peer.scripts.parent.glob(SNAPSHOTS)
    with ends.serving(home, "--ideal", "--twins", snapshots) as url:
        secret = (Path(home.environ["QRSESSION_HOME"]) / "data/local/secret").read_text().strip()
        opened = ("open", "--local", "--backend", DEVICE, "--json")
        session = json.loads(home.output("qrsession", *opened))["data"]["session"]
        instance: str = session["instance"]
        home.output("qrsession", "run", "@bell", "--quiet")
        by_peer = peer.having(variables(url, secret, instance))
        yield [
            *_timed_rows(home, by_peer, session["session_id"]),
            Row(
                NAMES[2],
                "bytes received: open, first run, close / qiskit-ibm-runtime",
                Limit(0.15),
                lambda: _received(home, peer, url, secret, instance),
                share=0.0,
                unit="B",
            ),
        ]


def _timed_rows(home: Home, peer: Home, session_id: str) -> list[Row]:
    same_file = new_circuit(home.folder, 2)

    def run_both(choose: Callable[[], Path]) -> Callable[[], Pair]:
        def take() -> Pair:
            file = choose()
            ours = ("qrsession", "run", "--session", session_id, "--shots", SHOTS, file)
            return Pair(
                home.wall_ms(*ours),
                peer.wall_ms("python", "-P", _SCRIPT, DEVICE, file, session_id),
            )

        return take

    return [
        Row(
            NAMES[0],
            f"second run of a file on {DEVICE} / qiskit-ibm-runtime",
            Limit(0.15),
            run_both(lambda: same_file),
        ),
        Row(
            NAMES[1],
            f"first run of a file on {DEVICE} / qiskit-ibm-runtime",
            Limit(0.45),
            run_both(lambda: new_circuit(home.folder, 2)),
        ),
    ]


def _received(home: Home, peer: Home, url: str, secret: str, instance: str) -> Pair:
    """Count what either client is sent for the same work, on the wire."""
    # The session of the other rows would keep others waiting.
    home.output("qrsession", "close", "--all", "--quiet")
    file = new_circuit(home.folder, 2)
    with relay_to(urlsplit(url).port or 0) as relay:
        chosen = variables(relay.url, secret, instance)
        ours = home.having({**chosen, "QRSESSION_ACCOUNT": "environment"})
        ours.output("qrsession", "open", "--backend", DEVICE, "--quiet")
        ours.output("qrsession", "run", "--shots", SHOTS, "--quiet", file)
        ours.output("qrsession", "close", "--quiet")
        ours_bytes = relay.received_bytes
        relay.reset()
        peer.having(chosen).output("python", "-P", _SCRIPT, DEVICE, file)
        return Pair(ours_bytes, relay.received_bytes)


def variables(url: str, secret: str, instance: str) -> dict[str, str]:
    """Return what makes a script of qiskit-ibm-runtime use a local runtime as it stands."""
    return {
        "QISKIT_FUNCTIONS_EXPERIMENTAL": "1",
        "IAM_URL": url,
        "QISKIT_IBM_TOKEN": secret,
        "QISKIT_IBM_INSTANCE": instance,
        "QISKIT_IBM_URL": f"{url}/experimental/api/v1",
        "NO_PROXY": "127.0.0.1",
        # That these classes will be replaced one day need not stand between the figures.
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
    }
