"""Environment variables as a shell, or a file of variables, wants them written."""

import json
import shlex
from collections.abc import Iterable, Mapping
from enum import StrEnum

from qrsession.errors import InvalidValueError, UsageError


class Syntax(StrEnum):
    """Whose syntax the lines have."""

    SH = "sh"
    FISH = "fish"
    PWSH = "pwsh"
    DOTENV = "dotenv"
    GITHUB = "github"
    JSON = "json"


def assignments_text(variables: Mapping[str, str], syntax: Syntax) -> str:
    """Return lines that set variables, quoted for their reader.

    Raises:
        InvalidValueError: A value has a line break, which files of variables cannot hold.
    """
    if syntax is Syntax.JSON:
        return json.dumps(variables)
    return "".join(f"{_assignment(name, value, syntax)}\n" for name, value in variables.items())


def removals_text(names: Iterable[str], syntax: Syntax) -> str:
    """Return lines that remove variables.

    Raises:
        UsageError: Files of variables have no line that removes one.
    """
    match syntax:
        case Syntax.SH:
            return "".join(f"unset {name}\n" for name in names)
        case Syntax.FISH:
            return "".join(f"set --erase {name};\n" for name in names)
        case Syntax.PWSH:
            return "".join(
                f"Remove-Item Env:{name} -ErrorAction SilentlyContinue\n" for name in names
            )
        case _:
            raise UsageError(f"The format {syntax} has no line that removes a variable.")


def _assignment(name: str, value: str, syntax: Syntax) -> str:
    match syntax:
        case Syntax.SH:
            return f"export {name}={shlex.quote(value)}"
        case Syntax.FISH:
            quoted = value.replace("\\", "\\\\").replace("'", "\\'")
            return f"set --global --export {name} '{quoted}';"
        case Syntax.PWSH:
            doubled = value.replace("'", "''")
            return f"$Env:{name} = '{doubled}'"
        case _:
            if any(char in value for char in "\r\n\0"):
                raise InvalidValueError(
                    f"The value of {name} has a line break, which {syntax} cannot hold."
                )
            return f"{name}={value}"
