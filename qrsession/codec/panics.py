"""Panics of Qiskit's code in Rust, which Python sees as an exception that is no ``Exception``.

Damaged data can lead to one. Let through, it would pass every boundary that turns exceptions into
errors, and end the process.
"""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class PanicError(Exception):
    """Qiskit's compiled code gave up on what it was handed."""


def without_panics(work: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Call a function of Qiskit's, and raise `PanicError` where it panics.

    Raises:
        PanicError: It did.
    """
    try:
        return work(*arguments, **options)
    except BaseException as error:
        # The class cannot be imported: each library in Rust has one of its own.
        if type(error).__name__ == "PanicException":
            raise PanicError(str(error)) from error
        raise
