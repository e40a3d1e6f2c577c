"""`Options`: how a primitive's work is to be done, checked before anything is sent."""

import re
from collections.abc import Mapping
from typing import Any

from qrsession.errors import InvalidTypeError, InvalidValueError, UnknownOptionError
from qrsession.option_spellings import RENAMED
from qrsession.option_tree import (
    ALL,
    OWN,
    Branch,
    as_plain,
    assignments,
    copied,
    drop,
    entry_at,
    found_at,
    is_table,
    names_at,
    put,
    read_old,
)
from qrsession.protocol.bounds import LONGEST_TAG, MOST_TAGS
from qrsession.protocol.models import JobRequest
from qrsession.protocol.options import (
    OPTIONS_OF,
    check_options,
    merged,
    to_wire,
    unknown_option,
    without_empty,
)

_EXPERIMENTAL = "experimental"
# A name and a tag, each of letters and digits with a sign between two of them at most.
_IMAGE = re.compile(r"[a-zA-Z0-9]+([/._-][a-zA-Z0-9]+)*:[a-zA-Z0-9]+([._-][a-zA-Z0-9]+)*", re.ASCII)
# One of the service's eight is this package's own: the tag by which a lost reply is looked up.
MOST_USER_TAGS = MOST_TAGS - 1
# Of both primitives; the first one took no pubs.
PROGRAM_VERSION = 2
# What this package itself acts on.
_DEFAULTS: Mapping[tuple[str, ...], Any] = {
    ("environment", "job_tags"): (),
    ("environment", "private"): False,
    ("environment", "log_level"): "WARNING",
}


class Options:
    """The options of `Sampler` and `Estimator`, one tree for both.

    Set and read them as arguments, as attributes (``options.resilience.zne.noise_factors = (1, 3,
    5)``), or many at once (``options.update(default_shots=100)``). Each is checked when it is set;
    what belongs to the other primitive is refused when a job is sent. What is not set is None and
    left to the service. docs/reference/options.md lists them all. What older programs write is
    taken where it has an equal today, such as ``execution={"shots": 100}``.

    A primitive copies the options that it is given. So do assignments: no two trees share a table.

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
        UnknownOptionError: There is no such option (an ``AttributeError`` too); the message has
            its path and the nearest name.
        InvalidValueError: A value is out of bounds, or an option of older programs has no equal.
        InvalidTypeError: A value is of the wrong type.
    """

    _values: dict[str, Any]

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
        vars(self)["_values"] = {}
        own = {
            "optimization_level": optimization_level,
            "resilience_level": resilience_level,
            "seed_transpiler": seed_transpiler,
            "max_execution_time": max_execution_time,
            "environment": environment,
        }
        # Older programs may say in `fields` what has its place among these today.
        self.update({name: value for name, value in own.items() if value is not None} | fields)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            # Asked for by `copy` and `pickle` while there is nothing yet.
            raise AttributeError(name)
        return self.read((name,))

    def __setattr__(self, name: str, value: Any) -> None:
        self.write((name,), value)

    def __delattr__(self, name: str) -> None:
        self.unset((name,))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *names_at(())]

    def __repr__(self) -> str:
        return f"Options({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"

    def __eq__(self, other: object) -> bool:
        return self._values == other._values if isinstance(other, Options) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # they change

    def __copy__(self) -> "Options":
        return self.copy()

    def copy(self) -> "Options":
        """Return options of their own with the same set."""
        return Options(**copied(self._values))

    def to_dict(self) -> dict[str, Any]:
        """Return what is set as nested dicts, from which ``Options(**it)`` makes the same."""
        found: dict[str, Any] = copied(self._values)
        return found

    def update(self, others: Mapping[str, Any] | None = None, /, **fields: Any) -> None:
        """Set several options and keep the rest, table by table; all of them or none.

        Args:
            others: A dict of options, nested or not.
            fields: The same as arguments; they go before it.

        Raises:
            InvalidValueError: As the class. Nothing is changed then.
        """
        values = copied(self._values)
        for name, given in (*_by_name(others or {}).items(), *fields.items()):
            for path, value in assignments((name,), given):
                before = found_at(values, path)
                is_put_over = isinstance(before, Mapping) and isinstance(value, Mapping)
                _set(values, path, merged(before, value) if is_put_over else value)
        vars(self)["_values"] = values

    def read(self, path: tuple[str, ...]) -> Any:
        """Return what is set at a path, a `Branch` for a table, None where nothing is set."""
        is_old, found = read_old(self, path)
        if is_old:
            return found
        if is_table(path):
            return Branch(self, path)
        found = found_at(self._values, path)
        return _DEFAULTS.get(path) if found is None else found

    def write(self, path: tuple[str, ...], value: Any) -> None:
        """Set what is at a path; a table is replaced as a whole."""
        values = copied(self._values)
        if isinstance(value, Mapping) and path not in RENAMED and is_table(path):
            drop(values, path)
        for at, part in assignments(path, value):
            _set(values, at, part)
        vars(self)["_values"] = values

    def unset(self, path: tuple[str, ...]) -> None:
        """Leave an option, or a table of them, to the service again."""
        path = RENAMED.get(path, path)
        entry_at(path)
        values = copied(self._values)
        drop(values, path)
        vars(self)["_values"] = values

    def to_dict_at(self, path: tuple[str, ...]) -> dict[str, Any]:
        """Return what is set in a table, the tree's own dict."""
        found = found_at(self._values, path)
        return found if isinstance(found, dict) else {}

    @property
    def fields(self) -> dict[str, Any]:
        """The primitives' own options, those that are set."""
        return {name: value for name, value in self._values.items() if name not in OWN}

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
            log_level=self.environment.log_level,
            cost_s=self.max_execution_time,
            # Held against the bounds again: a list may have grown since it was set.
            tags=check_tags(self.environment.job_tags),
            private=self.environment.private,
            runtime=self._experimental.get("image"),
        )

    def to_params(self, primitive: str, pubs: Any) -> dict[str, Any]:
        """Return the parameters of a primitive's job: pubs, and how they are to be run.

        Raises:
            InvalidValueError: An option belongs to the other primitive.
        """
        params = {
            "pubs": pubs,
            "options": self.for_primitive(primitive),
            "version": PROGRAM_VERSION,
            # Without it results come untyped.
            "support_qiskit": True,
        }
        level = self.resilience_level if primitive == "estimator" else None
        return params if level is None else {**params, "resilience_level": level}

    def for_primitive(self, primitive: str) -> dict[str, Any]:
        """Return the fields that go to a primitive, and refuse those that it does not know.

        As in IBM's client, what ``experimental`` has under the name of a known table is put over
        that table, and the rest of it is sent under its own name.

        Raises:
            InvalidValueError: A field belongs to the other primitive.
        """
        table = OPTIONS_OF[primitive]
        self._check_for(primitive)
        level = {} if self.resilience_level is None else {"resilience_level": self.resilience_level}
        fields = self.fields
        if fields or level:
            # Imported here because most jobs have no options, and a command must start fast.
            from qrsession.protocol.combinations import check_combination  # noqa: PLC0415

            check_combination(primitive, {"options": fields, **level}, "options")
        known = {name: value for name, value in fields.items() if name != _EXPERIMENTAL}
        over = {name: value for name, value in self._experimental.items() if name in table}
        new = {
            name: value
            for name, value in self._experimental.items()
            if name not in table and name != "image"
        }
        return without_empty(merged(to_wire(known, table), over) | {_EXPERIMENTAL: new})

    def _check_for(self, primitive: str) -> None:
        try:
            check_options(self.fields, OPTIONS_OF[primitive])
        except UnknownOptionError as error:
            path = error.details["path"]
            (other,) = OPTIONS_OF.keys() - {primitive}
            raise InvalidValueError(
                f"The {primitive} has no option {path!r}; the {other} has it.",
                advice="Leave it out, or give the two primitives options of their own.",
                details={"path": path},
            ) from error

    @property
    def _experimental(self) -> Mapping[str, Any]:
        given = self._values.get(_EXPERIMENTAL)
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


def _set(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set one option, checked by itself."""
    top = path[0]
    value = as_plain(path, value)
    if top in OWN and value is None:
        drop(values, path)
        return
    nested: Any = value
    for name in reversed(path):
        nested = {name: nested}
    if top in OWN:
        check_options(nested, OWN)
    elif top == _EXPERIMENTAL:
        _check_experimental(nested[top])
    else:
        _check_field(top, nested[top])
    if path == ("environment", "job_tags"):
        check_tags(value)
    put(values, path, value)


def _check_field(name: str, value: Any) -> None:
    """Accept what either primitive does; which of them it is for is not known yet."""
    tables = [table for table in OPTIONS_OF.values() if name in table]
    if not tables:
        raise unknown_option(f"options.{name}", name, ALL)
    refusals = []
    for table in tables:
        try:
            check_options({name: value}, table)
        except InvalidValueError as refusal:
            refusals.append(refusal)
        else:
            return
    # A wrong value of one says more than that the other has no such option.
    raise next((one for one in refusals if not isinstance(one, UnknownOptionError)), refusals[-1])


def _check_experimental(value: Any) -> None:
    if not isinstance(value, Mapping):
        raise InvalidTypeError("experimental must be a table of options.")
    image = value.get("image")
    if image is not None and not (isinstance(image, str) and _IMAGE.fullmatch(image)):
        raise InvalidValueError(
            f"experimental.image is {image!r}; it must be of the form name:tag."
        )
