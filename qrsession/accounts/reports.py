"""Accounts as they are reported: in envelopes and on screens. Nothing of a key is in them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from qrsession.accounts.account import ENVIRONMENT, Account, Choice, Rule

_NOT_SHOWN = "***"


class Source(StrEnum):
    """Where an account is from."""

    FILE = "file"
    ENVIRONMENT = "environment"
    BUILT_IN = "built_in"


@dataclass(frozen=True)
class AccountReport:
    """What is told of an account.

    Attributes:
        name: Its name.
        source: ``file``, ``environment`` or ``built_in``.
        channel: ``ibm_quantum_platform`` or ``ibm_cloud``, None for the local runtime.
        url: The root URL of the cloud, or the base of an API elsewhere; None for the local runtime.
        instance: The CRN, or the name, of its instance; ``auto`` or None: any.
        region: Where instances are looked for.
        plans_preference: Plans in the order of preference.
        tags: Tags that an instance must have.
        private_endpoint: Whether the cloud's private endpoints are used.
        verify: Whether TLS certificates are checked.
        proxies: Proxies by scheme, without what signs on to them.
        needs_ntlm: Whether the proxies want NTLM.
        resubmit: ``auto`` or ``never``.
        has_key: Whether there is a key; the local runtime needs none.
        is_default: Whether the file marks it as the default.
        is_in_use: Whether it is taken now where none is named.
        chosen_by: The rule that took it: ``option``, ``QRSESSION_ACCOUNT``, ``QISKIT_IBM_TOKEN``,
            ``default`` or ``fall_back``; None where it was not.
    """

    name: str
    source: Source
    channel: str | None
    url: str | None
    instance: str | None
    region: str | None
    plans_preference: tuple[str, ...]
    tags: tuple[str, ...]
    private_endpoint: bool
    verify: bool
    proxies: Mapping[str, str]
    needs_ntlm: bool
    resubmit: str
    has_key: bool
    is_default: bool
    is_in_use: bool
    chosen_by: Rule | None

    @classmethod
    def of(cls, account: Account, used: Choice | None, chosen_by: Rule | None) -> "AccountReport":
        """Report on an account, where ``used`` is the one that is taken when none is named."""
        is_in_use = used is not None and used.account.name == account.name
        return cls(
            name=account.name,
            source=_source_of(account),
            channel=None if account.is_local else account.channel,
            url=without_sign_on(account.url) if account.url else None,
            instance=account.instance,
            region=account.region,
            plans_preference=account.plans_preference,
            tags=account.tags,
            private_endpoint=account.private_endpoint,
            verify=account.verify,
            proxies={scheme: without_sign_on(url) for scheme, url in account.proxies.items()},
            needs_ntlm=account.needs_ntlm,
            resubmit=str(account.resubmit),
            has_key=bool(account.token),
            is_default=account.is_default,
            is_in_use=is_in_use,
            chosen_by=chosen_by,
        )

    def document(self) -> dict[str, Any]:
        """Return it for an envelope."""
        return asdict(self)


def _source_of(account: Account) -> Source:
    if account.is_local:
        return Source.BUILT_IN
    return Source.ENVIRONMENT if account.name == ENVIRONMENT else Source.FILE


def without_sign_on(url: str) -> str:
    """Return a URL without the user and password that it may have before its host.

    ``https://me:secret@proxy:8080`` becomes ``https://***@proxy:8080``.
    """
    try:
        parts = urlsplit(url)
        # `geturl` leaves out what is empty; and where a name stands, not even that is shown.
        _, is_signed, host = parts.netloc.rpartition("@")
        if is_signed:
            return parts._replace(netloc=f"{_NOT_SHOWN}@{host}").geturl()
    except ValueError:
        return _NOT_SHOWN
    # Without "//" there is no host to speak of: what stands there may be anything.
    return _NOT_SHOWN if "@" in url else url
