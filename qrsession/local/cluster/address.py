"""The address of a Dask scheduler, as users name it. Standard library only."""

from importlib.util import find_spec
from urllib.parse import urlsplit

from qrsession.errors import InvalidValueError, UsageError

# Dask calls its plain protocol tcp, and speaks TLS under that name.
_PROTOCOLS = {"dask": "tcp", "tls": "tls"}
_FORM = "Use dask://HOST:PORT, or tls://HOST:PORT for a scheduler that is secured by TLS."


def scheduler_address(engine: str) -> str:
    """Return the address of a scheduler as Dask writes it: ``tcp://`` or ``tls://``, host, port.

    Args:
        engine: ``dask://HOST:PORT``, or ``tls://HOST:PORT``, whose certificates are those of
            Dask's own configuration.

    Raises:
        InvalidValueError: It is neither.
    """
    try:
        parts = urlsplit(engine)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    is_bare = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
    # `urlsplit` drops line breaks, so they are looked for in what was given.
    is_plain = engine.isascii() and engine.isprintable() and " " not in engine
    if not (host and port and is_bare and is_plain) or parts.scheme not in _PROTOCOLS:
        # Before the @ there may be a password.
        shown = engine.rpartition("@")[2]
        raise InvalidValueError(f"{shown!r} is not the address of a Dask scheduler.", advice=_FORM)
    where = f"[{host}]" if ":" in host else host
    return f"{_PROTOCOLS[parts.scheme]}://{where}:{port}"


def check_engine(engine: str) -> None:
    """Make sure that an engine can be asked for here; nobody is asked over the network.

    Raises:
        InvalidValueError: It is not the address of a scheduler.
        UsageError: Dask is not installed.
    """
    scheduler_address(engine)
    if find_spec("distributed") is None:
        raise UsageError(
            "Lanes on a Dask cluster need Dask, which is not installed.",
            advice="Install it with the extra: pip install 'qrsession[dask]'",
        )
