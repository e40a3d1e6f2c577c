"""Where an account's service is: the instance that was named, or the first in order that serves.

What the key sees is asked of discovery and kept for some hours, since it seldom changes. A name or
a CRN that is not among what was kept is looked for anew before it is called unknown.
"""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from qrsession.accounts.account import Account
from qrsession.accounts.instances import (
    Place,
    Preferences,
    check_unattended,
    find_crn,
    find_name,
    in_order,
    names_of,
    not_found,
)
from qrsession.cache import Cache, content_key
from qrsession.diagnostics import Log
from qrsession.errors import (
    BackendNotFoundError,
    InstanceNotFoundError,
    NotAuthorizedError,
    NotFoundError,
    RequestRefusedError,
    ServiceError,
    ServiceUnavailableError,
    StorageError,
    WireFormatError,
)
from qrsession.protocol.fields import objects
from qrsession.protocol.instances import Instance, is_crn
from qrsession.protocol.models import BackendSummary

if TYPE_CHECKING:
    from qrsession.client.rest import RestClient
    from qrsession.client.transport import Authorizer

log = Log("instance")

KEPT_FOR_S = 6 * 3600.0
# How long a search that failed is not tried again for a CRN, which does without it.
FAILURE_KEPT_FOR_S = 15 * 60.0
_HOW_TO_NAME = "Name the instance by its CRN: --instance CRN, or `instance` in the account."
_ONLINE = "online"


@dataclass(frozen=True)
class Wants:
    """What the instance must have: a backend of that name, or one online and wide enough."""

    backend: str | None = None
    min_num_qubits: int = 0

    def are_met_by(self, backends: Sequence[BackendSummary]) -> bool:
        """Whether one of these backends is what is wanted."""
        if self.backend is not None:
            return any(backend.name == self.backend for backend in backends)
        return bool(online_and_wide(backends, self.min_num_qubits))

    def __str__(self) -> str:
        if self.backend is not None:
            return f"a backend {self.backend!r}"
        width = f" with {self.min_num_qubits} qubits" if self.min_num_qubits else ""
        return f"a backend online{width}"


class InstanceFinder:
    """Finds where an account's service is.

    Args:
        account: The account.
        authorizer: Who gives its tokens.
        cache: Where what was found is kept.
        connect: Makes a client at an instance.
        unattended: In what kind of place this runs with nobody looking, None where somebody is.
        now_s: Returns the time, in seconds since the epoch.
    """

    def __init__(
        self,
        account: Account,
        authorizer: "Authorizer",
        cache: Cache,
        connect: "Callable[[str | None], RestClient]",
        *,
        unattended: str | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._authorizer = authorizer
        self._cache = cache
        self._connect = connect
        self._unattended = unattended
        self._now_s = now_s

    def check_key(self) -> None:
        """Ask for a token, unless there is a good one.

        Raises:
            NotAuthorizedError: The key is refused.
            ServiceUnavailableError: No token can be had.
        """
        self._authorizer.bearer()

    def instances(self, *, anew: bool = False) -> tuple[Instance, ...] | None:
        """Return the instances that the key sees; None where the service knows no discovery.

        Raises:
            NotAuthorizedError: The key is refused, or may not search.
            ServiceError: Search or catalog cannot be reached, or answered something else.
        """
        kept = self._kept()
        if kept is not None and not anew and self._now_s() < kept.seen_at_s + KEPT_FOR_S:
            log.detail("the list is kept, %.0f s old", self._now_s() - kept.seen_at_s)
            return kept.instances
        from qrsession.client.discovery import Discovery  # noqa: PLC0415 - a few times a day

        try:
            found = Discovery.of(self._account, self._authorizer).instances()
        except ServiceUnavailableError:
            if kept is None or anew:
                raise
            return kept.instances
        self._keep(found)
        return found

    def choose(self, named: str | None, wants: Wants | None = None) -> Place:
        """Return where the service is.

        Args:
            named: The CRN or the name of an instance; None: the first in order.
            wants: What the instance must have, where none is named.

        Raises:
            InstanceNotFoundError: The key does not see the instance, or none that fits.
            InvalidValueError: Several instances have the name.
            BackendNotFoundError: No instance has what is wanted.
            NotAuthorizedError: The key is refused; or it may not search, and no CRN was given; or
                nobody is looking, and the instance is not free.
            ServiceError: The search failed, and no CRN was given.
        """
        # A key that is refused is refused here, once, and is not taken for a search that is.
        self.check_key()
        if named is not None and is_crn(named):
            return self._at_crn(named)
        try:
            listed = self.instances()
        except NotAuthorizedError as error:
            raise NotAuthorizedError(
                error.message, advice=_HOW_TO_NAME, details=error.details
            ) from error
        if named is not None:
            return Place(*self._with_name(named, listed))
        if listed is None:
            return Place(None, was_named=False)
        chosen = self._first(in_order(listed, preferences_of(self._account)), wants)
        check_unattended(chosen, self._unattended)
        return Place(chosen.crn, chosen, was_named=False)

    def _at_crn(self, crn: str) -> Place:
        unlisted = content_key("unlisted", self._identity(), crn)
        if self._is_fresh(unlisted):
            return Place(crn)
        try:
            listed = self.instances()
            found = find_crn(listed or (), crn)
            if found is None and listed is not None:
                listed = self.instances(anew=True)
                found = find_crn(listed or (), crn)
        except (NotAuthorizedError, RequestRefusedError, ServiceError):
            # The API itself knows who may use the instance. Asked again soon, not each time.
            self._put(unlisted, json.dumps({"seen_at_s": self._now_s()}).encode())
            return Place(crn)
        if found is None and listed is not None:
            raise not_found(crn, listed)
        return Place(crn, found)

    def _with_name(self, name: str, listed: tuple[Instance, ...] | None) -> tuple[str, Instance]:
        if listed is None:
            raise InstanceNotFoundError(
                f"The service has no list of instances to look {name!r} up in.",
                advice=_HOW_TO_NAME,
                details={"instance": name},
            )
        found = find_name(listed, name)
        if found is None:
            listed = self.instances(anew=True) or ()
            found = find_name(listed, name)
        if found is None:
            raise not_found(name, listed)
        return found.crn, found

    def _first(self, candidates: Sequence[Instance], wants: Wants | None) -> Instance:
        """Return the first instance that has what is wanted, asking each until one has."""
        if wants is None or len(candidates) == 1:
            return candidates[0]
        for instance in candidates:
            # One that may not be used by this key is passed over. One that is out of reach is not:
            # the next might cost money that this one would have saved.
            with suppress(NotAuthorizedError, NotFoundError, RequestRefusedError):
                backends = self._connect(instance.crn).list_backends()
                if wants.are_met_by([backend for backend in backends if not backend.is_mock]):
                    return instance
        raise BackendNotFoundError(
            f"No instance of the account {self._account.name!r} has {wants}; it has "
            f"{names_of(candidates)}.",
            details={"backend": wants.backend, "instances": [one.crn for one in candidates]},
        )

    def _identity(self) -> str:
        """Return a text that tells accounts apart, and says nothing of their keys."""
        account = self._account
        key = sha256(f"{account.iam_url}\n{account.token}".encode()).hexdigest()
        return "\n".join((account.url, str(account.private_endpoint), key))

    def _kept(self) -> "_Kept | None":
        data = self._get(content_key("instances", self._identity()))
        if data is None:
            return None
        try:
            document = json.loads(data)
            listed = document["instances"]
            instances = (
                None
                if listed is None
                else tuple(Instance.from_record(one) for one in objects(document, "instances"))
            )
            return _Kept(float(document["seen_at_s"]), instances)
        except (ValueError, KeyError, TypeError, WireFormatError):
            return None

    def _keep(self, instances: tuple[Instance, ...] | None) -> None:
        listed = None if instances is None else [one.to_record() for one in instances]
        document = {"seen_at_s": self._now_s(), "instances": listed}
        self._put(content_key("instances", self._identity()), json.dumps(document).encode())

    def _is_fresh(self, key: str) -> bool:
        data = self._get(key)
        if data is None:
            return False
        with suppress(ValueError, KeyError, TypeError):
            return self._now_s() < float(json.loads(data)["seen_at_s"]) + FAILURE_KEPT_FOR_S
        return False

    def _get(self, key: str) -> bytes | None:
        with suppress(StorageError):
            return self._cache.get(key)
        return None

    def _put(self, key: str, data: bytes) -> None:
        with suppress(StorageError):
            # A cache that cannot be written makes the next command slower, and fails none.
            self._cache.put(key, data)


@dataclass(frozen=True)
class _Kept:
    seen_at_s: float
    instances: tuple[Instance, ...] | None


def online_and_wide(
    backends: Sequence[BackendSummary], min_num_qubits: int
) -> list[BackendSummary]:
    """Return the backends that a job of so many qubits could go to now."""
    return [
        backend
        for backend in backends
        if not backend.is_mock
        and backend.status == _ONLINE
        and (backend.num_qubits or 0) >= min_num_qubits
    ]


def preferences_of(account: Account) -> Preferences:
    """Return what an account says of instances that it does not name."""
    return Preferences(
        tags=tuple(getattr(account, "tags", ())),
        region=account.region,
        plans=account.plans_preference,
    )
