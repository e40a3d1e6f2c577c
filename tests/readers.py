"""Readers of files, held against damaged ones: they return, or say what is wrong with the file.

Each runs in a sandbox (`tests.sandbox`), in a folder of its own.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from qrsession.errors import QrsessionError, StorageError, UsageError, WireFormatError
from tests.damage import damaged
from tests.sandbox import End, Outcome, Sandbox

USER = (UsageError,)
OWN = (StorageError, WireFormatError)
# In the folder where the sandbox is.
FILE = Path("file")


@dataclass(frozen=True)
class Reader:
    """What reads a kind of file, files that are fine, and which errors it may raise."""

    read: Callable[[bytes], object]
    files: tuple[bytes, ...]
    errors: tuple[type[QrsessionError], ...] = USER
    words: tuple[str, ...] = ("[", "{", "1e999", "NaN", "null", '"', "9" * 5000, "[" * 5000)


def by_file(read: Callable[[Path], object], suffix: str = "") -> Callable[[bytes], object]:
    """Return a reader of bytes that writes them to a file, and has that read."""

    def look(data: bytes) -> object:
        file = FILE.with_suffix(suffix)
        file.write_bytes(data)
        return read(file)

    return look


@contextmanager
def sandbox_of(reader: Reader, folder: Path) -> Iterator[Sandbox]:
    """Give a process that reads, in a folder, and returns the words of an error or nothing."""

    def look(data: bytes) -> str:
        os.chdir(folder)
        try:
            reader.read(data)
        except reader.errors as error:
            return error.message
        return ""

    with Sandbox(look, memory_bytes=2**29, limit_s=10) as sandbox:
        yield sandbox


def reading_of(readers: Mapping[str, Reader]) -> Any:
    """Return a fixture that gives each of the readers, with a sandbox for the tests of a module."""

    @pytest.fixture(scope="module", params=readers)
    def reading(
        request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[tuple[Reader, Sandbox]]:
        reader = readers[request.param]
        with sandbox_of(reader, tmp_path_factory.mktemp("fuzz")) as sandbox:
            yield reader, sandbox

    return reading


def check_whole_files(reader: Reader, sandbox: Sandbox) -> None:
    """Check that files which are fine are read."""
    for data in reader.files:
        assert sandbox.run(data) == Outcome(End.RETURNED, "")


def check_damaged_files(reader: Reader, sandbox: Sandbox, examples: int) -> None:
    """Check that so many damaged files are read, or refused by an error that is expected."""

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(damaged(reader.files, reader.words))
    def look(data: bytes) -> None:
        outcome = sandbox.run(data)
        assert outcome.end is End.RETURNED, f"{outcome.end}\n{outcome.words}"

    look()
