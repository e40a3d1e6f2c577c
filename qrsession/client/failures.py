"""What requests raises, read: whether anything was sent, and what the cause was."""

import ssl

import requests


def was_never_sent(error: requests.RequestException) -> bool:
    """Whether requests failed before a byte of the request could leave."""
    from urllib3.exceptions import (  # noqa: PLC0415 - only where something failed
        ConnectTimeoutError,
        MaxRetryError,
        NameResolutionError,
        NewConnectionError,
        ProxyError,
    )

    before = (ConnectTimeoutError, NewConnectionError, NameResolutionError, ProxyError)
    cause = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    if isinstance(error, requests.exceptions.SSLError):
        return isinstance(_innermost(error), ssl.SSLCertVerificationError)
    # requests holds a URL and headers against their form, and raises errors that are ValueErrors.
    return isinstance(error, requests.ConnectTimeout | ValueError) or isinstance(cause, before)


def _innermost(error: BaseException) -> BaseException:
    while isinstance(inner := error.__cause__ or error.__context__, Exception):
        error = inner
    return error


def cause_of(error: requests.RequestException) -> str:
    """Name the innermost cause, without addresses of objects and without the URL's query."""
    cause = _innermost(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message})"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return "timed out" if isinstance(error, requests.Timeout) else type(cause).__name__
