"""The local runtime with lanes that simulate nothing: it takes what the runtime's program takes."""

import sys

from qrsession.local.__main__ import main
from qrsession.local.lanes import lane_process

if __name__ == "__main__":
    setattr(lane_process, "_WORKER", "tests.e2e.light_worker")  # noqa: B010 - a name of another room
    sys.exit(main())
