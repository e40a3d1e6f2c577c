"""Names of classical registers, which are attributes of results in Qiskit.

Source: "DataBin" in Qiskit's API reference; the checks of qiskit-ibm-runtime's sampler.
"""

import keyword

# What its `DataBin` has for itself, and what no instance of it lets be set.
RESERVED_NAMES = frozenset(
    (
        *("_RESTRICTED_NAMES", "_SHAPE", "_FIELDS", "_FIELD_TYPES", "_data", "_shape"),
        *("keys", "values", "items", "shape", "ndim", "size", "self"),
        *("__class__", "__dict__", "__weakref__"),
    )
)
_LONGEST_NAME = 60


def register_name_problem(register: str) -> str:
    """Return why a result cannot have the name of a classical register, "" if it can."""
    if not register.isidentifier() or keyword.iskeyword(register):
        return (
            f"the classical register {_quoted(register)} needs another name: results are "
            "attributes, so it must be a Python identifier and no keyword"
        )
    return reserved_name_problem(register)


def reserved_name_problem(register: str) -> str:
    """Return why Qiskit's ``DataBin`` cannot hold a register of this name, "" if it can."""
    if register not in RESERVED_NAMES:
        return ""
    return (
        f"the classical register {_quoted(register)} needs another name: results are attributes, "
        "and this one is Qiskit's own"
    )


def _quoted(name: str) -> str:
    return repr(name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…")
