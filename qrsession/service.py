"""`RuntimeService`: an account and what it can reach. The way from a name to a client."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from qrsession.accounts.account import Account, resolve_account
from qrsession.accounts.connection import connect, tokens_of, with_local_runtime
from qrsession.accounts.instances import Place, named
from qrsession.cache import Cache, content_key
from qrsession.clock import utc_now
from qrsession.diagnostics import Log
from qrsession.errors import (
    BackendNotFoundError,
    InstanceNotFoundError,
    InvalidTypeError,
    NotFoundError,
    RequestRefusedError,
    StorageError,
)
from qrsession.names import listed
from qrsession.protocol.models import BackendSummary, InstanceUsage, JobRecord
from qrsession.settings import LOCAL_ACCOUNT, Settings, unattended_place
from qrsession.state.ledger import Warn, log_warning
from qrsession.state.pending import Pending
from qrsession.state.records import Records

if TYPE_CHECKING:
    from qrsession.accounts.placement import InstanceFinder, Wants
    from qrsession.backend import Backend
    from qrsession.client.rest import RestClient
    from qrsession.job import RuntimeJob
    from qrsession.protocol.instances import Instance


log = Log("instance")

_MOST_NAMES = 8
_CARRIER = "qiskit_ibm_runtime"


@dataclass(frozen=True)
class BackendDocuments:
    """A backend's two documents as JSON text, and a hash of both: the fingerprint of its target."""

    configuration: str
    properties: str
    fingerprint: str

    @classmethod
    def of(cls, configuration: str, properties: str) -> "BackendDocuments":
        """Put two documents together."""
        return cls(configuration, properties, content_key("target", configuration, properties))


class RuntimeService:
    """A Qiskit Runtime service, for one account: IBM's, or the local runtime.

    Making one contacts nobody. Threads may share it.

    Args:
        account: An account, or the name of one: saved in ``~/.qiskit/qiskit-ibm.json``,
            ``environment`` or ``local``. None: by the precedence of `resolve_account`.
        instance: The CRN or the name of a service instance; None: the account's, or else the
            first that serves, as `choose_instance` says.
        settings: Where files live; None: as the environment says.
        warn: Takes a sentence that the user should know: that an instance was picked which nobody
            named and which is not free.

    Raises:
        AccountNotFoundError: No account of that name is saved.
        NoAccountError: None is set up, on a CI machine.
        InvalidTypeError: The account, or the instance, is something else.
    """

    def __init__(
        self,
        account: Account | str | None = None,
        instance: str | None = None,
        *,
        settings: Settings | None = None,
        warn: Warn = log_warning,
    ) -> None:
        if not isinstance(instance, str | None):
            raise InvalidTypeError(
                f"instance must be a CRN or a name, not {type(instance).__name__}."
            )
        if not isinstance(account, Account | str | None):
            raise InvalidTypeError(
                f"account must be the name of one, not {type(account).__name__}."
            )
        self.settings = settings or Settings.from_environ()
        self.account = (
            account if isinstance(account, Account) else resolve_account(self.settings, account)
        )
        self.cache = Cache.of(self.settings)
        self.records = Records(self.settings.state_dir)
        self.pending = Pending(self.settings.state_dir)
        self._lock = threading.RLock()
        self._client: RestClient | None = None
        self._warn = warn
        self._named = named(instance) or named(self.account.instance)
        self._place: Place | None = None
        self._finder: InstanceFinder | None = None

    @classmethod
    def at_instance(
        cls, account: Account | str | None, crn: str | None, *, settings: Settings | None = None
    ) -> "RuntimeService":
        """Make the service at an instance that is known already, or at none: nothing is looked up.

        A session's instance is known, and to look for it again would cost its commands requests.
        """
        service = cls(account, settings=settings)
        service._place = Place(crn)
        log.detail("%s, where the session is", crn or "none is named")
        return service

    def __repr__(self) -> str:
        return f"RuntimeService(account={self.account.name!r})"

    @property
    def client(self) -> "RestClient":
        """The client of the account's API; the local runtime is started where it is not up.

        Raises:
            LocalRuntimeError: It cannot be started.
            InstanceNotFoundError: The key does not see the instance.
        """
        with self._lock:
            if self._client is None:
                self.choose_instance()
                crn = None if self._place is None else self._place.crn
                self._client = self._connect_at(crn)
            return self._client

    @property
    def finder(self) -> "InstanceFinder":
        """What finds the instances that the account's key sees."""
        from qrsession.accounts.placement import InstanceFinder  # noqa: PLC0415 - few commands look for an instance

        with self._lock:
            if self._finder is None:
                account = self._located_account()
                self._finder = InstanceFinder(
                    account,
                    tokens_of(account, self.settings),
                    self.cache,
                    self._connect_at,
                    unattended=unattended_place(self.settings),
                )
            return self._finder

    def other_instances(self) -> "tuple[Instance, ...]":
        """Return the instances that the key sees beside the one that nobody named."""
        place = self.choose_instance()
        if place.was_named or place.instance is None:
            return ()
        return tuple(one for one in self.finder.instances() or () if one.crn != place.crn)

    def choose_instance(self, wants: "Wants | None" = None) -> Place:
        """Settle at which instance this service is, once and for all; return what is known of it.

        The one named, here or by the account. Else the first that has what is wanted, by the
        account's tags, region and preference of plans, and then by price: what is free first.
        Source: ``QiskitRuntimeService`` of qiskit-ibm-runtime 0.51.

        Raises:
            InstanceNotFoundError: The key does not see the instance, or none that fits.
            InvalidValueError: Several instances have the name.
            BackendNotFoundError: No instance has what is wanted.
            NotAuthorizedError: The key is refused; or on a CI machine or in a cluster job an
                instance that is not free would be picked, which must be named there.
        """
        with self._lock:
            if self._place is None:
                self._place = self._choose(wants)
                how = "which was named" if self._place.was_named else "the first in order"
                if self.account.is_local:
                    how = "the local runtime's only one"
                named = f"{self._place.crn}, {how}" if self._place.crn else "requests name none"
                log.note("%s", named)
            return self._place

    def _choose(self, wants: "Wants | None") -> Place:
        if self.account.is_local:
            from qrsession.local.account.identity import LOCAL_CRN  # noqa: PLC0415 - for one account alone

            if self._named not in {None, LOCAL_CRN, LOCAL_ACCOUNT}:
                raise InstanceNotFoundError(
                    f"The local runtime has one instance, and it is not {self._named!r}.",
                    advice=f"Leave --instance out, or name {LOCAL_CRN}",
                )
            return Place(LOCAL_CRN)
        place = self.finder.choose(self._named, wants)
        if place.may_cost and not place.was_named:
            self._warn(f"No instance is named, so this uses {place}.")
        return place

    def _located_account(self) -> Account:
        is_local = self.account.is_local
        return with_local_runtime(self.account, self.settings) if is_local else self.account

    def _connect_at(self, crn: str | None) -> "RestClient":
        return connect(replace(self.account, instance=crn), self.settings)

    @property
    def instance(self) -> str | None:
        """The CRN of the account's instance."""
        return self.client.transport.endpoint.instance

    def now(self) -> datetime:
        """Return the time by the service's clock, as its answers tell it, in UTC.

        A machine whose own clock is off must not think that a session's time is up.
        """
        offset_s = 0.0 if self._client is None else self._client.transport.clock_offset_s
        return utc_now() + timedelta(seconds=offset_s)

    def reconnect(self) -> None:
        """Drop the connection, so that the next request looks anew for the service."""
        with self._lock:
            self._client = None

    def backends(self) -> tuple[BackendSummary, ...]:
        """Return the backends that the account can use, by name."""
        backends = self.client.list_backends()
        return tuple(sorted((b for b in backends if not b.is_mock), key=lambda b: b.name))

    def backend_summary(self, name: str) -> BackendSummary:
        """Return what the list of backends says of one, its queue among it.

        Raises:
            BackendNotFoundError: The account has none of that name.
        """
        from qrsession.accounts.placement import Wants  # noqa: PLC0415 - few commands look for an instance

        self.choose_instance(Wants(name))
        found = [backend for backend in self.client.list_backends() if backend.name == name]
        if not found:
            raise self._unknown_backend(name)
        return found[0]

    def least_busy(self, min_num_qubits: int = 0) -> str:
        """Return the name of the backend with the shortest queue, of those online and wide enough.

        Where there are simulators it is one of them: noise is for who names a device, or its twin.

        Raises:
            BackendNotFoundError: There is none.
        """
        from qrsession.accounts.placement import Wants, online_and_wide  # noqa: PLC0415 - few commands look for an instance

        self.choose_instance(Wants(min_num_qubits=min_num_qubits))
        candidates = online_and_wide(self.backends(), min_num_qubits)
        if not candidates:
            raise BackendNotFoundError(
                f"No backend of the account {self.account.name!r} is online"
                + (f" with {min_num_qubits} qubits." if min_num_qubits else ".")
            )
        best = min(candidates, key=lambda one: (not one.is_simulator, one.queue_length))
        return best.name

    def backend(self, name: str, *, use_fractional_gates: bool | None = False) -> "Backend":
        """Return a backend with its target.

        Args:
            name: Its name.
            use_fractional_gates: Whether circuits may be transpiled to gates with an angle that
                takes time, ``rzz`` and ``rx``; None: where the backend has such gates.

        Raises:
            BackendNotFoundError: The account has none of that name.
            InvalidValueError: Fractional gates are asked for, and the backend has none.
        """
        documents = self.fetch_documents(name)
        return self.build_backend(documents, use_fractional_gates=use_fractional_gates)

    def build_backend(
        self, documents: BackendDocuments, *, use_fractional_gates: bool | None = False
    ) -> "Backend":
        """Build the backend that two documents describe. Imports Qiskit."""
        from qrsession.backend import Backend  # noqa: PLC0415 - the room of Qiskit

        return Backend.of_documents(documents, self, use_fractional_gates=use_fractional_gates)

    def fetch_documents(self, name: str) -> BackendDocuments:
        """Ask for a backend's configuration and properties.

        Raises:
            BackendNotFoundError: The account has none of that name; the message names those it has.
        """
        from qrsession.accounts.placement import Wants  # noqa: PLC0415 - few commands look for an instance

        self.choose_instance(Wants(name))
        client = self.client
        try:
            configuration = client.get_backend_configuration(name)
        except BackendNotFoundError as error:
            raise self._unknown_backend(name) from error
        except RequestRefusedError as error:
            # Names of strange forms are refused before they are looked for.
            raise self._unknown_backend(name) from error
        properties = "{}"
        with suppress(NotFoundError):
            properties = client.get_backend_properties(name)
        return BackendDocuments.of(configuration, properties)

    def session_documents(self, session_id: str, backend: str) -> BackendDocuments:
        """Return the documents of a session's backend: asked for once in the session's life."""
        data = self.recall(content_key("documents", session_id, backend))
        if data is not None:
            documents = json.loads(data)
            return BackendDocuments.of(documents["configuration"], documents["properties"])
        documents = self.fetch_documents(backend)
        self.keep_documents(session_id, backend, documents)
        return documents

    def session_fingerprint(self, session_id: str, backend: str) -> str:
        """Return the fingerprint of a session's backend, without reading its documents again."""
        data = self.recall(content_key("fingerprint", session_id, backend))
        return data.decode() if data else self.session_documents(session_id, backend).fingerprint

    def keep_documents(self, session_id: str, backend: str, documents: BackendDocuments) -> None:
        """Keep the documents for a session's life."""
        both = {"configuration": documents.configuration, "properties": documents.properties}
        self.keep(content_key("documents", session_id, backend), json.dumps(both).encode())
        self.keep(content_key("fingerprint", session_id, backend), documents.fingerprint.encode())

    def recall(self, key: str) -> bytes | None:
        """Return what was put into the cache, None where there is nothing or it cannot be read."""
        try:
            return self.cache.get(key)
        except StorageError:
            return None

    def keep(self, key: str, data: bytes) -> None:
        """Put something into the cache, if that can be written."""
        with suppress(StorageError):
            # A cache that cannot be written slows the next run down, and fails none.
            self.cache.put(key, data)

    def job(self, job_id: str) -> "RuntimeJob":
        """Return a job by its id.

        Raises:
            JobNotFoundError: The account has none of that id.
        """
        from qrsession.job import RuntimeJob  # noqa: PLC0415 - it imports this module

        return RuntimeJob(self, self.client.get_job(job_id))

    def jobs(self, *, session_id: str | None = None, limit: int = 20) -> Iterator[JobRecord]:
        """Return the account's jobs, newest first."""
        return self.client.list_jobs(session_id=session_id, limit=limit)

    def usage(self) -> InstanceUsage:
        """Return what the instance has used, in QPU seconds."""
        return self.client.get_usage()

    def _unknown_backend(self, name: str) -> BackendNotFoundError:
        from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake
        from importlib.util import find_spec  # noqa: PLC0415 - likewise

        names = [backend.name for backend in self.backends()]
        near = get_close_matches(name, names, cutoff=0.8)
        others = [other for other in names if other not in near]
        known = listed([*near, *others], _MOST_NAMES)
        advice = "`qrsession backends` lists them."
        if not self.account.is_local:
            advice = (
                "To run it on the local runtime: --local, or in Python "
                'Session(service=RuntimeService("local"), backend="aer_simulator").'
            )
        elif find_spec(_CARRIER) is None:
            advice = (
                "Twins of devices come with qiskit-ibm-runtime, which is not installed here, or "
                "from `qrsession backends snapshot NAME`."
            )
        return BackendNotFoundError(
            f"The account {self.account.name!r} has no backend {name!r}; it has {known}.",
            advice=advice,
            details={"backend": name, "account": self.account.name},
        )


def service_of(backend: Any) -> RuntimeService | None:
    """Return the service that a backend object belongs to, if it is one of ours."""
    service = getattr(backend, "service", None)
    return service if isinstance(service, RuntimeService) else None
