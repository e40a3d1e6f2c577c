"""Which requests go wrong, how, and how often.

The rules are tried in their order for each request, and the first that applies decides::

    [[rules]]               # the reply of the first submission is lost, though the job exists,
    method = "POST"         # and lists do not show the job for five seconds
    path = "/jobs"
    effect = "drop"
    when = "after"
    hide_s = 5
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from qrsession.errors import InvalidValueError
from qrsession.local.scenario.patterns import path_pattern, safe_pattern
from qrsession.local.scenario.reading import (
    HOW_OFTEN,
    LONGEST_DELAY_S,
    check_meaning,
    contradiction,
    missing,
    read_times,
    write_times,
)
from qrsession.protocol.options import Field, Table, check_options

_LONGEST_HIDING_S = 86_400
_LOWEST_STATUS, _HIGHEST_STATUS = 400, 599


class Effect(StrEnum):
    """What becomes of a request.

    ANSWER gives it an error reply, DROP ends its connection, GARBLE does the work and cuts the body
    of the reply, LATE does the work when nobody waits for it any more, DELAY holds it, and HIDE
    keeps the job that it creates out of lists. Each can delay and hide too.
    """

    ANSWER = "answer"
    DROP = "drop"
    GARBLE = "garble"
    LATE = "late"
    DELAY = "delay"
    HIDE = "hide"


class When(StrEnum):
    """Whether the work is not done (BEFORE) or done; HALF sends the first half of its reply too."""

    BEFORE = "before"
    AFTER = "after"
    HALF = "half"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it applies to, how often, and what it does.

    Attributes:
        effect: What becomes of the request.
        name: For whoever reads the counts.
        method: The HTTP method; None for any.
        path: A path below the API's base, where ``{name}`` stands for one segment; None for any.
        path_regex: A regular expression for the whole of that path, in place of ``path``; paths
            of more than 200 characters do not match.
        session_id: The session that the request is about, or whose job it is about.
        tag: A tag of the job or of the list that is asked for; ``*`` and ``?`` stand for others.
        skip: How many requests that match pass unharmed first.
        times: How often the rule applies; None for always.
        probability: How likely it applies to a request that matches.
        when: Whether the work is done.
        status: The HTTP status of the reply: of ANSWER, and of LATE where that answers.
        code: IBM's code in that reply; by default the usual one for the status.
        message: The message in that reply.
        retry_after_s: The header ``Retry-After``, in whole seconds.
        is_reset: Whether DROP resets the connection (TCP RST) or closes it (FIN).
        delay_s: How long the request is held: before the work, or after it where that is done.
        late_s: How long after the client has gone, or was sent away, LATE does the work.
        holds: Whether LATE waits for the client to give up, in place of ending its connection.
        hide_s: How long lists do not show the job that the request creates.
    """

    effect: Effect
    name: str | None = None
    method: str | None = None
    path: str | None = None
    path_regex: str | None = None
    session_id: str | None = None
    tag: str | None = None
    skip: int = 0
    times: int | None = 1
    probability: float = 1.0
    when: When = When.BEFORE
    status: int | None = None
    code: int | None = None
    message: str | None = None
    retry_after_s: int | None = None
    is_reset: bool = True
    delay_s: float = 0.0
    late_s: float = 0.0
    holds: bool = False
    hide_s: float = 0.0

    def to_document(self) -> dict[str, Any]:
        """Write the rule as it would be given, without what is as by default."""
        written: dict[str, Any] = {}
        for field, value in asdict(self).items():
            if value != _DEFAULTS.get(field):
                written[_WRITTEN_AS.get(field, field)] = value
        if self.times is None:
            written["times"] = write_times(None)
        return written


_DEFAULTS = asdict(Rule(Effect.HIDE))
del _DEFAULTS["effect"]
_WRITTEN_AS = {"is_reset": "reset", "holds": "hold"}
_READ_AS = {written: field for field, written in _WRITTEN_AS.items()}

_MATCHING: Table = {
    **HOW_OFTEN,
    "method": Field(str, choices=("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")),
    "path": Field(str),
    "path_regex": Field(str),
    "session_id": Field(str),
    "tag": Field(str),
}
_REPLYING: Table = {
    "status": Field(int, low=_LOWEST_STATUS, high=_HIGHEST_STATUS),
    "code": Field(int, low=0),
    "message": Field(str),
    "retry_after_s": Field(int, low=0),
}
_DELAY: Table = {"delay_s": Field(float, low=0, high=LONGEST_DELAY_S)}
_HIDING: Table = {"hide_s": Field(float, low=0, high=_LONGEST_HIDING_S)}
_BEFORE_OR_AFTER: Table = {"when": Field(str, choices=(When.BEFORE, When.AFTER))}
_EFFECT: Table = {"effect": Field(str, choices=tuple(Effect))}
# What a rule may say depends on its effect, so that no field is silently without one.
_FIELDS_OF: dict[Effect, Table] = {
    Effect.ANSWER: {**_REPLYING, **_BEFORE_OR_AFTER, **_DELAY, **_HIDING},
    Effect.DROP: {
        "when": Field(str, choices=tuple(When)),
        "reset": Field(bool),
        **_DELAY,
        **_HIDING,
    },
    Effect.GARBLE: {**_DELAY, **_HIDING},
    Effect.LATE: {
        **_REPLYING,
        **_DELAY,
        **_HIDING,
        "reset": Field(bool),
        "hold": Field(bool),
        "late_s": Field(float, low=0, high=LONGEST_DELAY_S),
    },
    Effect.DELAY: {**_BEFORE_OR_AFTER, **_DELAY, **_HIDING},
    Effect.HIDE: {**_HIDING},
}
_EFFECT_FIELDS: Table = {
    name: field for table in _FIELDS_OF.values() for name, field in table.items()
}
_NEEDED: dict[Effect, str] = {
    Effect.ANSWER: "status",
    Effect.LATE: "late_s",
    Effect.DELAY: "delay_s",
    Effect.HIDE: "hide_s",
}


def read_rule(entry: Mapping[str, Any], path: str) -> Rule:
    """Read one rule.

    Raises:
        InvalidValueError: A field is unknown or out of bounds, or has no meaning for the effect.
        InvalidTypeError: A field has the wrong type.
    """
    if "effect" not in entry:
        raise missing(path, "effect")
    check_options({"effect": entry["effect"]}, _EFFECT, path)
    effect = Effect(entry["effect"])
    check_meaning(entry, _EFFECT_FIELDS, _FIELDS_OF[effect], path, f'the effect "{effect}"')
    check_options(entry, {**_EFFECT, **_MATCHING, **_FIELDS_OF[effect]}, path)
    needed = _NEEDED.get(effect)
    if needed is not None and needed not in entry:
        raise missing(path, needed)
    _check_together(entry, path)
    fields: dict[str, Any] = {_READ_AS.get(str(name), str(name)): entry[name] for name in entry}
    fields["effect"] = effect
    if "when" in fields:
        fields["when"] = When(fields["when"])
    if "times" in fields:
        fields["times"] = read_times(fields["times"], f"{path}.times")
    return Rule(**fields)


def _check_together(entry: Mapping[str, Any], path: str) -> None:
    if "path" in entry and "path_regex" in entry:
        raise contradiction(path, "path", "path_regex")
    if "path" in entry and not entry["path"].startswith("/"):
        raise InvalidValueError(
            f"{path}.path is {entry['path']!r}; it must begin with a slash.",
            advice="Give it as it stands below the API's base: /jobs/{job_id}.",
            details={"path": f"{path}.path"},
        )
    if "path" in entry:
        path_pattern(entry["path"], f"{path}.path")
    if "path_regex" in entry:
        safe_pattern(entry["path_regex"], f"{path}.path_regex")
    if entry.get("when") == When.HALF and entry.get("reset"):
        # A reset may overtake what was sent, and then no half would arrive.
        raise contradiction(path, "when", "reset")
    if "status" in entry and (entry.get("hold") or "reset" in entry):
        raise contradiction(path, "status", "hold" if entry.get("hold") else "reset")
    if entry["effect"] == Effect.LATE and "status" not in entry:
        for name in ("code", "message", "retry_after_s"):
            if name in entry:
                raise missing(path, "status")
