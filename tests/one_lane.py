"""Runtimes in the background with one lane, for the sake of time.

A lane takes a second of a core until it has loaded Qiskit and Aer, and a test that runs one job
after another has no use for a second one. Where `AS_MANY_AS_USUAL` is in the environment of whoever
starts the runtime, it has as many as suit the machine.
"""

import os
from collections.abc import Sequence

from qrsession.local import starting
from qrsession.local.home import RuntimeFiles
from qrsession.settings import Settings

AS_MANY_AS_USUAL = "LANES_AS_USUAL"
_WORKERS = "--workers"
_spawn = starting._spawn_and_wait


def _spawn_small(
    settings: Settings, files: RuntimeFiles, more: Sequence[str], deadline_s: float
) -> None:
    is_left_to_us = _WORKERS not in more and AS_MANY_AS_USUAL not in os.environ
    _spawn(settings, files, [*more, _WORKERS, "1"] if is_left_to_us else more, deadline_s)


def start_with_one_lane() -> None:
    """Let what this process starts in the background have one lane."""
    starting._spawn_and_wait = _spawn_small
