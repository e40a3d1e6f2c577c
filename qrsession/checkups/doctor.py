"""All checks, in the order in which they are shown: what keeps back the rest comes first."""

from collections.abc import Callable, Iterable
from functools import partial

from qrsession.checkups.account import check_file, chosen_account
from qrsession.checkups.cache import check_cache
from qrsession.checkups.findings import Finding, Group, Report, look
from qrsession.checkups.folders import ROOM, check_folders, check_room
from qrsession.checkups.ledger import check_jobs, check_ledger, check_pending
from qrsession.checkups.network import check_proxy, check_tls
from qrsession.checkups.programs import ProgramTrials, check_versions
from qrsession.checkups.runtime import check_database, check_log, check_runtime
from qrsession.checkups.service import SERVICE, ServiceCheckup
from qrsession.checkups.shell import check_completion, check_terminal, check_variables
from qrsession.checkups.surroundings import Surroundings
from qrsession.clock import utc_now

_Check = Callable[[], Finding | Iterable[Finding]]


def examine(around: Surroundings) -> Report:
    """Make all checks. It takes no longer than the limit, whatever hangs, and a little."""
    heard: list[str] = []
    account, found = chosen_account(around, heard.append)
    # These wait for others, so they begin first, beside the rest.
    service = ServiceCheckup(around, account)
    trials = ProgramTrials(around)
    checks: dict[str, list[tuple[str, _Check]]] = {
        "network": [
            ("proxy", partial(check_proxy, around, account)),
            ("tls", partial(check_tls, around, account)),
        ],
        "files": [("folders", partial(check_folders, around)), (ROOM, partial(check_room, around))],
        "state and cache": [
            ("ledger", partial(check_ledger, around)),
            ("jobs", partial(check_jobs, around)),
            ("left undone", partial(check_pending, around, utc_now())),
            ("cache", partial(check_cache, around)),
        ],
        "local runtime": [
            ("runtime", partial(check_runtime, around)),
            ("database", partial(check_database, around)),
            ("runtime log", partial(check_log, around)),
        ],
        "shell": [
            ("terminal", partial(check_terminal, around)),
            ("completion", partial(check_completion, around)),
            ("variables", partial(check_variables, around)),
        ],
    }
    made = {title: _group(title, listed) for title, listed in checks.items()}
    files = tuple(look("account file", partial(check_file, around, heard)))
    programs = _group(
        "programs", [("versions", partial(check_versions, around)), ("start", trials.findings)]
    )
    asked = _group("service", [(SERVICE, service.findings)])
    groups = (Group("account", (found, *files)), asked, made.pop("network"), programs)
    return Report((*groups, *made.values()))


def _group(title: str, checks: Iterable[tuple[str, _Check]]) -> Group:
    return Group(title, tuple(one for name, check in checks for one in look(name, check)))
