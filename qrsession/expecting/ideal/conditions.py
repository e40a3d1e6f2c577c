"""Conditions of branches and loops, as functions of the classical bits."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from qiskit.circuit import ClassicalRegister, Clbit
from qiskit.circuit.classical import expr

from qrsession.expecting.ideal.limits import refuse

# From the values of all classical bits, bit 0 for classical bit 0, to a value.
Reading = Callable[[int], int]

_BINARY: dict[Any, Callable[[int, int], int]] = {
    expr.Binary.Op.BIT_AND: operator.and_,
    expr.Binary.Op.BIT_OR: operator.or_,
    expr.Binary.Op.BIT_XOR: operator.xor,
    expr.Binary.Op.LOGIC_AND: lambda left, right: bool(left) and bool(right),
    expr.Binary.Op.LOGIC_OR: lambda left, right: bool(left) or bool(right),
    expr.Binary.Op.EQUAL: operator.eq,
    expr.Binary.Op.NOT_EQUAL: operator.ne,
    expr.Binary.Op.LESS: operator.lt,
    expr.Binary.Op.LESS_EQUAL: operator.le,
    expr.Binary.Op.GREATER: operator.gt,
    expr.Binary.Op.GREATER_EQUAL: operator.ge,
    expr.Binary.Op.SHIFT_RIGHT: operator.rshift,
}


def reading_of(condition: Any, indices: Mapping[Clbit, int]) -> Reading:
    """Return a function that reads a condition, or what a switch looks at, off the bits.

    Args:
        condition: A bit, a register, an expression, or a pair of one of the first two and a value.
        indices: The index of each classical bit.

    Raises:
        CircuitError: It has variables, or arithmetic that is not evaluated here.
    """
    if isinstance(condition, tuple):
        target, wanted = condition
        read = reading_of(target, indices)
        return lambda bits: read(bits) == int(wanted)
    if isinstance(condition, Clbit):
        index = indices[condition]
        return lambda bits: bits >> index & 1
    if isinstance(condition, ClassicalRegister):
        places = [indices[bit] for bit in condition]
        return lambda bits: sum((bits >> place & 1) << at for at, place in enumerate(places))
    return _expression(condition, indices)


def _expression(node: Any, indices: Mapping[Clbit, int]) -> Reading:
    if isinstance(node, expr.Var) and isinstance(node.var, Clbit | ClassicalRegister):
        return reading_of(node.var, indices)
    if isinstance(node, expr.Value) and isinstance(node.value, int):
        value = int(node.value)
        return lambda _bits: value
    if isinstance(node, expr.Unary):
        return _unary(node, indices)
    if isinstance(node, expr.Binary) and node.op in _BINARY:
        apply = _BINARY[node.op]
        left, right = (_expression(part, indices) for part in (node.left, node.right))
        return lambda bits: int(apply(left(bits), right(bits)))
    if isinstance(node, expr.Cast):
        return _cast(node, indices)
    if isinstance(node, expr.Index):
        inner, index = (_expression(part, indices) for part in (node.target, node.index))
        return lambda bits: inner(bits) >> index(bits) & 1
    raise refuse("a condition has variables, or arithmetic beyond bits and comparisons")


def _cast(node: Any, indices: Mapping[Clbit, int]) -> Reading:
    inner, width = _expression(node.operand, indices), getattr(node.type, "width", None)
    if width is None:
        return lambda bits: int(bool(inner(bits)))
    return lambda bits: inner(bits) & ((1 << width) - 1)


def _unary(node: Any, indices: Mapping[Clbit, int]) -> Reading:
    inner, width = _expression(node.operand, indices), getattr(node.type, "width", 1)
    if node.op is expr.Unary.Op.LOGIC_NOT:
        return lambda bits: int(not inner(bits))
    if node.op is expr.Unary.Op.BIT_NOT:
        return lambda bits: inner(bits) ^ ((1 << width) - 1)
    raise refuse("a condition has arithmetic beyond bits and comparisons")
