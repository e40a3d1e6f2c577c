"""What typed JSON costs a process: modules that it loads, and memory that hostile data asks for."""

import base64
import struct
import subprocess
import sys
import zlib

import pytest

# Reads what it is sent with little room to spare, and says what came of it.
UNDER_A_LIMIT = """
import resource, sys
from qrsession.errors import WireFormatError
from qrsession.protocol.typed import Array, inflate
data = sys.stdin.read()
in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + 64 * 2**20,) * 2)
try:
    if sys.argv[1] == "array":
        Array.from_wire({"__type__": "ndarray", "__value__": data})
    else:
        inflate(data, 2**20)
except WireFormatError:
    print("refused")
"""
HEADER = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere RLIMIT_AS is not enforced")
@pytest.mark.parametrize("kind", ["array", "text"])
def test_a_bomb_is_refused_before_there_is_room_for_it(kind: str) -> None:
    """A header that claims eight bytes has a quarter of a gigabyte behind it."""
    bomb = zlib.compressobj()
    parts = [bomb.compress(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(HEADER)) + HEADER)]
    parts += [bomb.compress(bytes(2**20)) for _ in range(256)]
    data = base64.b64encode(b"".join([*parts, bomb.flush()]))
    done = subprocess.run(
        [sys.executable, "-c", UNDER_A_LIMIT, kind], input=data, capture_output=True, check=False
    )
    assert done.stdout.decode().strip() == "refused", done.stderr.decode()


def test_counting_needs_neither_numpy_nor_qiskit() -> None:
    script = (
        "import sys; from qrsession.protocol.typed import BitSamples;"
        "print(BitSamples(bytes(3), 1, 3).counts(), {'numpy', 'qiskit'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "{'0': 3} set()"
