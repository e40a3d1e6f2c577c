"""Accounts: saved ones, the environment's, and the built-in ``local``.

The file is the one of qiskit-ibm-runtime, ``~/.qiskit/qiskit-ibm.json``, and so are the variables
``QISKIT_IBM_TOKEN``, ``_CHANNEL``, ``_INSTANCE`` and ``_URL``. Which account is taken when none is
named is the row "account" of the first table in docs/reference.md.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from qrsession.errors import (
    AccountNotFoundError,
    InvalidValueError,
    NoAccountError,
    StorageError,
    WireFormatError,
)
from qrsession.protocol.fields import as_object, optional, strings
from qrsession.settings import LOCAL_ACCOUNT, Settings

ENVIRONMENT = "environment"
DEFAULT_URL = "https://cloud.ibm.com"
DEFAULT_CHANNEL = "ibm_quantum_platform"
CHANNELS = (DEFAULT_CHANNEL, "ibm_cloud")
# Names under which qiskit-ibm-runtime saves an account that was given none.
_DEFAULT_NAMES = ("default-ibm-quantum-platform", "default-ibm-cloud", "default")
_HOW_TO_RUN_LOCALLY = (
    "Add --local (in Python: QRSESSION_ACCOUNT=local) for the local runtime, "
    "or set QISKIT_IBM_TOKEN."
)


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks, and whom. The token, and what proxies are given, never show in a repr.

    Attributes:
        name: Its name in the file; ``environment`` or ``local`` where it is not from there.
        token: The API key.
        url: The root URL of the cloud, or the base of an API elsewhere.
        instance: The CRN, or the name, of the service instance.
        channel: ``ibm_quantum_platform`` or ``ibm_cloud``.
        verify: Whether TLS certificates are checked.
        private_endpoint: Whether the cloud's private endpoints are used.
        proxies: URLs of proxies by scheme.
        region: Where instances are looked for, ``us-east`` or ``eu-de``.
        plans_preference: Plans in the order of preference.
        iam_url: Where tokens are issued, where the environment says so.
        is_default: Whether the file marks it as the default of its channel.
        resubmit: ``auto`` where a submission whose reply was lost may be sent again once its job
            was looked for long enough; ``never`` otherwise.
    """

    name: str
    token: str = field(repr=False)
    url: str = DEFAULT_URL
    instance: str | None = None
    channel: str = DEFAULT_CHANNEL
    verify: bool = True
    private_endpoint: bool = False
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    region: str | None = None
    plans_preference: tuple[str, ...] = ()
    iam_url: str | None = None
    is_default: bool = False
    resubmit: str = "never"

    @property
    def is_local(self) -> bool:
        """Whether this is the built-in account of the local runtime."""
        return self.name == LOCAL_ACCOUNT


def resolve_account(
    settings: Settings,
    name: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Account:
    """Find the account to use: the one named, or by precedence.

    A name, ``QRSESSION_ACCOUNT``, ``QISKIT_IBM_TOKEN``, the default account of the file, and last
    the built-in ``local``, which on a CI machine must have been asked for: a missing secret must
    not turn into a green run on a simulator.

    Raises:
        AccountNotFoundError: No account of that name is saved.
        NoAccountError: None is set up, on a CI machine.
        InvalidValueError: The environment names an unknown channel.
        StorageError: The file cannot be read, or is damaged.
    """
    name = name or settings.account
    if name == LOCAL_ACCOUNT:
        return local_account()
    if name and name != ENVIRONMENT:
        accounts = read_accounts(settings.accounts_file)
        if name not in accounts:
            saved = ", ".join(sorted(accounts)) or "none"
            raise AccountNotFoundError(
                f"There is no account {name!r} in {settings.accounts_file} (saved: {saved})."
            )
        return _with_iam_url(accounts[name], environ)
    if environ.get("QISKIT_IBM_TOKEN"):
        return _environment_account(environ)
    if name == ENVIRONMENT:
        raise AccountNotFoundError("QISKIT_IBM_TOKEN is not set.")
    saved_account = _default_account(settings.accounts_file, environ)
    if saved_account:
        return _with_iam_url(saved_account, environ)
    if settings.in_ci:
        raise NoAccountError(
            "No account is set up, and on a CI machine the local runtime is not assumed.",
            advice=_HOW_TO_RUN_LOCALLY,
        )
    return local_account()


def local_account() -> Account:
    """Return the account of the local runtime; its key and port are known once it is up."""
    return Account(name=LOCAL_ACCOUNT, token="", url="")


def read_accounts(path: Path) -> dict[str, Account]:
    """Read all accounts of a file; a file that does not exist has none.

    Raises:
        StorageError: The file cannot be read, or is damaged.
    """
    try:
        document = as_object(json.loads(path.read_text(encoding="utf-8")), "The file")
        return {
            name: _read_account(name, as_object(record, f"The account {name!r}"))
            for name, record in document.items()
            # The retired platform's accounts stay in the file, and lead nowhere.
            if not isinstance(record, dict) or record.get("channel") != "ibm_quantum"
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError, WireFormatError) as error:
        raise StorageError(
            f"The accounts in {path} cannot be read: {error}",
            advice="Mend the file or move it away; qiskit-ibm-runtime's save_account writes it.",
        ) from error


def _read_account(name: str, record: dict[str, Any]) -> Account:
    proxies = as_object(record.get("proxies") or {}, "The field 'proxies'")
    verify = optional(record, "verify", bool)
    return Account(
        name=name,
        token=optional(record, "token", str) or "",
        url=optional(record, "url", str) or DEFAULT_URL,
        instance=optional(record, "instance", str),
        channel=optional(record, "channel", str) or DEFAULT_CHANNEL,
        verify=True if verify is None else verify,
        private_endpoint=optional(record, "private_endpoint", bool) or False,
        proxies=dict(as_object(proxies.get("urls") or {}, "The field 'proxies.urls'")),
        region=optional(record, "region", str),
        plans_preference=strings(record, "plans_preference"),
        is_default=optional(record, "is_default_account", bool) or False,
    )


def _default_account(path: Path, environ: Mapping[str, str]) -> Account | None:
    # Under these two names the built-in accounts are meant.
    accounts = {
        name: account
        for name, account in read_accounts(path).items()
        if name not in {LOCAL_ACCOUNT, ENVIRONMENT}
    }
    channel = environ.get("QISKIT_IBM_CHANNEL") or DEFAULT_CHANNEL
    of_channel = [account for account in accounts.values() if account.channel == channel]
    candidates = [account for account in of_channel if account.is_default]
    candidates += [accounts[name] for name in _DEFAULT_NAMES if name in accounts]
    candidates += of_channel
    candidates += accounts.values()
    return candidates[0] if candidates else None


def _environment_account(environ: Mapping[str, str]) -> Account:
    channel = environ.get("QISKIT_IBM_CHANNEL") or DEFAULT_CHANNEL
    if channel not in CHANNELS:
        raise InvalidValueError(
            f"QISKIT_IBM_CHANNEL is {channel!r}; it must be {' or '.join(CHANNELS)}."
        )
    return Account(
        name=ENVIRONMENT,
        token=environ["QISKIT_IBM_TOKEN"],
        url=environ.get("QISKIT_IBM_URL") or DEFAULT_URL,
        instance=environ.get("QISKIT_IBM_INSTANCE") or None,
        channel=channel,
        iam_url=environ.get("IAM_URL") or None,
    )


def _with_iam_url(account: Account, environ: Mapping[str, str]) -> Account:
    """Take ``IAM_URL`` for accounts elsewhere than IBM's cloud: a key goes to no other host."""
    iam_url = environ.get("IAM_URL")
    if not iam_url or is_ibm_cloud(account.url):
        return account
    return replace(account, iam_url=iam_url)


def is_ibm_cloud(url: str) -> bool:
    """Whether a URL's host is ``cloud.ibm.com`` or below it, over https."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    host = (parts.hostname or "").lower()
    return parts.scheme == "https" and (host == "cloud.ibm.com" or host.endswith(".cloud.ibm.com"))
