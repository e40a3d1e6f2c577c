"""The way from an account to a client: where its API is, and who gives its tokens."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qrsession.accounts.account import Account
from qrsession.settings import Settings

if TYPE_CHECKING:
    from qrsession.client.iam import TokenSource
    from qrsession.client.rest import RestClient
    from qrsession.client.transport import Endpoint


def connect(account: Account, settings: Settings) -> "RestClient":
    """Return the client of an account's API; the local runtime is started where it is not up.

    Raises:
        LocalRuntimeError: It cannot be started.
        InvalidValueError: The account's URL is none that a key may be sent to.
    """
    # Imported here: the commands that stay on this machine need no HTTP client.
    from qrsession.client.rest import RestClient  # noqa: PLC0415
    from qrsession.client.transport import Transport  # noqa: PLC0415

    def locate() -> "tuple[Endpoint, TokenSource]":
        found = with_local_runtime(account, settings) if account.is_local else account
        return _endpoint_of(found), tokens_of(found, settings)

    # The local runtime ends when it is idle, and whoever needs it again starts it again.
    return RestClient(Transport(*locate(), relocate=locate if account.is_local else None))


def tokens_of(account: Account, settings: Settings) -> "TokenSource":
    """Return who gives an account's tokens."""
    from qrsession.client.endpoints import token_url_of  # noqa: PLC0415 - as above
    from qrsession.client.iam import TokenSource  # noqa: PLC0415 - as above

    # Where the API is makes no difference to how IAM is asked; a name is no CRN, and not sent.
    endpoint = _endpoint_of(replace(account, instance=None))
    return TokenSource(token_url_of(account), account.token, endpoint, _token_folder(settings))


def with_local_runtime(account: Account, settings: Settings) -> Account:
    """Fill in where the local runtime is, after it has proved that it is ours."""
    from qrsession.local.account.identity import LOCAL_CRN  # noqa: PLC0415
    from qrsession.local.process import daemon  # noqa: PLC0415 - for one account alone

    address = daemon.ensure(settings)
    return replace(account, url=address.url, token=daemon.secret_of(settings), instance=LOCAL_CRN)


def _endpoint_of(account: Account) -> "Endpoint":
    """Return where requests go; each connection to the local runtime is challenged first."""
    from qrsession.client.endpoints import endpoint_of  # noqa: PLC0415 - as above

    endpoint = endpoint_of(account)
    if not account.is_local:
        return endpoint
    from qrsession.local.process.daemon import proves_itself  # noqa: PLC0415 - for one account alone

    return replace(endpoint, prove=partial(proves_itself, secret=account.token))


def _token_folder(settings: Settings) -> Path:
    return settings.cache_dir / "tokens"
