"""`RuntimeService`: an account and what it can reach. The way from a name to a client."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qrsession.accounts import Account, resolve_account
from qrsession.cache import Cache, content_key
from qrsession.errors import (
    BackendNotFoundError,
    InvalidTypeError,
    NotAuthorizedError,
    NotFoundError,
    RequestRefusedError,
    ServiceError,
    StorageError,
)
from qrsession.protocol.models import BackendSummary, InstanceUsage, JobRecord
from qrsession.records import Records
from qrsession.settings import Settings

if TYPE_CHECKING:
    import socket

    from qrsession.backend import Backend
    from qrsession.client.rest import RestClient
    from qrsession.client.transport import Endpoint
    from qrsession.job import RuntimeJob

_ONLINE = "online"


@dataclass(frozen=True, slots=True)
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
        settings: Where files live; None: as the environment says.

    Raises:
        AccountNotFoundError: No account of that name is saved.
        NoAccountError: None is set up, on a CI machine.
        InvalidTypeError: The account is something else.
    """

    def __init__(
        self, account: Account | str | None = None, *, settings: Settings | None = None
    ) -> None:
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
        self._lock = threading.Lock()
        self._client: RestClient | None = None

    def __repr__(self) -> str:
        return f"RuntimeService(account={self.account.name!r})"

    @property
    def client(self) -> "RestClient":
        """The client of the account's API; the local runtime is started where it is not up.

        Raises:
            LocalRuntimeError: It cannot be started.
        """
        with self._lock:
            if self._client is None:
                self._client = _connect(self.account, self.settings)
            return self._client

    @property
    def instance(self) -> str | None:
        """The CRN of the account's instance."""
        return self.client.transport.endpoint.instance

    def reconnect(self) -> None:
        """Drop the connection, so that the next request looks anew for the service."""
        with self._lock:
            self._client = None

    def backends(self) -> tuple[BackendSummary, ...]:
        """Return the backends that the account can use, by name."""
        backends = self.client.list_backends()
        return tuple(sorted((b for b in backends if not b.is_mock), key=lambda b: b.name))

    def least_busy(self, min_num_qubits: int = 0) -> str:
        """Return the name of the backend with the shortest queue, of those online and wide enough.

        Raises:
            BackendNotFoundError: There is none.
        """
        candidates = [
            backend
            for backend in self.backends()
            if backend.status == _ONLINE and (backend.num_qubits or 0) >= min_num_qubits
        ]
        if not candidates:
            raise BackendNotFoundError(
                f"No backend of the account {self.account.name!r} is online"
                + (f" with {min_num_qubits} qubits." if min_num_qubits else ".")
            )
        return min(candidates, key=lambda backend: backend.queue_length).name

    def backend(self, name: str) -> "Backend":
        """Return a backend with its target.

        Raises:
            BackendNotFoundError: The account has none of that name.
        """
        return self.build_backend(self.fetch_documents(name))

    def build_backend(self, documents: BackendDocuments) -> "Backend":
        """Build the backend that two documents describe. Imports Qiskit."""
        from qrsession.backend import Backend  # noqa: PLC0415 - the room of Qiskit

        return Backend(json.loads(documents.configuration), json.loads(documents.properties), self)

    def fetch_documents(self, name: str) -> BackendDocuments:
        """Ask for a backend's configuration and properties.

        Raises:
            BackendNotFoundError: The account has none of that name; the message names those it has.
        """
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
        data = self._cached(content_key("documents", session_id, backend))
        if data is not None:
            documents = json.loads(data)
            return BackendDocuments.of(documents["configuration"], documents["properties"])
        documents = self.fetch_documents(backend)
        self.keep_documents(session_id, backend, documents)
        return documents

    def session_fingerprint(self, session_id: str, backend: str) -> str:
        """Return the fingerprint of a session's backend, without reading its documents again."""
        data = self._cached(content_key("fingerprint", session_id, backend))
        return data.decode() if data else self.session_documents(session_id, backend).fingerprint

    def keep_documents(self, session_id: str, backend: str, documents: BackendDocuments) -> None:
        """Keep the documents for a session's life."""
        both = {"configuration": documents.configuration, "properties": documents.properties}
        self.keep(content_key("documents", session_id, backend), json.dumps(both).encode())
        self.keep(content_key("fingerprint", session_id, backend), documents.fingerprint.encode())

    def keep(self, key: str, data: bytes) -> None:
        """Put something into the cache, if that can be written."""
        with suppress(StorageError):
            # A cache that cannot be written slows the next run down, and fails none.
            self.cache.put(key, data)

    def longest_session_s(self) -> int | None:
        """Return the longest that the account's plan lets a session last, in seconds.

        Asked for once a day; None where the service does not say, or not to this key.
        """
        key = content_key(
            "plan", self.account.name, self.account.url, self.account.instance or "", _today()
        )
        data = self._cached(key)
        if data is None:
            data = json.dumps(self._fetch_longest_session_s()).encode()
            self.keep(key, data)
        longest_s: int | None = json.loads(data)
        return longest_s

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

    def _cached(self, key: str) -> bytes | None:
        try:
            return self.cache.get(key)
        except StorageError:
            return None

    def _fetch_longest_session_s(self) -> int | None:
        from qrsession.client.endpoints import account_id_of  # noqa: PLC0415 - once a day

        account_id = account_id_of(self.instance)
        if account_id is None:
            return None
        try:
            plan_id = self.client.get_usage().plan_id
            plans = self.client.get_plans(account_id, plan_id)
        except (NotAuthorizedError, NotFoundError, RequestRefusedError, ServiceError):
            # Reading plans needs a right that few keys have; the service checks the limit itself.
            return None
        limits = [plan.max_ttl_s for plan in plans if plan.plan_id == plan_id and plan.max_ttl_s]
        return max(limits) if limits else None

    def _unknown_backend(self, name: str) -> BackendNotFoundError:
        known = ", ".join(backend.name for backend in self.backends()) or "none"
        advice = "`qrsession backends` lists them."
        if not self.account.is_local:
            advice = (
                "To run it on the local runtime: --local, or in Python "
                'Session(service=RuntimeService("local"), backend="aer_simulator").'
            )
        return BackendNotFoundError(
            f"The account {self.account.name!r} has no backend {name!r}; it has {known}.",
            advice=advice,
            details={"backend": name, "account": self.account.name},
        )


def _connect(account: Account, settings: Settings) -> "RestClient":
    # Imported here: the commands that stay on this machine need no HTTP client.
    from qrsession.client.endpoints import endpoint_of, token_url_of  # noqa: PLC0415
    from qrsession.client.iam import TokenSource  # noqa: PLC0415
    from qrsession.client.rest import RestClient  # noqa: PLC0415
    from qrsession.client.transport import Transport  # noqa: PLC0415

    def locate() -> "tuple[Endpoint, TokenSource]":
        found = _with_local_runtime(account, settings) if account.is_local else account
        endpoint = endpoint_of(found)
        if account.is_local:
            endpoint = replace(endpoint, prove=_proof_of(found.token))
        tokens = TokenSource(token_url_of(found), found.token, endpoint, _token_folder(settings))
        return endpoint, tokens

    # The local runtime ends when it is idle, and whoever needs it again starts it again.
    return RestClient(Transport(*locate(), relocate=locate if account.is_local else None))


def _with_local_runtime(account: Account, settings: Settings) -> Account:
    """Fill in where the local runtime is, after it has proved that it is ours."""
    from qrsession.local import daemon  # noqa: PLC0415 - for one account alone
    from qrsession.local.config import LOCAL_CRN  # noqa: PLC0415

    address = daemon.ensure(settings)
    return replace(account, url=address.url, token=daemon.secret_of(settings), instance=LOCAL_CRN)


def _proof_of(secret: str) -> "Callable[[socket.socket, int], bool]":
    """Return how each connection to the local runtime is challenged before it carries a key."""
    from qrsession.local.daemon import proves_itself  # noqa: PLC0415 - for one account alone

    return partial(proves_itself, secret=secret)


def _token_folder(settings: Settings) -> Path:
    return settings.cache_dir / "tokens"


def _today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def service_of(backend: Any) -> RuntimeService | None:
    """Return the service that a backend object belongs to, if it is one of ours."""
    service = getattr(backend, "service", None)
    return service if isinstance(service, RuntimeService) else None
