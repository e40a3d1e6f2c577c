"""`RuntimeService`: an account and what it can reach. The way from a name to a client.

All that can be asked of a service stands in one module, longer than most: it is one interface.
"""

import json
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

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
from qrsession.protocol.fields import write_moment
from qrsession.protocol.models import BackendSummary, InstanceUsage
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
        self._given_settings = settings
        self._is_by_name = not isinstance(account, Account)
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

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: a copy would be one more connection to the same account."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Be pickled as the name of an account, without its key.

        Raises:
            InvalidTypeError: The account has no name by which another process would find it.
        """
        if not self._is_by_name:
            raise InvalidTypeError(
                "A service of an Account object is not pickled, since its key would be.",
                advice='Save the account, and name it: RuntimeService("NAME").',
            )
        instance = self._named or (self._place and self._place.crn)
        return _by_name, (self.account.name, instance, self._given_settings)

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

    def backends(
        self,
        name: str | None = None,
        min_num_qubits: int | None = None,
        *,
        simulator: bool | None = None,
        operational: bool | None = None,
    ) -> tuple[BackendSummary, ...]:
        """Return what the list of backends says of those that the account can use, by name.

        `backend` gives one with its target.

        Args:
            name: Only the one of that name.
            min_num_qubits: Only those of that width at least.
            simulator: True or False: only simulators, or none.
            operational: True or False: only those online, or only the others.
        """
        backends = self.client.list_backends()
        found = sorted((b for b in backends if not b.is_mock), key=lambda b: b.name)
        if name is not None:
            found = [one for one in found if one.name == name]
        if (min_num_qubits, simulator, operational) == (None, None, None):
            return tuple(found)
        from qrsession.backend_choice import those_with  # noqa: PLC0415 - commands want all

        return those_with(found, min_num_qubits, simulator=simulator, operational=operational)

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

    def least_busy(
        self,
        min_num_qubits: int | None = None,
        *,
        simulator: bool | None = None,
        operational: bool | None = True,
        use_fractional_gates: bool | None = False,
    ) -> "Backend":
        """Return the backend with the shortest queue, of those online and as wanted.

        Where there are simulators it is one of them: noise is for who asks for a device, or its
        twin. Imports Qiskit.

        Args:
            min_num_qubits: The least width.
            simulator: True or False: only simulators, or none.
            operational: As older programs write it; a backend that is not online is never taken.
            use_fractional_gates: See `backend`.

        Raises:
            BackendNotFoundError: There is none.
        """
        del operational
        name = self.least_busy_name(min_num_qubits or 0, simulator=simulator)
        return self.backend(name, use_fractional_gates=use_fractional_gates)

    def least_busy_name(self, min_num_qubits: int = 0, *, simulator: bool | None = None) -> str:
        """Return the name of what `least_busy` returns, without asking for its documents.

        Raises:
            BackendNotFoundError: There is none.
        """
        from qrsession.accounts.placement import Wants  # noqa: PLC0415 - few commands look for an instance
        from qrsession.backend_choice import least_busy_of, those_with  # noqa: PLC0415 - likewise

        self.choose_instance(Wants(min_num_qubits=min_num_qubits))
        candidates = those_with(
            self.backends(), min_num_qubits, simulator=simulator, operational=True
        )
        return least_busy_of(candidates, self.account, min_num_qubits).name

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

    def jobs(  # noqa: PLR0913 - the filters that the service has
        self,
        limit: int | None = 20,
        skip: int = 0,
        backend_name: str | None = None,
        pending: bool | None = None,  # noqa: FBT001 - as in qiskit-ibm-runtime
        program_id: str | None = None,
        *,
        job_tags: Sequence[str] = (),
        session_id: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        descending: bool = True,
    ) -> "list[RuntimeJob]":
        """Return the account's jobs, newest first.

        Args:
            limit: The most that are returned; None: all.
            skip: So many of the first are left out.
            backend_name: Only those on this backend.
            pending: True: only those that are queued or run; False: only those that have ended.
            program_id: Only those of this program, such as ``sampler``.
            job_tags: Only those that bear all of these.
            session_id: Only those of this session.
            created_after: Only those created then or later; of this machine's time zone where it
                names none.
            created_before: Likewise.
            descending: Whether the newest comes first; else the oldest.
        """
        from qrsession.job import RuntimeJob  # noqa: PLC0415 - it imports this module

        others = {
            "backend": backend_name,
            "program": program_id,
            "created_after": write_moment(created_after and created_after.astimezone()),
            "created_before": write_moment(created_before and created_before.astimezone()),
            "sort": None if descending else "ASC",
        }
        records = self.client.list_jobs(
            session_id=session_id,
            tags=tuple(job_tags or ()),
            limit=sys.maxsize if limit is None else limit,
            is_pending=pending,
            skip=skip,
            others=[(key, value) for key, value in others.items() if value is not None],
        )
        return [RuntimeJob(self, record) for record in records]

    def delete_job(self, job_id: str) -> None:
        """Delete a job that has ended, with its result, at the service.

        Raises:
            JobNotFoundError: The account has none of that id.
            RequestRefusedError: It has not ended yet.
        """
        self.client.delete_job(job_id)

    def usage(self) -> InstanceUsage:
        """Return what the instance has used, in QPU seconds."""
        return self.client.get_usage()

    def _unknown_backend(self, name: str) -> BackendNotFoundError:
        from qrsession.backend_choice import unknown_backend  # noqa: PLC0415 - only for a mistake

        return unknown_backend(name, self.backends(), self.account)


def _by_name(name: str, instance: str | None, settings: Settings | None) -> RuntimeService:
    return RuntimeService(name, instance, settings=settings)


def service_of(backend: Any) -> RuntimeService | None:
    """Return the service that a backend object belongs to, if it is one of ours."""
    service = getattr(backend, "service", None)
    return service if isinstance(service, RuntimeService) else None
