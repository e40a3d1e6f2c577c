"""The local runtime as others see it: find it, start it, stop it, and be sure that it is ours.

Standard library only, since every command at the local runtime passes here. A runtime is believed
only after it has answered a challenge: an HMAC over a fresh nonce and the port, with the secret of
the home. So a stranger at the port never gets the secret, and cannot pass the challenge on to the
real runtime, which answers for its own port.
"""

import hashlib
import hmac
import json
import os
import socket
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qrsession.diagnostics import Log
from qrsession.errors import LocalRuntimeError, StorageError, UsageError
from qrsession.local.in_force import InForce
from qrsession.local.process.home import RuntimeFiles
from qrsession.local.process.keeping import keep_up, kept_for_s
from qrsession.settings import Settings
from qrsession.storage import (
    ensure_private_folder,
    locked,
    read_bytes,
    remove_file,
    write_atomically,
)

log = Log("runtime")

CHALLENGE_PATH = "/_qrsession/challenge"
DEFAULT_IDLE_TIMEOUT_S = 600.0
HOST = "127.0.0.1"

_SECRET_BYTES = 32
_NONCE_BYTES = 16
_LONGEST_REPLY_BYTES = 16_384
_CONNECT_LIMIT_S = 2.0
# A runtime that is busy with other requests still answers within this time.
_REPLY_LIMIT_S = 10.0
# A limit of zero would mean not to wait at all, and to fail in another way.
_SHORTEST_LIMIT_S = 0.001
_HIGHEST_PORT = 65_535
_PORT_DIGITS = 5


@dataclass(frozen=True)
class RuntimeAddress:
    """A local runtime that is up. ``log_file`` is where it writes what goes wrong.

    ``is_ideal`` tells whether its twins of devices run without the noise of these. ``in_force`` is
    under which conditions it serves.
    """

    port: int
    pid: int
    url: str
    version: str
    log_file: Path
    is_ideal: bool = False
    in_force: InForce = field(default_factory=InForce)


def proof(secret: str, nonce: str, port: int) -> str:
    """Return the answer to a challenge: HMAC-SHA256 over nonce and port, in hexadecimal."""
    return hmac.new(secret.encode(), f"{nonce}:{port}".encode(), hashlib.sha256).hexdigest()


def secret_of(settings: Settings) -> str:
    """Return the API key of a home's runtime. It is made once, even by two processes at once.

    Raises:
        StorageError: The file cannot be read or made, or is not ours.
    """
    files = RuntimeFiles.of(settings)
    files.check_parent()
    secret = _read_text(files.secret)
    if secret is None:
        ensure_private_folder(files.data_dir)
        with locked(files.secret):
            secret = _read_text(files.secret)
            if secret is None:
                secret = urlsafe_b64encode(os.urandom(_SECRET_BYTES)).decode().rstrip("=")
                write_atomically(files.secret, f"{secret}\n".encode())
    if len(secret) < _SECRET_BYTES:
        raise StorageError(
            f"The file {files.secret} does not hold a key.",
            advice="Stop the local runtime, remove the file and try again.",
        )
    return secret


def _read_text(file: Path) -> str | None:
    data = read_bytes(file)
    return None if data is None else data.decode("utf-8", "replace").strip()


def find(settings: Settings) -> RuntimeAddress | None:
    """Return the home's runtime if it is up and proves that it is the home's.

    Raises:
        StorageError: A file of the home is not ours.
    """
    if os.name != "posix":
        return None
    files = RuntimeFiles.of(settings)
    address = _read_address(files)
    if address is None:
        return None
    secret = _read_text(files.secret)
    if secret is None:
        return None
    try:
        where = (HOST, address.port)
        with socket.create_connection(where, timeout=_CONNECT_LIMIT_S) as connection:
            return address if proves_itself(connection, address.port, secret=secret) else None
    except OSError:
        return None


def silent_process(settings: Settings) -> int | None:
    """Return the process that the home's files name as its runtime, if it lives; see `find`.

    Where `find` gives none, it does not answer; or another program has its number by now.
    """
    address = _read_address(RuntimeFiles.of(settings))
    if address is None:
        return None
    try:
        os.kill(address.pid, 0)
    except (ProcessLookupError, PermissionError, OverflowError):
        # Another user's process is no runtime of ours.
        return None
    return address.pid


def proves_itself(connection: socket.socket, port: int, *, secret: str) -> bool:
    """Challenge who listens at the other end of a connection, and say whether it knows the secret.

    The connection can be used afterwards where the answer is yes.
    """
    nonce = os.urandom(_NONCE_BYTES).hex()
    before_s = connection.gettimeout()
    try:
        answer = _challenge(connection, port, nonce)
        connection.settimeout(before_s)
    except OSError:
        return False
    return answer is not None and hmac.compare_digest(
        answer.encode("utf-8", "surrogatepass"), proof(secret, nonce, port).encode()
    )


def _read_address(files: RuntimeFiles) -> RuntimeAddress | None:
    try:
        record = json.loads(_read_text(files.address) or "null")
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    port, pid, version = record.get("port"), record.get("pid"), record.get("version")
    if not isinstance(port, int) or not isinstance(pid, int) or not isinstance(version, str):
        return None
    if not 0 < port <= _HIGHEST_PORT or pid <= 1:
        return None
    return RuntimeAddress(
        port=port,
        pid=pid,
        url=f"http://{HOST}:{port}",
        version=version,
        log_file=files.log,
        is_ideal=record.get("ideal") is True,
        in_force=InForce.from_record(record.get("conditions")),
    )


def write_address(
    files: RuntimeFiles,
    port: int,
    version: str,
    *,
    is_ideal: bool = False,
    in_force: InForce | None = None,
) -> None:
    """Say where the runtime in this process listens, and remember its port for the next one.

    Raises:
        StorageError: The files cannot be written.
    """
    record = {
        "schema_version": 1,
        "port": port,
        "pid": os.getpid(),
        "version": version,
        "ideal": is_ideal,
        "conditions": (in_force or InForce()).to_record(),
    }
    # Neither outlives a crash of the machine to any use.
    write_atomically(files.address, f"{json.dumps(record)}\n".encode(), durable=False)
    write_atomically(files.last_port, f"{port}\n".encode(), durable=False)


def remembered_port(files: RuntimeFiles) -> int | None:
    """Return the port that this host's runtime had last, if any."""
    text = _read_text(files.last_port) or ""
    port = int(text) if text.isascii() and text.isdecimal() and len(text) <= _PORT_DIGITS else 0
    return port if 0 < port <= _HIGHEST_PORT else None


def _challenge(connection: socket.socket, port: int, nonce: str) -> str | None:
    request = f"GET {CHALLENGE_PATH}?nonce={nonce} HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n"
    reply = b""
    deadline_s = time.monotonic() + _REPLY_LIMIT_S
    connection.sendall(request.encode())
    while len(reply) < _LONGEST_REPLY_BYTES and not _is_whole(reply):
        connection.settimeout(max(deadline_s - time.monotonic(), _SHORTEST_LIMIT_S))
        chunk = connection.recv(_LONGEST_REPLY_BYTES)
        if not chunk:
            break
        reply += chunk
    head, _, body = reply.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        return None
    try:
        record = json.loads(body)
    except (ValueError, RecursionError):
        return None
    answer = record.get("proof") if isinstance(record, dict) else None
    return answer if isinstance(answer, str) else None


def _is_whole(reply: bytes) -> bool:
    """Whether a reply is there as far as its head says how long it is."""
    head, end, body = reply.partition(b"\r\n\r\n")
    _, named, rest = head.lower().partition(b"\r\ncontent-length:")
    length = rest.partition(b"\r\n")[0].strip()
    return bool(end and named) and length.isdigit() and len(body) >= int(length[:_PORT_DIGITS])


def ensure(
    settings: Settings,
    *,
    idle_timeout_s: float | None = DEFAULT_IDLE_TIMEOUT_S,
    arguments: Sequence[str] = (),
    is_ideal: bool = False,
) -> RuntimeAddress:
    """Return the home's runtime, started in the background if it is not up.

    Two commands at once start one. A runtime of another version of this package is used as it is.

    Args:
        settings: Where the home is.
        idle_timeout_s: Seconds without session, job and request after which a runtime started
            here ends; None for never.
        arguments: The conditions to start it under, as its command line has them.
        is_ideal: Whether its twins of devices must run without the noise of these.

    Raises:
        LocalRuntimeError: It did not start, and the message names its log; or it is up already
            and was not started with these arguments.
        UsageError: One is up whose twins have noise, and they must have none.
        StorageError: A folder or file of the home cannot be used.
    """
    address = find(settings)
    if address is not None:
        log.detail("up at %s, process %d", address.url, address.pid)
    if address is None:
        from qrsession.local.process.starting import start  # noqa: PLC0415 - most find it up

        address = start(
            settings, idle_timeout_s=idle_timeout_s, arguments=arguments, is_ideal=is_ideal
        )
    elif arguments:
        raise already_up()
    if is_ideal and not address.is_ideal:
        raise UsageError(
            "The local runtime is up, and was started without --ideal.",
            advice="Stop it first: qrsession local stop",
        )
    return address


def ensure_kept(settings: Settings) -> tuple[RuntimeAddress, float]:
    """Return the home's runtime, started where it is not up, which stays up for twelve hours.

    Whoever asks again has it stay for twelve hours from then.

    Returns:
        Where it is, and until when it stays, in seconds since the epoch.

    Raises:
        LocalRuntimeError: It did not start, and the message names its log.
        StorageError: A folder or file of the home cannot be used.
    """
    address = ensure(settings)
    return address, keep_up(RuntimeFiles.of(settings).keep)


def time_kept_s(settings: Settings) -> float:
    """Return for how many seconds more the home's runtime stays up, idle or not; 0 for none."""
    return kept_for_s(RuntimeFiles.of(settings).keep)


def already_up() -> LocalRuntimeError:
    """Say that conditions count at the start alone."""
    return LocalRuntimeError(
        "The local runtime is up already, and cannot change how it serves.",
        advice="Stop it with `qrsession local stop`, and start it again.",
    )


def stop(settings: Settings) -> bool:
    """Stop the home's runtime and wait until it is gone. Return whether one was up.

    Raises:
        LocalRuntimeError: It is still there after having been told to end, and then killed.
        StorageError: A file of the home is not ours.
    """
    from qrsession.local.process.starting import end  # noqa: PLC0415 - only one command stops it

    files = RuntimeFiles.of(settings)
    # Whoever ends it does not want that the next one stays up.
    remove_file(files.keep, durable=False)
    address = find(settings)
    if address is None:
        return False
    if not end(files, address):
        raise LocalRuntimeError(f"The local runtime (process {address.pid}) does not end.")
    return True
