"""The backends of one runtime: the simulators, and twins where they are offered.

Twins are looked for when somebody asks for what is no simulator, so a runtime that is asked for
none starts as fast and stays as small as if there were none; and looked for again at each list, so
that a snapshot that was just taken is there.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from qrsession.local.config import RuntimeConfig
from qrsession.local.devices.device import Device, load_simulators
from qrsession.local.devices.snapshots import Snapshot, carried_folder, find_snapshots
from qrsession.local.devices.twins import TwinIndex

_INDEX_NAME = "twins.json"


class Catalogue(Mapping[str, Device]):
    """Backends by name, the simulators first.

    Args:
        own: The folder of the user's snapshots, which come first where names are alike.
        carried: The folder of those that are installed, which do not change.
        index: What is known of them.
    """

    def __init__(self, own: Path | None, carried: Path | None, index: TwinIndex) -> None:
        self._own = own
        self._carried = carried
        self._installed: list[Snapshot] | None = None
        self._index = index
        self._simulators = load_simulators()
        self._twins: dict[str, Device] = {}

    @classmethod
    def of(cls, config: RuntimeConfig) -> "Catalogue":
        """Return the backends that a runtime offers."""
        index = TwinIndex(config.data_dir / _INDEX_NAME, is_noisy=not config.is_ideal)
        return cls(config.twins_dir, carried_folder(), index)

    def __getitem__(self, name: str) -> Device:
        known = self._simulators.get(name) or self._twins.get(name)
        return known or self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, Device]:
        if self._own is None and self._carried is None:
            return self._simulators
        if self._installed is None:
            self._installed = [] if self._carried is None else list(find_snapshots(self._carried))
        own = [] if self._own is None else list(find_snapshots(self._own))
        found = self._index.devices([*own, *self._installed])
        self._twins = {n: twin for n, twin in found.items() if n not in self._simulators}
        return {**self._simulators, **self._twins}
