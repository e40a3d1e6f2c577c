"""Processes that sessions belong to, as they are kept on disk."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from qrsession.errors import InvalidValueError
from qrsession.processes import liveness
from qrsession.processes.machine import host_name, process_space


@dataclass(frozen=True)
class ProcessMark:
    """What tells one process from all others, on all machines that share a home.

    Attributes:
        pid: Its number.
        host: Its machine.
        space: That machine's boot and container, in which the number means it.
        started: When it began, in a form of its system; empty where that is not told.
    """

    pid: int
    host: str
    space: str
    started: str

    def __str__(self) -> str:
        """Name it, for people: with its machine where that is another one."""
        where = "" if self.host == host_name() else f" on {self.host}"
        return f"process {self.pid}{where}"

    @classmethod
    def of(cls, pid: int) -> "ProcessMark":
        """Mark a process of this machine.

        Raises:
            InvalidValueError: There is none of that number.
        """
        started = liveness.start_of(pid) if pid > 0 and sys.platform != "win32" else None
        if started is None:
            raise InvalidValueError(
                f"There is no process {pid}.",
                advice="Give the number of one that runs: $$ is that of the shell itself.",
                details={"pid": pid},
            )
        return cls(pid, host_name(), process_space(), started)

    @classmethod
    def from_record(cls, record: Any) -> "ProcessMark | None":
        """Read a mark, None where it has another form: a session does not depend on it."""
        if not isinstance(record, Mapping):
            return None
        pid, host, space = record.get("pid"), record.get("host"), record.get("space")
        started = record.get("started", "")
        if not (isinstance(pid, int) and not isinstance(pid, bool) and pid > 0):
            return None
        if not (isinstance(host, str) and isinstance(space, str) and isinstance(started, str)):
            return None
        return cls(pid, host, space, started)

    def to_record(self) -> dict[str, Any]:
        """Write it."""
        return asdict(self)

    def is_gone(self) -> bool | None:
        """Whether it has ended; None where that cannot be told from here.

        On the same machine, what was before a reboot is gone. Processes of other machines and
        containers cannot be seen.
        """
        if self.host != host_name() or sys.platform == "win32":
            return None
        ours = process_space()
        if self.space != ours:
            has_same_boot = self.space.partition("-")[0] == ours.partition("-")[0]
            return None if has_same_boot else True
        return liveness.has_ended(self.pid, self.started)
