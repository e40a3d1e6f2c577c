"""Accounts: saved ones, the environment's, and the built-in ``local``; and which one is taken.

The file is the one of qiskit-ibm-runtime, ``~/.qiskit/qiskit-ibm.json``, and so are the variables
``QISKIT_IBM_TOKEN``, ``_CHANNEL``, ``_INSTANCE`` and ``_URL``. Which account is taken when none is
named is the row "account" of the first table in docs/reference/README.md.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from qrsession.accounts.api_key import parse_key
from qrsession.accounts.file import AccountFile
from qrsession.diagnostics import Log
from qrsession.errors import (
    AccountNotFoundError,
    InvalidValueError,
    NoAccountError,
    StorageError,
    WireFormatError,
)
from qrsession.protocol.fields import as_object, optional, strings
from qrsession.settings import ACCOUNT_VARIABLE, LOCAL_ACCOUNT, Settings
from qrsession.state.ledger import Warn, log_warning

ENVIRONMENT = "environment"
RESERVED_NAMES = frozenset({LOCAL_ACCOUNT, ENVIRONMENT})
TOKEN_VARIABLE = "QISKIT_IBM_TOKEN"  # noqa: S105 - the name of a variable
CHANNEL_VARIABLE = "QISKIT_IBM_CHANNEL"
DEFAULT_URL = "https://cloud.ibm.com"
DEFAULT_CHANNEL = "ibm_quantum_platform"
CHANNELS = (DEFAULT_CHANNEL, "ibm_cloud")
# Its accounts stay in the file, and lead nowhere.
RETIRED_CHANNEL = "ibm_quantum"
# Names under which qiskit-ibm-runtime saves an account that was given none, by channel.
DEFAULT_NAMES = {DEFAULT_CHANNEL: "default-ibm-quantum-platform", "ibm_cloud": "default-ibm-cloud"}
# What only qrsession knows of an account stands in an object of this name.
OWN_KEY = "qrsession"
RESUBMIT_KEY = "resubmit"
log = Log("account")

_NTLM_KEYS = ("username_ntlm", "password_ntlm")
_HOW_TO_RUN_LOCALLY = (
    "Add --local (in Python: QRSESSION_ACCOUNT=local) for the local runtime, "
    "or set QISKIT_IBM_TOKEN."
)


class Resubmit(StrEnum):
    """Whether a job is sent again where the reply was lost and no job was found for long."""

    NEVER = "never"
    AUTO = "auto"


class Rule(StrEnum):
    """Why an account was taken."""

    OPTION = "option"
    VARIABLE = ACCOUNT_VARIABLE
    TOKEN = TOKEN_VARIABLE
    DEFAULT = "default"
    FALL_BACK = "fall_back"


@dataclass(frozen=True)
class Account:
    """Who asks, and whom. The token, and what proxies are given, never show in a repr.

    Attributes:
        name: Its name in the file; ``environment`` or ``local`` where it is not from there.
        token: The API key.
        url: The root URL of the cloud, or the base of an API elsewhere.
        instance: The CRN, or the name, of the service instance; ``auto`` as for None.
        channel: ``ibm_quantum_platform`` or ``ibm_cloud``.
        verify: Whether TLS certificates are checked.
        private_endpoint: Whether the cloud's private endpoints are used.
        proxies: URLs of proxies by scheme, or by scheme and host.
        needs_ntlm: Whether the proxies want a sign-on by NTLM, which is not spoken here.
        region: Where instances are looked for, ``us-east`` or ``eu-de``.
        plans_preference: Plans in the order of preference.
        tags: Tags that an instance must have to be taken.
        resubmit: ``auto`` or ``never``: see `Resubmit`.
        iam_url: Where tokens are issued, where the environment says so.
        is_default: Whether the file marks it as the default.
    """

    name: str
    token: str = field(repr=False)
    url: str = DEFAULT_URL
    instance: str | None = None
    channel: str = DEFAULT_CHANNEL
    verify: bool = True
    private_endpoint: bool = False
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    needs_ntlm: bool = False
    region: str | None = None
    plans_preference: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    resubmit: str = Resubmit.NEVER
    iam_url: str | None = None
    is_default: bool = False

    @property
    def is_local(self) -> bool:
        """Whether this is the built-in account of the local runtime."""
        return self.name == LOCAL_ACCOUNT

    @classmethod
    def from_record(cls, name: str, record: Any) -> "Account":
        """Read an account of the file. Unknown keys are ignored.

        Raises:
            WireFormatError: A key is of another type.
        """
        fields = as_object(record, f"The account {name!r}")
        proxies = as_object(fields.get("proxies") or {}, "The field 'proxies'")
        urls = as_object(proxies.get("urls") or {}, "The field 'proxies.urls'")
        verify = optional(fields, "verify", bool)
        own = fields.get(OWN_KEY)
        wishes_auto = isinstance(own, dict) and own.get(RESUBMIT_KEY) == Resubmit.AUTO
        return cls(
            name=name,
            token=optional(fields, "token", str) or "",
            url=optional(fields, "url", str) or DEFAULT_URL,
            instance=optional(fields, "instance", str),
            channel=optional(fields, "channel", str) or DEFAULT_CHANNEL,
            verify=True if verify is None else verify,
            private_endpoint=optional(fields, "private_endpoint", bool) or False,
            proxies={scheme: optional(urls, scheme, str) or "" for scheme in urls},
            needs_ntlm=any(proxies.get(key) for key in _NTLM_KEYS),
            region=optional(fields, "region", str),
            plans_preference=strings(fields, "plans_preference"),
            tags=strings(fields, "tags"),
            # Whatever else stands there, nothing is sent twice for it.
            resubmit=Resubmit.AUTO if wishes_auto else Resubmit.NEVER,
            is_default=optional(fields, "is_default_account", bool) or False,
        )

    def to_record(self) -> dict[str, Any]:
        """Write an account as IBM's client writes it: without what has no value, or the usual."""
        record: dict[str, Any] = {
            "channel": self.channel,
            "token": self.token,
            "url": self.url,
            "private_endpoint": self.private_endpoint,
            "instance": self.instance,
            "verify": None if self.verify else False,
            "proxies": {"urls": dict(self.proxies)} if self.proxies else None,
            "region": self.region,
            "plans_preference": list(self.plans_preference) or None,
            "tags": list(self.tags) or None,
            OWN_KEY: {RESUBMIT_KEY: "auto"} if self.resubmit == Resubmit.AUTO else None,
        }
        return {key: value for key, value in record.items() if value is not None}


@dataclass(frozen=True)
class Choice:
    """The account that is used, and the rule by which it was chosen."""

    account: Account
    rule: Rule


def resolve_account(
    settings: Settings,
    name: str | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    warn: Warn = log_warning,
) -> Account:
    """Find the account to use: the one named, or by precedence. See `choose_account`."""
    choice = choose_account(settings, name, environ, warn=warn)
    log.note("%s, %s", choice.account.name, reason_of(choice.rule))
    return choice.account


def choose_account(
    settings: Settings,
    name: str | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    warn: Warn = log_warning,
) -> Choice:
    """Find the account to use, and say by which rule: the one named, or by precedence.

    A name, ``QRSESSION_ACCOUNT``, ``QISKIT_IBM_TOKEN``, the default account of the file, and last
    the built-in ``local``, which on a CI machine must have been asked for: a missing secret must
    not turn into a green run on a simulator.

    Args:
        settings: Where files live, and what ``QRSESSION_ACCOUNT`` names.
        name: The account that the user named, if any.
        environ: The variables of the environment.
        warn: Takes a sentence about the file that the user should know.

    Raises:
        AccountNotFoundError: No account of that name is saved.
        NoAccountError: None is set up, on a CI machine.
        InvalidValueError: The environment names an unknown channel, or its key cannot be one.
        StorageError: The file cannot be read, or is damaged.
    """
    rule = Rule.OPTION if name else Rule.VARIABLE
    name = name or settings.account
    if name == LOCAL_ACCOUNT:
        return Choice(local_account(), rule)
    if name and name != ENVIRONMENT:
        return Choice(_with_iam_url(_named(settings.accounts_file, name, warn), environ), rule)
    if environ.get(TOKEN_VARIABLE):
        return Choice(_environment_account(environ), rule if name else Rule.TOKEN)
    if name == ENVIRONMENT:
        raise AccountNotFoundError(f"{TOKEN_VARIABLE} is not set.")
    saved = default_account(read_accounts(settings.accounts_file, warn=warn), environ)
    if saved:
        return Choice(_with_iam_url(saved, environ), Rule.DEFAULT)
    if settings.in_ci:
        raise NoAccountError(
            "No account is set up, and on a CI machine the local runtime is not assumed.",
            advice=_HOW_TO_RUN_LOCALLY,
        )
    return Choice(local_account(), Rule.FALL_BACK)


def reason_of(rule: Rule) -> str:
    """Return the words for why an account was taken."""
    return {
        Rule.OPTION: "named here, or by the session",
        Rule.VARIABLE: f"which {ACCOUNT_VARIABLE} names",
        Rule.TOKEN: f"from {TOKEN_VARIABLE}",
        Rule.DEFAULT: "the default of the saved ones",
        Rule.FALL_BACK: "since none is set up",
    }[rule]


def local_account() -> Account:
    """Return the account of the local runtime; its key and port are known once it is up."""
    return Account(name=LOCAL_ACCOUNT, token="", url="")


def read_accounts(path: Path, *, warn: Warn = log_warning) -> dict[str, Account]:
    """Read all accounts of a file, save retired ones; a file that does not exist has none.

    Raises:
        StorageError: The file cannot be read, or is damaged.
    """
    document = AccountFile(path, warn=warn).read()
    try:
        return {
            name: Account.from_record(name, record)
            for name, record in document.items()
            if not is_retired(record)
        }
    except WireFormatError as error:
        raise StorageError(
            f"The accounts in {path} cannot be read: {error}",
            advice="Mend the file, or save the account anew: qrsession account save --overwrite",
        ) from error


def is_retired(record: Any) -> bool:
    """Whether an account of the file belongs to the platform that was shut down in 2025."""
    return isinstance(record, dict) and record.get("channel") == RETIRED_CHANNEL


def default_account(
    accounts: Mapping[str, Account], environ: Mapping[str, str] = os.environ
) -> Account | None:
    """Return the account that is taken where none is named, None where there is none.

    It is the one that qiskit-ibm-runtime 0.51 takes: one that is marked, in the order of the file
    and whatever its channel; of the environment's channel, or of the usual one, the one with the
    usual name, or else the last; any account with a usual name. Where that client gives up, it is
    the first account.
    """
    # Under these names the built-in accounts are meant.
    usable = [account for account in accounts.values() if account.name not in RESERVED_NAMES]
    channel = environ.get(CHANNEL_VARIABLE) or DEFAULT_CHANNEL
    of_channel = [account for account in usable if account.channel == channel]
    usual_name = DEFAULT_NAMES.get(channel, DEFAULT_NAMES[DEFAULT_CHANNEL])
    candidates = [
        *(account for account in usable if account.is_default),
        *(account for account in of_channel if account.name == usual_name),
        *reversed(of_channel),
        *(accounts[name] for name in DEFAULT_NAMES.values() if name in accounts),
        *usable,
    ]
    return candidates[0] if candidates else None


def _named(path: Path, name: str, warn: Warn) -> Account:
    accounts = read_accounts(path, warn=warn)
    if name not in accounts:
        raise unknown_account(name, path, accounts)
    return accounts[name]


def unknown_account(name: str, path: Path, saved: Iterable[str]) -> AccountNotFoundError:
    """Return the error for an account that is not in the file."""
    known = ", ".join(sorted(saved)) or "none"
    return AccountNotFoundError(f"There is no account {name!r} in {path} (saved: {known}).")


def _environment_account(environ: Mapping[str, str]) -> Account:
    channel = environ.get(CHANNEL_VARIABLE) or DEFAULT_CHANNEL
    if channel not in CHANNELS:
        raise InvalidValueError(
            f"{CHANNEL_VARIABLE} is {channel!r}; it must be {' or '.join(CHANNELS)}."
        )
    return Account(
        name=ENVIRONMENT,
        token=parse_key(environ[TOKEN_VARIABLE], TOKEN_VARIABLE),
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
