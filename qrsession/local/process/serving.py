"""The process of the local runtime: one socket, one lock, one server, and a clean end."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from qrsession import __version__
from qrsession.errors import InvalidValueError, LocalRuntimeError, QrsessionError, StorageError
from qrsession.local.api.app import create_app
from qrsession.local.api.connections import server_config
from qrsession.local.conditions import Conditions
from qrsession.local.config import RuntimeConfig
from qrsession.local.devices.catalogue import Catalogue
from qrsession.local.lanes.lane import JobLane, default_num_lanes, make_lanes
from qrsession.local.process.daemon import HOST, find, remembered_port, secret_of, write_address
from qrsession.local.process.home import RuntimeFiles
from qrsession.local.process.starter import READY, TAKEN, Starter
from qrsession.local.scenario import Scenario
from qrsession.settings import Settings
from qrsession.storage import locked

# The one before may still be writing its last jobs back.
_LIFE_LOCK_LIMIT_S = 5.0
_BACKLOG = 512
_HIGHEST_PORT = 65_535
# In a home's folder of data.
TWINS_FOLDER = "twins"


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to serve.

    Attributes:
        settings: Where the home is.
        port: The port, or None for the last one or any that is free.
        workers: How many jobs run at once, or None for as many as suit the machine.
        idle_timeout_s: Seconds of idleness after which the runtime ends; None for never.
        conditions: How the service behaves.
        is_ideal: Whether circuits on twins of devices run without the noise of these.
        twins_dir: Where snapshots of devices are; None for the home's own.
        on_ready: Called with the URL once requests are answered.
        on_taken: Called when another runtime serves the home already.
        on_failed: Called with what kept it from serving.
    """

    settings: Settings
    port: int | None = None
    workers: int | None = None
    idle_timeout_s: float | None = None
    conditions: Conditions = field(default_factory=Conditions)
    is_ideal: bool = False
    twins_dir: Path | None = None
    on_ready: Callable[[str], None] | None = None
    on_taken: Callable[[], None] | None = None
    on_failed: Callable[[QrsessionError], None] | None = None


def settings_under(settings: Settings, data_dir: Path) -> Settings:
    """Return the settings of a home of its own under a folder: ``serve --data DIR``."""
    folder = data_dir.absolute()
    return replace(settings, data_dir=folder, runtime_dir=folder / "run")


def print_url(url: str) -> None:
    """Say on stdout where the runtime is, at once, for whoever waits for the line."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()


def daemon_options(options: ServeOptions, ready_fd: int) -> ServeOptions:
    """Return options for a runtime in the background, which answers its starter by a pipe."""
    starter = Starter(ready_fd)
    return replace(
        options,
        on_ready=lambda _url: starter.tell(READY),
        on_taken=lambda: starter.tell(TAKEN),
        on_failed=starter.explain,
    )


def serve(options: ServeOptions) -> None:
    """Serve until told to end by a signal, or until nobody has needed the runtime for long.

    Raises:
        LocalRuntimeError: The port is taken, or another runtime serves the home, or the cluster
            that is to run the jobs is out of reach.
        InvalidValueError: There is no such port, number of workers or condition.
        StorageError: A folder, file or the database of the home cannot be used.
        KeyboardInterrupt: It was interrupted.
        SystemExit: It was terminated; the exit code is 143.
    """
    scenario = _check(options)
    files = RuntimeFiles.of(options.settings)
    files.create_folders()
    secret = secret_of(options.settings)
    if find(options.settings) is not None:
        raise _taken(options)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(files.life, timeout_s=_LIFE_LOCK_LIMIT_S))
        except StorageError as error:
            if "timeout_s" not in error.details:
                raise
            raise _taken(options) from error
        listener = stack.enter_context(_listen(options.port, files))
        stack.callback(files.address.unlink, missing_ok=True)
        config = RuntimeConfig(
            data_dir=files.data_dir,
            secret=secret,
            port=listener.getsockname()[1],
            idle_timeout_s=options.idle_timeout_s,
            conditions=options.conditions,
            scenario=scenario,
            is_ideal=options.is_ideal,
            twins_dir=options.twins_dir or options.settings.data_dir / TWINS_FOLDER,
            keep_file=files.keep,
        )
        received = _run(options, config, files, listener)
    if signal.SIGTERM in received:
        raise SystemExit(128 + signal.SIGTERM)
    if received:
        raise KeyboardInterrupt


def _taken(options: ServeOptions) -> LocalRuntimeError:
    if options.on_taken is not None:
        options.on_taken()
    return LocalRuntimeError(
        "Another runtime serves this home already.",
        advice="Stop it (`qrsession local stop` if commands started it), or name another --data.",
    )


def _check(options: ServeOptions) -> Scenario:
    if options.port is not None and not 0 <= options.port <= _HIGHEST_PORT:
        raise InvalidValueError(f"{options.port} is not a port; use 0 to {_HIGHEST_PORT}.")
    if options.workers is not None and options.workers < 1:
        raise InvalidValueError("There must be at least one worker.")
    if options.twins_dir is not None and not options.twins_dir.is_dir():
        raise InvalidValueError(
            f"{options.twins_dir} is not a folder.",
            advice="Name a folder that holds one for each device.",
        )
    return options.conditions.check()


@contextlib.contextmanager
def _listen(port: int | None, files: RuntimeFiles) -> Iterator[socket.socket]:
    wanted = [port] if port is not None else [remembered_port(files) or 0, 0]
    # Without the protocol's number asyncio leaves Nagle's delay on: 44 ms for each request.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for number in wanted:
            try:
                listener.bind((HOST, number))
            except OSError as error:
                if number == wanted[-1]:
                    raise LocalRuntimeError(
                        f"Port {number} cannot be used: {error.strerror}.",
                        advice="Choose another port, or leave the choice to the system.",
                    ) from error
            else:
                break
        listener.listen(_BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
        yield listener


def _run(
    options: ServeOptions, config: RuntimeConfig, files: RuntimeFiles, listener: socket.socket
) -> list[int]:
    """Run the server to its end, and return the signals that it got."""

    def on_ready() -> None:
        write_address(
            files,
            config.port,
            __version__,
            is_ideal=options.is_ideal,
            in_force=options.conditions.in_force,
        )
        if options.on_ready is not None:
            options.on_ready(f"http://{HOST}:{config.port}")

    def on_idle() -> None:
        server.should_exit = True

    lanes = _make_lanes(options.conditions.engine, options.workers)
    app = create_app(replace(config, on_idle=on_idle), lanes, Catalogue.of(config))
    server = _Server(
        server_config(app, log_level="warning"),
        on_ready=on_ready,
        on_end=app.state.runtime.changes.release_all,
    )
    # Where the application does not start, uvicorn ends the process without a word on why.
    with _signals_noted() as received, contextlib.suppress(SystemExit):
        asyncio.run(server.serve(sockets=[listener]))
    if app.state.start_error is not None:
        raise app.state.start_error
    if not server.has_started:
        raise LocalRuntimeError("The local runtime could not start; its log says why.")
    return received


def _make_lanes(engine: str | None, workers: int | None) -> Sequence[JobLane]:
    if engine is None:
        return make_lanes(workers or default_num_lanes())
    # Dask is loaded for those alone who ask for it.
    from qrsession.local.cluster.lanes import make_cluster_lanes  # noqa: PLC0415

    return make_cluster_lanes(engine, workers)


@contextlib.contextmanager
def _signals_noted() -> Iterator[list[int]]:
    """Note signals to end instead of dying of them.

    uvicorn takes them as requests to end, and raises them once more when it is done, which must
    not keep this process from cleaning up.
    """
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before: dict[int, Any] = {
        number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it listens, and lets held requests go when it ends."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], None], on_end: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_end = on_end
        self.has_started = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if not self.should_exit:
            self.has_started = True
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let held requests go, and end."""
        self._on_end()
        await super().shutdown(sockets)
