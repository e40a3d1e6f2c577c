"""What an account's key may do: a list of checks, each with what to do about it.

It asks as a person would: a token first, then the instances, then what the chosen one allows.
Nothing is opened and nothing is submitted, so it costs nothing. It trusts no cache of instances.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from qrsession.accounts.account import Account
from qrsession.accounts.instances import Place
from qrsession.accounts.placement import online_and_wide
from qrsession.duration import format_duration, format_seconds
from qrsession.errors import (
    BackendNotFoundError,
    InstanceNotFoundError,
    NotAuthorizedError,
    NotFoundError,
    QrsessionError,
    RequestRefusedError,
    ServiceError,
    UsageError,
)
from qrsession.money.modes import PLAN_WITHOUT_SESSIONS
from qrsession.names import listed
from qrsession.protocol.instances import Instance
from qrsession.protocol.models import BackendSummary, InstanceUsage, PlanLimits
from qrsession.service import RuntimeService

# The plan of IBM's that has batches and jobs, and no dedicated sessions (code 1352).
_MOST_NAMES = 8
_HOW_TO_GET_A_KEY = (
    "Make a key at https://quantum.cloud.ibm.com and save it: qrsession account save"
)
# What the API refuses to some keys and not to others; the rest of what it may answer ends a check.
_REFUSALS = (NotAuthorizedError, NotFoundError, RequestRefusedError)


T = TypeVar("T")


class CheckVerdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    verdict: CheckVerdict
    message: str
    advice: str = ""


@dataclass(frozen=True)
class Probe:
    """What was found of an account.

    Attributes:
        account: Its name.
        url: Where it leads.
        instances: The instances that its key sees.
        chosen: The CRN of the one that commands would use, None where there is none.
        checks: What was looked at, in order.
        error: Why the account cannot be used, None where it can.
    """

    account: str
    url: str
    instances: tuple[Instance, ...] = ()
    chosen: str | None = None
    checks: tuple[Check, ...] = ()
    error: QrsessionError | None = None

    def document(self) -> dict[str, Any]:
        """Return what the envelope says."""
        return {
            "account": {"name": self.account, "url": self.url, "is_usable": self.error is None},
            "instances": [
                {**instance.to_record(), "region": instance.region, "is_chosen": is_chosen}
                for instance in self.instances
                for is_chosen in (instance.crn == self.chosen,)
            ],
            "checks": [asdict(check) for check in self.checks],
        }


def _nobody(_check: Check) -> None:
    """Wait for the end: most callers want all of it at once."""


@dataclass
class _Findings:
    heard: Callable[[Check], None] = _nobody
    checks: list[Check] = field(default_factory=list)
    instances: tuple[Instance, ...] = ()
    place: Place | None = None

    def add(self, name: str, verdict: CheckVerdict, message: str, advice: str = "") -> None:
        check = Check(name, verdict, message, advice)
        self.checks.append(check)
        self.heard(check)


def probe_account(service: RuntimeService, *, heard: Callable[[Check], None] = _nobody) -> Probe:
    """Look at what the account of a service is good for.

    Args:
        service: The service.
        heard: Is told of each check as soon as it is made.

    Returns:
        What was found. An account that cannot be used is no exception here: its ``error`` says
        why, and has the whole in its details.
    """
    found = _Findings(heard)
    error: QrsessionError | None = None
    try:
        _check_transport(service, found)
        _check_key(service, found)
        _check_instances(service, found)
        _check_place(service, found)
        _check_backends(service, found)
        _check_plan(service, _check_usage(service, found), found)
    except QrsessionError as raised:
        error = raised
        if not any(check.verdict is CheckVerdict.FAIL for check in found.checks):
            found.add("service", CheckVerdict.FAIL, raised.message, raised.advice)
    probe = Probe(
        account=service.account.name,
        url=_origin_of(service.account),
        instances=found.instances,
        chosen=found.place.crn if found.place else None,
        checks=tuple(found.checks),
        error=error,
    )
    if error is not None:
        # So that a program which is told of the failure is told of all that was found.
        error.details.update(probe.document())
    return probe


def _check_transport(service: RuntimeService, found: _Findings) -> None:
    if not service.account.verify:
        found.add(
            "tls",
            CheckVerdict.WARN,
            "Certificates are not checked, so anybody on the way can read the key.",
            "Remove `verify` from the account.",
        )


def _check_key(service: RuntimeService, found: _Findings) -> None:
    if service.account.is_local:
        service.finder.check_key()
        found.add("key", CheckVerdict.OK, "The local runtime is up, and takes this home's key.")
        return
    with_advice = _HOW_TO_GET_A_KEY
    if not service.account.token:
        found.add("key", CheckVerdict.FAIL, "The account has no key.", with_advice)
        raise NotAuthorizedError("The account has no key.", advice=with_advice)
    try:
        service.finder.check_key()
    except NotAuthorizedError as error:
        found.add("key", CheckVerdict.FAIL, error.message, with_advice)
        raise
    except ServiceError as error:
        found.add("key", CheckVerdict.FAIL, error.message, error.advice)
        raise
    found.add("key", CheckVerdict.OK, "The key is good: a token was issued for it.")


def _check_instances(service: RuntimeService, found: _Findings) -> None:
    try:
        listed = service.finder.instances(anew=True)
    except (NotAuthorizedError, RequestRefusedError, ServiceError) as error:
        found.add(
            "instances",
            CheckVerdict.WARN,
            f"The key's instances cannot be listed: {error.message}",
            "Name the instance by its CRN; names and automatic choice need the list.",
        )
        return
    if listed is None:
        found.add("instances", CheckVerdict.OK, "The service keeps no list of instances.")
        return
    found.instances = listed
    if not listed:
        message = "The key sees no instance with backends."
        advice = "Create one at https://quantum.cloud.ibm.com, or use a key of its account."
        found.add("instances", CheckVerdict.FAIL, message, advice)
        raise InstanceNotFoundError(message, advice=advice)
    names = ", ".join(f"{one.name} ({one.plan}, {one.pricing})" for one in listed)
    found.add("instances", CheckVerdict.OK, f"The key sees {len(listed)}: {names}.")


def _check_place(service: RuntimeService, found: _Findings) -> None:
    try:
        found.place = service.choose_instance()
    except (NotAuthorizedError, NotFoundError, UsageError, ServiceError) as error:
        found.add("instance", CheckVerdict.FAIL, error.message, error.advice)
        raise
    place = found.place
    if place.crn is None:
        found.add("instance", CheckVerdict.OK, "Requests name no instance.")
    elif place.instance is None and not service.account.is_local:
        found.add(
            "instance",
            CheckVerdict.WARN,
            f"{place.crn} is used as it stands; its plan is not known.",
            "It may cost money: look it up before a session is opened.",
        )
    elif place.may_cost and not place.was_named and not service.account.is_local:
        found.add(
            "instance",
            CheckVerdict.WARN,
            f"Commands use {place}, which nobody named and which is not free.",
            "On a CI machine and in cluster jobs it must be named: --instance, or the account's.",
        )
    else:
        why = "" if place.was_named else ", the first in order"
        words = str(place) if place.instance else "its one instance"
        found.add("instance", CheckVerdict.OK, f"Commands use {words}{why}.")


def _check_backends(service: RuntimeService, found: _Findings) -> None:
    try:
        backends = service.backends()
    except (NotAuthorizedError, NotFoundError, RequestRefusedError, ServiceError) as error:
        found.add(
            "backends", CheckVerdict.FAIL, f"They cannot be read: {error.message}", error.advice
        )
        raise
    online = online_and_wide(backends, 0)
    if not backends:
        message = "The instance has no backend."
        found.add(
            "backends", CheckVerdict.FAIL, message, "Ask who owns the instance to allot some."
        )
        raise BackendNotFoundError(message)
    verdict = CheckVerdict.OK if online else CheckVerdict.WARN
    found.add(
        "backends",
        verdict,
        f"{len(online)} of {len(backends)} are online: {_names_of(backends)}.",
        "" if online else "Jobs wait until one is online again.",
    )


def _check_usage(service: RuntimeService, found: _Findings) -> InstanceUsage | None:
    usage = _unless_refused(service.usage)
    if usage is None:
        found.add("usage", CheckVerdict.WARN, "The key may not read what was used.")
        return None
    used = f"{format_seconds(usage.consumed_s)} used"
    if usage.limit_s is not None:
        used += f" of {format_seconds(usage.limit_s)}"
    if usage.limit_reached:
        advice = "Wait for the next period, or raise the limit where it is yours."
        found.add("usage", CheckVerdict.WARN, f"{used}: the limit is reached.", advice)
    else:
        found.add("usage", CheckVerdict.OK, f"{used}.")
    return usage


def _check_plan(service: RuntimeService, usage: InstanceUsage | None, found: _Findings) -> None:
    from qrsession.client.endpoints import account_id_of  # noqa: PLC0415 - as all of `client`

    account_id = account_id_of(service.instance)
    plans: tuple[PlanLimits, ...] | None = None
    if usage is not None and account_id is not None:
        plan_id = usage.plan_id
        plans = _unless_refused(lambda: service.client.get_plans(account_id, plan_id))
    limits = [plan.max_ttl_s for plan in plans or () if plan.max_ttl_s]
    longest = f" of at most {format_duration(max(limits))}" if limits else ""
    instance = found.place.instance if found.place else None
    if instance is not None and instance.plan == PLAN_WITHOUT_SESSIONS:
        found.add(
            "sessions",
            CheckVerdict.WARN,
            f"The plan {instance.plan} has batches{longest}, but no dedicated sessions.",
            "Open with --mode batch.",
        )
    elif limits:
        found.add("sessions", CheckVerdict.OK, f"The plan has sessions{longest}.")
    else:
        found.add("sessions", CheckVerdict.OK, "The plan's limits are not told to this key.")


def _unless_refused(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except _REFUSALS:
        return None


def _names_of(backends: tuple[BackendSummary, ...]) -> str:
    return listed([backend.name for backend in backends], _MOST_NAMES)


def _origin_of(account: Account) -> str:
    parts = urlsplit(account.url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}" if parts.scheme else ""
