"""Draw the pictures of the docs: what a terminal shows, as SVG.

In a checkout with the extra ``test``, ``python -m docs.pictures.draw`` draws them all, each in a
home of its own; a name draws one. Everything in them was run.
"""

import argparse
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from itertools import groupby
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME, TerminalTheme
from rich.text import Text

from tests.e2e.consoles import Terminal

FOLDER = Path(__file__).parent
THEMES: dict[str, TerminalTheme] = {"dark": SVG_EXPORT_THEME, "light": DEFAULT_TERMINAL_THEME}
# What pyte calls the colours of a terminal, where rich calls them otherwise.
_COLOURS = {"default": None, "brown": "yellow"}
# Numbers of attributes of text: see "Select Graphic Rendition" in ECMA-48.
_FAINT, _ITALIC = 2, 3


@dataclass(frozen=True)
class Scene:
    """A picture.

    Attributes:
        name: Its file, without theme and suffix.
        title: What stands above it.
        commands: What is typed, and shown with what came of it.
        before: What is run unseen before.
    """

    name: str
    title: str
    commands: Sequence[str]
    before: Sequence[str] = ()


_OPEN = "qrsession open --local --name bell --max-time 1h"
SCENES = (
    Scene(
        "session",
        "a session, by hand",
        (_OPEN, "qrsession run @bell --shots 1000", "qrsession status", "qrsession close"),
    ),
    Scene(
        "twin",
        "a circuit on the noisy twin of a device",
        ("qrsession run @ghz --shots 4000 --min-fidelity 0.8",),
        ("qrsession open --local --backend ibm_fez --name noisy --quiet",),
    ),
    Scene(
        "sweep",
        "expectation values over a parameter",
        (
            "qrsession run @rotation --param theta=0:2*pi:40 --primitive estimator -O Z -O X -q",
            "qrsession run @bell --primitive estimator -O ZZ -O '0.5*XX - 0.5*YY' -O ZI -q",
        ),
        (f"{_OPEN} --quiet",),
    ),
    Scene(
        "list",
        "what is open, and what each of them costs",
        ("qrsession list",),
        (
            "qrsession open --local --name nightly --mode batch --max-time 2h --quiet",
            "qrsession open --local --name calibration --backend ibm_fez --budget 600 --quiet",
            "qrsession run -s calibration @bell --quiet",
            "qrsession open --local --name tied --close-with $$ --quiet",
        ),
    ),
    Scene(
        "jobs",
        "the jobs of a session",
        ("qrsession jobs",),
        (
            _OPEN,
            "qrsession run @bell @ghz --separate --quiet",
            "qrsession run @grover --tag search --shots 20000 --quiet",
            "qrsession cancel $(qrsession run @teleportation --shots 1000000 --detach --quiet)",
        ),
    ),
    Scene("backends", "what there is to run on", ("qrsession backends --local --min-qubits 133",)),
    Scene("doctor", "is all well?", ("qrsession doctor --local",)),
)


class Screen(pyte.Screen):
    """A screen that remembers what is faint, as italics, of which there are none otherwise."""

    def select_graphic_rendition(self, *attributes: int, **more: bool) -> None:
        """Set what the next characters look like."""
        known = (_ITALIC if one == _FAINT else one for one in attributes)
        super().select_graphic_rendition(*known, **more)


def text_of(screen: pyte.Screen) -> Iterator[Text]:
    """Yield the lines of a screen, in their colours, up to the last that is not empty."""
    last = max((at for at, line in enumerate(screen.display) if line.strip()), default=-1)
    for at in range(last + 1):
        line = Text(no_wrap=True)
        chars = (screen.buffer[at][column] for column in range(screen.columns))
        for style, run in groupby(chars, _style_of):
            line.append("".join(char.data for char in run), style)
        line.rstrip()
        yield line


def _style_of(char: pyte.screens.Char) -> Style:
    colour = _COLOURS.get(char.fg, char.fg)
    return Style(color=colour, bold=char.bold, dim=char.italics)


@contextmanager
def private_folder() -> Iterator[Path]:
    """Make a home whose name, where it is shown, says nothing of this machine; remove it."""
    folder = Path(tempfile.gettempdir(), "you")
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def draw(scene: Scene) -> None:
    """Run a scene, and write its pictures."""
    with private_folder() as folder:
        path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
        environ = {
            "PATH": path,
            "HOME": str(folder),
            "QRSESSION_HOME": f"{folder}/home",
            "LC_ALL": "C.UTF-8",
        }
        lines: list[Text] = []
        with Terminal(folder, environ, scene.before) as terminal:
            for command in scene.commands:
                lines.append(Text.assemble(("$ ", "green"), (command, "bold")))
                lines += text_of(terminal.run(command, Screen(terminal.columns, terminal.rows)))
                lines.append(Text())
            terminal.run("qrsession close --all --cancel; qrsession local stop")
    for theme, colours in THEMES.items():
        console = Console(record=True, file=StringIO(), width=terminal.columns, force_terminal=True)
        console.print(Text("\n").join(lines[:-1]))
        svg = console.export_svg(title=scene.title, theme=colours, unique_id=scene.name)
        (FOLDER / f"{scene.name}-{theme}.svg").write_text(svg)


def main() -> None:
    """Draw what is named, or everything."""
    names = [scene.name for scene in SCENES]
    parser = argparse.ArgumentParser(description="Draw the pictures of the docs.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    wanted = parser.parse_args().names or names
    for scene in SCENES:
        if scene.name in wanted:
            sys.stderr.write(f"Drawing {scene.name}\n")
            draw(scene)


if __name__ == "__main__":
    main()
