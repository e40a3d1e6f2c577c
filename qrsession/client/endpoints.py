"""From an account to URLs: where its API is, and where its tokens come from. Pure.

Source: ``default_runtime_url_resolver`` of qiskit-ibm-runtime 0.51, with two differences that keep
a key at home: a host must be IBM's by name, and any other URL is used as it stands.
"""

import re
from contextlib import suppress
from urllib.parse import urlsplit

from qrsession.accounts.account import Account, is_ibm_cloud
from qrsession.client.transport import Endpoint, is_loopback
from qrsession.errors import InvalidValueError
from qrsession.protocol.routes import API_PREFIX, TOKEN_PATH

_GLOBAL_REGION = "us-east"
_RUNTIME_LABEL = "quantum"
_EXPERIMENTAL = "experimental"
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CRN_CNAME = 2
_CRN_REGION = 5
_CRN_ACCOUNT = 6
_CRN_SEGMENTS = 8


def endpoint_of(account: Account) -> Endpoint:
    """Return where an account's API is.

    Raises:
        InvalidValueError: The URL is not one, or would carry a key in the clear beyond loopback;
            the instance is nothing that a header can carry; or a proxy wants NTLM.
    """
    if account.instance and not (account.instance.isascii() and account.instance.isprintable()):
        raise InvalidValueError(f"{account.instance!r} is not the CRN of an instance.")
    base_url = _api_base(account)
    if account.needs_ntlm and not is_loopback(base_url):
        raise InvalidValueError(
            f"The proxies of the account {account.name!r} want a sign-on by NTLM, "
            "which qrsession does not speak.",
            advice="Run a proxy on this machine that does, such as cntlm or px, and save the "
            "account anew with --overwrite --proxy http://127.0.0.1:PORT.",
        )
    return Endpoint(
        base_url=base_url,
        instance=account.instance,
        proxies=account.proxies or None,
        verify=account.verify,
    )


def token_url_of(account: Account) -> str:
    """Return the URL that issues an account's tokens."""
    if account.iam_url:
        base = _checked(account.iam_url).rstrip("/").removesuffix(TOKEN_PATH)
    elif is_ibm_cloud(account.url):
        private = "private." if account.private_endpoint else ""
        staging = "test." if _segment(account.instance, _CRN_CNAME) == "staging" else ""
        base = f"https://{private}iam.{staging}cloud.ibm.com"
    else:
        parts = urlsplit(_checked(account.url))
        base = f"{parts.scheme}://{parts.netloc}"
    return base + TOKEN_PATH


def account_id_of(crn: str | None) -> str | None:
    """Return the id of the cloud account that a CRN names, None where it is no CRN."""
    scope = _segment(crn, _CRN_ACCOUNT)
    return scope.removeprefix("a/") if scope else None


def _api_base(account: Account) -> str:
    url = _checked(account.url)
    parts = urlsplit(url)
    if not is_ibm_cloud(url):
        return url.rstrip("/") + ("" if parts.path.strip("/") else API_PREFIX)
    if _EXPERIMENTAL in url:
        # A cluster of IBM's own, which its client takes at its word.
        return url.rstrip("/")
    if _RUNTIME_LABEL in str(parts.hostname).split("."):
        has_path = bool(parts.path.strip("/"))
        return url.rstrip("/") if has_path else f"https://{parts.hostname}{API_PREFIX}"
    region = _segment(account.instance, _CRN_REGION) or account.region or _GLOBAL_REGION
    if not _REGION.fullmatch(region):
        # It becomes part of the host that gets the token.
        raise InvalidValueError(f"{region!r} is not the name of a region.")
    if account.private_endpoint:
        prefix = f"private.{region}."
    else:
        prefix = "" if region == _GLOBAL_REGION else f"{region}."
    return f"https://{prefix}{_RUNTIME_LABEL}.{parts.hostname}{API_PREFIX}"


def _checked(url: str) -> str:
    scheme = _scheme_of(url)
    if scheme == "http" and not is_loopback(url):
        raise InvalidValueError(
            f"{url!r} would send the key in the clear.",
            advice="Use https; plain http is taken for this machine alone.",
        )
    return url


def _scheme_of(url: str) -> str:
    # A name before the host hides which host it is, and a password there would be shown.
    if "@" in url or "\\" in url:
        raise InvalidValueError("A URL must have no user name before its host, and no backslash.")
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return parts.scheme
    raise InvalidValueError(f"{url!r} is not a URL of http or https.")


def _segment(crn: str | None, index: int) -> str | None:
    if not crn or not crn.startswith("crn:"):
        return None
    segments = crn.split(":")
    return segments[index] if len(segments) >= _CRN_SEGMENTS else None
