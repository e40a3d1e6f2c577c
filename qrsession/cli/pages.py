"""The manual, made of the grammar: names, help, options, defaults and examples of each command."""

import re
from collections.abc import Iterator

from qrsession import __version__
from qrsession.cli.grammar import Command, read_grammar
from qrsession.cli.topics import TOPICS
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


def page_names(grammar: Command) -> list[str]:
    """Return what each page is asked for by; "" is the page of the whole program."""
    return ["", *grammar.parts, *TOPICS]


def page_of(name: str, grammar: Command | None = None) -> Page:
    """Return a page of the manual.

    Args:
        name: A command, a topic, or "" for the page of the whole program; with or without
            ``qrsession-`` before it, as in a list of pages.
        grammar: What the command line is; by default as it was installed.

    Raises:
        UsageError: There is no such page.
    """
    grammar = grammar or read_grammar()
    key = name.removeprefix(f"{PROGRAM}-")
    if key in {"", PROGRAM}:
        return _page("", 1, "Manage Qiskit Runtime sessions.", _sections_of_program(grammar))
    if key in grammar.parts:
        command = grammar.parts[key]
        return _page(key, 1, command.summary, _sections_of_verb(key, command))
    if key in TOPICS:
        return _page(key, 7, TOPICS[key].summary, (*TOPICS[key].sections(), _see_also("")))
    raise UsageError(
        f"There is no page {name!r} in the manual.",
        advice=f"Pages: {', '.join((*grammar.parts, *TOPICS))}.",
    )


def _page(key: str, number: int, summary: str, sections: tuple[Section, ...]) -> Page:
    name = f"{PROGRAM}-{key}" if key else PROGRAM
    about = summary[0].lower() + summary[1:].removesuffix(".")
    return Page(name, number, about, sections, _DATE, __version__)


def _sections_of_program(app: Command) -> tuple[Section, ...]:
    commands = tuple((literal(name), verb.summary) for name, verb in app.parts.items())
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
        _see_also(*app.parts, *TOPICS),
    )


def _sections_of_verb(name: str, command: Command) -> tuple[Section, ...]:
    path = f"{PROGRAM} {name}"
    if not command.is_group:
        return (
            Section("SYNOPSIS", (Usage(_synopsis(path, command)),)),
            Section("DESCRIPTION", _paragraphs(command.help)),
            *_parameters(command),
            *_examples(command),
            _exit_status(),
            _see_also("", *TOPICS),
        )
    parts = command.parts
    usages = tuple(Usage(_synopsis(f"{path} {part}", parts[part])) for part in parts)
    return (
        Section("SYNOPSIS", usages),
        *(Section(f"{name} {part}".upper(), tuple(_blocks_of_part(parts[part]))) for part in parts),
        _exit_status(),
        _see_also("", *TOPICS),
    )


def _blocks_of_part(command: Command) -> Iterator[Block]:
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


def _paragraphs(text: str) -> tuple[Block, ...]:
    parts = re.split(r"\n\s*\n", text.strip())
    return tuple(Paragraph(part.replace("\n", " ")) for part in parts)


def _examples(command: Command) -> tuple[Section, ...]:
    return (Section("EXAMPLES", (Lines(command.examples),)),) if command.examples else ()


def _parameters(command: Command) -> tuple[Section, ...]:
    arguments = tuple(
        (((parameter.metavar, Font.STAND_IN),), parameter.described())
        for parameter in command.parameters
        if not parameter.is_option
    )
    return (
        *((Section("ARGUMENTS", (Definitions(arguments),)),) if arguments else ()),
        Section("OPTIONS", (Definitions(tuple(_options(command))),)),
    )


def _options(command: Command) -> Iterator[tuple[Term, str]]:
    for option in command.parameters:
        if option.is_option:
            term = joined([literal(name) for name in option.names])
            if option.takes_value:
                term = (*term, (" ", Font.PLAIN), (option.stand_in, Font.STAND_IN))
            yield term, option.described()


def _synopsis(path: str, command: Command) -> Term:
    arguments = [each.stand_in for each in command.parameters if not each.is_option]
    return _usage(path, "[OPTIONS]", *arguments)


def _usage(path: str, *words: str) -> Term:
    return ((path, Font.LITERAL), *((f" {word}", Font.STAND_IN) for word in words))
