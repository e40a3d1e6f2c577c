"""What tests of submissions share: time that need not pass, and faults around what is sent."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from qrsession.client.transport import Call, Reply
from qrsession.submission.patience import Patience

Send = Callable[[Call], Reply]
Fault = Callable[[Send, Call], Reply]


class Time:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.slept_s: list[float] = []
        self.said: list[str] = []
        self.began = datetime.now(UTC)
        self.on_sleep: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.on_sleep()

    def now(self) -> datetime:
        return self.began + timedelta(seconds=sum(self.slept_s))

    def patience(self, **times: Any) -> Patience:
        """Return a patience that lives in this time."""
        return Patience(
            sleep=self.sleep,
            clock=lambda: sum(self.slept_s),
            now=self.now,
            say=self.said.append,
            **times,
        )
