"""What `exec` tells of its session: an envelope in one file, a page of Markdown in another."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qrsession.cli.context import Context
from qrsession.errors import QrsessionError, StorageError, UsageError

if TYPE_CHECKING:
    from qrsession.verbs.reports import SessionReport
    from qrsession.verbs.workspace import Workspace

# With less room than this there is none for a session's own lines.
_LEAST_BYTES = 4096

Summary = Annotated[
    Path | None,
    typer.Option("--summary", metavar="FILE", help="Write the session's end as JSON there."),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Add the session's end there as Markdown, as to GITHUB_STEP_SUMMARY.",
    ),
]


@dataclass(frozen=True)
class EndTeller:
    """Tells of a session's end. What cannot be written is said, and fails nothing.

    The exit code of `exec` is the command's own, whatever becomes of these files.

    Attributes:
        context: The call of the command.
        summary: The file that gets the envelope, if any.
        report: The file to which the page is added, if any.
    """

    context: Context
    summary: Path | None
    report: Path | None

    def check(self) -> None:
        """Check that the files can be written, before anything is paid for.

        Raises:
            UsageError: One cannot, or is stdout, which is the command's own.
        """
        from qrsession.cli.files import check_target  # noqa: PLC0415 - few ask for a file

        for option, file in (("--summary", self.summary), ("--report", self.report)):
            if file is None:
                continue
            if str(file) == "-":
                raise UsageError(f"stdout is the command's own, so {option} takes a file.")
            check_target(file)

    def tell_failure(self, error: QrsessionError) -> None:
        """Tell why no session could be opened."""
        if self.summary is not None:
            from qrsession.render.envelope import failure_of  # noqa: PLC0415 - as above

            self._write(self.summary, failure_of(self.context.command, error))
        if self.report is not None:
            from qrsession.render.markdown import failure_markdown  # noqa: PLC0415 - as above

            self._append(self.report, failure_markdown(error))

    def tell_end(self, workspace: "Workspace", session: "SessionReport", exit_code: int) -> None:
        """Tell what the session came to, and how the command in it ended."""
        if self.summary is None and self.report is None:
            return
        from qrsession.money.accounting import account_for  # noqa: PLC0415 - as above
        from qrsession.render.envelope import envelope_of  # noqa: PLC0415

        session = account_for(workspace, session)
        if self.summary is not None:
            data = {"session": session.document(), "exit_code": exit_code}
            self._write(self.summary, envelope_of(self.context.command, data))
        if self.report is not None:
            self._add_page(self.report, workspace, session, exit_code)

    def _add_page(
        self, file: Path, workspace: "Workspace", session: "SessionReport", exit_code: int
    ) -> None:
        from qrsession.cli.files import size_of  # noqa: PLC0415 - as above
        from qrsession.render.markdown import MOST_BYTES, recap_markdown  # noqa: PLC0415
        from qrsession.verbs.recaps import recap  # noqa: PLC0415

        room_bytes = MOST_BYTES - size_of(file)
        if room_bytes < _LEAST_BYTES:
            self.context.output.warn(f"{file} is full, so the session's end is not added to it.")
            return
        page = recap_markdown(recap(workspace, session, exit_code), most_bytes=room_bytes)
        self._append(file, page)

    def _write(self, file: Path, envelope: Mapping[str, Any]) -> None:
        from qrsession.cli.files import write_target  # noqa: PLC0415 - as above
        from qrsession.render.envelope import to_json  # noqa: PLC0415

        try:
            write_target(file, to_json(envelope))
        except StorageError as error:
            self.context.output.warn(error.message)

    def _append(self, file: Path, page: str) -> None:
        from qrsession.cli.files import append_to_target  # noqa: PLC0415 - as above

        try:
            append_to_target(file, page)
        except StorageError as error:
            self.context.output.warn(error.message)
