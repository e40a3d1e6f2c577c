"""One runtime: its parts, put together, and the way handlers reach them."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from qrsession.local.bookkeeping import Books
from qrsession.local.changes import Changes
from qrsession.local.config import RuntimeConfig
from qrsession.local.devices import Device
from qrsession.local.idle import IdleWatch
from qrsession.local.lanes import JobLane
from qrsession.local.scheduler import Scheduler
from qrsession.local.store import Store
from qrsession.local.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of one runtime. It lives in the event loop that serves its requests."""

    config: RuntimeConfig
    devices: Mapping[str, Device]
    store: Store
    changes: Changes
    books: Books
    scheduler: Scheduler
    tokens: Tokens
    idle: IdleWatch

    @classmethod
    def build(
        cls, config: RuntimeConfig, lanes: Sequence[JobLane], devices: Mapping[str, Device]
    ) -> "Runtime":
        """Open the store and put the parts together; nothing runs before `start`.

        Raises:
            StorageError: The database cannot be used.
        """
        store = Store(config.data_dir, shared_backends=_Simulators(devices))
        changes = Changes()
        books = Books(store, config.clock, changes)
        return cls(
            config=config,
            devices=devices,
            store=store,
            changes=changes,
            books=books,
            scheduler=Scheduler(books, lanes, config.clock, devices),
            tokens=Tokens(config.secret),
            idle=IdleWatch(store, config.idle_timeout_s, config.on_idle),
        )

    def start(self) -> None:
        """Take up what the last runtime left, and begin to warm the lanes up."""
        self.scheduler.start()
        self.idle.start()

    async def stop(self) -> None:
        """Stop the lanes and close the store."""
        self.idle.stop()
        self.changes.release_all()
        await self.scheduler.stop()
        self.store.close()


@dataclass(frozen=True, slots=True)
class _Simulators(Container[str]):
    """The names of the devices that are simulators. Looks at none before it is asked for it."""

    devices: Mapping[str, Device]

    def __contains__(self, name: object) -> bool:
        device = self.devices.get(name) if isinstance(name, str) else None
        return device is not None and device.is_simulator


def runtime_of(request: Request) -> Runtime:
    """Return the runtime that a request was sent to."""
    runtime: Runtime = request.app.state.runtime
    return runtime
