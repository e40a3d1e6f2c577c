"""The variables by which scripts of IBM's own client use the local runtime, unchanged.

The client takes its account of ``QISKIT_IBM_*`` before it looks into the file of accounts. With
``QISKIT_FUNCTIONS_EXPERIMENTAL`` it asks no directory for instances, and a URL that has the word
``experimental`` in it is used as it stands. Source: qiskit-ibm-runtime 0.51, its accounts and the
resolver of its URLs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from qrsession.settings import Settings

_KEY_NAME = "QISKIT_IBM_TOKEN"
_NAMES = (
    "QISKIT_IBM_CHANNEL",
    _KEY_NAME,
    "QISKIT_IBM_INSTANCE",
    "QISKIT_IBM_URL",
    "IAM_URL",
    "QISKIT_FUNCTIONS_EXPERIMENTAL",
)
# Programs that know both look at the second first, and then not at the other.
_PROXY_NAMES = ("NO_PROXY", "no_proxy")
_LOOPBACK = "127.0.0.1"
_EVERYTHING = "*"


@dataclass(frozen=True)
class ClientVariables:
    """What a shell needs.

    Attributes:
        variables: The variables by name; one of them holds a key.
        replaced: Those of them, hosts without a proxy apart, that have another value now.
        url: Where the runtime is.
        kept_until: Until when it stays up, though nobody uses it.
    """

    variables: Mapping[str, str]
    replaced: tuple[str, ...]
    url: str
    kept_until: datetime

    @property
    def key(self) -> str:
        """The key that one of the variables holds."""
        return self.variables[_KEY_NAME]

    def __repr__(self) -> str:
        """Name the variables alone."""
        return f"ClientVariables({', '.join(self.variables)})"


def client_variables(settings: Settings, environ: Mapping[str, str]) -> ClientVariables:
    """Have the local runtime up for twelve hours, and say how IBM's client finds it.

    Args:
        settings: Where the runtime's home is.
        environ: The environment that the variables are for: its list of hosts that are asked
            without a proxy is kept.

    Raises:
        LocalRuntimeError: The runtime cannot be started.
        StorageError: A folder or file of its home cannot be used.
    """
    # Imported here: who only removes the variables needs no runtime.
    from qrsession.local.process import daemon  # noqa: PLC0415

    address, until_epoch_s = daemon.ensure_kept(settings)
    variables = variables_of(address.url, daemon.secret_of(settings), environ)
    replaced = tuple(name for name in _NAMES if environ.get(name, "") not in {"", variables[name]})
    return ClientVariables(
        variables=variables,
        replaced=replaced,
        url=address.url,
        kept_until=datetime.fromtimestamp(until_epoch_s, UTC),
    )


def variables_of(url: str, key: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a local runtime, by name.

    Args:
        url: Where it serves.
        key: Its API key.
        environ: The environment that they are for.
    """
    from qrsession.local.account.identity import LOCAL_CRN  # noqa: PLC0415 - as above

    values = ("ibm_quantum_platform", key, LOCAL_CRN, api_url(url), url, "1")
    return {**dict(zip(_NAMES, values, strict=True)), **_without_proxy(environ)}


def api_url(url: str) -> str:
    """Return the base of the API of a local runtime that IBM's client takes as it stands."""
    from qrsession.protocol.routes import API_PREFIX  # noqa: PLC0415 - as above

    return f"{url}/experimental{API_PREFIX}"


def variables_to_remove(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Name the variables to remove, so that IBM's client goes to IBM again.

    A list of hosts that are asked without a proxy stays where it names others than the runtime.
    """
    ours_alone = [name for name in _PROXY_NAMES if environ.get(name) == _LOOPBACK]
    return (*_NAMES, *ours_alone)


def _without_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Add this machine to the hosts that are asked without a proxy, by both names."""
    upper, lower = (environ.get(name, "").strip() for name in _PROXY_NAMES)
    kept = dict(zip(_PROXY_NAMES, (upper or lower, lower or upper), strict=True))
    return {name: _with_loopback(hosts) for name, hosts in kept.items()}


def _with_loopback(hosts: str) -> str:
    named = [host.strip() for host in hosts.split(",")]
    if _EVERYTHING in named or _LOOPBACK in named:
        return hosts
    return ",".join([*filter(None, named), _LOOPBACK])
