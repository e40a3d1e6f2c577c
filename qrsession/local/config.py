"""What one runtime is started with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from qrsession import __version__
from qrsession.local.clock import Clock
from qrsession.local.conditions import Conditions
from qrsession.local.scenario import Scenario
from qrsession.protocol.routes import API_PREFIX

# The second is for IBM's client in a script that is not changed: the word `experimental` makes it
# take the URL of its environment as it stands.
API_PREFIXES = (API_PREFIX, f"/experimental{API_PREFIX}")

LARGEST_BODY_BYTES = 50 * 1024 * 1024
# A job that died with its runtime so many times would kill the next one too.
MOST_ATTEMPTS = 3


def _do_nothing() -> None:
    """Stay up."""


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """What one runtime is started with.

    Attributes:
        data_dir: The folder of the database; made with mode 0700 where it is missing.
        secret: The API key that tokens are given for.
        port: The port that is really bound; it goes into the proof that answers a challenge.
        idle_timeout_s: Seconds of real time without session, job and request after which
            ``on_idle`` is called; None for never.
        conditions: How the service behaves.
        scenario: Which requests go wrong.
        clock: What rules sessions and time limits; None for one of the rate in ``conditions``.
        version: The version of the package, for whoever asks what runs here.
        on_idle: Called once, in the event loop, to stop the server.
        is_ideal: Whether circuits on twins of devices run without the noise of these.
        twins_dir: The folder of the user's snapshots of devices; None for none.
    """

    data_dir: Path
    secret: str = field(repr=False)
    port: int
    idle_timeout_s: float | None = None
    conditions: Conditions = field(default_factory=Conditions)
    scenario: Scenario = field(default_factory=Scenario)
    clock: Clock | None = None
    version: str = __version__
    on_idle: Callable[[], None] = _do_nothing
    is_ideal: bool = False
    twins_dir: Path | None = None
