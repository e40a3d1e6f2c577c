"""From a function to a command: the options that all have, and help that ends with examples.

A verb's function takes a `Context` and then its own parameters, annotated as Typer wants them. Its
docstring is its help; the lines below ``Examples:`` end it.
"""

import gc
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from qrsession.cli.context import Context
from qrsession.cli.diagnosing import Diagnosis
from qrsession.cli.layout import HelpContext, write_options
from qrsession.render.output import Mode, Output
from qrsession.settings import Settings

Function = Callable[..., None]

_HELP_NAMES = {"help_option_names": ["-h", "--help"]}

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, errors too.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors on stderr.")]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        show_default=False,
        help="Say what is done and why; -vv: each request too.",
    ),
]
_State = Annotated[
    Path | None,
    typer.Option("--state", metavar="FILE", help="The ledger, in place of QRSESSION_STATE."),
]


def write_examples(examples: str | None, formatter: Any) -> None:
    """End a command's help with examples, a line each."""
    if examples:
        with formatter.section("Examples"):
            # \b keeps the lines of a paragraph as they are.
            formatter.write_text(f"\b\n{examples}")


class Command(TyperCommand):
    """A command whose epilog is its examples."""

    context_class = HelpContext

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options."""
        write_options(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's signature
        """Write the examples."""
        write_examples(self.epilog, formatter)


class Group(TyperGroup):
    """A group of commands whose epilog is its examples."""

    context_class = HelpContext

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's signature
        """Write the examples."""
        write_examples(self.epilog, formatter)


@dataclass(frozen=True)
class Verb:
    """A row of the table of commands.

    Attributes:
        module: Where it is: a function `command`, or `COMMANDS` by name for a group of them.
        summary: Its line in the list of commands.
        has_envelope: Whether it takes ``--json``.
        has_ledger: Whether it takes ``--state``.
    """

    module: str
    summary: str
    has_envelope: bool = True
    has_ledger: bool = True


class Call:
    """One call of the command line: what is known of it when something goes wrong."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.command = ""
        self.diagnosis = Diagnosis(output)
        # How often `-v` stood before the verb.
        self.verbosity = 0


def build(name: str, verb: Verb, module: Any) -> Any:
    """Return the command, or the group of commands, that a verb's module defines."""
    functions: Mapping[str, Function] = getattr(module, "COMMANDS", {})
    helps = {part: _split(function) for part, function in functions.items()}
    app = typer.Typer(
        name=name,
        cls=Group,
        help=verb.summary,
        # One of each: a group's help shows what it is for.
        epilog="\n".join(examples.splitlines()[0] for _, examples in helps.values()),
        add_completion=False,
        rich_markup_mode=None,
        context_settings=_HELP_NAMES,
    )
    if not functions:
        _add(app, name, name, verb, module.command)
    else:
        # A callback makes it a group even where it has one command.
        app.callback()(_before_group)
        for part, function in functions.items():
            _add(app, part, f"{name} {part}", verb, function)
    return typer.main.get_command(app)


def _before_group(call: typer.Context, verbose: Verbose = 0) -> None:
    """Take what may stand before a command of a group as well as after it."""
    known: Call = call.obj
    known.verbosity += verbose


def _split(function: Function) -> tuple[str, str]:
    """Return the help and the examples of a function, from its docstring."""
    text, _, examples = inspect.cleandoc(function.__doc__ or "").partition("\nExamples:\n")
    return text, inspect.cleandoc(examples)


def _add(app: typer.Typer, name: str, command: str, verb: Verb, function: Function) -> None:
    text, examples = _split(function)
    own_settings = getattr(function, "context_settings", {})
    app.command(
        name=name,
        cls=Command,
        help=text,
        epilog=examples,
        context_settings={**_HELP_NAMES, **own_settings},
    )(_with_common_options(command, verb, function))


def _with_common_options(command: str, verb: Verb, function: Function) -> Function:
    """Return a function for Typer: with the options of all commands, without the context."""
    first, *own = inspect.signature(function).parameters.values()
    parameters = [
        inspect.Parameter("call", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own),
        *([_option("state_file", _State, None)] if verb.has_ledger else []),
        *([_option("as_json", _Json, default=False)] if verb.has_envelope else []),
        _option("quiet", _Quiet, default=False),
        _option("verbose", Verbose, default=0),
    ]

    def run(*, call: typer.Context, **values: Any) -> None:
        known: Call = call.obj
        known.command = command
        known.output.mode = Mode(
            # Events are JSON, and so is what follows them.
            json=values.pop("as_json", False) or values.get("events", False),
            quiet=values.pop("quiet"),
            verbosity=known.verbosity + values.pop("verbose"),
            events=values.get("events", False),
        )
        known.diagnosis.show(known.output.mode.verbosity)
        known.diagnosis.begin(command)
        settings = Settings.from_environ()
        state_file = values.pop("state_file", None)
        if state_file is not None:
            settings = replace(settings, state_file=state_file.absolute())
        # See `qrsession.__main__.main`.
        gc.freeze()
        gc.enable()
        function(**{first.name: Context(command, settings, known.output)}, **values)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what Typer reads
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__name__ = command.replace(" ", "_")
    return run


def _option(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )
