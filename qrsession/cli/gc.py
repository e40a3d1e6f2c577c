"""``qrsession gc``: close what looks forgotten."""

from typing import TYPE_CHECKING, Annotated

import typer

from qrsession.cli import asking
from qrsession.cli.context import Context
from qrsession.closing.forgotten import Ages
from qrsession.duration import parse_duration
from qrsession.errors import UsageError

if TYPE_CHECKING:
    from qrsession.closing.several import Closings
    from qrsession.closing.tidying import Judged, Sifted
    from qrsession.render.terminal import Terminal
    from qrsession.verbs.workspace import Workspace


def command(
    context: Context,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Close nothing; list them.")] = False,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than", metavar="TIME", help="Only those without a sign of life for so long."
        ),
    ] = None,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Drop queued jobs; by default they run.")
    ] = False,
) -> None:
    """Close sessions of the ledger that look forgotten, after asking. Prints the ids.

    A session looks forgotten when the process that it closes with, or the program that opened it,
    is gone; when it is dedicated, has begun, and had no job for two hours; or when it was opened a
    day ago and never used. --older-than puts another time in place of all of these. One in which a
    job is queued or runs never does, nor one whose process lives, of exec or --close-with; sessions
    that the ledger has not are left alone.

    Examples:
        qrsession gc --dry-run
        qrsession gc --yes --older-than "6h"
    """
    # Imported here: the help needs none of it.
    from qrsession.closing.tidying import close_forgotten, sift  # noqa: PLC0415

    if yes and dry_run:
        raise UsageError("--yes closes them, and --dry-run closes none.")
    ages = Ages.of(None if older_than is None else parse_duration(older_than))
    workspace = context.workspace
    sifted = sift(workspace, ages)
    if dry_run:
        context.show(sifted.document(), lambda terminal: _table_of(sifted, terminal))
        return
    if sifted.forgotten and not yes:
        sifted = _asked(context, workspace, sifted, ages)
    sifted, closings = close_forgotten(workspace, sifted, ages, cancel=cancel)
    _tell(context, sifted, closings)
    closings.raise_failures()
    closed = [report.closed_document() for report in closings.reports]
    context.show(
        sifted.document(closed),
        lambda _terminal: "\n".join(report.session_id for report in closings.reports),
    )


def _asked(context: Context, workspace: "Workspace", sifted: "Sifted", ages: Ages) -> "Sifted":
    """Show what looks forgotten, ask, and return what is to be closed of it."""
    from qrsession.closing.tidying import Sifted, sift_again  # noqa: PLC0415 - as above

    number = len(sifted.forgotten)
    if number > 1 and context.output.error_terminal.is_terminal:
        from qrsession.render.views import forgotten_text  # noqa: PLC0415 - as above

        found = [(one.report, ", ".join(one.reasons)) for one in sifted.forgotten]
        context.output.show_before_asking(lambda terminal: forgotten_text(found, terminal))
    else:
        for judged in sifted.forgotten:
            # What is asked about must be seen, even with --quiet.
            context.output.warn(_line_of(judged))
    if not asking.has_person(in_ci=context.settings.in_ci):
        raise UsageError(
            "There is no terminal to ask whether to close "
            f"{'it' if number == 1 else f'these {number} sessions'}.",
            advice="Give --yes to close without asking, or --dry-run to look.",
            details={"forgotten": [judged.document() for judged in sifted.forgotten]},
        )
    question = f"Close {'this session' if number == 1 else f'these {number} sessions'}?"
    if not asking.confirm(question):
        return Sifted((), sifted.kept + sifted.forgotten)
    return sift_again(workspace, sifted, ages)


def _tell(context: Context, sifted: "Sifted", closings: "Closings") -> None:
    from qrsession.closing.close import closed_text  # noqa: PLC0415 - as above

    for report in closings.reports:
        context.output.say(closed_text(report))
    if not sifted.forgotten:
        is_any = any(judged.reasons for judged in sifted.kept)
        context.output.say("Nothing was closed." if is_any else "No session looks forgotten.")


def _line_of(judged: "Judged") -> str:
    report = judged.report
    return f"{report.name} ({report.session_id}) looks forgotten: {', '.join(judged.reasons)}."


def _table_of(sifted: "Sifted", terminal: "Terminal") -> str:
    from qrsession.render.views import overview_text  # noqa: PLC0415 - as above
    from qrsession.verbs.overview import Overview, listed_as_forgotten  # noqa: PLC0415 - as above

    if not sifted.forgotten and terminal.is_terminal:
        return "No session looks forgotten.\n"
    listed = tuple(listed_as_forgotten(judged) for judged in sifted.forgotten)
    return overview_text(Overview(listed, (), None), terminal)
