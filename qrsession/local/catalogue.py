"""The backends of one runtime: the simulators, and twins where they are offered.

Twins are looked for when somebody asks for what is no simulator, so a runtime that is asked for
none starts as fast and stays as small as if there were none; and looked for again at each list, so
that a snapshot that was just taken is there.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from qrsession.local.config import RuntimeConfig
from qrsession.local.devices import Device, load_simulators
from qrsession.local.snapshots import carried_folder
from qrsession.local.twins import TwinIndex

_INDEX_NAME = "twins.json"


class Catalogue(Mapping[str, Device]):
    """Backends by name, the simulators first.

    Args:
        folders: Where snapshots are; the first one of a name counts. None are offered without.
        index: What is known of them.
    """

    def __init__(self, folders: tuple[Path, ...], index: TwinIndex) -> None:
        self._folders = folders
        self._index = index
        self._simulators = load_simulators()
        self._twins: dict[str, Device] = {}

    @classmethod
    def of(cls, config: RuntimeConfig) -> "Catalogue":
        """Return the backends that a runtime offers.

        Twins run without noise so far, and only where this was asked for.
        """
        folders = (config.twins_dir, carried_folder()) if config.is_ideal else ()
        index = TwinIndex(config.data_dir / _INDEX_NAME)
        return cls(tuple(folder for folder in folders if folder is not None), index)

    def __getitem__(self, name: str) -> Device:
        known = self._simulators.get(name) or self._twins.get(name)
        return known or self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, Device]:
        if self._folders:
            found = self._index.devices(self._folders)
            self._twins = {n: twin for n, twin in found.items() if n not in self._simulators}
        return {**self._simulators, **self._twins}
