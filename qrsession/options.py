"""`Options`: how a primitive's work is to be done, checked before anything is sent."""

import re
from collections.abc import Mapping
from typing import Any

from qrsession.errors import InvalidTypeError, InvalidValueError
from qrsession.protocol.bounds import LONGEST_COST_S, LONGEST_TAG, MOST_TAGS
from qrsession.protocol.models import JobRequest
from qrsession.protocol.options import (
    OPTIONS_OF,
    RESILIENCE_LEVELS,
    Field,
    Table,
    check_options,
    merged,
    to_wire,
    without_empty,
)

OPTIMIZATION_LEVELS = (0, 1, 2, 3)
_EXPERIMENTAL = "experimental"
# A name and a tag, each of letters and digits with a sign between two of them at most.
_IMAGE = re.compile(r"[a-zA-Z0-9]+([/._-][a-zA-Z0-9]+)*:[a-zA-Z0-9]+([._-][a-zA-Z0-9]+)*", re.ASCII)
# One of the service's eight is this package's own: the tag by which a lost reply is looked up.
MOST_USER_TAGS = MOST_TAGS - 1

ENVIRONMENT: Table = {
    "job_tags": Field(str, many="list", nullable=True),
    "private": Field(bool, nullable=True),
    "log_level": Field(str, choices=("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")),
}


class Options:
    """The options of `Sampler` and `Estimator`, one tree for both.

    Args:
        optimization_level: 0 to 3: transpile each circuit once for the session, at this level.
            None: send circuits as they are.
        resilience_level: 0 to 2, for the estimator: how much error mitigation.
        seed_transpiler: The seed of the transpiler's random choices.
        max_execution_time: The longest a job may take on the backend, in seconds, up to 10,800.
        environment: ``job_tags``, up to seven words of at most 86 characters to find jobs by;
            ``private``, whether the service shall show inputs to nobody and results once;
            ``log_level``, how much the job logs (``"WARNING"``).
        fields: The primitives' own options, such as ``default_shots=1024`` or
            ``twirling={"enable_gates": True}``; in ``experimental`` also those that this version
            does not know, and ``image``, a runtime's image. Source: "SamplerOptions" and
            "EstimatorOptions" in the API reference.

    Raises:
        InvalidValueError: An option is unknown, or its value is out of bounds.
        InvalidTypeError: A value is of the wrong type.
    """

    def __init__(
        self,
        *,
        optimization_level: int | None = None,
        resilience_level: int | None = None,
        seed_transpiler: int | None = None,
        max_execution_time: int | None = None,
        environment: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        _check_level("optimization_level", optimization_level, OPTIMIZATION_LEVELS)
        _check_level("resilience_level", resilience_level, RESILIENCE_LEVELS)
        _check_whole("seed_transpiler", seed_transpiler, 0, 2**63 - 1)
        _check_whole("max_execution_time", max_execution_time, 1, LONGEST_COST_S)
        for name, value in fields.items():
            _check_field(name, value)
        _check_experimental(fields.get(_EXPERIMENTAL, {}))
        self.optimization_level = optimization_level
        self.resilience_level = resilience_level
        self.seed_transpiler = seed_transpiler
        self.max_execution_time = max_execution_time
        self.environment = _checked_environment(environment or {})
        self.fields = fields

    def __repr__(self) -> str:
        given = {name: value for name, value in vars(self).items() if value not in (None, (), {})}
        return f"Options({', '.join(f'{name}={value!r}' for name, value in given.items())})"

    @classmethod
    def of(cls, options: "Options | Mapping[Any, Any] | None") -> "Options":
        """Take options as they come: an `Options`, a dict of its arguments, or None.

        Raises:
            InvalidTypeError: It is something else.
        """
        if options is None:
            return cls()
        if isinstance(options, Options):
            return options
        if isinstance(options, Mapping):
            return cls(**_by_name(options))
        raise InvalidTypeError(f"options must be Options or a dict, not {type(options).__name__}.")

    def to_request(
        self,
        program_id: str,
        params: dict[str, Any],
        *,
        backend: str,
        session_id: str | None = None,
    ) -> JobRequest:
        """Return the submission of a job with these options."""
        return JobRequest(
            program_id=program_id,
            backend=backend,
            params=params,
            session_id=session_id,
            log_level=self.environment["log_level"],
            cost_s=self.max_execution_time,
            tags=self.environment["job_tags"],
            private=self.environment["private"],
            runtime=self._experimental.get("image"),
        )

    def for_primitive(self, primitive: str) -> dict[str, Any]:
        """Return the fields that go to a primitive, and refuse those that it does not know.

        As in IBM's client, what ``experimental`` has under the name of a known table is put over
        that table, and the rest of it is sent under its own name.

        Raises:
            InvalidValueError: A field belongs to the other primitive.
        """
        table = OPTIONS_OF[primitive]
        check_options(self.fields, table)
        level = {} if self.resilience_level is None else {"resilience_level": self.resilience_level}
        if self.fields or level:
            # Imported here because most jobs have no options, and a command must start fast.
            from qrsession.protocol.combinations import check_combination  # noqa: PLC0415

            check_combination(primitive, {"options": self.fields, **level}, "options")
        known = {name: value for name, value in self.fields.items() if name != _EXPERIMENTAL}
        over = {name: value for name, value in self._experimental.items() if name in table}
        new = {
            name: value
            for name, value in self._experimental.items()
            if name not in table and name != "image"
        }
        return without_empty(merged(to_wire(known, table), over) | {_EXPERIMENTAL: new})

    @property
    def _experimental(self) -> Mapping[str, Any]:
        given = self.fields.get(_EXPERIMENTAL)
        return given if isinstance(given, Mapping) else {}


def check_tags(tags: Any) -> tuple[str, ...]:
    """Hold a user's tags against the service's bounds.

    Raises:
        InvalidValueError: There are more than seven, or one is empty or longer than 86 characters.
        InvalidTypeError: They are not strings.
    """
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidTypeError("tags must be a list of strings.")
    if len(tags) > MOST_USER_TAGS:
        raise InvalidValueError(
            f"There are {len(tags)} tags; at most {MOST_USER_TAGS} are taken.",
            advice="The service takes eight, of which qrsession needs one to find a lost job.",
        )
    for tag in tags:
        if not 0 < len(tag) <= LONGEST_TAG:
            raise InvalidValueError(f"A tag must have 1 to {LONGEST_TAG} characters: {tag!r}.")
    return tuple(tags)


def _by_name(options: Mapping[Any, Any]) -> dict[str, Any]:
    for name in options:
        if not isinstance(name, str):
            raise InvalidTypeError(f"options are given by name, not by {name!r}.")
    return dict(options)


def _check_field(name: str, value: Any) -> None:
    """Accept what either primitive does; which of them it is for is not known yet."""
    tables = [table for table in OPTIONS_OF.values() if name in table]
    refusals = []
    for table in tables or [OPTIONS_OF["sampler"] | OPTIONS_OF["estimator"]]:
        try:
            check_options({name: value}, table)
        except InvalidValueError as refusal:
            refusals.append(refusal)
        else:
            return
    raise refusals[0]


def _checked_environment(environment: Mapping[str, Any]) -> dict[str, Any]:
    check_options(environment, ENVIRONMENT, "environment")
    checked = {"log_level": "WARNING", "private": False, **environment}
    checked["job_tags"] = check_tags(environment.get("job_tags") or ())
    checked["private"] = bool(checked["private"])
    return checked


def _check_experimental(value: Any) -> None:
    if not isinstance(value, Mapping):
        raise InvalidTypeError("experimental must be a table of options.")
    image = value.get("image")
    if image is not None and not (isinstance(image, str) and _IMAGE.fullmatch(image)):
        raise InvalidValueError(
            f"experimental.image is {image!r}; it must be of the form name:tag."
        )


def _check_level(name: str, value: int | None, allowed: tuple[int, ...]) -> None:
    _check_whole(name, value, allowed[0], allowed[-1])


def _check_whole(name: str, value: Any, low: int, high: int) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidTypeError(f"{name} must be a whole number, not {value!r}.")
    if not low <= value <= high:
        raise InvalidValueError(f"{name} is {value}; it must be {low} to {high}.")
