"""The endpoints of backends. Source: API reference, "backends".

A device's documents are large, and are written and compressed once. A device stands for one state
of its files: where these change, there is another.
"""

import gzip
import json
from functools import lru_cache
from statistics import fmean
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from qrsession.local.api.refusals import bad_request, not_found
from qrsession.local.api.replies import bytes_reply, json_reply, moment_query
from qrsession.local.devices.device import Device
from qrsession.local.runtime import Runtime, runtime_of

_WAIT_TIME = "wait_time_seconds"
_MOST_DOCUMENTS = 128
# The best there is: a document is compressed once, and then sent as it is.
_COMPRESSION_LEVEL = 9


async def list_backends(request: Request) -> Response:
    """``GET /backends``."""
    runtime = runtime_of(request)
    fields = request.query_params.get("fields")
    if fields not in {None, "", _WAIT_TIME}:
        raise bad_request(f"fields can only be {_WAIT_TIME}.")
    outages = runtime.stage.outages
    return json_reply(
        {
            "devices": [
                {
                    **device.summary,
                    **outages.listed(device.name),
                    "queue_length": _queue_length(runtime, device.name),
                    **(_wait_time(runtime, device.name) if fields else {}),
                }
                for device in runtime.devices.values()
            ]
        }
    )


async def get_configuration(request: Request) -> Response:
    """``GET /backends/{backend}/configuration``."""
    return _document_reply(request, _configuration(_DeviceKey(_device_of(request))))


async def get_properties(request: Request) -> Response:
    """``GET /backends/{backend}/properties``: empty for a device that has none.

    There is one calibration of each device, which is given whatever time is asked for.
    """
    moment_query(request.query_params, "updated_before")
    return _document_reply(request, _properties(_DeviceKey(_device_of(request))))


async def get_defaults(request: Request) -> Response:
    """``GET /backends/{backend}/defaults``: pulse defaults, which no device here has."""
    _device_of(request)
    return json_reply({})


async def get_status(request: Request) -> Response:
    """``GET /backends/{backend}/status``."""
    device = _device_of(request)
    runtime = runtime_of(request)
    return json_reply(
        {
            **runtime.stage.outages.standing(device.name).status_as,
            "length_queue": _queue_length(runtime, device.name),
            "backend_version": device.backend_version,
        }
    )


class _DeviceKey:
    """A device as the key of a cache: it holds dictionaries, and so it cannot be one itself."""

    def __init__(self, device: Device) -> None:
        self.device = device

    def __hash__(self) -> int:
        return id(self.device)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _DeviceKey) and other.device is self.device


@lru_cache(_MOST_DOCUMENTS)
def _configuration(key: _DeviceKey) -> bytes:
    return _compressed(key.device.configuration())


@lru_cache(_MOST_DOCUMENTS)
def _properties(key: _DeviceKey) -> bytes:
    return _compressed(key.device.properties())


def _compressed(document: dict[str, Any]) -> bytes:
    data = json.dumps(document, separators=(",", ":")).encode()
    return gzip.compress(data, _COMPRESSION_LEVEL, mtime=0)


def _document_reply(request: Request, compressed: bytes) -> Response:
    """Send a document as it is kept where the client takes that; IBM's own does not."""
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return bytes_reply(gzip.decompress(compressed))
    reply = bytes_reply(compressed)
    reply.headers.update({"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
    return reply


def _device_of(request: Request) -> Device:
    name = request.path_params["backend"]
    device = runtime_of(request).devices.get(name)
    if device is None:
        raise not_found("Backend", name)
    return device


def _queue_length(runtime: Runtime, name: str) -> int:
    return runtime.stage.outages.queue_length(name, runtime.store.queue.length(name))


def _wait_time(runtime: Runtime, backend: str) -> dict[str, Any]:
    """Say how long the last jobs had waited; nothing where there were none."""
    waits_s = runtime.store.listing.waits_s(backend)
    if not waits_s:
        return {}
    last = len(waits_s) - 1
    return {
        _WAIT_TIME: {
            "average": round(fmean(waits_s), 3),
            "p50": waits_s[round(last * 0.5)],
            "p95": waits_s[round(last * 0.95)],
        }
    }
