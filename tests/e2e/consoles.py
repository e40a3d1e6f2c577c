"""What a page of the docs shows of a terminal, held against a terminal.

A block of `console` has commands, after ``$``, and below each what a person then sees. All blocks
of a page run in one bash, on a terminal of 100 columns. What differs from run to run, such as ids,
times and counts, is compared by its form.

`rewritten` puts what is really seen into a page.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import pexpect
import pyte

COLUMNS = 100
_ROWS = 400
_LIMIT_S = 90
_END = "END-OF-A-STEP"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# In this order: what a later one would take apart, an earlier one has taken whole.
_FORMS = (
    (re.compile(r"crn:v1:[\w:/.-]*"), "CRN"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b"), "UUID"),
    (re.compile(r"\b[0-9a-v]{20}\b"), "JOB"),
    (re.compile(r"(?<!\.)\b(?=[0-9a-f]*\d)[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "URL"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]+( UTC|Z)?"), "WHEN"),
    (re.compile(r"\d+(\.\d+)? (days?|h|min|m|s|ms) ago|just now"), "AGO"),
    (re.compile(r"(\d+d ?)?(\d+h ?)?(\d+m ?)?\d+(\.\d+)? ?m?s\b|\d+h( \d+m)?\b|\b\d+m\b"), "TIME"),
    (re.compile(r"[█▉▊▋▌▍▎▏]+"), "BAR"),
    # A curve of values with noise: which dots of which cells, is chance.
    (re.compile(r"[\u2800-\u28ff][\u2800-\u28ff ]*"), "CURVE"),
    (re.compile(r"[<>]?-?\b\d[\d,]*(\.\d+)?(e-?\d+)?\b"), "N"),
    (re.compile(r"[─━-]{2,}"), "--"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass(frozen=True)
class Step:
    """A command of a page, which may have several lines, and what is shown below it."""

    command: str
    shown: tuple[str, ...]


@dataclass
class Terminal:
    """A bash on a terminal, to be used in a ``with`` statement.

    Attributes:
        folder: Where it starts.
        environ: Its environment.
        setup: What it runs first, unseen.
    """

    folder: Path
    environ: Mapping[str, str]
    setup: Sequence[str] = ()
    columns: int = COLUMNS
    rows: int = _ROWS
    _bash: "pexpect.spawn[str]" = field(init=False)

    def __enter__(self) -> Self:
        self._bash = pexpect.spawn(
            "bash",
            ["--norc", "--noprofile", "--noediting"],
            cwd=str(self.folder),
            env={**self.environ, "TERM": "xterm-256color", "PS1": "", "PS2": ""},
            dimensions=(self.rows, self.columns),
            encoding="utf-8",
            echo=False,
            timeout=_LIMIT_S,
        )
        for line in self.setup:
            self.run(line)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bash.close(force=True)

    def run(self, command: str, screen: pyte.Screen | None = None) -> pyte.Screen:
        """Run a command in the shell, and return the screen as it is when it has ended."""
        script = self.folder / ".step"
        script.write_text(f"{command}\n")
        # In two halves, so that what bash is told is not what it answers.
        self._bash.sendline(f". {script}; printf '%s-%s-' {_END} $?")
        self._bash.expect(rf"{_END}-(\d+)-")
        screen = screen or pyte.Screen(self.columns, self.rows)
        pyte.Stream(screen).feed(self._bash.before or "")
        return screen


def lines_of(screen: pyte.Screen) -> list[str]:
    """Return what stands on a screen."""
    lines = [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def form_of(lines: Sequence[str]) -> list[str]:
    """Return lines without what differs from run to run."""
    forms = []
    for line in lines:
        form = line.rstrip()
        for pattern, name in _FORMS:
            form = pattern.sub(name, form)
        forms.append(form.strip())
    return forms


def steps_of(block: str) -> Iterator[Step]:
    """Yield the commands of a block with what is shown below each."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *lines = part.rstrip("\n").split("\n")
        while lines and lines[0].startswith("> "):
            command += f"\n{lines.pop(0)[2:]}"
        yield Step(command, tuple(lines))


def blocks_of(page: str) -> list[str]:
    """Return the blocks of a page in which a terminal is shown."""
    return _BLOCK.findall(page)


def replay(page: str, terminal: Terminal) -> Iterator[tuple[Step, list[str]]]:
    """Run the commands of a page, and yield each with the lines that are really shown."""
    for block in blocks_of(page):
        for step in steps_of(block):
            yield step, lines_of(terminal.run(step.command))


def rewritten(page: str, terminal: Terminal) -> str:
    """Return a page with what is really shown below its commands."""

    def really(match: re.Match[str]) -> str:
        parts = []
        for step in steps_of(match[1]):
            command = step.command.replace("\n", "\n> ")
            shown = lines_of(terminal.run(step.command))
            parts += [f"$ {command}", *shown]
        return "```console\n" + "".join(f"{line}\n" for line in parts) + "```"

    return _BLOCK.sub(really, page)
