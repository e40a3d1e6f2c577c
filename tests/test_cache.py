"""The cache: content by key, whole or not at all, within its size."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qrsession
from qrsession.cache import Cache, CacheInfo, content_key
from qrsession.errors import StorageError

ROOT = Path(qrsession.__file__).parents[1]
# What an entry takes beside its content.
DIGEST_BYTES = 32


class Clock:
    """A clock that goes on by a second whenever it is read."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        self.now_s += 1
        return self.now_s


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", now_s=Clock())


@pytest.mark.fast
def test_what_was_put_is_got(cache: Cache, tmp_path: Path) -> None:
    key = content_key("circuit", b"\x00\xff")
    assert cache.get(key) is None
    assert not (tmp_path / "cache").exists()
    cache.put(key, b"payload")
    cache.put(content_key("empty"), b"")
    assert cache.get(key) == b"payload"
    assert cache.get(content_key("empty")) == b""
    cache.put(key, b"another")
    assert cache.get(key) == b"another"
    file = tmp_path / "cache" / key
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.fast
@pytest.mark.parametrize("kept_bytes", [0, 5, 31, 32, 38])
def test_truncated_entry_is_a_miss_and_goes(cache: Cache, tmp_path: Path, kept_bytes: int) -> None:
    key = content_key("x")
    cache.put(key, b"payload")
    file = tmp_path / "cache" / key
    with file.open("rb+") as opened:
        opened.truncate(kept_bytes)
    assert cache.get(key) is None
    assert not file.exists()
    cache.put(key, b"payload")
    assert cache.get(key) == b"payload"


@pytest.mark.fast
def test_changed_entry_is_a_miss(cache: Cache, tmp_path: Path) -> None:
    key = content_key("x")
    cache.put(key, b"payload")
    file = tmp_path / "cache" / key
    file.write_bytes(file.read_bytes()[:-1] + b"D")
    assert cache.get(key) is None
    assert not file.exists()


@pytest.mark.fast
def test_info_counts_and_clear_empties(cache: Cache) -> None:
    assert cache.info() == CacheInfo(0, 0, 512 * 2**20)
    cache.put(content_key("a"), b"1234")
    cache.put(content_key("b"), b"12345678")
    held = CacheInfo(2, 12 + 2 * DIGEST_BYTES, 512 * 2**20)
    assert cache.info() == held
    assert cache.clear() == held
    assert cache.info().entries == 0
    assert cache.clear().entries == 0


@pytest.mark.fast
def test_what_is_not_an_entry_is_neither_counted_nor_cleared(cache: Cache, tmp_path: Path) -> None:
    cache.put(content_key("a"), b"1234")
    other = tmp_path / "cache" / "README"
    other.write_text("mine")
    link = tmp_path / "cache" / content_key("link")
    link.symlink_to(other)
    assert cache.info().entries == 1
    cache.clear()
    assert other.read_text() == "mine"
    assert link.is_symlink()


@pytest.mark.fast
def test_entries_used_longest_ago_go_first(tmp_path: Path) -> None:
    # Room for four; above that, a put prunes to nine tenths, which is three.
    cache = Cache(tmp_path / "cache", 4 * (100 + DIGEST_BYTES), now_s=Clock())
    keys = [content_key(str(number)) for number in range(5)]
    for key in keys[:4]:
        cache.put(key, bytes(100))
    assert cache.get(keys[0]) == bytes(100)
    cache.put(keys[4], bytes(100))
    assert [cache.get(key) is not None for key in keys] == [True, False, False, True, True]
    assert cache.info().size_bytes <= cache.info().largest_bytes


@pytest.mark.fast
def test_what_is_larger_than_the_cache_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 100)
    cache.put(content_key("x"), bytes(100))
    assert cache.get(content_key("x")) is None


@pytest.mark.fast
def test_many_small_entries_stay_within_the_limit(tmp_path: Path) -> None:
    largest_bytes = 100 * (10 + DIGEST_BYTES)
    cache = Cache(tmp_path / "cache", largest_bytes)
    for number in range(1000):
        cache.put(content_key(str(number)), bytes(10))
    # A put looks at the size by chance; two hundred in a row that do not are one in 400,000.
    assert cache.info().size_bytes < 3 * largest_bytes


@pytest.mark.fast
def test_links_are_not_followed(cache: Cache, tmp_path: Path) -> None:
    key = content_key("x")
    cache.put(key, b"payload")
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    file = tmp_path / "cache" / key
    file.unlink()
    file.symlink_to(victim)
    with pytest.raises(StorageError, match="symbolic link"):
        cache.get(key)
    cache.put(key, b"ours")
    assert victim.read_bytes() == b"precious"
    assert cache.get(key) == b"ours"


@pytest.mark.fast
def test_folder_open_to_others_is_refused(cache: Cache, tmp_path: Path) -> None:
    cache.put(content_key("x"), b"1")
    (tmp_path / "cache").chmod(0o777)
    with pytest.raises(StorageError):
        cache.get(content_key("x"))
    with pytest.raises(StorageError):
        cache.put(content_key("x"), b"1")
    with pytest.raises(StorageError):
        cache.info()


@pytest.mark.fast
@pytest.mark.parametrize("key", ["../escape", "a/b", "", "A" * 64])
def test_key_of_another_form_stays_in_the_folder(tmp_path: Path, key: str) -> None:
    cache = Cache(tmp_path / "outer" / "cache")
    cache.put(key, b"payload")
    assert cache.get(key) == b"payload"
    assert [path.name for path in (tmp_path / "outer").iterdir()] == ["cache"]
    assert cache.info().entries == 1


@pytest.mark.fast
@given(st.lists(st.binary(max_size=4), max_size=4), st.lists(st.binary(max_size=4), max_size=4))
def test_keys_are_equal_only_for_equal_parts(one: list[bytes], other: list[bytes]) -> None:
    assert (content_key(*one) == content_key(*other)) == (one == other)


@pytest.mark.fast
def test_text_counts_as_utf_8() -> None:
    assert content_key("é") == content_key("é".encode())
    assert content_key("ab", "c") != content_key("a", "bc")


NEIGHBOUR = """
import random, sys
from pathlib import Path
from qrsession.cache import Cache, content_key
cache, chance = Cache(Path(sys.argv[1]), 40_000), random.Random(int(sys.argv[2]))
hits = 0
sys.stdin.read()
for _ in range(200):
    number = chance.randrange(50)
    found = cache.get(content_key(str(number)))
    assert found in (None, bytes([number]) * 1000), found
    hits += found is not None
    if found is None:
        cache.put(content_key(str(number)), bytes([number]) * 1000)
print(hits)
"""


def test_many_processes_never_see_half_an_entry(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    neighbours = [
        subprocess.Popen(
            [sys.executable, "-c", NEIGHBOUR, str(folder), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        for number in range(8)
    ]
    hits = [int(neighbour.communicate(timeout=60)[0]) for neighbour in neighbours]
    assert [neighbour.returncode for neighbour in neighbours] == [0] * 8
    assert sum(hits) > 0
    assert not list(folder.glob(".*.tmp"))
    assert Cache(folder, 40_000).info().size_bytes < 2 * 40_000
