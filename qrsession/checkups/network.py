"""What stands between here and the service: proxies, certificates. Nobody is asked."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from qrsession.accounts.account import Account
from qrsession.accounts.reports import without_sign_on
from qrsession.checkups.findings import Finding, failed, ok, warning
from qrsession.checkups.surroundings import Surroundings
from qrsession.errors import InvalidValueError, ServiceUnavailableError

_PROXY = "proxy"
_TLS = "tls"
# What requests and urllib3 read, in this order.
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_KEY_LOG = "SSLKEYLOGFILE"


def check_proxy(around: Surroundings, account: Account | None) -> Iterator[Finding]:
    """Say by which proxy requests go, and whether they can."""
    if account is None or account.is_local or _is_here(account):
        yield ok(_PROXY, "None: what stays on this machine takes none.")
        return
    if account.needs_ntlm:
        yield failed(
            _PROXY,
            "The account's proxies want a sign-on by NTLM, which is not spoken here.",
            "Run a proxy on this machine that does, such as cntlm or px, and save the account "
            "with --overwrite --proxy http://127.0.0.1:PORT.",
            InvalidValueError,
        )
        return
    proxy, source = _proxy_of(account)
    if proxy is None:
        yield ok(_PROXY, "None is set.")
        return
    shown = without_sign_on(proxy)
    if proxy.lower().startswith("socks") and around.release_of("PySocks") is None:
        yield failed(
            _PROXY,
            f"{shown}, from {source}, is of SOCKS, which needs another package.",
            "Install it: pip install 'requests[socks]'",
            ServiceUnavailableError,
        )
        return
    yield ok(_PROXY, f"{shown}, from {source}.")


def check_tls(around: Surroundings, account: Account | None) -> Iterator[Finding]:
    """Say whether certificates are checked, and by which authorities."""
    if account is None or account.is_local or urlsplit(account.url).scheme == "http":
        yield ok(_TLS, "Not needed: what is asked is on this machine.")
        return
    key_log = around.environ.get(_KEY_LOG)
    if key_log:
        yield warning(
            _TLS,
            f"{_KEY_LOG} is set: who reads that file can read all that is sent.",
            f"Unset {_KEY_LOG}, unless you are looking at the traffic yourself.",
        )
    if not account.verify:
        yield warning(
            _TLS,
            "Certificates are not checked, so anybody on the way can read the key.",
            "Save the account anew without --no-verify.",
        )
        return
    name = next((name for name in _BUNDLES if around.environ.get(name)), None)
    if name is None:
        yield ok(_TLS, "Certificates are checked.")
        return
    bundle = around.environ[name]
    if not Path(bundle).exists():
        yield failed(
            _TLS,
            f"{name} names {bundle}, which is not there: no certificate can be checked.",
            f"Unset {name}, or let it name a file of certificates.",
            ServiceUnavailableError,
        )
    else:
        yield ok(_TLS, f"Certificates are checked, by the authorities in {bundle} ({name}).")


def _is_here(account: Account) -> bool:
    from qrsession.client.transport import is_loopback  # noqa: PLC0415 - loads the HTTP client

    return is_loopback(account.url)


def _proxy_of(account: Account) -> tuple[str | None, str]:
    """Return the proxy that counts, and where it is from, as requests finds it."""
    from requests.utils import get_environ_proxies, select_proxy

    url = account.url
    own = select_proxy(url, dict(account.proxies))
    if own is not None:
        return own, "the account"
    return select_proxy(url, get_environ_proxies(url)), "the environment"
