"""The file primitives: whole or not at all, ours alone, no link followed."""

import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import qrsession
from qrsession import storage
from qrsession.errors import StorageError

ROOT = Path(qrsession.__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with nothing in it."""
    empty = tmp_path / "folder"
    empty.mkdir()
    return empty


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.fast
@pytest.mark.parametrize("name", ["plain", "two words", "it's $HOME", 'a`b"c\\\n;*'])
def test_a_path_in_advice_is_one_word_of_a_shell(name: str) -> None:
    assert shlex.split(f"ls {storage.quoted(Path(name))}") == ["ls", name]


@pytest.mark.fast
def test_private_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    storage.ensure_private_folder(folder)
    assert mode_of(folder) == 0o700
    assert mode_of(folder.parent) == 0o700
    storage.ensure_private_folder(folder)


@pytest.mark.fast
def test_open_folder_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o750)
    with pytest.raises(StorageError, match="open to other users") as caught:
        storage.ensure_private_folder(folder)
    assert "chmod 700" in caught.value.advice
    assert mode_of(folder) == 0o750


@pytest.mark.fast
def test_link_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(StorageError, match="symbolic link"):
        storage.ensure_private_folder(link)


@pytest.mark.fast
def test_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="not a folder"):
        storage.ensure_private_folder(tmp_path / "file")
    with pytest.raises(StorageError, match="cannot be used"):
        storage.ensure_private_folder(tmp_path / "file" / "below")


@pytest.mark.fast
def test_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(StorageError, match="belongs to another user"):
        storage.check_private_folder(tmp_path)
    with pytest.raises(StorageError, match="belongs to another user"):
        storage.check_folder_of_ours(tmp_path)
    (tmp_path / "planted").write_bytes(b"")
    with pytest.raises(StorageError, match="belongs to another user"):
        storage.read_bytes(tmp_path / "planted")


@pytest.mark.fast
def test_folder_that_others_may_write_to_is_not_trusted(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    storage.check_folder_of_ours(folder)
    folder.chmod(0o777)
    with pytest.raises(StorageError, match="cannot be trusted"):
        storage.check_folder_of_ours(folder)


@pytest.mark.fast
def test_write_replaces_the_whole_file_and_leaves_nothing_beside_it(folder: Path) -> None:
    path = folder / "file"
    storage.write_atomically(path, b"first, and longer")
    storage.write_atomically(path, b"second", durable=False)
    assert storage.read_bytes(path) == b"second"
    assert mode_of(path) == 0o600
    assert list(folder.iterdir()) == [path]


@pytest.mark.fast
def test_write_replaces_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    link = tmp_path / "link"
    link.symlink_to(victim)
    storage.write_atomically(link, b"ours")
    assert victim.read_bytes() == b"precious"
    assert not link.is_symlink()


@pytest.mark.fast
def test_failed_write_leaves_the_old_content(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "file"
    storage.write_atomically(path, b"old")

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(StorageError, match="No space left on device"):
        storage.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(folder.iterdir()) == [path]


@pytest.mark.fast
def test_links_are_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious\n")
    link = tmp_path / "link"
    link.symlink_to(victim)
    with pytest.raises(StorageError, match="symbolic link"):
        storage.append_line(link, b"line")
    with pytest.raises(StorageError, match="symbolic link"):
        storage.read_bytes(link)
    (tmp_path / "file.lock").symlink_to(victim)
    with pytest.raises(StorageError), storage.locked(tmp_path / "file", timeout_s=0.1):
        pytest.fail("a lock was taken through a link")
    assert victim.read_bytes() == b"precious\n"


@pytest.mark.fast
def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    assert storage.read_bytes(tmp_path / "absent") is None
    with pytest.raises(StorageError):
        storage.read_bytes(tmp_path)


@pytest.mark.fast
def test_half_a_line_damages_no_other(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\ntw")
    storage.append_line(path, b"three")
    storage.append_line(path, b"four")
    assert path.read_bytes() == b"one\ntw\nthree\nfour\n"


@pytest.mark.fast
def test_lock_held_by_another_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with storage.locked(path):
        assert mode_of(tmp_path / "file.lock") == 0o600
        with (
            pytest.raises(StorageError, match=r"file\.lock stayed locked") as caught,
            storage.locked(path, timeout_s=0.05),
        ):
            pytest.fail("two hold one lock")
    assert caught.value.details["lock"] == str(tmp_path / "file.lock")
    assert (tmp_path / "file.lock").exists()
    with storage.locked(path, timeout_s=0.05):
        assert storage.read_bytes(path) is None


@pytest.mark.fast
def test_line_is_not_appended_to_a_locked_file(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "lines"
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match="stayed locked"):
            storage.append_line(path, b"line", timeout_s=0.05)
    assert path.read_bytes() == b""


@pytest.mark.fast
def test_files_are_removed_once(tmp_path: Path) -> None:
    storage.write_atomically(tmp_path / "file", b"")
    assert storage.remove_file(tmp_path / "file")
    assert not storage.remove_file(tmp_path / "file")


@pytest.mark.fast
def test_only_old_temporaries_are_swept(folder: Path) -> None:
    old = folder / ".state.toml.1.aa.tmp"
    young = folder / ".state.toml.2.bb.tmp"
    other = folder / "state.toml"
    for path in (old, young, other):
        path.touch()
        os.utime(path, (10_000, 10_000))
    os.utime(young, (13_000, 13_000))
    storage.sweep_temporaries(folder, now_s=13_601)
    assert sorted(folder.iterdir()) == sorted([young, other])
    storage.sweep_temporaries(folder / "absent", now_s=0)


APPENDER = """
import sys
from pathlib import Path
from qrsession import storage
path, name = Path(sys.argv[1]), sys.argv[2]
sys.stdin.read()
for number in range(50):
    storage.append_line(path, f"{name} {number} ".encode() + b"x" * 200)
"""


def test_lines_of_many_processes_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", APPENDER, str(path), str(number)],
            stdin=subprocess.PIPE,
            cwd=ROOT,
        )
        for number in range(8)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    assert [writer.wait(60) for writer in writers] == [0] * 8
    lines = path.read_text().splitlines()
    expected = {f"{name} {number} {'x' * 200}" for name in range(8) for number in range(50)}
    assert set(lines) == expected
    assert len(lines) == 400


@pytest.mark.fast
@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no modes")
def test_modes_are_mended_where_that_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    assert storage.mend_mode(path) is storage.Mending.NOT_NEEDED
    path.touch(mode=0o600)
    assert storage.mend_mode(path) is storage.Mending.NOT_NEEDED
    path.chmod(0o644)
    assert storage.mend_mode(path) is storage.Mending.DONE
    assert path.stat().st_mode & 0o777 == 0o600
    tmp_path.chmod(0o755)
    assert storage.mend_mode(tmp_path) is storage.Mending.NOT_NEEDED
    path.chmod(0o644)
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    assert storage.mend_mode(path) is storage.Mending.NOT_NEEDED


@pytest.mark.fast
def test_no_pipe_or_device_is_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StorageError, match="is not a file"):
        storage.write_atomically(pipe, b"x")
    assert pipe.is_fifo()
    assert not list(tmp_path.glob(".pipe*"))
