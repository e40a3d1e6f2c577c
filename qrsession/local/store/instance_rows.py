"""The row of the instance: what it was given beside its plan."""

from qrsession.local.store.database import Database


class InstanceRows:
    """The one instance of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def limit_s(self) -> int | None:
        """Return the limit of its usage in a period, in seconds; None where it has none."""
        limit_s: int | None = self._database.one("SELECT limit_s FROM instance")[0]
        return limit_s

    def set_limit(self, limit_s: int | None) -> None:
        """Set that limit."""
        self._database.execute("UPDATE instance SET limit_s = ?", (limit_s,))
