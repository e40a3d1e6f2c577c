"""What makes a runtime fail on demand: sentences in a test, which become rules of a scenario."""

import http.client
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Unpack
from urllib.parse import urlsplit

from qrsession.errors import InvalidValueError, LocalRuntimeError
from qrsession.local.scenario import ALWAYS, Scenario, read_document
from qrsession.protocol.faults import Fault
from qrsession.testing.wishes import (
    HowItEnds,
    HowItFails,
    HowOften,
    Times,
    WhatItSays,
    WhichJob,
    WhichRequest,
)

_SCENARIO_PATH = "/_qrsession/scenario"
_RESET_PATH = "/_qrsession/reset"
_REPLY_LIMIT_S = 30.0
_SUBMISSION = {"method": "POST", "path": "/jobs"}


@dataclass(frozen=True)
class RuleCount:
    """How far one rule is.

    Attributes:
        kind: ``rules`` for requests, or ``jobs``.
        name: Its name, where it was given one.
        matched: How many requests or jobs it applied to, or would have.
        fired: How often it decided about one.
        left: How often it still will; None for always.
    """

    kind: str
    name: str | None
    matched: int
    fired: int
    left: int | None


class Control:
    """Makes one runtime fail. What is said adds up, until `reset` or `restore` undoes it.

    Seconds are real time. Every method raises `LocalRuntimeError` where the runtime is down, and
    `InvalidValueError` with the path of the field where a value will not do.

    Args:
        url: Gives where the runtime serves, each time it is asked.
        key: Gives its API key.
    """

    def __init__(self, url: Callable[[], str], key: Callable[[], str]) -> None:
        self._url = url
        self._key = key

    def fail_next_request(self, status: int = 503, **how: Unpack[HowItFails]) -> None:
        """Answer the next request with an error, before its work is done (or ``when="after"``)."""
        self._add(rules=[{"effect": "answer", "status": status, **how}])

    def fail_next_submission(self, status: int = 503, **how: Unpack[WhatItSays]) -> None:
        """Answer the next submission of a job with an error."""
        self._add(rules=[{**_SUBMISSION, "effect": "answer", "status": status, **how}])

    def drop_next_request(
        self,
        when: Literal["before", "after", "half"] = "before",
        **which: Unpack[WhichRequest],
    ) -> None:
        """Reset the connection of the next request, in place of a reply."""
        self._add(rules=[{"effect": "drop", "when": when, **which}])

    def drop_next_submission(
        self,
        when: Literal["before", "after", "half"] = "after",
        *,
        hide_s: float = 0.0,
        **how_often: Unpack[HowOften],
    ) -> None:
        """Lose the reply to the next submission; the job exists, unless ``when`` is ``before``.

        Lists do not show it for ``hide_s`` seconds.
        """
        rule = {**_SUBMISSION, "effect": "drop", "when": when, "hide_s": hide_s, **how_often}
        self._add(rules=[rule])

    def delay_next_request(self, delay_s: float, **which: Unpack[WhichRequest]) -> None:
        """Hold the next request for a while before its work is done."""
        self._add(rules=[{"effect": "delay", "delay_s": delay_s, **which}])

    def fail_next_job(
        self, reason: str | None = None, code: int | None = None, **how: Unpack[HowItEnds]
    ) -> None:
        """Let the next job that is submitted fail."""
        self._add(
            jobs=[_without_none({"outcome": "failed", "reason": reason, "code": code, **how})]
        )

    def cancel_next_job(
        self, reason: str | None = None, code: int | None = None, **how: Unpack[HowItEnds]
    ) -> None:
        """Let the next job be cancelled by the service; code 1305 means that it ran too long."""
        rule = {"outcome": "cancelled", "reason": reason, "code": code, **how}
        self._add(jobs=[_without_none(rule)])

    def slow_next_job(
        self, *, queue_s: float = 0.0, run_s: float = 0.0, **which: Unpack[WhichJob]
    ) -> None:
        """Let the next job wait in the queue so long, and run so long at least, and complete."""
        self._add(jobs=[{"queue_s": queue_s, "run_s": run_s, **which}])

    def take_offline(
        self, backend: str = "*", *, reason: str | None = None, for_s: float | None = None
    ) -> None:
        """Take backends offline, by a name or a pattern: they refuse jobs, and run none."""
        self._stand(backend, "offline", reason, for_s)

    def pause(
        self, backend: str = "*", *, reason: str | None = None, for_s: float | None = None
    ) -> None:
        """Pause backends: they take jobs, and run none."""
        self._stand(backend, "paused", reason, for_s)

    def bring_online(self, backend: str = "*") -> None:
        """Bring backends back; jobs that waited run."""
        self._stand(backend, "online", None, None)

    def set_queue_length(self, backend: str, length: int) -> None:
        """Say that so many jobs wait for a backend."""
        self._add(backends=[{"name": backend, "queue_length": length}])

    def expire_tokens(self) -> None:
        """Refuse the tokens that were issued until now, with 401; new ones can be had."""
        self._add(tokens={"revoke": True})

    def shorten_tokens(self, lifetime_s: int) -> None:
        """Issue tokens from now that are good for so long."""
        self._add(tokens={"lifetime_s": lifetime_s})

    def refuse_tokens(self, times: Times = 1) -> None:
        """Refuse the next requests for a token, as for an API key that is not known.

        IBM's client then waits for a minute, and sends the key in place of a token.
        """
        self._add(tokens={"refuse": times})

    def limit_usage(self, left_s: float = 0.0) -> None:
        """Leave so many seconds of usage to the instance, and none once they are used up."""
        self._add(usage={"left_s": left_s})

    def play(self, scenario: Mapping[str, Any] | Path | str) -> None:
        """Play a scenario in place of what was said before: a document, a file, or TOML."""
        self._ask("PUT", _SCENARIO_PATH, _document_of(scenario))

    def counts(self) -> tuple[RuleCount, ...]:
        """Return how far each rule for requests and jobs is, in their order."""
        document = self._ask("GET", _SCENARIO_PATH)
        return tuple(
            RuleCount(
                kind=kind,
                name=rule.get("name"),
                matched=rule["matched"],
                fired=rule["fired"],
                left=None if rule["left"] == ALWAYS else rule["left"],
            )
            for kind in ("rules", "jobs")
            for rule in document[kind]
        )

    def restore(self) -> None:
        """Let nothing go wrong any more. Jobs, sessions and usage stay."""
        self._ask("DELETE", _SCENARIO_PATH)

    def reset(self) -> None:
        """Make the runtime as it was when it was new: nothing wrong, no job, session or usage."""
        self._ask("POST", _RESET_PATH)

    def _stand(self, backend: str, status: str, reason: str | None, for_s: float | None) -> None:
        rule = {"name": backend, "status": status, "reason": reason, "for_s": for_s}
        self._add(backends=[_without_none(rule)])

    def _add(self, **parts: Any) -> None:
        Scenario.from_document(parts)
        self._ask("POST", _SCENARIO_PATH, parts)

    def _ask(self, method: str, path: str, document: Any = None) -> Any:
        where = urlsplit(self._url())
        connection = http.client.HTTPConnection(
            where.hostname or "", where.port, timeout=_REPLY_LIMIT_S
        )
        body = None if document is None else json.dumps(document).encode()
        try:
            connection.request(
                method,
                path,
                body,
                {"Authorization": f"apikey {self._key()}", "Content-Type": "application/json"},
            )
            reply = connection.getresponse()
            status, text = reply.status, reply.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise LocalRuntimeError(
                f"The local runtime at {where.netloc} does not answer: {type(error).__name__}.",
                advice="Start it again, or see its log.",
            ) from error
        finally:
            connection.close()
        if status >= http.HTTPStatus.BAD_REQUEST:
            fault = Fault.from_reply(status, text)
            raise InvalidValueError(fault.message, advice=fault.solution or None)
        return json.loads(text) if text else None


def _without_none(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in rule.items() if value is not None}


def _document_of(scenario: Mapping[str, Any] | Path | str) -> Any:
    """Return a scenario as a document that holds."""
    if isinstance(scenario, Path):
        return read_document(scenario)
    try:
        document = tomllib.loads(scenario) if isinstance(scenario, str) else dict(scenario)
    except ValueError as error:
        raise InvalidValueError(
            f"The scenario is no TOML: {error}.", advice="Give a file's name as a pathlib.Path."
        ) from error
    Scenario.from_document(document)
    return document
