"""Makes requests go wrong as a scenario says; the rest passes at no cost.

It stands behind the checks of host and bearer and before the handlers. "After" means that the
handler has run to its end, whatever it answered, and that its reply is thrown away.
"""

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qrsession.local.api.connections import cut, finish
from qrsession.local.api.refusals import NOT_FOUND
from qrsession.local.api.replies import fault_reply
from qrsession.local.config import API_PREFIXES
from qrsession.local.process.daemon import CHALLENGE_PATH
from qrsession.local.runtime import Runtime
from qrsession.local.scenario import Effect, Rule, When
from qrsession.protocol import faults
from qrsession.protocol.faults import Fault

# Where a request says for how long the job that it creates is to be hidden.
HIDE_KEY = "qrsession.hide_s"
# What controls the scenario must not fall under it, nor what tells whose runtime this is.
OWN_PATHS = CHALLENGE_PATH.rpartition("/")[0] + "/"

_CODES: dict[int, int | str] = {
    401: faults.BAD_CREDENTIALS,
    403: faults.NOT_AUTHORIZED,
    404: NOT_FOUND,
    429: faults.TOO_MANY_REQUESTS,
}
_FIRST_SERVER_ERROR = 500
_HALF_A_HEAD = b"HTTP/1.1 20"
_GARBAGE = b'{"id": '


class Faulting:
    """The application, with some requests going wrong. ``app`` answers, and never raises."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime
        self._director = runtime.director

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, whose body ``receive`` gives in one piece."""
        if self._director.is_idle or scope["path"].startswith(OWN_PATHS):
            await self._app(scope, receive, send)
            return
        body: bytes = (await receive()).get("body", b"")
        rule = self._director.choose(_Asked(scope, body, self._runtime))
        exchange = _Exchange(scope, receive, send, body)
        if rule is None:
            await self._app(scope, exchange.replay(), send)
            return
        if rule.hide_s:
            scope[HIDE_KEY] = rule.hide_s
        if rule.effect is Effect.LATE:
            await self._be_late(rule, exchange)
        elif rule.effect in {Effect.DELAY, Effect.HIDE}:
            await self._serve(rule, exchange)
        else:
            await self._fail(rule, exchange)

    async def _serve(self, rule: Rule, exchange: "_Exchange") -> None:
        """Do the work and answer, held for a while before or after the work."""
        if rule.when is When.BEFORE:
            await self._hold(rule.delay_s)
            await self._app(exchange.scope, exchange.replay(), exchange.send)
            return
        reply = await self._work(exchange)
        await self._hold(rule.delay_s)
        await reply.give(exchange.send)

    async def _fail(self, rule: Rule, exchange: "_Exchange") -> None:
        """Give another reply than the work's, or none; the work is done before that or never."""
        reply = _Reply()
        if rule.when is not When.BEFORE or rule.effect is Effect.GARBLE:
            reply = await self._work(exchange)
        await self._hold(rule.delay_s)
        if rule.effect is Effect.ANSWER:
            await _answer(rule, exchange)
        elif rule.effect is Effect.GARBLE:
            await reply.cut_short().give(exchange.send)
        elif rule.when is When.HALF:
            await _give_half(reply, exchange)
        else:
            cut(exchange.scope, is_reset=rule.is_reset)
            await exchange.until_gone()

    async def _be_late(self, rule: Rule, exchange: "_Exchange") -> None:
        """Let the client go, and do the work later."""
        await self._hold(rule.delay_s)
        if rule.holds:
            await self._runtime.changes.unless_ending(exchange.until_gone())
        # First, so that a client which asks at once finds it counted.
        self._director.spawn(self._work_later(rule.late_s, exchange))
        if rule.status is not None:
            await _answer(rule, exchange)
        else:
            cut(exchange.scope, is_reset=rule.is_reset)
            await exchange.until_gone()

    async def _work_later(self, late_s: float, exchange: "_Exchange") -> None:
        if await self._hold(late_s):
            await self._work(exchange)

    async def _work(self, exchange: "_Exchange") -> "_Reply":
        reply = _Reply()
        await self._app(exchange.scope, exchange.replay(), reply.note)
        return reply

    async def _hold(self, seconds: float) -> bool:
        """Wait; return whether the time is over, and not the runtime ending."""
        return not seconds or await self._runtime.changes.pause(seconds)


@dataclass(slots=True)
class _Exchange:
    """A request whose body was read, and the way back to its client."""

    scope: Scope
    receive: Receive
    send: Send
    body: bytes = field(repr=False)

    def replay(self) -> Receive:
        """Return a ``receive`` that gives the body once more."""
        messages: list[Message] = [
            {"type": "http.request", "body": self.body, "more_body": False},
        ]

        async def receive_body() -> Message:
            return messages.pop() if messages else await self.receive()

        return receive_body

    async def until_gone(self) -> None:
        """Wait until the connection has ended."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


@dataclass(slots=True)
class _Reply:
    """A reply that was not given yet."""

    start: Message = field(default_factory=dict)
    body: bytes = b""

    async def note(self, message: Message) -> None:
        """Take what the application sends."""
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")

    async def give(self, send: Send, num_bytes: int | None = None) -> None:
        """Give the reply, or no more than the first bytes of its body."""
        await send(self.start)
        part = self.body if num_bytes is None else self.body[:num_bytes]
        await send({"type": "http.response.body", "body": part, "more_body": num_bytes is not None})

    def cut_short(self) -> "_Reply":
        """Return a whole reply with status 200 whose JSON ends in the middle."""
        body = self.body[: len(self.body) // 2] or _GARBAGE
        kept = [
            (name, value)
            for name, value in self.start["headers"]
            if name not in {b"content-length", b"content-encoding", b"content-type"}
        ]
        headers = [
            *kept,
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        return _Reply({**self.start, "status": 200, "headers": headers}, body)


async def _answer(rule: Rule, exchange: _Exchange) -> None:
    status = rule.status or _FIRST_SERVER_ERROR
    usual = faults.INTERNAL if status >= _FIRST_SERVER_ERROR else faults.BAD_REQUEST
    code = _CODES.get(status, usual) if rule.code is None else rule.code
    fault = Fault(status, code, rule.message or "This request failed as the scenario says.")
    reply = fault_reply(fault, retry_after_s=rule.retry_after_s)
    await reply(exchange.scope, exchange.receive, exchange.send)


async def _give_half(reply: _Reply, exchange: _Exchange) -> None:
    """Send half of a reply, and close: as a gateway does that dies."""
    half = len(reply.body) // 2
    if half:
        await reply.give(exchange.send, half)
        finish(exchange.scope)
    else:
        # Head and all of such a reply are one; half of it ends within the head.
        finish(exchange.scope, _HALF_A_HEAD)
    await exchange.until_gone()


class _Asked:
    """A request as rules look at it. What costs something is looked up when a rule asks."""

    def __init__(self, scope: Scope, body: bytes, runtime: Runtime) -> None:
        self.method: str = scope["method"]
        self.path = _path_below_base(scope["path"])
        self._query = parse_qs(scope["query_string"].decode("latin-1"))
        self._body = body
        self._runtime = runtime

    @cached_property
    def session_ids(self) -> frozenset[str]:
        found = {*self._query.get("session_id", ()), self._segment_after("sessions")}
        found.add(self._fields.get("session_id"))
        if self._job is not None:
            found.add(self._job.session_id)
        return frozenset(name for name in found if isinstance(name, str) and name)

    @cached_property
    def tags(self) -> frozenset[str]:
        listed = self._fields.get("tags")
        found = [*self._query.get("tags", ()), *(listed if isinstance(listed, list) else ())]
        if self._job is not None:
            found += self._job.tags
        return frozenset(tag for tag in found if isinstance(tag, str))

    @cached_property
    def _fields(self) -> dict[str, Any]:
        try:
            fields = json.loads(self._body)
        except (ValueError, RecursionError):
            return {}
        return fields if isinstance(fields, dict) else {}

    @cached_property
    def _job(self) -> Any:
        job_id = self._segment_after("jobs")
        return self._runtime.store.jobs.get(job_id) if job_id else None

    def _segment_after(self, noun: str) -> str:
        head, _, rest = self.path.removeprefix("/").partition("/")
        return rest.partition("/")[0] if head == noun else ""


def _path_below_base(path: str) -> str:
    for prefix in API_PREFIXES:
        if path.startswith(f"{prefix}/"):
            return path.removeprefix(prefix)
    return path
