"""The tree of errors: what its docstring draws is what it is."""

import copy
import inspect
import re

import pytest

from qrsession import errors
from qrsession.errors import QrsessionError

pytestmark = pytest.mark.fast

LINE = re.compile(
    r"^    (?P<indent>[│├└─ ]*)(?P<name>\w+Error)\s+(?P<code>\w+)\s+(?P<exit_code>\d+)"
    r"(?:\s+also (?P<also>\w+))?$",
    re.MULTILINE,
)
INDENT = 4


def drawn() -> dict[str, tuple[str, str, int, str]]:
    """Return (parent, code, exit code, other base) of each error in the drawing, by name."""
    found: dict[str, tuple[str, str, int, str]] = {}
    path: list[str] = []
    for match in LINE.finditer(errors.__doc__ or ""):
        del path[len(match["indent"]) // INDENT :]
        parent = path[-1] if path else "Exception"
        found[match["name"]] = (
            parent,
            match["code"],
            int(match["exit_code"]),
            match["also"] or "",
        )
        path.append(match["name"])
    return found


def defined() -> dict[str, tuple[str, str, int, str]]:
    found = {}
    for name, value in vars(errors).items():
        if inspect.isclass(value) and issubclass(value, QrsessionError):
            parent, *others = value.__bases__
            also = others[0].__name__ if others else ""
            found[name] = (parent.__name__, value.code, value.exit_code, also)
    return found


def test_drawing_equals_the_classes() -> None:
    assert drawn() == defined()
    assert len(drawn()) > 20


def test_codes_are_unique() -> None:
    # An interrupted wait differs from another interrupted command in its advice alone.
    codes = [code for name, (_, code, _, _) in defined().items() if name != "WaitInterruptedError"]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("name", defined())
def test_each_says_when_it_happens_and_what_to_do(name: str) -> None:
    kind = getattr(errors, name)
    assert inspect.getdoc(kind)
    advice = kind("It happened.").advice
    assert advice.endswith((".", "`"))
    assert "\n" not in advice


def test_attributes_are_kept() -> None:
    error = QrsessionError("What.", advice="Do this.", details={"job_id": "d1"})
    assert (error.message, error.advice) == ("What.", "Do this.")
    assert error.details == {"job_id": "d1"}
    assert QrsessionError("What.").details == {}


def test_as_text_it_is_enough_to_go_on() -> None:
    assert str(QrsessionError("What.", advice="Do this.")) == "What. Do this."
    assert str(QrsessionError("What.")) == "What."
    assert str(copy.copy(QrsessionError("What.", advice="Do."))) == "What. Do."
