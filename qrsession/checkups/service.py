"""What needs the network: whether the service is there, what time it has, what the key may do."""

from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus

from qrsession.accounts.account import Account
from qrsession.accounts.connection import tokens_of
from qrsession.accounts.probe import Check, CheckVerdict, probe_account
from qrsession.checkups.findings import (
    Finding,
    Status,
    failed,
    failed_with,
    ok,
    skipped,
    warning,
)
from qrsession.checkups.surroundings import Surroundings, Task
from qrsession.duration import format_duration
from qrsession.errors import (
    NotAuthorizedError,
    QrsessionError,
    ServiceUnavailableError,
)
from qrsession.protocol.instances import is_crn
from qrsession.service import RuntimeService
from qrsession.settings import Settings

SERVICE = "service"
_CLOCK = "clock"
_TOKEN = "token"  # noqa: S105 - the name of a check
# Tokens live for an hour, and are refused where they seem to come from the future.
WARN_OFFSET_S = 60.0
FAIL_OFFSET_S = 300.0
_SLOW_S = 3.0
# What the group on the network says as well, without asking anybody.
_SAID_ELSEWHERE = "tls"
_STATUSES = {
    CheckVerdict.OK: Status.OK,
    CheckVerdict.WARN: Status.WARNING,
    CheckVerdict.FAIL: Status.FAILED,
}


class ServiceCheckup:
    """The checks of the service, made beside the others.

    Args:
        around: What is looked at.
        account: The account, None where there is none.
    """

    def __init__(self, around: Surroundings, account: Account | None) -> None:
        self._around = around
        self._account = account
        self._found: list[Finding] = []
        self._why_not = _why_not(around, account)
        self._task: Task[None] | None = None
        if account is not None and self._why_not is None:
            self._task = Task(lambda: self._ask(account), around.limit_s)

    def findings(self) -> Iterator[Finding]:
        """Wait for the checks, and give what they found until then."""
        if self._why_not is not None:
            yield self._why_not
        if self._task is None:
            return
        try:
            self._task.outcome()
        except TimeoutError:
            yield from tuple(self._found)
            yield failed(
                SERVICE,
                f"It has not answered all that was asked in {self._around.limit_s:g} s.",
                "Check the network and the proxy; `qrsession doctor -vv` shows each request.",
                ServiceUnavailableError,
            )
        else:
            yield from self._found

    def _ask(self, account: Account) -> None:
        if not account.is_local:
            reached = tuple(reach_service(account))
            self._found += reached
            if any(finding.status is Status.FAILED for finding in reached):
                # What comes after would fail for the same reason, and take its time over it.
                return
        service = RuntimeService(account, settings=self._around.settings, warn=_leave_unsaid)
        error = probe_account(service, heard=self._hear).error
        if error is not None:
            kind = type(error)
            self._found = [
                replace(one, kind=kind) if one.status is Status.FAILED else one
                for one in self._found
            ]
        elif not account.is_local:
            self._found.append(_check_token(account, self._around.settings))

    def _hear(self, check: Check) -> None:
        if check.name == _SAID_ELSEWHERE:
            return
        status = _STATUSES[check.verdict]
        advice = check.advice
        if not advice and status is not Status.OK:
            advice = "`qrsession account check` says more."
        kind = ServiceUnavailableError if status is Status.FAILED else None
        self._found.append(Finding(check.name, status, check.message, advice, kind))


def reach_service(account: Account) -> Iterator[Finding]:
    """Ask a service for anything at all, without a key, and compare its clock with ours."""
    from qrsession.client.endpoints import endpoint_of  # noqa: PLC0415 - loads the HTTP client
    from qrsession.client.reaching import reach  # noqa: PLC0415 - as above

    # A name is looked up with a key, and leads nowhere before that.
    crn = account.instance if is_crn(account.instance or "") else None
    try:
        endpoint = endpoint_of(replace(account, instance=crn))
        reached = reach(endpoint)
    except QrsessionError as error:
        yield failed_with(SERVICE, error)
        return
    took_ms = 1000 * reached.took_s
    message = f"{endpoint.base_url} answers in {took_ms:.0f} ms."
    if reached.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        yield failed(
            SERVICE,
            f"{endpoint.base_url} answers with {reached.status}: it is down.",
            "Try again in a while; https://cloud.ibm.com/status tells of IBM's.",
            ServiceUnavailableError,
        )
    elif reached.took_s > _SLOW_S:
        yield warning(SERVICE, message, "Each command waits so long: look at network and proxy.")
    else:
        yield ok(SERVICE, message)
    yield compare_clocks(reached.clock_offset_s)


def compare_clocks(offset_s: float | None) -> Finding:
    """Say what it means that the service's clock is so many seconds ahead of this machine's."""
    if offset_s is None:
        return skipped(_CLOCK, "The service does not tell the time.")
    if abs(offset_s) <= WARN_OFFSET_S:
        return ok(_CLOCK, "This machine's clock and the service's agree.")
    direction = "behind" if offset_s > 0 else "ahead of"
    message = f"This machine's clock is {format_duration(abs(offset_s))} {direction} the service's."
    advice = "Set it, or turn NTP on: deadlines and the lives of tokens are reckoned by it."
    if abs(offset_s) <= FAIL_OFFSET_S:
        return warning(_CLOCK, message, advice)
    return failed(_CLOCK, message, advice, NotAuthorizedError)


def _why_not(around: Surroundings, account: Account | None) -> Finding | None:
    """Say why nobody is asked, None where the service is."""
    if account is None:
        return skipped(SERVICE, "There is no account to ask it with.")
    if around.is_offline:
        return skipped(SERVICE, "Not asked: --offline.")
    if not account.is_local or around.may_start:
        return None
    from qrsession.local.process import daemon  # noqa: PLC0415 - for one account alone

    if daemon.find(around.settings) is not None:
        return None
    return skipped(
        SERVICE,
        "The local runtime is not up. It starts by itself when a command needs it.",
        "To start it and ask it: qrsession doctor --local",
    )


def _check_token(account: Account, settings: Settings) -> Finding:
    tokens = tokens_of(account, settings)
    tokens.bearer()
    left = format_duration(tokens.good_for_s())
    return ok(_TOKEN, f"One is in hand, and is used for {left} more.")


def _leave_unsaid(_sentence: str) -> None:
    """Say nothing: the check of the instance says it."""
