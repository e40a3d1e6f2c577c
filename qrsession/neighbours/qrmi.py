"""The variables by which programs of QRMI use a session of ours.

QRMI (Quantum Resource Management Interface) is a library for clusters that is told everything by
variables, each with the name of its resource, the backend, in front. Source: the documentation of
its resource type ``ibm-quantum-compute-service``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from qrsession.accounts.account import Account, resolve_account
from qrsession.accounts.connection import with_local_runtime
from qrsession.errors import InvalidValueError
from qrsession.money.budgets import Budget
from qrsession.money.purse import Purse
from qrsession.protocol.bounds import LONGEST_COST_S
from qrsession.protocol.routes import TOKEN_PATH
from qrsession.settings import Settings
from qrsession.state.entries import SessionEntry
from qrsession.state.ledger import Warn

_TYPE = "ibm-quantum-compute-service"
_RESOURCES_VARIABLE = "QRMI_JOB_QPU_RESOURCES"
_TYPES_VARIABLE = "QRMI_JOB_QPU_TYPES"
_FAMILY = "QRMI_IBM_QCS_"
_KEY = "IAM_APIKEY"
_SESSION_ID = "SESSION_ID"
_NAMES = (
    "ENDPOINT",
    "IAM_ENDPOINT",
    _KEY,
    "SERVICE_CRN",
    _SESSION_ID,
    "SESSION_MODE",
    "SESSION_MAX_TTL",
    "TIMEOUT_SECONDS",
)
# What shells take for the name of a variable.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class QrmiVariables:
    """What a program of QRMI needs.

    Attributes:
        variables: The variables by name; one of them holds a key.
        secret: That key.
        timeout_s: The longest that a job may run.
        budget: The session's budget, which QRMI's jobs are not held to together, if it has one.
    """

    variables: Mapping[str, str]
    secret: str
    timeout_s: int
    budget: Budget | None = None

    def __repr__(self) -> str:
        """Name the variables alone."""
        return f"QrmiVariables({', '.join(self.variables)})"


def qrmi_variables(entry: SessionEntry, settings: Settings, warn: Warn) -> QrmiVariables:
    """Return the variables of a session; the local runtime is started where it is not up.

    Args:
        entry: The session.
        settings: Where files live.
        warn: Takes a sentence that the user must see.

    Raises:
        InvalidValueError: The backend's name cannot be part of a variable's, or is not known.
        AccountNotFoundError: The session's account is saved no more.
        LocalRuntimeError: The local runtime cannot be started.
    """
    from qrsession.client.endpoints import endpoint_of, token_url_of  # noqa: PLC0415 - needs HTTP

    backend = _checked(entry)
    account = _account_of(entry, settings, warn)
    budget = Purse(settings.state_dir, entry.session_id).read()
    timeout_s = _timeout_s(entry, budget)
    values = {
        "ENDPOINT": endpoint_of(account).base_url,
        "IAM_ENDPOINT": token_url_of(account).removesuffix(TOKEN_PATH),
        _KEY: account.token,
        "SERVICE_CRN": account.instance or "",
        _SESSION_ID: entry.session_id,
        "SESSION_MODE": entry.mode,
        "SESSION_MAX_TTL": "" if entry.max_time_s is None else str(entry.max_time_s),
        "TIMEOUT_SECONDS": str(timeout_s),
    }
    named = {f"{backend}_{_FAMILY}{name}": values[name] for name in _NAMES if values[name]}
    resource = {_RESOURCES_VARIABLE: backend, _TYPES_VARIABLE: _TYPE}
    return QrmiVariables({**resource, **named}, account.token, timeout_s, budget)


def variables_to_remove(environ: Mapping[str, str], session: str | None) -> tuple[str, ...]:
    """Name the variables of an environment that stand for sessions, as `qrmi_variables` makes them.

    Those of other resources stay: who runs a cluster may have set them for all.

    Args:
        environ: The environment.
        session: The id of the session, or its beginning; None: whichever it names.
    """
    ending = f"_{_FAMILY}{_SESSION_ID}"
    backends = [
        name.removesuffix(ending)
        for name, value in environ.items()
        if name.endswith(ending) and value.startswith(session or "")
    ]
    found = [
        name
        for backend in backends
        for suffix in _NAMES
        if (name := f"{backend}_{_FAMILY}{suffix}") in environ
    ]
    if environ.get(_RESOURCES_VARIABLE) in backends:
        found += [name for name in (_RESOURCES_VARIABLE, _TYPES_VARIABLE) if name in environ]
    return tuple(found)


def _checked(entry: SessionEntry) -> str:
    if entry.backend is None:
        raise InvalidValueError(
            f"The backend of {entry.name} is not known yet.",
            advice=f"Look again: qrsession status {entry.name}",
        )
    if not _NAME.fullmatch(entry.backend):
        raise InvalidValueError(
            f"{entry.backend!r} cannot begin the name of a variable, as QRMI would have it.",
            advice="Only letters, digits and '_' can be in such a name.",
            details={"backend": entry.backend},
        )
    return entry.backend


def _account_of(entry: SessionEntry, settings: Settings, warn: Warn) -> Account:
    account = resolve_account(settings, entry.account, warn=warn)
    if account.is_local:
        return with_local_runtime(account, settings)
    return replace(account, instance=entry.instance)


def _timeout_s(entry: SessionEntry, budget: Budget | None) -> int:
    """Return the longest that a job can run: as the API allows, the session lasts, it may spend."""
    bounds = [LONGEST_COST_S, entry.max_time_s]
    if budget is not None:
        bounds.append(max(int(budget.left_s()), 1))
    return min(bound for bound in bounds if bound is not None)
