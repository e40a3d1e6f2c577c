"""The command line as a whole: a table of verbs, each loaded when it is called."""

from importlib import import_module
from typing import Annotated, Any

import typer

from qrsession import __version__
from qrsession.cli.building import Call, Group, Verb, Verbose, build
from qrsession.cli.layout import write_commands

# In the order of `qrsession --help`: the heart first.
VERBS: dict[str, Verb] = {
    "open": Verb("qrsession.cli.open", "Open a session, and print its id."),
    "run": Verb("qrsession.cli.run", "Run circuits in the session, and print their results."),
    "status": Verb("qrsession.cli.status", "Show sessions: state, time left, usage, jobs."),
    "close": Verb("qrsession.cli.close", "Close sessions: take no more jobs."),
    "list": Verb("qrsession.cli.list", "List the sessions that may cost something."),
    "use": Verb("qrsession.cli.use", "Make a session the current one."),
    "gc": Verb("qrsession.cli.gc", "Close sessions that look forgotten, after asking."),
    "adopt": Verb("qrsession.cli.adopt", "Take a session of the account into the ledger."),
    "forget": Verb("qrsession.cli.forget", "Take a session out of the ledger, not closing it."),
    "jobs": Verb("qrsession.cli.jobs", "List the jobs of the session, or all known here."),
    "wait": Verb("qrsession.cli.wait", "Wait for jobs; the exit code says how they ended."),
    "result": Verb("qrsession.cli.result", "Print the result of a job."),
    "cancel": Verb("qrsession.cli.cancel", "Cancel jobs."),
    "logs": Verb("qrsession.cli.logs", "Print what a job logged."),
    "exec": Verb(
        "qrsession.cli.exec", "Run a command in a session of its own.", has_envelope=False
    ),
    "env": Verb("qrsession.cli.env", "Print variables that name the session.", has_envelope=False),
    "usage": Verb("qrsession.cli.usage", "Show what the instance has used and has left."),
    "backends": Verb("qrsession.cli.backends", "List the backends of an account."),
    "account": Verb("qrsession.cli.account", "Save accounts, list them, choose one."),
    "local": Verb("qrsession.cli.local", "Start or stop the local runtime.", has_ledger=False),
    "serve": Verb(
        "qrsession.cli.serve",
        "Run the local runtime in the foreground.",
        has_envelope=False,
        has_ledger=False,
    ),
    "doctor": Verb("qrsession.cli.doctor", "Look for what is wrong, and say what to do."),
    "cache": Verb("qrsession.cli.cache", "Look at the cache, or empty it.", has_ledger=False),
    "completion": Verb(
        "qrsession.cli.completion",
        "Print the script by which a shell completes commands.",
        has_envelope=False,
        has_ledger=False,
    ),
    "man": Verb("qrsession.cli.man", "Show a manual page.", has_envelope=False, has_ledger=False),
    "help": Verb(
        "qrsession.cli.help", "Show the help of a command.", has_envelope=False, has_ledger=False
    ),
}
# Where they stand in `qrsession --help`.
SECTIONS = {
    "Commands": ("open", "run", "status", "close", "exec"),
    "Sessions": ("list", "use", "env", "adopt", "forget", "gc"),
    "Jobs": ("jobs", "wait", "result", "cancel", "logs"),
    "Services": ("backends", "usage", "account", "local", "serve"),
    "This program": ("doctor", "cache", "completion", "man", "help"),
}


class LazyGroup(Group):
    """The group of all verbs. It knows their names and summaries without loading any."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # Names alone: what Typer looks at when it suggests one for a misspelt verb.
        self.commands = dict.fromkeys(VERBS)  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
        """Return the names of the verbs."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - Typer's signature
        """Load a verb, and return its command."""
        verb = VERBS.get(cmd_name)
        return None if verb is None else build(cmd_name, verb, import_module(verb.module))

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's signature
        """Write the list of commands."""
        write_commands(SECTIONS, {name: verb.summary for name, verb in VERBS.items()}, formatter)


def _show_version(ctx: typer.Context, value: bool) -> None:  # noqa: FBT001 - Typer's signature
    if value:
        call: Call = ctx.obj
        call.output.data(f"qrsession {__version__}")
        raise typer.Exit


def _root(
    ctx: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001 - its callback does all
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, help="Show the version and exit."
        ),
    ] = False,
    verbose: Verbose = 0,
) -> None:
    """Manage Qiskit Runtime sessions: on IBM Quantum, or on a local runtime without an account."""
    call: Call = ctx.obj
    call.verbosity = verbose
    if ctx.invoked_subcommand is None:
        call.output.data(ctx.get_help())


def build_app() -> Any:
    """Return the command line, ready to be invoked."""
    app = typer.Typer(
        name="qrsession",
        cls=LazyGroup,
        add_completion=False,
        invoke_without_command=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="qrsession exec --local -- qrsession run @bell\nqrsession help run",
    )
    app.callback()(_root)
    return typer.main.get_command(app)
