"""Writes the manual and the scripts of completion that are installed: from the commands themselves.

::

    python -m qrsession.cli.generate            # writes completions/ and man/ below this folder
    python -m qrsession.cli.generate --check    # changes nothing; fails if something is out of date
"""

import sys
from collections.abc import Sequence
from pathlib import Path

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
    scripts = {f"completions/{_SCRIPT_NAMES[shell]}": text for shell, text in SCRIPTS.items()}
    pages = map(page_of, page_names())
    return scripts | {f"man/man{page.number}/{page.file_name}": to_roff(page) for page in pages}


def out_of_date(checkout: Path) -> list[str]:
    """Return the paths that are missing, differ, or belong to nothing that is there any more."""
    wanted = files()
    found = [
        str(path.relative_to(checkout))
        for folder in _FOLDERS
        for path in sorted((checkout / folder).rglob("*"))
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
