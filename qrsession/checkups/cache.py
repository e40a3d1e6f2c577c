"""The cache: how full it is, and whether it can be used."""

from qrsession.cache import Cache
from qrsession.checkups.findings import Finding, ok, warning
from qrsession.checkups.surroundings import Surroundings
from qrsession.errors import StorageError
from qrsession.storage import check_folder_of_ours, check_private_folder, quoted

_CACHE = "cache"
_MIB = 2**20
# Pruning looks now and then; so much over its limit is usual between two looks.
_MUCH_OVER = 1.25


def check_cache(around: Surroundings) -> Finding:
    """Look at the cache. Without one, commands work, and are slower: nothing of it fails."""
    folder = around.settings.cache_dir
    try:
        check_folder_of_ours(folder)
        check_private_folder(folder / "tokens")
        info = Cache.of(around.settings).info()
    except StorageError as error:
        return warning(
            _CACHE,
            f"Nothing can be kept: {error.message}",
            error.advice or f"See whose it is: ls -ld {quoted(folder)}",
        )
    message = (
        f"{info.entries} entries, {info.size_bytes / _MIB:.1f} "
        f"of {info.largest_bytes / _MIB:.0f} MiB."
    )
    if info.size_bytes > _MUCH_OVER * info.largest_bytes:
        return warning(_CACHE, message, "Empty it; nothing is lost but time: qrsession cache clear")
    return ok(_CACHE, message)
