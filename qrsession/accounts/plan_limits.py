"""What an account's plan lets a session last, asked for once a day."""

import json

from qrsession.cache import content_key
from qrsession.clock import utc_now
from qrsession.errors import NotAuthorizedError, NotFoundError, RequestRefusedError, ServiceError
from qrsession.service import RuntimeService


def longest_session_s(service: RuntimeService) -> int | None:
    """Return the longest that the account's plan lets a session last, in seconds.

    None where the service does not say, or not to this key.
    """
    account, crn = service.account, service.choose_instance().crn or ""
    key = content_key("plan", account.name, account.url, crn, f"{utc_now():%Y-%m-%d}")
    data = service.recall(key)
    if data is None:
        data = json.dumps(_fetch(service)).encode()
        service.keep(key, data)
    longest_s: int | None = json.loads(data)
    return longest_s


def _fetch(service: RuntimeService) -> int | None:
    from qrsession.client.endpoints import account_id_of  # noqa: PLC0415 - once a day

    account_id = account_id_of(service.instance)
    if account_id is None:
        return None
    try:
        plan_id = service.client.get_usage().plan_id
        plans = service.client.get_plans(account_id, plan_id)
    except (NotAuthorizedError, NotFoundError, RequestRefusedError, ServiceError):
        # Reading plans needs a right that few keys have; the service checks the limit itself.
        return None
    limits = [plan.max_ttl_s for plan in plans if plan.plan_id == plan_id and plan.max_ttl_s]
    return max(limits) if limits else None
