"""What is kept of jobs: records and results, below the state folder.

- ``jobs/<session>.ndjson``, a line for each job of a session and for each change of one.
- ``results/<job>.json``, a job's result as it was handed in; ``results/<job>.captions.json``, what
  its values are of.

Nothing here takes the ledger's lock, so submissions do not wait for each other.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from qrsession import storage
from qrsession.errors import InvalidValueError, JobNotFoundError, StorageError, WireFormatError
from qrsession.protocol.fields import required
from qrsession.state.entries import JobEntry
from qrsession.state.versioned import SCHEMA_VERSION, read_line, to_line

_PLAIN_STEM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}")
# Of jobs that ran in no session. No stem of an id has a dot in it.
_WITHOUT_SESSION = "without.session"
_MOST_CANDIDATES = 5
# File systems tell times by clocks of their own, and some in whole seconds.
_CLOCK_SLACK_S = 120.0


class Records:
    """The jobs and results of a state folder."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._jobs = state_dir / "jobs"
        self._results = state_dir / "results"

    def check_folders(self) -> None:
        """Check that a job's record and its result could be kept, before it is paid for.

        Raises:
            StorageError: A folder is not ours alone.
        """
        storage.check_private_folder(self._jobs)
        storage.check_private_folder(self._results)

    def add_job(self, entry: JobEntry) -> None:
        """Keep a job, or what is now known of it; when this returns it is on the disk."""
        self._ensure(self._jobs)
        storage.append_line(self._jobs_path(entry.session_id), to_line(entry))

    def settle_job(
        self,
        session_id: str | None,
        job_id: str,
        *,
        status: str,
        usage_s: float | None,
        durable: bool = True,
    ) -> None:
        """Keep what a job that was entered before came to, ``durable`` as in `write_result`."""
        known = {"job_id": job_id, "status": status, "usage_s": usage_s}
        self._add_to_job(session_id, known, durable=durable)

    def keep_verdicts(self, session_id: str | None, job_id: str, verdicts: Sequence[str]) -> None:
        """Keep what was seen of what is expected of a job's result, in place of what was before."""
        self._add_to_job(session_id, {"job_id": job_id, "verdicts": list(verdicts)})

    def _add_to_job(
        self, session_id: str | None, known: Mapping[str, Any], *, durable: bool = True
    ) -> None:
        self._ensure(self._jobs)
        line = json.dumps({"schema_version": SCHEMA_VERSION, **known}).encode()
        storage.append_line(self._jobs_path(session_id), line, durable=durable)

    def jobs(self, session_id: str | None) -> list[JobEntry]:
        """Return the jobs of a session, of job mode where it is None, in order of submission."""
        storage.check_private_folder(self._jobs)
        return _read_jobs(self._jobs_path(session_id))

    def find_tagged(self, tag: str) -> JobEntry | None:
        """Return the job that a submission of this tag came to, None where none is recorded.

        Of several, it is the one that was entered last: it was found to count.
        """
        storage.check_private_folder(self._jobs)
        found = None
        for path in self._files():
            # Most files are another session's, and there may be a great many.
            if tag.encode() in (storage.read_bytes(path) or b""):
                found = next((job for job in _read_jobs(path)[::-1] if job.tag == tag), found)
        return found

    def last_job(self, session_id: str | None) -> JobEntry:
        """Return the job of a session that was submitted last.

        Raises:
            JobNotFoundError: It has none.
        """
        jobs = self.jobs(session_id)
        if not jobs:
            raise JobNotFoundError("No job was run yet in this session.")
        return jobs[-1]

    def find_job(self, key: str) -> JobEntry:
        """Return the job with this id, or the only one whose id begins so, of any session.

        Raises:
            JobNotFoundError: There is none.
            InvalidValueError: Several begin so; ``details`` has their ids.
        """
        storage.check_private_folder(self._jobs)
        found = [job for job in self._jobs_naming(key) if job.job_id.startswith(key)]
        for job in found:
            if job.job_id == key:
                return job
        if not found:
            raise JobNotFoundError(f"No job of this ledger is {key!r}.", details={"job_id": key})
        if len(found) > 1:
            names = [job.job_id for job in found]
            raise InvalidValueError(
                f"{key!r} may be any of {', '.join(names[:_MOST_CANDIDATES])}.",
                advice="Write more of the id.",
                details={"candidates": names},
            )
        return found[0]

    def result_path(self, job_id: str) -> Path:
        """Return where a job's result is kept."""
        return self._results / f"{file_stem(job_id)}.json"

    def write_result(self, job_id: str, data: bytes, *, durable: bool = True) -> Path:
        """Keep a result; when this returns it is on the disk.

        Where it need not be ``durable``, a crash of the machine may lose our copy: the service has
        another.
        """
        self._ensure(self._results)
        path = self.result_path(job_id)
        storage.write_atomically(path, data, durable=durable)
        return path

    def read_result(self, job_id: str) -> bytes | None:
        """Return a result that was kept, else None."""
        storage.check_private_folder(self._results)
        return storage.read_bytes(self.result_path(job_id))

    def write_captions(self, job_id: str, data: bytes) -> None:
        """Keep what the values of a job's result are of."""
        self._ensure(self._results)
        # Without them a result can be read all the same: they are not worth waiting for the disk.
        storage.write_atomically(self._captions_path(job_id), data, durable=False)

    def read_captions(self, job_id: str) -> bytes | None:
        """Return what was kept of what a result's values are of, else None."""
        storage.check_private_folder(self._results)
        return storage.read_bytes(self._captions_path(job_id))

    def _captions_path(self, job_id: str) -> Path:
        return self._results / f"{file_stem(job_id)}.captions.json"

    def forget_jobs(self, stem: str) -> None:
        """Remove the jobs of a session of the past, and their results, by the stem of its id."""
        path = self._jobs / f"{stem}.ndjson"
        with suppress(StorageError):
            for job in _read_jobs(path):
                storage.remove_file(self.result_path(job.job_id))
                storage.remove_file(self._captions_path(job.job_id))
            storage.remove_file(path)

    def prune_results(self, oldest_s: float) -> None:
        """Remove results, of whatever job, that were kept before a time (seconds of the epoch)."""
        for path in list(self._results.glob("*.json")) if self._results.is_dir() else ():
            with suppress(OSError):
                if path.lstat().st_mtime < oldest_s:
                    path.unlink()

    def newest_jobs(
        self, most: int, is_wanted: Callable[[JobEntry], bool] | None = None
    ) -> list[JobEntry]:
        """Return the jobs of all sessions, and of none, that were submitted last; newest first.

        Args:
            most: How many, at most.
            is_wanted: Says of a job whether it counts; None: all do.
        """
        storage.check_private_folder(self._jobs)
        found: list[JobEntry] = []
        # A file is written whenever a job is entered, so none in it is newer than the file. What
        # was written before the oldest that is found need not be read.
        written = sorted(((_written_s(path), path) for path in self._files()), reverse=True)
        for written_s, path in written:
            if len(found) == most and written_s + _CLOCK_SLACK_S < _submitted_s(found[-1]):
                break
            found += [job for job in _read_jobs(path) if is_wanted is None or is_wanted(job)]
            found = sorted(found, key=_submitted_s, reverse=True)[:most]
        return found

    def _jobs_naming(self, key: str) -> Iterator[JobEntry]:
        # Most files are another session's, and there may be a great many.
        written = json.dumps(key)[1:-1].encode()
        for path in self._files() if key else ():
            if written in (storage.read_bytes(path) or b""):
                yield from _read_jobs(path)

    def count_damaged(self) -> tuple[int, int]:
        """Return how many lines about jobs there are, and how many of them cannot be read.

        Raises:
            StorageError: A file is not ours, or was written by a newer version.
        """
        storage.check_private_folder(self._jobs)
        lines = damaged = 0
        for path in self._files():
            for line in (storage.read_bytes(path) or b"").splitlines():
                lines += 1
                try:
                    required(read_line(line, path), "job_id", str)
                except WireFormatError:
                    damaged += 1
        return lines, damaged

    def _files(self) -> list[Path]:
        return sorted(self._jobs.glob("*.ndjson")) if self._jobs.is_dir() else []

    def _ensure(self, folder: Path) -> None:
        storage.ensure_private_folder(self._state_dir)
        storage.ensure_private_folder(folder)

    def _jobs_path(self, session_id: str | None) -> Path:
        stem = _WITHOUT_SESSION if session_id is None else file_stem(session_id)
        return self._jobs / f"{stem}.ndjson"


def file_stem(identifier: str) -> str:
    """Return a file name's stem for an id. One that a service made up strangely is hashed."""
    if _PLAIN_STEM.fullmatch(identifier):
        return identifier
    import hashlib  # noqa: PLC0415 - no service makes such ids today, and it takes 4 ms

    return f"+{hashlib.sha256(identifier.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _submitted_s(job: JobEntry) -> float:
    return job.submitted_at.timestamp()


def _written_s(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        # Forgotten since the folder was listed.
        return 0.0


def _read_jobs(path: Path) -> list[JobEntry]:
    merged: dict[str, dict[str, Any]] = {}
    for line in (storage.read_bytes(path) or b"").splitlines():
        # Half a line is what a killed writer left; its submission is still an open intent.
        with suppress(WireFormatError):
            record = read_line(line, path)
            job_id = required(record, "job_id", str)
            merged[job_id] = merged.get(job_id, {}) | record
    jobs = []
    for record in merged.values():
        with suppress(WireFormatError):
            jobs.append(JobEntry.from_record(record))
    return jobs
