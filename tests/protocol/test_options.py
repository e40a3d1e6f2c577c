"""The tables of options, held against IBM's own schemas and against bad values."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import pytest
from ibm_quantum_schemas.estimator.version_0_1 import OptionsModel as EstimatorModel
from ibm_quantum_schemas.sampler.version_0_1 import OptionsModel as SamplerModel
from pydantic import BaseModel, ValidationError

from qrsession.errors import InvalidTypeError, InvalidValueError, UnknownOptionError
from qrsession.protocol.options import (
    DEFAULT_PRECISION,
    DEFAULT_SHOTS,
    ESTIMATOR_OPTIONS,
    OPTIONS_OF,
    SAMPLER_OPTIONS,
    Field,
    Table,
    check_options,
)

pytestmark = pytest.mark.fast

MODELS: dict[str, type[BaseModel]] = {"sampler": SamplerModel, "estimator": EstimatorModel}
BOTH = pytest.mark.parametrize("primitive", MODELS)


def of_schema(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any, list[Any]]]:
    """Yield path, type and bounds of each field of a schema that holds no further fields."""
    for name, field in model.model_fields.items():
        inner = [part for part in (field.annotation, *get_args(field.annotation)) if is_model(part)]
        if inner and name not in {"layer_noise_model", "noise_model"}:
            yield from of_schema(inner[0], f"{path}{name}.")
        else:
            yield f"{path}{name}", field.annotation, list(field.metadata)


def is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def of_table(table: Table, path: str = "") -> Iterator[tuple[str, Field]]:
    for name, entry in table.items():
        if isinstance(entry, Field):
            yield f"{path}{name}", entry
        else:
            yield from of_table(entry, f"{path}{name}.")


def parts_of(kind: Any) -> list[Any]:
    """Return the alternatives of a type, with their bounds."""
    if get_origin(kind) in {Union, types.UnionType}:
        return [part for alternative in get_args(kind) for part in parts_of(alternative)]
    return [kind]


@BOTH
def test_the_same_fields_as_in_the_schema(primitive: str) -> None:
    schemas = {path for path, *_ in of_schema(MODELS[primitive])}
    assert len(schemas) > 15
    assert {path for path, _ in of_table(OPTIONS_OF[primitive])} == schemas


# Fields whose bounds the schema does not state, with the reason for ours.
NARROWER = {
    "simulator.seed_simulator": "Aer takes no negative seed",
    "resilience.layer_noise_learning.layer_pair_depths": "no circuit has a negative depth",
    "resilience.zne.noise_factors": "stated by a validator: all must be 1 at least",
    "resilience.zne.extrapolated_noise_factors": "noise is amplified, or taken away to zero",
}


@BOTH
def test_the_same_bounds_and_choices_as_in_the_schema(primitive: str) -> None:
    ours = dict(of_table(OPTIONS_OF[primitive]))
    for path, annotation, metadata in of_schema(MODELS[primitive]):
        field = ours[path]
        bounds, choices, nullable, auto = list(metadata), set(), False, False
        for part in parts_of(annotation):
            nullable |= part is type(None)
            if get_origin(part) is Annotated:
                bounds += [
                    b for inner in get_args(part)[1:] for b in getattr(inner, "metadata", ())
                ]
            if get_origin(part) is Literal:
                words = set(get_args(part))
                auto |= words == {"auto"}
                choices |= words - {"auto"}
        assert field.nullable == nullable, path
        assert field.auto == auto, path
        if path != "resilience.zne.extrapolator":
            assert set(field.choices) == choices, path
        lowest: list[Any] = [(b.ge, False) for b in bounds if isinstance(b, annotated_types.Ge)]
        lowest += [(b.gt, True) for b in bounds if isinstance(b, annotated_types.Gt)]
        if path not in NARROWER:
            assert ([(field.low, field.above)] if field.low is not None else []) == lowest, path


@BOTH
def test_the_schemas_defaults_are_accepted(primitive: str) -> None:
    defaults = MODELS[primitive]().model_dump(exclude={"simulator"})
    assert defaults
    check_options(defaults, OPTIONS_OF[primitive])


def test_the_defaults_are_the_schemas() -> None:
    assert SamplerModel().default_shots == DEFAULT_SHOTS
    assert EstimatorModel().default_precision == DEFAULT_PRECISION


def nested(path: str, value: Any) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {first: nested(rest, value) if rest else value}


# Values to try on every field. Those that only pydantic would convert are left out.
PROBES = [-1, 0, 1, 2.5, "auto", "no such word", [1, 3, 5], [-1], [], None, {}, "XX", "all"]


@BOTH
def test_what_the_schema_refuses_is_refused(primitive: str) -> None:
    """The other way round ours may be stricter: a schema converts, and checks some fields not."""
    refused = 0
    for path, _ in of_table(OPTIONS_OF[primitive]):
        for value in PROBES:
            options = nested(path, value)
            try:
                MODELS[primitive].model_validate(options, strict=True)
            except ValidationError as error:
                # How many noise factors an extrapolator needs is the service's to check.
                if "requires at least" in str(error) or "cannot be empty" in str(error):
                    continue
                if path in {"experimental", "resilience.layer_noise_model"} | {
                    f"simulator.{name}" for name in ("noise_model", "coupling_map")
                }:
                    # Free in form here: the service, and the simulator, look at them.
                    continue
                refused += 1
                with pytest.raises(InvalidValueError):
                    check_options(options, OPTIONS_OF[primitive])
    assert refused > 100


@BOTH
def test_what_ours_refuses_the_schema_refuses_too(primitive: str) -> None:
    for path, _ in of_table(OPTIONS_OF[primitive]):
        if path in NARROWER:
            continue
        for value in PROBES:
            options = nested(path, value)
            try:
                check_options(options, OPTIONS_OF[primitive])
            except InvalidValueError:
                with pytest.raises(ValidationError):
                    MODELS[primitive].model_validate(options, strict=True)


@pytest.mark.parametrize(
    ("table", "options", "error", "words"),
    [
        (SAMPLER_OPTIONS, {"default_shot": 5}, UnknownOptionError, "Did you mean 'default_shots'"),
        (SAMPLER_OPTIONS, {"resilience": {}}, UnknownOptionError, "no option 'options.resilience'"),
        (SAMPLER_OPTIONS, {1: 5}, UnknownOptionError, "no option 'options.1'"),
        (SAMPLER_OPTIONS, {"default_shots": 0}, InvalidValueError, "at least 1"),
        (SAMPLER_OPTIONS, {"default_shots": True}, InvalidTypeError, "a whole number"),
        (SAMPLER_OPTIONS, {"default_shots": 1.0}, InvalidTypeError, "a whole number"),
        (SAMPLER_OPTIONS, {"default_shots": "5"}, InvalidTypeError, "'5'"),
        (SAMPLER_OPTIONS, {"twirling": True}, InvalidTypeError, "options.twirling"),
        (SAMPLER_OPTIONS, {"twirling": {"enable_gates": 1}}, InvalidTypeError, "true or false"),
        (SAMPLER_OPTIONS, {"twirling": {"strategy": "some"}}, InvalidValueError, "one of active"),
        (SAMPLER_OPTIONS, {"execution": {"rep_delay": float("nan")}}, InvalidValueError, "nan"),
        (ESTIMATOR_OPTIONS, {"default_precision": 0}, InvalidValueError, "above 0"),
        (
            ESTIMATOR_OPTIONS,
            {"execution": {"meas_type": "kerneled"}},
            UnknownOptionError,
            "meas_type",
        ),
        (
            ESTIMATOR_OPTIONS,
            {"resilience": {"zne": {"noise_factors": 3}}},
            InvalidTypeError,
            "options.resilience.zne.noise_factors",
        ),
    ],
    ids=range(14),
)
def test_mistakes_are_named_by_their_path(
    table: Table, options: dict[Any, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(InvalidValueError, match=words) as caught:
        check_options(options, table)
    assert caught.type is error
    assert str(caught.value.details["path"]).startswith("options.")


def test_an_array_in_place_of_a_list_is_named_too() -> None:
    import numpy as np  # noqa: PLC0415 - for one test

    options = {"resilience": {"zne": {"extrapolated_noise_factors": np.array([1.0, 2.0])}}}
    with pytest.raises(InvalidTypeError, match="extrapolated_noise_factors"):
        check_options(options, ESTIMATOR_OPTIONS)
