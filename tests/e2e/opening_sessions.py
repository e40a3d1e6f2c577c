"""A program that opens session after session and keeps them, until it is killed."""

import sys

from qrsession import Session
from qrsession.service import RuntimeService
from tests.e2e.submitting import BACKEND


def main(count: int) -> None:
    """Open so many sessions; print a line for each."""
    service = RuntimeService("local")
    for _ in range(count):
        session = Session(service=service, backend=BACKEND)
        sys.stdout.write(f"{session.session_id}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
