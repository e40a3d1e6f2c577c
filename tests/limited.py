"""A child under a limit of memory, which reads what may blow up: one example after another.

Started as a program, this file is the child: it imports a function by its name, and calls it with
each text that it is sent, a line of JSON. It answers with a line: ``value``, the code of an error
of ours, or what else was raised.
"""

import importlib
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_STATM = Path("/proc/self/statm")


class Limited:
    """Calls a function in a child with so many megabytes to spare, where the system bounds them.

    Args:
        function: The function by its module and name, such as ``json:loads``.
        room_mb: What it may take beside what is in use once it is imported.
    """

    def __init__(self, function: str, room_mb: int) -> None:
        self._command = [sys.executable, __file__, function, str(room_mb)]
        self._child: subprocess.Popen[str] | None = None

    def outcome(self, argument: Any) -> str:
        """Return ``value``, the code of an error of ours, what else was raised, or ``died``."""
        if self._child is None:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(argument) + "\n")
        self._child.stdin.flush()
        answer = self._child.stdout.readline().strip()
        if not answer:
            self.close()
        return answer or "died"

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.communicate()
            self._child = None


def _outcome(function: Callable[[Any], Any], argument: Any) -> str:
    from qrsession.errors import QrsessionError  # noqa: PLC0415 - in the child alone

    try:
        function(argument)
    except QrsessionError as error:
        return error.code if len(error.message) < 1000 else "an endless message"
    except BaseException as error:  # noqa: BLE001 - a panic of compiled code is no Exception
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return "value"


def _main() -> None:
    module, _, name = sys.argv[1].partition(":")
    function = getattr(importlib.import_module(module), name)
    if _STATM.exists():
        in_use = int(_STATM.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + int(sys.argv[2]) * 2**20,) * 2)
    for line in sys.stdin:
        sys.stdout.write(_outcome(function, json.loads(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
