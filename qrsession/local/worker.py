"""The process of a lane: it takes one job after another, runs it on Aer, and sends the result back.

It is started by `qrsession.local.lanes` and ends when the runtime does. What users send is parsed
in here, under a limit of memory; whatever it leads to ends as the failure of that job alone.
"""

import gc
import signal
import socket
import sys

from qrsession.local.lanes import lifeline
from qrsession.local.lanes.frames import pack, receive_frame
from qrsession.local.lanes.memory import limit_address_space
from qrsession.processes.limits import offer_to_be_killed_first


def main() -> None:
    """Serve the runtime at the other end of two inherited sockets until it is gone."""
    channel_fd, lifeline_fd, memory_mb = map(int, sys.argv[1:4])
    with socket.socket(fileno=channel_fd) as channel, socket.socket(fileno=lifeline_fd) as line:
        lifeline.die_with(line)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        offer_to_be_killed_first()
        # It takes seconds, in which the runtime may die as well as later.
        # Nothing of what is loaded is ever garbage: looking for some takes a tenth of that time,
        # and later, job after job, again.
        gc.disable()
        from qrsession.local.simulation.running import Runner  # noqa: PLC0415

        runner = Runner(memory_mb)
        gc.freeze()
        gc.enable()
        limit_address_space(memory_mb)
        channel.sendall(pack({"qiskit_version": runner.qiskit_version}))
        while (frame := receive_frame(channel)) is not None:
            channel.sendall(pack(*runner.run(*frame)))


if __name__ == "__main__":
    main()
