"""Public names of a package that are loaded when they are first used (PEP 562)."""

# Importing typing for it would take longer than all the rest of an `import qrsession`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping


def load_when_used(
    namespace: "MutableMapping[str, object]", homes: "Mapping[str, str]", names: "Iterable[str]"
) -> "tuple[Callable[[str], object], Callable[[], list[str]]]":
    """Return the ``__getattr__`` and the ``__dir__`` of a package.

    Args:
        namespace: What ``globals()`` is there.
        homes: The module that defines each name.
        names: All public names, those too that are there already.
    """

    def load(name: str) -> object:
        """Import the module that defines a public name, when the name is first asked for."""
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - half of the packages' own import time

        value = getattr(import_module(home), name)
        namespace[name] = value
        return value

    return load, lambda: sorted({*namespace, *names})
