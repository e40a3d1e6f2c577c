"""Writes what is made of the commands: grammar, manual, and the scripts of completion.

::

    python -m qrsession.cli.generate            # in a checkout: writes what is out of date
    python -m qrsession.cli.generate --check    # changes nothing; fails if something is out of date
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from qrsession.cli.app import VERBS, build_app
from qrsession.cli.grammar import FILE, Command, Parameter, to_json
from qrsession.cli.pages import page_names, page_of
from qrsession.cli.shells import SCRIPTS, Shell
from qrsession.render.manual import to_roff

# By the names under which the shells look for them, bash's apart.
_SCRIPT_NAMES = {
    Shell.BASH: "qrsession.bash",
    Shell.ZSH: "_qrsession",
    Shell.FISH: "qrsession.fish",
}
_FOLDERS = ("completions", "man")


def files() -> dict[str, str]:
    """Return the content of every file that is generated, by its path below the checkout."""
    grammar = describe_program()
    scripts = {f"completions/{_SCRIPT_NAMES[shell]}": text for shell, text in SCRIPTS.items()}
    pages = [page_of(name, grammar) for name in page_names(grammar)]
    manual = {f"man/man{page.number}/{page.file_name}": to_roff(page) for page in pages}
    return {f"qrsession/cli/{FILE.name}": to_json(grammar), **scripts, **manual}


def out_of_date(checkout: Path) -> list[str]:
    """Return the paths that are missing, differ, or belong to nothing that is there any more."""
    wanted = files()
    found = [
        str(path.relative_to(checkout))
        for folder in _FOLDERS
        for path in (checkout / folder).rglob("*")
        if path.is_file()
    ]
    wrong = [name for name in wanted if not _holds(checkout / name, wanted[name])]
    return sorted({*wrong, *(name for name in found if name not in wanted)})


def write(checkout: Path) -> list[str]:
    """Bring every file up to date, and return the paths that were not."""
    wanted = files()
    changed = out_of_date(checkout)
    for name in changed:
        path = checkout / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def describe_program() -> Command:
    """Return what the commands say of themselves: all of the command line."""
    app = build_app()
    place = typer.Context(app)
    parts = {}
    for name, verb in VERBS.items():
        command = app.get_command(place, name)
        below = {key: _describe(part) for key, part in getattr(command, "commands", {}).items()}
        parts[name] = _describe(command, verb.summary, below)
    return _describe(app, parts=parts)


def _describe(
    command: Any, summary: str | None = None, parts: dict[str, Command] | None = None
) -> Command:
    """Return what one of Typer's commands says of itself; its summary is its first sentence."""
    first = (command.help or "").partition("\n\n")[0].replace("\n", " ")
    context = typer.Context(command, **command.context_settings)
    shown = [each for each in command.get_params(context) if not getattr(each, "hidden", False)]
    return Command(
        summary=summary or first.partition(". ")[0].removesuffix(".") + ".",
        help=command.help or "",
        examples=tuple((command.epilog or "").splitlines()),
        parameters=tuple(map(_describe_parameter, shown)),
        parts=parts or {},
    )


def _describe_parameter(parameter: Any) -> Parameter:
    is_option = parameter.param_type_name == "option"
    is_flag = is_option and bool(parameter.is_flag or parameter.count)
    names = (*parameter.opts, *parameter.secondary_opts) if is_option else ()
    choices = getattr(parameter.type, "choices", None) or ()
    is_repeatable = parameter.nargs < 0 or any(
        getattr(parameter, name, False) for name in ("count", "multiple")
    )
    has_word = bool(parameter.metavar or is_flag or choices)
    return Parameter(
        name="" if is_option else parameter.name,
        names=tuple(sorted(names, key=len)),
        help=" ".join((parameter.help or "").split()),
        metavar=parameter.metavar or ("" if has_word else str(parameter.type.name).upper()),
        choices=tuple(str(getattr(choice, "value", choice)) for choice in choices),
        default=None if is_flag else _shown_default(parameter.default),
        takes_value=not is_flag,
        is_repeatable=is_repeatable,
    )


def _shown_default(default: Any) -> str | None:
    value = getattr(default, "value", default)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if isinstance(value, str | int) else None


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def main(arguments: Sequence[str]) -> int:
    """Write, or with ``--check`` compare; return the exit code."""
    is_check = list(arguments) == ["--check"]
    wrong = (out_of_date if is_check else write)(Path.cwd())
    for name in wrong:
        sys.stderr.write(f"{'out of date' if is_check else 'written'}: {name}\n")
    return 1 if is_check and wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
