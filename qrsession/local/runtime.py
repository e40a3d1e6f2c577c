"""One runtime: its parts, put together, and the way handlers reach them."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request

from qrsession.local.account.metering import Meter
from qrsession.local.account.plans import Plan
from qrsession.local.account.rate_limit import RateLimit
from qrsession.local.account.tokens import Tokens
from qrsession.local.clock import Clock, start_clock
from qrsession.local.config import RuntimeConfig
from qrsession.local.devices.device import Device
from qrsession.local.lanes.lane import JobLane
from qrsession.local.process.idle import IdleWatch
from qrsession.local.process.keeping import kept_for_s
from qrsession.local.scenario import Scenario
from qrsession.local.scenario.casting import Cast
from qrsession.local.scenario.directing import Director
from qrsession.local.scenario.outages import Outages
from qrsession.local.scenario.stage import Stage
from qrsession.local.scheduling.bookkeeping import Books
from qrsession.local.scheduling.changes import Changes
from qrsession.local.scheduling.scheduler import Scheduler
from qrsession.local.store.store import Store


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of one runtime. It lives in the event loop that serves its requests."""

    config: RuntimeConfig
    devices: Mapping[str, Device]
    store: Store
    clock: Clock
    meter: Meter
    changes: Changes
    books: Books
    scheduler: Scheduler
    tokens: Tokens
    idle: IdleWatch
    rate_limit: RateLimit
    stage: Stage

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
        conditions = config.conditions
        clock = config.clock or start_clock(conditions.clock_rate, store.latest_moment())
        meter = Meter(store, conditions.allocation_s)
        books = Books(store, clock, changes, meter)
        tokens = Tokens(config.secret)
        stage = Stage(Director(), Cast(), Outages(), tokens, meter)
        stage.play(config.scenario, clock.now())
        return cls(
            config=config,
            devices=devices,
            store=store,
            clock=clock,
            meter=meter,
            changes=changes,
            books=books,
            scheduler=Scheduler(books, lanes, clock, devices, stage),
            tokens=tokens,
            idle=_idle_watch(store, config),
            rate_limit=RateLimit(conditions.submissions_per_minute, clock),
            stage=stage,
        )

    @property
    def plan(self) -> Plan:
        """The plan of the account."""
        return self.config.conditions.plan

    @property
    def director(self) -> Director:
        """What plays the rules of requests."""
        return self.stage.director

    def play(self, scenario: Scenario) -> None:
        """Begin a scenario in place of the one before, at once."""
        self.stage.play(scenario, self.books.now())
        self._look_again()

    def add(self, scenario: Scenario) -> None:
        """Add a scenario to the one that plays, at once."""
        self.stage.add(scenario, self.books.now())
        self._look_again()

    def end_scenario(self) -> None:
        """Let nothing go wrong from now; requests that are late still arrive."""
        self.stage.clear(self.books.now())
        self._look_again()

    def reset(self) -> None:
        """End the scenario, and forget all jobs, sessions and usage, as if they had never been."""
        self.director.drop_late()
        self.store.clear()
        self.scheduler.drop_running()
        self.meter.limit_instance(None, self.clock.now())
        self.rate_limit.clear()
        self.changes.notify_all()
        self.end_scenario()

    def _look_again(self) -> None:
        # A limit may be reached by it, and jobs may run that could not.
        self.books.now()
        self.scheduler.dispatch()

    def start(self) -> None:
        """Take up what the last runtime left, and begin to warm the lanes up."""
        self.scheduler.start()
        self.idle.start()

    async def stop(self) -> None:
        """Stop the lanes and close the store."""
        self.idle.stop()
        self.changes.release_all()
        await self.director.stop()
        await self.scheduler.stop()
        self.store.close()


@dataclass(frozen=True, slots=True)
class _Simulators(Container[str]):
    """The names of the devices that are simulators. Looks at none before it is asked for it."""

    devices: Mapping[str, Device]

    def __contains__(self, name: object) -> bool:
        device = self.devices.get(name) if isinstance(name, str) else None
        return device is not None and device.is_simulator


def _idle_watch(store: Store, config: RuntimeConfig) -> IdleWatch:
    if config.keep_file is None:
        return IdleWatch(store, config.idle_timeout_s, config.on_idle)
    kept_for_s_now = partial(kept_for_s, config.keep_file)
    return IdleWatch(store, config.idle_timeout_s, config.on_idle, kept_for_s_now)


def runtime_of(request: Request) -> Runtime:
    """Return the runtime that a request was sent to."""
    runtime: Runtime = request.app.state.runtime
    return runtime
