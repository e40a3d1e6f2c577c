"""When to ask again, for a service that answers at once. Pure."""

from collections.abc import Iterator

# IBM's own client asks every 0.1 s in a session and every 0.5 s outside, for ever; a long queue
# deserves fewer questions.
FIRST_DELAY_IN_SESSION_S = 0.1
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 10.0
GROWTH = 1.3


def delays(*, in_session: bool) -> Iterator[float]:
    """Yield the seconds to wait before each further question, growing to ten, without end."""
    delay_s = FIRST_DELAY_IN_SESSION_S if in_session else FIRST_DELAY_S
    while True:
        yield delay_s
        delay_s = min(delay_s * GROWTH, LONGEST_DELAY_S)
