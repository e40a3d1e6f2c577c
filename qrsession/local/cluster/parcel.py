"""What goes between a runtime and the workers of a cluster: bytes that we put together ourselves.

Dask pickles what it carries. It carries these bytes alone, so nothing that a user sent is
unpickled anywhere.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from qrsession.local.clock import ClockFace
from qrsession.local.frames import Frame, pack, unpack
from qrsession.local.lanes import Failure, LaneJob, LaneOutcome
from qrsession.local.snapshots import Snapshot, read_bytes_of

# Sent by other means: as the body, and as documents.
_NOT_IN_HEAD = ("params_json", "snapshot")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A frame on its way. Dask logs the arguments of what fails; it does not see into this one."""

    data: bytes = field(repr=False)

    def open(self) -> Frame:
        """Return head and body."""
        return unpack(self.data)


def pack_job(job: LaneJob, task_key: str, version: str) -> Parcel:
    """Pack a job without the documents of its device.

    Args:
        job: The job.
        task_key: The key of the Dask task that runs it.
        version: The version of the package that packs it.
    """
    fields = {
        item.name: getattr(job, item.name)
        for item in dataclasses.fields(job)
        if item.name not in _NOT_IN_HEAD
    }
    head = {"task_key": task_key, "version": version, "job": fields}
    if job.snapshot is not None:
        head["snapshot"] = {"name": job.snapshot.name, "stamp": job.snapshot.stamp}
    return Parcel(pack(head, job.params_json))


def unpack_job(head: dict[str, Any], params_json: bytes, snapshot: Snapshot | None) -> LaneJob:
    """Return the job of a parcel that was opened, with its documents where they are here."""
    fields = head["job"] | {"clock": ClockFace(*head["job"]["clock"])}
    return LaneJob(**fields, params_json=params_json, snapshot=snapshot)


def pack_outcome(outcome: LaneOutcome) -> Parcel:
    """Pack how a job ended."""
    head = dataclasses.asdict(outcome)
    body = head.pop("result_json")
    head["has_result"] = body is not None
    return Parcel(pack(head, body or b""))


def unpack_outcome(parcel: Parcel) -> LaneOutcome:
    """Return how a job ended."""
    head, body = parcel.open()
    failure = head.pop("failure")
    return LaneOutcome(
        result_json=body if head.pop("has_result") else None,
        failure=None if failure is None else Failure(**failure),
        **head,
    )


def pack_documents(snapshot: Snapshot) -> Parcel:
    """Read the two documents of a device and pack them.

    Raises:
        StorageError: A file cannot be read.
    """
    configuration = read_bytes_of(snapshot.configuration)
    properties = read_bytes_of(snapshot.properties)
    return Parcel(pack({"configuration_bytes": len(configuration)}, configuration + properties))


def unpack_documents(parcel: Parcel) -> tuple[bytes, bytes]:
    """Return configuration and properties, as they are on the runtime's disk."""
    head, body = parcel.open()
    size_bytes = head["configuration_bytes"]
    return body[:size_bytes], body[size_bytes:]
