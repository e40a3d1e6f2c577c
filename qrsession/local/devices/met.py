"""Which backends the local runtime of a home offers, as far as files tell without starting it."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from qrsession.local.devices.device import load_simulators
from qrsession.local.devices.snapshots import find_snapshots, is_name


def simulator_names() -> tuple[str, ...]:
    """Return the names of the simulators, which every runtime has."""
    return tuple(load_simulators())


def twin_names(data_dir: Path) -> Iterator[str]:
    """Return the names of twins: the user's own, and those that the runtime has listed before.

    Args:
        data_dir: The home's folder of data. What cannot be read there names none.
    """
    names = [snapshot.name for snapshot in find_snapshots(data_dir / "twins")]
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        entries = json.loads((data_dir / "local" / "twins.json").read_bytes())["entries"]
        names += sorted(entry["facts"]["name"] for entry in entries.values())
    yield from (name for name in dict.fromkeys(names) if isinstance(name, str) and is_name(name))
