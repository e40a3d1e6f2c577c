"""The manual, made of the commands themselves: their names, help, options, defaults and examples."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from qrsession import __version__
from qrsession.cli.app import VERBS, build_app
from qrsession.cli.topics import TOPICS
from qrsession.cli.words import is_group, parameters_of, takes_value
from qrsession.errors import UsageError
from qrsession.render.manual import (
    Block,
    Definitions,
    Font,
    Lines,
    Page,
    Paragraph,
    Section,
    Term,
    Usage,
    joined,
    literal,
)

PROGRAM = "qrsession"
# When the command line changed last.
_DATE = "2026-11-23"


def page_names() -> list[str]:
    """Return what each page is asked for by; "" is the page of the whole program."""
    return ["", *VERBS, *TOPICS]


def page_of(name: str) -> Page:
    """Return a page of the manual.

    Args:
        name: A command, a topic, or "" for the page of the whole program; with or without
            ``qrsession-`` before it, as in a list of pages.

    Raises:
        UsageError: There is no such page.
    """
    key = name.removeprefix(f"{PROGRAM}-")
    if key in {"", PROGRAM}:
        return _page("", 1, "Manage Qiskit Runtime sessions.", _sections_of_program())
    if key in VERBS:
        command = build_app().get_command(None, key)
        return _page(key, 1, VERBS[key].summary, _sections_of_verb(key, command))
    if key in TOPICS:
        return _page(key, 7, TOPICS[key].summary, (*TOPICS[key].sections(), _see_also("")))
    raise UsageError(
        f"There is no page {name!r} in the manual.",
        advice=f"Pages: {', '.join((*VERBS, *TOPICS))}.",
    )


def _page(key: str, number: int, summary: str, sections: tuple[Section, ...]) -> Page:
    name = f"{PROGRAM}-{key}" if key else PROGRAM
    about = summary[0].lower() + summary[1:].removesuffix(".")
    return Page(name, number, about, sections, _DATE, __version__)


def _sections_of_program() -> tuple[Section, ...]:
    app = build_app()
    commands = tuple((literal(name), verb.summary) for name, verb in VERBS.items())
    return (
        Section("SYNOPSIS", (Usage(_usage(PROGRAM, "COMMAND", "[ARGUMENTS]...")),)),
        Section(
            "DESCRIPTION",
            (
                *_paragraphs(app.help),
                Paragraph(
                    "A session is opened, circuits are run in it, and it is closed; what is open "
                    "stands in a ledger on this machine. Results go to stdout, talk goes to "
                    "stderr, and --json prints one object, on failure too."
                ),
            ),
        ),
        Section("COMMANDS", (Definitions(commands),)),
        Section("OPTIONS", (Definitions(tuple(_options(app))),)),
        *_examples(app),
        Section(
            "FILES",
            (
                Paragraph(
                    "Accounts are read from ~/.qiskit/qiskit-ibm.json, which qiskit-ibm-runtime "
                    "uses too. All else is below QRSESSION_HOME, or where the system keeps a "
                    "user's state, data and cache."
                ),
            ),
        ),
        _see_also(*VERBS, *TOPICS),
    )


def _sections_of_verb(name: str, command: Any) -> tuple[Section, ...]:
    path = f"{PROGRAM} {name}"
    if not is_group(command):
        return (
            Section("SYNOPSIS", (Usage(_synopsis(path, command)),)),
            Section("DESCRIPTION", _paragraphs(command.help)),
            *_parameters(command),
            *_examples(command),
            _exit_status(),
            _see_also("", *TOPICS),
        )
    parts: Mapping[str, Any] = command.commands
    usages = tuple(Usage(_synopsis(f"{path} {part}", parts[part])) for part in parts)
    return (
        Section("SYNOPSIS", usages),
        *(Section(f"{name} {part}".upper(), tuple(_blocks_of_part(parts[part]))) for part in parts),
        _exit_status(),
        _see_also("", *TOPICS),
    )


def _blocks_of_part(command: Any) -> Iterator[Block]:
    yield from _paragraphs(command.help)
    for section in _parameters(command):
        yield from section.blocks
    for section in _examples(command):
        yield from (Paragraph("For example:"), *section.blocks)


def _exit_status() -> Section:
    page = f"{PROGRAM}-exit-codes(7)"
    return Section(
        "EXIT STATUS", (Paragraph(f"0 if all went well; {page} tells what the others mean."),)
    )


def _see_also(*keys: str) -> Section:
    names = (f"{PROGRAM}-{key}" if key else PROGRAM for key in keys)
    pages = [
        ((name, Font.LITERAL), (f"({7 if key in TOPICS else 1})", Font.PLAIN))
        for key, name in zip(keys, names, strict=True)
    ]
    return Section("SEE ALSO", (Usage(joined(pages)),))


def _paragraphs(text: str | None) -> tuple[Block, ...]:
    parts = re.split(r"\n\s*\n", (text or "").strip())
    return tuple(Paragraph(part.replace("\n", " ")) for part in parts)


def _examples(command: Any) -> tuple[Section, ...]:
    lines = tuple((command.epilog or "").splitlines())
    return (Section("EXAMPLES", (Lines(lines),)),) if lines else ()


def _parameters(command: Any) -> tuple[Section, ...]:
    arguments = tuple(
        (((_stand_in(parameter), Font.STAND_IN),), _about(parameter))
        for parameter in command.params
        if not _is_option(parameter)
    )
    return (
        *((Section("ARGUMENTS", (Definitions(arguments),)),) if arguments else ()),
        Section("OPTIONS", (Definitions(tuple(_options(command))),)),
    )


def _options(command: Any) -> Iterator[tuple[Term, str]]:
    for parameter in parameters_of(command):
        if not _is_option(parameter) or getattr(parameter, "hidden", False):
            continue
        names = sorted((*parameter.opts, *parameter.secondary_opts), key=len)
        term = joined([literal(name) for name in names])
        if takes_value(parameter):
            term = (*term, (" ", Font.PLAIN), (_stand_in(parameter), Font.STAND_IN))
        yield term, _about(parameter)


def _synopsis(path: str, command: Any) -> Term:
    arguments = [_stand_in(parameter) for parameter in command.params if not _is_option(parameter)]
    return _usage(path, "[OPTIONS]", *arguments)


def _usage(path: str, *words: str) -> Term:
    return ((path, Font.LITERAL), *((f" {word}", Font.STAND_IN) for word in words))


def _stand_in(parameter: Any) -> str:
    """Return what stands in a value's place: the metavar, or the values that it can have."""
    choices = _choices(parameter)
    if parameter.metavar:
        return str(parameter.metavar)
    return "|".join(choices) if choices else str(parameter.type.name).upper()


def _about(parameter: Any) -> str:
    help_text = " ".join((parameter.help or "").split())
    notes = []
    if parameter.metavar and (choices := _choices(parameter)):
        notes.append(f"One of: {', '.join(choices)}.")
    default = getattr(parameter.default, "value", parameter.default)
    is_shown = getattr(parameter, "show_default", True) is not False
    if is_shown and isinstance(default, str | int | float) and not isinstance(default, bool):
        shown = f"{default:g}" if isinstance(default, float) else default
        notes.append(f"By default {shown}.")
    return " ".join((help_text, *notes))


def _choices(parameter: Any) -> list[str]:
    choices = getattr(parameter.type, "choices", None) or ()
    return [str(getattr(choice, "value", choice)) for choice in choices]


def _is_option(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option")
