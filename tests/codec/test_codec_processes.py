"""What a circuit's data costs a process: bombs, and claims that would abort it."""

import base64
import subprocess
import sys
import zlib

import pytest

# Decodes what it is sent with little room to spare, and says what came of it.
UNDER_A_LIMIT = """
import resource, sys
from qrsession.codec import decode
from qrsession.codec import decoding
from qrsession.errors import CircuitError, WireFormatError
data = sys.stdin.read()
in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
decoding._LARGEST_QPY_BYTES = 2**20
resource.setrlimit(resource.RLIMIT_AS, (in_use + 128 * 2**20,) * 2)
try:
    decode({"__type__": sys.argv[1], "__value__": data})
except (CircuitError, WireFormatError):
    print("refused")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere RLIMIT_AS is not enforced")
@pytest.mark.parametrize("name", ["QuantumCircuit", "ndarray"])
def test_a_bomb_is_refused_before_there_is_room_for_it(name: str) -> None:
    bomb = zlib.compressobj()
    parts = [bomb.compress(b"QISKIT\x11"), *(bomb.compress(bytes(2**20)) for _ in range(200))]
    data = base64.b64encode(b"".join([*parts, bomb.flush()]))
    done = subprocess.run(
        [sys.executable, "-c", UNDER_A_LIMIT, name], input=data, capture_output=True, check=False
    )
    assert done.stdout.decode().strip() == "refused", done.stderr.decode()
