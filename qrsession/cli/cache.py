"""``qrsession cache``: how much is kept, and forgetting it."""

from dataclasses import asdict

from qrsession.cache import CacheInfo
from qrsession.cli.context import Context
from qrsession.render.tables import Column, table_text
from qrsession.render.terminal import Terminal

_COLUMNS = (
    Column("ENTRIES", is_quantity=True),
    Column("SIZE", is_quantity=True),
    Column("LIMIT", is_quantity=True),
)
_KIB = 2**10
_MIB = 2**20


def info(context: Context) -> None:
    """Show how much the cache holds, and how much it may hold.

    It keeps documents of backends and circuits in the form in which they were sent, so that a
    second run of a file is quick.

    Examples:
        qrsession cache info
        qrsession cache info --json
    """
    found = context.cache.info()
    context.show({"cache": asdict(found)}, lambda terminal: _text(found, terminal))


def clear(context: Context) -> None:
    """Empty the cache, and show what it held. Nothing is lost but time.

    Examples:
        qrsession cache clear
        qrsession cache clear --json
    """
    removed = context.cache.clear()
    context.show({"removed": asdict(removed)}, lambda terminal: _text(removed, terminal))


COMMANDS = {"info": info, "clear": clear}


def _text(found: CacheInfo, terminal: Terminal) -> str:
    sizes = (_size(found.size_bytes), _size(found.largest_bytes))
    return table_text(_COLUMNS, [(f"{found.entries:,}", *sizes)], terminal)


def _size(size_bytes: int) -> str:
    if size_bytes < _KIB:
        return f"{size_bytes} B"
    if size_bytes < _MIB:
        return f"{size_bytes / _KIB:.1f} KiB"
    return f"{size_bytes / _MIB:.1f} MiB"
