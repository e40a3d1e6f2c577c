"""Values of parameters at the points of a sweep, and what is kept of them beside a result."""

from array import array

import numpy as np
import pytest
from qiskit.primitives.containers.bindings_array import BindingsArray

from qrsession.errors import WireFormatError
from qrsession.pubs.captions import Caption, read_captions, write_captions
from qrsession.pubs.values import ParameterValues, nest

pytestmark = pytest.mark.fast

SWEEP = ParameterValues({"b": array("d", range(6)), "a": array("d", range(6, 12))}, (2, 3))


def test_an_array_is_that_of_qiskit() -> None:
    columns = {name: np.array(column).reshape(2, 3) for name, column in SWEEP.columns.items()}
    wanted = BindingsArray(columns).as_array(["a", "b"])
    found = SWEEP.to_array(["a", "b"])
    assert found.shape == wanted.shape == (2, 3, 2)
    assert found.data == wanted.tobytes()


def test_points_are_numbered_with_the_last_axis_fastest() -> None:
    assert SWEEP.num_points == 6
    assert SWEEP.at(4) == {"b": 4.0, "a": 10.0}
    assert SWEEP.nested("b") == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert SWEEP.of(["a", "other"]).columns == {"a": SWEEP.columns["a"]}


def test_a_single_point_has_no_axis() -> None:
    point = ParameterValues.single({"x": 0.5})
    assert (point.shape, point.num_points, point.nested("x")) == ((), 1, 0.5)
    assert point.to_array(["x"]).shape == (1,)
    assert ParameterValues().to_array([]).shape == (0,)
    assert not ParameterValues()


def test_numbers_are_nested_in_their_shape() -> None:
    assert nest(range(8), (2, 2, 2)) == np.arange(8).reshape(2, 2, 2).tolist()
    assert nest([], (0, 3)) == []
    assert nest([], (2, 0)) == [[], []]


def test_captions_come_back() -> None:
    captions = [Caption("a.qasm", SWEEP), Caption("b.qasm", observables=("ZZ", "0.5*XX"))]
    assert read_captions(write_captions(captions)) == captions
    assert captions[0].says_something
    assert not Caption("c.qasm").says_something


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[" * 100_000,
        b"[]",
        b'{"version": 2, "pubs": []}',
        b'{"version": 1, "pubs": [{}]}',
        write_captions([Caption("a", SWEEP)]).replace(b"[2, 3]", b"[2, 4]"),
        write_captions([Caption("a", SWEEP)]).replace(b"[2, 3]", b"7"),
    ],
)
def test_damaged_captions_are_told(data: bytes) -> None:
    with pytest.raises(WireFormatError):
        read_captions(data)


def test_axes_of_parameters_that_a_circuit_has_not_are_left_out() -> None:
    a, b = array("d", [1, 1, 1, 2, 2, 2]), array("d", [3, 4, 5] * 2)
    both = ParameterValues({"a": a, "b": b, "c": array("d", [7] * 6)}, (2, 3))
    assert both.of(["a", "b", "c"]) is both
    assert both.of(["a", "b"]).shape == (2, 3)
    of_a = both.of(["a", "c"])
    assert (of_a.shape, of_a.nested("a"), of_a.nested("c")) == ((2,), [1.0, 2.0], [7.0, 7.0])
    assert (both.of(["b"]).shape, both.of(["b"]).nested("b")) == ((3,), [3.0, 4.0, 5.0])
    assert (both.of(["c"]).shape, both.of(["c"]).at(0)) == ((), {"c": 7.0})
    assert both.of([]).shape == ()
    # Points that go along with each other stay, however alike they are.
    zipped = ParameterValues({"a": array("d", [1, 1]), "b": array("d", [2, 2])}, (2,))
    assert zipped.of(["a"]).shape == (2,)
    # And so does an axis along which one of a circuit's own varies with another's.
    along = ParameterValues({"a": array("d", [1, 2]), "b": array("d", [3, 4])}, (2,))
    assert along.of(["b"]).nested("b") == [3.0, 4.0]
