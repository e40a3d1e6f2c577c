"""Files by content key, with a limit to their size. Knows nothing of what it keeps.

An entry is a file: the sha256 of its content, then the content. What does not match its digest
is removed and counts as never kept. Entries that were not used for longest go first.
"""

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from qrsession import storage
from qrsession.settings import Settings

LARGEST_BYTES = 512 * 2**20
# After pruning there is room for some entries, so that not every put has to prune.
_FILLED_AFTER_PRUNING = 0.9
# One put in so many looks at the size of the whole cache.
_PUTS_FOR_A_LOOK = 16
_DIGEST_BYTES = hashlib.sha256().digest_size
_KEY_LENGTH = 2 * _DIGEST_BYTES


@dataclass(frozen=True)
class CacheInfo:
    """How much a cache holds, and how much it may hold, in bytes."""

    entries: int
    size_bytes: int
    largest_bytes: int


def content_key(*parts: bytes | str) -> str:
    """Return the key of something that is determined by these parts, in this order.

    Each part counts with its length, so ``("ab", "c")`` and ``("a", "bc")`` differ; text counts
    as UTF-8.
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()


class Cache:
    """A folder of entries by key. Any number of processes may use it at once.

    Args:
        folder: Where the entries are. Whoever likes may delete it at any moment.
        largest_bytes: How large all entries together may get, about.
        now_s: Returns the time, in seconds since the epoch.
    """

    def __init__(
        self,
        folder: Path,
        largest_bytes: int = LARGEST_BYTES,
        *,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._largest_bytes = largest_bytes
        self._now_s = now_s

    @classmethod
    def of(cls, settings: Settings) -> "Cache":
        """Return the cache that all commands of a user share."""
        return cls(settings.cache_dir / "content")

    def get(self, key: str) -> bytes | None:
        """Return what was put under a key, None if it is not there (any more) or damaged.

        Raises:
            StorageError: The folder is not ours alone, or the entry cannot be read.
        """
        storage.check_private_folder(self._folder)
        storage.check_folder_of_ours(self._folder.parent)
        path = self._path(key)
        entry = storage.read_bytes(path)
        if entry is None:
            return None
        data = entry[_DIGEST_BYTES:]
        if hashlib.sha256(data).digest() != entry[:_DIGEST_BYTES]:
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            # Another process may have pruned it since.
            os.utime(path, (self._now_s(), self._now_s()))
        return data

    def put(self, key: str, data: bytes) -> None:
        """Keep something under a key, unless it is too large for this cache by itself.

        Raises:
            StorageError: The folder is not ours alone, or cannot be written.
        """
        size_bytes = len(data) + _DIGEST_BYTES
        if size_bytes > self._largest_bytes:
            return
        storage.ensure_private_folder(self._folder)
        storage.check_folder_of_ours(self._folder.parent)
        path = self._path(key)
        # A cache need not outlive a crash of the machine, and a sync would cost more than a miss.
        storage.write_atomically(path, hashlib.sha256(data).digest() + data, durable=False)
        with suppress(OSError):
            os.utime(path, (self._now_s(), self._now_s()))
        if (
            size_bytes * _PUTS_FOR_A_LOOK > self._largest_bytes
            or os.urandom(1)[0] % _PUTS_FOR_A_LOOK == 0
        ):
            self._prune()

    def info(self) -> CacheInfo:
        """Return how much is kept."""
        entries = self._entries()
        return CacheInfo(len(entries), sum(size for _, size, _ in entries), self._largest_bytes)

    def clear(self) -> CacheInfo:
        """Remove everything; return how much that was."""
        before = self.info()
        for _, _, path in self._entries():
            with suppress(OSError):
                path.unlink()
        storage.sweep_temporaries(self._folder, self._now_s())
        return before

    def _prune(self) -> None:
        entries = sorted(self._entries())
        size_bytes = sum(size for _, size, _ in entries)
        if size_bytes <= self._largest_bytes:
            return
        storage.sweep_temporaries(self._folder, self._now_s())
        for _, size, path in entries:
            if size_bytes <= self._largest_bytes * _FILLED_AFTER_PRUNING:
                return
            # Where many prune at once, an entry that another removed counts as gone all the same.
            with suppress(OSError):
                path.unlink()
            size_bytes -= size

    def _entries(self) -> list[tuple[float, int, Path]]:
        storage.check_private_folder(self._folder)
        found = []
        with suppress(FileNotFoundError):
            for entry in os.scandir(self._folder):
                with suppress(OSError):
                    if len(entry.name) == _KEY_LENGTH and entry.is_file(follow_symlinks=False):
                        status = entry.stat(follow_symlinks=False)
                        found.append((status.st_mtime, status.st_size, Path(entry.path)))
        return found

    def _path(self, key: str) -> Path:
        # A key that was not made by `content_key` gets a file name all the same.
        is_digest = len(key) == _KEY_LENGTH and set(key) <= set("0123456789abcdef")
        return self._folder / (key if is_digest else content_key(key))
