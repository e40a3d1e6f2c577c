"""The file of accounts: whose it may be, who may read it, and how it is changed."""

import json
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from qrsession.accounts.file import AccountFile
from qrsession.errors import StorageError

pytestmark = [
    pytest.mark.fast,
    pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no modes"),
]

DOCUMENT: dict[str, Any] = {"b": {"token": "k", "new": [1.5, None]}, "a": {"x": "\u00e9\ud800"}}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """Take away what the user's umask would do for us."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def file(tmp_path: Path, said: list[str]) -> AccountFile:
    return AccountFile(tmp_path / "folder" / "qiskit-ibm.json", warn=said.append)


def write(file: AccountFile, document: Any = DOCUMENT, mode: int = 0o600) -> None:
    file.path.parent.mkdir(exist_ok=True, mode=0o755)
    file.path.write_text(document if isinstance(document, str) else json.dumps(document))
    file.path.chmod(mode)


def test_what_is_made_is_for_its_owner_alone(file: AccountFile, said: list[str]) -> None:
    assert file.read() == {}
    assert not file.path.parent.exists()
    with file.changing() as document:
        document["a"] = {"token": "k"}
    assert mode_of(file.path.parent) == 0o700
    assert {path.name: mode_of(path) for path in file.path.parent.iterdir()} == {
        "qiskit-ibm.json": 0o600,
        "qiskit-ibm.json.lock": 0o600,
    }
    assert said == []


def test_a_change_keeps_the_rest_and_ibms_format(file: AccountFile) -> None:
    write(file)
    with file.changing() as document:
        document["c"] = {"z": 1, "y": 2}
    after = DOCUMENT | {"c": {"z": 1, "y": 2}}
    assert file.path.read_text() == json.dumps(after, sort_keys=True, indent=4)
    assert file.read() == after
    assert mode_of(file.path.parent) == 0o755


def test_what_is_not_changed_is_not_written(file: AccountFile) -> None:
    write(file)
    before = file.path.stat()
    with file.changing():
        pass
    with pytest.raises(KeyError), file.changing() as document:
        document.update(c=document.pop("a"), d=document["a"])
    assert file.path.stat() == before
    assert file.read() == DOCUMENT


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o777, 0o602])
@pytest.mark.parametrize("writes", [False, True])
def test_loose_modes_are_mended_and_that_is_said(
    file: AccountFile, said: list[str], mode: int, writes: bool
) -> None:
    write(file, mode=mode)
    if writes:
        with file.changing():
            pass
    else:
        assert file.read() == DOCUMENT
    assert mode_of(file.path) == 0o600
    assert len(said) == 1
    assert "readable by others" in said[0]
    assert "0600" in said[0]
    assert "replacing the keys" in said[0]
    file.read()
    assert len(said) == 1


def test_a_mode_that_cannot_be_mended_is_said(
    file: AccountFile, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError

    write(file, mode=0o644)
    monkeypatch.setattr(os, "fchmod", refuse)
    assert file.read() == DOCUMENT
    assert f"chmod 600 '{file.path}'" in said[0]


def test_a_file_of_another_user_is_read_and_not_written(
    file: AccountFile, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clusters mount secrets that belong to root, open to their readers."""
    write(file, mode=0o644)
    folder, other = file.path.parent.stat().st_uid, os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    assert file.read() == DOCUMENT
    assert (said, mode_of(file.path)) == ([], 0o644)
    with pytest.raises(StorageError, match="another user"), file.changing():
        pass
    assert folder != other
    assert {path.name for path in file.path.parent.iterdir()} == {file.path.name}


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives away")
def test_a_file_of_another_user_in_a_folder_of_ours(file: AccountFile) -> None:
    write(file)
    os.chown(file.path, 12345, 12345)
    with pytest.raises(StorageError, match="another user") as caught, file.changing():
        pass
    assert "as that user" in caught.value.advice
    assert file.read() == DOCUMENT


def test_a_link_is_read_through_and_not_written_through(
    file: AccountFile, tmp_path: Path, said: list[str]
) -> None:
    target = tmp_path / "dotfiles.json"
    target.write_text(json.dumps(DOCUMENT))
    target.chmod(0o644)
    file.path.parent.mkdir()
    file.path.symlink_to(target)
    file.path.parent.chmod(0o755)
    assert file.read() == DOCUMENT
    assert mode_of(target) == 0o600
    assert len(said) == 1
    with pytest.raises(StorageError, match="symbolic link") as caught, file.changing() as document:
        document.clear()
    assert caught.value.advice.endswith(f"mv '{target}' '{file.path}'")
    assert json.loads(target.read_text()) == DOCUMENT


@pytest.mark.parametrize(("mode", "is_refused"), [(0o777, True), (0o775, False), (0o700, False)])
def test_a_folder_that_everybody_may_write_to_takes_no_key(
    file: AccountFile, mode: int, is_refused: bool
) -> None:
    write(file)
    file.path.parent.chmod(mode)
    outcome: AbstractContextManager[object] = nullcontext()
    if is_refused:
        outcome = pytest.raises(StorageError, match="chmod go-w")
    with outcome, file.changing() as document:
        document.clear()
    assert file.read() == (DOCUMENT if is_refused else {})
    assert mode_of(file.path.parent) == mode


@pytest.mark.parametrize("content", ["", "{", "[]", "5", "[" * 100_000, '{"a": {}} x'])
def test_a_damaged_file_stays_as_it_is(file: AccountFile, content: str) -> None:
    write(file, content)
    with pytest.raises(StorageError, match="cannot be read"):
        file.read()
    with pytest.raises(StorageError, match="cannot be read"), file.changing():
        pass
    assert file.path.read_text() == content


def test_many_writers_lose_nothing(file: AccountFile) -> None:
    write(file, {})
    start = threading.Barrier(8)

    def save(number: int) -> None:
        start.wait()
        for part in range(5):
            with AccountFile(file.path).changing() as document:
                document[f"{number}-{part}"] = {"token": "k"}

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(file.read()) == 40
