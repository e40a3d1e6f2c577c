"""``python -m qrsession.local``: the local runtime in the foreground, or as a daemon."""

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from qrsession.duration import parse_duration
from qrsession.errors import QrsessionError
from qrsession.local.account.plans import PlanName
from qrsession.local.conditions import Conditions
from qrsession.local.lanes.lifeline import die_with
from qrsession.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve as the command line says, and return the exit code."""
    wanted = _parser().parse_args(arguments)
    if wanted.daemon and os.fork():
        # Whoever started this waits for this process alone; the runtime goes on without it.
        os._exit(0)
    # Imported only now: a fork must come before there are threads, and cost little.
    from qrsession.local.process import serving  # noqa: PLC0415

    if wanted.lifeline is not None:
        # Detached, so that it stays open until this process ends: its other end is its parent.
        line = socket.socket(fileno=wanted.lifeline)
        die_with(line)
        line.detach()
    settings = Settings.from_environ()
    if wanted.run is not None:
        settings = replace(settings, data_dir=wanted.data, runtime_dir=wanted.run)
    elif wanted.data is not None:
        settings = serving.settings_under(settings, wanted.data)
    options = serving.ServeOptions(
        settings=settings,
        port=wanted.port,
        workers=wanted.workers,
        idle_timeout_s=wanted.idle_timeout,
        conditions=_conditions_of(wanted),
        is_ideal=wanted.ideal,
        twins_dir=wanted.twins,
        on_ready=None if wanted.daemon else serving.print_url,
    )
    if wanted.ready_fd is not None:
        options = serving.daemon_options(options, wanted.ready_fd)
    try:
        serving.serve(options)
    except QrsessionError as error:
        if options.on_failed is not None:
            options.on_failed(error)
        # On one line: whoever started this in the background shows the log's last one.
        sys.stderr.write(f"{error.message} {error.advice}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m qrsession.local",
        description="Serve the Qiskit Runtime REST API on loopback, from SQLite and Qiskit Aer.",
    )
    parser.add_argument("--port", type=int, help="the port (default: the last one, or any free)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the folder of the database")
    parser.add_argument("--workers", type=int, metavar="N", help="how many jobs run at once")
    parser.add_argument(
        "--idle-timeout",
        type=_seconds,
        metavar="S",
        help="end after so long without session, job and request (default: never)",
    )
    _add_conditions(parser)
    parser.add_argument(
        "--ideal", action="store_true", help="simulate twins of devices without noise"
    )
    parser.add_argument("--twins", type=Path, metavar="DIR", help="a folder of snapshots")
    parser.add_argument("--daemon", action="store_true", help="run in the background")
    # How `ensure` hands over its home and waits; not for people.
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    # How a test suite makes sure that its runtime never outlives it.
    parser.add_argument("--lifeline", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    return parser


def _add_conditions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--clock-rate", type=float, default=1.0, metavar="X", help="an hour in 1/X of an hour"
    )
    parser.add_argument(
        "--submissions-per-minute", type=int, metavar="N", help="refuse more jobs with 429"
    )
    parser.add_argument(
        "--plan", default=PlanName.LOCAL, metavar="NAME", help="local, open, payg or premium"
    )
    parser.add_argument(
        "--usage-limit", type=float, metavar="S", help="refuse jobs once so much is used"
    )
    parser.add_argument(
        "--engine", metavar="URL", help="run jobs on a Dask cluster: dask://HOST:PORT"
    )
    parser.add_argument(
        "--scenario", type=Path, metavar="FILE", help="what goes wrong, and when: TOML or JSON"
    )


def _conditions_of(parsed: argparse.Namespace) -> Conditions:
    return Conditions(
        clock_rate=parsed.clock_rate,
        submissions_per_minute=parsed.submissions_per_minute,
        scenario_file=parsed.scenario,
        plan_name=parsed.plan,
        usage_limit_s=parsed.usage_limit,
        engine=parsed.engine,
    )


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float(parse_duration(text))


if __name__ == "__main__":
    sys.exit(main())
