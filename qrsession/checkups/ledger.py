"""What is on record: the ledger, the jobs of its sessions, and what was left undone."""

from collections.abc import Iterator
from datetime import datetime
from shlex import quote

from qrsession.checkups.findings import Finding, ok, warning
from qrsession.checkups.surroundings import Surroundings
from qrsession.names import listed
from qrsession.state.ledger import Ledger
from qrsession.state.pending import Closing, Intent, IntentState, Opening, Pending
from qrsession.state.records import Records

_LEDGER = "ledger"
_JOBS = "jobs"
_SUBMISSIONS = "submissions"
_OPENINGS = "openings"
_CLOSINGS = "closings"
_DAMAGED = "damaged"
_MOST_NAMES = 3


def check_ledger(around: Surroundings) -> Iterator[Finding]:
    """Read the ledger, and see whether one was set aside because it was damaged."""
    ledger = Ledger(around.settings)
    view = ledger.read()
    count = len(view.sessions)
    sessions = "one open session" if count == 1 else f"{count or 'no'} open sessions"
    yield ok(_LEDGER, f"{ledger.path} has {sessions}.")
    aside = sorted(ledger.path.parent.glob(f"{ledger.path.name}.{_DAMAGED}-*"))
    if aside:
        names = listed([path.name for path in aside], _MOST_NAMES)
        yield warning(
            _LEDGER,
            f"A damaged one was set aside: {names}. Sessions that it held may still be open.",
            "See `qrsession list --remote`, and remove the file when nothing is missing.",
        )


def check_jobs(around: Surroundings) -> Finding:
    """Read what is on record of jobs."""
    lines, damaged = Records(around.settings.state_dir).count_damaged()
    if not damaged:
        return ok(_JOBS, f"All {lines} lines about jobs can be read." if lines else "None yet.")
    return warning(
        _JOBS,
        f"{damaged} of {lines} lines about jobs cannot be read, and are passed over.",
        "A command that was killed leaves such a line. To see the jobs themselves: "
        "qrsession status --all",
    )


def check_pending(around: Surroundings, now: datetime) -> Iterator[Finding]:
    """Look at what commands began and did not see to its end."""
    pending = Pending(around.settings.state_dir)
    intents, openings = pending.intents.all(), pending.openings.all()
    closings = pending.closings.all()
    yield _judge_intents(intents, now)
    yield _judge_openings(openings, now)
    yield _judge_closings(closings)
    read = len(intents) + len(openings) + len(closings)
    drawers = (pending.intents, pending.openings, pending.closings)
    damaged = sum(drawer.count_files() for drawer in drawers) - read
    if damaged > 0:
        yield warning(
            "left undone",
            f"{damaged} files in {around.settings.state_dir / 'pending'} cannot be read.",
            "A newer qrsession may have written them: use that one. Otherwise see "
            "`qrsession list --remote`, and remove them.",
        )


def _judge_intents(intents: list[Intent], now: datetime) -> Finding:
    doubtful = [one for one in intents if _is_doubtful(one, now)]
    if not doubtful:
        others = len(intents)
        return ok(
            _SUBMISSIONS, f"None is in doubt; {others} watched." if others else "All settled."
        )
    tags = listed([one.tag for one in doubtful], _MOST_NAMES)
    return warning(
        _SUBMISSIONS,
        f"Nobody knows whether these jobs exist: {tags}.",
        f"Any command at the account {doubtful[0].account!r} looks for them, or at once: "
        f"qrsession result {doubtful[0].tag} --wait",
    )


def _is_doubtful(intent: Intent, now: datetime) -> bool:
    if intent.state == IntentState.SENDING:
        return not intent.may_be_at_work(now)
    return intent.state == IntentState.IN_DOUBT


def _judge_openings(openings: list[Opening], now: datetime) -> Finding:
    doubtful = [one for one in openings if not one.may_be_at_work(now)]
    if not doubtful:
        return ok(_OPENINGS, "All settled.")
    backends = listed(sorted({one.backend for one in doubtful}), _MOST_NAMES)
    return warning(
        _OPENINGS,
        f"A session may be open that nobody was told the id of, on {backends}.",
        f"See: qrsession list --remote --account {quote(doubtful[0].account)}",
    )


def _judge_closings(closings: list[Closing]) -> Finding:
    if not closings:
        return ok(_CLOSINGS, "All settled.")
    names = listed([one.session_id for one in closings], _MOST_NAMES)
    return warning(
        _CLOSINGS,
        f"Closing could not be sent, so these may be open: {names}.",
        f"Any command at the account {closings[0].account!r} sends it, or at once: "
        "qrsession status --all",
    )
