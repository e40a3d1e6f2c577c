"""Files that options name: what another user put in the way is neither followed nor fed."""

import os
from pathlib import Path

import pytest

from qrsession.cli.files import check_target, write_target
from qrsession.errors import InvalidValueError, StorageError

pytestmark = pytest.mark.fast

NOBODY = 65534
AS_ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="only root can give a file to another user",
)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """Return a folder like /tmp."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@AS_ROOT
@pytest.mark.parametrize("kind", ["link", "link to nothing", "chain", "pipe"])
def test_what_another_user_planted_where_all_may_write(
    shared: Path, tmp_path: Path, kind: str
) -> None:
    """Links, be it behind one of ours, and pipes."""
    precious = tmp_path / "precious"
    precious.write_text("ours")
    planted = shared / "result"
    if kind == "pipe":
        os.mkfifo(planted, 0o666)
    else:
        planted.symlink_to(tmp_path / "absent" if kind == "link to nothing" else precious)
    os.lchown(planted, NOBODY, NOBODY)
    target = planted
    if kind == "chain":
        target = tmp_path / "mine"
        target.symlink_to(planted)
    with pytest.raises(InvalidValueError, match="another user"):
        check_target(target)
    with pytest.raises(StorageError, match="another user"):
        write_target(target, "theirs")
    assert precious.read_text() == "ours"
    assert not (tmp_path / "absent").exists()


def test_links_of_our_own_are_followed_anywhere(shared: Path, tmp_path: Path) -> None:
    meant = tmp_path / "meant"
    link = shared / "link"
    link.symlink_to(meant)
    check_target(link)
    write_target(link, "text")
    assert meant.read_text() == "text\n"
    assert link.is_symlink()


@AS_ROOT
def test_links_of_others_are_followed_where_only_they_may_write(tmp_path: Path) -> None:
    """As those of an administrator: a folder's owner could put anything there at any time."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    link = folder / "link"
    link.symlink_to(tmp_path / "meant")
    for path in (folder, link):
        os.lchown(path, NOBODY, NOBODY)
    write_target(link, "text")
    assert (tmp_path / "meant").read_text() == "text\n"


def test_a_ring_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    with pytest.raises(InvalidValueError):
        check_target(tmp_path / "one")
